"""Stock: what is in stock, on the way, on hold, expired or missing, by place, lot and owner.

A view over item state: nothing is booked here, so no number can differ from what the events say.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from epcis.store.effect import party_key
from epcis.store.item_status import ItemStatus
from epcis.store.stock import counted_stock, listed_stock
from schemas.finding import Finding, Severity, Where
from schemas.gs1.keys import Gtin
from verification.acts.scans import place_key
from verification.decision.groups import GroupJudge
from verification.decision.restrictions import ANYWHERE, current_restrictions
from verification.decision.words import Reason
from verification.messages.pack_request import refused
from verification.serials.guessable import TEXT_82
from verification.stock_apart import ItemsApart

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.store.item_state import ItemState
    from epcis.store.stock import ListedItem, StockLot
    from verification.stock_apart import JudgedItem

_APART_AT_ONCE = 1_000
_FINE = frozenset({Reason.GENUINE, Reason.EXEMPT})
_CAME_BACK = frozenset({Reason.SEEN_AFTER_END, Reason.RETURNED_AFTER_END})
"""It was ended and is there all the same."""
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
    """A verification says STOP or CHECK of them, for more than their expiry."""
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
    """What a verification says against them, gravest first; of what is missing, how it is."""
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
    status: ItemStatus, reasons: tuple[Reason, ...]
) -> tuple[Standing, tuple[str, ...]] | None:
    """How goods stand and why, by what is judged of them; None for what left trade for good.

    >>> standing_of(ItemStatus.ACTIVE, (Reason.GENUINE,))[0].value
    'in stock'
    >>> standing_of(ItemStatus.ACTIVE, (Reason.EXPIRED,))[0].value
    'expired'
    >>> standing_of(ItemStatus.ACTIVE, (Reason.EXPIRED, Reason.DAMAGED))
    (<Standing.ON_HOLD: 'on hold'>, ('expired', 'damaged'))
    >>> standing_of(ItemStatus.DESTROYED, (Reason.DESTROYED,)) is None
    True
    """
    against = tuple(one.value for one in reasons if one not in _FINE)
    if status.is_ended and _CAME_BACK.isdisjoint(reasons):
        is_missing = status in (ItemStatus.LOST, ItemStatus.STOLEN)
        return (Standing.MISSING, (status.value,)) if is_missing else None
    if status is ItemStatus.IN_TRANSIT:
        return Standing.IN_TRANSIT, against
    if not against:
        return Standing.IN_STOCK, ()
    if against == (Reason.EXPIRED.value,):
        return Standing.EXPIRED, ()
    return Standing.ON_HOLD, against


class _StockView:
    """The stock of one question: its groups, and the items that are judged alone."""

    def __init__(self, snapshot: Snapshot, wanted: StockFilter, now: datetime, market: str) -> None:
        stops = current_restrictions(snapshot)
        self._wanted = wanted
        self._judge = GroupJudge(snapshot, stops, now, market=market)
        self.apart = ItemsApart(snapshot, stops, self._judge, now, gtin=wanted.gtin, market=market)
        self._known: dict[int, JudgedItem] = {}

    def standing(self, lot: StockLot, state: ItemState) -> tuple[Standing, tuple[str, ...]] | None:
        """How the items of a group stand."""
        return standing_of(state.status, self._judge.reasons(lot, state))

    def row(self, lot: StockLot, state: ItemState) -> StockRow | None:
        """The row that the items of a group are counted in; None where they are not asked for."""
        return self._row(lot, state, self.standing(lot, state))

    def row_of(self, one: JudgedItem) -> StockRow | None:
        """The row that an item judged alone is counted in; None where it is not asked for."""
        judged = standing_of(one.item.state.status, one.reasons)
        return self._row(one.lot, one.item.state, judged)

    def _row(
        self, lot: StockLot, state: ItemState, judged: tuple[Standing, tuple[str, ...]] | None
    ) -> StockRow | None:
        wanted = self._wanted
        if (
            judged is None
            or wanted.standing not in (None, judged[0])
            or not wanted.matches(lot, state)
        ):
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

    def wanted_apart(self, numbers: list[int]) -> set[int]:
        """Those of some items judged alone that are asked for."""
        judged = self.apart.judged(numbers)
        self._known |= judged
        return {number for number, one in judged.items() if self.row_of(one) is not None}

    def listed(self, one: ListedItem) -> StockItem:
        """An item of a page, which is asked for."""
        judged = self._known.get(one.id)
        row = self.row(one.lot, one.state) if judged is None else self.row_of(judged)
        assert row is not None, "only what is asked for is listed"
        return StockItem(
            id=one.key,
            place=row.place,
            gtin=row.gtin,
            lot=row.lot,
            expiry=row.expiry,
            standing=row.standing,
            reasons=row.reasons,
            owner=row.owner,
            custodian=row.custodian,
        )


def stock(
    snapshot: Snapshot, wanted: StockFilter, now: datetime, *, market: str = ANYWHERE
) -> StockAnswer:
    """What is where, by lot, expiry, standing and owner, as packs are judged in a market."""
    view = _StockView(snapshot, wanted, now, market)
    counts: dict[StockRow, int] = defaultdict(int)
    for lot, state, items in counted_stock(snapshot, wanted.site):
        row = view.row(lot, state)
        if row is not None:
            counts[row] += items
    apart = view.apart.numbers()
    for start in range(0, len(apart), _APART_AT_ONCE):
        for one in view.apart.judged(apart[start : start + _APART_AT_ONCE]).values():
            among, alone = view.row(one.group, one.item.state), view.row_of(one)
            if among is not None and not counts.get(among):
                continue  # not counted here: its outermost container is elsewhere
            for row, items in ((among, -1), (alone, 1)):
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


def _order(row: StockRow) -> tuple[object, ...]:
    return (
        row.gtin, row.expiry or "9999", row.lot, row.place, row.standing, row.owner, row.reasons,
        row.custodian, row.sender,
    )  # fmt: skip


def stock_items(
    snapshot: Snapshot,
    wanted: StockFilter,
    now: datetime,
    *,
    after: str = "",
    most: int,
    market: str = ANYWHERE,
) -> StockItems:
    """A page of the single packs, cases and pallets of the stock.

    Raises ValueError for an `after` that no answer gave.
    """
    begin = _cursor(after) if after else None
    view = _StockView(snapshot, wanted, now, market)
    page = listed_stock(
        snapshot,
        lambda lot, state: view.row(lot, state) is not None,
        apart=view.apart.masks,
        wanted_apart=view.wanted_apart,
        gtin=wanted.gtin,
        after=begin,
        most=most,
    )
    items = tuple(map(view.listed, page.items))
    cursor = page.after
    return StockItems(items=items, next=f"{cursor[0]}.{cursor[1]}" if cursor else None)


def _cursor(text: str) -> tuple[int, int]:
    lot, _, item = text.partition(".")
    if not (lot.isascii() and lot.isdigit() and item.isascii() and item.isdigit()):
        raise ValueError("'after' is not the 'next' of an answer before")
    if len(lot) > 9 or len(item) > 18:
        raise ValueError("'after' is not the 'next' of an answer before")
    return int(lot), int(item)


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
