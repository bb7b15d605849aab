"""What is known of a pack when an operation on it is decided: one look at the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from epcis.store.columns import moment_of
from epcis.store.columns import pack_key as packed
from epcis.store.life import time_of_moment
from verification import history
from verification.fmd import cause
from verification.fmd.cause import Cause
from verification.fmd.operation import Known, PackRecord
from verification.stops import MARK, stops_at
from verification.tables import batch, pack
from verification.verdict import LotState, PackState
from verification.verify import day_of, is_known_product, state_by_events, with_container

if TYPE_CHECKING:
    from epcis.store.database import View
    from verification.fmd.operation import PackRequest

_LOOK = f"""
SELECT s.status, s.disposition, s.location, i.moment, l.code, l.expiry,
 p.state, p.lot, p.expiry, p.since_us, p.location, p.authorisation, p.repeats, p.version, p.stolen,
 p.public, {MARK}, i.parent
FROM (SELECT 1 AS one) q
LEFT JOIN item i ON i.key = ?
LEFT JOIN standing s ON s.id = i.standing
LEFT JOIN lot l ON l.id = i.lot
LEFT JOIN pack p ON p.code = ? AND p.serial = ?
"""  # noqa: S608  # no value is put in
_LOOK_POSTGRESQL = _LOOK.replace("?", "%s")
_LOCK_PACK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def lock_pack(view: View, code: str, serial: str) -> None:
    """Let no other act decide about this pack until ours is over.

    SQLite has one writer anyway; on PostgreSQL the lock also covers a pack without a row.
    """
    if not view.is_sqlite:
        view.driver.execute(_LOCK_PACK, (history.pack_key(code, serial),))


def known_of(view: View, request: PackRequest, market: str) -> Known:
    """The facts of one request in one market."""
    code = request.code
    key = packed(history.pack_key(code, request.serial))
    statement = _LOOK if view.is_sqlite else _LOOK_POSTGRESQL
    row = view.driver.execute(statement, (key, code, request.serial)).fetchone()
    stops = stops_at(view, row[16])
    status, disposition = row[0], row[1]
    if row[17] is not None:
        status, disposition = with_container(view, code, request.serial)
    record = _record(row, status, disposition)
    lot = request.lot or (record.lot if record else None)
    exempt = stops.is_exempt(code, lot, market)
    if record is None:
        return _without_pack(view, request, exempt=exempt)
    lot_state = stops.lot(code, record.lot, market)
    if lot_state is LotState.ACTIVE and disposition == "recalled":
        lot_state = LotState.RECALLED
    return Known(
        product=True,
        product_state=stops.product(code, market),
        exempt=exempt,
        lot=True,
        lot_state=lot_state,
        pack=record,
    )


def meant_serial(view: View, request: PackRequest) -> Cause:
    """How an unknown serial came about, where a known one is its likely original."""
    by_text = {other: why for why, other in cause.candidates(request.serial)}
    if not by_text:
        return Cause.NONE
    keys = {packed(history.pack_key(request.code, other)): other for other in by_text}
    marks = ",".join(["?" if view.is_sqlite else "%s"] * len(keys))
    found = [
        keys[bytes(row[0])]
        for row in view.driver.execute(
            f"SELECT key FROM item WHERE key IN ({marks})",  # noqa: S608  # marks only
            tuple(keys),
        )
    ]
    rows = view.connection.execute(
        select(pack.c.serial).where(pack.c.code == request.code, pack.c.serial.in_(by_text))
    )
    found += [serial for (serial,) in rows]
    return next((why for other, why in by_text.items() if other in found), Cause.NONE)


def _without_pack(view: View, request: PackRequest, *, exempt: bool) -> Known:
    lot_row = _batch(view, request.code, request.lot)
    lot_known = lot_row is not None or _is_lot_told(view, request.code, request.lot)
    return Known(
        product=is_known_product(view, request.code),
        exempt=exempt,
        lot=lot_known,
        serial_shape=lot_row.serial_shape if lot_row is not None else "",
    )


def _batch(view: View, code: str, lot: str | None) -> Any:  # noqa: ANN401  # a row of batch
    if lot is None:
        return None
    where = (batch.c.code == code, batch.c.lot == lot)
    return view.connection.execute(select(batch.c.serial_shape).where(*where)).first()


def _is_lot_told(view: View, code: str, lot: str | None) -> bool:
    mark = "?" if view.is_sqlite else "%s"
    statement = (
        f"SELECT 1 FROM lot WHERE gtin = {mark} AND code = {mark}"  # noqa: S608  # marks only
        f" UNION ALL SELECT 1 FROM pack WHERE code = {mark} AND lot = {mark} LIMIT 1"
    )
    values = (code, lot, code, lot)
    return lot is not None and view.driver.execute(statement, values).fetchone() is not None


def _record(
    row: Any,  # noqa: ANN401  # a row of the driver
    status: str | None,
    disposition: str | None,
) -> PackRecord | None:
    """The pack by the registry's word; what its events ended stays ended."""
    place, moment, event_lot, event_expiry = row[2:6]
    if status is None and row[6] is None:
        return None
    told = state_by_events(
        status, disposition, moment, state=row[6], since_us=row[9], version=row[13]
    )
    since_us = time_of_moment(moment) if told or row[9] is None else row[9]
    return PackRecord(
        state=told or (PackState(row[6]) if row[6] else PackState.ACTIVE),
        lot=row[7] or event_lot or None,
        expiry=day_of(row[8] or event_expiry),
        since=moment_of(since_us),
        location=(place or "") if told or row[10] is None else row[10],
        authorisation="" if row[11] is None else row[11],
        repeats=row[12] or 0,
        version=row[13] or 0,
        stolen=bool(row[14]),
        handed_over=bool(row[15]),
    )
