"""A whole database as one file, of one moment, and back: how each database does it itself.

SQLite copies its pages by its own backup interface; PostgreSQL's programs `pg_dump` and
`pg_restore` do it there. Whoever writes meanwhile does not wait.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect
from sqlalchemy.engine import make_url

from epcis.database import guards
from epcis.database.connections import POOLER, engine_of
from epcis.database.raw_driver import RawDriver

if TYPE_CHECKING:
    from sqlalchemy import URL

    from epcis.database.transactions import Snapshot

PROGRAM_SAYS_CHARS_MAX = 400


class CopyRefused(Exception):  # noqa: N818  # a refusal, shown to the operator
    """The database cannot be copied or put back; the text says why and what to do."""


def kind_of(url: str) -> str:
    """Which kind of database a URL or file name means; copies go back to the same kind only.

    >>> kind_of("trail.db"), kind_of("postgresql://db.example/trail")
    ('sqlite', 'postgresql')
    """
    return make_url(url if "://" in url else f"sqlite:///{url}").get_backend_name()


def missing_programs(url: str) -> list[str]:
    """The programs that a copy of this database needs and this machine lacks.

    >>> missing_programs("trail.db")
    []
    """
    if kind_of(url) == "sqlite":
        return []
    return [name for name in ("pg_dump", "pg_restore") if shutil.which(name) is None]


def copy_whole(snapshot: Snapshot, into: Path) -> None:
    """Write all that a snapshot sees into a new file. Raises CopyRefused, and OSError."""
    if snapshot.is_sqlite:
        with closing(sqlite3.connect(into)) as target:
            # All pages in one step: with pauses, each writer meanwhile would start it anew.
            snapshot.driver.backup(target, pages=-1)
        return
    exported = RawDriver(snapshot).one("SELECT pg_export_snapshot()", ())
    if exported is None:
        raise CopyRefused("the database server exports no snapshot")
    _run(
        snapshot.connection.engine.url,
        "pg_dump",
        "--format=custom",
        "--compress=0",  # whoever keeps the file compresses it
        "--no-owner",
        "--no-privileges",
        "--enable-row-security",  # the connection says that it serves the operator
        f"--snapshot={exported[0]}",
        f"--file={into}",
    )


def is_occupied(url: str) -> bool:
    """Whether a database has tables already, or a file stands where it would be made."""
    address = make_url(url if "://" in url else f"sqlite:///{url}")
    if kind_of(url) == "sqlite":
        return Path(str(address.database)).exists()
    engine = engine_of(url)
    try:
        return bool(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def put_back(url: str, copy: Path) -> None:
    """Fill an empty database with a copy, as a whole or not at all.

    Raises CopyRefused where it is not empty or the copy cannot be read, and OSError.
    """
    _refuse_pooler(make_url(url if "://" in url else f"sqlite:///{url}"))
    if is_occupied(url):
        raise CopyRefused("the database is not empty: a copy goes into an empty one only")
    address = make_url(url if "://" in url else f"sqlite:///{url}")
    if kind_of(url) == "sqlite":
        _put_back_file(copy, Path(str(address.database)))
        return
    _run(
        address,
        "pg_restore",
        "--single-transaction",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        f"--dbname={_shown(address)}",
        str(copy),
    )


def _refuse_pooler(address: URL) -> None:
    if POOLER in address.query:
        raise CopyRefused(
            "PostgreSQL's own programs copy the database, and they need the server itself: name its"
            f" own address, without {POOLER}"
        )


def _put_back_file(copy: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(copy)) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as fault:
        raise CopyRefused(f"the copy of the database cannot be read: {fault}") from fault
    if verdict != "ok":
        raise CopyRefused(f"the copy of the database is damaged: {verdict}")
    shutil.move(copy, place)


def _shown(address: URL) -> str:
    """The address as PostgreSQL's programs take it; the password goes by the environment."""
    plain = address.set(drivername="postgresql", password=None)
    return plain.render_as_string(hide_password=False)


def _run(address: URL, program: str, *arguments: str) -> None:
    _refuse_pooler(address)
    found = shutil.which(program)
    if found is None:
        raise CopyRefused(
            f"{program} is not installed: install PostgreSQL's client programs of the server's"
            " version or newer (Debian: postgresql-client)"
        )
    environment = {**os.environ, "PGOPTIONS": f"-c {guards.SETTING}={guards.EVERYBODY}"}
    if address.password is not None:
        environment["PGPASSWORD"] = str(address.password)
    names_the_target = any(one.startswith("--dbname=") for one in arguments)
    words = [found, *arguments] if names_the_target else [found, *arguments, _shown(address)]
    ran = subprocess.run(  # noqa: S603  # PostgreSQL's own program, found on the path
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise CopyRefused(f"{program} failed: {ran.stderr.strip()[-PROGRAM_SAYS_CHARS_MAX:]}")
