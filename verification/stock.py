"""Stock: what is in stock, on the way, on hold, expired or missing, by place, lot and owner.

A view over item state: nothing is booked here, so no number can differ from what the events say.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from epcis.store.effect import party_key
from epcis.store.item_status import ItemStatus
from epcis.store.items import items as items_now
from epcis.store.stock import StockLot, counted_stock, listed_stock, numbered_items
from schemas.finding import Finding, Severity, Where
from schemas.gs1.keys import Gtin
from verification.acts.scans import place_key
from verification.decision.restrictions import ANYWHERE, current_restrictions
from verification.decision.words import LotState, ProductState
from verification.messages.pack_request import refused
from verification.registry.history import pack_key
from verification.serials.guessable import TEXT_82

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.store.item_state import ItemState
    from epcis.store.stock import ListedItem
    from verification.decision.restrictions import Restrictions

ROWS_MAX = 5_000
"""Rows of one answer; `is_cut` says that there are more."""
PAGE_ITEMS_MAX = 1_000


class Standing(StrEnum):
    """How goods stand, the gravest that is true of them."""

    MISSING = "missing"
    """Lost by a count, or stolen."""
    IN_TRANSIT = "in transit"
    """Shipped and not received."""
    ON_HOLD = "on hold"
    """Locked, quarantined, recalled, withdrawn, damaged, returned, or under a doubt."""
    EXPIRED = "expired"
    IN_STOCK = "in stock"


class StockFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which goods are asked for; what is empty does not narrow."""

    place: str = ""
    """Canonical key of a site, or of a place in it."""
    gtin: str = ""
    lot: str = ""
    expires_before: str = ""
    """ISO 8601 day; what expires on it or later is left out, as is what has no expiry."""
    standing: Standing | None = None
    owner: str = ""
    """Canonical GLN key."""
    party: str = ""
    """Canonical GLN key of who asks, who sees what it owns or has; empty: everything."""

    @property
    def site(self) -> str:
        """The site, without the place in it."""
        return party_key(self.place) if self.place else ""

    def matches(self, lot: StockLot, state: ItemState) -> bool:
        """Whether goods of a lot in a state are asked for, their standing left aside."""
        return (
            (not self.gtin or lot.gtin == self.gtin)
            and (not self.lot or lot.code == self.lot)
            and (not self.owner or state.owner == self.owner)
            and (not self.expires_before or "" < lot.expiry < self.expires_before)
            and self._is_there(state)
            and self._is_seen(state)
        )

    def _is_there(self, state: ItemState) -> bool:
        if not self.place:
            return True
        if not state.location:
            return self.place == self.site and self.site in (state.holder, state.shipper)
        if self.place == self.site:
            return party_key(state.location) == self.site
        return state.location == self.place

    def _is_seen(self, state: ItemState) -> bool:
        at = party_key(state.location) if state.location else ""
        return not self.party or self.party in (state.owner, state.holder, at)


class StockRow(msgspec.Struct, frozen=True, kw_only=True):
    """Goods of one lot that stand alike at one place. Unknown texts are empty."""

    place: str
    """Canonical key; empty on the way."""
    gtin: str
    """Empty for cases and pallets, and for packs of which no event tells the lot."""
    lot: str
    expiry: str
    standing: Standing
    reasons: tuple[str, ...]
    """Why they are on hold or missing."""
    owner: str
    custodian: str
    """Canonical GLN key of who has them, or to whom they were sent."""
    sender: str
    """Canonical GLN key of who shipped them, on the way."""
    items: int


class StockAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The stock at one moment."""

    rows: tuple[StockRow, ...]
    totals: dict[Standing, int]
    """Items by standing, of all rows."""
    is_cut: bool = False
    """More rows than `ROWS_MAX` were found; the totals have them all."""


class StockItem(msgspec.Struct, frozen=True, kw_only=True):
    """One pack, case or pallet of the stock."""

    id: str
    """Canonical key."""
    place: str
    gtin: str
    lot: str
    expiry: str
    standing: Standing
    reasons: tuple[str, ...]
    owner: str
    custodian: str


class StockItems(msgspec.Struct, frozen=True, kw_only=True):
    """A page of single packs, cases and pallets."""

    items: tuple[StockItem, ...]
    next: str | None
    """Give it as `after` for what follows; None at the end. A page may be short before the end."""


def standing_of(
    lot: StockLot, state: ItemState, stops: Restrictions, now: datetime, *, doubt: str = ""
) -> tuple[Standing, tuple[str, ...]] | None:
    """How goods stand and why; None for what left trade for good.

    `doubt` is an open doubt about the single pack.

    >>> from datetime import UTC, datetime
    >>> from epcis.store.item_state import ItemState
    >>> from epcis.store.stock import StockLot
    >>> from verification.decision.restrictions import Restrictions
    >>> lot, state = StockLot("09521321000018", "L1", "2027-05-31"), ItemState(ItemStatus.ACTIVE)
    >>> last_day = datetime(2027, 5, 31, 23, tzinfo=UTC)
    >>> standing_of(lot, state, Restrictions(None), last_day)[0].value
    'in stock'
    >>> standing_of(lot, state, Restrictions(None), datetime(2027, 6, 1, tzinfo=UTC))[0].value
    'expired'
    """
    if state.status in (ItemStatus.LOST, ItemStatus.STOLEN):
        return Standing.MISSING, (state.status.value,)
    if state.status.is_ended:
        return None
    if state.status is ItemStatus.IN_TRANSIT:
        return Standing.IN_TRANSIT, state.conditions
    against = tuple(_against(lot, state, stops))
    against += (doubt,) if doubt and doubt not in against else ()
    if against:
        return Standing.ON_HOLD, against
    extended = stops.extended(lot.gtin, lot.code)
    last = max(lot.expiry, extended.isoformat() if extended else "")
    if last and now.date().isoformat() > last:
        return Standing.EXPIRED, ()
    return Standing.IN_STOCK, ()


def _against(lot: StockLot, state: ItemState, stops: Restrictions) -> Iterable[str]:
    """What keeps goods from going out, whatever their expiry."""
    yield from state.conditions
    if state.status is ItemStatus.LOCKED:
        yield "locked"
    if not lot.gtin:
        return
    of_lot = stops.lot(lot.gtin, lot.code, ANYWHERE)
    if of_lot is not LotState.ACTIVE:
        yield f"lot {of_lot.value}"
    if stops.product(lot.gtin, ANYWHERE) is ProductState.WITHDRAWN:
        yield "product withdrawn"
    doubts = (one for one in stops.doubts.get(lot.gtin, ()) if not one.serial)
    yield from sorted({one.kind.value for one in doubts if one.lot in ("", lot.code)})


def stock(snapshot: Snapshot, wanted: StockFilter, now: datetime) -> StockAnswer:
    """What is where, by lot, expiry, standing and owner."""
    stops = current_restrictions(snapshot)
    counts: dict[StockRow, int] = defaultdict(int)
    for lot, state, items in counted_stock(snapshot, wanted.site):
        row = _row(wanted, lot, state, standing_of(lot, state, stops, now))
        if row is not None:
            counts[row] += items
    doubted = {key: doubt for _, key, doubt in _doubted(snapshot, stops)}
    for key, item in items_now(snapshot, doubted).items():
        lot = (
            StockLot(key[4:18], item.lot, item.expiry_text)
            if item.lot or item.expiry_text
            else StockLot()
        )
        among = _row(wanted, lot, item.state, standing_of(lot, item.state, stops, now))
        alone = standing_of(lot, item.state, stops, now, doubt=doubted[key])
        for row, items in ((among, -1), (_row(wanted, lot, item.state, alone), 1)):
            if row is not None:
                counts[row] += items
    totals = dict.fromkeys(Standing, 0)
    for row, items in counts.items():
        totals[row.standing] += items
    rows = sorted(
        (msgspec.structs.replace(row, items=items) for row, items in counts.items() if items),
        key=_order,
    )
    return StockAnswer(rows=tuple(rows[:ROWS_MAX]), totals=totals, is_cut=len(rows) > ROWS_MAX)


def _row(
    wanted: StockFilter,
    lot: StockLot,
    state: ItemState,
    judged: tuple[Standing, tuple[str, ...]] | None,
) -> StockRow | None:
    """The row that goods are counted in; None where they are not asked for."""
    if judged is None or wanted.standing not in (None, judged[0]) or not wanted.matches(lot, state):
        return None
    return StockRow(
        place=state.location,
        gtin=lot.gtin,
        lot=lot.code,
        expiry=lot.expiry,
        standing=judged[0],
        reasons=judged[1],
        owner=state.owner,
        custodian=state.holder,
        sender=state.shipper if judged[0] is Standing.IN_TRANSIT else "",
        items=0,
    )


def _doubted(snapshot: Snapshot, stops: Restrictions) -> Iterator[tuple[int, str, str]]:
    """Items about which there are doubts of their own: id, key and the gravest doubt."""
    for gtin, doubts in stops.doubts.items():
        seen: set[int] = set()
        for one in doubts:
            if not one.serial:
                continue
            ends = [pack_key(gtin, end) for end in (one.serial, one.serial_to) if end]
            for number, key in numbered_items(snapshot, *ends):
                serial = unquote(key[22:])
                doubt = stops.doubt(gtin, None, serial)
                if number not in seen and doubt is not None and one.covers(None, serial):
                    seen.add(number)
                    yield number, key, doubt.value


def _order(row: StockRow) -> tuple[object, ...]:
    return (
        row.gtin, row.expiry or "9999", row.lot, row.place, row.standing, row.owner, row.reasons,
        row.custodian, row.sender,
    )  # fmt: skip


def stock_items(
    snapshot: Snapshot, wanted: StockFilter, now: datetime, *, after: str = "", most: int
) -> StockItems:
    """A page of the single packs, cases and pallets of the stock.

    Raises ValueError for an `after` that no answer gave.
    """
    stops = current_restrictions(snapshot)

    def is_wanted(lot: StockLot, state: ItemState, doubt: str) -> bool:
        judged = standing_of(lot, state, stops, now, doubt=doubt)
        return _row(wanted, lot, state, judged) is not None

    begin = _cursor(after) if after else None
    apart = {number: doubt for number, _, doubt in _doubted(snapshot, stops)}
    page = listed_stock(snapshot, is_wanted, apart=apart, gtin=wanted.gtin, after=begin, most=most)
    items = tuple(_item(one, stops, now) for one in page.items)
    cursor = page.after
    return StockItems(items=items, next=f"{cursor[0]}.{cursor[1]}" if cursor else None)


def _cursor(text: str) -> tuple[int, int]:
    lot, _, item = text.partition(".")
    if not (lot.isascii() and lot.isdigit() and item.isascii() and item.isdigit()):
        raise ValueError("'after' is not the 'next' of an answer before")
    if len(lot) > 9 or len(item) > 18:
        raise ValueError("'after' is not the 'next' of an answer before")
    return int(lot), int(item)


def _item(one: ListedItem, stops: Restrictions, now: datetime) -> StockItem:
    judged = standing_of(one.lot, one.state, stops, now, doubt=one.apart)
    assert judged is not None, "only what stands somehow is listed"
    return StockItem(
        id=one.key,
        place=one.state.location,
        gtin=one.lot.gtin,
        lot=one.lot.code,
        expiry=one.lot.expiry,
        standing=judged[0],
        reasons=judged[1],
        owner=one.state.owner,
        custodian=one.state.holder,
    )


def stock_filter(
    *,
    place: str = "",
    gtin: str = "",
    lot: str = "",
    expires_before: str = "",
    standing: str = "",
    owner: str = "",
) -> StockFilter:
    """The filter that somebody typed; raises `Problem` 422 naming every value that is wrong.

    >>> stock_filter(place="9521321000018.A-1", gtin="9521321000018").gtin
    '09521321000018'
    """
    faults: list[Finding] = []

    def read(name: str, text: str, reader: Callable[[str], str], hint: str) -> str:
        if not text.strip():
            return ""
        try:
            return reader(text.strip())
        except ValueError as fault:
            where = Where(path=name)
            what = f"is not valid: {fault}"
            faults.append(Finding(f"stock.{name}", Severity.ERROR, what, hint, where))
            return ""

    gln = "give a GLN of 13 digits"
    found = StockFilter(
        place=read("place", place, place_key, f"{gln}, or of a place in it as GLN.PLACE"),
        gtin=read("gtin", gtin, lambda text: str(Gtin.parse(text)), "give a GTIN"),
        lot=read("lot", lot, _lot_text, "give the lot as printed"),
        expires_before=read("expiresBefore", expires_before, _day, "give a day as YYYY-MM-DD"),
        owner=read("owner", owner, lambda text: party_key(place_key(text)), gln),
        standing=_standing(read("standing", standing, Standing, f"one of {', '.join(Standing)}")),
    )
    if faults:
        raise refused(faults)
    return found


def _standing(text: str) -> Standing | None:
    return Standing(text) if text else None


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _lot_text(text: str) -> str:
    if not TEXT_82.match(text):
        raise ValueError("1 to 20 characters of GS1 character set 82 are needed")
    return text
