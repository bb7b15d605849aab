"""Verify a pack: gather what is known of it in one look, decide, and keep what was answered."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from epcis.store.columns import pack_key as packed
from epcis.store.items import item
from epcis.store.life import time_of_moment
from verification import history
from verification.stops import MARK, stops_at
from verification.verdict import (
    Asked,
    Facts,
    KnownPack,
    LotState,
    PackState,
    Verdict,
    verdict,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from epcis.store.database import Act, Store, View

_LOOK = f"""
SELECT s.status, l.code, l.expiry, p.state, p.lot, p.expiry, p.stolen, s.disposition, {MARK},
 i.moment, p.since_us, p.version, i.parent
FROM (SELECT 1 AS one) q
LEFT JOIN item i ON i.key = ?
LEFT JOIN standing s ON s.id = i.standing
LEFT JOIN lot l ON l.id = i.lot
LEFT JOIN pack p ON p.code = ? AND p.serial = ?
"""  # noqa: S608  # no value is put in
_LOOK_POSTGRESQL = _LOOK.replace("?", "%s")

_KNOWN = """
SELECT EXISTS (SELECT 1 FROM product WHERE code = ?)
 OR EXISTS (SELECT 1 FROM batch WHERE code = ?)
 OR EXISTS (SELECT 1 FROM lot WHERE gtin = ?)
 OR EXISTS (SELECT 1 FROM item WHERE key >= ? AND key < ?)
 OR EXISTS (SELECT 1 FROM item WHERE key >= ? AND key < ?)
"""
_KNOWN_POSTGRESQL = _KNOWN.replace("?", "%s")

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
    view: View,
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
    return verdict(facts(view, Asked(gtin, serial, lot, expiry), market), now)


def verify_and_log(
    store: Store, asked: Asked, *, now: datetime, client: str, location: str = "", market: str = ""
) -> Verdict:
    """Verify and keep the answer with its entry of the log: one act."""
    with store.write(now) as act:
        answer = verdict(facts(act, asked, market), now)
        keep_verdicts(act, [(answer, client, location)])
        # A crash from here on leaves no answer and no entry; after the commit, both.
    return answer


def keep_verdicts(act: Act, answers: Iterable[tuple[Verdict, str, str]]) -> None:
    """Keep (verdict, client, location) of questions that were answered in this act."""
    history.keep(act, (_entry(*answer) for answer in answers))


def _entry(answer: Verdict, client: str, location: str) -> history.Entry:
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
    return history.Entry(
        asked.gtin, asked.serial, "verify", answer.reason.value, client, location, record
    )


def facts(view: View, asked: Asked, market: str = "") -> Facts:
    """All that a verdict needs, by one look at the store."""
    row = _look(view, asked)
    status, disposition = row[0], row[7]
    if row[12] is not None:
        status, disposition = with_container(view, asked.gtin, asked.serial)
    pack = _known_pack(row, status, disposition)
    if pack is None:
        return Facts(asked, None, product_known=is_known_product(view, asked.gtin))
    stops = stops_at(view, row[8])
    lot_state = stops.lot(asked.gtin, pack.lot, market)
    if lot_state is LotState.ACTIVE and disposition == "recalled":
        lot_state = LotState.RECALLED
    return Facts(
        asked,
        pack,
        product_state=stops.product(asked.gtin, market),
        lot_state=lot_state,
        doubt=stops.doubt(asked.gtin, pack.lot, asked.serial),
    )


def is_known_product(view: View, gtin: str) -> bool:
    """Whether anything at all was ever told about this product."""
    head = _gtin_head(gtin)
    ranges: list[bytes] = []
    for shape in (_DIGIT_SERIALS, _TEXT_SERIALS):
        ranges += [shape + head, shape + (int.from_bytes(head, "big") + 1).to_bytes(6, "big")]
    statement = _KNOWN if view.is_sqlite else _KNOWN_POSTGRESQL
    row = view.driver.execute(statement, (gtin, gtin, gtin, *ranges)).fetchone()
    return bool(row[0])


def _gtin_head(gtin: str) -> bytes:
    """The GTIN as packed item keys begin with it."""
    digits = gtin if gtin.isdigit() and gtin.isascii() and len(gtin) == 14 else "0"
    return int(digits).to_bytes(6, "big")


def _look(view: View, asked: Asked) -> Any:  # noqa: ANN401  # a row of the driver
    key = packed(history.pack_key(asked.gtin, asked.serial))
    statement = _LOOK if view.is_sqlite else _LOOK_POSTGRESQL
    return view.driver.execute(statement, (key, asked.gtin, asked.serial)).fetchone()


def with_container(view: View, code: str, serial: str) -> tuple[str | None, str | None]:
    """Status and disposition of a pack inside something, that thing's later events included.

    A pallet that is reported stolen takes its packs along, though no event names them.
    """
    state = item(view, history.pack_key(code, serial))
    return (None, None) if state is None else (state.status.value, state.disposition)


def day_of(text: str | None) -> date | None:
    """The date a sender told as an expiry; None where it is no date.

    >>> day_of("2027-05-31"), day_of("31/05/27")
    (datetime.date(2027, 5, 31), None)
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _known_pack(
    row: Any,  # noqa: ANN401  # a row of the driver
    status: str | None,
    disposition: str | None,
) -> KnownPack | None:
    """The pack by the registry's word, else by what its events say of it."""
    event_lot, event_expiry, state, lot, expiry, stolen = row[1:7]
    if status is None and state is None:
        return None
    told = state_by_events(
        status, disposition, row[9], state=state, since_us=row[10], version=row[11]
    )
    effective = told or (PackState(state) if state else PackState.ACTIVE)
    if stolen:
        effective = PackState.STOLEN
    told_expiry = expiry or event_expiry
    day = day_of(told_expiry)
    return KnownPack(
        effective, lot or event_lot or None, day, expiry_is_odd=bool(told_expiry) and day is None
    )


def state_by_events(
    status: str | None,
    disposition: str | None,
    moment: int | None,
    *,
    state: str | None,
    since_us: int | None,
    version: int | None,
) -> PackState | None:
    """The state that events put a pack into, where they have the last word; else None.

    The registry has it where its state is not Active, or where an operation made the pack active
    again at or after the last event. An upload alone is not an operation: it may come late.
    """
    if status is None or moment is None or (state or PackState.ACTIVE) != PackState.ACTIVE:
        return None
    operated = version is not None and version > 1 and since_us is not None
    if operated and since_us is not None and since_us >= time_of_moment(moment):
        return None
    told = STATE_OF_ITEM.get(status, PackState.ACTIVE)
    if told is PackState.ACTIVE and disposition in NOT_SELLABLE:
        told = PackState.LOCKED
    return None if told is PackState.ACTIVE else told
