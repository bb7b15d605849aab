"""How a snapshot is read within bounds: of time, of memory, and where rows are damaged."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Boolean, Float, Integer, LargeBinary, SmallInteger, event
from sqlalchemy.exc import DBAPIError

from epcis.database.columns import Instant, ItemKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Column, Engine, Table

    from epcis.database.raw_driver import RawDriver
    from epcis.database.transactions import Snapshot

STEPS: Final = 20_000
"""Steps of SQLite's machine between two looks at the clock."""
_CANCELLED: Final = "57014"
"""PostgreSQL's code for a statement that was cancelled."""


class TookTooLong(Exception):  # noqa: N818  # says what it is
    """The database gave up on a question after the time it was given."""


class CommitsOfOthers:
    """SQLite's count of the commits that others made to a database file; costs microseconds."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._line: sqlite3.Connection | None = None

    def count(self) -> object:
        """For comparison alone; where it cannot be had, unlike any before."""
        if self._file is None:
            return object()
        try:
            if self._line is None:
                self._line = sqlite3.connect(self._file, isolation_level=None)
            return self._line.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return object()  # the look that follows says what is wrong

    def close(self) -> None:
        """Let go of the file."""
        if self._line is not None:
            self._line.close()
            self._line = None


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


@contextmanager
def little_memory(snapshot: Snapshot, pages_kib: int) -> Iterator[None]:
    """Let SQLite keep few pages while everything is read once: they would only fill memory."""
    if not snapshot.is_sqlite:
        yield
        return
    driver = snapshot.driver
    usual = driver.execute("PRAGMA cache_size").fetchone()[0]
    driver.execute(f"PRAGMA cache_size = -{pages_kib}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA cache_size = {usual}")


_NUMBERS = (Integer, BigInteger, SmallInteger, Boolean, Instant)


def of_another_kind(driver: RawDriver, table: Table) -> str | None:
    """A condition in SQL: a row holds a value of another kind than its column.

    SQLite keeps any kind of value in any column. None where the database itself sees to it.
    """
    if not driver.is_sqlite:
        return None
    return " OR ".join(
        f"""typeof("{column.name}") NOT IN ({_kinds(column)})""" for column in table.columns
    )


def _kinds(column: Column[object]) -> str:
    nothing = "'null', " if column.nullable else ""
    if isinstance(column.type, _NUMBERS):
        return nothing + "'integer'"
    if isinstance(column.type, Float):
        return nothing + "'real', 'integer'"
    if isinstance(column.type, LargeBinary | ItemKey):
        return nothing + "'blob'"
    return nothing + "'text'"


@contextmanager
def forgiving(engine: Engine) -> Iterator[None]:
    """Have connections made in the block read text that is no UTF-8, where a database can hold it.

    So that a finding can say where it stands.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    event.listen(engine, "connect", _forgive)
    try:
        yield
    finally:
        event.remove(engine, "connect", _forgive)


def _forgive(driver: sqlite3.Connection, _record: object) -> None:
    driver.text_factory = _text


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")
