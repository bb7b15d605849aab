"""Corrective events: an error declaration names by id the events that say it right.

Those may come later, so a missing one does not stop a capture; a finding says so. Standard:
EPCIS 2.0 section 7.4.1.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.finding import Finding, Severity, Where
from schemas.wording import brief

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.database.raw_driver import RawDriver
    from epcis.model import Event

CORRECTIONS_MAX: Final = 10_000
"""Corrective ids of one document that are looked up."""
_STORED: Final = "SELECT event_id FROM event WHERE event_id"


class Corrections:
    """The corrective ids of one document, to be looked up once its events are stored."""

    def __init__(self) -> None:
        self._named: dict[str, int] = {}

    def note(self, position: int, event: Event) -> None:
        """Remember what an event, by its place in the document, names as its correction."""
        declared = event.error_declaration
        if declared is None:
            return
        for identifier in declared.corrective_event_ids or ():
            if len(self._named) < CORRECTIONS_MAX:
                self._named.setdefault(identifier, position)

    def missing(self, driver: RawDriver) -> Iterator[Finding]:
        """A warning for each id that no stored event has."""
        stored = {row[0] for row in driver.all_in(_STORED, list(self._named))}
        for identifier, position in self._named.items():
            if identifier not in stored:
                yield Finding(
                    "event.correction-unknown",
                    Severity.WARNING,
                    brief(f"event {position}: no event here has the corrective id {identifier}"),
                    "Send the corrective event too, or check the id in correctiveEventIDs.",
                    Where(path=f"event[{position}]/errorDeclaration/correctiveEventIDs"),
                )
