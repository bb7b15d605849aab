"""The one `metadata` on which every floor declares its tables, and what both databases share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import BigInteger, Index, Integer, MetaData, text

if TYPE_CHECKING:
    from sqlalchemy import UniqueConstraint

_Of = TypeVar("_Of", Index, "UniqueConstraint")
metadata = MetaData()

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""64-bit on both databases; SQLite counts rows only in a column called INTEGER."""

BY_KEY: Final[dict[str, Any]] = {"sqlite_with_rowid": False}
"""Options of a table whose rows lie in the order of its primary key; PostgreSQL has a heap."""

COUNTED_ONCE: Final[dict[str, Any]] = {"sqlite_autoincrement": True}
"""Options of a table whose numbers never come again, even after the newest row is gone."""


def index_where(name: str, *columns: str, where: str) -> Index:
    """An index of those rows only that meet a condition in SQL."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


def many_writers_only(index: _Of) -> _Of:
    """An index or constraint that PostgreSQL alone needs; SQLite finds the same another way."""
    index.ddl_if(dialect="postgresql")
    return index
