"""Leases: of several servers on one database, one does a piece of work, and it may die of it.

A lease is a row with an end, by the clock of the database server, which its holder moves on while
it works. Who is killed, or cut off from the database, moves nothing on: after `LEASE_S` another
server takes the work over. A holder that was only slow sees before it writes its result that the
lease is no longer its own.

With one writer one process does all work, and every lease is granted.
"""

from __future__ import annotations

import secrets
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from epcis.database.many_writers import SERVER_NOW_US
from epcis.database.raw_driver import RawDriver
from epcis.database.transactions import Snapshot, StoreAway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.database.transactions import Database

LEASE_S: Final = 10.0
"""How long a lease lasts that nobody renews."""
_RENEWALS: Final = 3
"""How often it is renewed in that time."""
_TAKE: Final = (
    f"INSERT INTO lease (work, holder, until_us) VALUES (?, ?, {SERVER_NOW_US} + ?)"  # noqa: S608  # our own words
    " ON CONFLICT (work) DO UPDATE SET holder = excluded.holder, until_us = excluded.until_us"
    f" WHERE lease.until_us < {SERVER_NOW_US}"
)
_RENEW: Final = f"UPDATE lease SET until_us = {SERVER_NOW_US} + ? WHERE work = ? AND holder = ?"  # noqa: S608  # as above
_HELD: Final = "SELECT work FROM lease WHERE holder"
_OLD: Final = f"DELETE FROM lease WHERE until_us < {SERVER_NOW_US} - ?"  # noqa: S608  # as above
OLD_US: Final = 3_600_000_000
"""Age, in microseconds, at which a lease that nobody took over is forgotten."""
_END: Final = "DELETE FROM lease WHERE work = ? AND holder = ?"


@dataclass(frozen=True, slots=True)
class Lease:
    """A piece of work that is ours for now."""

    work: str
    holder: str

    def holds(self, tx: Snapshot) -> bool:
        """Whether it is still ours, and stays so until this transaction is over.

        Ask it in the transaction that writes the result of the work.
        """
        if tx.has_one_writer:
            return True
        return bool(RawDriver(tx).all_in(_HELD, [self.holder], lock=True))


@contextmanager
def leased(store: Database, work: str, *, lease_s: float = LEASE_S) -> Iterator[Lease | None]:
    """A lease for the block; None where another server, or another worker here, has it."""
    lease = Lease(work, f"{socket.gethostname()}/{secrets.token_hex(8)}")
    if store.has_one_writer:
        yield lease
        return
    lease_us = int(lease_s * 1_000_000)
    if not _run(store, _TAKE, (work, lease.holder, lease_us)):
        yield None
        return
    is_over = threading.Event()

    def renew() -> None:
        while not is_over.wait(lease_s / _RENEWALS):
            # Without the database nothing is renewed; another server may have the work then.
            with suppress(StoreAway):
                _run(store, _RENEW, (lease_us, work, lease.holder))

    renewing = threading.Thread(target=renew, name=f"lease of {work}", daemon=True)
    renewing.start()
    try:
        yield lease
    finally:
        is_over.set()
        renewing.join()
        with suppress(StoreAway):
            _run(store, _END, (work, lease.holder))


def end_old_leases(store: Database) -> None:
    """Forget leases that ended long ago: their holders were killed after the work was done."""
    if not store.has_one_writer:
        _run(store, _OLD, (OLD_US,))


def _run(store: Database, statement: str, values: tuple[object, ...]) -> int:
    with store.transaction() as connection:
        return RawDriver(Snapshot(connection, store.companions)).run(statement, values)
