"""Verify a pack: gather what is known of it in one look, decide, and keep what was answered."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from epcis.database.raw_driver import RawDriver
from epcis.store.item_state import time_of_moment
from verification.decision.recorded import look
from verification.decision.verdict import (
    Asked,
    Facts,
    KnownPack,
    LotState,
    PackState,
    Verdict,
    verdict,
)
from verification.registry import history

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store
    from verification.decision.recorded import Recorded
    from verification.decision.restrictions import Restrictions

_KNOWN = """
SELECT EXISTS (SELECT 1 FROM product WHERE code = ?)
 OR EXISTS (SELECT 1 FROM batch WHERE code = ?)
 OR EXISTS (SELECT 1 FROM lot WHERE gtin = ?)
 OR EXISTS (SELECT 1 FROM item_key WHERE key >= ? AND key < ?)
 OR EXISTS (SELECT 1 FROM item_key WHERE key >= ? AND key < ?)
"""

_ACTIVE = PackState.ACTIVE.value
_DIGIT_SERIALS, _TEXT_SERIALS = b"\x01", b"\x02"

STATE_OF_ITEM = {
    "active": PackState.ACTIVE,
    "dispensed": PackState.SUPPLIED,
    "decommissioned": PackState.DECOMMISSIONED,
    "destroyed": PackState.DESTROYED,
    "exported": PackState.EXPORTED,
    "stolen": PackState.STOLEN,
    "sampled": PackState.SAMPLE,
    "lost": PackState.DECOMMISSIONED,
    "locked": PackState.LOCKED,
    "consumed": PackState.CHECKED_OUT,
    "": PackState.UNCOMMISSIONED,
}
"""What the item states of the memory mean here; any other is still in trade."""

NOT_SELLABLE = frozenset(
    {"damaged", "needs_replacement", "non_sellable_other", "suspended", "unavailable"}
)
"""Dispositions (CBV section 7.2) that keep a pack off the shelf until somebody clears it."""


def verify(
    snapshot: Snapshot,
    gtin: str,
    serial: str,
    lot: str | None = None,
    expiry: date | None = None,
    *,
    now: datetime,
    market: str = "",
) -> Verdict:
    """Decide about the pack that carries these values; reads only.

    `gtin` is a GTIN-14, `lot` and `expiry` are compared where they are given. A lot that is
    recalled, or a product that is withdrawn, in `market` or everywhere stops the pack.
    """
    return verdict(facts(snapshot, Asked(gtin, serial, lot, expiry), market), now)


def verify_and_log(
    store: Store, asked: Asked, *, now: datetime, client: str, location: str = "", market: str = ""
) -> Verdict:
    """Verify and keep the answer with its entry of the log: one act."""
    with store.write(now) as tx:
        answer = verdict(facts(tx, asked, market), now)
        history.keep(tx, [entry_of(answer, client, location)])
        # A crash from here on leaves no answer and no entry; after the commit, both.
    return answer


def entry_of(answer: Verdict, client: str, location: str) -> history.HistoryEntry:
    """What is kept of an answer to a client at a place."""
    asked = answer.facts.asked
    record = msgspec.json.encode(
        {
            "verdict": answer.word,
            "reason": answer.reason,
            "gtin": asked.gtin,
            "serial": asked.serial,
            "lot": asked.lot,
            "expiry": asked.expiry,
            "client": client,
        }
    )
    return history.HistoryEntry(
        asked.gtin,
        asked.serial,
        "verify",
        answer.reason.value,
        client,
        location,
        record,
        alert=answer.alert,
    )


def facts(snapshot: Snapshot, asked: Asked, market: str = "") -> Facts:
    """All that a verdict needs, by one look at the store."""
    _, (one,) = facts_of(snapshot, [(asked, market)])
    return one


def facts_of(
    snapshot: Snapshot, asked: Sequence[tuple[Asked, str]]
) -> tuple[Restrictions, list[Facts]]:
    """The stops, and all that verdicts on packs need, each in its market, by one look."""
    stops, recorded = look(snapshot, [(one.gtin, one.serial) for one, _ in asked])
    products: dict[str, bool] = {}
    found = []
    for (one, market), row in zip(asked, recorded, strict=True):
        pack = _known_pack(row)
        if pack is not None:
            found.append(_facts_of_pack(one, market, row, pack, stops))
            continue
        if one.gtin not in products:
            products[one.gtin] = is_known_product(snapshot, one.gtin)
        found.append(Facts(one, None, product_known=products[one.gtin]))
    return stops, found


def _facts_of_pack(
    asked: Asked, market: str, row: Recorded, pack: KnownPack, stops: Restrictions
) -> Facts:
    lot_state = stops.lot(asked.gtin, pack.lot, market)
    if lot_state is LotState.ACTIVE and row.disposition == "recalled":
        lot_state = LotState.RECALLED
    return Facts(
        asked,
        pack,
        product_state=stops.product(asked.gtin, market),
        lot_state=lot_state,
        doubt=stops.doubt(asked.gtin, pack.lot, asked.serial),
        extended=stops.extended(asked.gtin, pack.lot),
    )


def is_known_product(snapshot: Snapshot, gtin: str) -> bool:
    """Whether anything at all was ever told about this product."""
    head = _gtin_head(gtin)
    ranges: list[bytes] = []
    for shape in (_DIGIT_SERIALS, _TEXT_SERIALS):
        ranges += [shape + head, shape + (int.from_bytes(head, "big") + 1).to_bytes(6, "big")]
    row = RawDriver(snapshot).one(_KNOWN, (gtin, gtin, gtin, *ranges))
    return row is not None and bool(row[0])


def _gtin_head(gtin: str) -> bytes:
    """The GTIN as packed item keys begin with it."""
    digits = gtin if gtin.isdigit() and gtin.isascii() and len(gtin) == 14 else "0"
    return int(digits).to_bytes(6, "big")


@lru_cache(maxsize=4096)
def day_of(text: str | None) -> date | None:
    """The date a sender told as an expiry; None where it is no date.

    >>> day_of("2027-05-31"), day_of("31/05/27")
    (datetime.date(2027, 5, 31), None)
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _known_pack(row: Recorded) -> KnownPack | None:
    """The pack by the registry's word, else by what its events say of it."""
    if not row.is_known:
        return None
    state = state_of(row)
    if row.stolen:
        state = PackState.STOLEN
    told_expiry = row.expiry or row.event_expiry
    day = day_of(told_expiry)
    odd = day is None and bool(told_expiry)
    return KnownPack(state, row.lot or row.event_lot or None, day, expiry_is_odd=odd)


def state_of(row: Recorded) -> PackState:
    """The state of a recorded pack: by its events where they have the last word."""
    return state_by_events(row) or (PackState(row.state) if row.state else PackState.ACTIVE)


def state_by_events(row: Recorded) -> PackState | None:
    """The state that events put a pack into, where they have the last word; else None.

    The registry has it where its state is not Active, or where an operation made the pack active
    again at or after the last event. An upload alone is not an operation: it may come late.
    """
    if row.status is None or row.moment is None or (row.state or _ACTIVE) != _ACTIVE:
        return None
    operated = row.version is not None and row.version > 1
    if operated and row.since_us is not None and row.since_us >= time_of_moment(row.moment):
        return None
    told = STATE_OF_ITEM.get(row.status, PackState.ACTIVE)
    if told is PackState.ACTIVE and row.disposition in NOT_SELLABLE:
        told = PackState.LOCKED
    return None if told is PackState.ACTIVE else told
