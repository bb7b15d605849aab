"""Which condition of a query the database starts from: the one that the fewest events fulfil.

The databases decide by averages: a step that a quarter of all events name looks narrower to them
than an hour. So the conditions that have an index are asked how many they find, up to a bound; the
narrowest leads and all others become tests of the few it names. Decision 0121.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from epcis.store.event_tables import event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement

    from epcis.database.transactions import Snapshot
    from epcis.query.compile import Way

FEW_EVENTS: Final = 2000
"""A condition that so many events fulfil at most may lead."""
VERY_FEW_EVENTS: Final = 250
"""Where one finds so few, the others are not asked: that would cost more than it saves."""
PORTION_EVENTS: Final = 1000
"""The first portion of a condition that many fulfil; each further one is four times as long."""


def narrowest(snapshot: Snapshot, ways: Sequence[Way], *, in_order: bool) -> Way | None:
    """The condition that the fewest events fulfil; None where many fulfil each.

    `in_order`: whether events are wanted in the order of their numbers.
    """
    found = next((one for one in ways if one.is_narrow), None)
    if found is not None:
        return found
    if len(ways) == 1 and ways[0].streams and in_order:
        return None  # its portions are as good, and need no count before
    few = FEW_EVENTS
    for way in ways:
        if way.seqs is None or not way.has_index:
            continue
        some = way.seqs.limit(few + 1).subquery()
        count = snapshot.connection.scalar(select(func.count()).select_from(some)) or 0
        if count <= few:
            found, few = way, count
        if found is not None and few <= VERY_FEW_EVENTS:
            break
    return found


def clauses(ways: Sequence[Way], leader: Way | None) -> list[ColumnElement[bool]]:
    """What a row of `event` must fulfil: to be one of the leader's, and to pass the other tests."""
    found = [way.test for way in ways if way is not leader]
    if leader is not None and leader.seqs is not None:
        found.insert(0, event.c.seq.in_(leader.seqs))
    return found


def portions(
    snapshot: Snapshot, ways: Sequence[Way], after: int
) -> Iterator[list[ColumnElement[bool]]]:
    """The tests, portion by portion of the events in the order of their numbers after `after`.

    For a condition that stands alone, or conditions that many events fulfil: a page needs few of
    them, and their table gives them in order.
    """
    leader = next((one for one in ways if one.streams), None)
    if leader is None or leader.seqs is None:
        yield clauses(ways, None)
        return
    rows_max = PORTION_EVENTS
    while True:
        led = leader.seqs.subquery()
        portion = (select(led.c.seq).where(led.c.seq > after).distinct().order_by(led.c.seq)).limit(
            rows_max
        )
        some = portion.subquery()
        count, last = snapshot.connection.execute(
            select(func.count(), func.max(some.c.seq)).select_from(some)
        ).one()
        if count:
            among = event.c.seq.in_(select(some.c.seq))
            yield [among, *(way.test for way in ways if way is not leader)]
        if count < rows_max:
            return
        after, rows_max = last, rows_max * 4
