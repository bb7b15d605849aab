"""What the product's own source says of itself: its files, definitions, imports and names."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("schemas", "epcis", "verification", "compliance")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def sources() -> dict[str, ast.Module]:
    """Each product file with its tree, migrations left out; by its path from the root."""
    found = {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for floor in FLOORS
        for path in sorted((ROOT / floor).rglob("*.py"))
        if "versions" not in path.parts
    }
    assert len(found) > 40, "the floors hold the program"
    return found


def functions() -> Iterator[tuple[str, Function]]:
    """Each function and method, with the file it stands in."""
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield path, node


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    """Each class, with the file it stands in."""
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield path, node


def module_of(path: str) -> str:
    """The module's dotted name.

    >>> module_of("epcis/hash/__init__.py")
    'epcis.hash'
    """
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
