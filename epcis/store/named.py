"""Which items an event names, 64 to a row.

Items get their ids in the order in which they are commissioned, so the items of an event are
mostly neighbours: one row says for a block of 64 ids which of them the event names. Ask through
`naming`, which turns item ids into a selection of event numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, false, or_, select

from epcis.database.columns import pack_key
from epcis.database.raw_driver import RawDriver
from epcis.store.event_tables import event_epc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Select

    from epcis.database.transactions import Snapshot
    from epcis.store.event_tables import Role

ALL_BITS = (1 << 64) - 1
_SIGN = 1 << 63
_NAMING = (
    "SELECT DISTINCT x.seq FROM (SELECT id FROM item_key WHERE key = ? LIMIT 1) i"
    " JOIN event_epc x ON x.block = i.id >> 6"
    " AND x.mask & (CAST(1 AS BIGINT) << CAST(i.id & 63 AS INTEGER)) <> 0 ORDER BY x.seq"
)


def blocks_of(ids: Iterable[int]) -> dict[int, int]:
    """Item ids as block -> mask, the mask as the signed 64-bit number that is stored.

    >>> blocks_of([1, 3, 64])
    {0: 10, 1: 1}
    """
    return {block: signed(mask) for block, mask in masks_of(ids).items()}


def masks_of(ids: Iterable[int]) -> dict[int, int]:
    """As `blocks_of`, the masks not yet signed.

    >>> masks_of([63]), blocks_of([63])
    ({0: 9223372036854775808}, {0: -9223372036854775808})
    """
    masks: dict[int, int] = {}
    for one in ids:
        block = one >> 6
        masks[block] = masks.get(block, 0) | 1 << (one & 63)
    return masks


def signed(mask: int) -> int:
    """A mask as the 64-bit number that databases know."""
    return mask - (1 << 64) if mask & _SIGN else mask


def ids_of(block: int, mask: int) -> Iterator[int]:
    """The inverse of `blocks_of` for one row.

    >>> list(ids_of(1, 3))
    [64, 65]
    """
    first, rest = block << 6, mask & ALL_BITS
    while rest:
        low = rest & -rest
        yield first + low.bit_length() - 1
        rest ^= low


def bit(item_id: int) -> int:
    """The mask that holds only this item."""
    return blocks_of((item_id,))[item_id >> 6]


def names(ids: Iterable[int], roles: Sequence[Role] = ()) -> ColumnElement[bool]:
    """A condition on `event_epc`: the row names one of these items, in one of these roles."""
    rows = event_epc.c
    parts = [
        and_(rows.block == block, rows.mask.op("&")(mask) != 0)
        for block, mask in blocks_of(ids).items()
    ]
    if not parts:
        return false()
    condition = or_(*parts)
    if roles:
        condition = and_(rows.role.in_([int(role) for role in roles]), condition)
    return condition


def naming(ids: Iterable[int], roles: Sequence[Role] = ()) -> Select[tuple[int]]:
    """The numbers (`event.seq`) of the events that name any of these items in these roles."""
    return select(event_epc.c.seq).where(names(ids, roles))


def events_naming(snapshot: Snapshot, key: str) -> list[int]:
    """The numbers (`event.seq`) of all events that name the item with this canonical key."""
    return [row[0] for row in RawDriver(snapshot).all(_NAMING, (pack_key(key),))]
