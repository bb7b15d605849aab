"""Read archived events out of their files.

Files are read a row group at a time and the latest groups are cached, so that a page of a query,
a dossier or `fsck` reads each group once. Every event is checked against the hash in its row.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from zstandard import ZstdError

from epcis.archive.archive_tables import archive_file
from epcis.archive.parquet import ArchiveUnavailable, DamagedFile, read_payloads
from epcis.database.columns import moment_of
from epcis.database.transactions import StoreAway
from epcis.store.digest import event_digest
from epcis.store.payload import is_outline, unpack_event

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from epcis.database.raw_driver import RawDriver
    from epcis.database.transactions import Snapshot
    from epcis.model import Event
    from epcis.problem import Problem

_WHERE = "SELECT seq, archive, hash FROM event WHERE seq"
_NAMES = (
    "id", "holds", "month", "name", "folder", "records", "size_bytes", "sha256", "oldest",
    "newest", "made", "made_by", "restored", "erased",
)  # fmt: skip
_TIMES = frozenset({"oldest", "newest", "made", "restored", "erased"})
_FILE = f"SELECT {', '.join(_NAMES)} FROM archive_file WHERE id = ?"  # noqa: S608  # our own names
PAYLOADS_KEPT_BYTES_MAX = 32 * 1024 * 1024
"""Most bytes of payloads that one reader caches."""


class ArchiveAway(StoreAway):
    """The file of an event cannot be read now, or was destroyed; the text says which."""

    retry_after_s = 3600

    def __init__(self, of: ArchiveFile | None, why: str) -> None:
        super().__init__(why)
        self.of = of

    @property
    def is_for_ever(self) -> bool:
        """Whether it was destroyed, so that no file can bring it back."""
        return self.of is not None and self.of.erased is not None

    @property
    def problem(self) -> Problem:
        """The HTTP problem: 503 while the file is missing, 410 where it was destroyed."""
        from epcis.problem import Problem  # 16 MB that no export or fsck needs

        what = "an event that this asks for was"
        kind = "epcisException:ImplementationException"
        if self.is_for_ever:
            return Problem(410, "Erased", f"{what} {self}", type=kind)
        where = f" on {self.of.made:%Y-%m-%d} in file {self.of.name}" if self.of else ""
        return Problem(
            503,
            "Archived",
            f"{what} archived{where}, which is not at hand; ask the operator to put it back",
            type=kind,
            headers={"Retry-After": str(self.retry_after_s)},
        )


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file of the archive, from its row in the database."""

    id: int
    holds: str
    """`events` or `documents`."""
    month: str
    name: str
    folder: str
    records: int
    size_bytes: int
    sha256: bytes
    oldest: datetime
    newest: datetime
    made: datetime
    made_by: str
    restored: datetime | None
    erased: datetime | None

    @property
    def path(self) -> Path:
        """The path where it belongs."""
        return Path(self.folder) / self.name

    def as_dict(self) -> dict[str, object]:
        """The file as `packtrail archive list --json` and `/archive` show it."""
        return {
            "id": self.id,
            "holds": self.holds,
            "month": self.month,
            "name": self.name,
            "folder": self.folder,
            "records": self.records,
            "sizeBytes": self.size_bytes,
            "sha256": self.sha256.hex(),
            "oldest": self.oldest.isoformat(),
            "newest": self.newest.isoformat(),
            "archived": self.made.isoformat(),
            "archivedBy": self.made_by,
            "restored": self.restored.isoformat() if self.restored else None,
            "erased": self.erased.isoformat() if self.erased else None,
        }

    def away(self, why: str) -> ArchiveAway:
        """The error that this file's content cannot be read."""
        if self.erased is not None:
            return ArchiveAway(
                self,
                f"destroyed on {self.erased:%Y-%m-%d} after the time it had to be kept"
                f" (archive file {self.id}); the log still proves that it was recorded",
            )
        return ArchiveAway(
            self,
            f"archived on {self.made:%Y-%m-%d} in file {self.name}, which {why};"
            f" an administrator puts the file to {self.folder},"
            f" or runs 'packtrail archive restore {self.name} --from FOLDER'",
        )


def files(snapshot: Snapshot, *, holds: str | None = None) -> list[ArchiveFile]:
    """All files of the archive, oldest contents first."""
    statement = select(archive_file).order_by(archive_file.c.month, archive_file.c.id)
    if holds is not None:
        statement = statement.where(archive_file.c.holds == holds)
    return [_file_of(row) for row in snapshot.connection.execute(statement)]


def find_file(snapshot: Snapshot, name: str) -> ArchiveFile | None:
    """A file by its name."""
    found = select(archive_file).where(archive_file.c.name == name)
    row = snapshot.connection.execute(found).first()
    return None if row is None else _file_of(row)


def _file_of(row: object) -> ArchiveFile:
    return ArchiveFile(*(getattr(row, name) for name in ArchiveFile.__dataclass_fields__))


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401  # a column
    return moment_of(value) if name in _TIMES and value is not None else value


class Shelves:
    """Reads the events of one snapshot, archived or not, from the payloads of their rows."""

    def __init__(self, driver: RawDriver) -> None:
        self._driver = driver
        self._files: dict[int, ArchiveFile | None] = {}
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._kept_bytes = 0

    def event(self, seq: int, payload: bytes) -> Event:
        """The event of a row (`event.seq`, `event.payload`), from its file where it is archived.

        Raises ArchiveAway, and what `unpack_event` raises for damaged bytes.
        """
        if not is_outline(payload):
            return unpack_event(payload)
        digest, held = self._pairs([seq])[seq]
        try:
            event = unpack_event(held)
            is_it = event_digest(event) == digest
        except (ValueError, ZstdError):
            is_it = False
        if not is_it:
            raise self._file_of(seq).away("holds another event in its place")
        return event

    def whole(self, seq: int, payload: bytes) -> bytes:
        """The payload of a row, from its file where it is archived. Raises ArchiveAway."""
        return payload if not is_outline(payload) else self._pairs([seq])[seq][1]

    def at_hand(self, seq: int, payload: bytes) -> bytes:
        """The payload of a row; from its file if that can be read, else the outline in the row."""
        try:
            return self.whole(seq, payload)
        except ArchiveAway:
            return payload

    def prefetch(self, seqs: Sequence[int]) -> None:
        """Read many archived events at once, each file and row group only once."""
        self._pairs(seqs)

    def _pairs(self, seqs: Sequence[int]) -> dict[int, tuple[bytes, bytes]]:
        """event.seq -> (event hash in its row, payload in its file)."""
        rows = {row[0]: row[1:] for row in self._driver.all_in(_WHERE, list(seqs))}
        missing: dict[int, list[int]] = defaultdict(list)
        for seq, (number, _) in rows.items():
            if seq not in self._kept:
                missing[number].append(seq)
        fresh: dict[int, bytes] = {}
        for number, wanted in missing.items():
            fresh.update(self._read(number, wanted))
        found = {
            seq: (bytes(digest), fresh[seq] if seq in fresh else self._kept[seq])
            for seq, (_, digest) in rows.items()
        }
        self._keep(fresh)
        return found

    def _read(self, number: int | None, seqs: list[int]) -> dict[int, bytes]:
        if number is None:
            raise ArchiveAway(None, "archived, but nothing says in which file: run packtrail fsck")
        file = self._file(number)
        if file.erased is not None:
            raise file.away("was destroyed")
        try:
            found = read_payloads(file.path, seqs)
        except FileNotFoundError:
            raise file.away(f"is not in {file.folder}") from None
        except (OSError, DamagedFile) as fault:
            raise file.away(f"cannot be read ({fault})") from fault
        except ArchiveUnavailable as fault:
            raise ArchiveAway(file, f"archived in file {file.name}, and {fault}") from None
        if not set(seqs) <= found.keys():
            raise file.away("does not hold it")
        return found

    def _file_of(self, seq: int) -> ArchiveFile:
        row = self._driver.one("SELECT archive FROM event WHERE seq = ?", (seq,))
        assert row is not None, "an event that was read has a row"
        return self._file(row[0])

    def _file(self, number: int) -> ArchiveFile:
        if number not in self._files:
            row = self._driver.one(_FILE, (number,))
            self._files[number] = None if row is None else ArchiveFile(*map(_plain, _NAMES, row))
        known = self._files[number]
        if known is None:
            raise ArchiveAway(None, f"archived in file {number}, which has no row: run fsck")
        return known

    def _keep(self, fresh: dict[int, bytes]) -> None:
        for seq, payload in fresh.items():
            if seq not in self._kept:
                self._kept[seq] = payload
                self._kept_bytes += len(payload)
        while self._kept_bytes > PAYLOADS_KEPT_BYTES_MAX:
            _, payload = self._kept.popitem(last=False)
            self._kept_bytes -= len(payload)
