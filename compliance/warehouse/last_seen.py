"""When, where and by whom goods were last seen: the gap in which something went missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from compliance.warehouse.warehouse_tables import count_scan
from epcis.database.columns import moment_of
from epcis.store.event_tables import document, event
from epcis.trace import path
from verification.acts.once import clients_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from epcis.database.transactions import Snapshot
    from epcis.trace import TracedEvent

LAST_SEEN_MAX = 1_000
"""Things whose history is looked through at one time."""
_AT_ONCE = 500
_NOT_AT_HAND = frozenset({"lost", "stolen", "unknown"})
"""Dispositions of events that say that nobody had the goods at hand."""


class LastSeen(NamedTuple):
    """The last time somebody had a thing at hand."""

    at_us: int
    place: str
    """Canonical key; empty where the event names none."""
    step: str
    """Bare word of the business step; `counted` for a scan of a count."""
    by: str
    """Who recorded it: the client of the act, the sender of the file, who counted; or empty."""

    def as_dict(self) -> dict[str, object]:
        """As the API and `--json` show it."""
        at = moment_of(self.at_us).isoformat()
        return {"at": at, "place": self.place, "step": self.step, "by": self.by}


def was_at_hand(one: TracedEvent) -> bool:
    """Whether somebody had the goods at hand, as far as an event tells.

    Papers that name goods (TransactionEvent), and events that say that they are gone, do not.
    """
    return one.type != "TransactionEvent" and one.disposition not in _NOT_AT_HAND


def last_seen(snapshot: Snapshot, keys: Iterable[str]) -> dict[str, LastSeen]:
    """When each thing was last seen, by an event of it or its container, or by a count.

    Things that nobody saw are left out, as are those beyond the first `LAST_SEEN_MAX`.
    """
    wanted = list(dict.fromkeys(keys))[:LAST_SEEN_MAX]
    events: dict[str, TracedEvent] = {}
    for key in wanted:
        seen = [one for one in path(snapshot, key) if was_at_hand(one)]
        if seen:
            events[key] = seen[-1]
    who = _recorded_by(snapshot, list(events.values()))
    found = {
        key: LastSeen(
            one.event_time_us,
            one.biz_location or one.read_point or "",
            one.biz_step or "",
            who.get(one.seq, ""),
        )
        for key, one in events.items()
    }
    for key, scan in _scans(snapshot, wanted).items():
        if key not in found or found[key].at_us < scan.at_us:
            found[key] = scan
    return found


def _scans(snapshot: Snapshot, keys: Sequence[str]) -> dict[str, LastSeen]:
    """The last scan of each thing in any count."""
    table = count_scan.c
    found: dict[str, LastSeen] = {}
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        rows = snapshot.connection.execute(
            select(table.key, table.at_us, table.place, table.by)
            .where(table.key.in_(some))
            .order_by(table.at_us)
        )
        for row in rows:
            found[row.key] = LastSeen(row.at_us, row.place, "counted", row.by)
    return found


def _recorded_by(snapshot: Snapshot, events: Sequence[TracedEvent]) -> dict[int, str]:
    """Who recorded each event, by its number."""
    numbers = [one.seq for one in events]
    found: dict[int, str] = {}
    for start in range(0, len(numbers), _AT_ONCE):
        rows = snapshot.connection.execute(
            select(event.c.seq, document.c.sender)
            .join(document, document.c.id == event.c.document)
            .where(event.c.seq.in_(numbers[start : start + _AT_ONCE]))
        )
        found |= {row.seq: row.sender or "" for row in rows}
    own = {one.event_id: one.seq for one in events if one.seq not in found}
    clients = clients_of(snapshot, own)
    return found | {own[event_id]: client for event_id, client in clients.items()}
