"""Findings: the one form in which every package tells a person what is wrong with an input."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Severity(StrEnum):
    """How serious a finding is, the most serious first.

    >>> Severity("error") is Severity.ERROR
    True
    """

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Where:
    """The place that a finding is about, as far as it is known."""

    line: int | None = None
    """1-based line of the file."""
    path: str | None = None
    """XPath or JSON pointer inside the document, or the name of the field."""
    position: int | None = None
    """0-based character offset inside a scanned text."""

    def as_dict(self) -> dict[str, int | str]:
        """The known parts only, ready for JSON.

        >>> Where(line=3).as_dict()
        {'line': 3}
        """
        known = {"line": self.line, "path": self.path, "position": self.position}
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing, about an input.

    >>> print(Finding("gtin.check-digit", Severity.ERROR, "check digit is 3, must be 4"))
    error gtin.check-digit: check digit is 3, must be 4
    """

    code: str
    """Stable, dotted, lower case; programs match on it."""
    severity: Severity
    what: str
    """One sentence: what is wrong."""
    hint: str = ""
    """One sentence: what to do about it."""
    where: Where = field(default_factory=Where)

    def __str__(self) -> str:
        return f"{self.severity} {self.code}: {self.what}"

    def as_dict(self) -> dict[str, object]:
        """The finding as every ``--json`` output and problem body shows it.

        >>> Finding("x", Severity.INFO, "seen").as_dict()
        {'code': 'x', 'severity': 'info', 'where': {}, 'what': 'seen', 'hint': ''}
        """
        return {
            "code": self.code,
            "severity": self.severity.value,
            "where": self.where.as_dict(),
            "what": self.what,
            "hint": self.hint,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Finding:  # JSON, as `as_dict` wrote it
        """The finding that `as_dict` describes.

        >>> finding = Finding("x", Severity.INFO, "seen", where=Where(line=3))
        >>> Finding.from_dict(finding.as_dict()) == finding
        True
        """
        severity, where = Severity(fields["severity"]), Where(**fields["where"])
        return cls(fields["code"], severity, fields["what"], fields["hint"], where)


def is_acceptable(findings: Iterable[Finding]) -> bool:
    """Whether nothing among the findings is an error or worse.

    >>> is_acceptable([Finding("x", Severity.WARNING, "odd")])
    True
    """
    refusing = (Severity.ERROR, Severity.CRITICAL)
    return not any(finding.severity in refusing for finding in findings)
