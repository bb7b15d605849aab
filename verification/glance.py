"""A quick look at the store for questions that keep nothing: no transaction is opened for it.

Each statement sees the latest commit; opening a snapshot would cost several times the look itself.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import psycopg

from epcis.store.database import StoreAway, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from epcis.store.database import Store

_held: WeakKeyDictionary[Store, list[View]] = WeakKeyDictionary()
"""Views that wait for their next use, by store; a used one goes back, so threads never share."""


@contextmanager
def glance(store: Store) -> Iterator[View]:
    """A view for a few statements of the driver; raises `StoreAway` where there is no database."""
    waiting = _held.setdefault(store, [])
    view = waiting.pop() if waiting else View(_connect(store))
    try:
        yield view
        if store.is_sqlite and view.connection.in_transaction():
            view.connection.rollback()
    except (psycopg.Error, sqlite3.Error) as fault:
        view.connection.invalidate()
        view.connection.close()
        raise StoreAway("the database does not answer") from fault
    except BaseException:
        view.connection.close()
        raise
    waiting.append(view)


def _connect(store: Store) -> Connection:
    connection = store.engine.connect()
    if not store.is_sqlite:
        # One round trip for each statement, instead of three.
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    return connection
