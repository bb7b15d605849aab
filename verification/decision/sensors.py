"""What sensors reported of a pack and of what it was in, against the limits of its product.

An alarm (`ALARM_CONDITION`) is a lasting condition of the item (`epcis.store.effect`). Limits are a
setting of a product that may change any day, so readings are compared when a pack is judged: those
of the pack itself, and those of each container while the pack was inside, until an event that names
the pack says that it may be sold. Standard: EPCIS 2.0 section 7.3.7.3, units of UN/ECE Rec 20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from epcis.codec.zones import zoned_text
from epcis.database.columns import pack_key
from epcis.database.item_keys import ID_OF_KEY
from epcis.database.raw_driver import RawDriver
from epcis.store.effect import event_effects, is_alarming
from epcis.store.event_tables import Role
from epcis.store.items import LEVELS_MAX
from epcis.store.moments import ALWAYS, NEVER
from epcis.store.named import bit
from epcis.store.payload import unpack_outline
from epcis.store.stays import stays_of
from epcis.units import UNITS, number
from schemas.cbv import bare, is_standard
from schemas.gs1.keys import Gtin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from epcis.database.raw_driver import Row
    from epcis.database.transactions import Snapshot
    from epcis.model import Event, SensorElement, SensorReport
    from epcis.units import Unit

LIMITS_MAX = 20
"""Limits of one product."""
READINGS_MAX = 8
"""Readings that one answer names; the first ones."""
_OF_ITEM = (
    "SELECT e.moment, x.role, e.document, e.payload FROM event_epc x JOIN event e ON e.seq = x.seq"
    " WHERE x.block = ? AND x.mask & ? <> 0 AND NOT e.voided AND e.declared_error IS NULL"
    " AND e.moment <= ? ORDER BY e.moment, e.seq"
)


class SensorLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Between which values a measurement must stay.

    >>> SensorLimit("Temperature", "CEL", low="2", high="8").text
    'Temperature 2 to 8 CEL'
    """

    measurement: str
    """Bare word of the GS1 vocabulary, as `Temperature`."""
    unit: str
    """UN/ECE Rec 20 code, as `CEL`."""
    low: str | None = None
    """Decimal, in `unit`; None sets no limit on this side, and neither does it in `high`."""
    high: str | None = None

    @property
    def text(self) -> str:
        """The limit for people."""
        if self.low is None:
            return f"{self.measurement} up to {self.high} {self.unit}"
        if self.high is None:
            return f"{self.measurement} from {self.low} {self.unit}"
        return f"{self.measurement} {self.low} to {self.high} {self.unit}"

    def faults(self) -> Iterator[str]:
        """What is wrong with it, one sentence each."""
        if not is_standard("measurement", self.measurement):
            yield f"{self.measurement[:40]} is no measurement of the GS1 vocabulary"
        if self.unit not in UNITS:
            yield f"{self.unit[:20]} is no unit of UN/ECE Recommendation 20 that is known here"
        values = [None if text is None else number(text) for text in (self.low, self.high)]
        if self.low is None and self.high is None:
            yield f"{self.measurement[:40]} needs a low or a high value"
        elif any(value is None for value, text in zip(values, (self.low, self.high), strict=True)
                 if text is not None):  # fmt: skip
            yield f"{self.measurement[:40]}: low and high are decimal numbers"
        elif values[0] is not None and values[1] is not None and values[0] > values[1]:
            yield f"{self.measurement[:40]}: low is above high"


class SensorRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What sensor reports mean for the packs of one product."""

    gtin: str
    on: bool = True
    """False: neither alarms nor readings say anything about its packs."""
    limits: tuple[SensorLimit, ...] = ()

    @property
    def text(self) -> str:
        """The rule for people.

        >>> SensorRule("05901234123457", on=False).text
        'not looked at'
        """
        if not self.on:
            return "not looked at"
        return "; ".join(("alarms", *(limit.text for limit in self.limits)))

    def faults(self) -> Iterator[str]:
        """What is wrong with it, one sentence each."""
        try:
            if str(Gtin.parse(self.gtin)) != self.gtin:
                yield "name the product by its GTIN of 14 digits"
        except ValueError as fault:
            yield str(fault)
        if len(self.limits) > LIMITS_MAX:
            yield f"a product has {LIMITS_MAX} limits at most"
        if len({limit.measurement for limit in self.limits}) < len(self.limits):
            yield "each measurement has one limit"
        for limit in self.limits[:LIMITS_MAX]:
            yield from limit.faults()


class _Heard(NamedTuple):
    """An event with sensor reports."""

    event: Event
    is_inside: bool
    """The pack, or what it was in, was named while the pack was inside."""


def readings_against(snapshot: Snapshot, key: str, rule: SensorRule | None) -> tuple[str, ...]:
    """The readings that speak against a pack, by its canonical key, oldest first; cold path.

    Readings before the container held the pack count only where they were an alarm, which the
    container lends to what is put into it.
    """
    limits = {} if rule is None else {one.measurement: one for one in rule.limits}
    sentences: list[str] = []
    for heard in _heard(snapshot, key):
        for element in heard.event.sensor_elements or ():
            for report in element.reports:
                about = _against(report, limits if heard.is_inside else {})
                if about:
                    sentences.append(f"{about} at {_time_of(heard.event, element, report)}")
    more = len(sentences) - READINGS_MAX
    return (*sentences[:READINGS_MAX], f"and {more} more") if more > 0 else tuple(sentences)


def _heard(snapshot: Snapshot, key: str) -> list[_Heard]:
    """Every event with sensor reports since the pack was last released by name."""
    driver = RawDriver(snapshot)
    row = driver.one(f"SELECT {ID_OF_KEY}", (pack_key(key),))
    if row is None or row[0] is None:
        return []
    released, found = NEVER, list[tuple[int, _Heard]]()
    for moment, role, document, payload in _events_of(driver, row[0], ALWAYS):
        event = unpack_outline(payload)
        effect = event_effects(event, is_own=document is None).by_role.get(Role(role))
        if effect is not None and effect.lifts:
            released = moment
            found.clear()
        if event.sensor_elements:
            found.append((moment, _Heard(event, is_inside=True)))
    for number_, since, until in _containers(driver, row[0]):
        for moment, _, _, payload in _events_of(driver, number_, until):
            event = unpack_outline(payload)
            if moment > released and event.sensor_elements:
                found.append((moment, _Heard(event, is_inside=since <= moment)))
    return [heard for _, heard in sorted(found, key=lambda one: one[0])]


def _events_of(driver: RawDriver, item: int, until: int) -> Sequence[Row]:
    """(moment, role, document, payload) of the valid events that name an item, in order."""
    return driver.all(_OF_ITEM, (item >> 6, bit(item), until))


def _containers(driver: RawDriver, item: int) -> Iterator[tuple[int, int, int]]:
    """(item id, from, until a moment) of everything an item was in, at any depth."""
    spans = {item: [(NEVER, ALWAYS)]}
    for _ in range(LEVELS_MAX):
        outer: dict[int, list[tuple[int, int]]] = {}
        for child, since, until, parent in stays_of(driver, sorted(spans)):
            for first, last in spans.get(child, ()):
                if max(since, first) <= min(until, last):
                    outer.setdefault(parent, []).append((max(since, first), min(until, last)))
        if not outer:
            return
        yield from ((one, *span) for one, some in outer.items() for span in some)
        spans = outer


def _against(report: SensorReport, limits: dict[str, SensorLimit]) -> str:
    """What a report says against a pack, empty where nothing."""
    measurement = bare("measurement", report.type or "")
    written = " to ".join(
        text for text in (report.min_value, report.mean_value, report.value, report.max_value)
        if text is not None
    )  # fmt: skip
    reading = " ".join(filter(None, (measurement, written, report.uom)))
    if is_alarming(report):
        return f"alarm: {reading}" if reading else "alarm"
    limit = limits.get(measurement)
    if limit is None or not written:
        return ""
    own = UNITS.get(report.uom or "")
    if own is None or own.dimension != UNITS[limit.unit].dimension:
        return f"{reading}, whose unit cannot be compared with {limit.unit}"
    values = (report.value, report.min_value, report.max_value, report.mean_value)
    beyond = (_beyond(text, own, limit) for text in values if text is not None)
    return next((f"{reading}, {one}" for one in beyond if one), "")


def _beyond(text: str, own: Unit, limit: SensorLimit) -> str:
    """How a value in its unit is not within a limit; empty where it is."""
    value = number(text)
    if value is None:
        return "which is no number"
    amount = own.amount_in(UNITS[limit.unit], value)
    if limit.low is not None and amount < float(limit.low):
        return f"below the limit {limit.text}"
    if limit.high is not None and amount > float(limit.high):
        return f"above the limit {limit.text}"
    return ""


def _time_of(event: Event, element: SensorElement, report: SensorReport) -> str:
    """When a reading was taken, as written, with the event's zone where it has none."""
    metadata = element.metadata
    times: Iterable[str | None] = (report.time,)
    if metadata is not None:
        times = (report.time, metadata.time, metadata.end_time, metadata.start_time)
    time = next((one for one in times if one), event.event_time)
    return zoned_text(time, event.event_time_zone_offset or "Z")
