"""A quick look at the store for questions that keep nothing: no transaction is opened for it.

Each statement sees the latest commit; opening a snapshot would cost several times the look itself.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import psycopg

from epcis.database.transactions import Snapshot, StoreAway, close_for_good

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import Connection

    from epcis.ledger.store import Store

_held: WeakKeyDictionary[Store, list[Snapshot]] = WeakKeyDictionary()
"""Views that wait for their next use, by store; a used one goes back, so threads never share."""


class autocommit_read:  # noqa: N801  # read as a function; a class because a generator costs twice as much
    """A view for a few statements of the driver; raises `StoreAway` where there is no database."""

    __slots__ = ("_store", "_view")

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> Snapshot:
        try:
            self._view = _held[self._store].pop()
        except (KeyError, IndexError):  # none waits; another thread may have taken the last one
            self._view = Snapshot(_connect(self._store))
        return self._view

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        view = self._view
        if fault is None:
            if view.is_sqlite and view.driver.in_transaction:
                view.connection.rollback()
            _held.setdefault(self._store, []).append(view)
            return
        close_for_good(view.connection)
        if isinstance(fault, psycopg.Error | sqlite3.Error):
            raise StoreAway("the database does not answer") from fault


def let_go(store: Store) -> None:
    """Close the views that wait for a store's next look; before the store itself is closed."""
    for view in _held.pop(store, []):
        close_for_good(view.connection)


def _connect(store: Store) -> Connection:
    line = store.line()
    if line is None:
        return store.engine.connect()
    # One round trip for each statement, instead of three.
    return line.execution_options(isolation_level="AUTOCOMMIT")
