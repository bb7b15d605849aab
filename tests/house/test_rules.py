"""The rules of the house that a program can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("schemas", "epcis", "verification", "compliance")
FUNCTION_LINES_MAX = 65
FILE_LINES_MAX = 500
NAMES_OF_NOTHING = {"utils", "helpers", "manager", "handlers", "common", "misc", "base"}
TABLES = {"ai_table.py"}
"""Generated data, not code to read."""
WHOLE = {"verify_dossier.py"}
"""Travels inside every dossier as one file, so it cannot be split."""


def _sources() -> list[Path]:
    found = [
        path
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if "versions" not in path.parts
    ]
    assert len(found) > 40, "the floors hold the program"
    return found


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text())
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_imports_go_up_the_house_only() -> None:
    ran = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{f.lineno} {f.name} has {length} lines"
        for path in _sources()
        for f in _functions(path)
        if (length := (f.end_lineno or 0) - f.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_no_file_is_longer_than_it_can_be_read() -> None:
    long = [
        f"{path.relative_to(ROOT)} has {lines} lines"
        for path in _sources()
        if path.name not in TABLES | WHOLE
        and (lines := len(path.read_text().splitlines())) > FILE_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_every_file_is_named_after_a_thing() -> None:
    vague = [str(p.relative_to(ROOT)) for p in _sources() if p.stem in NAMES_OF_NOTHING]
    assert not vague


def test_every_public_function_and_class_is_documented() -> None:
    silent = []
    for path in _sources():
        tree = ast.parse(path.read_text())
        if not ast.get_docstring(tree) and path.read_text().strip():
            silent.append(f"{path.relative_to(ROOT)}: the module")
        for node in tree.body:
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if named and not node.name.startswith("_") and not ast.get_docstring(node):
                silent.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert not silent, "\n".join(silent)


def test_no_shipped_asset_names_a_foreign_address() -> None:
    service = ROOT / "compliance" / "service"
    files = [p for d in ("static", "templates") for p in (service / d).rglob("*") if p.is_file()]
    assets = [path for path in files if path.suffix != ".wasm"]
    assert assets
    allowed = ("http://www.w3.org/",)
    foreign = [
        f"{path.name}: {url}"
        for path in assets
        for url in re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s\"')]*", path.read_text())
        if not url.startswith(allowed)
    ]
    assert not foreign


def test_every_exemption_from_a_check_says_why() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _sources()
        if path.name not in TABLES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"#\s*(noqa|type: ignore|pragma: no cover)[^#]*$", line)
    ]
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize("tool", [["ruff", "check", "--no-cache"], ["mypy"]])
def test_the_source_is_clean_and_fully_typed(tool: list[str], tmp_path: Path) -> None:
    extra = ["--cache-dir", str(tmp_path)] if tool == ["mypy"] else []
    ran = subprocess.run(
        [Path(sys.executable).with_name(tool[0]), *tool[1:], *extra],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
