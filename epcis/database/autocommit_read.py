"""A quick look at the store for questions that keep nothing: no transaction is opened for it.

Each statement sees the latest commit; opening a snapshot would cost several times the look itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.connections import driver_faults
from epcis.database.transactions import Snapshot, StoreAway, close_for_good

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import Connection

    from epcis.database.transactions import Database


class _IdleSnapshots(list[Snapshot]):
    """Snapshots that wait for their next use; a used one goes back, so threads never share."""

    def close(self) -> None:
        """Close their connections."""
        while self:
            close_for_good(self.pop().connection)


class autocommit_read:  # noqa: N801  # read as a function; a class because a generator costs twice as much
    """A snapshot for a few statements of the driver; raises `StoreAway` without a database."""

    __slots__ = ("_idle", "_snapshot", "_store")

    def __init__(self, store: Database) -> None:
        self._store = store
        self._idle = store.companions.one(_IdleSnapshots)

    def __enter__(self) -> Snapshot:
        try:
            self._snapshot = self._idle.pop()
        except IndexError:  # none waits, or another thread has just taken the last one
            self._snapshot = Snapshot(_connect(self._store), self._store.companions)
        return self._snapshot

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        snapshot = self._snapshot
        if fault is None:
            snapshot.end_statement()
            self._idle.append(snapshot)
            return
        close_for_good(snapshot.connection)
        if isinstance(fault, driver_faults()):
            raise StoreAway("the database does not answer") from fault


def _connect(store: Database) -> Connection:
    connection = store.own_connection()
    if connection is None:
        return store.engine.connect()
    # One round trip for each statement, instead of three.
    return connection.execution_options(isolation_level="AUTOCOMMIT")
