"""Recomputing the log from what is stored: every hash, every place, every tile, every checkpoint.

Streams in the order of the log and names the first place that differs, and each one after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import BigInteger, and_, false, not_, or_, select, true, type_coerce
from zstandard import ZstdError

from epcis.archive.reading import Shelves
from epcis.database.raw_driver import RawDriver
from epcis.ledger.append import TILE_WIDTH
from epcis.ledger.checkpoint import Checkpoint, Note, NoteRefused
from epcis.ledger.entry import LeafKind, LogEntry
from epcis.ledger.ledger_tables import ledger_checkpoint, ledger_entry, ledger_head, ledger_tile
from epcis.ledger.merkle import HASH_BYTES, Frontier, root_of
from epcis.ledger.record import parts_of
from epcis.ledger.signed import Signed, check_signed
from epcis.ledger.witness import log_keys
from epcis.store.event_tables import document, event
from epcis.store.payload import is_outline, unpack_event
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Row

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store

ROWS_PER_READ = 1_000
FINDINGS_MAX = 1_000
"""Beyond so many the rest is only counted."""
_LEVEL_BITS = 8
_LEVELS_MAX = 8
_NOTHING = sha256(b"").digest()
_RESTORE = "Restore the database from a backup and compare its checkpoints with your partners'."


class _StoredEntry(NamedTuple):
    """An entry as stored, with the event it is about."""

    idx: int
    id: int
    txid: int
    kind: int
    subject: bytes
    public_hash: bytes
    confidential_hash: bytes
    salt: bytes | None
    public: bytes | None
    confidential: bytes | None
    record_time_us: int
    leaf: bytes
    event: int | None
    event_hash: bytes | None
    event_record_time_us: int | None
    payload: bytes | None


def audit_log(
    store: Store,
    *,
    held: Sequence[Signed] = (),
    progress: Callable[[str, int], None] | None = None,
) -> Iterator[Finding]:
    """Everything in the log that is not as it was written, as findings; nothing where it is sound.

    `held` are checkpoints kept elsewhere. `progress` gets what is checked and how many were.
    Raises StoreAway.
    """
    with store.read() as snapshot:
        yield from _LogAudit(snapshot, progress or _nobody).run()
        yield from check_signed(snapshot, held)


@dataclass
class _LogAudit:
    """One pass over the log in one snapshot."""

    snapshot: Snapshot
    progress: Callable[[str, int], None]

    def __post_init__(self) -> None:
        self.connection: Connection = self.snapshot.connection
        self.shelves = Shelves(RawDriver(self.snapshot))
        self.tree = Frontier()
        self.time_us = 0
        self.before = (0, -(1 << 63))
        """Writer and id of the entry before; the ids of one writer ascend."""
        self.tile: list[bytes] = []
        self.roots: dict[int, list[bytes]] = {}

    def run(self) -> Iterator[Finding]:
        """Entries with tiles and checkpoints on the way, then what is left over."""
        checkpoints = iter(
            self.connection.execute(
                select(ledger_checkpoint.c.size, ledger_checkpoint.c.root).order_by(
                    ledger_checkpoint.c.size
                )
            ).all()
        )
        expected = next(checkpoints, None)
        for entry in self._entries():
            while expected is not None and expected.size <= self.tree.size:
                yield from self._check_checkpoint(expected)
                expected = next(checkpoints, None)
            yield from self._check_entry(entry)
        while expected is not None:
            yield from self._check_checkpoint(expected)
            expected = next(checkpoints, None)
        yield from self._check_unfinished_tiles()
        yield from self._check_without_place()
        yield from self._check_head()
        yield from self._check_notes()
        yield from self._check_events_logged()
        yield from self._check_documents_kept()
        self.progress("log entries", self.tree.size)

    def _entries(self) -> Iterator[_StoredEntry]:
        entry = ledger_entry.c
        last = -1
        while True:
            rows = self.connection.execute(
                select(
                    entry.idx,
                    entry.id,
                    entry.txid,
                    entry.kind,
                    entry.subject,
                    entry.public_hash,
                    entry.confidential_hash,
                    entry.salt,
                    entry.public,
                    entry.confidential,
                    type_coerce(entry.record_time, BigInteger),
                    entry.leaf,
                    entry.event,
                    event.c.hash,
                    type_coerce(event.c.record_time, BigInteger),
                    event.c.payload,
                )
                .select_from(ledger_entry.outerjoin(event, event.c.seq == entry.event))
                .where(entry.idx > last)
                .order_by(entry.idx)
                .limit(ROWS_PER_READ)
            ).all()
            if not rows:
                return
            for row in rows:
                yield self._from_archive(_StoredEntry._make(_as_bytes(value) for value in row))
            last = rows[-1][0]
            self.progress("log entries", last + 1)

    def _from_archive(self, stored: _StoredEntry) -> _StoredEntry:
        """With the payload of its event, where that is archived and its file at hand."""
        if stored.event is None or stored.payload is None:
            return stored
        return stored._replace(payload=self.shelves.at_hand(stored.event, stored.payload))

    def _check_entry(self, stored: _StoredEntry) -> Iterator[Finding]:
        while stored.idx > self.tree.size:
            yield _found(self.tree.size, "is missing")
            self._add(bytes(HASH_BYTES))
        yield from (_found(stored.idx, what) for what in _faults(stored))
        if (stored.event_record_time_us or 0) > stored.record_time_us:
            yield _found(stored.idx, "is about an event that claims to be recorded later")
        writer = 0 if self.snapshot.has_one_writer else stored.txid
        if writer == self.before[0] and stored.id <= self.before[1]:
            yield _found(stored.idx - 1, "does not have its id, or the entry after does not")
            yield _found(stored.idx, "does not have its id, or the entry before does not")
        self.before = (writer, stored.id)
        if stored.record_time_us < self.time_us:
            yield _found(stored.idx, "claims an earlier record time than the entry before")
        self.time_us = max(self.time_us, stored.record_time_us)
        leaf = LogEntry(
            LeafKind(stored.kind) if stored.kind in _KINDS else LeafKind.SETTING,
            _blob(stored.subject),
            _blob(stored.public_hash),
            _blob(stored.confidential_hash),
            stored.record_time_us,
        ).leaf()
        if leaf != stored.leaf:
            yield _found(stored.idx, "does not have the leaf hash that its parts give")
        self._add(leaf)
        if len(self.tile) == TILE_WIDTH:
            yield from self._check_tile(0, self.tree.size // TILE_WIDTH - 1, self.tile)
            self.tile = []

    def _add(self, leaf: bytes) -> None:
        self.tree.append(leaf)
        self.tile.append(leaf)

    def _check_tile(self, level: int, number: int, hashes: list[bytes]) -> Iterator[Finding]:
        """A full tile against the stored one, and with it those above that become full."""
        yield from self._compare_tile(level, number, hashes)
        above = self.roots.setdefault(level + 1, [])
        above.append(root_of(hashes))
        if len(above) == TILE_WIDTH:
            self.roots[level + 1] = []
            yield from self._check_tile(level + 1, number // TILE_WIDTH, above)

    def _compare_tile(self, level: int, number: int, hashes: list[bytes]) -> Iterator[Finding]:
        stored = self.connection.scalar(
            select(ledger_tile.c.hashes).where(
                ledger_tile.c.level == level, ledger_tile.c.number == number
            )
        )
        if stored is None:
            yield _found(number * TILE_WIDTH, f"begins tile {level}/{number}, which is missing")
        else:
            stored = _blob(stored)
            kept = [stored[at : at + HASH_BYTES] for at in range(0, len(stored), HASH_BYTES)]
            if len(stored) != len(hashes) * HASH_BYTES:
                yield _found(number * TILE_WIDTH, f"begins tile {level}/{number}: another length")
            for place, (computed, kept_one) in enumerate(zip(hashes, kept, strict=False)):
                if computed != kept_one:
                    index = (number * TILE_WIDTH + place) * TILE_WIDTH**level
                    yield _found(index, f"is not what tile {level}/{number} says was written")

    def _check_unfinished_tiles(self) -> Iterator[Finding]:
        """The tiles above the leaves that are being filled, and that there are no others."""
        tile = ledger_tile.c
        for level, hashes in sorted(self.roots.items()):
            if hashes:
                above = self.tree.size >> _LEVEL_BITS * (level + 1)
                yield from self._compare_tile(level, above, hashes)
        places = self.connection.execute(select(tile.level, tile.number))
        for level, number in places:
            if not self._has_tile(level, number):
                yield _found(self.tree.size, f"is not there, and tile {level}/{number} is")

    def _has_tile(self, level: int, number: int) -> bool:
        hashes = self.tree.size >> _LEVEL_BITS * level if 0 <= level < _LEVELS_MAX else 0
        tiles = hashes // TILE_WIDTH if level == 0 else -(-hashes // TILE_WIDTH)
        return 0 <= number < tiles

    def _check_without_place(self) -> Iterator[Finding]:
        """Where many write at a time new entries wait for a place; others have one, from 0 on."""
        entry = ledger_entry.c
        may_wait = false() if self.snapshot.has_one_writer else true()
        waits = and_(entry.idx.is_(None), entry.leaf.is_(None), may_wait)
        no_place = and_(or_(entry.idx.is_(None), entry.idx < 0), not_(waits))
        rows = self.connection.scalars(select(entry.id).where(no_place).limit(FINDINGS_MAX))
        for number in rows:
            yield Finding(
                "log.entry-differs",
                Severity.CRITICAL,
                f"the entry with id {number} has no place in the log",
                _RESTORE,
                Where(path=f"ledger_entry/{number}"),
            )

    # A row of checkpoint.
    def _check_checkpoint(self, expected: Row[Any, Any]) -> Iterator[Finding]:
        if expected.size != self.tree.size:
            yield _found(self.tree.size, f"should exist: {expected.size} entries were signed")
        elif self.tree.root() != expected.root:
            yield Finding(
                "log.checkpoint-differs",
                Severity.CRITICAL,
                f"the first {expected.size} entries are not those that were signed",
                _RESTORE,
                Where(path=f"/log/{expected.size}"),
            )

    def _check_head(self) -> Iterator[Finding]:
        head = self.connection.execute(
            select(
                ledger_head.c.size,
                ledger_head.c.frontier,
                type_coerce(ledger_head.c.record_time, BigInteger),
            )
        ).first()
        size, frontier, time_us = head or (0, b"", 0)
        ends = (self.tree.size, b"".join(self.tree.hashes), self.time_us)
        if (size, frontier, time_us) != ends:
            yield Finding(
                "log.head-differs",
                Severity.CRITICAL,
                f"the log should end with {size} entries under another root;"
                f" {self.tree.size} are stored",
                _RESTORE,
                Where(path=f"/log/{self.tree.size}"),
            )

    def _check_notes(self) -> Iterator[Finding]:
        """Every signed checkpoint says its size and root, under a key that the log itself names."""
        named = self.connection.scalars(
            select(ledger_entry.c.public).where(ledger_entry.c.kind == int(LeafKind.KEY))
        ).all()
        known = log_keys(self.snapshot)
        keys = [key for key in known if any(str(key).encode() in _blob(one) for one in named)]
        if len(keys) != len(known):
            yield _odd_note("a key that signs checkpoints was never made known in the log")
        origin = self.connection.scalar(select(ledger_head.c.origin)) or ""
        note = ledger_checkpoint.c
        rows = self.connection.execute(
            select(note.size, note.root, note.note, note.timestamp).where(note.note.is_not(None))
        )
        for size, root, text, timestamp in rows:
            try:
                checkpoint = Note.parse(text).checkpoint(keys)
            except NoteRefused as fault:
                yield _odd_note(f"the checkpoint of {size} entries: {fault}")
                continue
            if checkpoint != Checkpoint(origin, size, root):
                yield _odd_note(f"the checkpoint of {size} entries says something else")
            if timestamp is not None and sha256(text.encode()).digest() not in _blob(timestamp):
                yield _odd_note(f"the time stamp of the checkpoint of {size} entries is not its")

    def _check_documents_kept(self) -> Iterator[Finding]:
        """Every document that was logged is still there, and the events' documents too."""
        lost = self.connection.scalars(
            select(ledger_entry.c.idx)
            .outerjoin(document, document.c.sha256 == ledger_entry.c.subject)
            .where(ledger_entry.c.kind == int(LeafKind.DOCUMENT), document.c.id.is_(None))
            .order_by(ledger_entry.c.idx)
            .limit(FINDINGS_MAX)
        )
        for index in lost:
            yield _found(index, "is about a document that is gone or has another digest now")
        stray = self.connection.execute(
            select(event.c.seq, event.c.event_id)
            .outerjoin(document, document.c.id == event.c.document)
            .where(event.c.document.is_not(None), document.c.id.is_(None))
            .limit(FINDINGS_MAX)
        )
        for seq, event_id in stray:
            yield Finding(
                "log.event-stray",
                Severity.CRITICAL,
                f"event {event_id} names a document that is not there",
                _RESTORE,
                Where(path=f"event/{seq}"),
            )

    def _check_events_logged(self) -> Iterator[Finding]:
        """No event stands outside of the log."""
        unlogged = self.connection.execute(
            select(event.c.seq, event.c.event_id)
            .outerjoin(ledger_entry, ledger_entry.c.event == event.c.seq)
            .where(ledger_entry.c.id.is_(None))
            .order_by(event.c.seq)
            .limit(FINDINGS_MAX)
        )
        for seq, event_id in unlogged:
            yield Finding(
                "log.event-unlogged",
                Severity.CRITICAL,
                f"event {event_id} was never logged: it was put into the store past Packtrail",
                _RESTORE,
                Where(path=f"event/{seq}"),
            )


_KINDS = frozenset(int(kind) for kind in LeafKind)


def _faults(stored: _StoredEntry) -> Iterator[str]:
    """What of an entry's content is not what it commits to."""
    if stored.kind not in _KINDS:
        yield "is of no known kind"
    if stored.event is None:
        public, confidential = _blob(stored.public or b""), _blob(stored.confidential or b"")
    elif stored.payload is None:
        yield "is about an event that is gone"
        return
    else:
        yield from _faults_beside(stored)
        if is_outline(stored.payload):
            return  # `epcis.archive.check` says where the rest of it is
        try:
            public, confidential = _event_parts(stored.payload)
        except (ZstdError, msgspec.MsgspecError, ValueError):
            yield "is about an event that cannot be read any more"
            return
    if sha256(public).digest() != stored.public_hash:
        yield "has another public part than was logged"
    erased = stored.salt is None and stored.confidential_hash != _NOTHING
    salt = b"" if stored.salt is None else _blob(stored.salt)
    secret = sha256(salt + confidential).digest()
    if not erased and secret != stored.confidential_hash:
        yield "has another confidential part than was logged"
    if erased and confidential:
        yield "keeps a confidential part without its salt"


def _faults_beside(stored: _StoredEntry) -> Iterator[str]:
    """What is wrong with the entry of an event, whatever the event says."""
    if stored.event_hash != stored.subject:
        yield "is about an event that has another hash now"
    if stored.public is not None or stored.confidential is not None:
        yield "keeps bytes beside the event it is about"


def _as_bytes(value: object) -> object:
    """A stored value; text, where a forger left text, as its bytes."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _blob(value: object) -> bytes:
    """A stored byte string; a number, where a forger left one, as its digits."""
    return value if isinstance(value, bytes) else str(value).encode()


def _event_parts(payload: bytes) -> tuple[bytes, bytes]:
    parts = parts_of(unpack_event(payload))
    return parts.public, parts.confidential


def _found(index: int, what: str) -> Finding:
    return Finding(
        "log.entry-differs",
        Severity.CRITICAL,
        f"log entry {index} {what}",
        _RESTORE,
        Where(path=f"/log/{index}"),
    )


def _odd_note(what: str) -> Finding:
    return Finding("log.note-differs", Severity.CRITICAL, what, _RESTORE, Where(path="/log"))


def _nobody(what: str, count: int) -> None:
    """Tell progress to nobody."""
