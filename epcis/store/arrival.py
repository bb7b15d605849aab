"""In which order events became visible: the order that a reader can follow without gaps.

On PostgreSQL a transaction may commit after one with higher event numbers; `event.txid` is the
transaction, and events below `settled` can no longer be overtaken. A cursor is (txid, seq). On
SQLite there is one writer, txid is 0 and everything is settled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, cast, func, true, tuple_

from epcis.store.event_tables import event

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from epcis.database.transactions import Snapshot


def settled(snapshot: Snapshot) -> ColumnElement[bool]:
    """A condition on `event`: no event can still appear before this one."""
    if snapshot.is_sqlite:
        return true()
    oldest_open = func.pg_snapshot_xmin(func.pg_current_snapshot())
    return event.c.txid < cast(cast(oldest_open, Text), BigInteger)


def after(txid: int, seq: int) -> ColumnElement[bool]:
    """A condition on `event`: it arrived after the one with this cursor."""
    return tuple_(event.c.txid, event.c.seq) > tuple_(txid, seq)


ARRIVAL = (event.c.txid, event.c.seq)
"""What to order by."""
