"""Move the original bytes of documents into files, once all events of the document are archived.

The row of a document (digest, sender, header, findings) stays in the database; the file holds the
bytes as they were received, in pieces.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, update

from epcis.archive.deposit import FILE_BYTES_MAX, ArchiveInterrupted, FileContents, month_of
from epcis.archive.parquet import (
    DOCUMENTS,
    ArchivedPiece,
    need_library,
    read_pieces,
    write_rows,
)
from epcis.database.columns import microseconds, moment_of
from epcis.database.raw_driver import RawDriver
from epcis.store.event_tables import document, document_part
from epcis.store.payload import unsqueeze

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from epcis.archive.deposit import Depositor
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

_OLD = (
    "SELECT d.id, d.sha256, d.received, d.sender, d.syntax, d.size_bytes FROM document d"
    " WHERE d.id > ? AND d.received < ? AND d.archive IS NULL AND NOT EXISTS"
    " (SELECT 1 FROM event e WHERE e.document = d.id AND e.archive IS NULL)"
    " AND EXISTS (SELECT 1 FROM document_part p WHERE p.document = d.id)"
    " ORDER BY d.id LIMIT ?"
)
_DUE = (
    "SELECT d.id FROM document d WHERE d.id > ? AND d.received < ? AND d.archive IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM event e WHERE e.document = d.id AND e.archive IS NULL"
    " AND (e.event_time >= ? OR e.record_time >= ?))"
    " AND EXISTS (SELECT 1 FROM document_part p WHERE p.document = d.id)"
    " ORDER BY d.id LIMIT ?"
)
_PARTS = "SELECT part, content FROM document_part WHERE document = ? ORDER BY part"
_ROWS_PER_READ = 200


class _LeavingDocument(NamedTuple):
    """A document to archive."""

    id: int
    sha256: bytes
    received_us: int
    sender: str | None
    syntax: str
    size_bytes: int


def due_documents(
    snapshot: Snapshot, before: datetime, events_before: datetime
) -> Iterator[list[int]]:
    """`document.id` of all documents that would follow once events older than that are archived."""
    last, times = (
        0,
        (microseconds(before), microseconds(events_before), microseconds(events_before)),
    )
    while True:
        rows = RawDriver(snapshot).all(_DUE, (last, *times, _ROWS_PER_READ))
        if not rows:
            return
        last = rows[-1][0]
        yield [row[0] for row in rows]


def deposit_documents(depositor: Depositor, before: datetime) -> Iterator[str]:
    """Archive the bytes of documents received before, whose events are all archived or none.

    Yields names of files. Raises as `Depositor.events`.
    """
    need_library()
    depositor.prepare()
    last = 0
    while True:
        month, chosen, last, is_last = _choose(depositor, last, microseconds(before))
        if chosen:
            yield _deposit(depositor, month, chosen)
        if is_last:
            return


def _choose(
    depositor: Depositor, last: int, limit_us: int
) -> tuple[str, list[_LeavingDocument], int, bool]:
    """The next documents of one month for a file; the last one considered; whether none is left."""
    chosen: list[_LeavingDocument] = []
    month, size_bytes = "", 0
    with depositor.store.read() as snapshot:
        while len(chosen) < depositor.records_max and size_bytes < FILE_BYTES_MAX:
            rows = RawDriver(snapshot).all(_OLD, (last, limit_us, _ROWS_PER_READ))
            staying = depositor.held(snapshot, [row[0] for row in rows]) if rows else {}
            for row in rows:
                one = _LeavingDocument(row[0], bytes(row[1]), *row[2:])
                of_month = month_of(one.received_us)[0]
                is_full = len(chosen) == depositor.records_max or size_bytes >= FILE_BYTES_MAX
                if is_full or (chosen and of_month != month):
                    return month, chosen, last, False
                last = one.id
                if one.id not in staying:
                    month = of_month
                    chosen.append(one)
                    size_bytes += one.size_bytes
            depositor.progress("documents looked at", len(rows))
            if not rows:
                return month, chosen, last, True
    return month, chosen, last, False


def _deposit(depositor: Depositor, month: str, chosen: Sequence[_LeavingDocument]) -> str:
    with depositor.unfinished() as file:
        with depositor.store.read() as snapshot:
            write_rows(file, DOCUMENTS, _pieces(snapshot, chosen))
        _compare(file, chosen)
        depositor.progress("documents written", len(chosen))
        times = [moment_of(one.received_us) for one in chosen]
        what = FileContents(DOCUMENTS, month, min(times), max(times), len(chosen))
        with depositor.store.write(depositor.now, long=True) as tx:
            new = depositor.enter(tx, file, what)
            _take_out(depositor, tx, new.id, [one.id for one in chosen])
            depositor.settle(file, new)
    depositor.progress("documents archived", len(chosen))
    return new.name


def _pieces(snapshot: Snapshot, chosen: Sequence[_LeavingDocument]) -> Iterator[ArchivedPiece]:
    driver = RawDriver(snapshot)
    for one in chosen:
        for part, content in driver.stream(_PARTS, (one.id,)):
            yield ArchivedPiece(
                document=one.id,
                sha256=one.sha256,
                received=moment_of(one.received_us),
                sender=one.sender,
                syntax=one.syntax,
                part=part,
                content=unsqueeze(content),
            )


def _compare(file: Path, chosen: Sequence[_LeavingDocument]) -> None:
    """Read a file back: every document must have the bytes that were received."""
    digests = {one.id: sha256() for one in chosen}
    for piece in read_pieces(file):
        digests[piece.document].update(piece.content)
    for one in chosen:
        if digests[one.id].digest() != one.sha256:
            raise ArchiveInterrupted(
                f"document {one.sha256.hex()} did not come back the same from {file}:"
                " check the disk, and run packtrail fsck"
            )


def _take_out(depositor: Depositor, tx: Transaction, number: int, ids: Sequence[int]) -> None:
    if depositor.held(tx, ids):
        raise ArchiveInterrupted("a legal hold was opened meanwhile; start again")
    driver = RawDriver(tx)
    here = driver.all_in("SELECT id FROM document WHERE archive IS NULL AND id", list(ids))
    if len(here) != len(set(ids)):
        raise ArchiveInterrupted("another run archives the same documents; start again")
    for one in ids:
        tx.connection.execute(update(document).where(document.c.id == one).values(archive=number))
        tx.connection.execute(delete(document_part).where(document_part.c.document == one))
