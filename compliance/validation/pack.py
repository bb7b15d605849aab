"""The validation pack as one signed file: requirements, risks, trace matrix, results, threat model.

It is an ASiC-E container with one CAdES signature, as a dossier is, checked with the same commands.
"""

from __future__ import annotations

import csv
from collections import Counter
from importlib.resources import files
from io import StringIO
from typing import TYPE_CHECKING, Final

from compliance.dossier.package import Package
from compliance.reports import Report, Section
from compliance.validation.catalogue import SEVERITIES, RequirementState, requirements, state_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from compliance.seal import Keys
    from compliance.validation.catalogue import ValidationRun

THREAT_MODEL: Final = "threat-model.md"
_RISKS: Final = ("id", "severity", "risk", "control", "state")
_REQUIREMENTS: Final = ("id", "source", "asks", "kept by", "state", "note", "tests", "passed")
_MATRIX: Final = ("requirement", "test", "outcome", "seconds")
README: Final = """\
PACKTRAIL VALIDATION PACK

Version {version}, source {commit}, tests of {made}
on Python {python}, {platform}.

  report.pdf         the summary for people, signed by itself
  requirements.csv   what an audit asks, who keeps it, and what the tests say
  risks.csv          what goes wrong without it, and the control
  trace-matrix.csv   each requirement with each of its tests and the outcome
  results.json       the run as the test program wrote it
  threat-model.md    what is defended, and what is not

Is it signed by its maker? Root certificate {fingerprint} (SHA-256):

  openssl cms -verify -cades -binary -inform DER -in META-INF/signature001.p7s \\
    -content META-INF/ASiCManifest001.xml -CAfile root.pem \\
    -purpose any -crl_check_all -out /dev/null
  grep -F "$(openssl dgst -sha256 -binary SHA256SUMS | base64)" META-INF/ASiCManifest001.xml
  sha256sum --strict -c SHA256SUMS

It shows that this version of the program did what the tests ask, where they ran. Whoever runs it
for regulated work adds: the qualification of his own installation, his procedures ("kept by the
operator"), and his decision that this is enough.
"""


def write_pack(out: Path, run: ValidationRun, results: bytes, keys: Keys, *, now: datetime) -> None:
    """Write the pack. Raises SealRefused, and OSError; a broken-off one is not left behind."""
    from compliance.reports.printing import print_report
    from compliance.seal.cades import sign_beside
    from compliance.seal.pades import sign_pdf

    paper = print_report(report_of(run, now=now))
    part = out.with_name(out.name + ".part")
    try:
        with part.open("w+b") as file, Package(file) as package:
            package.add("README.txt", _readme(run, keys))
            package.add("report.pdf", sign_pdf(paper, keys, reason="Validation pack"))
            package.add("requirements.csv", _table(_REQUIREMENTS, requirement_rows(run)))
            package.add("risks.csv", _table(_RISKS, risk_rows(run)))
            package.add("trace-matrix.csv", _table(_MATRIX, matrix_rows(run)))
            package.add("results.json", results)
            package.add(THREAT_MODEL, threat_model())
            package.seal(lambda manifest: sign_beside(manifest, keys))
        part.rename(out)
    finally:
        part.unlink(missing_ok=True)


def threat_model() -> bytes:
    """The threat model of this version."""
    return files("compliance.validation").joinpath(THREAT_MODEL).read_bytes()


def requirement_rows(run: ValidationRun) -> list[tuple[str, ...]]:
    """One row for each requirement, as `_REQUIREMENTS` names its columns."""
    rows: list[tuple[str, ...]] = []
    for one in requirements():
        tests = [test for test in run.tests if one.id in test.requirements]
        passed = sum(test.outcome == "passed" for test in tests)
        kept_by = "operator" if one.duty else "system"
        note = one.duty or one.open
        state = state_of(one, run).value
        count = (str(len(tests)), str(passed))
        rows.append((one.id, one.source, one.asks, kept_by, state, note, *count))
    return rows


def risk_rows(run: ValidationRun) -> list[tuple[str, ...]]:
    """One row for each risk, the severest first."""
    found = sorted(requirements(), key=lambda one: (SEVERITIES.index(one.severity), one.id))
    return [(one.id, one.severity, one.risk, one.asks, state_of(one, run).value) for one in found]


def matrix_rows(run: ValidationRun) -> list[tuple[str, ...]]:
    """One row for each requirement and test that stands for it."""
    return [
        (one.id, test.test, test.outcome, f"{test.seconds:.3f}")
        for one in requirements()
        for test in run.tests
        if one.id in test.requirements
    ]


def report_of(run: ValidationRun, *, now: datetime) -> Report:
    """The summary for people."""
    states = [(one, state_of(one, run)) for one in requirements()]
    counted = [
        (state.value, str(sum(found is state for _, found in states))) for state in RequirementState
    ]
    wrong = [
        (one.id, one.asks, state.value, one.open)
        for one, state in states
        if state not in {RequirementState.SHOWN, RequirementState.OPERATOR}
    ]
    about = (
        ("Version", run.version),
        ("Source", run.commit),
        ("Tests run", run.made),
        ("On", f"Python {run.python}, {run.platform}"),
        ("Tests", str(len(run.tests))),
    )
    return Report(
        title="Validation pack",
        made=now,
        made_by=f"Packtrail {run.version}",
        sections=(
            Section("In short", facts=(*about, *counted)),
            Section("Not shown", columns=("id", "asks", "state", "note"), rows=tuple(wrong)),
            Section(
                "Kept by the operator",
                columns=("id", "source", "duty"),
                rows=tuple((one.id, one.source, one.duty) for one, _ in states if one.duty),
            ),
            Section("Risks", columns=_RISKS, rows=tuple(risk_rows(run))),
            Section("Requirements", columns=_REQUIREMENTS, rows=tuple(requirement_rows(run))),
        ),
    )


def _readme(run: ValidationRun, keys: Keys) -> bytes:
    return README.format(
        version=run.version,
        commit=run.commit or "unknown",
        made=run.made,
        python=run.python,
        platform=run.platform,
        fingerprint=keys.root_fingerprint(),
    ).encode()


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """CSV after RFC 4180, every cell quoted, so that no formula runs."""
    out = StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue().encode()


def in_short(run: ValidationRun) -> dict[str, object]:
    """For programs: how many requirements are in each state, and which are not shown."""
    states = {one.id: state_of(one, run) for one in requirements()}
    counted = Counter(states.values())
    return {
        "version": run.version,
        "tests": len(run.tests),
        "states": {state.value: counted[state] for state in RequirementState},
        "failed": [id_ for id_, state in states.items() if state is RequirementState.FAILED],
        "notRun": [id_ for id_, state in states.items() if state is RequirementState.NOT_RUN],
        "open": [id_ for id_, state in states.items() if state is RequirementState.OPEN],
    }
