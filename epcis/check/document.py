"""Rules over a whole document: its dates, its ids, its master data, that it holds events.

Standard: EPCIS 2.0 sections 7.4.1 (event ids), 7.5 and 9.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from epcis.check.when import instant
from schemas.finding import Finding, Severity, Where
from schemas.wording import PATH_MAX, brief

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from epcis.model import ErrorDeclaration, Event, Header, Vocabulary

MASTER_DATA: Final = (
    "/EPCISDocument/EPCISHeader/extension/EPCISMasterData"
    "/VocabularyList/Vocabulary/VocabularyElementList"
)
"""Where the entries of master data stand in an XML document."""
_IDS_MAX: Final = 1_000_000
"""Event ids that are remembered to find one that stands twice."""
_CORRECTIONS_MAX: Final = 100_000
"""Ids of corrective events that are looked for."""
_VERSIONS: Final = ("1.0", "1.1", "1.2", "2.0", "2.0.0", "2.0.1", "2.0.2", "")


@dataclass
class DocumentRules:
    """Follows a document's events and judges it at the end."""

    ids: dict[str, str] = field(default_factory=dict)
    """Event ids seen, with the path of the event that had it first."""
    corrections: dict[str, Where] = field(default_factory=dict)
    """Ids of corrective events, with the declaration that names them first."""
    events: int = 0
    latest: datetime | None = None
    latest_path: str = ""

    def see(self, event: Event, where: Where) -> Iterator[Finding]:
        """Take note of one event; an id that has been seen is a finding at once."""
        self.events += 1
        at = instant(event.event_time, event.event_time_zone_offset)
        if at is not None and (self.latest is None or at > self.latest):
            self.latest, self.latest_path = at, where.path or ""
        # An error declaration carries the id of the event it declares wrong.
        if event.error_declaration is not None:
            self._note_corrections(event.error_declaration, where)
            return
        if event.event_id is None:
            return
        first = self.ids.get(event.event_id)
        if first is not None:
            yield _finding(
                "document.event-id-repeated",
                Severity.ERROR,
                f"the event id {event.event_id} stands at two events",
                f"The other is {first}; each event has an id of its own.",
                where,
            )
        elif len(self.ids) < _IDS_MAX:
            self.ids[event.event_id] = where.path or ""

    def judge(self, header: Header, now: datetime | None = None) -> Iterator[Finding]:
        """What is wrong with the document as a whole; `now` finds what lies in the future."""
        if header.kind in ("document", "query") and not self.events and not header.master_data:
            yield _finding(
                "document.no-events",
                Severity.WARNING,
                "the document holds no events",
                "Check whether the sender lost them.",
            )
        if header.schema_version not in _VERSIONS:
            yield _finding(
                "document.version-unknown",
                Severity.WARNING,
                f"schemaVersion {header.schema_version} is not known",
                "EPCIS documents are of version 1.0, 1.1, 1.2 or 2.0.",
                Where(path="/EPCISDocument/@schemaVersion"),
            )
        yield from self._dates(header, now)
        yield from self._corrections()
        yield from _master_data(header)

    def _note_corrections(self, declared: ErrorDeclaration, where: Where) -> None:
        for identifier in declared.corrective_event_ids or ():
            if len(self.corrections) < _CORRECTIONS_MAX:
                self.corrections.setdefault(identifier, where)

    def _corrections(self) -> Iterator[Finding]:
        for identifier, where in self.corrections.items():
            if identifier not in self.ids:
                yield _finding(
                    "document.correction-elsewhere",
                    Severity.INFO,
                    f"the corrective event {identifier} is not in this document",
                    "It must be in the repository already, or come soon.",
                    where,
                )

    def _dates(self, header: Header, now: datetime | None) -> Iterator[Finding]:
        created = instant(header.creation_date) if header.creation_date else None
        where = Where(path="/EPCISDocument/@creationDate")
        if created is not None and self.latest is not None and created < self.latest:
            yield _finding(
                "document.created-before-events",
                Severity.WARNING,
                f"the document was created at {header.creation_date}, before its latest event",
                f"The latest is {self.latest_path}; check the sender's clock.",
                where,
            )
        if now is not None and created is not None and created > now:
            yield _finding(
                "document.created-in-future",
                Severity.WARNING,
                f"the document was created at {header.creation_date}, which is still to come",
                "Check the sender's clock.",
                where,
            )


def _finding(
    code: str, severity: Severity, what: str, hint: str, where: Where | None = None
) -> Finding:
    place = where or Where()
    return Finding(
        code,
        severity,
        brief(what),
        brief(hint),
        Where(line=place.line, path=place.path and brief(place.path, PATH_MAX)),
    )


def _master_data(header: Header) -> Iterator[Finding]:
    for vocabulary in header.master_data:
        yield from _vocabulary(vocabulary)


def _vocabulary(vocabulary: Vocabulary) -> Iterator[Finding]:
    seen: dict[str, object] = {}
    for element in vocabulary.elements:
        where = Where(path=f"{MASTER_DATA}/VocabularyElement[@id='{element.id}']")
        if element.id in seen and seen[element.id] != element.attributes:
            yield _finding(
                "document.master-data-conflict",
                Severity.WARNING,
                f"{element.id} stands twice with different attributes",
                "Keep one entry.",
                where,
            )
        seen.setdefault(element.id, element.attributes)
        if element.id in (element.children or ()):
            yield _finding(
                "document.master-data-cycle",
                Severity.ERROR,
                f"{element.id} is named as its own child",
                "Nothing lies below itself: check children.",
                where,
            )
