"""Orders of customers: opened, picked, and ended; their numbers are the customers' own."""

from __future__ import annotations

from collections import Counter
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, select, update

from compliance.warehouse.warehouse_tables import order_line, order_pick, trade_order
from epcis.database.columns import microseconds
from epcis.store.effect import party_key
from schemas.gs1.keys import Gtin
from schemas.refusal import Refused
from verification.acts.scans import place_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

NUMBER_CHARS_MAX = 100
LINES_MAX = 500
PACKS_MAX = 1_000_000
"""Packs of one line."""
DAYS_MAX = 5_000
WHY_CHARS_MAX = 1_000
LISTED_MAX = 500
_LOT_CHARS_MAX = 20


class OrderRefused(Refused):
    """The order cannot be opened or ended; the text says why and what to do."""


class OrderState(StrEnum):
    """Whether an order still wants goods."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class OrderLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Goods that an order asks for."""

    gtin: str
    packs: int
    lot: str = ""
    """Only this lot; empty: any."""


class OrderWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The JSON of `POST /orders`."""

    number: str
    customer: str
    """GLN."""
    lines: list[OrderLine]
    site: str = ""
    """GLN of the site that ships; empty: the operator's own."""
    due: str = ""
    """ISO 8601 day."""
    days_left_min: int = 0
    """How many days goods must last at least, by the customer's rule."""


class TradeOrder(msgspec.Struct, frozen=True):
    """An order as it stands."""

    number: str
    customer: str
    site: str
    due: str
    days_left_min: int
    state: OrderState
    opened_us: int
    by: str
    why: str
    lines: tuple[OrderLine, ...]
    picked: tuple[int, ...]
    """Packs that were picked for each line."""

    @property
    def needed(self) -> tuple[int, ...]:
        """Packs that each line still needs."""
        pairs = zip(self.lines, self.picked, strict=True)
        return tuple(max(0, line.packs - picked) for line, picked in pairs)


def open_order(tx: Transaction, wanted: OrderWanted, *, own_site: str, by: str) -> TradeOrder:
    """Open an order. Raises OrderRefused, saying what is wrong with it."""
    number = wanted.number.strip()
    if not 0 < len(number) <= NUMBER_CHARS_MAX:
        raise OrderRefused(f"the number of an order has 1 to {NUMBER_CHARS_MAX} characters")
    if not 0 < len(wanted.lines) <= LINES_MAX:
        raise OrderRefused(f"an order has 1 to {LINES_MAX} lines")
    if not 0 <= wanted.days_left_min <= DAYS_MAX:
        raise OrderRefused(f"daysLeftMin is a number of days, at most {DAYS_MAX}")
    lines = [_line(at, one) for at, one in enumerate(wanted.lines, 1)]
    if find_order(tx, number) is not None:
        raise OrderRefused(f"there is an order {number} already: numbers are used once")
    site = _party("site", wanted.site) if wanted.site else own_site
    if not site:
        raise OrderRefused("say which site ships it: give its GLN as 'site'")
    tx.connection.execute(
        insert(trade_order).values(
            number=number,
            customer=_party("customer", wanted.customer),
            site=site,
            due=_due(wanted.due),
            days_left_min=wanted.days_left_min,
            state=OrderState.OPEN.value,
            opened_us=microseconds(tx.now),
            by=by,
            ended_us=None,
            why="",
        )
    )
    rows = [
        {"order": number, "line": at, "gtin": one.gtin, "lot": one.lot, "packs": one.packs}
        for at, one in enumerate(lines, 1)
    ]
    tx.connection.execute(insert(order_line), rows)
    return need_order(tx, number)


def end_order(tx: Transaction, number: str, state: OrderState, *, why: str) -> TradeOrder:
    """Close an order that is served, or cancel it; what was picked and not shipped is free again.

    Raises OrderRefused.
    """
    order = need_order(tx, number)
    if order.state is not OrderState.OPEN:
        raise OrderRefused(f"order {number} is {order.state.value} already")
    if state is OrderState.CANCELLED and not 0 < len(why.strip()) <= WHY_CHARS_MAX:
        raise OrderRefused(f"say why it is cancelled, in at most {WHY_CHARS_MAX} characters")
    tx.connection.execute(
        update(trade_order)
        .where(trade_order.c.number == number)
        .values(state=state.value, ended_us=microseconds(tx.now), why=why.strip())
    )
    return need_order(tx, number)


def need_order(snapshot: Snapshot, number: str) -> TradeOrder:
    """An order by its number. Raises OrderRefused where there is none."""
    found = find_order(snapshot, number)
    if found is None:
        raise OrderRefused(f"there is no order {number[:NUMBER_CHARS_MAX]}")
    return found


def find_order(snapshot: Snapshot, number: str) -> TradeOrder | None:
    """An order by its number."""
    wanted = select(trade_order).where(trade_order.c.number == number)
    return next(iter(_with_lines(snapshot, snapshot.connection.execute(wanted).mappings())), None)


def list_orders(snapshot: Snapshot) -> list[TradeOrder]:
    """Orders, the newest first; at most `LISTED_MAX`."""
    newest = select(trade_order).order_by(trade_order.c.opened_us.desc(), trade_order.c.number)
    rows = snapshot.connection.execute(newest.limit(LISTED_MAX)).mappings()
    return _with_lines(snapshot, rows)


def open_orders_of(snapshot: Snapshot, site: str, gtin: str) -> list[TradeOrder]:
    """Open orders of a site that ask for a product: what is due first comes first."""
    numbers = select(order_line.c.order).where(order_line.c.gtin == gtin)
    wanted = select(trade_order).where(
        trade_order.c.state == OrderState.OPEN.value,
        trade_order.c.site == site,
        trade_order.c.number.in_(numbers),
    )
    orders = _with_lines(snapshot, snapshot.connection.execute(wanted).mappings())
    return sorted(orders, key=lambda one: (one.due or "9999", one.opened_us, one.number))


def _with_lines(snapshot: Snapshot, rows: Iterable[RowMapping]) -> list[TradeOrder]:
    found = []
    for row in rows:
        of_order = order_line.c.order == row["number"]
        lines = snapshot.connection.execute(
            select(order_line).where(of_order).order_by(order_line.c.line)
        ).all()
        bound = select(order_pick.c.line).where(order_pick.c.order == row["number"])
        picked = Counter(snapshot.connection.scalars(bound))
        values = {name: row[name] for name in TradeOrder.__struct_fields__[:9] if name != "state"}
        found.append(
            TradeOrder(
                **values,
                state=OrderState(row["state"]),
                lines=tuple(OrderLine(one.gtin, one.packs, one.lot) for one in lines),
                picked=tuple(picked[one.line] for one in lines),
            )
        )
    return found


def _line(at: int, line: OrderLine) -> OrderLine:
    try:
        gtin = str(Gtin.parse(line.gtin))
    except ValueError as fault:
        raise OrderRefused(f"line {at}: {fault}") from None
    if not 0 < line.packs <= PACKS_MAX:
        raise OrderRefused(f"line {at}: it asks for 1 to {PACKS_MAX} packs")
    if len(line.lot) > _LOT_CHARS_MAX:
        raise OrderRefused(f"line {at}: a lot has at most {_LOT_CHARS_MAX} characters")
    return OrderLine(gtin, line.packs, line.lot)


def _party(name: str, text: str) -> str:
    try:
        return party_key(place_key(text))
    except ValueError as fault:
        raise OrderRefused(f"{name}: {fault}") from None


def _due(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise OrderRefused("due: give a day as 2026-12-31") from None
