"""The signed checkpoints that the log records, and whether all of them still exist.

Before each new checkpoint the log gets an entry with the previous one. So the log records all but
the newest; the signer keeps that one beside the keys (`compliance.seal`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, select, type_coerce

from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_checkpoint, ledger_entry
from epcis.ledger.place import odd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from epcis.database.transactions import Snapshot
    from schemas.finding import Finding

_BESIDE = "Restore the table ledger_checkpoint from a backup, or tell your partners what happened."


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that was made; `bytes` and `parse` round-trip.

    >>> one = Signed(1, "00", 5, "ab", None)
    >>> Signed.parse(bytes(one)) == one
    True
    """

    size: int
    root: str
    """Hexadecimal."""
    made_us: int
    note: str | None
    """SHA-256 of the note."""
    timestamp: str | None
    """SHA-256 of the time stamp; None before it was stamped."""

    def __bytes__(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, content: bytes) -> Signed:
        """The checkpoint of such bytes. Raises ValueError."""
        try:
            return cls(**json.loads(content))
        except TypeError as fault:
            raise ValueError("these bytes tell of no checkpoint") from fault

    def is_kept_by(self, stored: Signed) -> bool:
        """Whether the stored one equals this one, with or without a later time stamp."""
        stamped = self.timestamp in (None, stored.timestamp)
        return stamped and stored == Signed(**{**asdict(self), "timestamp": stored.timestamp})


WITHOUT_ENTRY_MAX = 16
"""How many of the newest checkpoints are searched for one that has no entry."""


def subject_of(size: int) -> bytes:
    """The 32 bytes that identify the checkpoint of that many entries in the log."""
    return sha256(f"checkpoint {size}".encode()).digest()


def newest_signed(snapshot: Snapshot) -> Signed | None:
    """The checkpoint that covers the most entries."""
    return next(_stored(snapshot, rows_max=1), None)


def signed_without_entry(snapshot: Snapshot) -> list[Signed]:
    """Those of the newest checkpoints that have no entry, the oldest first.

    Usually only the newest has none; another process that signed at the same time, or was killed
    after it signed, leaves further ones.
    """
    newest = list(_stored(snapshot, rows_max=WITHOUT_ENTRY_MAX))
    return [one for one in reversed(newest) if not is_logged(snapshot, one.size)]


def is_logged(snapshot: Snapshot, size: int) -> bool:
    """Whether an entry holds that checkpoint."""
    entry = ledger_entry.c
    asked = select(entry.id).where(
        entry.subject == subject_of(size),
        entry.kind == int(LeafKind.CHECKPOINT),
        entry.event.is_(None),
    )
    return snapshot.connection.scalar(asked.limit(1)) is not None


def check_signed(snapshot: Snapshot, held: Sequence[Signed]) -> Iterator[Finding]:
    """Check that each checkpoint in the log or `held` exists, and all but the newest are logged."""
    stored = {one.size: one for one in _stored(snapshot)}
    signatures = {}
    entry = ledger_entry.c
    for public in snapshot.connection.scalars(
        select(entry.public).where(entry.kind == int(LeafKind.CHECKPOINT)).order_by(entry.id)
    ):
        try:
            one = Signed.parse(public)
        except ValueError:
            continue  # damaged, which the audit of the entries reports
        signatures[one.size] = one
    for one in (*signatures.values(), *held):
        kept = stored.get(one.size)
        if kept is None:
            yield odd("ledger_checkpoint", one.size, "was signed, and is gone", _BESIDE)
        elif not one.is_kept_by(kept):
            yield odd("ledger_checkpoint", one.size, "is not what was signed", _BESIDE)
    for size in sorted(stored)[:-1]:
        if size not in signatures:
            yield odd("ledger_checkpoint", size, "was never signed: the log has no entry", _BESIDE)


def _stored(snapshot: Snapshot, *, rows_max: int | None = None) -> Iterator[Signed]:
    kept = ledger_checkpoint.c
    rows = snapshot.connection.execute(
        select(kept.size, kept.root, type_coerce(kept.made, BigInteger), kept.note, kept.timestamp)
        .order_by(kept.size.desc())
        .limit(rows_max)
    )
    for size, root, made_us, note, timestamp in rows:
        yield Signed(size, _blob(root).hex(), made_us, _digest(note), _digest(timestamp))


def _digest(stored: str | bytes | None) -> str | None:
    return None if stored is None else sha256(_blob(stored)).hexdigest()


def _blob(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return str(value).encode("utf-8", "surrogateescape")
