"""The shared words of items: standings and lots get a small number when first told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.raw_driver import store_at_once
from epcis.store.item_state import ItemState, ItemStatus, Lot, advance, share

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from epcis.database.raw_driver import RawDriver
    from epcis.store.item_state import Happening

_ADD_STANDING = (
    "INSERT INTO standing (status, disposition, location, holder) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_FIND_STANDING = (
    "SELECT id FROM standing WHERE status = ? AND disposition = ? AND location = ? AND holder = ?"
)
_STANDING = "SELECT status, disposition, location, holder FROM standing WHERE id = ?"
_ADD_LOT = "INSERT INTO lot (gtin, code, expiry) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_FIND_LOT = "SELECT id FROM lot WHERE gtin = ? AND code = ? AND expiry = ?"
CACHED_MAX = 100_000


class Standings:
    """Numbers of standings, within one act."""

    def __init__(self, hand: RawDriver, words: Engine | None = None) -> None:
        self._hand = hand
        self._words = words
        self._by_id: dict[int, ItemState] = {}
        self._ids: dict[ItemState, int] = {}
        self._shared: dict[tuple[int, int], int] = {}
        self.nothing = self.number(ItemState())
        """Of an item that no valid event names."""

    def number(self, standing: ItemState) -> int:
        """The number of a standing; a new one is stored."""
        known = self._ids.get(standing)
        if known is None:
            known = self._find(standing)
            self._keep(known, standing)
        return known

    def told(self, number: int) -> ItemState:
        """The standing with that number."""
        standing = self._by_id.get(number)
        if standing is None:
            row = self._hand.one(_STANDING, (number,))
            if row is None:
                raise LookupError(f"standing {number} has no row")
            standing = ItemState(ItemStatus(row[0]), row[1], row[2], row[3])
            self._keep(number, standing)
        return standing

    def after(self, number: int, what: Happening) -> int:
        """The number of what a standing becomes by a happening."""
        return self.number(advance(self.told(number), what))

    def shared(self, own: int, container: int) -> int:
        """The number of what an item's standing becomes by its container's."""
        pair = (own, container)
        known = self._shared.get(pair)
        if known is None:
            known = self.number(share(self.told(own), self.told(container)))
            self._shared[pair] = known
        return known

    def stored_number(self, standing: ItemState, *, otherwise: int) -> int:
        """The number of a standing that is stored, `otherwise` where it is not."""
        row = self._hand.one(_FIND_STANDING, (standing.status.value, *standing[1:]))
        return row[0] if row is not None else otherwise

    def _find(self, standing: ItemState) -> int:
        values = (standing.status.value, *standing[1:])
        return _number(self._hand, self._words, _FIND_STANDING, _ADD_STANDING, values)

    def _keep(self, number: int, standing: ItemState) -> None:
        if len(self._by_id) >= CACHED_MAX:
            self._by_id.clear()
            self._ids.clear()
            self._shared.clear()
        self._by_id[number] = standing
        self._ids[standing] = number


class Lots:
    """Numbers of lots, within one act."""

    def __init__(self, hand: RawDriver, words: Engine | None = None) -> None:
        self._hand = hand
        self._words = words
        self._ids: dict[tuple[str, Lot], int] = {}

    def number(self, gtin: str, lot: Lot) -> int:
        """The number of a product's lot; a new one is stored."""
        known = self._ids.get((gtin, lot))
        if known is None:
            if len(self._ids) >= CACHED_MAX:
                self._ids.clear()
            known = self._ids[gtin, lot] = self._find(gtin, lot)
        return known

    def stored_number(self, gtin: str, lot: Lot, *, otherwise: int) -> int:
        """The number of a lot that is stored, `otherwise` where it is not."""
        row = self._hand.one(_FIND_LOT, (gtin, lot.code, lot.expiry))
        return row[0] if row is not None else otherwise

    def _find(self, gtin: str, lot: Lot) -> int:
        values = (gtin, lot.code, lot.expiry)
        return _number(self._hand, self._words, _FIND_LOT, _ADD_LOT, values)


def _number(
    hand: RawDriver, words: Engine | None, find: str, add: str, values: tuple[str, ...]
) -> int:
    """The number of a word; a new one is stored, and stays even where the act is undone."""
    row = hand.one(find, values)
    if row is None:
        if words is None:
            hand.run(add, values)
        else:
            store_at_once(words, add, values)
        row = hand.one(find, values)
    assert row is not None, "a word just stored can be read"
    number: int = row[0]
    return number
