"""The recipes of CONTRIBUTING.md are followed on a copy of the product, and the result works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from source import FLOORS, ROOT

from compliance.dossier.kinds import KINDS

if TYPE_CHECKING:
    from pathlib import Path

SPAN = ("--from", "2026-01-01", "--to", "2027-01-01")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    for floor in FLOORS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / floor, copy / floor, ignore=ignored)
    return copy


def example(name: str) -> str:
    """The Python of a recipe."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.search(rf"<!-- recipe: {name} -->\n\s*```python\n(.*?)```", text, re.DOTALL)
    assert found, f"CONTRIBUTING.md has no recipe for a {name}"
    return dedent(found[1])


def run(copy: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        env={**environment, "PYTHONPATH": str(copy)},
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_new_kind_of_dossier_is_one_class(copied: Path, environment: dict[str, str]) -> None:
    table = copied / "compliance/dossier/kinds.py"
    text = table.read_text()
    text = text.replace("KINDS: Final", example("dossier kind") + "\n\nKINDS: Final", 1)
    table.write_text(text.replace("Inspection, AuthorityReport,", "Inspection, RecallLog,", 1))
    command = ("-m", "compliance.service.cli")

    opened = run(copied, environment, *command, "recall", "open", "05901234123457", "L1",
                 "--reason", "glass", "--now", "2026-03-01")  # fmt: skip
    assert opened.returncode == 0, opened.stderr
    made = run(copied, environment, *command, "export", *SPAN, "--kind", "recall log",
               "-o", "log.asice", "--now", "2026-03-02", "--json")  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["records"] == 1
    root = run(copied, environment, *command, "keys", "root").stdout
    (copied / "root.pem").write_text(root)
    checked = run(copied, environment, *command, "verify-export", "log.asice",
                  "--trust", "root.pem")  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr

    wrong = run(copied, environment, *command, "export", *SPAN, "--kind", "x", "-o", "x.asice")
    assert (wrong.returncode, "recall log" in wrong.stderr) == (2, True)
    offered = run(
        copied,
        environment,
        "-c",
        "from compliance.routes.exports import DossierWanted\n"
        "print(DossierWanted.model_json_schema()['properties']['kind']['enum'])",
    )
    assert "recall log" in offered.stdout, offered.stderr


def test_the_reference_has_a_row_for_each_kind_of_dossier() -> None:
    page = (ROOT / "docs/reference/dossier.md").read_text()
    rows = dict(re.findall(r"^\| ([a-z ]+) \| (.*) \|$", page, re.MULTILINE))
    for name, kind in KINDS.items():
        assert rows.get(name) == f"{kind.entries} | {kind.tables}".rstrip(), name
