"""The two databases that the store runs on, for tests: a file, and a PostgreSQL of this run.

`store` is an empty store and runs a test once on each. The PostgreSQL cluster is made once per
run, listens on a unix socket in a scratch folder only, and ends with the run. The tables are made
once per run as well, by the service's own migration; each test has a copy, dropped at its end.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psycopg
import pytest

import compliance.service.migrations.tables  # noqa: F401  # so that `metadata` knows all tables
from compliance.service.migrate import open_migrated
from compliance.service.settings import Settings
from epcis.ledger.store import Store

if TYPE_CHECKING:
    from typing import LiteralString

BINARIES = Path(os.environ.get("PACKTRAIL_POSTGRESQL", "/usr/lib/postgresql/15/bin"))
START_S_MAX = 60
_SETTINGS = (
    "listen_addresses=''",
    "fsync=off",
    "max_connections=60",
    "shared_buffers=64MB",
    "log_min_messages=panic",
)
_numbers = count(1)


class Cluster:
    """A PostgreSQL server of its own, reachable through a socket in `folder`."""

    def __init__(self, folder: Path, *, settings: tuple[str, ...] = _SETTINGS) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._settings = settings
        if os.geteuid() == 0:
            shutil.chown(folder, _unprivileged(), None)
            folder.chmod(0o755)
        self._run("initdb", "-D", str(self._data), "-U", "packtrail", "-A", "trust", "-N",
                  "-E", "UTF8", "--locale=C")  # fmt: skip

    def start(self) -> None:
        """Start and wait until it answers."""
        options = " ".join(f"-c {setting}" for setting in self._settings)
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", str(START_S_MAX),
                  "-l", str(self.folder / "log"), "-o", f"-k {self.folder} {options}",
                  "start")  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        """Stop: `fast` ends connections politely, `immediate` as a crash does."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", mode, "stop")

    def new_database(self, *, like: str = "template1") -> str:
        """The URL of a fresh database: empty, or a copy of the database `like`."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self._ask(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)

    def new_database_of(self, role: str) -> str:
        """The URL of a fresh database whose owner is no superuser, as a service should be."""
        self._ask(f"DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object"
                  " THEN NULL; END $$")  # fmt: skip
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self._ask(f"CREATE DATABASE {name} OWNER {role}")
        return self.url(name, role)

    def url(self, name: str, role: str = "packtrail") -> str:
        """Where the database `name` is reached."""
        return f"postgresql://{role}@/{name}?host={self.folder}"

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected: thousands of them would fill the disk."""
        self._ask(f"DROP DATABASE IF EXISTS {name_in(url)} WITH (FORCE)")

    def _ask(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(cast("LiteralString", statement))

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(BINARIES / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={_unprivileged()}", "--clear-groups", *command]
        subprocess.run(
            command,
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )


def name_in(url: str) -> str:
    """The name of the database that a URL of `Cluster` leads to.

    >>> name_in("postgresql://packtrail@/test_1_2?host=/tmp/pt-pg-1")
    'test_1_2'
    """
    return url.partition("?")[0].rpartition("/")[2]


def _unprivileged() -> str:
    """PostgreSQL refuses to run as root; this user does not."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def new_cluster() -> Iterator[Cluster]:
    """A running cluster, stopped and removed afterwards; skips where PostgreSQL is absent."""
    if not (BINARIES / "initdb").exists():
        pytest.skip(f"PostgreSQL is not installed in {BINARIES}")
    # A socket's path may have 107 bytes only, pytest's own folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="pt-pg-"))
    try:
        cluster = Cluster(folder)
        cluster.start()
        yield cluster
        cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        # Bodies of capture jobs wait in the spool where a service has no folder for its data.
        for spool in Path(tempfile.gettempdir()).glob(f"packtrail-*-test_{os.getpid()}_*.incoming"):
            shutil.rmtree(spool, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """The PostgreSQL cluster of this run."""
    yield from new_cluster()


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that nobody writes to."""
    folder = tmp_path_factory.mktemp("tables")
    open_migrated(Settings(data_dir=folder)).close()
    return folder / "packtrail.db"


@pytest.fixture(scope="session")
def postgresql_with_tables(postgresql: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated database that nobody connects to."""
    url = postgresql.new_database()
    open_migrated(Settings(data_dir=tmp_path_factory.mktemp("tables"), database=url)).close()
    return name_in(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_kind(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgresql`; a test that takes it runs once with each."""
    return str(request.param)


@pytest.fixture
def database(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database with all tables and no rows in them."""
    if database_kind == "sqlite":
        path = tmp_path / "packtrail.db"
        shutil.copy(request.getfixturevalue("sqlite_with_tables"), path)
        yield f"sqlite:///{path}"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    url = cluster.new_database(like=request.getfixturevalue("postgresql_with_tables"))
    yield url
    cluster.drop(url)


@pytest.fixture
def empty_database(
    database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The URL of a database without any table."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'packtrail.db'}"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    url = cluster.new_database()
    yield url
    cluster.drop(url)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """An empty store with its tables."""
    opened = Store.open(database)
    yield opened
    opened.close()
