"""The recipes of CONTRIBUTING.md are followed on a copy of the product, and the result works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from textwrap import dedent, indent
from typing import TYPE_CHECKING

import pytest
from source import FLOORS, ROOT

from compliance.dossier.kinds import KINDS

if TYPE_CHECKING:
    from pathlib import Path

CERTIFIED = b"""{"type": "ObjectEvent", "action": "OBSERVE", "eventTime": "2026-01-02T03:04:05Z",
"eventTimeZoneOffset": "+00:00", "epcList": ["urn:epc:id:sgtin:0614141.107346.%d"]%b}"""
ASKS = """
from epcis.ledger.store import Store
from epcis.query import search
from epcis.query.parameters import parse
from epcis.routes.described import events_described
from schemas.epcis.queries import query_schema

asked = parse({"EQ_certificationInfo": ["https://example.com/certificate"]})
with Store.open("asked.db").read() as snapshot:
    page = search.page(snapshot, asked, search.Selection(), rows_max=10)
print([one.event.epcs for one in page.events])
print("EQ_certificationInfo" in query_schema()["properties"])
print("EQ_certificationInfo" in {one["name"] for one in events_described("")["parameters"]})
"""
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
                 "--confirm", "L1", "--reason", "glass", "--now", "2026-03-01")  # fmt: skip
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


def test_a_new_query_parameter_is_one_row(copied: Path, environment: dict[str, str]) -> None:
    index = copied / "epcis/store/event_index.py"
    after = "    if event.error_declaration is not None:\n        for corrective"
    text = index.read_text()
    index.write_text(text.replace(after, indent(example("indexed word"), "    ") + after, 1))
    table = copied / "epcis/query/parameter_table.py"
    first = '        "eventType": '
    row = indent(example("query parameter"), " " * 8)
    table.write_text(table.read_text().replace(first, row + first, 1))
    schema = copied / "schemas/epcis/queries.py"
    schema.write_text(schema.read_text().replace('"uriValue",', '"uriValue", "certificationInfo",'))

    info = b', "certificationInfo": "https://example.com/certificate"'
    (copied / "with.json").write_bytes(CERTIFIED % (1, info))
    (copied / "without.json").write_bytes(CERTIFIED % (2, b""))
    files = ("with.json", "without.json")
    captured = run(copied, environment, "-m", "compliance.service.cli", "capture",
                   *files, "--database", "asked.db")  # fmt: skip
    assert captured.returncode == 0, captured.stdout + captured.stderr
    asked = run(copied, environment, "-c", ASKS)
    assert asked.returncode == 0, asked.stderr
    found, in_schema, in_description = asked.stdout.splitlines()
    assert found == "[('urn:epc:id:sgtin:0614141.107346.1',)]"
    assert (in_schema, in_description) == ("True", "True")
