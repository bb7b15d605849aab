"""Events against their payloads: every column, what they are found by, and the items they name."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from zstandard import ZstdError

from epcis.archive.outline import is_outline_of
from epcis.archive.reading import Shelves
from epcis.database.columns import pack_key
from epcis.database.raw_driver import RawDriver
from epcis.fsck.event_rows import row_faults
from epcis.ledger.place import odd
from epcis.lot_facts import lot_facts
from epcis.store.digest import event_digest, is_meant
from epcis.store.event_items import named_items
from epcis.store.event_tables import Role
from epcis.store.intake import seal
from epcis.store.payload import is_outline, unpack_event
from epcis.store.rows import items_of_rows
from schemas.finding import Finding, Severity, Where
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from epcis.database.raw_driver import Row
    from epcis.ledger.store import Store
    from epcis.model import Event

EVENTS_PER_READ = 500
_EVENTS = (
    "SELECT seq, identity, hash, event_id, moment, voided, document, position, parent, payload"
    " FROM event WHERE seq > ? ORDER BY seq LIMIT ?"
)
_NAMED = "SELECT block, mask, role, seq FROM event_epc WHERE seq"
_KEYS = "SELECT id, key FROM item WHERE id"
_DECLARING = (
    "SELECT hash, event_id FROM event WHERE declared_error IS NOT NULL"
    " AND (hash = ? OR event_id = ?)"
)
_LEFT_OVER_LOTS = (
    "SELECT id, gtin, code, expiry FROM lot l"
    " WHERE NOT EXISTS (SELECT 1 FROM item i WHERE i.lot = l.id)"
    " AND NOT EXISTS (SELECT 1 FROM lot o WHERE o.other_lot = l.id)"
)


class _StoredEvent(NamedTuple):
    """An event row, with the items that `event_epc` says it names."""

    seq: int
    identity: bytes
    hash: bytes
    event_id: str
    moment: int
    voided: Any
    document: int | None
    position: int | None
    parent: int | None
    payload: bytes


def check_events(store: Store, progress: Callable[[str, int], None]) -> Iterator[Finding]:
    """Every event, one after the other; then the lots that no event tells of."""
    last, checked = -(1 << 63), 0
    with store.read() as snapshot:
        left_over = {row[0]: list(row[1:]) for row in RawDriver(snapshot).all(_LEFT_OVER_LOTS)}
    while True:
        with store.read() as snapshot:
            driver = RawDriver(snapshot)
            rows = [_StoredEvent(*row) for row in driver.all(_EVENTS, (last, EVENTS_PER_READ))]
            if not rows:
                break
            yield from _check_some(driver, rows, left_over)
        last = rows[-1].seq
        checked += len(rows)
        progress("events", checked)
    for lot in left_over:
        yield odd("lot", lot, "stands in no event")


def _check_some(
    driver: RawDriver, rows: Sequence[_StoredEvent], left_over: dict[int, list[str]]
) -> Iterator[Finding]:
    named = _named_in(driver, [row.seq for row in rows])
    by_seq = {row.seq: row for row in rows}
    shelves = Shelves(driver)
    gone = {item_id for pairs in named.values() for item_id, _, key in pairs if not key}
    for item_id in sorted(gone):
        yield odd("item", item_id, "is gone, and events name it")
    for row in rows:
        payload = shelves.at_hand(row.seq, row.payload)
        if is_outline(payload):  # its file is away, which `epcis.archive.check` says
            left_over.clear()  # it may tell of any of them
            continue
        event = _event_of(payload)
        if isinstance(event, str):
            yield _found(row, event)
            continue
        if payload is not row.payload and not is_outline_of(row.payload, event):
            yield _found(row, "what stays of it here is not what its file tells")
        if left_over:
            _take_facts(event, left_over)
        pairs = named.get(row.seq, set())
        if what := _fault(driver, row, event, {(role, key) for _, role, key in pairs}):
            yield _found(row, what)
            yield from _misnamed(row, event, pairs)
    for seq, what in row_faults(driver, list(by_seq)):
        yield _found(by_seq[seq], what)


def _misnamed(
    row: _StoredEvent, event: Event, named: set[tuple[int, int, bytes]]
) -> Iterator[Finding]:
    """Items that the event is found by and that have another key than any it names."""
    keys = {pack_key(canonical_key(epc)) for _, epcs in named_items(event) for epc in epcs}
    for item_id in sorted({item_id for item_id, _, key in named if key and key not in keys}):
        yield odd("item", item_id, f"has a key that event {row.seq} does not name")


def _found(row: _StoredEvent, what: str) -> Finding:
    return Finding(
        "store.event-differs",
        Severity.CRITICAL,
        f"event {row.seq} ({row.event_id}): {what}",
        "Compare with the log; capture the original document into a new store.",
        Where(path=f"event/{row.seq}"),
    )


def _event_of(payload: bytes) -> Event | str:
    try:
        return unpack_event(payload)
    except (ZstdError, ValueError, TypeError, OverflowError) as fault:
        return f"its payload cannot be read: {fault}"


def _fault(
    driver: RawDriver, row: _StoredEvent, event: Event, named: set[tuple[int, bytes]]
) -> str:
    """What is wrong with an event row; empty where nothing is."""
    try:
        sealed = seal(event, event_digest(event))
        should_name = {
            (int(role), pack_key(canonical_key(epc)))
            for role, epcs in named_items(event)
            for epc in epcs
        }
    except (ValueError, OverflowError, TypeError) as fault:
        return f"its payload is no event: {fault}"
    parents = {key for role, key in should_name if role == Role.PARENT}
    is_own = row.document is None
    is_wrong = event.error_declaration is None and _was_declared_wrong(driver, row)
    faults = (
        (
            (sealed.digest, sealed.identity) != (row.hash, row.identity),
            "its payload has another hash than its row",
        ),
        (
            (sealed.event_id, sealed.moment) != (row.event_id, row.moment),
            "its row names another id or time than its payload",
        ),
        (should_name != named, "the items it is found by are not those it names (event_epc)"),
        (_parent_of(driver, row) != parents, "its row has another parent than its payload"),
        (is_own and row.position is not None, "it has a position in no document"),
        (is_wrong != row.voided, "whether it was declared wrong (voided) is not what was declared"),
    )
    return "; ".join(what for is_so, what in faults if is_so)


def _was_declared_wrong(driver: RawDriver, row: _StoredEvent) -> bool:
    this = (row.hash, row.event_id)
    return any(is_meant((bytes(one[0]), one[1]), this) for one in driver.all(_DECLARING, this))


def _parent_of(driver: RawDriver, row: _StoredEvent) -> set[bytes]:
    return {_key_of(driver, row.parent)} if row.parent is not None else set()


def _key_of(driver: RawDriver, item: int) -> bytes:
    found = driver.all_in(_KEYS, [item]) if isinstance(item, int) else []
    return _blob(found[0][1]) if found else b""


def _named_in(driver: RawDriver, seqs: Sequence[int]) -> dict[int, set[tuple[int, int, bytes]]]:
    """(item id, role, key) of the items that events are found by; an empty key is not there."""
    by_event: dict[int, list[Row]] = defaultdict(list)
    for row in driver.all_in(_NAMED, list(seqs)):
        by_event[row[3]].append(row[:3])
    pairs = {seq: _pairs(rows) for seq, rows in by_event.items()}
    ids = sorted({item_id for pairs_named in pairs.values() for item_id, _ in pairs_named})
    keys = {row[0]: _blob(row[1]) for row in driver.all_in(_KEYS, ids)}
    return {
        seq: {(item_id, role, keys.get(item_id, b"")) for item_id, role in pairs_named}
        for seq, pairs_named in pairs.items()
    }


def _pairs(rows: Sequence[Row]) -> set[tuple[int, int]]:
    """(item id, role) of rows; a row that cannot be read names an item that is not there."""
    try:
        return {(item_id, int(role)) for item_id, role in items_of_rows(rows)}
    except (ValueError, TypeError):
        return {(-1, 0)}


def _blob(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _take_facts(event: Event, left_over: dict[int, list[str]]) -> None:
    """Forget the left-over lots (GTIN, code, expiry) whose code and expiry this event tells.

    One event may tell the code and another the expiry.
    """
    facts = lot_facts(event)
    if facts is None:
        return
    named = [epcs for role, epcs in named_items(event) if role in (Role.EPC, Role.OUTPUT)]
    products = {canonical_key(epc)[4:18] for epcs in named for epc in epcs}
    for number, (gtin, code, expiry) in list(left_over.items()):
        if gtin in products:
            rest = ["" if code == facts.code else code, "" if expiry == facts.expiry else expiry]
            left_over[number] = [gtin, *rest]
            if rest == ["", ""]:
                del left_over[number]
