"""Keeping other acts off what one act is about to change.

SQLite has one writer, so there is nothing to keep off; PostgreSQL has many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.raw_driver import RawDriver

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Table

    from epcis.database.transactions import Snapshot

_ONE = "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))"
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
