"""How a document or one of its events is refused, and how findings are collected while reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Iterable

_REFUSING = (Severity.ERROR, Severity.CRITICAL)
_NOWHERE = Where()


class DocumentRefused(Exception):  # noqa: N818  # a refusal is the field's word for it
    """The document cannot be read, or not strictly; `findings` say what, where and what to do.

    >>> raise DocumentRefused([Finding("xml.malformed", Severity.ERROR, "no end tag")])
    Traceback (most recent call last):
    epcis.codec.refusal.DocumentRefused: no end tag
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        self.events_seen = 0
        """Events that were seen before the document was refused, where somebody counted them."""
        worst = [finding for finding in self.findings if finding.severity in _REFUSING]
        super().__init__((worst or list(self.findings))[-1].what)


class EventRefused(Exception):  # noqa: N818  # as above
    """One event cannot be taken in. Raised where it is read; `FindingCollector` counts it."""

    def __init__(self, code: str, what: str, hint: str = "", where: Where = _NOWHERE) -> None:
        super().__init__(what)
        self.finding = Finding(code, Severity.ERROR, what, hint, where)


class FindingCollector:
    """The findings of one document, at most `listed_max` of them listed.

    In strict reading the first error refuses the document.
    """

    def __init__(self, *, listed_max: int, strict: bool = False, raises: bool = True) -> None:
        self._listed: list[Finding] = []
        self.strict = strict
        self._raises = strict and raises
        self.listed_max = listed_max
        self._unlisted = 0
        self._unlisted_worst = Severity.INFO
        self.events_refused = 0
        """Events that were left out so far."""

    def leave_out(self, refused: EventRefused) -> None:
        """Count one event that is not taken in, and add the error that says why.

        Every event that a reader sees is either given to whoever reads, or counted here.
        """
        self.events_refused += 1
        self.add(refused.finding)

    def note(
        self,
        code: str,
        severity: Severity,
        what: str,
        hint: str = "",
        *,
        line: int | None = None,
        path: str | None = None,
    ) -> None:
        """Add one finding; raises DocumentRefused for an error in strict reading."""
        self.add(Finding(code, severity, what, hint, Where(line=line, path=path)))

    def add(self, finding: Finding) -> None:
        """Add a finding made elsewhere; raises DocumentRefused for an error in strict reading."""
        if len(self._listed) < self.listed_max:
            self._listed.append(finding)
        else:
            self._unlisted += 1
            self._unlisted_worst = max_severity(self._unlisted_worst, finding.severity)
        if self._raises and finding.severity in _REFUSING:
            raise DocumentRefused(self.listed)

    @property
    def listed(self) -> list[Finding]:
        """The findings so far; where they are too many, the last says how many are left out."""
        if not self._unlisted:
            return self._listed
        *shown, last = self._listed
        more = Finding(
            "document.more-findings",
            max_severity(last.severity, self._unlisted_worst),
            f"{self._unlisted + 1} further findings are not listed",
            "Mend what is listed and send the document again.",
        )
        return [*shown, more]

    def too_many_events(self, events_max: int) -> DocumentRefused:
        """The refusal of a document with more events than the limit."""
        return self.refuse(
            "document.too-many-events",
            f"the document holds more than {events_max} events",
            "Send it in several documents.",
        )

    def refuse(
        self,
        code: str,
        what: str,
        hint: str = "",
        *,
        line: int | None = None,
        path: str | None = None,
    ) -> DocumentRefused:
        """The refusal to raise, with everything found so far and this last reason."""
        last = Finding(code, Severity.ERROR, what, hint, Where(line=line, path=path))
        return DocumentRefused([*self.listed, last])


def max_severity(one: Severity, other: Severity) -> Severity:
    """The heavier of two severities.

    >>> max_severity(Severity.INFO, Severity.ERROR).value
    'error'
    """
    heaviest_first = list(Severity)
    return min(one, other, key=heaviest_first.index)
