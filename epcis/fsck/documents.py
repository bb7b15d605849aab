"""Documents against their entries of the log: the bytes, the row, and which events are its."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from zstandard import ZstdError

from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from epcis.ledger.place import differing, odd, written
from epcis.ledger.record import DocumentData
from epcis.store.digest import Places
from epcis.store.payload import unsqueeze
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from epcis.ledger.store import Store
    from schemas.json_value import JsonObject

_NEXT = (
    "SELECT id, sha256, received, sender, party, syntax, size_bytes, events, header, findings,"
    " archive FROM document WHERE id > ? ORDER BY id LIMIT 1"
)
_PARTS = "SELECT part, content FROM document_part WHERE document = ? ORDER BY part"
_ENTRIES = (
    "SELECT public, confidential, salt IS NULL FROM ledger_entry WHERE subject = ? AND kind = ?"
    " AND event IS NULL"
)
_EVENTS = "SELECT position, identity FROM event WHERE document = ? ORDER BY seq"


class _StoredDocument(NamedTuple):
    id: int
    sha256: bytes
    received: int
    sender: str | None
    party: str | None
    syntax: str
    size_bytes: int
    events: int
    header: bytes | None
    findings: bytes | None
    archive: int | None


def check_documents(store: Store, progress: Callable[[str, int], None]) -> Iterator[Finding]:
    """Every document, one after the other."""
    last, checked = -(1 << 63), 0
    while True:
        with store.read() as snapshot:
            driver = RawDriver(snapshot)
            found = driver.one(_NEXT, (last,))
            if found is None:
                return
            row = _StoredDocument(*found)
            if row.archive is None:
                yield from _check_bytes(driver, row)
            yield from _check_row(driver, row)
        last = row.id
        checked += 1
        progress("documents", checked)


def _check_bytes(driver: RawDriver, row: _StoredDocument) -> Iterator[Finding]:
    digest, size_bytes, expected = sha256(), 0, 0
    for part, content in driver.all(_PARTS, (row.id,)):
        if part != expected:
            yield odd("document_part", (row.id, part), f"should be part {expected}")
        expected += 1
        try:
            piece = unsqueeze(content)
        except (ZstdError, TypeError, ValueError):
            continue  # then the digest tells
        digest.update(piece)
        size_bytes += len(piece)
    if digest.digest() != row.sha256:
        yield Finding(
            "store.document-differs",
            Severity.CRITICAL,
            f"the stored bytes of document {written(row.sha256)} are not those received",
            "Restore the table document_part from a backup.",
            Where(path=f"document_part/{row.id}"),
        )
    elif size_bytes != row.size_bytes:
        yield odd("document", row.id, "has another size_bytes than its bytes")


def _check_row(driver: RawDriver, row: _StoredDocument) -> Iterator[Finding]:
    entries = driver.all(_ENTRIES, (row.sha256, int(LeafKind.DOCUMENT)))
    if not entries:
        yield odd("document", row.id, "was never logged with this sha256")
        return
    document_data = DocumentData(
        bytes(row.sha256), row.size_bytes, row.received, row.sender, row.party, row.syntax,
        row.events, _bytes(row.header), _bytes(row.findings), _places(driver, row.id),
    )  # fmt: skip
    if len(entries) > 1:
        yield odd("document", row.id, "was logged twice")
    public, confidential, is_erased = entries[0]
    members = _members(public) | ({} if is_erased else _members(confidential))
    now = _members(document_data.public()) | _members(document_data.confidential())
    names = [name for name in now if name in members]
    wrong = differing(names, [now[name] for name in names], [members[name] for name in names])
    if wrong:
        yield odd("document", row.id, f"{wrong} than was logged")


def _places(driver: RawDriver, document: int) -> bytes:
    places = Places()
    for position, identity in driver.stream(_EVENTS, (document,)):
        identity_bytes = bytes(identity) if isinstance(identity, bytes) else b""
        places.add(position if isinstance(position, int) else None, identity_bytes)
    return places.digest()


def _bytes(value: object) -> bytes | None:
    return None if value is None else value if isinstance(value, bytes) else str(value).encode()


def _members(stored: object) -> JsonObject:
    """The members of an entry's part; none where it was damaged, which the log's audit says."""
    try:
        members = json.loads(stored) if isinstance(stored, bytes | str) else {}
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}
