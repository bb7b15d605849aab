"""What the rooms may know of each other, and of the databases, that a program can check."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("schemas", "epcis", "verification", "compliance")
ROOM = "epcis/database/"
SAYS_IT_TO_PEOPLE = {"compliance/service/settings.py", "compliance/service/cli/options.py"}
"""An operator names a SQLite file or a PostgreSQL server; these files repeat it."""
FILES_IN_THE_ROOM_MAX = 11
_OF_A_DATABASE = re.compile(
    r"sqlite|postgres|psycopg|\bpragma\b|\bpg_\w+|unnest\(|%s::|json_to_recordset|json_each"
    r"|generate_series|for update|lock table|dialect\b|driver_connection|dbapi_connection",
    re.IGNORECASE,
)


def _sources() -> dict[str, Path]:
    """The program's files by the name of their module."""
    found = {}
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            if "versions" not in path.parts:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                found[name.removesuffix(".__init__")] = path
    assert len(found) > 300, "the floors hold the program"
    return found


def _words(tree: ast.AST) -> Iterator[str]:
    """Names and texts of a program, but for what is said to its readers."""
    said = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword):
            yield node.arg or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "", *(alias.name for alias in node.names))


def _knows_a_database(source: str) -> bool:
    return any(_OF_A_DATABASE.search(word) for word in _words(ast.parse(source)))


def test_one_room_knows_sqlite_from_postgresql() -> None:
    knowing = {
        str(path.relative_to(ROOT))
        for path in _sources().values()
        if _knows_a_database(path.read_text())
    }
    outside = {name for name in knowing if not name.startswith(ROOM)}
    assert outside <= SAYS_IT_TO_PEOPLE, sorted(outside - SAYS_IT_TO_PEOPLE)
    assert len(knowing - outside) <= FILES_IN_THE_ROOM_MAX, sorted(knowing - outside)


def test_the_check_of_that_sees_every_kind_of_knowledge() -> None:
    for knowing in (
        "look = A if snapshot.is_sqlite else B",
        "ASK = 'SELECT 1 FROM item FOR UPDATE'",
        "import psycopg",
        "table = Table('t', metadata, sqlite_with_rowid=False)",
        "ASK = 'INSERT INTO t SELECT * FROM unnest(%s::int8[])'",
    ):
        assert _knows_a_database(knowing), knowing
    assert not _knows_a_database('"""Works on SQLite and PostgreSQL."""\nASK = "SELECT ?"')


def test_nobody_outside_the_room_speaks_to_a_driver_or_an_engine() -> None:
    """Else a register could be written past the log; see epcis/database/register_guard.py."""
    past = [
        f"{name}: .{node.attr}"
        for name, path in _sources().items()
        if not name.startswith(("epcis.database", "compliance.service.migrat"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and (node.attr in {"driver", "raw_connection"} or _begins_on_an_engine(node))
    ]
    assert not past, "\n".join(past)


def _begins_on_an_engine(node: ast.Attribute) -> bool:
    owner = node.value
    return node.attr == "begin" and isinstance(owner, ast.Attribute) and owner.attr == "engine"


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = _imports()
    circles = [circle for circle in _strongly_connected(graph) if len(circle) > 1]
    assert not circles, "\n".join(" <-> ".join(sorted(circle)) for circle in circles)


def _imports() -> dict[str, set[str]]:
    """Which module imports which; in functions and under TYPE_CHECKING as well."""
    sources = _sources()
    graph: dict[str, set[str]] = {name: set() for name in sources}
    for name, path in sources.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                graph[name].update(alias.name for alias in node.names if alias.name in sources)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    target = inner if inner in sources else node.module
                    if target in sources:
                        graph[name].add(target)
        graph[name].discard(name)
    assert sum(map(len, graph.values())) > 1000, "the program's files import each other"
    return graph


def _strongly_connected(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of nodes that can all be reached from each other (Kosaraju's two walks)."""
    backwards: dict[str, set[str]] = defaultdict(set)
    for name, targets in graph.items():
        for target in targets:
            backwards[target].add(name)
    order: list[str] = []
    seen: set[str] = set()
    for name in graph:
        _walk(graph, name, seen, order)
    groups: list[set[str]] = []
    seen = set()
    for name in reversed(order):
        group: list[str] = []
        _walk(backwards, name, seen, group)
        if group:
            groups.append(set(group))
    return groups


def _walk(graph: dict[str, set[str]], start: str, seen: set[str], left: list[str]) -> None:
    """Visit all that can be reached from `start`; `left` gets each node after those behind it."""
    if start in seen:
        return
    seen.add(start)
    stack = [(start, iter(graph.get(start, ())))]
    while stack:
        name, targets = stack[-1]
        for target in targets:
            if target not in seen:
                seen.add(target)
                stack.append((target, iter(graph.get(target, ()))))
                break
        else:
            stack.pop()
            left.append(name)


def test_the_search_for_circles_finds_one() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}
    assert {"a", "b", "c"} in _strongly_connected(graph)
