"""A quick look at the store for questions that keep nothing: no transaction is opened for it.

Each statement sees the latest commit. On SQLite the driver's connection is used as it is; opening a
snapshot would cost several times the look itself.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from epcis.store.database import View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.store.database import Store

_held: WeakKeyDictionary[Store, list[View]] = WeakKeyDictionary()
"""Views that wait for their next use, by store; a used one goes back, so threads never share."""


@contextmanager
def glance(store: Store) -> Iterator[View]:
    """A view for a few statements of the driver."""
    if not store.is_sqlite:
        with store.read() as view:
            yield view
        return
    waiting = _held.setdefault(store, [])
    view = waiting.pop() if waiting else View(store.engine.connect())
    try:
        yield view
    finally:
        if view.connection.in_transaction():
            view.connection.rollback()
        waiting.append(view)
