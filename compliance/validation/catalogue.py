"""Requirements of an audit, the risk behind each, and what the results of the tests say of them."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from schemas.refusal import Refused

FILE: Final = Path(__file__).parent / "requirements.toml"
_OUTCOMES: Final = frozenset({"passed", "failed", "skipped"})
SEVERITIES: Final = ("high", "medium", "low")
"""How bad it is where a requirement is not kept, the worst first."""


class ResultsRefused(Refused):
    """A file is not the results of a test run; the text says why."""


class RequirementState(StrEnum):
    """What the tests say of one requirement."""

    SHOWN = "shown by tests"
    FAILED = "a test failed"
    NOT_RUN = "no test ran"
    OPEN = "open"
    OPERATOR = "kept by the operator"


class Requirement(NamedTuple):
    """What an audit asks, and what goes wrong without it."""

    id: str
    source: str
    """Law or guideline, with its section."""
    asks: str
    risk: str
    severity: str
    """One of `SEVERITIES`."""
    duty: str = ""
    """What the operator does, where a procedure keeps it; empty where the system does."""
    open: str = ""
    """What the system lacks."""


class OutcomeOfTest(NamedTuple):
    """One test of the run."""

    test: str
    requirements: tuple[str, ...]
    outcome: str
    """passed, failed or skipped."""
    seconds: float


class ValidationRun(NamedTuple):
    """A run of the tests, as `pytest --validation-results` wrote it."""

    made: str
    version: str
    commit: str
    python: str
    platform: str
    tests: tuple[OutcomeOfTest, ...]


@cache
def requirements() -> tuple[Requirement, ...]:
    """Every requirement, in the order of the catalogue.

    >>> requirements()[0].id
    'ER-01'
    """
    table = tomllib.loads(FILE.read_text())
    return tuple(
        Requirement(
            id_,
            one["source"],
            one["asks"],
            one["risk"],
            one["severity"],
            duty=one.get("duty", ""),
            open=one.get("open", ""),
        )
        for id_, one in table.items()
    )


def run_from(content: bytes) -> ValidationRun:
    """Read the results of a run. Raises ResultsRefused."""
    try:
        content_read = json.loads(content)
        tests = tuple(
            OutcomeOfTest(
                str(one["test"]),
                tuple(map(str, one["requirements"])),
                str(one["outcome"]),
                float(one["seconds"]),
            )
            for one in content_read["tests"]
        )
        about = [
            str(content_read[name]) for name in ("made", "version", "commit", "python", "platform")
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ResultsRefused(
            "not the results of a test run: make them with pytest --validation-results FILE"
        ) from None
    if odd := {one.outcome for one in tests} - _OUTCOMES:
        raise ResultsRefused(f"not an outcome of a test: {', '.join(sorted(odd))[:100]}")
    known = {one.id for one in requirements()}
    if foreign := {name for one in tests for name in one.requirements} - known:
        raise ResultsRefused(
            f"requirements of another version of Packtrail: {', '.join(sorted(foreign))[:100]}"
        )
    made, version, commit, python, platform = about
    return ValidationRun(made, version, commit, python, platform, tests)


def state_of(requirement: Requirement, run: ValidationRun) -> RequirementState:
    """What a run says of a requirement: one failed test is a failure, skipped ones show nothing."""
    outcomes = Counter(one.outcome for one in run.tests if requirement.id in one.requirements)
    if outcomes["failed"]:
        return RequirementState.FAILED
    if requirement.duty:
        return RequirementState.OPERATOR
    if requirement.open:
        return RequirementState.OPEN
    return RequirementState.SHOWN if outcomes["passed"] else RequirementState.NOT_RUN
