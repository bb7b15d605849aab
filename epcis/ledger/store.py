"""The store: one database with its log, which records every transaction.

`Store.write` is one transaction, which also writes its entries of the log.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from epcis.database.columns import moment_of
from epcis.database.connections import engine_of
from epcis.database.transactions import Database, Snapshot
from epcis.ledger.append import append
from epcis.ledger.entry import NO_SUBJECT, Commitment, LeafKind, commit
from epcis.ledger.register import TOUCHED, Key, changed_rows, watch_registers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine, Table

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEWEST = "SELECT record_time FROM event ORDER BY seq DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Transaction(Snapshot):
    """A transaction under way; what it logs is part of it."""

    now: datetime = _EPOCH
    """The record time: the caller's clock, but never before that of an earlier transaction."""
    commitments: list[Commitment] = field(default_factory=list)
    words: Engine | None = None
    """See `epcis.database.transactions.Database.words`."""
    touched: dict[Table, set[Key]] = field(default_factory=dict)
    """Rows of registers that it wrote and that are not in the log yet."""

    def __post_init__(self) -> None:
        Snapshot.__post_init__(self)
        # What a transaction reads may be rolled back, so none of it is cached.
        object.__setattr__(self, "remembered", {})

    def log(
        self, kind: LeafKind, public: bytes, confidential: bytes = b"", *, subject: bytes = b""
    ) -> None:
        """Add an entry to the log, in this transaction.

        `public` shows in every export, `confidential` may be left out or erased; `subject` is 32
        bytes naming what the entry is about, or nothing.
        """
        self.commitments.append(commit(kind, public, confidential, subject=subject or NO_SUBJECT))

    def enter_log(self) -> None:
        """Write the collected entries of the log, right before the commit."""
        for public, confidential, subject in changed_rows(self, self.touched):
            self.log(LeafKind.REGISTER, public, confidential, subject=subject)
        if self.commitments:
            append(self, self.commitments, self.now)
            self.commitments.clear()


class Store(Database):
    """One database with its log. Make it by `Store.open`; safe to use from many threads."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.signed = ""
        """The newest signed checkpoint, `origin size root`, as answers name it; see `/log`."""
        self._latest = _EPOCH
        self._latest_lock = threading.Lock()
        watch_registers(engine)

    @classmethod
    def open(cls, url: str) -> Store:
        """Open a SQLAlchemy URL or a file name; makes the file, never the tables.

        Raises ValueError for a database other than SQLite and PostgreSQL, StoreAway where it
        does not answer at first use.
        """
        return cls(engine_of(url))

    @contextmanager
    def write(
        self,
        now: datetime,
        *,
        long: bool = False,
        own: Connection | None = None,
        waits: bool = True,
    ) -> Iterator[Transaction]:
        """One transaction, committed at the end of the block, rolled back on any exception.

        A `long` transaction (a large file) never makes others wait for their acknowledgement. On
        PostgreSQL it may have a connection of its own, `own` (`Database.own_connection`). Raises
        StoreFull and StoreAway, and where it does not wait (`waits`) WriterHeld as soon as a long
        one has the one writer of SQLite; all leave nothing behind.
        """
        with self.transaction(long=long, own=own, waits=waits) as connection:
            at = self._record_time(connection, now)
            act = Transaction(connection, self.companions, at, words=self.words)
            # Taken once: a connection that broke within the act can no longer be asked for it.
            beside = connection.info
            beside[TOUCHED] = act.touched
            try:
                yield act
                act.enter_log()
            finally:
                beside.pop(TOUCHED, None)

    @contextmanager
    def read_as_act(self, now: datetime) -> Iterator[Transaction]:
        """A transaction that only reads, for answers whose record is kept elsewhere."""
        with self.read() as snapshot:
            yield Transaction(snapshot.connection, self.companions, now)

    def _record_time(self, connection: Connection, now: datetime) -> datetime:
        """`now`, or the latest record time if the clock went back."""
        with self._latest_lock:
            if self._latest is _EPOCH:
                newest = connection.exec_driver_sql(_NEWEST).scalar()
                earliest = datetime.min.replace(tzinfo=UTC)
                self._latest = earliest if newest is None else moment_of(newest)
            self._latest = max(self._latest, now)
            return self._latest
