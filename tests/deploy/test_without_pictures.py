"""An installation without the extra `pictures` serves, and says what to install for a picture."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

WITHOUT = """
import sys
for name in ("cv2", "pypdfium2", "pypdfium2_raw"):
    sys.modules[name] = None  # an import of it fails, as where it is not installed
"""


def python(program: str, folder) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + program],
        check=False, capture_output=True, text=True,
        env={"PACKTRAIL_DATA_DIR": str(folder), "PATH": ""},
    )  # fmt: skip


def test_a_picture_is_a_finding_that_says_what_to_install(examples, tmp_path):
    ran = python(
        f"""
sys.argv = ["packtrail", "scan", {str(examples / "pack.png")!r}, "--json"]
from compliance.service.cli import main
main()
""",
        tmp_path,
    )
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    (reading,) = json.loads(ran.stdout)
    assert "packtrail[pictures]" in json.dumps(reading)
    assert reading["symbols"] == []


def test_a_server_answers_and_refuses_a_picture_only(examples, tmp_path):
    ran = python(
        f"""
from pathlib import Path
from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from compliance.service.migrate import open_migrated
from compliance.service.settings import settings_from
from starlette.testclient import TestClient
settings = settings_from({{}})
store = open_migrated(settings)
app = create_app(ServiceContext.of(settings, store, Keys.open(settings.keys_folder)))
with TestClient(app, base_url="http://localhost", client=("127.0.0.1", 5)) as client:
    print(client.get("/ready").status_code, client.get("/").status_code)
    picture = Path({str(examples / "pack.png")!r}).read_bytes()
    told = client.post("/packs/scan", files={{"picture": ("pack.png", picture, "image/png")}})
    print(told.status_code, "packtrail[pictures]" in told.text, told.text[:300])
""",
        tmp_path,
    )
    assert ran.stdout.splitlines()[:1] == ["200 200"], ran.stdout + ran.stderr
    assert "True" in ran.stdout.splitlines()[1]


@pytest.mark.parametrize("module", ["cv2", "pypdfium2"])
def test_doctor_says_what_is_missing(module, tmp_path):
    ran = python(
        f"""
import importlib
for name in ("cv2", "pypdfium2", "pypdfium2_raw"):
    if name != {module!r}:
        del sys.modules[name]
sys.argv = ["packtrail", "doctor", "--json"]
from compliance.service.cli import main
main()
""",
        tmp_path,
    )
    said = {one["name"]: one for one in json.loads(ran.stdout)}
    assert not said["pictures"]["well"]
    assert "packtrail[pictures]" in said["pictures"]["means"]
    assert ran.returncode == 0, "it can work without"
