"""What a party may see, asked the way that is cheaper for this party.

A party with few events is asked from its events; for one with many the events are walked in the
order of the page and looked at one by one, which finds a page soon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Integer, and_, cast, exists, func, literal_column, select

from epcis.store.tables import event, event_epc, event_party, item

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from epcis.store.database import View

FEW_EVENTS: Final = 5000
"""Up to so many events a party's own list is the better start."""


def has_few(view: View, party: str) -> bool:
    """Whether the party may see at most `FEW_EVENTS` events."""
    seen = event_party.c
    some = select(seen.seq).where(seen.party == party).limit(FEW_EVENTS + 1).subquery()
    return (view.connection.scalar(select(func.count()).select_from(some)) or 0) <= FEW_EVENTS


def events_of(view: View, party: str | None) -> list[ColumnElement[bool]]:
    """What a row of `event` must fulfil for the party to see it; None sees all."""
    if party is None:
        return []
    seen = event_party.c
    if has_few(view, party):
        return [event.c.seq.in_(select(seen.seq).where(seen.party == party))]
    return [exists().where(seen.party == party, seen.seq == event.c.seq)]


def items_of(view: View, party: str | None) -> list[ColumnElement[bool]]:
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
    if has_few(view, party):
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
