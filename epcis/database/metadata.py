"""The one `metadata` on which every floor declares its tables, and what is made with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import DDL, BigInteger, Index, Integer, MetaData, event
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, UniqueConstraint
    from sqlalchemy.schema import ExecutableDDLElement
    from sqlalchemy.sql.compiler import DDLCompiler

_Of = TypeVar("_Of", Index, "UniqueConstraint")
metadata = MetaData()
_WHERE = "packtrail.where"

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""64-bit on both databases; SQLite counts rows only in a column called INTEGER."""

BY_KEY: Final[dict[str, Any]] = {"sqlite_with_rowid": False}
"""Options of a table whose rows lie in the order of its primary key; PostgreSQL has a heap."""

COUNTED_ONCE: Final[dict[str, Any]] = {"sqlite_autoincrement": True}
"""Options of a table whose numbers never come again, even after the newest row is gone."""


def index_where(name: str, *columns: str, where: str) -> Index:
    """An index of those rows only that meet a condition in SQL, the same on both databases."""
    # Not as `postgresql_where`: an option of a dialect loads it, and all of PostgreSQL's drivers.
    return Index(name, *columns, info={_WHERE: where})


@compiles(CreateIndex)
def _with_where(created: CreateIndex, compiler: DDLCompiler, **options: Any) -> str:  # noqa: ANN401  # SQLAlchemy's
    statement: str = compiler.visit_create_index(created, **options)  # type: ignore[no-untyped-call]  # SQLAlchemy's
    where = created.element.info.get(_WHERE)
    return f"{statement} WHERE {where}" if where else statement


def many_writers_only(index: _Of) -> _Of:
    """An index or constraint that PostgreSQL alone needs; SQLite finds the same another way."""
    index.ddl_if(dialect="postgresql")
    return index


_NAME = "packtrail.after_create"


def make_after_tables(
    metadata: MetaData,
    name: str,
    *,
    sqlite: Sequence[str] = (),
    postgresql: Sequence[str] = (),
) -> None:
    """Have these statements run whenever `metadata` was created; done again, they change nothing.

    They run in the order of their names, whichever file is imported first: the first migration is
    written from them and has to come out the same each time.
    """
    if _NAME not in metadata.info:
        metadata.info[_NAME] = {}
        event.listen(metadata, "after_create", _make)
    metadata.info[_NAME][name] = {"sqlite": sqlite, "postgresql": postgresql}


def _make(metadata: MetaData, connection: Connection, **_options: object) -> None:
    for _, statements in sorted(metadata.info[_NAME].items()):
        for statement in statements[connection.dialect.name]:
            ddl: ExecutableDDLElement = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # SQLAlchemy's
            connection.execute(ddl)
