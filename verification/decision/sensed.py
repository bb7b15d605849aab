"""Which packs sensors speak against, all of a store at once, as `readings_against` says of each.

Found from the events: those with a reading beyond a limit, then what they name, then what was
inside of that at the time, then what was not released by name since. Nothing depends on how many
packs there are, only on how many readings are beyond a limit.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from epcis.database.raw_driver import RawDriver
from epcis.store.effect import event_effects
from epcis.store.event_tables import Role
from epcis.store.items import LEVELS_MAX
from epcis.store.named import ALL_BITS, ids_of, masks_of
from epcis.store.payload import unpack_outline
from epcis.units import UNITS, comparable, number
from verification.decision.facts import serial_ranges
from verification.decision.sensors import says_against

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epcis.database.transactions import Snapshot
    from verification.decision.sensors import SensorLimit, SensorRule

_MEASURED = "SELECT seq FROM event_sensor WHERE type = ? AND ({beyond})"
_VALUES = ("value", "min_value", "max_value", "mean_value")
_ROUNDING = 1e-9
"""How far a number of the index may be from the one that was written, as a share of it."""
_EVENTS = (
    "SELECT moment, seq, payload FROM event WHERE NOT voided AND declared_error IS NULL AND seq"
)
_NAMED = "SELECT block, mask FROM event_epc WHERE seq = ?"
_INSIDE = "SELECT block, mask FROM containment WHERE since <= ? AND until >= ? AND parent"
_OF_PRODUCT = "SELECT id FROM item WHERE ((key >= ? AND key < ?) OR (key >= ? AND key < ?)) AND id"
_NAMING = (
    "SELECT x.block, x.mask, x.role, e.moment, e.seq, e.document, e.payload"
    " FROM event_epc x JOIN event e ON e.seq = x.seq"
    " WHERE NOT e.voided AND e.declared_error IS NULL AND x.block"
)


class _PlacedReading(NamedTuple):
    """An event with a reading against some packs; sorts as `readings_against` takes them."""

    moment: int
    order: int
    """At one moment: what was inside, then events that name a pack, by their number."""
    seq: int
    is_kept: bool
    """False: an event that releases what it names."""


def sensed_items(
    snapshot: Snapshot, rules: Mapping[str, SensorRule], gtin: str = ""
) -> dict[str, dict[int, int]]:
    """By GTIN, as block -> mask, the packs against which a reading beyond a limit stands.

    With `gtin` of that product alone. Alarms are conditions of an item already.
    """
    found = {}
    for rule in rules.values():
        if rule.on and rule.limits and gtin in ("", rule.gtin):
            masks = _against_product(RawDriver(snapshot), rule)
            if masks:
                found[rule.gtin] = masks
    return found


def _against_product(driver: RawDriver, rule: SensorRule) -> dict[int, int]:
    limits = {one.measurement: one for one in rule.limits}
    seqs = sorted({row[0] for one in rule.limits for row in _measured(driver, one)})
    timelines: dict[int, list[tuple[_PlacedReading, int]]] = defaultdict(list)
    for moment, seq, payload in driver.all_in(_EVENTS, seqs):
        event = unpack_outline(payload)
        if not any(
            says_against(report, limits, alarms=False)
            for element in event.sensor_elements or ()
            for report in element.reports
        ):
            continue
        rows = driver.all(_NAMED, (seq,))
        named = {number for block, mask in rows for number in ids_of(block, mask)}
        for block, mask in masks_of(_of_product(driver, rule.gtin, named)).items():
            timelines[block].append((_PlacedReading(moment, 1, 2 * seq + 1, is_kept=True), mask))
        for block, mask in masks_of(_inside(driver, rule.gtin, named, moment)).items():
            timelines[block].append((_PlacedReading(moment, 0, 0, is_kept=True), mask))
    _add_releases(driver, timelines)
    return _standing(timelines)


def _measured(driver: RawDriver, limit: SensorLimit) -> list[tuple[int]]:
    """The events that may have a value beyond a limit; what they say is read from themselves."""
    own = UNITS[limit.unit]
    units = comparable(limit.unit)
    # A unit that cannot be compared, or a value that is no number, speaks against the pack too.
    parts = [f"uom IS NULL OR uom NOT IN ({', '.join('?' * len(units))})"]
    parts.append(" AND ".join(f"{name} IS NULL" for name in _VALUES))
    values: list[object] = [one.code for one in units]
    for unit in units:
        sides = ((limit.low, "<", -_ROUNDING), (limit.high, ">", _ROUNDING))
        for text, sign, away in sides:
            amount = None if text is None else number(text)
            if amount is not None:
                end = own.amount_in(unit, amount)
                # One rounding inwards, so that nothing beyond the limit is passed over.
                end -= away * max(1.0, abs(end))
                beyond = " OR ".join(f"{name} {sign} ?" for name in _VALUES)
                parts.append(f"uom = ? AND ({beyond})")
                values += [unit.code, *([end] * len(_VALUES))]
    statement = _MEASURED.format(beyond=" OR ".join(f"({part})" for part in parts))
    return driver.all(statement, (limit.measurement, *values))


def _inside(driver: RawDriver, gtin: str, containers: set[int], moment: int) -> set[int]:
    """The packs of a product in these at a moment, at any depth."""
    packs: set[int] = set()
    seen: set[int] = set(containers)
    level = sorted(containers)
    for _ in range(LEVELS_MAX):
        rows = driver.all_in_with(_INSIDE, (moment, moment), level)
        inner = {number for block, mask in rows for number in ids_of(block, mask)} - seen
        if not inner:
            break
        seen |= inner
        packs |= _of_product(driver, gtin, inner)
        level = sorted(inner)
    return packs


def _of_product(driver: RawDriver, gtin: str, numbers: set[int]) -> set[int]:
    bounds = [key for some in serial_ranges(gtin) for key in some]
    return {row[0] for row in driver.all_in_with(_OF_PRODUCT, tuple(bounds), sorted(numbers))}


def _add_releases(
    driver: RawDriver, timelines: dict[int, list[tuple[_PlacedReading, int]]]
) -> None:
    """The events that name these packs and say that they may be sold."""
    lifting: dict[tuple[int, int], bool] = {}
    for block, mask, role, moment, seq, document, payload in driver.all_in(
        _NAMING, sorted(timelines)
    ):
        if (seq, role) not in lifting:
            effects = event_effects(unpack_outline(payload), is_own=document is None).by_role
            effect = effects.get(Role(role))
            lifting[seq, role] = effect is not None and effect.lifts
        if lifting[seq, role]:
            released = _PlacedReading(moment, 1, 2 * seq, is_kept=False)
            timelines[block].append((released, mask & ALL_BITS))


def _standing(timelines: dict[int, list[tuple[_PlacedReading, int]]]) -> dict[int, int]:
    """What is still spoken against after all of its events, block -> mask."""
    found = {}
    for block, entries in timelines.items():
        mask = 0
        for one, bits in sorted(entries):
            mask = mask | bits if one.is_kept else mask & ~bits
        if mask:
            found[block] = mask
    return found
