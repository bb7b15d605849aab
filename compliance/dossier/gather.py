"""Collecting the content of a dossier: one pass over the log, line by line, into temporary files.

An interrupted collection continues where it stopped: every `ROWS_PER_MARK` entries it saves the
lengths of its files (a mark), and the next attempt cuts the files back to the last mark.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import TextIOWrapper
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from compliance.dossier.chosen import ROWS_PER_READ
from compliance.dossier.index import HEADER, MAGIC, NO_SALT, NOTHING, RECORD, Shown
from compliance.dossier.redaction import statement_line
from compliance.dossier.refusal import ExportRefused
from compliance.dossier.table import COLUMNS, row_of, writer_of
from epcis.archive.reading import Shelves
from epcis.database.columns import moment_of
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from epcis.ledger.record import EventParts, parts_of
from epcis.store.payload import is_outline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from compliance.dossier.chosen import Chosen, LogRow
    from compliance.dossier.redaction import Left, Redactor

EVENTS, TABLE, RECORDS, INDEX = "events.ndjson", "events.csv", "records.ndjson", "log/index.bin"
EXTRACTS = "extracts.ndjson"
WAITING = (EVENTS, TABLE, RECORDS, INDEX, EXTRACTS)
ROWS_PER_MARK = 10_000
ROWS_PER_PROGRESS = 100
_MARK = "mark.json"
_NO_CONFIDENTIAL = sha256(b"").digest()


@dataclass(slots=True)
class Gathered:
    """Counts of what was collected so far; saved at every mark."""

    last_index: int = -1
    events: int = 0
    records: int = 0
    withheld: int = 0
    """Entries of which the log proves only that they exist."""
    extracts: int = 0
    """Entries of which the operator states a part that the log can only prove as a whole."""
    rows: int = 0
    """Rows of the table."""
    first_event: str = ""
    last_event: str = ""
    lengths: tuple[int, ...] = ()

    @property
    def entries(self) -> int:
        """Entries in the index."""
        return self.events + self.records + self.withheld


class Gathering:
    """The temporary files of one dossier, in a folder of their own."""

    def __init__(self, folder: Path, request: Mapping[str, object]) -> None:
        self.folder = folder
        self.so_far = Gathered()
        self._request = request
        self._complete: range | None = None
        self._shelves: Shelves
        self._files: list[BinaryIO] = []

    def run(
        self,
        chosen: Chosen,
        redactor: Redactor,
        progress: Callable[[int, int], None] | None = None,
    ) -> Gathered:
        """Collect all chosen entries.

        Raises ExportRefused where stored content differs from what was logged, and ArchiveAway
        where the file of an archived event cannot be read.
        """
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        self._complete = chosen.complete
        self._shelves = Shelves(RawDriver(chosen.view))
        self.so_far = self._resume()
        with ExitStack() as stack:
            for name in WAITING:
                self._files.append(stack.enter_context((self.folder / name).open("r+b")))
            for file, length in zip(self._files, self.so_far.lengths, strict=True):
                file.truncate(length)
                file.seek(length)
            self._collect(chosen, redactor, progress)
            self._mark()
        self._files.clear()
        return self.so_far

    def _resume(self) -> Gathered:
        """The last mark of the same request, or an empty one."""
        mark = self.folder / _MARK
        if mark.exists():
            noted = json.loads(mark.read_bytes())
            if noted["request"] == self._request:
                return Gathered(**{**noted["so_far"], "lengths": tuple(noted["so_far"]["lengths"])})
        heads = (b"", self._table_head(), b"", HEADER.pack(MAGIC, 0), b"")
        for name, head in zip(WAITING, heads, strict=True):
            (self.folder / name).write_bytes(head)
        return Gathered(lengths=tuple(len(head) for head in heads))

    @staticmethod
    def _table_head() -> bytes:
        return (",".join(f'"{name}"' for name in COLUMNS) + "\r\n").encode()

    def _mark(self) -> None:
        """Save the progress; a crash before the rename leaves the previous mark."""
        index = self._files[3]
        index.seek(0)
        index.write(HEADER.pack(MAGIC, self.so_far.entries))
        index.seek(0, os.SEEK_END)
        for file in self._files:
            file.flush()
        self.so_far.lengths = tuple(file.tell() for file in self._files)
        made = self.folder / f"{_MARK}.new"
        noted = {"request": self._request, "so_far": asdict(self.so_far)}
        made.write_text(json.dumps(noted))
        made.replace(self.folder / _MARK)

    def _collect(
        self,
        chosen: Chosen,
        redactor: Redactor,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        table = TextIOWrapper(cast("Any", self._files[1]), encoding="utf-8", newline="")
        write_row = writer_of(table).writerow
        try:
            with closing(chosen.rows(self.so_far.last_index)) as rows:
                for row in self._with_archived(rows):
                    self._show(row, redactor, write_row)
                    self.so_far.last_index = row.place
                    if self.so_far.entries % ROWS_PER_MARK == 0:
                        table.flush()
                        self._mark()
                    if progress and self.so_far.entries % ROWS_PER_PROGRESS == 0:
                        progress(self.so_far.entries, chosen.total)
        finally:
            table.detach()
        if progress:
            progress(self.so_far.entries, chosen.total)

    def _with_archived(self, rows: Iterator[LogRow]) -> Iterator[LogRow]:
        """The rows, with archived events taken out of their files some at a time."""
        while some := list(islice(rows, ROWS_PER_READ)):
            away = [row.seq for row in some if row.seq and row.payload and is_outline(row.payload)]
            if away:
                self._shelves.prefetch(away)
            yield from some

    def _show(
        self, row: LogRow, redactor: Redactor, write_row: Callable[[list[str]], object]
    ) -> None:
        if self._complete is not None and row.place not in self._complete:
            self._index(row, Shown.ENTRY, 0)
            self.so_far.withheld += 1
        elif not row.is_visible or not redactor.shows(row.kind):
            self._hide(row)
        elif row.kind == LeafKind.EVENT:
            self._show_event(row, redactor, write_row)
        else:
            self._show_record(row, redactor)

    def _show_event(
        self, row: LogRow, redactor: Redactor, write_row: Callable[[list[str]], object]
    ) -> None:
        if row.payload is None:
            raise ExportRefused(f"the event of log entry {row.place} is gone; run packtrail fsck")
        event = self._shelves.event(row.seq or 0, row.payload)
        parts = _as_committed(parts_of(event), row)
        shown = self._line(row, parts, redactor, redactor.event)
        if shown is Shown.NOTHING:
            self._hide(row)
        else:
            self._files[0].write(_line_of(parts, shown))
            self._index(row, shown, parts.cut)
            self.so_far.events += 1
            self.so_far.first_event = min(self.so_far.first_event or "~", event.event_time)
            self.so_far.last_event = max(self.so_far.last_event, event.event_time)
        recorded = moment_of(row.record_time_us).isoformat()
        event_hash = "" if shown is Shown.NOTHING else row.subject.hex()
        seen = event if shown is not Shown.NOTHING else redactor.places_of(event)
        write_row(row_of(seen, index=row.place, record_time=recorded, event_hash=event_hash))
        self.so_far.rows += 1

    def _show_record(self, row: LogRow, redactor: Redactor) -> None:
        parts = _as_committed(EventParts(row.public or b"", row.confidential or b""), row)
        if not parts.is_line or not parts.public.startswith(b"{"):
            if redactor.is_open:
                self._index(row, Shown.ENTRY, 0)
                self.so_far.withheld += 1
            else:
                self._hide(row)
            return
        shown = self._line(row, parts, redactor, redactor.record)
        if shown is Shown.NOTHING:
            self._hide(row)
            return
        as_record = Shown.RECORD if shown is Shown.EVENT else Shown.RECORD_PUBLIC
        self._files[2].write(_line_of(parts, shown))
        self._index(row, as_record, parts.cut)
        self.so_far.records += 1

    def _line(
        self,
        row: LogRow,
        parts: EventParts,
        redactor: Redactor,
        left_of: Callable[[EventParts], Left],
    ) -> Shown:
        """Write an entry in the form that the log proves, and state what else may be seen."""
        open_parts = parts if _is_open(row) else EventParts(parts.public, b"")
        if redactor.is_open:
            return Shown.EVENT if open_parts is parts else Shown.EVENT_PUBLIC
        left = left_of(open_parts)
        if left.stated:
            self._files[4].write(statement_line(row.place, row.kind, left.stated))
            self.so_far.extracts += 1
        if not left.is_public:
            return Shown.NOTHING
        return Shown.EVENT if left.is_whole and open_parts is parts else Shown.EVENT_PUBLIC

    def _hide(self, row: LogRow) -> None:
        """Write that an entry exists here, without its content."""
        self._files[3].write(
            RECORD.pack(row.place, Shown.NOTHING, 0, 0, 0, row.leaf, NOTHING, NOTHING, NO_SALT)
        )
        self.so_far.withheld += 1

    def _index(self, row: LogRow, shown: Shown, cut: int) -> None:
        whole = shown in (Shown.EVENT, Shown.RECORD)
        self._files[3].write(
            RECORD.pack(
                row.place,
                shown,
                row.kind,
                row.record_time_us,
                cut,
                row.subject,
                row.public_hash if shown is Shown.ENTRY else NOTHING,
                NOTHING if whole else row.confidential_hash,
                (row.salt or NO_SALT) if whole else NO_SALT,
            )
        )


def _line_of(parts: EventParts, shown: Shown) -> bytes:
    return (parts.line if shown is Shown.EVENT else parts.public) + b"\n"


def _is_open(row: LogRow) -> bool:
    """Whether the confidential part can still be shown: there is none, or its salt is kept."""
    return row.salt is not None or row.confidential_hash == _NO_CONFIDENTIAL


def _as_committed(parts: EventParts, row: LogRow) -> EventParts:
    """The parts; raises ExportRefused where they are not what the log committed to."""
    honest = sha256(parts.public).digest() == row.public_hash
    if honest and _is_open(row):
        honest = sha256((row.salt or b"") + parts.confidential).digest() == row.confidential_hash
    if not honest:
        raise ExportRefused(
            f"what is stored for log entry {row.place} is not what was logged; run packtrail fsck"
        )
    return parts
