"""Whether the parts of an XML document hold against the schema, and why not, in plain words.

lxml gives the verdict; only what it refuses is explained, which is slow, and only so often.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from epcis.codec.xml.nodes import line_of
from schemas.finding import Finding, Severity, Where
from schemas.validate import event_xml_schema, xml_schema
from schemas.validate.xml_reasons import JudgedPlace, reasons

if TYPE_CHECKING:
    from pathlib import Path

    from lxml.etree import _Element

    from epcis.codec.refusal import FindingCollector

EXPLAINED_MAX: Final = 25
"""Events of one document whose faults are explained; a finding counts further ones."""


class Judge:
    """Judges the parts of one document; in lenient reading its findings are warnings."""

    def __init__(
        self, version: str, collector: FindingCollector, published: Path | None, explained_max: int
    ) -> None:
        self.version = version
        self._collector = collector
        self._published = published
        self._left = explained_max

    def holds(self, document: _Element) -> bool:
        """Whether a document holds, whatever its events say."""
        return xml_schema(self.version, self._published).validate(document)

    def event_holds(self, event: _Element) -> bool:
        """Whether an event element holds; an event younger than the version always does."""
        if self.version == "1.2" and event.tag == "AssociationEvent":
            return True
        return event_xml_schema(self.version, self._published).validate(event)

    def explain_event(self, event: _Element, path: str, line_shift: int) -> None:
        """Note why an event does not hold."""
        if self._left <= 0:
            self._unexplained(event, path, line_shift)
            return
        self._left -= 1
        place = JudgedPlace(self.version, path, self._published)
        for finding in reasons(event, place):
            self._add(finding, line_shift)

    def explain_frame(self, document: _Element, path: str) -> None:
        """Note why what stands around the events does not hold."""
        place = JudgedPlace(self.version, path, self._published, is_frame=True)
        for finding in reasons(document, place):
            self._add(finding, 0)

    def _unexplained(self, event: _Element, path: str, line_shift: int) -> None:
        line = (line_of(event) or 0) + line_shift
        finding = Finding(
            "xml.invalid",
            Severity.ERROR,
            "this event is not valid either",
            "Mend the events explained above and check again.",
            Where(line=line or None, path=path),
        )
        self._add(finding, 0)

    def _add(self, finding: Finding, line_shift: int) -> None:
        if not self._collector.strict and finding.severity is Severity.ERROR:
            finding = replace(finding, severity=Severity.WARNING)
        if line_shift and finding.where.line is not None:
            where = replace(finding.where, line=finding.where.line + line_shift)
            finding = replace(finding, where=where)
        self._collector.add(finding)
