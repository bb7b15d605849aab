"""Dictionary tables: each distinct item state and each lot gets a small number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.raw_driver import store_at_once
from epcis.store.item_state import ItemState, advance, share
from epcis.store.item_status import ItemStatus

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from epcis.database.raw_driver import RawDriver, Row
    from epcis.lot_facts import LotFacts
    from epcis.store.effect import Effect

_COLUMNS = "status, disposition, location, holder, conditions, borrowed, persistent, shipper, owner"
_ADD_STATE = (
    f"INSERT INTO item_state ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608  # our own names
)
_FIND_STATE = (
    "SELECT id FROM item_state WHERE status = ? AND disposition = ? AND location = ?"
    " AND holder = ? AND conditions = ? AND borrowed = ? AND persistent = ? AND shipper = ?"
    " AND owner = ?"
)
STATE_BY_NUMBER = f"SELECT {_COLUMNS} FROM item_state WHERE id = ?"  # noqa: S608  # our own names
_ADD_LOT = (
    "INSERT INTO lot (gtin, code, expiry, other_lot) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_FIND_LOT = "SELECT id FROM lot WHERE gtin = ? AND code = ? AND expiry = ? AND other_lot = ?"
CACHED_MAX = 100_000
NO_OTHER_LOT = 0
"""In `lot.other_lot`: no other lot was recorded for the items."""


_STATUS = {status.value: status for status in ItemStatus}


def state_of_row(row: Row) -> ItemState:
    """The state in a row of `STATE_BY_NUMBER`."""
    status, disposition, location, holder, conditions, borrowed, persistent, shipper, owner = row
    return ItemState(
        _STATUS[status],
        disposition,
        location,
        holder,
        tuple(conditions.split()),
        tuple(borrowed.split()),
        tuple(persistent.split()),
        shipper,
        owner,
    )


def row_of_state(state: ItemState) -> tuple[str, ...]:
    """What `state_of_row` reads.

    >>> row_of_state(ItemState(ItemStatus.ACTIVE, conditions=("damaged", "recalled")))[4]
    'damaged recalled'
    """
    conditions, borrowed, persistent = map(" ".join, state[4:7])
    return (state.status.value, *state[1:4], conditions, borrowed, persistent, *state[7:])


class StateDictionary:
    """Numbers of states, within one act."""

    def __init__(self, driver: RawDriver, words: Engine | None = None) -> None:
        self._driver = driver
        self._words = words
        self._by_id: dict[int, ItemState] = {}
        self._ids: dict[ItemState, int] = {}
        self._shared: dict[tuple[int, int], int] = {}
        self._after: dict[tuple[int, Effect], int] = {}
        self.nothing = self.number(ItemState())
        """Of an item that no valid event names."""

    def number(self, state: ItemState) -> int:
        """The number of a state; a new one is stored."""
        known = self._ids.get(state)
        if known is None:
            known = self._find(state)
            self._keep(known, state)
        return known

    def state_of(self, number: int) -> ItemState:
        """The state with that number."""
        state = self._by_id.get(number)
        if state is None:
            row = self._driver.one(STATE_BY_NUMBER, (number,))
            if row is None:
                raise LookupError(f"state {number} has no row")
            state = state_of_row(row)
            self._keep(number, state)
        return state

    def after(self, number: int, what: Effect) -> int:
        """The number of what a state becomes by an event."""
        pair = (number, what)
        known = self._after.get(pair)
        if known is None:
            known = self.number(advance(self.state_of(number), what))
            if len(self._after) >= CACHED_MAX:
                self._after.clear()
            self._after[pair] = known
        return known

    def shared(self, own: int, container: int) -> int:
        """The number of what an item's state becomes by its container's."""
        pair = (own, container)
        known = self._shared.get(pair)
        if known is None:
            known = self.number(share(self.state_of(own), self.state_of(container)))
            self._shared[pair] = known
        return known

    def stored_number(self, state: ItemState, *, otherwise: int) -> int:
        """The number of a state that is stored, `otherwise` where it is not."""
        row = self._driver.one(_FIND_STATE, row_of_state(state))
        return row[0] if row is not None else otherwise

    def _find(self, state: ItemState) -> int:
        values = row_of_state(state)
        return _number(self._driver, self._words, _FIND_STATE, _ADD_STATE, values)

    def _keep(self, number: int, state: ItemState) -> None:
        if len(self._by_id) >= CACHED_MAX:
            self._by_id.clear()
            self._ids.clear()
            self._shared.clear()
            self._after.clear()
        self._by_id[number] = state
        self._ids[state] = number


class LotDictionary:
    """Numbers of lots, within one transaction. Several lots of one item are a chain of rows."""

    def __init__(self, driver: RawDriver, words: Engine | None = None) -> None:
        self._driver = driver
        self._words = words
        self._ids: dict[tuple[str, tuple[LotFacts, ...]], int] = {}

    def number(self, gtin: str, lots: tuple[LotFacts, ...]) -> int:
        """The number of a product's lot and of others recorded with it; new ones are stored."""
        known = self._ids.get((gtin, lots))
        if known is None:
            if len(self._ids) >= CACHED_MAX:
                self._ids.clear()
            other_lot = self.number(gtin, lots[1:]) if len(lots) > 1 else NO_OTHER_LOT
            known = self._ids[gtin, lots] = self._find(gtin, lots[0], other_lot)
        return known

    def stored_number(self, gtin: str, lot: LotFacts, other_lot: int, *, otherwise: int) -> int:
        """The number of a lot that is stored, `otherwise` where it is not."""
        row = self._driver.one(_FIND_LOT, (gtin, lot.code, lot.expiry, other_lot))
        return row[0] if row is not None else otherwise

    def _find(self, gtin: str, lot: LotFacts, other_lot: int) -> int:
        values = (gtin, lot.code, lot.expiry, other_lot)
        return _number(self._driver, self._words, _FIND_LOT, _ADD_LOT, values)


def _number(
    driver: RawDriver,
    words: Engine | None,
    find: str,
    add: str,
    values: tuple[str | int, ...],
) -> int:
    """The number of a word; a new one is stored, and stays even where the act is undone."""
    row = driver.one(find, values)
    if row is None:
        if words is None:
            driver.run(add, values)
        else:
            store_at_once(words, add, values)
        row = driver.one(find, values)
    assert row is not None, "a word just stored can be read"
    number: int = row[0]
    return number
