"""The lookup directory: who answers verification questions about a product, where, until when."""

from __future__ import annotations

import hashlib
from datetime import datetime  # noqa: TC003  # msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, insert, select

from epcis.database.columns import microseconds, moment_of
from epcis.ledger.entry import LeafKind
from verification.registry.pack_tables import lookup_entry
from verification.vrs.question import MalformedError, gln_of, gtin_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

ENTRIES_MAX = 1_000_000
"""Entries in one import."""


class DirectoryEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One responder of one product.

    `base_url` is what stands before `/gtin/…`: some responders have no `/verify` in their paths.
    """

    gtin: str
    base_url: str
    responder_gln: str
    valid_from: datetime
    valid_to: datetime | None = None
    contexts: tuple[str, ...] = ()
    """Purposes that are answered; none named means all."""
    source: str = ""

    def faults(self) -> Iterator[str]:
        """What is wrong with the entry, one sentence each."""
        for check, value in ((gtin_of, self.gtin), (gln_of, self.responder_gln)):
            try:
                check(value)
            except MalformedError as error:
                yield f"{value[:20]}: {error}"
        if not self.base_url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            yield f"{self.base_url[:80]}: a responder is asked over https"
        if self.valid_from.tzinfo is None or (self.valid_to and self.valid_to.tzinfo is None):
            yield f"{self.gtin[:20]}: times need a zone"


class DirectoryRefusedError(ValueError):
    """An import is not a directory, or entries of it are wrong; nothing was taken over."""


def entries_of(content: bytes) -> list[DirectoryEntry]:
    """The entries of a JSON list; raises `DirectoryRefusedError` naming what is wrong."""
    try:
        entries = msgspec.json.decode(content, type=list[DirectoryEntry])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DirectoryRefusedError(str(error)) from None
    faults = [fault for entry in entries for fault in entry.faults()]
    if len(entries) > ENTRIES_MAX:
        faults.append(f"a directory has {ENTRIES_MAX} entries at most")
    if faults:
        raise DirectoryRefusedError("; ".join(faults[:20]))
    return entries


def take_over(tx: Transaction, content: bytes, source: str) -> int:
    """Replace all entries of a source by those of a JSON list; returns how many there are."""
    entries = entries_of(content)
    tx.connection.execute(delete(lookup_entry).where(lookup_entry.c.source == source))
    for entry in entries:
        key = (lookup_entry.c.gtin == entry.gtin, lookup_entry.c.base_url == entry.base_url)
        tx.connection.execute(delete(lookup_entry).where(*key))
        tx.connection.execute(insert(lookup_entry).values(**_row(entry, source, tx.now)))
    tx.log(
        LeafKind.SETTING,
        msgspec.json.encode({"act": "directory", "source": source, "entries": len(entries)}),
    )
    return len(entries)


def take_over_file(store: Store, path: Path, known: str, now: datetime) -> str:
    """Take over a directory file where it differs from `known`; returns its SHA-256.

    Raises `DirectoryRefusedError` for a file that is none: what was known before stays.
    """
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise DirectoryRefusedError(f"{path}: {fault.strerror or fault}") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != known:
        with store.write(now) as tx:
            take_over(tx, content, "file")
    return digest


def hand_out(snapshot: Snapshot) -> bytes:
    """The whole directory as JSON, as `take_over` reads it."""
    rows = snapshot.connection.execute(
        select(lookup_entry).order_by(lookup_entry.c.gtin, lookup_entry.c.base_url)
    )
    return msgspec.json.encode([_entry(row) for row in rows])


def responders(
    snapshot: Snapshot, gtin: str, now: datetime, context: str | None = None
) -> list[DirectoryEntry]:
    """Who answers for a product now, latest entry first; empty means status 404."""
    rows = snapshot.connection.execute(select(lookup_entry).where(lookup_entry.c.gtin == gtin))
    entries = [_entry(row) for row in rows]
    valid = [
        entry
        for entry in entries
        if entry.valid_from <= now
        and (entry.valid_to is None or now < entry.valid_to)
        and (not entry.contexts or context is None or context in entry.contexts)
    ]
    return sorted(valid, key=lambda entry: entry.valid_from, reverse=True)


def _row(entry: DirectoryEntry, source: str, now: datetime) -> dict[str, object]:
    return {
        "gtin": entry.gtin,
        "base_url": entry.base_url,
        "responder_gln": entry.responder_gln,
        "contexts": ",".join(entry.contexts),
        "valid_from_us": microseconds(entry.valid_from),
        "valid_to_us": microseconds(entry.valid_to) if entry.valid_to else None,
        "source": source,
        "fetched_us": microseconds(now),
    }


def _entry(row: object) -> DirectoryEntry:
    get = row._mapping  # type: ignore[attr-defined]  # noqa: SLF001  # SQLAlchemy's public name
    return DirectoryEntry(
        gtin=get["gtin"],
        base_url=get["base_url"],
        responder_gln=get["responder_gln"],
        valid_from=moment_of(get["valid_from_us"]),
        valid_to=moment_of(get["valid_to_us"]) if get["valid_to_us"] is not None else None,
        contexts=tuple(get["contexts"].split(",")) if get["contexts"] else (),
        source=get["source"],
    )
