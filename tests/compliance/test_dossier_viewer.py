"""The page in a dossier shows and checks it, reaches nothing outside, and promises no more."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from compliance.dossier import export
from epcis.capture import record
from epcis.ledger.store import Store
from tests.compliance.test_dossier import ALWAYS, NOW, STORY

PAGE = Path(__file__).parents[2] / "compliance/dossier/viewer.html"
STUBS = """
const listeners = [], said = [], rows = [];
const element = (id) => ({
  set textContent(words) { if (id === "line") said.push(words); },
  append() {}, addEventListener(_, heard) { listeners.push(heard); },
  insertRow() { rows.push([]); return { insertCell: () => ({
    set textContent(words) { rows[rows.length - 1].push(String(words)); } }) }; },
});
globalThis.document = { getElementById: element, createElement: () => element("line") };
"""
RUN = """
const bytes = require("fs").readFileSync(process.argv[2]);
listeners[0]({ target: { files: [new Blob([bytes])] } });
setTimeout(function wait() {
  const bad = said.some((one) => one.startsWith("\\u2717"));
  if (said.length < 2 && !bad) return setTimeout(wait, 20);
  setTimeout(() => console.log(JSON.stringify({ said, rows })), 100);
}, 20);
"""


def block(name: str) -> str:
    found = re.search(f"<{name}>(.*?)</{name}>", PAGE.read_text(), re.DOTALL)
    assert found
    return found[1]


def test_the_page_may_run_only_its_own_script_and_reach_nothing():
    page = PAGE.read_text()
    assert "default-src 'none'" in page
    for name in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(block(name).encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in page
    assert not re.search(r"https?://|fetch\(|XMLHttpRequest|import\(", page)
    assert "do not replace" in page or "does not replace" in page


@pytest.fixture
def dossier(tmp_path, keys) -> Path:
    store = Store.open(str(tmp_path / "packtrail.db"))
    store.create_all()
    with store.write(NOW) as tx:
        record(tx, STORY)
    export(store, ALWAYS, tmp_path / "all.asice", keys, now=NOW, by="inspector")
    store.close()
    return tmp_path / "all.asice"


def opened(dossier: Path) -> dict:
    """What the page says and shows, run by node with as much of a browser as it needs."""
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    script = dossier.with_name("viewer.cjs")
    script.write_text(STUBS + block("script") + RUN)
    done = subprocess.run(
        ["node", str(script), str(dossier)], capture_output=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_the_page_finds_an_intact_dossier_intact(dossier):
    found = opened(dossier)
    assert all(one.startswith("\u2713") for one in found["said"])
    assert len(found["rows"]) == 5


def test_the_page_sees_a_changed_event(dossier):
    # Stored without compression, so that a changed word is still a readable archive.
    from zipfile import ZipFile

    with ZipFile(dossier) as source, ZipFile(dossier.with_name("bad.asice"), "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "events.ndjson":
                content = content.replace(b"inspecting", b"destroying")
            target.writestr(name, content)
    found = opened(dossier.with_name("bad.asice"))
    assert sum(one.startswith("\u2717") for one in found["said"]) == 2
