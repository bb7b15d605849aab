"""What the folder `deploy` starts: parsed, checked, and tried with the programs that are here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from service import Service

from compliance.service.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = sorted(DEPLOY.glob("compose.*.yaml"))
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
EXPOSURE_MAX = 20
"""In tenths: what systemd calls OK ends at 5.0, and a service without any protection has 9.6."""


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in map(str.strip, lines)]


def settings_named(text: str) -> set[str]:
    return {name.lower() for name in re.findall(rf"{PREFIX}(\w+)", text)}


@pytest.mark.parametrize(
    "file", [*COMPOSE, *UNITS, DEPLOY / "Dockerfile"], ids=lambda one: one.name
)
def test_settings_that_are_named_exist(file):
    ours = {"db_password"}  # the compose file's own, from which the database's address is made
    assert settings_named(file.read_text()) - ours <= set(Settings.__struct_fields__)


def test_the_image_runs_without_rights_from_locked_and_hashed_packages():
    found = instructions()
    stages = [rest for word, rest in found if word == "FROM"]
    assert all(re.search(r":\d", stage) for stage in stages), "a version, not the latest"
    users = [rest for word, rest in found if word == "USER"]
    assert users[-1:] == ["packtrail"]
    assert [word for word, _ in found][-2:] == ["ENTRYPOINT", "CMD"]
    installs = [rest for word, rest in found if word == "RUN" and "pip install" in rest]
    assert all("--require-hashes" in one or "--no-deps" in one for one in installs)
    for word, rest in found:
        if word == "COPY" and not rest.startswith("--from"):
            assert (ROOT / rest.split()[0]).exists()
    kept_out = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", "tests"} <= set(kept_out)


def test_the_health_check_of_the_image_asks_a_real_server(tmp_path):
    (command,) = [rest for word, rest in instructions() if word == "HEALTHCHECK"]
    program = json.loads(command[command.index("[") :])
    with Service(tmp_path, f"sqlite:///{tmp_path / 'packtrail.db'}") as service:
        here = {"PACKTRAIL_PORT": str(service.port)}
        assert subprocess.run([sys.executable, *program[1:]], env=here, check=False).returncode == 0
        service.kill()
        service.process.stdout.close()
        gone = subprocess.run(
            [sys.executable, *program[1:]], env=here, check=False, capture_output=True
        )
        assert gone.returncode != 0
        service.start()


@pytest.mark.parametrize("file", COMPOSE, ids=lambda one: one.name)
def test_a_compose_file_hangs_together_and_opens_nothing(file):
    told = yaml.safe_load(file.read_text())
    for name, service in told["services"].items():
        assert service["restart"] == "unless-stopped"
        assert "no-new-privileges:true" in service["security_opt"]
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), "a proxy stands in front"
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            known = (file.parent / source).is_file() if source[0] == "." else True
            assert known, volume
            assert source[0] == "." or source in told["volumes"]
        for variable, value in service["environment"].items():
            if "PASS" in variable:
                assert ":?" in value, f"{name}: {variable} has no value of its own"
        assert set(service.get("depends_on", {})) <= set(told["services"])
    ours = told["services"]["packtrail"]
    assert (ours["read_only"], ours["cap_drop"]) == (True, ["ALL"])
    assert (file.parent / ours["build"]["context"] / ours["build"]["dockerfile"]).is_file()


def test_the_standby_confirms_commits_and_the_program_finds_whoever_takes_writes():
    told = yaml.safe_load((DEPLOY / "compose.postgresql.yaml").read_text())["services"]
    assert "synchronous_standby_names=standby" in told["primary"]["command"]
    address = told["packtrail"]["environment"]["PACKTRAIL_DATABASE"]
    assert "host=primary,standby&target_session_attrs=read-write" in address
    assert "application_name=standby" in (DEPLOY / "postgresql" / "standby.sh").read_text()


@pytest.mark.parametrize("script", sorted(DEPLOY.rglob("*.sh")), ids=lambda one: one.name)
def test_a_script_is_a_shell_script_that_stops_at_faults(script):
    subprocess.run(["sh", "-n", str(script)], check=True)
    assert "\nset -eu\n" in script.read_text()


@pytest.fixture
def systemd() -> str:
    found = shutil.which("systemd-analyze")
    if not found:
        pytest.skip("systemd-analyze is not installed")
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda one: one.name)
def test_systemd_understands_the_unit(unit, systemd, tmp_path):
    for one in UNITS:  # a timer names its service; the program is wherever it is installed
        text = one.read_text().replace("/opt/packtrail/bin/packtrail", sys.executable)
        (tmp_path / one.name).write_text(text)
    ran = subprocess.run(
        [systemd, "verify", "--man=no", str(tmp_path / unit.name)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    complaints = [line for line in ran.stderr.splitlines() if unit.name in line]
    assert complaints == []


def test_a_unit_that_systemd_does_not_understand_fails_that(systemd, tmp_path):
    wrong = tmp_path / "packtrail.service"
    wrong.write_text((DEPLOY / "packtrail.service").read_text() + "\n[Service]\nProtectSytem=yes\n")
    ran = subprocess.run(
        [systemd, "verify", "--man=no", str(wrong)], check=False, capture_output=True, text=True
    )
    assert "ProtectSytem" in ran.stderr


def test_the_service_has_little_it_could_do_to_the_machine(systemd):
    ran = subprocess.run(
        [systemd, "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager",
         str(DEPLOY / "packtrail.service")],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-400:] + ran.stderr
