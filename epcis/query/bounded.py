"""How long a question may take: the database gives up, the caller is told it asked too much."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from epcis.query.parameters import QueryRefused
from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.database.transactions import Snapshot

QUERY_S_MAX: Final = 30.0
"""Longest a single question may keep the database busy."""
STEPS: Final = 20_000
"""Steps of SQLite's machine between two looks at the clock."""
_CANCELLED: Final = "57014"
"""PostgreSQL's code for a statement that was cancelled."""


@contextmanager
def bounded(snapshot: Snapshot) -> Iterator[None]:
    """Raise `QueryRefused` (QueryTooComplexException) where the block asks for too long."""
    try:
        if snapshot.is_sqlite:
            with _watched(snapshot.driver):
                yield
        else:
            timeout_ms = max(1, int(QUERY_S_MAX * 1000))
            snapshot.connection.exec_driver_sql(f"SET LOCAL statement_timeout = {timeout_ms}")
            yield
    except DBAPIError as fault:
        if _gave_up(fault):
            raise _too_complex() from None
        raise


@contextmanager
def _watched(driver: sqlite3.Connection) -> Iterator[None]:
    deadline = time.monotonic() + QUERY_S_MAX
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


def _too_complex() -> QueryRefused:
    return QueryRefused(
        "QueryTooComplexException",
        [
            Finding(
                "query.too-complex",
                Severity.ERROR,
                f"the query takes longer than {QUERY_S_MAX:g} seconds",
                "Narrow it, by time or by identifiers, or leave out the order.",
            )
        ],
    )
