"""The database, created and brought up to date at start (Alembic).

A command that finds the newest revision in place does not load Alembic at all: that keeps
`packtrail verify` quick. Two processes that start at once are safe: PostgreSQL migrates under an
advisory lock, SQLite inside one immediate transaction.

Until the first release there is one migration, 0001. Who changes a table runs
`python scripts/first_migration.py`, which writes its statements anew, and commits them with it.
"""

from __future__ import annotations

import threading
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from compliance.site import follow_site
from epcis.database.many_writers import one_at_a_time
from epcis.database.transactions import Companions, Snapshot
from epcis.ledger.store import Store

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

    from compliance.service.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
_ALEMBIC = threading.Lock()


class NewerDatabaseError(Exception):
    """The database was written by a newer Packtrail than this one."""


def open_migrated(settings: Settings) -> Store:
    """Open the store the settings name, creating and migrating it where needed.

    Raises `NewerDatabaseError` where the database is ahead of this program.
    """
    url = settings.database_url
    store = Store.open(url)
    try:
        migrate(store.engine)
        follow_site(store)
    except BaseException:
        store.close()
        raise
    return store


def migrate(engine: Engine) -> None:
    """Bring the database of `engine` to the newest revision; nothing to do is the normal case."""
    newest = newest_revision()
    if current_revision(engine) == newest:
        return
    _upgrade(engine)


def newest_revision() -> str:
    """The revision this program expects: the highest-numbered migration file.

    >>> newest_revision() >= "0001"
    True
    """
    names = sorted(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    return names[-1].split("_", 1)[0]


def tables_digest() -> str:
    """Eight digits that change with the tables of the migrations, released or not.

    >>> len(tables_digest())
    8
    """
    digest = sha256()
    for path in sorted((MIGRATIONS / "versions").glob("[0-9]*.*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def current_revision(engine: Engine) -> str | None:
    """The revision the database stands at; None where it is new."""
    try:
        with engine.connect() as connection:
            row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    except (OperationalError, ProgrammingError):
        with engine.connect() as connection:
            # A database that cannot be reached must not pass for a new one.
            if inspect(connection).has_table("alembic_version"):
                raise
        return None
    return row[0] if row else None


def _upgrade(engine: Engine) -> None:
    from alembic import command  # only a new database pays for it

    # Alembic keeps its context in module globals, so one thread at a time.
    options = engine.execution_options(begin="BEGIN IMMEDIATE")
    with _ALEMBIC, options.begin() as connection:
        one_at_a_time(Snapshot(connection, Companions()), "migration")
        current = _revision_in(connection)
        if current is not None and current > newest_revision():
            raise NewerDatabaseError(
                f"the database is at revision {current}, this program knows {newest_revision()}: "
                "update Packtrail"
            )
        if current != newest_revision():
            command.upgrade(alembic_config(connection), "head")


def _revision_in(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return row[0] if row else None


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration, working on an open connection."""
    from alembic.config import Config  # only a new database pays for it

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
