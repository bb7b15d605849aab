"""Everything that is known of a pack, gathered in one place and by one look at the store.

By its events (state, lasting conditions, lot, expiry, what its containers carry), by the registry
(state, lot, expiry, who changed it last), and by what stands above it (`Restrictions`: cases,
recalls, holds, withdrawals, exemptions, extensions).
"""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003  # msgspec reads the annotations at run time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import select

from epcis.database.columns import moment_of
from epcis.database.columns import pack_key as packed
from epcis.database.raw_driver import ListQuestion, RawDriver
from epcis.database.site_zone import zone_of
from epcis.lot_facts import read_expiry
from epcis.store.items import items
from epcis.store.lots_recorded import lots_recorded
from epcis.store.moments import time_of_moment
from schemas.dispositions import Condition
from verification.decision.act import Asked, Who  # noqa: TC001  # msgspec reads them at run time
from verification.decision.restrictions import (
    EVERYWHERE,
    MARK,
    WEIGHT_OF_LOT,
    gravest,
    mark_now,
    restrictions_at,
)
from verification.decision.sensors import readings_against
from verification.decision.words import Doubt, LotState, PackState, ProductState
from verification.registry import history
from verification.registry.pack_tables import batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epcis.database.raw_driver import Row
    from epcis.database.transactions import Snapshot
    from verification.decision.restrictions import Restrictions


class KnownPack(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is recorded of one pack."""

    state: PackState
    lot: str | None = None
    expiry: date | None = None
    expiry_is_odd: bool = False
    """A sender wrote an expiry that is no date, so nobody can say whether it has passed."""
    conditions: tuple[str, ...] = ()
    """Lasting conditions of the pack and of what it is in, as `damaged`."""
    since: datetime | None = None
    """When it came into its state."""
    location: str = ""
    """Where it came into its state."""
    authorisation: str = ""
    repeats: int = 0
    """How often a supply was repeated and tolerated."""
    handed_over: bool = False
    stolen: bool = False
    version: int = 0


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that a judgement depends on besides the act, the rule pack and the time."""

    asked: Asked
    pack: KnownPack | None
    """None: no pack with this GTIN and serial is recorded."""
    who: Who | None = None
    """Who asks; None where nobody's role decides, as for a partner's question."""
    product_known: bool = True
    lot_known: bool = True
    """Whether the lot that the caller named is known for the product."""
    serial_shape: str = ""
    """Length and characters of the serial numbers uploaded for that lot, as `20an`."""
    product_state: ProductState = ProductState.ACTIVE
    lot_state: LotState = LotState.ACTIVE
    """State of the recorded lot; of the lot that the caller named where none is recorded."""
    doubt: Doubt | None = None
    """The gravest open case about the pack or its lot."""
    extended: date | None = None
    """The later expiry that the manufacturer has given the pack's lot."""
    exempt: bool = False
    """Product and lot stand on the market's list of exemptions."""
    lots_recorded: tuple[str, ...] = ()
    """All lots that partners recorded, where they contradict each other."""
    expiries_recorded: tuple[str, ...] = ()
    readings: tuple[str, ...] = ()
    """What sensors reported against the pack, or what it was in: value, unit, time, limit."""
    intermarket: bool = False
    """The facts came from another market's repository."""
    owned: bool = True
    """False where a holder acts on the product of another one."""
    time_plausible: bool = True
    """False where an act says that it was done before the upload or release, or too long ago."""
    is_peer_silent: bool = False
    """A repository that may know the pack did not answer."""
    zone: str = "UTC"
    """The site's time zone (IANA): a pack may be used to the end of its expiry day there."""

    @property
    def is_recalled(self) -> bool:
        """Whether its product, lot or range of serials is recalled, or the pack itself."""
        by_lot = self.lot_state in (LotState.RECALLED, LotState.CLOSED)
        own = self.pack is not None and not _RECALLED.isdisjoint(self.pack.conditions)
        return by_lot or self.doubt is Doubt.RECALLED or own


_KNOWN = """
SELECT EXISTS (SELECT 1 FROM product WHERE code = ?)
 OR EXISTS (SELECT 1 FROM batch WHERE code = ?)
 OR EXISTS (SELECT 1 FROM lot WHERE gtin = ?)
 OR EXISTS (SELECT 1 FROM item_key WHERE key >= ? AND key < ?)
 OR EXISTS (SELECT 1 FROM item_key WHERE key >= ? AND key < ?)
"""
_LOT_RECORDED = (
    "SELECT 1 FROM lot WHERE gtin = ? AND code = ?"
    " UNION ALL SELECT 1 FROM pack WHERE code = ? AND lot = ? LIMIT 1"
)

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

LOT_CONFLICT, EXPIRY_CONFLICT = Condition.LOT_CONFLICT.value, Condition.EXPIRY_CONFLICT.value
SENSOR_ALARM = Condition.SENSOR_ALARM.value
_RECALLED = frozenset({Condition.RECALLED.value, Condition.RECALLED_HERE.value})
_OWN_VALUES = frozenset({LOT_CONFLICT, EXPIRY_CONFLICT, SENSOR_ALARM})

LOOK_PACKS_MAX = 128
"""Packs in one statement."""

BETWEEN = "\x1f"
"""Stands in no text of a document."""
_BY_MASTER_DATA = (
    f"(SELECT min(m.expiry) || '{BETWEEN}' || max(m.expiry) FROM master_data_lot m"  # noqa: S608  # no value is put in
    " WHERE m.gtin = q.code AND m.lot = COALESCE(p.lot, l.code))"
)
_COLUMNS = f"""
 s.status, s.conditions, s.location, l.code, l.expiry,
 p.state, p.lot, p.expiry, p.location, p.authorisation, p.repeats, p.stolen, p.public,
 {_BY_MASTER_DATA}, {MARK},
 i.moment, p.since_us, p.version, i.parent, q.n
"""
_JOINS = """
LEFT JOIN item i ON i.id = (SELECT k.id FROM item_key k WHERE k.key = q.key)
LEFT JOIN item_state s ON s.id = i.state_id
LEFT JOIN lot l ON l.id = i.lot
LEFT JOIN pack p ON p.code = q.code AND p.serial = q.serial
"""
LOOK = ListQuestion(
    f"SELECT {_COLUMNS} FROM q {_JOINS}",  # noqa: S608  # no value is put in
    key="bytea",
    code="text",
    serial="text",
)


class RecordedPack(NamedTuple):
    """What is recorded of one pack; None where nothing is."""

    status: str | None
    """By its events, as the next four."""
    conditions: str | None
    """Lasting ones, its containers' included: bare words, a space between."""
    place: str | None
    event_lot: str | None
    event_expiry: str | None
    state: str | None
    """By the registry, as the next seven."""
    lot: str | None
    expiry: str | None
    location: str | None
    authorisation: str | None
    repeats: int | None
    stolen: int | None
    handed_over: int | None
    master_expiries: str | None
    """Of the lot by master data: the earliest and the latest, `BETWEEN` them."""
    mark: int | None
    """Of the stops that it was read with."""
    moment: int | None
    """Of its last event."""
    since_us: int | None
    """Of its state by the registry."""
    version: int | None
    parent: int | None
    """Number of the item it is in."""
    n: int
    """Its place among the packs that were asked for."""

    @property
    def situation(self) -> tuple[str | int | None, ...]:
        """What it has in common with other packs: all but times and numbers of its own."""
        return self[:_SITUATION]

    @property
    def is_known(self) -> bool:
        """Whether any event or upload names the pack."""
        return self.status is not None or self.state is not None

    @property
    def has_own_values(self) -> bool:
        """Whether the answer names values that were recorded for this pack alone."""
        return not _OWN_VALUES.isdisjoint(_conditions(self, _expiries(self)))


_SITUATION = RecordedPack._fields.index("moment")


def look(
    snapshot: Snapshot, packs: Sequence[tuple[str, str]]
) -> tuple[Restrictions, list[RecordedPack]]:
    """The stops, and what is recorded of packs, as (product code, serial), in their order.

    A pack inside something has the state that the container's later events gave it: a pallet that
    is reported stolen takes its packs along, though no event names them.
    """
    rows: list[RecordedPack] = []
    for start in range(0, len(packs), LOOK_PACKS_MAX):
        some = packs[start : start + LOOK_PACKS_MAX]
        found = _rows(snapshot, some)
        rows += map(RecordedPack._make, found if len(found) == 1 else sorted(found, key=_place))
    stops = restrictions_at(snapshot, rows[0].mark if rows else mark_now(snapshot))
    inside = [at for at, row in enumerate(rows) if row.parent is not None]
    if inside:
        keys = [history.pack_key(*packs[at]) for at in inside]
        states = items(snapshot, keys)
        for at, key in zip(inside, keys, strict=True):
            state = states.get(key)
            status, conditions = (
                (None, None) if state is None else (state.status.value, " ".join(state.conditions))
            )
            rows[at] = rows[at]._replace(status=status, conditions=conditions)
    return stops, rows


def look_at(snapshot: Snapshot, code: str, serial: str) -> tuple[Restrictions, RecordedPack]:
    """The stops, and what is recorded of one pack; as `look` in fewer steps."""
    key = packed(history.pack_key(code, serial))
    row = RecordedPack._make(LOOK.row(snapshot, key, code, serial))
    if row.parent is not None:
        stops, (row,) = look(snapshot, [(code, serial)])
        return stops, row
    return restrictions_at(snapshot, row.mark), row


def _place(row: Sequence[int]) -> int:
    place: int = row[-1]
    return place


def _rows(snapshot: Snapshot, packs: Sequence[tuple[str, str]]) -> list[Row]:
    things = [(packed(history.pack_key(code, serial)), code, serial) for code, serial in packs]
    return LOOK.rows(snapshot, things)


def facts_from(
    snapshot: Snapshot,
    asked: Asked,
    who: Who | None,
    stops: Restrictions,
    row: RecordedPack,
    *,
    market: str = EVERYWHERE,
) -> Facts:
    """The facts about a pack that was looked up, in the market of whoever asks, else `market`."""
    gtin, market = asked.gtin, who.market if who is not None else market
    pack = known_pack(row)
    lot = (pack.lot if pack is not None else None) or asked.lot
    exempt = stops.is_exempt(gtin, asked.lot or lot, market)
    known = pack is not None or is_known_product(snapshot, gtin)
    lot_known, shape = (True, "") if pack is not None else _lot_of_unknown(snapshot, gtin, lot)
    pack, readings = _heard_of(snapshot, asked, pack, stops)
    lots, expiries = ((), ()) if pack is None else _contradictions(snapshot, asked, pack, row)
    lot_state, doubt = stops.lot(gtin, lot, market), stops.doubt(gtin, lot, asked.serial)
    for other in lots:  # a stop of any lot that is recorded for the pack holds for it
        lot_state = max(lot_state, stops.lot(gtin, other, market), key=WEIGHT_OF_LOT.__getitem__)
        doubt = gravest((doubt, stops.doubt(gtin, other, asked.serial)))
    return Facts(
        asked=asked,
        pack=pack,
        who=who,
        product_known=known,
        lot_known=lot_known,
        serial_shape=shape,
        product_state=stops.product(gtin, market),
        lot_state=lot_state,
        doubt=doubt,
        extended=stops.extended(gtin, lot),
        exempt=exempt,
        lots_recorded=lots,
        expiries_recorded=expiries,
        readings=readings,
        zone=zone_of(snapshot),
    )


def facts_of(snapshot: Snapshot, asked: Asked, who: Who | None = None) -> Facts:
    """The facts about one pack, by one look at the store."""
    stops, (row,) = look(snapshot, [(asked.gtin, asked.serial)])
    return facts_from(snapshot, asked, who, stops, row)


def known_pack(row: RecordedPack) -> KnownPack | None:
    """The pack by the registry's word, else by what its events say; None where neither does.

    What events ended stays ended, whatever the registry says of a pack that it holds active.
    """
    if not row.is_known:
        return None
    by_events_state = state_by_events(row)
    by_events = by_events_state is not None or row.since_us is None
    since_us = time_of_moment(row.moment or 0) if by_events else row.since_us
    state = by_events_state or (PackState(row.state) if row.state else PackState.ACTIVE)
    expiries = _expiries(row)
    recorded = expiries[0] if expiries else None
    day = day_of(recorded)
    return KnownPack(
        state=state,
        lot=row.lot or row.event_lot or None,
        expiry=day,
        expiry_is_odd=day is None and bool(recorded),
        conditions=_conditions(row, expiries),
        since=moment_of(since_us or 0),
        location=(row.place or "") if by_events or row.location is None else row.location,
        authorisation=row.authorisation or "",
        repeats=row.repeats or 0,
        handed_over=bool(row.handed_over),
        stolen=bool(row.stolen),
        version=row.version or 0,
    )


def _conditions(row: RecordedPack, expiries: Sequence[str]) -> tuple[str, ...]:
    """The lasting conditions, and the contradictions between the registry and the events."""
    found = tuple(row.conditions.split()) if row.conditions else ()
    if row.lot and row.event_lot and row.lot != row.event_lot:
        found += (LOT_CONFLICT,)
    if len(expiries) > 1:
        found += (EXPIRY_CONFLICT,)
    return found


def _expiries(row: RecordedPack) -> list[str]:
    """The expiry by the registry, by events and by the lot's master data, each day once."""
    days = [one for one in (row.expiry, row.event_expiry) if one]
    if row.master_expiries:
        days += row.master_expiries.split(BETWEEN)
    if len(days) < 2:
        return days
    by_day: dict[date | str, str] = {}
    for one in days:
        by_day.setdefault(day_of(one) or one, one)
    return list(by_day.values())


def speaks_against(status: str, conditions: str) -> bool:
    """Whether an item state alone keeps a pack from being sold.

    >>> speaks_against("active", ""), speaks_against("active", "damaged")
    (False, True)
    """
    ended = STATE_OF_ITEM.get(status, PackState.ACTIVE) is not PackState.ACTIVE
    return ended or bool(conditions)


def _heard_of(
    snapshot: Snapshot, asked: Asked, pack: KnownPack | None, stops: Restrictions
) -> tuple[KnownPack | None, tuple[str, ...]]:
    """The pack and the sensor readings against it, by the rule of its product."""
    rule = stops.sensors.get(asked.gtin) if stops.sensors else None
    if pack is None or (rule is None and SENSOR_ALARM not in pack.conditions):
        return pack, ()
    if rule is not None and not rule.on:
        return without_alarms(pack), ()
    key, alarms = history.pack_key(asked.gtin, asked.serial), SENSOR_ALARM in pack.conditions
    return pack, readings_against(snapshot, key, rule, alarms=alarms)


def without_alarms(pack: KnownPack) -> KnownPack:
    """The pack as it is judged where nobody looks at the sensors of its product."""
    left = tuple(one for one in pack.conditions if one != SENSOR_ALARM)
    return msgspec.structs.replace(pack, conditions=left)


def _contradictions(
    snapshot: Snapshot, asked: Asked, pack: KnownPack, row: RecordedPack
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every lot and every expiry that is recorded for a pack, where they contradict each other."""
    if LOT_CONFLICT not in pack.conditions and EXPIRY_CONFLICT not in pack.conditions:
        return (), ()
    lots = {row.lot, row.event_lot}
    expiries: set[str | None] = set(_expiries(row))
    for recorded in lots_recorded(snapshot, history.pack_key(asked.gtin, asked.serial)):
        lots.add(recorded.lot)
        expiries.add(recorded.expiry)
    return tuple(sorted(filter(None, lots))), tuple(sorted(filter(None, expiries)))


def is_known_product(snapshot: Snapshot, gtin: str) -> bool:
    """Whether anything at all was ever recorded about this product."""
    ranges = [key for some in serial_ranges(gtin) for key in some]
    row = RawDriver(snapshot).one(_KNOWN, (gtin, gtin, gtin, *ranges))
    return row is not None and bool(row[0])


def serial_ranges(gtin: str) -> list[tuple[bytes, bytes]]:
    """The ranges, first and after the last, in which the packed keys of a product's packs are."""
    head = _gtin_head(gtin)
    after = (int.from_bytes(head, "big") + 1).to_bytes(6, "big")
    return [(shape + head, shape + after) for shape in (_DIGIT_SERIALS, _TEXT_SERIALS)]


def _gtin_head(gtin: str) -> bytes:
    """The GTIN as packed item keys begin with it."""
    digits = gtin if gtin.isdigit() and gtin.isascii() and len(gtin) == 14 else "0"
    return int(digits).to_bytes(6, "big")


@lru_cache(maxsize=4096)
def day_of(text: str | None) -> date | None:
    """The date a sender wrote as an expiry; None where it is no date.

    >>> day_of("2027-05-31"), day_of("2027-05"), day_of("31/05/27")
    (datetime.date(2027, 5, 31), datetime.date(2027, 5, 31), None)
    """
    return read_expiry(text).day if text else None


def state_by_events(row: RecordedPack) -> PackState | None:
    """The state that events put a pack into, where they have the last word; else None.

    The registry has it where its state is not Active, or where an operation made the pack active
    again at or after the last event. An upload alone is not an operation: it may come late.
    """
    if row.status is None or row.moment is None or (row.state or _ACTIVE) != _ACTIVE:
        return None
    operated = row.version is not None and row.version > 1
    if operated and row.since_us is not None and row.since_us >= time_of_moment(row.moment):
        return None
    state = STATE_OF_ITEM.get(row.status, PackState.ACTIVE)
    return None if state is PackState.ACTIVE else state


def _lot_of_unknown(snapshot: Snapshot, code: str, lot: str | None) -> tuple[bool, str]:
    """Whether the lot that is printed on an unknown pack is known, and its serials' shape."""
    if lot is None:
        return False, ""
    where = (batch.c.code == code, batch.c.lot == lot)
    shape = snapshot.connection.execute(select(batch.c.serial_shape).where(*where)).scalar()
    return shape is not None or _is_lot_recorded(snapshot, code, lot), shape or ""


def _is_lot_recorded(snapshot: Snapshot, code: str, lot: str) -> bool:
    values = (code, lot, code, lot)
    return RawDriver(snapshot).one(_LOT_RECORDED, values) is not None
