"""What it takes where many acts write at a time: locks, and knowing which rows are settled.

SQLite has one writer: there is nothing to keep off, and everything is settled. PostgreSQL has many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, cast, func, true

from epcis.database.raw_driver import RawDriver

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Table

    from epcis.database.transactions import Snapshot

_ONE = "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))"
_BESIDE_OTHERS = "SELECT pg_advisory_xact_lock_shared(hashtextextended(?, 0))"
_TRY = "SELECT pg_try_advisory_xact_lock(hashtextextended(?, 0))"
_ALL = """
SELECT count(pg_advisory_xact_lock(number)) FROM (
 SELECT DISTINCT hashtextextended(key, 0) AS number FROM unnest(?::text[]) AS k(key) ORDER BY 1
) AS numbers
"""


def one_at_a_time(tx: Snapshot, name: str) -> None:
    """Wait until no other transaction holds this name, and hold it until this one is over."""
    if not tx.is_sqlite:
        RawDriver(tx).run(_ONE, (name,))


def beside_others(tx: Snapshot, name: str) -> None:
    """Wait while another one holds this name alone, and let nobody until this one is over."""
    if not tx.is_sqlite:
        RawDriver(tx).run(_BESIDE_OTHERS, (name,))


def is_first(snapshot: Snapshot, name: str) -> bool:
    """Hold a name until the transaction is over; False where another one holds it now."""
    if snapshot.is_sqlite:
        return True
    row = RawDriver(snapshot).one(_TRY, (name,))
    return row is not None and bool(row[0])


def hold_names(tx: Snapshot, names: Iterable[str]) -> None:
    """Hold many names, taken in one order, so that two acts never wait for each other in a ring."""
    if not tx.is_sqlite:
        RawDriver(tx).run(_ALL, (list(names),))


def alone_in(tx: Snapshot, table: Table) -> None:
    """Let no other transaction write to a table until this one is over, nor hold it like this."""
    if not tx.is_sqlite:
        tx.connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")


def as_it_stands(tx: Snapshot, table: Table) -> None:
    """Let no other transaction write to a table until this one is over; others may hold it too."""
    if not tx.is_sqlite:
        tx.connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE MODE")


SERVER_NOW_US = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
"""In SQL for PostgreSQL: the time of the server, one clock for all who write, in microseconds."""

OLDEST_OPEN = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
"""In SQL for PostgreSQL: the oldest transaction that may still be under way."""


def is_settled(snapshot: Snapshot, txid: ColumnElement[int]) -> ColumnElement[bool]:
    """A condition: the transaction with this number, and all before it, are over."""
    if snapshot.is_sqlite:
        return true()
    oldest_open = func.pg_snapshot_xmin(func.pg_current_snapshot())
    return txid < cast(cast(oldest_open, Text), BigInteger)


def open_transactions(snapshot: Snapshot) -> object:
    """Which transactions are open, for comparison alone: each that wrote changes it by its end."""
    return RawDriver(snapshot).all("SELECT CAST(pg_current_snapshot() AS text)")
