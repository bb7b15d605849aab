"""A checked file as its page, its JSON and its command show it: findings of one kind together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Final

from compliance.rules.catalogue import RULE_OF_CODE, as_listed
from compliance.rules.file import examine
from compliance.rules.mend import mend
from compliance.rules.spans import NotMendable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from compliance.rules.file import FileAnswer, FileQuestion
    from compliance.rules.mend import RepairDone
    from schemas.finding import Finding, Severity

SHOWN_MAX: Final = 20
"""Findings of one kind that are listed one by one."""
MENDED_BYTES_MAX: Final = 16 * 2**20
"""Largest file of which a corrected copy is made beside the check, in memory."""
_MORE: Final = "document.more-findings"


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings of one kind."""

    code: str
    severity: Severity
    count: int
    """How many there are, those that are not listed too."""
    rule: str
    """Number of the rule; empty for a rule of the standard itself."""
    asks: str
    """What the rule asks, in plain words."""
    citation: str
    findings: tuple[Finding, ...]
    """The first `SHOWN_MAX`."""

    def as_dict(self) -> dict[str, object]:
        """As JSON shows it."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "count": self.count,
            "rule": self.rule,
            "asks": self.asks,
            "citation": self.citation,
            "findings": [as_listed(one) for one in self.findings],
        }

    @property
    def unlisted(self) -> int:
        """How many more there are than are listed."""
        return self.count - len(self.findings)


def grouped(answer: FileAnswer) -> tuple[FindingGroup, ...]:
    """The findings of a file by kind, the heaviest kinds first."""
    kinds: dict[tuple[str, Severity], list[Finding]] = {}
    for one in answer.findings:
        if one.code != _MORE:
            kinds.setdefault((one.code, one.severity), []).append(one)
    several = {code for code, _ in kinds if sum(code == other for other, _ in kinds) > 1}
    return tuple(
        _group(found, len(found) if code in several else answer.counts.get(code, len(found)))
        for (code, _), found in kinds.items()
    )


def _group(found: list[Finding], count: int) -> FindingGroup:
    first = found[0]
    rule = RULE_OF_CODE.get(first.code)
    return FindingGroup(
        code=first.code,
        severity=first.severity,
        count=max(count, len(found)),
        rule=rule.id if rule else "",
        asks=rule.asks if rule else "",
        citation=rule.citation if rule else "EPCIS 1.2 and 2.0, schema and prose",
        findings=tuple(found[:SHOWN_MAX]),
    )


@dataclass(frozen=True, slots=True)
class FileReport:
    """A checked file, and what could be mended in it."""

    name: str
    answer: FileAnswer
    changes: tuple[RepairDone, ...] = ()
    """What a corrected copy differs in."""
    left: tuple[Finding, ...] = ()
    """What only the sender of the file can mend."""
    not_mendable: str = ""
    """Why no corrected copy can be made; empty where one can."""

    @property
    def groups(self) -> tuple[FindingGroup, ...]:
        """The findings by kind."""
        return grouped(self.answer)

    @property
    def counts(self) -> dict[str, int]:
        """Severity -> findings of it."""
        return by_severity(self.groups)

    def as_dict(self) -> dict[str, object]:
        """The report as `POST /files/check` answers it."""
        return {
            "file": self.name,
            "profile": self.answer.profile,
            "isFine": self.answer.is_fine,
            "counts": self.counts,
            "content": self.answer.content.as_dict(),
            "groups": [group.as_dict() for group in self.groups],
            "findings": [as_listed(one) for one in self.answer.findings],
            "corrected": {
                "changes": [change.as_dict() for change in self.changes],
                "left": [as_listed(one) for one in self.left],
                "notPossible": self.not_mendable,
            },
        }


def report_on(
    source: BinaryIO, name: str, question: FileQuestion, *, size_bytes: int
) -> tuple[FileReport, bytes | None]:
    """Check a file, and correct it where that is safe: the report and the corrected copy, if any.

    The file can be read again. Of a file of more than `MENDED_BYTES_MAX` no copy is made.
    """
    answer = examine(source, question)
    if size_bytes > MENDED_BYTES_MAX:
        why = "the file is too large to be corrected here: use `packtrail check FILE --fix OUT`"
        return FileReport(name, answer, left=answer.findings, not_mendable=why), None
    source.seek(0)
    try:
        mended = mend(source.read(), replace(question, profile=answer.profile))
    except NotMendable as fault:
        return FileReport(name, answer, left=answer.findings, not_mendable=str(fault)), None
    report = FileReport(name, answer, mended.changes, mended.left)
    return report, mended.data if mended.changes else None


def by_severity(groups: Iterable[FindingGroup]) -> dict[str, int]:
    """How many findings there are of each severity.

    >>> by_severity([])
    {}
    """
    counts: dict[str, int] = {}
    for group in groups:
        counts[group.severity.value] = counts.get(group.severity.value, 0) + group.count
    return counts
