"""The recipe of docs/how-to/add-a-national-interface.md, followed in a copy of the house."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FLOORS = ("schemas", "epcis", "verification", "compliance", "scripts", "docs")
TRIED = """
from conftest import Client, Holder, _make_app, _register, _put_product, _put_pack, NOW, PHARMACY
from epcis.ledger.store import Store
from verification.routes.national_interfaces import INTERFACES

store = Store.open("toy.db")
store.create_all()
with store.write(NOW) as tx:
    _put_product(tx)
    _put_pack(tx, "S1")
_register(store, PHARMACY.name)
holder = Holder(PHARMACY)
with Client(_make_app(store, lambda: NOW, holder)) as client:
    for serial in ("S1", "S99"):
        answer = client.get(f"/fmd/toy/05901234123457/{serial}")
        print(answer.status_code, answer.content.decode())
    holder.caller = type(PHARMACY)("nobody", PHARMACY.scopes, None, "")
    print(client.get("/fmd/toy/05901234123457/S1").status_code)
print([one.name for one in INTERFACES])
store.close()
"""


def recipe() -> str:
    """The module that the page shows."""
    page = (ROOT / "docs/how-to/add-a-national-interface.md").read_text()
    (shown,) = re.findall(r"^   ```python\n(.*?)^   ```", page, re.DOTALL | re.MULTILINE)
    return textwrap.dedent(shown)


def test_the_recipe_makes_an_interface_that_works(tmp_path: Path) -> None:
    for floor in FLOORS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / floor, tmp_path / floor, ignore=ignored)
    shutil.copy(ROOT / "tests/verification/conftest.py", tmp_path / "conftest.py")
    routes = tmp_path / "verification/routes"
    (routes / "national_toy.py").write_text(recipe())
    table = routes / "national_interfaces.py"
    text = table.read_text()
    text = text.replace("national_soap\n\n", "national_soap, national_toy\n\n")
    text = text.replace(
        "    national_soap.INTERFACE,\n",
        "    national_soap.INTERFACE,\n    national_toy.INTERFACE,\n",
    )
    table.write_text(text)

    ran = run(tmp_path, "-c", TRIED)
    assert ran.stdout.splitlines() == [
        "200 TOY-DONE green",
        "404 TOY-SERIAL-UNKNOWN red",
        "403",
        "['rest', 'soap', 'toy']",
    ], ran.stderr
    page = "from make_reference import national_page; print(national_page())"
    shown = run(tmp_path / "scripts", "-c", page, path=tmp_path).stdout
    assert "## Toy family" in shown
    assert "TOY-RECALLED" in shown


def run(folder: Path, *words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={"PYTHONPATH": f"{path or folder}", "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
