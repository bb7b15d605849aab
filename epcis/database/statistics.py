"""What PostgreSQL knows of its tables, kept up with large captures.

Of a table that was never analysed its planner guesses, and guesses badly where one row leads to
few others: a trace right after the first large load read the whole of `event_epc`. Its autovacuum
comes within a minute or so; a large act does not leave readers waiting for it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from epcis.database.metadata import metadata

if TYPE_CHECKING:
    from sqlalchemy import Engine

PAGES_MIN = 8
"""A smaller table is read quickly, whatever the planner thinks."""

_GROWN = (
    "SELECT quote_ident(relname) FROM pg_class"
    " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname = ANY(%s)"
    " AND pg_relation_size(oid)"
    " > 2 * greatest(relpages, %s) * current_setting('block_size')::int8"
)


def analyse_grown(engine: Engine) -> list[str]:
    """Analyse the tables that are more than twice as large as when they were last; says which.

    `engine` commits by itself. What goes wrong here is left to autovacuum.
    """
    grown: list[str] = []
    with suppress(SQLAlchemyError), engine.connect() as connection:
        asked = (list(metadata.tables), PAGES_MIN)
        grown += connection.exec_driver_sql(_GROWN, asked).scalars()
        for name in grown:
            connection.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {name}")
    return grown
