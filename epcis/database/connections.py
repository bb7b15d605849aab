"""How the store connects: one file for SQLite, a pool for PostgreSQL, and the settings of each.

Of a table that was never analysed PostgreSQL guesses, and guesses badly where one row leads to few
others: a trace right after the first large load read the whole of `event_epc`. Its autovacuum comes
within a minute or so; a large act does not leave readers waiting for it.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from epcis.database import guards
from epcis.database.bits import BITS_SET, bits_set
from epcis.database.metadata import metadata

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import URL, Connection, Engine

READERS_MAX = 16
"""Connections for snapshots, and on PostgreSQL for acts, beyond which callers wait."""
READER_WAIT_S = 10
WORD_WRITERS_MAX = 4
"""Connections on PostgreSQL that store shared words beside the acts that need them."""
WRITER_WAIT_S = 30
"""How long an act waits for the writer, of this or another process, before the store is away."""
PAGE_BYTES = 8192
CACHE_KIB = 65536
WAL_PAGES_MAX = 4096
"""Pages of write-ahead log after which SQLite folds it into the database."""


def engine_of(url: str) -> Engine:
    """The connections to a SQLAlchemy URL or a file name; makes the file's folder.

    Raises ValueError for a database other than SQLite and PostgreSQL.
    """
    parsed = make_url(url if "://" in url else f"sqlite:///{url}")
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ValueError("the store needs a file: what is only in memory cannot be proved")
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        return _sqlite_engine(parsed)
    if backend == "postgresql":
        return _postgresql_engine(parsed)
    raise ValueError(f"the store runs on SQLite and PostgreSQL, not on {backend}")


POOLER = "pooler"
"""In the query of an address: `transaction` says that a pooler such as PgBouncer stands before the
server and gives each transaction any connection. Nothing may be kept on one between two then: no
prepared statement, and no setting."""


def is_pooled(engine: Engine) -> bool:
    """Whether a pooler gives each transaction any connection."""
    return POOLER in engine.url.query


def _postgresql_engine(parsed: URL) -> Engine:
    pooler = parsed.query.get(POOLER, "")
    if pooler not in ("", "transaction"):
        raise ValueError(
            f"{POOLER}={pooler} is unknown: write {POOLER}=transaction, or leave it out"
        )
    serves_everybody = {"options": f"-c {guards.SETTING}={guards.EVERYBODY}"}
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=READERS_MAX,
        max_overflow=0,
        pool_timeout=READER_WAIT_S,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"prepare_threshold": None} if pooler else serves_everybody,
    )
    if pooler:
        event.listen(engine, "do_connect", _leave_out_pooler)
        event.listen(engine, "connect", _refuse_unprepared_pooler)
    return engine


def _leave_out_pooler(
    _dialect: object, _record: object, _values: object, named: dict[str, object]
) -> None:
    """The address keeps the word, for who opens it again; the driver does not know it."""
    named.pop(POOLER, None)


def _refuse_unprepared_pooler(driver: psycopg.Connection, _record: object) -> None:
    """A pooler whose connections serve nobody would hide every event."""
    (party,) = driver.execute(f"SELECT current_setting('{guards.SETTING}', true)").fetchone() or (
        "",
    )
    driver.rollback()
    if party != guards.EVERYBODY:
        raise ValueError(
            f"the pooler's connections serve nobody: give the database a connect_query in its"
            f" configuration, SET {guards.SETTING} = '{guards.EVERYBODY}' (docs/how-to/deploy.md)"
        )


def words_engine(engine: Engine) -> Engine:
    """Connections to the same PostgreSQL on which each statement commits by itself."""
    words = create_engine(
        engine.url,
        isolation_level="AUTOCOMMIT",
        pool_size=WORD_WRITERS_MAX,
        max_overflow=0,
        pool_timeout=READER_WAIT_S,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"prepare_threshold": None} if is_pooled(engine) else {},
    )
    if is_pooled(engine):
        event.listen(words, "do_connect", _leave_out_pooler)
    return words


def _sqlite_engine(address: URL) -> Engine:
    engine = create_engine(
        address,
        poolclass=QueuePool,
        hide_parameters=True,  # what was stored stays out of logs
        pool_size=READERS_MAX,
        max_overflow=1,
        pool_timeout=READER_WAIT_S,
        connect_args={
            "check_same_thread": False,
            "timeout": WRITER_WAIT_S,
            "isolation_level": None,
            "cached_statements": 512,
        },
    )

    @event.listens_for(engine, "connect")
    def prepare(driver: sqlite3.Connection, _record: object) -> None:
        for pragma in (
            f"page_size = {PAGE_BYTES}",
            "journal_mode = WAL",
            "synchronous = FULL",
            f"cache_size = -{CACHE_KIB}",
            f"wal_autocheckpoint = {WAL_PAGES_MAX}",
            "temp_store = MEMORY",
        ):
            driver.execute(f"PRAGMA {pragma}")
        driver.create_function(BITS_SET, 1, bits_set, deterministic=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # By the driver itself: SQLAlchemy's own way costs ten times the statement.
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        driver.execute(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


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


def driver_faults() -> tuple[type[Exception], ...]:
    """What a statement may raise, by SQLAlchemy or by the driver itself.

    A function, because who works on SQLite pays for the other driver only once something failed.
    """
    import psycopg

    return (DBAPIError, PoolTimeout, sqlite3.Error, psycopg.Error)
