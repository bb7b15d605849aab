"""Whether what the store keeps agrees with itself: documents, events, item state and the log.

State is recomputed from the events; with `rebuild` it is written anew where it differs. Streams:
memory does not grow with the store.
"""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select
from zstandard import ZstdError

from epcis.ledger.audit import audit_log
from epcis.store import tables
from epcis.store.bulk import Hand
from epcis.store.columns import pack_key, unpack_key
from epcis.store.digest import event_digest
from epcis.store.event_rows import row_faults
from epcis.store.intake import seal
from epcis.store.life import named_items
from epcis.store.lives import NEVER
from epcis.store.payload import unpack_event, unsqueeze
from epcis.store.retell import EventDamaged, Teller, item_row, write_tellings
from epcis.store.rows import items_of_rows
from epcis.store.standings import Lots, Standings
from epcis.store.stays import stays_of
from schemas.finding import Finding, Severity, Where
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from epcis.store.bulk import Row
    from epcis.store.database import Act, Store, View
    from epcis.store.tables import Role

ITEMS_PER_ACT = 5_000
EVENTS_PER_READ = 500
FINDINGS_MAX = 1_000
"""Differences told one by one in each part."""

_ITEMS = (
    "SELECT id, key, age, moment, moment + lead, lot, standing, parent FROM item"
    " WHERE id > ? ORDER BY id LIMIT ?"
)
_EVENTS = (
    "SELECT seq, identity, hash, event_id, moment, voided, payload FROM event"
    " WHERE seq > ? ORDER BY seq LIMIT ?"
)
_NAMED = "SELECT block, mask, role, seq FROM event_epc WHERE seq"
_KEYS = "SELECT id, key FROM item WHERE id"
_DECLARING = (
    "SELECT 1 FROM event WHERE declared_error IS NOT NULL AND (hash = ? OR event_id = ?) LIMIT 1"
)


_UNREADABLE = "damaged"


class _Seen(NamedTuple):
    """An event row with the items that `event_epc` says it names."""

    row: Row
    named: set[tuple[Role, bytes]]


def fsck(
    store: Store,
    *,
    now: datetime,
    rebuild: bool = False,
    progress: Callable[[str, int], None] | None = None,
) -> Iterator[Finding]:
    """Everything that disagrees, as findings; nothing where the store is sound.

    `progress` is told what is being checked and how many were. Raises StoreAway, StoreFull.
    """
    tell = progress or _nobody
    yield from audit_log(store, progress=tell)
    yield from _check_documents(store, tell)
    yield from _check_events(store, tell)
    yield from check_state(store, now=now, rebuild=rebuild, progress=tell)


def check_state(
    store: Store,
    *,
    now: datetime,
    rebuild: bool = False,
    progress: Callable[[str, int], None] | None = None,
) -> Iterator[Finding]:
    """Item state and containment against the events; `rebuild` writes anew what differs."""
    last, checked = -1, 0
    while True:
        with store.write(now, long=True) as act:
            rows = Hand(act).all(_ITEMS, (last, ITEMS_PER_ACT))
            if not rows:
                return
            differing = list(_differences(act, rows))
            if rebuild and differing:
                hand = Hand(act)
                standings, lots = Standings(hand, act.words), Lots(hand, act.words)
                ids = [row[0] for row, what in differing if what != _UNREADABLE]
                write_tellings(hand, standings, lots, Teller(hand), ids)
        yield from (_item_finding(row, what, rebuild=rebuild) for row, what in differing)
        last = rows[-1][0]
        checked += len(rows)
        if progress:
            progress("items", checked)


def _differences(act: Act, rows: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    hand = Hand(act)
    standings, lots = Standings(hand, act.words), Lots(hand, act.words)
    teller = Teller(hand)
    stays: dict[int, list[Row]] = defaultdict(list)
    for child, *stay in stays_of(hand, [row[0] for row in rows]):
        stays[child].append(tuple(stay))
    for row in rows:
        try:
            telling = teller.tell(row[0])
        except EventDamaged:
            yield row, _UNREADABLE
            continue
        lot, standing, parent, age, moment, _, _ = item_row(
            standings, lots, tuple(row[:5]), telling
        )
        stored = (row[5], row[6], row[7], row[3])
        if stored != (lot, standing, parent, moment) or (moment != NEVER and age != row[2]):
            yield row, "state"
        elif sorted(stays[row[0]]) != sorted(tuple(stay) for stay in telling.stays):
            yield row, "containment"


def _item_finding(row: Row, what: str, *, rebuild: bool) -> Finding:
    key = unpack_key(bytes(row[1]))
    if what == _UNREADABLE:
        return Finding(
            "store.state-unknown",
            Severity.ERROR,
            f"the state of {key} cannot be told: one of its events is damaged",
            "Capture the original documents into a new store.",
            Where(path=key),
        )
    return Finding(
        f"store.{what}-differs",
        Severity.WARNING if rebuild else Severity.ERROR,
        f"the {what} of {key} is not what its events tell",
        "It was written anew." if rebuild else "Run fsck with --rebuild.",
        Where(path=key),
    )


def _check_documents(store: Store, progress: Callable[[str, int], None]) -> Iterator[Finding]:
    """The bytes of every document against the hash they came under."""
    with store.read() as view:
        numbers = view.connection.execute(
            select(tables.document.c.id, tables.document.c.sha256).order_by(tables.document.c.id)
        ).all()
    for checked, (number, digest) in enumerate(numbers, 1):
        with store.read() as view:
            if _document_digest(view, number) != digest:
                yield Finding(
                    "store.document-differs",
                    Severity.CRITICAL,
                    f"the stored bytes of document {digest.hex()} are not those received",
                    "Restore the table document_part from a backup.",
                )
        progress("documents", checked)


def _document_digest(view: View, number: int) -> bytes:
    digest = sha256()
    parts = tables.document_part
    pieces = view.connection.scalars(
        select(parts.c.content).where(parts.c.document == number).order_by(parts.c.part)
    )
    for piece in pieces:
        try:
            digest.update(unsqueeze(piece))
        except ZstdError:
            return b""
    return digest.digest()


def _check_events(store: Store, progress: Callable[[str, int], None]) -> Iterator[Finding]:
    """Every event row against its payload, and its items against those the payload names."""
    last, checked = -1, 0
    while True:
        with store.read() as view:
            hand = Hand(view)
            rows = hand.all(_EVENTS, (last, EVENTS_PER_READ))
            if not rows:
                return
            named = _named_in(hand, [row[0] for row in rows])
            ids = {row[0]: row for row in rows}
            found = [
                (row, what)
                for row in rows
                if (what := _fault(hand, _Seen(row, named.get(row[0], set()))))
            ]
            found.extend((ids[seq], what) for seq, what in row_faults(hand, list(ids)))
        for row, what in found:
            yield Finding(
                "store.event-differs",
                Severity.CRITICAL,
                f"event {row[3]}: {what}",
                "Compare with the log; capture the original document into a new store.",
            )
        last = rows[-1][0]
        checked += len(rows)
        progress("events", checked)


def _named_in(hand: Hand, seqs: Sequence[int]) -> dict[int, set[tuple[Role, bytes]]]:
    by_event: dict[int, list[Row]] = defaultdict(list)
    for row in hand.all_in(_NAMED, list(seqs)):
        by_event[row[3]].append(row[:3])
    pairs = {seq: set(items_of_rows(rows)) for seq, rows in by_event.items()}
    ids = sorted({item_id for told in pairs.values() for item_id, _ in told})
    keys = {row[0]: bytes(row[1]) for row in hand.all_in(_KEYS, ids)}
    return {
        seq: {(role, keys.get(item_id, b"")) for item_id, role in told}
        for seq, told in pairs.items()
    }


def _fault(hand: Hand, seen: _Seen) -> str:
    """What is wrong with an event row; empty where nothing is."""
    _, identity, digest, event_id, moment, voided, payload = seen.row
    try:
        event = unpack_event(payload)
        sealed = seal(event, event_digest(event))
    except (ZstdError, ValueError) as fault:
        return f"its payload cannot be read: {fault}"
    if (sealed.digest, sealed.identity) != (bytes(digest), bytes(identity)):
        return "its payload has another hash than its row"
    if (sealed.event_id, sealed.moment) != (event_id, moment):
        return "its row names another id or time than its payload"
    should_name = {
        (role, pack_key(canonical_key(epc))) for role, epcs in named_items(event) for epc in epcs
    }
    if should_name != seen.named:
        return "the items it is found by are not those it names"
    is_wrong = event.error_declaration is None and bool(hand.all(_DECLARING, (digest, event_id)))
    if is_wrong != bool(voided):
        return "whether it was declared wrong is not what the declarations say"
    return ""


def _nobody(what: str, count: int) -> None:
    """Tell progress to nobody."""
