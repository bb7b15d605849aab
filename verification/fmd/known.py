"""What is known of a pack when an operation on it is decided: one look at the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from epcis.database.columns import moment_of
from epcis.database.columns import pack_key as packed
from epcis.database.raw_driver import RawDriver
from epcis.store.item_state import time_of_moment
from verification.decision.recorded import look
from verification.decision.verdict import LotState
from verification.decision.verify import day_of, is_known_product, state_by_events, state_of
from verification.fmd import cause
from verification.fmd.cause import Cause
from verification.fmd.operation import Known, PackRecord
from verification.registry import history
from verification.registry.pack_tables import batch, pack

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from verification.decision.recorded import Recorded
    from verification.decision.restrictions import Restrictions
    from verification.fmd.operation import PackRequest


def known_of(snapshot: Snapshot, request: PackRequest, market: str) -> Known:
    """The facts of one request in one market."""
    stops, (row,) = look(snapshot, [(request.code, request.serial)])
    return known_from(snapshot, request, market, stops, row)


def known_from(
    snapshot: Snapshot, request: PackRequest, market: str, stops: Restrictions, row: Recorded
) -> Known:
    """The facts of one request about a pack that was looked up."""
    code = request.code
    record = _record(row) if row.is_known else None
    lot = request.lot or (record.lot if record else None)
    exempt = stops.is_exempt(code, lot, market)
    if record is None:
        return _without_pack(snapshot, request, exempt=exempt)
    lot_state = stops.lot(code, record.lot, market)
    if lot_state is LotState.ACTIVE and row.disposition == "recalled":
        lot_state = LotState.RECALLED
    return Known(
        product=True,
        product_state=stops.product(code, market),
        exempt=exempt,
        lot=True,
        lot_state=lot_state,
        pack=record,
        extended=stops.extended(code, record.lot),
    )


_LOT_TOLD = (
    "SELECT 1 FROM lot WHERE gtin = ? AND code = ?"
    " UNION ALL SELECT 1 FROM pack WHERE code = ? AND lot = ? LIMIT 1"
)


def meant_serial(snapshot: Snapshot, request: PackRequest) -> Cause:
    """How an unknown serial came about, where a known one is its likely original."""
    by_text = {other: why for why, other in cause.candidates(request.serial)}
    if not by_text:
        return Cause.NONE
    keys = {packed(history.pack_key(request.code, other)): other for other in by_text}
    told = RawDriver(snapshot).all_in("SELECT key FROM item_key WHERE key", list(keys))
    found = [keys[bytes(key)] for (key,) in told]
    rows = snapshot.connection.execute(
        select(pack.c.serial).where(pack.c.code == request.code, pack.c.serial.in_(by_text))
    )
    found += [serial for (serial,) in rows]
    return next((why for other, why in by_text.items() if other in found), Cause.NONE)


def _without_pack(snapshot: Snapshot, request: PackRequest, *, exempt: bool) -> Known:
    lot_row = _batch(snapshot, request.code, request.lot)
    lot_known = lot_row is not None or _is_lot_told(snapshot, request.code, request.lot)
    return Known(
        product=is_known_product(snapshot, request.code),
        exempt=exempt,
        lot=lot_known,
        serial_shape=lot_row.serial_shape if lot_row is not None else "",
    )


def _batch(snapshot: Snapshot, code: str, lot: str | None) -> Any:  # noqa: ANN401  # a row of batch
    if lot is None:
        return None
    where = (batch.c.code == code, batch.c.lot == lot)
    return snapshot.connection.execute(select(batch.c.serial_shape).where(*where)).first()


def _is_lot_told(snapshot: Snapshot, code: str, lot: str | None) -> bool:
    values = (code, lot, code, lot)
    return lot is not None and RawDriver(snapshot).one(_LOT_TOLD, values) is not None


def _record(row: Recorded) -> PackRecord:
    """The pack by the registry's word; what its events ended stays ended."""
    told = state_by_events(row)
    by_events = told is not None or row.since_us is None
    assert row.since_us is not None or row.moment is not None, "a known pack has a time"
    since_us = time_of_moment(row.moment or 0) if by_events else row.since_us
    return PackRecord(
        state=told or state_of(row),
        lot=row.lot or row.event_lot or None,
        expiry=day_of(row.expiry or row.event_expiry),
        since=moment_of(since_us or 0),
        location=(row.place or "") if by_events or row.location is None else row.location,
        authorisation=row.authorisation or "",
        repeats=row.repeats or 0,
        version=row.version or 0,
        stolen=bool(row.stolen),
        handed_over=bool(row.handed_over),
    )
