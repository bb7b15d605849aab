"""What lies where: items counted by state and lot at a site, and listed one by one.

A container's later events count for what is inside, as for `items`. What is inside something is
where its outermost container is, whatever was last recorded of it alone.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from epcis.database.columns import pack_key, unpack_key
from epcis.database.raw_driver import RawDriver
from epcis.store.item_state import share
from epcis.store.items import Shared
from epcis.store.named import ids_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from epcis.database.raw_driver import Row
    from epcis.database.transactions import Snapshot
    from epcis.store.item_state import ItemState

GROUPS_AT_ONCE = 500
BLOCKS_PER_PAGE_MAX = 4_000
"""Blocks of 64 items that are looked through for one page, which may so be short."""
NO_LOT = 0
"""The lot number of cases, pallets, and packs of which no event tells the lot."""

_AT_SITE = (
    "SELECT id FROM item_state WHERE substr(location, 1, 18) = ?"
    " OR (location = '' AND (holder = ? OR shipper = ?))"
)
_STATES = "SELECT id FROM item_state"
_COUNTED = """
WITH RECURSIVE here(block, mask, lot, moment, chain) AS (
  SELECT g.block, g.mask, g.lot, g.moment, CAST(g.state_id AS TEXT)
  FROM stock_group g WHERE g.parent = 0 AND g.state_id IN ({states})
  UNION ALL
  SELECT c.block, c.mask, c.lot,
    CASE WHEN h.moment > c.moment THEN h.moment ELSE c.moment END,
    CASE WHEN h.moment > c.moment
      THEN CAST(c.state_id AS TEXT) || ',' || h.chain ELSE CAST(c.state_id AS TEXT) END
  FROM here h CROSS JOIN stock_group c
  WHERE c.parent BETWEEN h.block * 64 AND h.block * 64 + 63
    AND c.parent <> 0
    AND h.mask & (CAST(1 AS BIGINT) << CAST(c.parent & 63 AS INTEGER)) <> 0
)
SELECT lot, chain, CAST(sum({bits}) AS BIGINT) FROM here GROUP BY lot, chain
"""
_LOTS = "SELECT id, gtin, code, expiry FROM lot WHERE id"
_LOTS_OF = "SELECT id, gtin, code, expiry FROM lot WHERE gtin = ? ORDER BY id"
_GROUPS = (
    "SELECT block, state_id, lot, parent, moment, mask FROM stock_group WHERE block >= ?"
    " ORDER BY block, state_id, lot, parent, moment LIMIT ?"
)
_GROUPS_OF_LOT = (
    "SELECT block, state_id, lot, parent, moment, mask FROM stock_group"
    " WHERE lot = ? AND block >= ? ORDER BY block LIMIT ?"
)
_BETWEEN = "SELECT id, key FROM item_key WHERE key BETWEEN ? AND ? ORDER BY key"
_KEYS = "SELECT id, key FROM item WHERE id"


class StockLot(NamedTuple):
    """A lot as events tell it; empty texts are not known."""

    gtin: str = ""
    code: str = ""
    expiry: str = ""


class CountedStock(NamedTuple):
    """How many items of a lot are in one state."""

    lot: StockLot
    state: ItemState
    items: int


class ListedItem(NamedTuple):
    """One item of a list of stock."""

    id: int
    key: str
    lot: StockLot
    state: ItemState
    apart: str
    """What is recorded of it alone, as `listed_stock` was given it."""


class ListedPage(NamedTuple):
    """Some items, and after which lot and item the next page begins; None at the end."""

    items: tuple[ListedItem, ...]
    after: tuple[int, int] | None


def counted_stock(snapshot: Snapshot, site: str = "") -> list[CountedStock]:
    """The items at a site, and on the way to or from it, by lot and state; all sites without one.

    `site` is a canonical GLN key, `/414/{gln13}`.
    """
    driver = RawDriver(snapshot)
    statement = _COUNTED.format(states=_AT_SITE if site else _STATES, bits=driver.bits_set("mask"))
    rows = driver.all(statement, (site, site, site) if site else ())
    lots = _lots(driver, sorted({row[0] for row in rows if row[0] != NO_LOT}))
    shared = Shared(snapshot, driver)
    counts: dict[tuple[int, ItemState], int] = {}
    for lot, chain, count in rows:
        states = [shared.state(int(number)) for number in chain.split(",")]
        state = states.pop()
        while states:
            state = share(states.pop(), state)
        counts[lot, state] = counts.get((lot, state), 0) + int(count)
    return [
        CountedStock(lots.get(lot, StockLot()), state, count)
        for (lot, state), count in counts.items()
        if state.status
    ]


def listed_stock(
    snapshot: Snapshot,
    wanted: Callable[[StockLot, ItemState, str], bool],
    *,
    apart: Mapping[int, str],
    gtin: str = "",
    after: tuple[int, int] | None = None,
    most: int,
) -> ListedPage:
    """A page of the items that are wanted, in order of lot and commissioning.

    `apart` has by item id what is recorded of single items; `wanted` gets it, else "".
    With `gtin` those of its lots, else all. It looks through `BLOCKS_PER_PAGE_MAX` blocks at most,
    so a page may be short although more follow.
    """
    pages = _Pages(snapshot, wanted, apart)
    begin = after or (NO_LOT, 0)
    if not gtin:
        return pages.page(pages.groups(begin[1]), begin, most)
    lots = {row[0]: StockLot(*row[1:]) for row in pages.reading.all(_LOTS_OF, (gtin,))}
    pages.lots.update(lots)
    groups = (
        group
        for number in lots
        if number >= begin[0]
        for group in pages.groups_of(number, begin[1] if number == begin[0] else 0)
    )
    return pages.page(groups, begin, most)


class _Pages:
    """Finds the items of one page."""

    def __init__(
        self,
        snapshot: Snapshot,
        wanted: Callable[[StockLot, ItemState, str], bool],
        apart: Mapping[int, str],
    ) -> None:
        self.reading = RawDriver(snapshot)
        self._apart = apart
        self.lots: dict[int, StockLot] = {}
        self._wanted = wanted
        self._shared = Shared(snapshot, self.reading)

    def groups(self, after: int) -> Iterator[_PlacedRow]:
        """Rows of all items from this one on."""
        for rows in self._whole_blocks(after >> 6, _GROUPS):
            unknown = sorted({row[2] for row in rows} - self.lots.keys() - {NO_LOT})
            self.lots.update(_lots(self.reading, unknown))
            yield from (_PlacedRow(NO_LOT, row) for row in rows)

    def groups_of(self, lot: int, after: int) -> Iterator[_PlacedRow]:
        """Rows of one lot from this item on."""
        for rows in self._whole_blocks(after >> 6, _GROUPS_OF_LOT, lot):
            yield from (_PlacedRow(lot, row) for row in rows)

    def _whole_blocks(self, block: int, statement: str, *lot: int) -> Iterator[list[Row]]:
        while True:
            rows = self.reading.all(statement, (*lot, block, GROUPS_AT_ONCE))
            is_end = len(rows) < GROUPS_AT_ONCE
            # Rows of the last block may be missing: it comes whole with the next ones.
            whole = rows if is_end else [row for row in rows if row[0] < rows[-1][0]]
            self._shared.fetch({row[3] for row in whole if row[3]})
            yield whole
            if is_end:
                return
            block = rows[-1][0]

    def page(self, groups: Iterator[_PlacedRow], begin: tuple[int, int], most: int) -> ListedPage:
        """The wanted items of these rows that come after the one that `begin` names."""
        found: list[_FoundItem] = []
        place = begin
        blocks = groupby(groups, lambda one: (one.lot, one.row[0]))
        for looked, ((lot, block), rows) in enumerate(blocks, 1):
            after = begin[1] if lot == begin[0] else 0
            here = [one for placed in rows for one in self._found(placed) if one.id > after]
            found += sorted(here, key=lambda one: one.id)
            place = (lot, (block << 6) + 63)
            if len(found) > most or looked >= BLOCKS_PER_PAGE_MAX:
                break
        else:
            return self._listed(found, None)
        if len(found) > most:
            place = (found[most - 1].lot, found[most - 1].id)
        return self._listed(found[:most], place)

    def _found(self, placed: _PlacedRow) -> Iterator[_FoundItem]:
        """The items of a row, where they are wanted."""
        block, state_id, lot, parent, moment, mask = placed.row
        state = self._shared.state(state_id)
        if parent:
            outer = self._shared.container(parent)
            state = share(state, outer.state) if outer.moment > moment else state
        stock_lot = self.lots.get(lot, StockLot())
        if not state.status:
            return
        is_wanted = self._wanted(stock_lot, state, "")
        for number in ids_of(block, mask):
            apart = self._apart.get(number, "")
            if self._wanted(stock_lot, state, apart) if apart else is_wanted:
                yield _FoundItem(placed.lot, number, stock_lot, state, apart)

    def _listed(self, found: list[_FoundItem], after: tuple[int, int] | None) -> ListedPage:
        """The page, with the key of each item."""
        rows = self.reading.all_in(_KEYS, [one.id for one in found])
        keys: dict[int, bytes] = {row[0]: row[1] for row in rows}
        items = (
            ListedItem(one.id, unpack_key(bytes(keys[one.id])), one.stock_lot, one.state, one.apart)
            for one in found
        )
        return ListedPage(tuple(items), after)


class _PlacedRow(NamedTuple):
    """A row of `stock_group`, and the lot that a cursor names for it."""

    lot: int
    row: Row


class _FoundItem(NamedTuple):
    """An item of a page before its key is read."""

    lot: int
    id: int
    stock_lot: StockLot
    state: ItemState
    apart: str


def numbered_items(snapshot: Snapshot, first: str, last: str = "") -> Iterator[tuple[int, str]]:
    """The items with these canonical keys and those between them, with their ids."""
    driver = RawDriver(snapshot)
    begin, end = pack_key(first), pack_key(last or first)
    for number, key in driver.all(_BETWEEN, (begin, end)):
        yield number, unpack_key(bytes(key))


def _lots(driver: RawDriver, numbers: list[int]) -> dict[int, StockLot]:
    return {row[0]: StockLot(*row[1:]) for row in driver.all_in(_LOTS, numbers)}
