"""Which rows can no longer be overtaken by rows of transactions that are still under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, cast, func, true

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from epcis.database.transactions import Snapshot

OLDEST_OPEN = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
"""In SQL for PostgreSQL: the oldest transaction that may still be under way."""


def is_settled(snapshot: Snapshot, txid: ColumnElement[int]) -> ColumnElement[bool]:
    """A condition: the transaction with this number, and all before it, are over."""
    if snapshot.is_sqlite:
        return true()
    oldest_open = func.pg_snapshot_xmin(func.pg_current_snapshot())
    return txid < cast(cast(oldest_open, Text), BigInteger)
