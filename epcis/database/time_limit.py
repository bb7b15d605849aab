"""How long a question may keep the database busy."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.database.transactions import Snapshot

STEPS: Final = 20_000
"""Steps of SQLite's machine between two looks at the clock."""
_CANCELLED: Final = "57014"
"""PostgreSQL's code for a statement that was cancelled."""


class TookTooLong(Exception):  # noqa: N818  # says what it is
    """The database gave up on a question after the time it was given."""


@contextmanager
def time_limit(snapshot: Snapshot, limit_s: float) -> Iterator[None]:
    """Raise `TookTooLong` where the questions of the block take more than `limit_s` seconds."""
    try:
        if snapshot.is_sqlite:
            with _watched(snapshot.driver, limit_s):
                yield
        else:
            timeout_ms = max(1, int(limit_s * 1000))
            snapshot.connection.exec_driver_sql(f"SET LOCAL statement_timeout = {timeout_ms}")
            yield
    except DBAPIError as fault:
        if _gave_up(fault):
            raise TookTooLong(f"{limit_s:g} seconds were not enough") from None
        raise


@contextmanager
def _watched(driver: sqlite3.Connection, limit_s: float) -> Iterator[None]:
    deadline = time.monotonic() + limit_s
    driver.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


def _gave_up(fault: DBAPIError) -> bool:
    cause = fault.orig
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT
    return getattr(cause, "sqlstate", None) == _CANCELLED
