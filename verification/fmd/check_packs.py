"""Packs and what was asked about them, against the log: part of `packtrail fsck`.

A pack's row is what its upload made it, or what its newest operation left. Uploads are proved as a
set (`fmd.upload.packs_sum`), because an entry for each of a million packs would be too dear.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime  # noqa: TC003  # msgspec reads the annotations at run time
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from epcis.database.columns import microseconds, moment_of
from epcis.database.raw_driver import RawDriver, Row
from epcis.ledger.entry import LeafKind
from epcis.ledger.place import differing, odd
from epcis.ledger.subjects import SUBJECTS_ASKED_MAX, entries_about
from verification.decision.rule_pack import parse
from verification.fmd.perform import OperationRecord, row_after
from verification.fmd.upload import SUM_BYTES, lot_subject, packs_sum
from verification.registry.history import subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store
    from schemas.finding import Finding
    from schemas.json_value import JsonObject

ROWS_PER_READ = SUBJECTS_ASKED_MAX
_OPERATION = (
    "at_us", "scanned_us", "code", "serial", "operation", "result", "client", "location", "alert",
    "rules",
)  # fmt: skip
_PACK = (
    "code", "serial", "lot", "expiry", "state", "since_us", "location", "authorisation",
    "repeats", "version", "stolen", "public",
)  # fmt: skip
_OPERATIONS = (
    f"SELECT id, {', '.join(_OPERATION)} FROM pack_operation WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608  # our own names
)
_SAME = f"SELECT {', '.join(_OPERATION)} FROM pack_operation WHERE client = ? AND at_us = ?"  # noqa: S608  # our own names
_PACKS = f"SELECT {', '.join(_PACK)} FROM pack WHERE (code, serial) > (?, ?) ORDER BY code, serial LIMIT ?"  # noqa: S608, E501  # our own names
_HAS_PACK = "SELECT 1 FROM pack WHERE code = ? AND serial = ?"
_BY_ID = (
    "SELECT id, public, confidential, record_time FROM ledger_entry"
    " WHERE event IS NULL AND confidential IS NOT NULL AND id"
)
_ENTRIES = (
    "SELECT id, public, confidential, record_time FROM ledger_entry WHERE id > ?"
    " AND kind IN (?, ?) AND confidential IS NOT NULL ORDER BY id LIMIT ?"
)
_UPLOADS = (
    "SELECT public FROM ledger_entry WHERE subject = ? AND event IS NULL AND kind = ? ORDER BY id"
)
_LOTS = "SELECT code, lot FROM batch ORDER BY code, lot"
_PACKS_OF_LOT = (
    f"SELECT {', '.join(_PACK)} FROM pack"  # noqa: S608  # our own names
    " WHERE code = ? AND lot = ? AND serial > ? ORDER BY serial LIMIT ?"
)
_STRAYS = (
    "SELECT p.code, p.serial FROM pack p WHERE NOT EXISTS (SELECT 1 FROM batch b"
    " WHERE b.code = p.code AND b.lot = p.lot) ORDER BY p.code, p.serial"
)
_RULES = "SELECT sha256, id, version, content FROM rule_pack ORDER BY sha256"
_USED_RULES = (
    "SELECT o.rules, min(o.id) FROM pack_operation o WHERE o.rules IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM rule_pack r WHERE r.sha256 = o.rules) GROUP BY o.rules"
)
_New = tuple[str, str | None, str | None, int]
"""A pack as it was uploaded: serial, lot, expiry, since_us."""
_KINDS = (int(LeafKind.VERDICT), int(LeafKind.PACK_OPERATION))


class _Logged(NamedTuple):
    """An operation as its entry of the log tells it."""

    row: Row
    """Columns as in `_OPERATION`."""
    record: msgspec.Raw


class _LoggedPlace(msgspec.Struct):
    code: str
    serial: str
    client: str
    location: str
    scanned: datetime | None
    alert: str | None
    record: msgspec.Raw
    at_us: int | None = None


def check_packs(store: Store, progress: Callable[[str, int], None]) -> Iterator[Finding]:
    """Operations, packs and rule packs, one after the other."""
    yield from _check_operations(store, progress)
    yield from _check_operations_logged(store)
    yield from _check_rows(store, progress)
    yield from _check_uploads(store)
    yield from _check_rules(store)


def _check_operations(store: Store, progress: Callable[[str, int], None]) -> Iterator[Finding]:
    """Every row of `pack_operation` has an entry about its pack in the log, each its own."""
    last, checked = -(1 << 63), 0
    while True:
        with store.read() as snapshot:
            driver = RawDriver(snapshot)
            rows = driver.all(_OPERATIONS, (last, ROWS_PER_READ))
            if not rows:
                return
            logged = _logged_about(snapshot, {(row[3], row[4]) for row in rows})
            for number, *row in rows:
                logged_rows = [one.row for one in logged[row[2], row[3]]]
                if tuple(row) not in logged_rows:
                    near = [one for one in logged_rows if one[0] == row[0]]
                    wrong = differing(_OPERATION, row, near[0]) if len(near) == 1 else ""
                    yield odd("pack_operation", number, wrong or "stands in no entry of the log")
                elif _kept(driver, row)[tuple(row)] > logged_rows.count(tuple(row)):
                    yield odd("pack_operation", number, "is there more often than the log tells")
        last = rows[-1][0]
        checked += len(rows)
        progress("pack operations", checked)


def _check_operations_logged(store: Store) -> Iterator[Finding]:
    """Every operation of the log has its row."""
    last = 0
    while True:
        with store.read() as snapshot:
            driver = RawDriver(snapshot)
            entries = driver.all(_ENTRIES, (last, *_KINDS, ROWS_PER_READ))
            if not entries:
                return
            logged = Counter(one.row for one in map(_read, entries) if one is not None)
            for row, count in logged.items():
                if _kept(driver, row)[row] < count:
                    yield odd("pack_operation", row[2:4], f"the {row[4]} of {row[6]} is gone")
        last = entries[-1][0]


def _kept(driver: RawDriver, row: Sequence[object]) -> Counter[Row]:
    """The rows of the same client at the same moment."""
    return Counter(tuple(one) for one in driver.all(_SAME, (row[6], row[0])))


def _check_rows(store: Store, progress: Callable[[str, int], None]) -> Iterator[Finding]:
    """Every row of `pack` is what its newest operation left, or as it was uploaded."""
    last: Row = ("", "")
    checked = 0
    while True:
        with store.read() as snapshot:
            driver = RawDriver(snapshot)
            rows = driver.all(_PACKS, (*last, ROWS_PER_READ))
            if not rows:
                break
            logged = _logged_about(snapshot, {row[:2] for row in rows})
            for row in rows:
                changes = _changes(logged[row[:2]])
                expected = _after(changes[-1]) if changes else _as_uploaded(row)
                if wrong := differing(_PACK, row, expected):
                    by = "its newest operation left" if changes else "its upload made"
                    yield odd("pack", row[:2], f"{wrong} than {by}")
        last = tuple(rows[-1][:2])
        checked += len(rows)
        progress("packs", checked)
    yield from _check_gone(store)


def _check_gone(store: Store) -> Iterator[Finding]:
    last = 0
    while True:
        with store.read() as snapshot:
            driver = RawDriver(snapshot)
            entries = driver.all(_ENTRIES, (last, *_KINDS, ROWS_PER_READ))
            if not entries:
                return
            packs = {
                one.row[2:4]
                for one in map(_read, entries)
                if one is not None and _change(one) is not None
            }
            for pack in sorted(packs):
                if driver.one(_HAS_PACK, pack) is None:
                    yield odd("pack", pack, "is gone, and the log tells what was done to it")
        last = entries[-1][0]


def _check_uploads(store: Store) -> Iterator[Finding]:
    """The packs of every lot are, as a set, those that were uploaded."""
    with store.read() as snapshot:
        driver = RawDriver(snapshot)
        for code, lot in driver.all(_LOTS):
            uploads = driver.all(_UPLOADS, (lot_subject(code, lot), int(LeafKind.MASTER_DATA)))
            sums = [
                int(str(upload["sum"]), 16) for upload in map(_json, uploads) if "sum" in upload
            ]
            if len(sums) != len(uploads) or not uploads:
                continue  # uploaded before sums were logged
            there = packs_sum(_uploaded(snapshot, code, lot))
            if there != sum(sums) % (1 << 8 * SUM_BYTES):
                yield odd("pack", (code, lot), "the packs of the lot are not those uploaded")
    yield from _check_strays(store)


def _check_strays(store: Store) -> Iterator[Finding]:
    """No pack was uploaded under a lot that is none."""
    with store.read() as snapshot:
        strays = RawDriver(snapshot).all(_STRAYS)
        logged = _logged_about(snapshot, {row[:2] for row in strays})
        for row in strays:
            if not _changes(logged[row[:2]]):
                yield odd("pack", row, "was uploaded with no lot")


def _uploaded(snapshot: Snapshot, code: str, lot: str) -> Iterator[_New]:
    """The packs of a lot as they were uploaded; those that events name are left out."""
    last = ""
    while rows := RawDriver(snapshot).all(_PACKS_OF_LOT, (code, lot, last, ROWS_PER_READ)):
        logged = _logged_about(snapshot, {row[:2] for row in rows})
        for row in rows:
            yield from _as_first_recorded(row, _changes(logged[row[:2]]))
        last = rows[-1][1]


def _as_first_recorded(row: Row, changes: list[tuple[OperationRecord, int]]) -> Iterator[_New]:
    if not changes:
        yield row[1], row[2], row[3], row[5]
        return
    before = changes[0][0].facts.pack
    if before is not None and before.version:
        expiry = before.expiry.isoformat() if before.expiry else None
        since = microseconds(before.since) if before.since else 0
        yield row[1], before.lot, expiry, since


def _as_uploaded(row: Row) -> Row:
    """A row that nothing was done to; the set of its lot proves the rest of it."""
    return (*row[:4], "Active", row[5], "", "", 0, 1, 0, 0)


def _changes(logged: list[_Logged]) -> list[tuple[OperationRecord, int]]:
    """The operations that changed a pack, oldest first, with their times."""
    found = (_change(one) for one in logged)
    return [change for change in found if change is not None]


def _change(one: _Logged) -> tuple[OperationRecord, int] | None:
    try:
        record = msgspec.json.decode(one.record, type=OperationRecord)
    except msgspec.MsgspecError:
        return None  # a look at a pack that could change nothing
    found = record.judgement
    changed = found.becomes or found.counts_repeat or found.marks_stolen
    return (record, one.row[0]) if changed and record.facts.pack is not None else None


def _after(change: tuple[OperationRecord, int]) -> Row:
    record, at_us = change
    now = moment_of(at_us)
    return row_after(record.request, record.facts, record.judgement, now)


def _logged_about(snapshot: Snapshot, packs: Iterable[Row]) -> dict[Row, list[_Logged]]:
    """What the log tells of packs (code, serial), oldest first."""
    logged: dict[Row, list[_Logged]] = defaultdict(list)
    wanted = {subject(str(code), str(serial)) for code, serial in packs}
    driver = RawDriver(snapshot)
    ids = entries_about(snapshot, wanted)
    for at in range(0, len(ids), ROWS_PER_READ):
        for entry in sorted(driver.all_in(_BY_ID, ids[at : at + ROWS_PER_READ])):
            if (one := _read(entry)) is not None:
                logged[one.row[2:4]].append(one)
    return logged


def _read(entry: Row) -> _Logged | None:
    """An entry as a row; None for one of another kind, or damaged, which the log's audit says."""
    _, public, confidential, time_us = entry
    try:
        fields = json.loads(public)
        more = msgspec.json.decode(confidential, type=_LoggedPlace)
        row = (
            time_us if more.at_us is None else more.at_us,
            microseconds(more.scanned) if more.scanned else None,
            *(more.code, more.serial, fields["operation"], fields["result"]),
            *(more.client, more.location, more.alert, fields["rules"]),
        )
    except (ValueError, KeyError, TypeError, msgspec.MsgspecError):
        return None
    return _Logged(row, more.record)


def _json(row: Row) -> JsonObject:
    try:
        entry = json.loads(row[0])
    except (ValueError, TypeError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _check_rules(store: Store) -> Iterator[Finding]:
    """Every rule pack is the one of its name, and none that decided is missing."""
    with store.read() as snapshot:
        driver = RawDriver(snapshot)
        for name, id_, version, content in driver.all(_RULES):
            if not isinstance(content, bytes) or sha256(content).hexdigest() != name:
                yield odd("rule_pack", name, "has another content than its name says")
                continue
            rules = parse(content)
            if (rules.id, rules.version) != (id_, version):
                yield odd("rule_pack", name, "has another id or version than its content")
        for name, number in driver.all(_USED_RULES):
            yield odd("rule_pack", name, f"is gone; pack operation {number} was decided by it")
