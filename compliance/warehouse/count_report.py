"""A count as somebody may see it now: what differs, or what differed when it was closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from compliance.warehouse.close_count import results_of
from compliance.warehouse.counts import CountState, need_count
from compliance.warehouse.last_seen import last_seen
from compliance.warehouse.variance import SAY_FINDING, CountFinding, variance
from epcis.database.columns import moment_of

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.warehouse.close_count import CountResult
    from compliance.warehouse.counts import CountSession
    from compliance.warehouse.last_seen import LastSeen
    from compliance.warehouse.variance import CountedItem, Variance
    from epcis.database.transactions import Snapshot


class ShownCount(NamedTuple):
    """A count as somebody may see it now."""

    session: CountSession
    found: Variance | None
    """None as long as the count is blind, and when it is over."""
    seen: dict[str, LastSeen]
    """Of what is missing."""
    results: list[CountResult]
    """Of a closed count."""

    def as_dict(self) -> dict[str, object]:
        """As the API and `--json` show it."""
        fields = count_as_dict(self.session)
        if self.found is not None:
            fields |= {"expected": self.found.expected, "asRecorded": self.found.as_recorded}
            fields["differs"] = [self._differing(one) for one in self.found.differs]
        elif self.session.state is CountState.CLOSED:
            fields["differs"] = [one.as_dict() for one in self.results]
        return fields

    def _differing(self, one: CountedItem) -> dict[str, object]:
        seen = self.seen.get(one.key)
        return {
            "id": one.key,
            "finding": one.finding.value,
            "say": SAY_FINDING[one.finding],
            "lot": one.lot,
            "recordedAt": one.recorded_at,
            "countedAt": one.counted_at,
            "countedBy": one.by,
            "lastSeen": seen.as_dict() if seen is not None else None,
        }


def shown_count(snapshot: Snapshot, number: str, now: datetime) -> ShownCount:
    """A count and what may be shown of it. Raises CountRefused where there is none."""
    session = need_count(snapshot, number)
    if session.is_over:
        return ShownCount(session, None, {}, results_of(snapshot, number))
    if session.hides_records:
        return ShownCount(session, None, {}, [])
    found = variance(snapshot, session, now)
    keys = [one.key for one in found.of(CountFinding.MISSING)]
    return ShownCount(session, found, last_seen(snapshot, keys), [])


def count_as_dict(session: CountSession) -> dict[str, object]:
    """A count without what differs."""
    return {
        "number": session.id,
        "place": session.place,
        "gtin": session.gtin,
        "blind": session.is_blind,
        "opened": session.is_opened,
        "state": session.state.value,
        "by": session.by,
        "at": moment_of(session.opened_us).isoformat(),
        "ended": moment_of(session.ended_us).isoformat() if session.ended_us else None,
        "endedBy": session.ended_by,
        "why": session.why,
        "recounts": session.round,
        "scans": session.scans,
        "expected": session.expected,
        "asRecorded": session.as_recorded,
    }
