"""Destroy a file of the archive; that its events were recorded stays provable.

Only archived records are erased, and a file only as a whole. Of its events the outline, the hash
and the entry of the log stay. Erased are the file, the events' search words, the parties who could
see them, and the salts, without which the log's hashes reveal nothing confidential. Of documents
only the received bytes are erased: the headers stay because master data is read from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from epcis.archive.archive_tables import archive_file
from epcis.archive.deposit import ArchiveInterrupted, Held, log_act
from epcis.archive.parquet import EVENTS
from epcis.archive.reading import files
from epcis.database.many_writers import alone_in
from epcis.database.raw_driver import RawDriver

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.archive.reading import ArchiveFile
    from epcis.database.raw_driver import Row
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

_FOUND_BY = ("event_word", "event_field", "event_sensor", "event_quantity", "event_party")
_SALT_OF_EVENT = "UPDATE ledger_entry SET salt = NULL WHERE event = ?"


def records_of(snapshot: Snapshot, file: ArchiveFile) -> list[int]:
    """The numbers of the events or documents in a file."""
    table, number = ("event", "seq") if file.holds == EVENTS else ("document", "id")
    statement = f"SELECT {number} FROM {table} WHERE archive = ? ORDER BY {number}"  # noqa: S608  # our own names
    return [row[0] for row in RawDriver(snapshot).all(statement, (file.id,))]


def erase(store: Store, file: ArchiveFile, held: Held, *, by: str, now: datetime) -> int:
    """Destroy a file and all that only it held; returns of how many events or documents.

    The caller has decided that its retention period is over; holds are checked here once more.
    Raises ArchiveInterrupted where a hold covers any of it, StoreAway, StoreFull.
    """
    with store.write(now, long=True) as tx:
        alone_in(tx, archive_file)
        records = records_of(tx, file)
        if held(tx, records):
            raise ArchiveInterrupted(f"a legal hold covers {file.name}; it stays")
        if file.holds == EVENTS:
            _forget_events(tx, [(number,) for number in records])
        tx.connection.execute(
            update(archive_file)
            .where(archive_file.c.id == file.id)
            .values(erased=tx.now, erased_by=by)
        )
        log_act(tx, "erased", file, len(records), by=by)
        # A crash before this leaves everything; after it only a file that `sweep` deletes.
    file.path.unlink(missing_ok=True)
    return len(records)


def sweep(store: Store) -> list[str]:
    """Delete files whose erasure committed before a crash; yields their names."""
    with store.read() as snapshot:
        erased = [file for file in files(snapshot) if file.erased is not None]
    left = [file for file in erased if file.path.exists()]
    for file in left:
        file.path.unlink(missing_ok=True)
    return [file.name for file in left]


def _forget_events(tx: Transaction, seqs: list[Row]) -> None:
    driver = RawDriver(tx)
    for table in _FOUND_BY:
        driver.run_many(f"DELETE FROM {table} WHERE seq = ?", seqs)  # noqa: S608  # our own names
    driver.run_many(_SALT_OF_EVENT, seqs)
