"""The trace from requirements to tests: a marker on each test, and their results as a file.

`tests/requirements.toml` is the table. `pytest --validation-results FILE` writes what
`packtrail validation` makes the signed dossier of.
"""

from __future__ import annotations

import json
import platform
import subprocess
import tomllib
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TRACE: dict[str, list[str]] = tomllib.loads((ROOT / "tests" / "requirements.toml").read_text())
_UNTRIED = {"outcome": "passed", "seconds": 0.0}
_RANK = ("passed", "skipped", "failed")


def requirements_of(node_id: str) -> list[str]:
    """The requirements that a test stands for, by the names that lead to it."""
    return [
        requirement
        for requirement, names in TRACE.items()
        if any(_leads_to(name, node_id) for name in names)
    ]


def _leads_to(name: str, node_id: str) -> bool:
    return node_id == name or node_id.startswith((f"{name}::", f"{name}[", f"{name}/"))


class ResultsFile:
    """Collects the outcome of every test that stands for a requirement."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tests: dict[str, dict[str, object]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of set-up, call and clean-up."""
        requirements = requirements_of(report.nodeid)
        if not requirements:
            return
        one = self._tests.setdefault(
            report.nodeid,
            {
                "test": report.nodeid,
                "requirements": requirements,
                "outcome": "passed",
                "seconds": 0.0,
            },
        )
        one["outcome"] = max(str(one["outcome"]), report.outcome, key=_RANK.index)
        one["seconds"] = round(float(str(one["seconds"])) + report.duration, 3)

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        told = {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": metadata.version("packtrail"),
            "commit": _commit(),
            "python": platform.python_version(),
            "platform": platform.platform(terse=True),
            "tests": [self._tests[name] for name in sorted(self._tests)],
        }
        self._path.write_text(json.dumps(told, indent=1) + "\n")


def _commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--validation-results", type=Path, metavar="FILE",
                     help="write the outcomes of tests that stand for requirements")  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "requirement(*ids): what of the audit catalogue it shows")
    path = config.getoption("--validation-results")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(ResultsFile(path.resolve()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if ids := requirements_of(item.nodeid):
            item.add_marker(pytest.mark.requirement(*ids))
