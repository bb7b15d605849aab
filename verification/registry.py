"""The legal state of products, lots and packs: read by every verdict, written by few.

A recall writes the lot's state here, a case writes its doubt, an upload the product; whoever
verifies a pack only reads. Each write is made inside the caller's act, with its ledger leaf.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import and_, delete, select

from epcis.ledger.entry import LeafKind
from verification.stops import EVERYWHERE, changed, current_stops
from verification.tables import doubt as doubt_table
from verification.tables import lot_state, product, product_market
from verification.verdict import Doubt, LotState, ProductState

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from epcis.store.database import Act, View


class IrreversibleError(Exception):
    """A recall or withdrawal was to be taken back, which the law does not allow (Art. 40)."""


@dataclass(frozen=True, slots=True)
class LotStanding:
    """The state of a lot in one market, since when and by whom."""

    state: LotState
    since: datetime
    by: str
    reason: str


def set_lot_state(
    act: Act,
    gtin: str,
    lot: str,
    state: LotState,
    reason: str,
    *,
    now: datetime,
    by: str,
    market: str = EVERYWHERE,
) -> None:
    """Put a lot into a state, from this transaction on, in one market or everywhere.

    A recalled lot may only be closed, and a closed one only recalled again: neither returns to
    trade. Raises `IrreversibleError` otherwise.
    """
    before = _lot_row(act, gtin, lot, market)
    final = (LotState.RECALLED, LotState.CLOSED)
    if before is not None and before.state in final and state not in final:
        raise IrreversibleError(f"lot {lot} of {gtin} is {before.state}; it cannot become {state}")
    here = _lot_key(gtin, lot, market)
    act.connection.execute(delete(lot_state).where(here))
    act.connection.execute(
        lot_state.insert().values(
            gtin=gtin,
            lot=lot,
            market=market,
            state=state.value,
            reason=reason,
            since_us=_us(now),
            by=by,
        )
    )
    changed(act)
    was = before.state.value if before else LotState.ACTIVE.value
    _log(
        act,
        {"act": "lot-state", "gtin": gtin, "lot": lot, "market": market, "to": state, "from": was},
        {"reason": reason, "by": by},
    )


def lot_standing(view: View, gtin: str, lot: str, market: str = EVERYWHERE) -> LotStanding | None:
    """The state that was set for a lot in `market` or everywhere, the gravest; None if none was."""
    rows = [_lot_row(view, gtin, lot, place) for place in {market, EVERYWHERE}]
    known = [row for row in rows if row is not None]
    return max(known, key=lambda row: _WEIGHT[row.state], default=None)


_WEIGHT = {LotState.ACTIVE: 0, LotState.HELD: 1, LotState.CLOSED: 2, LotState.RECALLED: 3}


def _lot_row(view: View, gtin: str, lot: str, market: str) -> LotStanding | None:
    row = view.connection.execute(select(lot_state).where(_lot_key(gtin, lot, market))).first()
    if row is None:
        return None
    return LotStanding(LotState(row.state), _instant(row.since_us), row.by, row.reason)


def set_doubt(
    act: Act,
    gtin: str,
    kind: Doubt | None,
    *,
    case_id: str,
    now: datetime,
    lot: str = "",
    serial: str = "",
) -> None:
    """Mark a pack (`serial`) or a whole lot (`lot`) as suspect or illegitimate; None clears it."""
    table = doubt_table.c
    act.connection.execute(
        delete(doubt_table).where(
            table.gtin == gtin, table.lot == lot, table.serial == serial, table.case_id == case_id
        )
    )
    if kind is not None:
        act.connection.execute(
            doubt_table.insert().values(
                gtin=gtin,
                lot=lot,
                serial=serial,
                kind=kind.value,
                case_id=case_id,
                since_us=_us(now),
            )
        )
    changed(act)
    _log(
        act,
        {"act": "doubt", "gtin": gtin, "lot": lot, "serial": serial, "to": kind},
        {"case": case_id},
    )


def doubt_about(view: View, gtin: str, serial: str, lot: str | None) -> Doubt | None:
    """The gravest open doubt about a pack or its lot."""
    return current_stops(view).doubt(gtin, lot, serial)


def set_product_state(
    act: Act, code: str, state: ProductState, reason: str, *, market: str, now: datetime, by: str
) -> None:
    """Withdraw a product from a market; raises `IrreversibleError` where it is to come back."""
    table = product_market.c
    here = and_(table.code == code, table.market == market)
    before = act.connection.execute(select(table.state).where(here)).scalar()
    if before == ProductState.WITHDRAWN and state is not ProductState.WITHDRAWN:
        raise IrreversibleError(f"product {code} is withdrawn from {market or 'all markets'}")
    act.connection.execute(delete(product_market).where(here))
    act.connection.execute(
        product_market.insert().values(
            code=code, market=market, state=state.value, since_us=_us(now), by=by, reason=reason
        )
    )
    changed(act)
    _log(
        act,
        {"act": "product-state", "code": code, "market": market, "to": state, "from": before},
        {"reason": reason, "by": by},
    )


def product_state(view: View, code: str, market: str = EVERYWHERE) -> ProductState:
    """Whether a product is withdrawn in `market` or everywhere."""
    return current_stops(view).product(code, market)


def is_registered(view: View, code: str) -> bool:
    """Whether master data of the product was uploaded."""
    found = view.connection.execute(select(product.c.code).where(product.c.code == code)).first()
    return found is not None


def _lot_key(gtin: str, lot: str, market: str) -> ColumnElement[bool]:
    table = lot_state.c
    return and_(table.gtin == gtin, table.lot == lot, table.market == market)


def _us(now: datetime) -> int:
    return int(now.timestamp() * 1_000_000)


def _instant(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1_000_000, tz=UTC)


def _log(act: Act, public: dict[str, object], confidential: dict[str, object]) -> None:
    act.log(LeafKind.SETTING, msgspec.json.encode(public), msgspec.json.encode(confidential))
