"""How long each class of record is kept: the operator's policy, checked against the law.

The default policy destroys nothing that any law asks for: records of trade are kept for good and
old events move to the archive; only traces of work (sessions, finished jobs) are erased.
Periods of the law: FD&C Act 582(b)-(e) (six years), Delegated Regulation (EU) 2016/161 Articles 15
and 33(4) (one year after expiry, or five after release, whichever is longer).
"""

from __future__ import annotations

import re
import tomllib
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

POLICY_BYTES_MAX = 64 * 1024
_PERIOD = re.compile(r"([1-9][0-9]{0,3}) (day|month|year)s?")
_MONTHS_PER = {"month": 1, "year": 12}
_DAYS_PER_MONTH_MIN = 28


@dataclass(frozen=True, slots=True)
class Period:
    """A retention period: whole calendar months, or days.

    >>> str(Period.parse("6 years")), str(Period.parse("1 month")), str(Period.parse("90 days"))
    ('6 years', '1 month', '90 days')
    """

    months: int = 0
    days: int = 0

    @classmethod
    def parse(cls, text: str) -> Period:
        """`90 days`, `18 months` or `6 years`. Raises ValueError."""
        found = _PERIOD.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"'{text}' is no period: write '90 days', '18 months' or '6 years'")
        count, unit = int(found[1]), found[2]
        return cls(days=count) if unit == "day" else cls(months=count * _MONTHS_PER[unit])

    def __str__(self) -> str:
        count, unit = self.days, "day"
        if self.months:
            in_years = self.months % 12 == 0
            count, unit = (self.months // 12, "year") if in_years else (self.months, "month")
        return f"{count} {unit}" + ("s" if count != 1 else "")

    def before(self, now: datetime) -> datetime:
        """The point in time one period earlier; older records are past the period.

        >>> from datetime import UTC, datetime
        >>> Period.parse("1 year").before(datetime(2028, 2, 29, tzinfo=UTC)).date().isoformat()
        '2027-02-28'
        """
        return _months_earlier(now, self.months, self.days)

    def is_shorter_than(self, other: Period) -> bool:
        """Whether there is a day on which this period is over and the other is not.

        >>> Period.parse("1825 days").is_shorter_than(Period.parse("5 years"))
        True
        """
        mine = self.months * _DAYS_PER_MONTH_MIN + self.days
        longest = -(-other.months * 366 // 12) + other.days
        if self.months and other.months:
            return self.months < other.months
        return mine < longest


def _months_earlier(now: datetime, months: int, days: int) -> datetime:
    count = now.year * 12 + now.month - 1 - months
    year, month = divmod(count, 12)
    day = min(now.day, monthrange(year, month + 1)[1])
    return now.replace(year=year, month=month + 1, day=day) - timedelta(days=days)


class RecordClass(StrEnum):
    """A class of record that has a retention period."""

    EVENTS = "events"
    """What happened to packs: the payload of each event."""
    DOCUMENTS = "documents"
    """The bytes of documents as they were received."""
    VERIFICATIONS = "verifications"
    """Questions to other companies whether a pack is theirs, and the answers."""
    ALERTS = "alerts"
    """Suspected falsifications and how each was cleared up."""
    RETURNS = "returns"
    """Saleable returns and what was decided about each."""
    SERVICE_TIMES = "service-times"
    """How fast this service answered."""
    CAPTURE_JOBS = "capture-jobs"
    """Outcomes of captures; the events and documents are records of their own."""
    RETRIES = "retries"
    """Answers kept so that a repeated request gets the same one; finished bulk jobs."""
    GUESSES = "guesses"
    """How often a client asked for serials that do not exist."""
    EXPORTS = "exports"
    """Orders of dossiers; the dossiers themselves are the operator's."""
    SESSIONS = "sessions"
    """Sign-in sessions and one-time links."""
    PAGE_TOKENS = "page-tokens"
    """Tokens of result pages that callers gave back early."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """The least period that a law demands."""

    keep: Period
    after_expiry: Period | None
    """Also the period after the expiry date of the packs that the record is about."""
    source: str


_TRADE = "FD&C Act 582(b)(1)(A), (c)(1)(A), (d)(1)(A), (e)(1)(A); (EU) 2016/161 Art. 15, 33(4)"
_SIX, _FIVE, _ONE = (Period(months=12 * years) for years in (6, 5, 1))
LAW: Mapping[RecordClass, Minimum] = {
    RecordClass.EVENTS: Minimum(_SIX, _ONE, _TRADE),
    RecordClass.DOCUMENTS: Minimum(_SIX, _ONE, _TRADE),
    RecordClass.VERIFICATIONS: Minimum(_SIX, None, "FD&C Act 582(b)(4)(C), (d)(4)(C)"),
    RecordClass.ALERTS: Minimum(
        _SIX, None, "(EU) 2016/161 Art. 35(1)(g), 37(d); FD&C Act 582(b)(4)(A)"
    ),
    RecordClass.RETURNS: Minimum(_SIX, None, "FD&C Act 582(b)(4)(C), (c)(4)(D)"),
    RecordClass.SERVICE_TIMES: Minimum(_FIVE, None, "(EU) 2016/161 Art. 35(1)(f), 37(e)"),
}
"""No law demands a period for the classes that are not here."""

ARCHIVABLE = frozenset({RecordClass.EVENTS, RecordClass.DOCUMENTS})


@dataclass(frozen=True, slots=True)
class Rule:
    """When a class of record is archived and erased."""

    record: RecordClass
    archive_after: Period | None = None
    """None: it stays in the database."""
    erase_after: Period | None = None
    """None: it is kept for good."""
    because: str = ""
    """The operator's reason where it is kept shorter than the law asks for."""

    def as_dict(self) -> dict[str, str | None]:
        """The rule as certificates and `retention policy --json` show it."""
        law = LAW.get(self.record)
        return {
            "record": self.record.value,
            "archiveAfter": str(self.archive_after) if self.archive_after else None,
            "eraseAfter": str(self.erase_after) if self.erase_after else None,
            "shorterThanLawBecause": self.because or None,
            "lawKeeps": str(law.keep) if law else None,
            "law": law.source if law else None,
        }


_DEFAULTS = (
    Rule(RecordClass.EVENTS, archive_after=_SIX),
    Rule(RecordClass.DOCUMENTS, archive_after=_SIX),
    Rule(RecordClass.VERIFICATIONS),
    Rule(RecordClass.ALERTS),
    Rule(RecordClass.RETURNS),
    Rule(RecordClass.SERVICE_TIMES),
    Rule(RecordClass.CAPTURE_JOBS, erase_after=Period(days=90)),
    Rule(RecordClass.RETRIES, erase_after=Period(days=90)),
    Rule(RecordClass.GUESSES, erase_after=Period(days=90)),
    Rule(RecordClass.EXPORTS),
    Rule(RecordClass.SESSIONS, erase_after=Period(days=30)),
    Rule(RecordClass.PAGE_TOKENS, erase_after=Period(days=1)),
)


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """A rule for every class of record.

    >>> rules = RetentionPolicy().rules
    >>> [one.record.value for one in rules if one.erase_after and one.record in LAW]
    []
    """

    rules: tuple[Rule, ...] = field(default=_DEFAULTS)

    def rule(self, record: RecordClass) -> Rule:
        """The rule of one class of record."""
        return next(rule for rule in self.rules if rule.record is record)


class PolicyRefused(ValueError):  # noqa: N818  # it is a refusal, not an error
    """The text is no policy, or a period is shorter than the law's; the findings say where."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(str(finding.what) for finding in findings))
        self.findings = findings


def parse_policy(text: str) -> RetentionPolicy:
    r"""A policy from TOML: one table for each class of record; omitted classes keep the default.

    Keys: `archive_after`, `erase_after` (a period, or "never") and `shorter_than_law_because`.
    Raises PolicyRefused.

    >>> parse_policy('[events]\narchive_after = "2 years"').rule(RecordClass.EVENTS).archive_after
    Period(months=24, days=0)
    """
    if len(text) > POLICY_BYTES_MAX:
        raise PolicyRefused([_finding("policy", f"has more than {POLICY_BYTES_MAX} bytes")])
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise PolicyRefused([_finding("policy", f"is not TOML: {fault}")]) from None
    findings: list[Finding] = []
    rules = {rule.record: rule for rule in _DEFAULTS}
    for name, table in document.items():
        if name not in {record.value for record in RecordClass} or not isinstance(table, dict):
            known = ", ".join(RecordClass)
            findings.append(_finding(name, "is no class of record", f"One of: {known}."))
            continue
        rule = _rule(RecordClass(name), table, findings)
        rules[rule.record] = rule
        findings.extend(_against_law(rule))
    if findings:
        raise PolicyRefused(findings)
    return RetentionPolicy(tuple(rules.values()))


def read_policy(path: Path | None) -> RetentionPolicy:
    """The policy in a file, the default where there is none. Raises OSError, PolicyRefused."""
    if path is None:
        return RetentionPolicy()
    with path.open("rb") as file:
        data = file.read(POLICY_BYTES_MAX + 1)
    try:
        return parse_policy(data.decode())
    except UnicodeDecodeError:
        raise PolicyRefused([_finding("policy", "is not UTF-8 text")]) from None


def _rule(record: RecordClass, table: dict[str, object], findings: list[Finding]) -> Rule:
    default = RetentionPolicy().rule(record)
    periods = {"archive_after": default.archive_after, "erase_after": default.erase_after}
    for key, value in table.items():
        where = f"{record}.{key}"
        if key in periods and isinstance(value, str):
            try:
                periods[key] = None if value == "never" else Period.parse(value)
            except ValueError as fault:
                findings.append(_finding(where, str(fault)))
        elif key != "shorter_than_law_because" or not isinstance(value, str):
            hint = "Keys: archive_after, erase_after, shorter_than_law_because; values are texts."
            findings.append(_finding(where, "is not understood", hint))
    because = table.get("shorter_than_law_because", "")
    return Rule(record, **periods, because=because if isinstance(because, str) else "")


def _against_law(rule: Rule) -> list[Finding]:
    """Findings where a rule is shorter than the law or cannot work."""
    found = []
    archive, erase, law = rule.archive_after, rule.erase_after, LAW.get(rule.record)
    if archive is not None and rule.record not in ARCHIVABLE:
        found.append(_finding(f"{rule.record}.archive_after", "is for events and documents only"))
    if rule.record in ARCHIVABLE and erase is not None:
        if archive is None:
            found.append(
                _finding(
                    f"{rule.record}.erase_after",
                    "needs archive_after: only what is archived is erased",
                )
            )
        elif erase.is_shorter_than(archive):
            found.append(_finding(f"{rule.record}.erase_after", "comes before archive_after"))
    too_short = law is not None and erase is not None and erase.is_shorter_than(law.keep)
    if law is not None and too_short and not rule.because.strip():
        found.append(
            Finding(
                "retention.below-law",
                Severity.ERROR,
                f"{rule.record} would be erased after {erase}; the law asks for {law.keep}"
                f" ({law.source})",
                "Keep them longer, or say why in shorter_than_law_because.",
                Where(path=f"{rule.record}.erase_after"),
            )
        )
    return found


def _finding(where: str, what: str, hint: str = "") -> Finding:
    return Finding("retention.policy", Severity.ERROR, f"{where} {what}", hint, Where(path=where))
