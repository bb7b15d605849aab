"""What is declared is used: every setting is read, every table written and read."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from source import sources

import compliance.service.migrations.tables  # noqa: F401  # declares every table
from compliance.service.settings import Settings
from epcis.database.metadata import metadata
from epcis.ledger.proved import Register, proof_of

SETTINGS_FILE = "compliance/service/settings.py"


@cache
def attributes() -> frozenset[str]:
    """Every name that product code takes from something, and every option's variable."""
    found = set()
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and not (
                path == SETTINGS_FILE and isinstance(node.ctx, ast.Store)
            ):
                found.add(node.attr)
            if isinstance(node, ast.Constant) and str(node.value).startswith("PACKTRAIL_"):
                found.add(str(node.value).removeprefix("PACKTRAIL_").lower())
    return frozenset(found)


@pytest.mark.parametrize("setting", sorted(Settings.__struct_fields__))
def test_every_setting_is_read(setting: str) -> None:
    assert setting in attributes()


@cache
def uses() -> tuple[frozenset[str], frozenset[str]]:
    """The tables handed to something that may write them, and those something is read from.

    A table is handed on by itself, or by its name where one statement serves many.
    """
    written, read = set(), set()
    for path, tree in sources().items():
        if path.endswith("_tables.py"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "c":
                read.add(_name(node.value))
            elif isinstance(node, ast.Attribute) and node.attr in ("insert", "update"):
                written.add(_name(node.value))
            elif isinstance(node, ast.Call):
                taken = {_name(one) for one in node.args}
                (read if _name(node.func) == "select" else written).update(taken)
            elif isinstance(node, ast.Tuple | ast.Dict | ast.List):
                parts = [*node.values, *node.keys] if isinstance(node, ast.Dict) else node.elts
                written |= {_name(one) for one in parts if one}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                written |= set(re.findall(r"(?:INTO|UPDATE|COPY) (\w+)", node.value))
                read |= set(re.findall(r"(?:FROM|JOIN) (\w+)", node.value))
    return frozenset(written), frozenset(read)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Attribute):
        return _name(node.value) if node.attr == "name" else node.attr
    return node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_every_table_is_written_and_read(table: str) -> None:
    written, read = uses()
    assert table in written, f"nothing writes {table}"
    # Registers are compared with the log row by row: fsck reads them.
    is_register = isinstance(proof_of(metadata.tables[table]), Register)
    assert table in read or is_register, f"nothing reads {table}"
