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
from verification.decision.restrictions import EVERYWHERE, changed, current_restrictions
from verification.decision.words import Doubt, LotState, ProductState
from verification.registry.pack_tables import doubt as doubt_table
from verification.registry.pack_tables import lot_state, past_doubt, product_market

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction


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
    tx: Transaction,
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

    An empty lot is the whole product, lots that nobody has seen yet included.

    A recalled lot may only be closed, and a closed one only recalled again: neither returns to
    trade. Raises `IrreversibleError` otherwise.
    """
    before = _lot_row(tx, gtin, lot, market)
    final = (LotState.RECALLED, LotState.CLOSED)
    if before is not None and before.state in final and state not in final:
        raise IrreversibleError(f"lot {lot} of {gtin} is {before.state}; it cannot become {state}")
    standing = LotStanding(state, now, by, reason)
    _put_lot_state(tx, gtin, lot, standing, before, market=market)


def free_lot(
    tx: Transaction, gtin: str, lot: str, reason: str, *, by: str, market: str = EVERYWHERE
) -> None:
    """Return a lot to trade whose recall was a mistake, as two persons confirmed."""
    before = _lot_row(tx, gtin, lot, market)
    standing = LotStanding(LotState.ACTIVE, tx.now, by, reason)
    _put_lot_state(tx, gtin, lot, standing, before, market=market)


def _put_lot_state(
    tx: Transaction,
    gtin: str,
    lot: str,
    standing: LotStanding,
    before: LotStanding | None,
    *,
    market: str = EVERYWHERE,
) -> None:
    here = _lot_key(gtin, lot, market)
    tx.connection.execute(delete(lot_state).where(here))
    tx.connection.execute(
        lot_state.insert().values(
            gtin=gtin,
            lot=lot,
            market=market,
            state=standing.state.value,
            reason=standing.reason,
            since_us=_us(standing.since),
            by=standing.by,
        )
    )
    changed(tx)
    was = before.state.value if before else LotState.ACTIVE.value
    _log(
        tx,
        {
            "act": "lot-state",
            "gtin": gtin,
            "lot": lot,
            "market": market,
            "to": standing.state,
            "from": was,
        },
        {"reason": standing.reason, "by": standing.by},
    )


def _lot_row(snapshot: Snapshot, gtin: str, lot: str, market: str) -> LotStanding | None:
    row = snapshot.connection.execute(select(lot_state).where(_lot_key(gtin, lot, market))).first()
    if row is None:
        return None
    return LotStanding(LotState(row.state), _instant(row.since_us), row.by, row.reason)


def set_doubt(
    tx: Transaction,
    gtin: str,
    kind: Doubt | None,
    *,
    case_id: str,
    now: datetime,
    lot: str = "",
    serial: str = "",
    serial_to: str = "",
) -> None:
    """Raise a doubt about a pack (`serial`), a range, a lot or a product; None clears it."""
    table = doubt_table.c
    this = and_(
        table.gtin == gtin,
        table.lot == lot,
        table.serial == serial,
        table.serial_to == serial_to,
        table.case_id == case_id,
    )
    before = tx.connection.execute(select(doubt_table).where(this)).mappings().first()
    if before is not None and before["since_us"] < _us(now):
        tx.connection.execute(past_doubt.insert().values(**before, until_us=_us(now)))
    tx.connection.execute(delete(doubt_table).where(this))
    if kind is not None:
        tx.connection.execute(
            doubt_table.insert().values(
                gtin=gtin,
                lot=lot,
                serial=serial,
                serial_to=serial_to,
                kind=kind.value,
                case_id=case_id,
                since_us=_us(now),
            )
        )
    changed(tx)
    _log(
        tx,
        {
            "act": "doubt",
            "gtin": gtin,
            "lot": lot,
            "serial": serial,
            "to": kind,
            **({"serialTo": serial_to} if serial_to else {}),
        },
        {"case": case_id},
    )


def set_product_state(
    tx: Transaction,
    code: str,
    state: ProductState,
    reason: str,
    *,
    market: str,
    now: datetime,
    by: str,
) -> None:
    """Withdraw a product from a market; raises `IrreversibleError` where it is to come back."""
    table = product_market.c
    here = and_(table.code == code, table.market == market)
    before = tx.connection.execute(select(table.state).where(here)).scalar()
    if before == ProductState.WITHDRAWN and state is not ProductState.WITHDRAWN:
        raise IrreversibleError(f"product {code} is withdrawn from {market or 'all markets'}")
    tx.connection.execute(delete(product_market).where(here))
    tx.connection.execute(
        product_market.insert().values(
            code=code, market=market, state=state.value, since_us=_us(now), by=by, reason=reason
        )
    )
    changed(tx)
    _log(
        tx,
        {"act": "product-state", "code": code, "market": market, "to": state, "from": before},
        {"reason": reason, "by": by},
    )


def product_state(snapshot: Snapshot, code: str, market: str = EVERYWHERE) -> ProductState:
    """Whether a product is withdrawn in `market` or everywhere."""
    return current_restrictions(snapshot).product(code, market)


def _lot_key(gtin: str, lot: str, market: str) -> ColumnElement[bool]:
    table = lot_state.c
    return and_(table.gtin == gtin, table.lot == lot, table.market == market)


def _us(now: datetime) -> int:
    return int(now.timestamp() * 1_000_000)


def _instant(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1_000_000, tz=UTC)


def _log(tx: Transaction, public: dict[str, object], confidential: dict[str, object]) -> None:
    tx.log(LeafKind.SETTING, msgspec.json.encode(public), msgspec.json.encode(confidential))
