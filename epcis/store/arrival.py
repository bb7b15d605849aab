"""In which order events became visible: the order that a reader can follow without gaps.

Where many write at a time (PostgreSQL), a transaction may commit after one with higher numbers;
`event.txid` is the transaction, and events below `settled` can no longer be overtaken. A cursor is
(txid, seq). Where there is one writer (SQLite), txid is 0 and everything is settled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import tuple_

from epcis.database.many_writers import is_settled
from epcis.store.event_tables import event

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from epcis.database.transactions import Snapshot


def settled(snapshot: Snapshot) -> ColumnElement[bool]:
    """A condition on `event`: no event can still appear before this one."""
    return is_settled(snapshot, event.c.txid)


def after(snapshot: Snapshot, txid: int, seq: int) -> ColumnElement[bool]:
    """A condition on `event`: it arrived after the one with this cursor."""
    if snapshot.has_one_writer:
        return event.c.seq > seq
    return tuple_(event.c.txid, event.c.seq) > tuple_(txid, seq)


def order(snapshot: Snapshot) -> tuple[ColumnElement[int], ...]:
    """What to order by."""
    return (event.c.seq,) if snapshot.has_one_writer else (event.c.txid, event.c.seq)
