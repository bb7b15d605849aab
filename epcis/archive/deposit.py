"""Move old records from the database into a file: write, read back, compare, then delete.

A file is complete on disk, and was read back and found equal, before the transaction begins that
takes its records out of the database. That transaction also writes the file's row, its entry of the
log and the outlines.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from sqlalchemy import func, insert, select

from epcis.archive.archive_tables import archive_file
from epcis.archive.outline import outline
from epcis.archive.parquet import (
    EVENTS,
    ArchivedEvent,
    file_digest,
    need_library,
    read_events,
    write_rows,
)
from epcis.database.columns import microseconds, moment_of
from epcis.database.many_writers import alone_in
from epcis.database.raw_driver import RawDriver
from epcis.database.transactions import Snapshot
from epcis.ledger.entry import LeafKind
from epcis.ledger.record import parts_of
from epcis.store.digest import event_digest
from epcis.store.event_items import named_items
from epcis.store.payload import pack_outline, unpack_event
from epcis.store.rows import parties_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.archive.reading import ArchiveFile
    from epcis.database.raw_driver import Row
    from epcis.ledger.store import Store, Transaction

Held: TypeAlias = Callable[[Snapshot, Sequence[int]], Mapping[int, str]]
"""Finds which of some records must stay, and the hold that keeps each."""
T = TypeVar("T", str, str | None)
Progress: TypeAlias = Callable[[str, int], None]

RECORDS_PER_FILE_MAX = 20_000
"""Most records of one file; they leave the database in one transaction."""
FILE_BYTES_MAX = 64 * 1024 * 1024
"""Most bytes of payloads or documents in one file, all held in memory while it is written."""
UNFINISHED = ".unfinished-"
"""Prefix of the name of a file that is still being written."""
UNFINISHED_S_MAX = 86_400
"""An unfinished file of this age was left by an interrupted run and is deleted."""

_MONTH_FROM = (
    "SELECT min(event_time) FROM event WHERE event_time >= ? AND event_time < ?"
    " AND record_time < ? AND archive IS NULL"
)
_OLD = (
    "SELECT e.seq, e.event_id, e.hash, e.type, e.action, e.biz_step, e.disposition, e.event_time,"
    " e.event_time_zone_offset, e.record_time, e.read_point, e.biz_location, e.payload, d.sha256,"
    " d.party FROM event e LEFT JOIN document d ON d.id = e.document"
    " WHERE (e.event_time, e.seq) > (?, ?) AND e.event_time < ? AND e.record_time < ?"
    " AND e.archive IS NULL ORDER BY e.event_time, e.seq LIMIT ?"
)
_DUE = (
    "SELECT seq, event_time FROM event WHERE (event_time, seq) > (?, ?) AND event_time < ?"
    " AND record_time < ? AND archive IS NULL ORDER BY event_time, seq LIMIT ?"
)
_HERE = "SELECT seq, payload FROM event WHERE archive IS NULL AND seq"
_EARLIEST_US = -(1 << 62)
_ROWS_PER_READ = 500


class ArchiveInterrupted(Exception):  # noqa: N818  # a state of the run
    """Records changed or came under a hold while their file was written; none was taken out."""


@dataclass(frozen=True, slots=True)
class Depositor:
    """Moves records into files of `folder`, except those that `held` keeps."""

    store: Store
    folder: Path
    held: Held
    by: str
    now: datetime
    progress: Progress
    records_max: int = RECORDS_PER_FILE_MAX

    def events(self, before: datetime) -> Iterator[str]:
        """Archive all events that happened and were recorded before; yields names of files.

        Records under a hold stay. The next run continues an interrupted one. Raises
        ArchiveUnavailable, ArchiveInterrupted, OSError, StoreAway, StoreFull.
        """
        need_library()
        self.prepare()
        limit_us, at_us = microseconds(before), _EARLIEST_US
        while True:
            with self.store.read() as snapshot:
                first = RawDriver(snapshot).one(_MONTH_FROM, (at_us, limit_us, limit_us))
            if first is None or first[0] is None:
                return
            month, end_us = month_of(first[0])
            place = (first[0] - 1, 0)
            while True:
                chosen, place, is_last = self._choose(place, min(end_us, limit_us), limit_us)
                if chosen:
                    yield self._deposit(month, chosen)
                if is_last:
                    break
            at_us = end_us

    def prepare(self) -> None:
        """Create the folder, and delete what an interrupted run left in it long ago."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(f"{UNFINISHED}*"):
            if self.now.timestamp() - left.stat().st_mtime > UNFINISHED_S_MAX:
                left.unlink(missing_ok=True)

    def _choose(
        self, place: tuple[int, int], end_us: int, limit_us: int
    ) -> tuple[list[_LeavingEvent], tuple[int, int], bool]:
        """The next events of one month that are not held, up to a full file, and where they end."""
        chosen: list[_LeavingEvent] = []
        size_bytes = 0
        with self.store.read() as snapshot:
            while len(chosen) < self.records_max and size_bytes < FILE_BYTES_MAX:
                wanted = min(_ROWS_PER_READ, self.records_max - len(chosen))
                rows = RawDriver(snapshot).all(_OLD, (*place, end_us, limit_us, wanted))
                if not rows:
                    return chosen, place, True
                place = (rows[-1][7], rows[-1][0])
                staying = self.held(snapshot, [row[0] for row in rows])
                free = [_leaving(row) for row in rows if row[0] not in staying]
                chosen.extend(free)
                size_bytes += sum(len(one.row.payload) for one in free)
                self.progress("events looked at", len(rows))
        return chosen, place, False

    def _deposit(self, month: str, chosen: list[_LeavingEvent]) -> str:
        with self.unfinished() as file:
            write_rows(file, EVENTS, (one.row for one in chosen))
            _compare(file, chosen)
            self.progress("events written", len(chosen))
            times = [one.row.event_time for one in chosen]
            with self.store.write(self.now, long=True) as tx:
                new = self.enter(
                    tx, file, FileContents(EVENTS, month, min(times), max(times), len(chosen))
                )
                self._take_out(tx, new.id, chosen)
                self.settle(file, new)
        self.progress("events archived", len(chosen))
        return new.name

    def _take_out(self, tx: Transaction, number: int, chosen: Sequence[_LeavingEvent]) -> None:
        """Replace payloads by outlines, for exactly the events read back from the file."""
        driver = RawDriver(tx)
        seqs = [one.row.seq for one in chosen]
        if self.held(tx, seqs):
            raise ArchiveInterrupted("a legal hold was opened meanwhile; start again")
        here = {row[0]: row[1] for row in driver.all_in(_HERE, seqs, lock=True)}
        if any(here.get(one.row.seq) != one.row.payload for one in chosen):
            raise ArchiveInterrupted("another run archives the same events; start again")
        rows = [(one.outline, number, one.row.seq) for one in chosen]
        driver.update("event", "seq", ("payload", "archive"), rows)

    @contextmanager
    def unfinished(self) -> Iterator[Path]:
        """A file to write; it is deleted at the end unless `settle` has renamed it."""
        handle, name = tempfile.mkstemp(prefix=UNFINISHED, suffix=".parquet", dir=self.folder)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def enter(self, tx: Transaction, file: Path, what: FileContents) -> New:
        """Write the row of a new file and its entry of the log; a lock keeps names unique."""
        alone_in(tx, archive_file)
        table = archive_file.c
        of_month = select(func.count()).where(table.holds == what.holds, table.month == what.month)
        number = (tx.connection.scalar(of_month) or 0) + 1
        name = f"{what.holds}-{what.month}-{number:04d}.parquet"
        size_bytes, digest = file_digest(file)
        done = tx.connection.execute(
            insert(archive_file).values(
                id=(tx.connection.scalar(select(func.max(table.id))) or 0) + 1,
                holds=what.holds,
                month=what.month,
                name=name,
                folder=str(self.folder.absolute()),
                records=what.records,
                size_bytes=size_bytes,
                sha256=digest,
                oldest=what.oldest,
                newest=what.newest,
                made=tx.now,
                made_by=self.by,
            )
        )
        key = done.inserted_primary_key
        assert key is not None, "a row that was inserted has a number"
        new = New(key[0], name, digest)
        log_act(tx, "archived", new, what.records, by=self.by)
        return new

    def settle(self, file: Path, new: New) -> None:
        """Rename the file to its final name.

        A crash before the transaction's commit leaves a file that no row names, whose name the
        next run reuses; after the commit both exist.
        """
        file.replace(self.folder / new.name)
        sync_folder(self.folder)


def due_events(snapshot: Snapshot, before: datetime) -> Iterator[list[int]]:
    """`event.seq` of all events that `Depositor.events` would consider, in batches."""
    limit_us, place = microseconds(before), (_EARLIEST_US, 0)
    while True:
        rows = RawDriver(snapshot).all(_DUE, (*place, limit_us, limit_us, _ROWS_PER_READ))
        if not rows:
            return
        place = (rows[-1][1], rows[-1][0])
        yield [row[0] for row in rows]


class FileContents(NamedTuple):
    """Content of a new file."""

    holds: str
    """`events` or `documents`."""
    month: str
    oldest: datetime
    newest: datetime
    records: int


class New(NamedTuple):
    """The columns of a file's row that the log records."""

    id: int
    name: str
    sha256: bytes


class _LeavingEvent(NamedTuple):
    """An event to archive, and the outline that stays of it."""

    row: ArchivedEvent
    outline: bytes


def log_act(tx: Transaction, deed: str, file: New | ArchiveFile, records: int, *, by: str) -> None:
    """Record in the log what was done with a file of the archive."""
    details = {
        "act": f"archive-{deed}",
        "file": file.id,
        "name": file.name,
        "sha256": file.sha256.hex(),
        "records": records,
        "by": by,
    }
    tx.log(LeafKind.SETTING, json.dumps(details, sort_keys=True).encode())


def sync_folder(folder: Path) -> None:
    """Wait until the names of a folder's files are on disk (fsync of the folder)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def month_of(time_us: int) -> tuple[str, int]:
    """The month of a point in time (microseconds since 1970), and where the next one begins.

    >>> month_of(microseconds(datetime(2020, 12, 31, tzinfo=UTC)))[0]
    '2020-12'
    """
    at = moment_of(time_us)
    year, month = at.year + at.month // 12, at.month % 12 + 1
    return f"{at:%Y-%m}", microseconds(datetime(year, month, 1, tzinfo=UTC))


def _leaving(row: Row) -> _LeavingEvent:
    """Convert a row of `_OLD` to a row of the file."""
    payload, document, capturer = row[12:15]
    event = unpack_event(payload)
    lists = [epcs for _, epcs in named_items(event)]
    archived = ArchivedEvent(
        seq=row[0],
        event_id=_writable(row[1]),
        hash=row[2],
        type=row[3],
        action=row[4],
        biz_step=_writable(row[5]),
        disposition=_writable(row[6]),
        event_time=moment_of(row[7]),
        event_time_zone_offset=row[8],
        record_time=moment_of(row[9]),
        read_point=_writable(row[10]),
        biz_location=_writable(row[11]),
        parent_id=_writable(getattr(event, "parent_id", None)),
        epcs=[_writable(epc) for epcs in lists for epc in epcs],
        parties=sorted({_writable(party) for party, _ in parties_of(event, capturer)}),
        document=document,
        event=parts_of(event).line.decode(errors="replace"),
        payload=payload,
    )
    return _LeavingEvent(archived, pack_outline(outline(event)))


def _writable(text: T) -> T:
    """A text without the half characters (lone surrogates) that UTF-8 cannot hold."""
    return text.encode(errors="replace").decode() if isinstance(text, str) else text


def _compare(file: Path, chosen: Sequence[_LeavingEvent]) -> None:
    """Read a file back: it must hold every event unchanged, with the hash in the log."""
    count = 0
    for written, read in zip(chosen, read_events(file), strict=False):
        same = written.row == read and event_digest(unpack_event(read.payload)) == read.hash
        if not same:
            raise ArchiveInterrupted(
                f"event {written.row.event_id} did not come back the same from {file}:"
                " check the disk, and run packtrail fsck"
            )
        count += 1
    if count != len(chosen):
        raise ArchiveInterrupted(f"{file} holds {count} of {len(chosen)} events: check the disk")
