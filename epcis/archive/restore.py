"""Restore archived records: the same bytes, checked against the hashes in the database."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import insert, update

from epcis.archive.archive_tables import archive_file
from epcis.archive.deposit import log_act
from epcis.archive.parquet import EVENTS, DamagedFile, file_digest, read_events, read_pieces
from epcis.archive.reading import find_file
from epcis.database.many_writers import alone_in
from epcis.database.raw_driver import RawDriver
from epcis.store.digest import event_digest
from epcis.store.event_tables import document, document_part
from epcis.store.payload import squeeze, unpack_event
from schemas.refusal import Refused

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from epcis.archive.reading import ArchiveFile
    from epcis.database.raw_driver import Row
    from epcis.ledger.store import Store, Transaction

_OUT = "SELECT seq, hash FROM event WHERE archive = ?"
_OUT_DOCUMENTS = "SELECT id, sha256 FROM document WHERE archive = ?"
_BACK = "UPDATE event SET payload = ?, archive = NULL WHERE seq = ?"


class RestoreRefused(Refused):
    """The file cannot be restored; nothing was changed. The text says why and what to do."""


def restore(
    store: Store, name: str, *, by: str, now: datetime, folder: Path | None = None
) -> ArchiveFile:
    """Bring everything in a file of the archive back into the database; the file stays.

    `folder` names the file's folder if it was moved. One transaction restores all or nothing. A
    file that is restored already changes nothing. Raises RestoreRefused, ArchiveUnavailable,
    StoreAway, StoreFull.
    """
    with store.read() as snapshot:
        file = find_file(snapshot, name)
    if file is None:
        raise RestoreRefused(f"no file {name} in the archive: packtrail archive list")
    if file.erased is not None:
        raise RestoreRefused(f"{name} was destroyed on {file.erased:%Y-%m-%d}")
    if file.restored is not None:
        return file
    path = (folder / name) if folder is not None else file.path
    _need_same(path, file)
    with store.write(now, long=True) as tx:
        alone_in(tx, archive_file)
        try:
            bring_back = _events_back if file.holds == EVENTS else _documents_back
            count = bring_back(tx, path, file)
        except (DamagedFile, ValueError) as fault:
            raise RestoreRefused(f"{path}: {fault}; take it from a backup") from fault
        tx.connection.execute(
            update(archive_file)
            .where(archive_file.c.id == file.id)
            .values(restored=tx.now, restored_by=by)
        )
        log_act(tx, "restored", file, count, by=by)
        # A crash before this commit leaves everything in the archive; after it all is restored.
    with store.read() as snapshot:
        back = find_file(snapshot, name)
    assert back is not None, "a file of the archive keeps its row"
    return back


def _need_same(path: Path, file: ArchiveFile) -> None:
    try:
        size_bytes, digest = file_digest(path)
    except OSError as fault:
        raise RestoreRefused(
            f"{path}: {fault.strerror or fault}; name the folder it lies in with --from"
        ) from None
    if (size_bytes, digest) != (file.size_bytes, file.sha256):
        raise RestoreRefused(
            f"{path} is not the file that was archived (SHA-256 {digest.hex()}, not"
            f" {file.sha256.hex()}); take it from a backup"
        )


def _events_back(tx: Transaction, path: Path, file: ArchiveFile) -> int:
    driver = RawDriver(tx)
    out = {seq: bytes(digest) for seq, digest in driver.all(_OUT, (file.id,))}
    rows: list[Row] = []
    for one in read_events(path):
        digest = out.pop(one.seq, None)
        if digest is None or event_digest(unpack_event(one.payload)) != digest:
            raise DamagedFile(f"event {one.event_id} is not the one that was archived")
        rows.append((one.payload, one.seq))
    if out:
        raise DamagedFile(f"{len(out)} events that were archived in it are missing")
    driver.run_many(_BACK, rows)
    return len(rows)


def _documents_back(tx: Transaction, path: Path, file: ArchiveFile) -> int:
    driver = RawDriver(tx)
    out = {number: bytes(digest) for number, digest in driver.all(_OUT_DOCUMENTS, (file.id,))}
    digests = {number: sha256() for number in out}
    for one in read_pieces(path):
        if one.document not in out:
            raise DamagedFile(f"document {one.sha256.hex()} is not out of the database")
        digests[one.document].update(one.content)
        tx.connection.execute(
            insert(document_part).values(
                document=one.document, part=one.part, content=squeeze(one.content)
            )
        )
    for number, digest in digests.items():
        if digest.digest() != out[number]:
            raise DamagedFile(f"document {out[number].hex()} is not as it was received")
    tx.connection.execute(
        update(document).where(document.c.archive == file.id).values(archive=None)
    )
    return len(out)
