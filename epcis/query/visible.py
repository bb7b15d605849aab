"""What a party may see, asked the way that is cheaper for this party.

A party with few events is asked from its events; for one with many the events are walked in the
order of the page and looked at one by one, which finds a page soon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Integer, and_, cast, exists, func, literal_column, or_, select

from epcis.store.event_tables import (
    document,
    event,
    event_epc,
    event_party,
    item,
    master_data,
    master_data_child,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from epcis.database.transactions import Snapshot

FEW_EVENTS: Final = 5000
"""Up to so many events a party's own list is the better start."""


def has_few(snapshot: Snapshot, party: str) -> bool:
    """Whether the party may see at most `FEW_EVENTS` events."""
    seen = event_party.c
    some = select(seen.seq).where(seen.party == party).limit(FEW_EVENTS + 1).subquery()
    return (snapshot.connection.scalar(select(func.count()).select_from(some)) or 0) <= FEW_EVENTS


def events_of(snapshot: Snapshot, party: str | None) -> list[ColumnElement[bool]]:
    """What a row of `event` must fulfil for the party to see it; None sees all."""
    if party is None:
        return []
    seen = event_party.c
    if has_few(snapshot, party):
        return [event.c.seq.in_(select(seen.seq).where(seen.party == party))]
    return [exists().where(seen.party == party, seen.seq == event.c.seq)]


def master_data_of(party: str | None) -> list[ColumnElement[bool]]:
    """What a row of `master_data` must fulfil for the party to know it; None knows all.

    It knows what documents tell that it sent or that hold an event it may see, and what is recorded
    of itself and its own places.
    """
    if party is None:
        return []
    vocabulary = master_data.c
    sent = exists().where(document.c.id == vocabulary.document, document.c.party == party)
    seen = exists().where(
        event.c.document == vocabulary.document,
        event_party.c.seq == event.c.seq,
        event_party.c.party == party,
    )
    own = or_(vocabulary.key == party, vocabulary.key.startswith(f"{party}/", autoescape=True))
    return [or_(sent, seen, own)]


def below(
    column: ColumnElement[str], keys: tuple[str, ...], party: str | None
) -> ColumnElement[bool]:
    """The column names one of these, or what lies below it by master data the party may know."""
    vocabulary, child = master_data.c, master_data_child.c
    rows = select(child.key, child.child_key)
    if party is not None:
        join = and_(vocabulary.type == child.type, vocabulary.id == child.id)
        rows = rows.join(master_data, join).where(*master_data_of(party))
    known = rows.subquery()
    first = select(known.c.child_key.label("key")).where(known.c.key.in_(keys))
    walk = first.cte(recursive=True)
    # UNION, not UNION ALL: a place that is its own grandchild ends the walk instead of looping.
    walk = walk.union(select(known.c.child_key).where(known.c.key == walk.c.key))
    return or_(column.in_(keys), column.in_(select(walk.c.key)))


def items_of(snapshot: Snapshot, party: str | None) -> list[ColumnElement[bool]]:
    """What a row of `item` must fulfil for the party to see it: an event it may see names it."""
    if party is None:
        return []
    rows, seen = event_epc.c, event_party.c
    block = item.c.id.op(">>")(literal_column("6"))
    bit = cast(item.c.id.op("&")(literal_column("63")), Integer)
    named = and_(rows.block == block, rows.mask.op(">>")(bit).op("&")(1) != 0)
    conditions: list[ColumnElement[bool]] = [
        exists().where(named, seen.seq == rows.seq, seen.party == party)
    ]
    if has_few(snapshot, party):
        conditions.append(item.c.id.in_(_near(party)))
    return conditions


def _near(party: str) -> Select[tuple[int]]:
    """Ids of the items in the blocks of 64 that the party's events name something of."""
    rows, seen = event_epc.c, event_party.c
    blocks = (
        select(rows.block)
        .join(event_party, seen.seq == rows.seq)
        .where(seen.party == party)
        .distinct()
        .subquery()
    )
    near = item.alias()
    first = blocks.c.block * 64
    return select(near.c.id).join(blocks, near.c.id.between(first, first + 63))
