"""The two databases that the store runs on, for tests: a file, and a PostgreSQL of this run.

`store` is an empty store and runs a test once on each. The PostgreSQL cluster is made once per
run, listens on a unix socket in a scratch folder only, and ends with the run.
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

import pytest

import epcis.tables  # noqa: F401  # so that create_all makes them
from epcis.ledger.store import Store

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

    def new_database(self) -> str:
        """The URL of a fresh, empty database."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self._run("createdb", "-h", str(self.folder), "-U", "packtrail", name)
        return f"postgresql://packtrail@/{name}?host={self.folder}"

    def new_database_of(self, role: str) -> str:
        """The URL of a fresh database whose owner is no superuser, as a service should be."""
        self._run("psql", "-h", str(self.folder), "-U", "packtrail", "-d", "postgres", "-c",
                  f"DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object"
                  " THEN NULL; END $$")  # fmt: skip
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self._run("createdb", "-h", str(self.folder), "-U", "packtrail", "-O", role, name)
        return f"postgresql://{role}@/{name}?host={self.folder}"

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


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database; a test that takes it runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'packtrail.db'}"
    cluster: Cluster = request.getfixturevalue("postgresql")
    return cluster.new_database()


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """An empty store with its tables."""
    opened = Store.open(database)
    opened.create_all()
    yield opened
    opened.close()
