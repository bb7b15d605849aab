"""What was asked about packs and what was answered: kept with its entry of the log, per act."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from sqlalchemy import select

from epcis.database.columns import microseconds
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from epcis.ledger.subjects import entries_about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

_COLUMNS = (
    "at_us", "scanned_us", "code", "serial", "operation", "result", "client", "location", "alert",
    "rules",
)  # fmt: skip


class HistoryEntry(msgspec.Struct, frozen=True):
    """One question or act about one pack, and its answer."""

    code: str
    serial: str
    operation: str
    result: str
    client: str
    location: str
    record: bytes
    """JSON with request, facts and outcome: enough to decide again."""
    scanned: datetime | None = None
    alert: str | None = None
    rules: str | None = None
    """SHA-256 of the rule pack that decided."""


class _HistoryRow(msgspec.Struct):
    """A row of `pack_operation`."""

    at_us: int
    scanned_us: int | None
    code: str
    serial: str
    operation: str
    result: str
    client: str
    location: str
    alert: str | None
    rules: str | None


class _Public(msgspec.Struct):
    """The part of an entry that shows in every export."""

    operation: str
    result: str
    rules: str | None


class _EntryPlace(msgspec.Struct):
    """The part that may be left out of an export, or erased."""

    code: str
    serial: str
    client: str
    location: str
    scanned: datetime | None
    alert: str | None
    record: msgspec.Raw
    at_us: int | None = None
    """The time of the row; the entry's own may be a little later (decision 0071)."""


_encoder = msgspec.json.Encoder()


def keep(
    tx: Transaction,
    entries: Iterable[HistoryEntry],
    kind: LeafKind = LeafKind.VERDICT,
    *,
    at_us: int | None = None,
) -> None:
    """Write entries and their leaves, inside the act; `at_us` is when, if that was before it."""
    at_us = microseconds(tx.now) if at_us is None else at_us
    rows = []
    for entry in entries:
        rows.append(
            _HistoryRow(
                at_us,
                microseconds(entry.scanned) if entry.scanned else None,
                entry.code,
                entry.serial,
                entry.operation,
                entry.result,
                entry.client,
                entry.location,
                entry.alert,
                entry.rules,
            )
        )
        tx.log(
            kind,
            _encoder.encode(_Public(entry.operation, entry.result, entry.rules)),
            _encoder.encode(
                _EntryPlace(
                    entry.code,
                    entry.serial,
                    entry.client,
                    entry.location,
                    entry.scanned,
                    entry.alert,
                    msgspec.Raw(entry.record),
                    at_us,
                )
            ),
            subject=subject(entry.code, entry.serial),
        )
    RawDriver(tx).insert_mixed("pack_operation", _COLUMNS, list(map(msgspec.structs.astuple, rows)))


def pack_key(code: str, serial: str) -> str:
    """The canonical key of a pack.

    >>> pack_key("00355555678908", "A/1")
    '/01/00355555678908/21/A%2F1'
    """
    plain = serial.isalnum() and serial.isascii()
    return f"/01/{code}/21/{serial if plain else quote(serial, safe='')}"


def subject(code: str, serial: str) -> bytes:
    """The 32 bytes by which the log knows a pack."""
    return hashlib.sha256(pack_key(code, serial).encode()).digest()


@dataclass(frozen=True, slots=True)
class Past:
    """One row of a pack's history."""

    at: datetime
    scanned: datetime | None
    code: str
    serial: str
    operation: str
    result: str
    client: str
    location: str
    alert: str | None
    rules: str | None
    record: dict[str, Any]


HISTORY_ROWS_MAX = 10_000


def history(
    snapshot: Snapshot, code: str, serial: str, *, rows_max: int = HISTORY_ROWS_MAX
) -> Iterator[Past]:
    """What was asked and done about one pack, oldest first, as its entries of the log say.

    An entry whose confidential part was erased is left out: nothing is known of it but its proof.
    """
    entry = ledger_entry.c
    rows = snapshot.connection.execute(
        select(entry.record_time, entry.public, entry.confidential)
        .where(
            entry.id.in_(entries_about(snapshot, [subject(code, serial)])[:rows_max]),
            entry.confidential.is_not(None),
        )
        .order_by(entry.id)
    )
    for row in rows:
        public = msgspec.json.decode(bytes(row.public))
        if "operation" in public:
            yield _past(row.record_time, public, bytes(row.confidential))


def _past(at: datetime, public: dict[str, Any], confidential: bytes) -> Past:  # JSON of a log entry
    entry_place = msgspec.json.decode(confidential, type=_EntryPlace)
    return Past(
        at,
        entry_place.scanned,
        entry_place.code,
        entry_place.serial,
        public["operation"],
        public["result"],
        entry_place.client,
        entry_place.location,
        entry_place.alert,
        public["rules"],
        msgspec.json.decode(entry_place.record),
    )


def utc_text(moment: datetime) -> str:
    """A moment as every answer spells it: `2026-11-22T09:15:02Z`.

    >>> utc_text(datetime(2026, 1, 2, tzinfo=UTC))
    '2026-01-02T00:00:00Z'
    """
    return _second_text(int(moment.timestamp()))


@lru_cache(maxsize=64)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
