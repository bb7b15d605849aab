"""No two files import each other, not even for their types, and not by way of others."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter

from source import module_of, sources


def imports() -> dict[str, set[str]]:
    """The product's modules that each module imports, for its types and within functions too."""
    modules = {module_of(path) for path in sources()}
    found = {}
    for path, tree in sources().items():
        names = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    names.add(inner if inner in modules else node.module)
        found[module_of(path)] = (names & modules) - {module_of(path)}
    return found


def test_files_do_not_import_in_circles() -> None:
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise AssertionError(circle) from None
