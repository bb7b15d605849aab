"""Items of which something is recorded alone, so that the judgement of their group is not theirs.

Few, in any store: packs named by a case or a recall, locked in the registry, in an event that was
declared wrong, without a lot or an expiry by their events, or with a sensor reading against them.
Each is judged by a look of its own, so that stock says of it what a verification says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from epcis.database.columns import pack_key
from epcis.database.raw_driver import RawDriver
from epcis.store.items import items_by_number
from epcis.store.named import ids_of, masks_of
from epcis.store.stock import StockLot, numbered_items
from verification.decision.act import TO_LOOK_UP, Asked
from verification.decision.decide import decide
from verification.decision.facts import facts_from, look, serial_ranges
from verification.decision.many import is_pack, name_of
from verification.decision.rule_pack import shipped
from verification.decision.sensed import sensed_items
from verification.registry import history

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.store.items import StoredItem
    from verification.decision.groups import GroupJudge
    from verification.decision.restrictions import Restrictions
    from verification.decision.words import Reason

_IN_REGISTRY = (
    "SELECT code, serial FROM pack WHERE state = 'Locked'",
    "SELECT code, serial FROM pack WHERE completes = 1",
)
"""Locked, which a partner's event does not end; with a lot or an expiry that no event has."""
_DECLARED_WRONG = (
    "SELECT x.block, x.mask FROM event e JOIN event_epc x ON x.seq = e.seq"
    " WHERE e.declared_error IS NOT NULL"
)
_WITHOUT_LOT = "SELECT id FROM item WHERE lot IS NULL AND key >= ? AND key < ?"
_SERIALIZED = [(b"\x01", b"\x03")]
_NUMBERED = "SELECT id FROM item_key WHERE key"


class JudgedItem(NamedTuple):
    """What is judged of one item alone."""

    item: StoredItem
    group: StockLot
    """Its lot as its group is counted under."""
    lot: StockLot
    """Its lot as a verification names it."""
    reasons: tuple[Reason, ...]


class ItemsApart:
    """The items to be judged alone: of one product with `gtin`, else all."""

    def __init__(
        self,
        snapshot: Snapshot,
        stops: Restrictions,
        judge: GroupJudge,
        now: datetime,
        *,
        gtin: str,
        market: str,
    ) -> None:
        self._snapshot, self._stops, self._judge = snapshot, stops, judge
        self._now, self._market = now, market
        self._exact = masks_of(sorted(set(_recorded_alone(snapshot, stops, gtin))))
        self._sensed = sensed_items(snapshot, stops.sensors, gtin)
        self.masks = dict(self._exact)
        """By block, whether exactly or by a sensor."""
        for masks in self._sensed.values():
            for block, mask in masks.items():
                self.masks[block] = self.masks.get(block, 0) | mask

    def numbers(self) -> list[int]:
        """The ids of all of them."""
        return [one for block, mask in sorted(self.masks.items()) for one in ids_of(block, mask)]

    def judged(self, numbers: Sequence[int]) -> dict[int, JudgedItem]:
        """The judgement of some of them, by id; the few that no valid event names are left out."""
        stored = items_by_number(self._snapshot, numbers)
        found: dict[int, JudgedItem] = {}
        alone: dict[int, StoredItem] = {}
        for number, item in stored.items():
            group = _lot_of(item)
            if is_pack(item.key) and self._exact.get(number >> 6, 0) >> (number & 63) & 1:
                alone[number] = item
                continue
            of_product = self._sensed.get(group.gtin, {})
            is_sensed = bool(of_product.get(number >> 6, 0) >> (number & 63) & 1)
            reasons = self._judge.reasons(group, item.state, is_sensed=is_sensed)
            found[number] = JudgedItem(item, group, group, reasons)
        names = [name_of(item.key) for item in alone.values()]
        stops, rows = look(self._snapshot, names)
        for (number, item), name, row in zip(alone.items(), names, rows, strict=True):
            facts = facts_from(self._snapshot, Asked(*name), None, stops, row, market=self._market)
            pack = facts.pack
            assert pack is not None, "an item is known by its events"
            expiry = pack.expiry.isoformat() if pack.expiry else item.expiry_text
            lot = StockLot(name[0], pack.lot or "", expiry)
            reasons = decide(facts, TO_LOOK_UP, shipped(), self._now).reasons
            found[number] = JudgedItem(item, _lot_of(item), lot, reasons)
        return found


def _lot_of(item: StoredItem) -> StockLot:
    """Under which lot the view of stock counts an item."""
    if not (item.lot or item.expiry_text):
        return StockLot()
    return StockLot(item.key[4:18], item.lot, item.expiry_text)


def _recorded_alone(snapshot: Snapshot, stops: Restrictions, gtin: str) -> Iterator[int]:
    driver = RawDriver(snapshot)
    yield from _doubted(snapshot, stops, gtin)
    for statement in _IN_REGISTRY:
        among, values = (f"{statement} AND code = ?", (gtin,)) if gtin else (statement, ())
        names = driver.all(among, values)
        keys = [pack_key(history.pack_key(code, serial)) for code, serial in names]
        yield from (row[0] for row in driver.all_in(_NUMBERED, keys))
    for block, mask in driver.all(_DECLARED_WRONG):
        yield from ids_of(block, mask)
    for first, after in serial_ranges(gtin) if gtin else _SERIALIZED:
        yield from (row[0] for row in driver.stream(_WITHOUT_LOT, (first, after)))


def _doubted(snapshot: Snapshot, stops: Restrictions, gtin: str) -> Iterator[int]:
    """Packs that a case, a quarantine or a recall names by serial number or by a range of them."""
    for code in [gtin] if gtin else stops.doubts:
        for one in stops.doubts.get(code, ()):
            if one.serial:
                ends = [history.pack_key(code, end) for end in (one.serial, one.serial_to) if end]
                for number, key in numbered_items(snapshot, *ends):
                    if one.covers(None, unquote(key[22:])):
                        yield number
