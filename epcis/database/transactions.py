"""The door to SQLite and PostgreSQL: transactions that are whole or did not happen, snapshots.

On SQLite transactions that queue behind each other share one flush to disk (group commit); none is
acknowledged before it.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from epcis.database import guards
from epcis.database.connections import (
    WRITER_WAIT_S,
    analyse_grown,
    driver_faults,
    is_pooled,
    words_engine,
)
from epcis.database.metadata import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

C = TypeVar("C")
GROUP_ACTS_MAX = 64
"""Acts that may share one flush to disk."""

_PLANNED_SETTINGS = ("plan_cache_mode = force_generic_plan", "enable_seqscan = off", "jit = off")
"""Of a connection apart from the others; behind a pooler, of each of its transactions."""
_POSTGRESQL_FULL = ("53100", "53200")
_POSTGRESQL_ROLLED_BACK = "40"


class StoreFull(Exception):  # noqa: N818  # a state of the store, answered with 507
    """There is no room on the disk; nothing of the act was kept."""


class StoreAway(Exception):  # noqa: N818  # a state of the store, answered with 503
    """The database cannot be reached or is busy; the act can be tried again."""

    retry_after_s = 2


class StoreContended(StoreAway):
    """Another act stored or changed the same things at the same moment; try again at once."""

    retry_after_s = 1


class WriterHeld(StoreAway):
    """A large act holds the one writer; whoever may do without it need not wait for its end."""


HELD_LOOK_S = 0.02
"""How often an act that does not wait for a large one looks whether one has the writer."""

_SQLITE_MESSAGES: dict[int, tuple[type[StoreFull | StoreAway], str]] = {
    sqlite3.SQLITE_FULL: (StoreFull, "the disk is full"),
    sqlite3.SQLITE_IOERR: (StoreFull, "the disk refuses to write"),
    sqlite3.SQLITE_BUSY: (StoreAway, "another process is writing to the database"),
    sqlite3.SQLITE_LOCKED: (StoreAway, "another process is writing to the database"),
}


@runtime_checkable
class HoldsConnections(Protocol):
    """What holds connections and lets go of them when its database is closed."""

    def close(self) -> None:
        """Let go of them."""


class Companions:
    """What other rooms keep in memory beside one database: one object of each kind.

    They live as long as the database's `Database`, which knows nothing of them.
    """

    def __init__(self) -> None:
        self._kept: dict[type[object], object] = {}
        self._lock = threading.Lock()

    def one(self, kind: type[C]) -> C:
        """The one `kind`, made at first use; safe from many threads."""
        found = self._kept.get(kind)
        if found is None:
            with self._lock:
                found = self._kept.setdefault(kind, kind())
        return cast("C", found)

    def close(self) -> None:
        """Close those that hold connections."""
        for kept in self._kept.values():
            if isinstance(kept, HoldsConnections):
                kept.close()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot of everything, to read from."""

    connection: Connection
    companions: Companions = field(repr=False)
    """Of the database it is of."""
    driver: Any = field(init=False, repr=False)
    """The driver's own connection, for prepared statements on the hot paths."""
    is_sqlite: bool = field(init=False)
    """Whether this is SQLite; else PostgreSQL."""

    remembered: dict[str, Any] = field(init=False, repr=False)
    """Rows that never change, remembered between snapshots on the same connection."""

    @property
    def has_one_writer(self) -> bool:
        """Whether acts write one after the other; else many write at a time."""
        return self.is_sqlite

    def end_statement(self) -> None:
        """Let go of the moment that statements outside of a transaction saw, if they hold it."""
        if self.is_sqlite and self.driver.in_transaction:
            self.connection.rollback()

    def __post_init__(self) -> None:
        object.__setattr__(self, "driver", self.connection.connection.driver_connection)
        object.__setattr__(self, "is_sqlite", self.connection.dialect.name == "sqlite")
        object.__setattr__(self, "remembered", self.connection.info)


class Database:
    """One database; safe to use from many threads. `epcis.ledger.store.Store` adds the log."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.words = None if self.is_sqlite else words_engine(engine)
        """Where shared words (states, lots) are stored at once, so that acts do not wait for
        each other's; None where they are part of the act."""
        self.companions = Companions()
        self._group = _GroupCommit(engine) if self.is_sqlite else None
        self._snapshots = (
            engine
            if self.is_sqlite
            else engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        )

    @property
    def has_one_writer(self) -> bool:
        """Whether acts write one after the other; else many write at a time."""
        return self.is_sqlite

    @property
    def is_held(self) -> bool:
        """Whether a large act has the one writer, or is about to; never where many write."""
        return self._group is not None and self._group.long_acts > 0

    @property
    def file(self) -> Path | None:
        """The file that the database is; None where a server has it."""
        name = self.engine.url.database
        return Path(name) if self.is_sqlite and name else None

    def create_all(self) -> None:
        """Make the tables declared so far (`epcis.tables`); for tests, the service migrates."""
        metadata.create_all(self.engine)

    def close(self) -> None:
        """Let go of all connections, those of its companions too."""
        self.companions.close()
        if self._group:
            self._group.close()
        if self.words:
            self.words.dispose()
        self.engine.dispose()

    @contextmanager
    def transaction(
        self, *, long: bool = False, own: Connection | None = None, waits: bool = True
    ) -> Iterator[Connection]:
        """One transaction, committed at the end of the block, undone on any exception.

        As `Store.write`, which everybody but the log itself writes by.
        """
        try:
            if self._group:
                with self._group.act(long=long, waits=waits) as connection:
                    yield connection
                return
            with _transaction(self.engine, own) as connection:
                yield connection
                # A crash up to here leaves nothing, after it everything of the act.
            if long and self.words:
                analyse_grown(self.words)
        except driver_faults() as fault:
            raise _named_fault(fault) from fault

    def own_connection(self) -> Connection | None:
        """A connection for a thread's transactions, one after the other; see `close_for_good`.

        None on SQLite, where all transactions share one. Raises StoreAway.
        """
        try:
            return None if self.is_sqlite else _planned_connection(self.engine)
        except driver_faults() as fault:
            raise _named_fault(fault) from fault

    @contextmanager
    def read(self, *, party: str | None = None) -> Iterator[Snapshot]:
        """A snapshot: everything read in the block is of one moment.

        With `party` (canonical GLN key) PostgreSQL hides the events it may not see, whatever a
        query asks for; see `epcis.database.guards`. On SQLite the query alone decides.
        """
        try:
            with self._snapshots.begin() as connection:
                if party is not None and not self.is_sqlite:
                    guards.serve(connection, party)
                yield Snapshot(connection, self.companions)
        except driver_faults() as fault:
            raise _named_fault(fault) from fault


def _planned_connection(engine: Engine) -> Connection:
    """A connection apart from the others, whose statements are planned once and ask by index only.

    A plan for each list of packs would cost as much as the look; a table that was counted while it
    was empty would be read through for each pack, until the server counts it again.
    """
    connection = engine.connect()
    if is_pooled(engine):
        return connection
    try:
        for setting in _PLANNED_SETTINGS:
            connection.exec_driver_sql(f"SET {setting}")
        connection.commit()
    except BaseException:
        close_for_good(connection)
        raise
    return connection


def close_for_good(connection: Connection) -> None:
    """Close a connection for good: nobody else gets its settings, or what may be wrong with it."""
    connection.invalidate()
    connection.close()


@contextmanager
def _transaction(engine: Engine, own: Connection | None) -> Iterator[Connection]:
    if own is None:
        with engine.begin() as connection:
            yield connection
        return
    with own.begin():
        if is_pooled(engine):
            for setting in _PLANNED_SETTINGS:
                own.exec_driver_sql(f"SET LOCAL {setting}")
        yield own


@dataclass(slots=True)
class _Group:
    """Acts that share one commit."""

    acts: int = 0
    error: BaseException | None = None
    flushed: threading.Event | None = None
    """What those wait for who left the commit to the next; None while nobody did."""

    def tell(self) -> None:
        """Let those go on who wait."""
        if self.flushed is not None:
            self.flushed.set()


class _GroupCommit:
    """The one writer of a SQLite database.

    An act that finds others waiting for the writer leaves its work in the open transaction and
    waits; the last of the queue, or the one that fills the group, commits for all. A later act
    runs in a savepoint, so that its failure is its own.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._waiting = 0
        self._waiting_lock = threading.Lock()
        self._connection: Connection | None = None
        self._group: _Group | None = None
        self.long_acts = 0
        """Long acts that have the writer or wait for it."""

    @contextmanager
    def act(self, *, long: bool, waits: bool) -> Iterator[Connection]:
        """The writer's connection within a transaction, for one act."""
        if not long:
            with self._turned(long=False, waits=waits) as connection:
                yield connection
            return
        with self._waiting_lock:
            self.long_acts += 1
        try:
            with self._turned(long=True, waits=True) as connection:
                yield connection
        finally:
            with self._waiting_lock:
                self.long_acts -= 1

    @contextmanager
    def _turned(self, *, long: bool, waits: bool) -> Iterator[Connection]:
        self._take_turn(long=long, waits=waits)
        group: _Group | None = None
        try:
            if long:
                self._flush()
            connection = self._writer()
            group = self._group
            if group is None:
                connection.begin()
                group = self._group = _Group()
            group.acts += 1
            with self._savepoint(group, connection):
                yield connection
        except BaseException as fault:
            self._undo(group, fault)
            raise
        finally:
            handed_on = self._end_turn(group, long=long)
        if handed_on and group is not None and group.flushed is not None:
            group.flushed.wait()
        if group is not None and group.error is not None:
            raise group.error

    @staticmethod
    @contextmanager
    def _savepoint(group: _Group, connection: Connection) -> Iterator[None]:
        """Where a group has begun, its next act can be undone alone.

        SQLite itself gives up the whole transaction on some faults, such as a full disk; then
        there is no savepoint left to go back to.
        """
        if group.acts == 1:
            yield
            return
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        driver.execute("SAVEPOINT act")
        try:
            yield
        except BaseException:
            if driver.in_transaction:
                driver.execute("ROLLBACK TO act")
                driver.execute("RELEASE act")
            raise
        driver.execute("RELEASE act")

    def close(self) -> None:
        """Commit nothing more and let go of the connection."""
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _acquire(self, *, waits: bool) -> bool:
        if waits:
            return self._turn.acquire(timeout=WRITER_WAIT_S)
        while not self._turn.acquire(timeout=HELD_LOOK_S):
            if self.long_acts:
                return False
        return True

    def _take_turn(self, *, long: bool, waits: bool) -> None:
        """Wait for the writer; raises StoreAway where another act has it for too long.

        Who does not wait gets WriterHeld as soon as that is a large one.
        """
        with self._waiting_lock:
            self._waiting += not long
        has_turn = self._acquire(waits=waits)
        with self._waiting_lock:
            self._waiting -= not long
            if has_turn:
                return
            # An act may have left its commit to this one at the last moment.
            must_flush = not self._waiting and self._turn.acquire(blocking=False)
        if must_flush:
            try:
                self._flush()
            finally:
                self._turn.release()
        raise (StoreAway if waits else WriterHeld)("a large document is being stored")

    def _writer(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(begin="BEGIN IMMEDIATE")
        return self._connection

    def _undo(self, group: _Group | None, fault: BaseException) -> None:
        """Undo the failed act; the whole group where the database itself gave up."""
        connection = self._connection
        if connection is None or group is None:
            self._forget_connection()
            return
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        group.acts -= 1
        if driver.in_transaction and group.acts:
            return  # the savepoint is undone, the acts before it stand
        if group.acts:
            group.error = fault  # SQLite rolled everything back, as on a full disk
        connection.rollback()
        self._group = None
        group.tell()

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._group = None

    def _end_turn(self, group: _Group | None, *, long: bool) -> bool:
        """Commit, or leave it to the next in the queue; says whether it was left."""
        if group is None or self._group is not group:
            self._turn.release()
            return False
        if not long and group.acts < GROUP_ACTS_MAX:
            with self._waiting_lock:
                if self._waiting:
                    group.flushed = group.flushed or threading.Event()
                    self._turn.release()
                    return True
        try:
            self._flush()
        finally:
            self._turn.release()
        return False

    def _flush(self) -> None:
        """Commit the open transaction and tell all of its acts how it went."""
        group, connection = self._group, self._connection
        if group is None or connection is None:
            return
        self._group = None
        try:
            # A crash before this leaves nothing of the group, after it all; nobody has an answer.
            connection.commit()
        except BaseException as fault:  # noqa: BLE001  # handed to every act of the group
            group.error = fault
            connection.rollback()
        finally:
            group.tell()


def _named_fault(fault: BaseException) -> BaseException:
    """What a driver's fault means for the caller; a fault of ours stays what it is."""
    import psycopg

    if isinstance(fault, PoolTimeout):
        return StoreAway("too many readers at once")
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    if isinstance(cause, sqlite3.Error):
        message = _SQLITE_MESSAGES.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
        return message[0](message[1]) if message else fault
    if isinstance(cause, psycopg.Error) and cause.sqlstate in _POSTGRESQL_FULL:
        return StoreFull("the database server has no room")
    if cause is fault and isinstance(cause, psycopg.errors.UniqueViolation):
        return StoreContended("another act stored the same at the same moment")
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        was_rolled_back = (cause.sqlstate or "").startswith(_POSTGRESQL_ROLLED_BACK)
        return (
            StoreContended("another act changed the same at the same moment")
            if was_rolled_back
            else StoreAway("the database server cannot be reached")
        )
    return fault
