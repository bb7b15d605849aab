"""No statement writes to a register past the log.

A register is a table of settings or decisions, each change of which is an entry of the log
(`epcis.ledger.proved`). The log sees what a transaction writes by SQLAlchemy's `insert`, `update`
and `delete`; any other statement that writes to such a table is refused before it runs.
"""

from __future__ import annotations

import re
from functools import lru_cache

from epcis.database.metadata import metadata

IS_LOGGED = "packtrail.every_change_is_logged"
"""In the `info` of a table: it is a register."""

_WRITTEN = re.compile(
    r"\b(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|REPLACE\s+INTO|UPDATE(?:\s+OR\s+\w+)?(?:\s+ONLY)?"
    r"|DELETE\s+FROM(?:\s+ONLY)?|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?(?:\s+ONLY)?|COPY)"
    r"\s+(?:\"?(?:main|public)\"?\.)?[\"`\[]?(\w+)",
    re.IGNORECASE,
)


class UnloggedWrite(RuntimeError):  # noqa: N818  # says what it is
    """A statement would change a register without an entry of the log."""


def refuse_unlogged(statement: str) -> None:
    """Raise `UnloggedWrite` where a statement in SQL writes to a register."""
    table = register_written(statement)
    if table is not None:
        raise UnloggedWrite(
            f"every change of table {table} is logged: write it by SQLAlchemy's insert, update or"
            " delete on the transaction's connection"
        )


@lru_cache(maxsize=4096)
def register_written(statement: str) -> str | None:
    """The first register that a statement writes to; None where it writes to none.

    >>> register_written("SELECT 1") is None
    True
    """
    for name in _WRITTEN.findall(statement):
        table = metadata.tables.get(name.lower())
        if table is not None and IS_LOGGED in table.info:
            return str(table.name)
    return None
