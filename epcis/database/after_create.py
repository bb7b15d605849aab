"""What else is made with the tables: views, triggers, policies; statements of each database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import DDL, event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, MetaData
    from sqlalchemy.schema import ExecutableDDLElement

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
