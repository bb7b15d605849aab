"""Check that the archive and the database agree: every file present, unchanged, and complete."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from epcis.archive.parquet import EVENTS, file_digest
from epcis.archive.reading import files
from epcis.database.raw_driver import RawDriver
from epcis.store.payload import OUTLINE, is_outline
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from epcis.archive.reading import ArchiveFile
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store

_EVENTS_OUT = "SELECT archive, count(*) FROM event WHERE archive IS NOT NULL GROUP BY archive"
_DOCUMENTS_OUT = "SELECT archive, count(*) FROM document WHERE archive IS NOT NULL GROUP BY archive"
_MARKS = (
    "SELECT seq, event_id, archive, substr(payload, 1, 1) FROM event"
    " WHERE archive IS NOT NULL OR substr(payload, 1, 1) = ?"
)
_STRAY = (
    "SELECT d.id FROM document d JOIN document_part p ON p.document = d.id"
    " WHERE d.archive IS NOT NULL GROUP BY d.id ORDER BY d.id"
)
_FROM_BACKUP = "Take the file from a backup."


def check_archive(store: Store, progress: Callable[[str, int], None]) -> Iterator[Finding]:
    """Check every file of the archive against its row, and the rows that name a file."""
    with store.read() as snapshot:
        driver = RawDriver(snapshot)
        out = {EVENTS: _counts(driver, _EVENTS_OUT), "documents": _counts(driver, _DOCUMENTS_OUT)}
        known = files(snapshot)
        yield from _check_marks(snapshot)
    for number, file in enumerate(known, 1):
        yield from _check_count(file, out[file.holds].pop(file.id, 0))
        yield from _check_file(file)
        progress("archive files", number)
    for holds, left in out.items():
        for number, count in left.items():
            yield _found(f"{count} {holds} say they lie in file {number}, which has no row")


def _counts(driver: RawDriver, statement: str) -> Counter[int]:
    return Counter(dict(driver.all(statement)))


def _check_count(file: ArchiveFile, count: int) -> Iterator[Finding]:
    expected = 0 if file.restored is not None else file.records
    if count != expected:
        yield _found(
            f"{count} {file.holds} say they lie in {file.name}, which took out {expected}",
            file.name,
        )


def _check_file(file: ArchiveFile) -> Iterator[Finding]:
    if file.erased is not None:
        if file.path.exists():
            yield Finding(
                "archive.not-destroyed",
                Severity.WARNING,
                f"{file.path} was erased and is still there",
                "Run packtrail retention run, which takes it away.",
                Where(path=file.name),
            )
        return
    if file.restored is not None:
        return
    try:
        found = file_digest(file.path)
    except OSError as fault:
        yield Finding(
            "archive.file-away",
            Severity.WARNING,
            f"{file.name}, archived on {file.made:%Y-%m-%d} with {file.records} {file.holds}, is"
            f" not in {file.folder} ({fault.strerror or fault}): they cannot be checked",
            "Put the file there and check again; if it was lost, take it from a backup.",
            Where(path=file.name),
        )
        return
    if found != (file.size_bytes, file.sha256):
        yield _found(f"{file.path} is not the file that was archived", file.name)


def _check_marks(snapshot: Snapshot) -> Iterator[Finding]:
    """Check that an event either names a file and is an outline, or neither."""
    odd = RawDriver(snapshot).stream(_MARKS, (OUTLINE,))
    for seq, event_id, archive, head in odd:
        if (archive is not None) != is_outline(head):
            yield _found(f"event {seq} ({event_id}) is half archived", f"event/{seq}")
    for (number,) in RawDriver(snapshot).all(_STRAY):
        yield _found(f"document {number} is archived, and some of its bytes are here")


def _found(what: str, path: str | None = None) -> Finding:
    return Finding("archive.differs", Severity.CRITICAL, what, _FROM_BACKUP, Where(path=path))
