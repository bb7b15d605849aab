"""What is new for a standing query: matching events after a cursor, in order of arrival."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from epcis.query import search
from epcis.query.bounded import bounded
from epcis.query.named import get as named_query
from epcis.query.parameters import parse
from epcis.store import arrival
from epcis.store.event_tables import event
from epcis.subscribe.subscription import Arrival

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store
    from epcis.query.conditions import Query
    from epcis.query.search import FoundEvent
    from epcis.subscribe.subscription import Subscription

BATCH_EVENTS: Final = 100
"""Most events of one delivery."""


@dataclass(frozen=True, slots=True)
class News:
    """New events, and the cursor up to which there are no others."""

    events: tuple[FoundEvent, ...]
    cursors: tuple[Arrival, ...]
    """One for each event."""
    up_to: Arrival
    """Cursor to continue from once all of `events` are accepted."""
    is_all: bool
    """Whether there is nothing more at the moment."""


def query_of(snapshot: Snapshot, one: Subscription) -> Query:
    """The query of a subscription; LookupError where it was deleted."""
    if one.parameters is not None:
        return parse(one.parameters)
    found = named_query(snapshot, one.query, party=None)
    if found is None:
        raise LookupError(one.query)
    return found.query


def news(
    snapshot: Snapshot,
    query: Query,
    selection: search.Selection,
    since: Arrival,
    *,
    from_record_time: datetime,
    rows_max: int = BATCH_EVENTS,
    newest: Arrival | None = None,
) -> News:
    """The next matching events after `since` that were recorded from `from_record_time` on.

    `newest` is the newest arrival of an earlier snapshot, where this one may not see all events.
    """
    settled = arrival.settled(snapshot)
    if newest is None:
        newest = _newest(snapshot, settled, since)
    statement = (
        select(*search.COLUMNS, event.c.txid)
        .where(
            *search.conditions(snapshot, query, selection, led=False),
            event.c.record_time >= from_record_time,
            settled,
            arrival.after(snapshot, since.txid, since.seq),
        )
        .order_by(*arrival.order(snapshot))
        .limit(rows_max + 1)
    )
    with bounded(snapshot):
        rows = snapshot.connection.execute(statement).fetchall()
    events = search.given_out(snapshot, rows[:rows_max], size_bytes_max=search.PAGE_BYTES_MAX)
    cursors = tuple(Arrival(row.txid, row.seq) for row in rows[: len(events)])
    is_all = len(events) == len(rows)
    return News(
        events,
        cursors,
        max((newest, since, *cursors[-1:]), key=_place) if is_all else cursors[-1],
        is_all,
    )


def latest(
    store: Store,
    query: Callable[[Snapshot], Query],
    one: Subscription,
    *,
    rows_max: int = BATCH_EVENTS,
) -> News:
    """New events for a subscription, from a snapshot that shows its party's events only.

    The cursor must also pass events of other parties, or each round would search them again. So
    the newest arrival is read before, from a snapshot of all events.
    """
    newest = None
    if one.party is not None and not store.has_one_writer:
        with store.read() as everything:
            newest = newest_arrival(everything)
    with store.read(party=one.party) as snapshot:
        return news(
            snapshot,
            query(snapshot),
            search.Selection(party=one.party),
            one.cursor,
            from_record_time=one.initial_record_time,
            rows_max=rows_max,
            newest=newest,
        )


def _place(cursor: Arrival) -> tuple[int, int]:
    return cursor.txid, cursor.seq


def newest_arrival(snapshot: Snapshot) -> Arrival:
    """The newest event before which no other event can still appear."""
    return _newest(snapshot, arrival.settled(snapshot), Arrival())


def _newest(snapshot: Snapshot, settled: ColumnElement[bool], since: Arrival) -> Arrival:
    """The newest settled event of the snapshot, or `since` where there is none after it."""
    statement = (
        select(event.c.txid, event.c.seq)
        .where(settled, arrival.after(snapshot, since.txid, since.seq))
        .order_by(*(column.desc() for column in arrival.order(snapshot)))
        .limit(1)
    )
    row: Any = snapshot.connection.execute(statement).first()
    return since if row is None else Arrival(row.txid, row.seq)
