"""Values that a column does not take, and how a damaged database can still be read."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import BigInteger, Boolean, Float, Integer, LargeBinary, SmallInteger, event
from sqlalchemy.exc import DBAPIError

from epcis.database.columns import Instant, ItemKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Engine, Table

    from epcis.database.raw_driver import RawDriver

DRIVER_FAULTS = (DBAPIError, sqlite3.Error, psycopg.Error)
"""What a statement may raise, by SQLAlchemy or by the driver itself."""
_NUMBERS = (Integer, BigInteger, SmallInteger, Boolean, Instant)


def of_another_kind(hand: RawDriver, table: Table) -> str | None:
    """A condition in SQL: a row holds a value of another kind than its column.

    SQLite keeps any kind of value in any column. None where the database itself sees to it.
    """
    if not hand.is_sqlite:
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

    So that it can be told where it stands.
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
