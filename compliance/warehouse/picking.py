"""The pick list of an order, and the checks of what is scanned and shipped for one.

A reservation is a quantity of a lot and is computed, not stored: open orders are served first due
first, from what the one judgement lets go now. A pack belongs to an order from its scan on.
"""

from __future__ import annotations

import secrets
from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, select

from compliance.warehouse.orders import (
    OrderRefused,
    OrderState,
    find_order,
    need_order,
    open_orders_of,
)
from compliance.warehouse.pick import (
    LotNeed,
    LotQuantity,
    PickStep,
    ShelfCase,
    allot,
    pick_steps,
)
from compliance.warehouse.warehouse_tables import order_pick, trade_order
from epcis.database.site_zone import site_day
from epcis.store.items import contents, items
from verification.acts.kinds import ActKind
from verification.acts.once import once
from verification.acts.perform import log_act, perform_act
from verification.acts.request import ActAnswer, ActPackAnswer, ActRefusal
from verification.acts.scans import scanned_thing
from verification.acts.sentences import say_refusal
from verification.decision.many import is_pack
from verification.decision.words import Word
from verification.stock import PAGE_ITEMS_MAX, Standing, StockFilter, stock, stock_items

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from compliance.warehouse.orders import TradeOrder
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from epcis.store.items import StoredItem
    from verification.acts.perform import ActContext
    from verification.acts.request import ActRequest

LEVELS_MAX = 16
_FINE: tuple[None, str] = (None, "")
_AT_ONCE = 500


class PickLine(NamedTuple):
    """One line of an order with what it gets."""

    line: int
    gtin: str
    needed: int
    lots: tuple[LotQuantity, ...]
    """Reserved for it, first expiry first."""
    steps: tuple[tuple[LotQuantity, PickStep], ...]

    @property
    def short(self) -> int:
        """Packs for which there is no stock that may go."""
        return self.needed - sum(one.packs for one in self.lots)


def pick_list(
    snapshot: Snapshot, order: TradeOrder, now: datetime, *, market: str
) -> list[PickLine]:
    """Where the goods that an order still needs are taken from, as judged in a market."""
    found: list[PickLine] = []
    reserved: dict[str, dict[tuple[str, int], list[LotQuantity]]] = {}
    for at, (line, needed) in enumerate(zip(order.lines, order.needed, strict=True)):
        if line.gtin not in reserved:
            reserved[line.gtin] = _reserved(snapshot, order.site, line.gtin, now, market=market)
        lots = reserved[line.gtin].get((order.number, at), [])
        steps = [
            (lot, step)
            for lot in lots
            for step in pick_steps(
                _shelves(snapshot, order.site, line.gtin, lot, now, market=market), lot.packs
            )
        ]
        found.append(PickLine(at + 1, line.gtin, needed, tuple(lots), tuple(steps)))
    return found


def _reserved(
    snapshot: Snapshot, site: str, gtin: str, now: datetime, *, market: str
) -> dict[tuple[str, int], list[LotQuantity]]:
    """What each line of each open order of a site gets of a product."""
    wanted = StockFilter(place=site, gtin=gtin, standing=Standing.IN_STOCK)
    free: Counter[tuple[str, str]] = Counter()
    for row in stock(snapshot, wanted, now, market=market).rows:
        if row.lot and row.expiry:
            free[row.lot, row.expiry] += row.items
    orders = open_orders_of(snapshot, site, gtin)
    for item in _bound_items(snapshot, [one.number for one in orders], gtin):
        if item.location.startswith(site):
            free[item.lot, item.expiry_text] -= 1
    whose: list[tuple[str, int]] = []
    needs: list[LotNeed] = []
    today = site_day(snapshot, now)
    for order in orders:
        for at, (line, needed) in enumerate(zip(order.lines, order.needed, strict=True)):
            if line.gtin == gtin and needed:
                whose.append((order.number, at))
                needs.append(LotNeed(needed, line.lot, _expires_from(order, today)))
    lots = [LotQuantity(lot, expiry, packs) for (lot, expiry), packs in free.items() if packs > 0]
    return dict(zip(whose, allot(lots, needs), strict=True))


def _expires_from(order: TradeOrder, today: date) -> str:
    return (today + timedelta(days=order.days_left_min)).isoformat()


def _bound_items(snapshot: Snapshot, numbers: Sequence[str], gtin: str) -> Iterable[StoredItem]:
    """The packs of a product that are bound to orders."""
    start = f"/01/{gtin}/"
    rows = select(order_pick.c.pack).where(
        order_pick.c.order.in_(numbers), order_pick.c.pack.startswith(start, autoescape=True)
    )
    return items(snapshot, list(snapshot.connection.scalars(rows))).values()


def _shelves(
    snapshot: Snapshot, site: str, gtin: str, lot: LotQuantity, now: datetime, *, market: str
) -> list[ShelfCase]:
    """The cases and loose packs of a lot that may go and are bound to no order."""
    wanted = StockFilter(place=site, gtin=gtin, lot=lot.lot, standing=Standing.IN_STOCK)
    keys: list[str] = []
    after = ""
    while True:
        page = stock_items(snapshot, wanted, now, after=after, most=PAGE_ITEMS_MAX, market=market)
        keys += [one.id for one in page.items if one.expiry == lot.expiry]
        if page.next is None:
            break
        after = page.next
    bound = _bound(snapshot, keys)
    free = [one for one in items(snapshot, keys).values() if one.key not in bound]
    inside: Counter[tuple[str, str]] = Counter((one.parent or "", one.location) for one in free)
    return [
        ShelfCase(case, place, packs, bool(case) and len(contents(snapshot, case)) == packs)
        for (case, place), packs in inside.items()
    ]


def _bound(snapshot: Snapshot, packs: Sequence[str]) -> dict[str, str]:
    """The open order that each of these packs was picked for."""
    found: dict[str, str] = {}
    for start in range(0, len(packs), _AT_ONCE):
        rows = (
            select(order_pick.c.pack, order_pick.c.order)
            .join(trade_order, trade_order.c.number == order_pick.c.order)
            .where(
                order_pick.c.pack.in_(packs[start : start + _AT_ONCE]),
                trade_order.c.state == OrderState.OPEN.value,
            )
        )
        found |= {row.pack: row.order for row in snapshot.connection.execute(rows)}
    return found


def perform_for_orders(tx: Transaction, act: ActRequest, context: ActContext) -> ActAnswer:
    """Do an act as far as orders allow it: what is picked and shipped is what was ordered."""
    if act.kind not in (ActKind.PICK, ActKind.SHIP):
        return perform_act(tx, act, context)
    named = [order for order in (find_order(tx, one) for one in act.orders) if order is not None]
    check = _OrderCheck(tx, act, named, market=context.settings.market)
    refused = check.refused()
    if refused:
        answer = _refused_answer(tx, act, refused)
        log_act(tx, act, answer, by=context.caller.name, overridden=())
        return answer
    answer = perform_act(tx, act, context)
    if answer.done and act.kind is ActKind.PICK and check.taken:
        rows = [
            {"order": order, "pack": key, "line": line, "lot": lot, "event": answer.event}
            for key, (order, line, lot) in check.taken.items()
        ]
        tx.connection.execute(insert(order_pick), rows)
    return answer


def put_back(tx: Transaction, act: ActRequest, number: str, context: ActContext) -> ActAnswer:
    """Put picked packs or cases back onto a shelf: from then on they are free for other orders.

    `act` is a move to that shelf, once for each id of the client. Raises OrderRefused.
    """

    def work() -> ActAnswer:
        order = need_order(tx, number)
        if order.state is not OrderState.OPEN:
            raise OrderRefused(f"order {number} is {order.state.value}: nothing is bound to it")
        packs = _packs_of(tx, act)
        bound = _bound(tx, packs)
        for pack in packs:
            if bound.get(pack) != number:
                raise OrderRefused(f"{pack} was not picked for order {number}: take it off")
        answer = perform_act(tx, act, context)
        if answer.done:
            for start in range(0, len(packs), _AT_ONCE):
                tx.connection.execute(
                    delete(order_pick).where(
                        order_pick.c.order == number,
                        order_pick.c.pack.in_(packs[start : start + _AT_ONCE]),
                    )
                )
        return answer

    return once(tx, act, context.caller, work)


def _packs_of(tx: Transaction, act: ActRequest) -> list[str]:
    """The packs that an act names, alone or in cases. Raises OrderRefused where there is none."""
    found: list[str] = []
    level = [scanned_thing(one, tx.now.date()).key for one in act.scans]
    for _ in range(LEVELS_MAX):
        found += [key for key in level if is_pack(key)]
        level = [one.key for key in level if not is_pack(key) for one in contents(tx, key)]
    if not found:
        raise OrderRefused("no pack was scanned: scan what goes back onto the shelf")
    return list(dict.fromkeys(found))


class _OrderCheck:
    """One act compared with the orders it names."""

    def __init__(
        self, tx: Transaction, act: ActRequest, orders: list[TradeOrder], *, market: str
    ) -> None:
        self._tx, self._act, self._orders, self._market = tx, act, orders, market
        self.taken: dict[str, tuple[str, int, str]] = {}
        """Of a pick: the order, line and lot that each pack serves."""
        self._left = {one.number: list(one.needed) for one in orders}
        self._reserved: dict[str, dict[tuple[str, int], list[LotQuantity]]] = {}

    def refused(self) -> list[tuple[str, ActRefusal | None, str]]:
        """Each scan with why it may not be taken for these orders."""
        act = self._act
        scans = [*act.scans, *([act.parent] if act.parent else [])]
        today = self._tx.now.date()
        found: list[tuple[str, ActRefusal | None, str]] = []
        for scan in dict.fromkeys(scans):
            key = scanned_thing(scan, today).key
            packs = list(items(self._tx, self._packs(key)).values()) if key else []
            bound = _bound(self._tx, [one.key for one in packs])
            of_scan = self._to_ship if act.kind is ActKind.SHIP else self._to_pick
            why = (of_scan(one, bound) for one in packs)
            found.append((scan, *next((one for one in why if one is not None), _FINE)))
        return found if any(refusal for _, refusal, _ in found) else []

    def _packs(self, key: str, level: int = 0) -> list[str]:
        """A pack itself, or every pack in a case or pallet."""
        if is_pack(key):
            return [key]
        inner = contents(self._tx, key) if level < LEVELS_MAX else []
        return [pack for one in inner for pack in self._packs(one.key, level + 1)]

    def _to_ship(self, pack: StoredItem, bound: dict[str, str]) -> tuple[ActRefusal, str] | None:
        numbers = {one.number for one in self._orders}
        order = bound.get(pack.key, "")
        if order and order not in numbers:
            return ActRefusal.FOR_ANOTHER_ORDER, order
        if numbers and not order:
            return ActRefusal.NOT_PICKED, ", ".join(sorted(numbers))
        wrong = [one for one in self._orders if self._act.to not in ("", one.customer)]
        return (ActRefusal.WRONG_CUSTOMER, wrong[0].customer) if wrong else None

    def _to_pick(self, pack: StoredItem, bound: dict[str, str]) -> tuple[ActRefusal, str] | None:
        if not self._orders or pack.key in self.taken:
            return None
        if pack.key in bound:
            return ActRefusal.FOR_ANOTHER_ORDER, bound[pack.key]
        gtin = pack.key[4:18]
        fitting = self._fitting(pack, gtin)
        if isinstance(fitting, tuple):
            return fitting
        return self._first_expiry(pack, gtin, fitting)

    def _fitting(
        self, pack: StoredItem, gtin: str
    ) -> list[tuple[TradeOrder, int]] | tuple[ActRefusal, str]:
        """The lines that a pack may serve; where there are none, why."""
        of_product = [
            (order, at)
            for order in self._orders
            for at, line in enumerate(order.lines)
            if line.gtin == gtin and order.state is OrderState.OPEN
        ]
        if not of_product:
            return ActRefusal.NOT_ORDERED, gtin
        of_lot = [one for one in of_product if one[0].lines[one[1]].lot in ("", pack.lot)]
        if not of_lot:
            order, at = of_product[0]
            return ActRefusal.WRONG_LOT, order.lines[at].lot
        today = site_day(self._tx, self._tx.now)
        lasting = [one for one in of_lot if pack.expiry_text >= _expires_from(one[0], today)]
        if not lasting:
            return ActRefusal.TOO_SHORT, f"{of_lot[0][0].days_left_min} days"
        needing = [one for one in lasting if self._left[one[0].number][one[1]]]
        return needing or (ActRefusal.MORE_THAN_ORDERED, lasting[0][0].number)

    def _first_expiry(
        self, pack: StoredItem, gtin: str, needing: list[tuple[TradeOrder, int]]
    ) -> tuple[ActRefusal, str] | None:
        """Bind a pack to the first line that it may serve, unless an earlier lot is reserved."""
        earlier = ""
        for order, at in needing:
            if gtin not in self._reserved:
                self._reserved[gtin] = _reserved(
                    self._tx, order.site, gtin, self._tx.now, market=self._market
                )
            lots = self._reserved[gtin].get((order.number, at), [])
            older = [one for one in lots if one.expiry < pack.expiry_text]
            open_packs = sum(one.packs for one in older) - sum(
                1
                for number, line, lot in self.taken.values()
                if (number, line) == (order.number, at + 1) and lot in {one.lot for one in older}
            )
            if open_packs > 0 and not self._act.override:
                earlier = f"{older[0].lot} ({older[0].expiry})"
                continue
            self._left[order.number][at] -= 1
            self.taken[pack.key] = (order.number, at + 1, pack.lot)
            return None
        return ActRefusal.EARLIER_EXPIRY, earlier


def _refused_answer(
    tx: Transaction, act: ActRequest, refused: list[tuple[str, ActRefusal | None, str]]
) -> ActAnswer:
    packs = tuple(
        ActPackAnswer(
            id=scan,
            scan=scan,
            verdict=Word.STOP if refusal else Word.OK,
            reason=(refusal or ActRefusal.OTHERS_REFUSED).value,
            say=say_refusal(refusal or ActRefusal.OTHERS_REFUSED, what),
            done=False,
        )
        for scan, refusal, what in refused
    )
    count = sum(1 for _, refusal, _ in refused if refusal)
    return ActAnswer(
        act=f"A-{tx.now:%Y%m%d}-{secrets.token_hex(6)}",
        kind=act.kind,
        done=False,
        event=None,
        packs=packs,
        say=f"Nothing was done: {count} of {len(packs)} scans do not fit the order.",
    )
