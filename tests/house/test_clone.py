"""What a clone with nothing beside it has: examples in step, locked versions, any later Python."""

from __future__ import annotations

import ast
import importlib.util
import io
import re
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from material import EXAMPLES
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from compliance.rules.file import check_file

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("schemas", "epcis", "verification", "compliance")
LOCKED = re.compile(
    r"^([A-Za-z0-9._-]+)==(\S+)(?: ; [^\\]*)? \\\n((?: {4}--hash=sha256:\S+.*\n)+)", re.MULTILINE
)


def sources() -> list[Path]:
    found = [
        path
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if "versions" not in path.parts  # migrations, written by alembic, annotate nothing but None
    ]
    assert len(found) > 100
    return found


def locked(name: str) -> dict[str, set[str]]:
    """Each package of a lock file and its versions: one, or one for each range of Pythons."""
    text = (ROOT / "lock" / f"{name}.txt").read_text()
    lines = re.findall(r"^[A-Za-z0-9].*$", text, re.MULTILINE)
    entries = LOCKED.findall(text)
    assert len(entries) == len(lines), "every line has a version and hashes"
    versions: dict[str, set[str]] = {}
    for package, version, _ in entries:
        versions.setdefault(canonicalize_name(package), set()).add(version)
    return versions


def test_every_dependency_is_locked_to_a_version_it_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"]
    build = project["dependency-groups"]["build"]
    test = project["project"]["optional-dependencies"]["test"]
    for name, texts in (("run", [*wanted, *build]), ("test", [*wanted, *build, *test])):
        versions = locked(name)
        for requirement in map(Requirement, texts):
            found = versions.get(canonicalize_name(requirement.name), set())
            assert found, f"run scripts/lock.sh: {requirement} is not in lock/{name}.txt"
            assert all(requirement.specifier.contains(one, prereleases=True) for one in found)


def test_what_runs_is_what_was_tested() -> None:
    tested = locked("test")
    assert {
        name: versions for name, versions in locked("run").items() if tested[name] != versions
    } == {}


def test_the_example_shipment_checks_clean() -> None:
    for name in ("shipment.xml", "shipment.jsonld"):
        assert check_file((EXAMPLES / name).read_bytes(), "dscsa-r1.3") == []


def test_the_made_examples_are_those_of_their_script() -> None:
    spec = importlib.util.spec_from_file_location("examples", ROOT / "scripts/make_examples.py")
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for name, content in script.made().items():
        kept = (EXAMPLES / name).read_bytes()
        if name.endswith(".png"):  # the packing of pixels may differ from one library to the next
            one, other = (np.asarray(Image.open(io.BytesIO(png))) for png in (content, kept))
            assert np.array_equal(one, other), name
        else:
            assert content == kept, name


def test_annotations_mean_the_same_in_every_python() -> None:
    """From 3.14 on annotations are evaluated late (PEP 649), unless a module keeps them as text.

    Every module keeps them as text, and none reads `__annotations__` as they are, so that msgspec,
    dataclasses, FastAPI and typer resolve the same text on 3.11 and 3.14. `get_type_hints` does.
    """
    late = []
    for path in sources():
        tree = ast.parse(path.read_text())
        annotated = any(
            isinstance(node, ast.AnnAssign)
            or (isinstance(node, ast.arg) and node.annotation)
            or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns)
            for node in ast.walk(tree)
        )
        as_text = any(
            isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body
        )
        looks = any(
            isinstance(node, ast.Attribute | ast.Name)
            and isinstance(node.ctx, ast.Load)
            and (node.attr if isinstance(node, ast.Attribute) else node.id) in LOOKED_AT
            for node in ast.walk(tree)
        )
        if (annotated and not as_text) or looks:
            late.append(str(path.relative_to(ROOT)))
    assert not late


LOOKED_AT = {"__annotations__", "__annotate__", "get_annotations"}

GONE = {
    "asyncio.get_event_loop": "raises without a running loop in 3.14",
    "asyncio.get_event_loop_policy": "deprecated in 3.14",
    "asyncio.set_event_loop_policy": "deprecated in 3.14",
    "asyncio.iscoroutinefunction": "deprecated in 3.14",
    "codecs.open": "deprecated in 3.14",
    "datetime.utcnow": "deprecated in 3.12",
    "datetime.utcfromtimestamp": "deprecated in 3.12",
    "locale.getdefaultlocale": "deprecated in 3.13",
    "multiprocessing.Pool": "3.14 starts processes another way; name the way: get_context",
    "multiprocessing.Process": "3.14 starts processes another way; name the way: get_context",
    "multiprocessing.Queue": "3.14 starts processes another way; name the way: get_context",
    "ast.Num": "gone in 3.14",
    "ast.Str": "gone in 3.14",
    "pkgutil.find_loader": "gone in 3.14",
    "shutil.rmtree.onerror": "deprecated in 3.12",
}
"""What 3.12 to 3.14 removed, deprecated or changed, as far as a name shows it."""


def test_nothing_is_used_that_a_later_python_took_away() -> None:
    used = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                owner = ast.unparse(node.value).rsplit(".", 1)[-1]
                why = GONE.get(f"{owner}.{node.attr}")
                if why:
                    used.append(
                        f"{path.relative_to(ROOT)}:{node.lineno} {owner}.{node.attr}: {why}"
                    )
            names_a_pool = isinstance(node, ast.Call) and "ProcessPoolExecutor" in ast.unparse(
                node.func
            )
            if names_a_pool and not any(key.arg == "mp_context" for key in node.keywords):
                used.append(
                    f"{path.relative_to(ROOT)}:{node.lineno} names no way to start processes"
                )
    assert not used, "\n".join(used)


def test_nothing_leaves_a_finally_clause() -> None:
    """`return`, `break` and `continue` there are warnings from 3.14 on (PEP 765)."""
    leaves = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Try):
                inside = [deep for each in node.finalbody for deep in ast.walk(each)]
                if any(isinstance(deep, ast.Return | ast.Break | ast.Continue) for deep in inside):
                    leaves.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not leaves


@pytest.mark.parametrize("script", ["install.sh", "lock.sh"])
def test_scripts_are_plain_shell(script: str) -> None:
    assert subprocess.run(["sh", "-n", ROOT / "scripts" / script], check=False).returncode == 0
