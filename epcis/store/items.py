"""Items as they are now: what a pack, case or pallet is, where, in what, and with whom.

An item's own row says how things stood at the last event that names it; what happened since to
the container it is in counts for it as well, and is read together with it.
"""

from __future__ import annotations

from datetime import date, datetime
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from epcis.database.columns import moment_of, pack_key, unpack_key, unpack_keys
from epcis.database.item_keys import ID_OF_KEY
from epcis.database.raw_driver import RawDriver
from epcis.store.item_state import share
from epcis.store.moments import MOMENT_BITS, time_of_moment
from epcis.store.state_dictionary import STATE_BY_NUMBER, state_of_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from epcis.database.raw_driver import Row
    from epcis.database.transactions import Snapshot
    from epcis.store.item_state import ItemState
    from epcis.store.item_status import ItemStatus

REMEMBERED_MAX = 100_000
"""States and lots kept in memory."""
_NO_LOT = ("", "")
LEVELS_MAX = 16
"""Containers inside each other beyond which data is taken for a circle."""

_COLUMNS = (
    "SELECT i.moment, i.age, i.state_id, i.lot, i.parent, c.key, c.moment, c.state_id, c.parent"
)
_JOINED = " FROM item i LEFT JOIN item c ON c.id = i.parent"
_OWN = _COLUMNS + ", i.key" + _JOINED
_ITEM_BY_KEY = _COLUMNS + _JOINED + " WHERE i.id = " + ID_OF_KEY
_OWN_BY_KEY = _OWN + " WHERE i.id IN (SELECT id FROM item_key WHERE key"  # noqa: S608  # our own names
_OWN_BETWEEN = (
    _OWN + " JOIN item_key n ON n.id = i.id WHERE n.key >= ? AND n.key < ? ORDER BY n.key"
)
_CONTENTS = (
    _OWN  # our own names
    + " JOIN containment k ON i.id BETWEEN k.block * 64 AND k.block * 64 + 63"
    + " AND k.mask & (CAST(1 AS BIGINT) << CAST(i.id & 63 AS INTEGER)) <> 0"
    + f" WHERE k.parent = {ID_OF_KEY} AND k.until = 4611686018427387904"
    + " ORDER BY i.id"
)
_HOLDING = "SELECT i.key FROM item i WHERE i.id IN (SELECT id FROM item_key WHERE key"
_HOLDS_NOW = (
    ") AND EXISTS (SELECT 1 FROM containment k"
    " WHERE k.parent = i.id AND k.until = 4611686018427387904)"
)
_CONTAINER = "SELECT key, moment, state_id, parent FROM item WHERE id = ?"
_CONTAINERS = "SELECT id, key, moment, state_id, parent FROM item WHERE id"
_LOT = "SELECT code, expiry FROM lot WHERE id = ?"
_LOT_NUMBERS = """
WITH RECURSIVE linked(id) AS (
  SELECT id FROM lot WHERE gtin = ? AND code = ?
  UNION SELECT l.id FROM lot l JOIN linked t ON l.other_lot = t.id
)
SELECT id FROM linked ORDER BY id
"""


class StoredItem(msgspec.Struct, frozen=True):
    """The state of one item now. Unknown texts are empty."""

    key: str
    """Canonical key, e.g. `/01/{gtin14}/21/{serial}`."""
    state: ItemState
    lot: str
    expiry_text: str
    parent_packed: bytes | None
    top_packed: bytes | None
    first_us: int
    last_us: int

    @property
    def parent(self) -> str | None:
        """Key of what it is in."""
        return None if self.parent_packed is None else unpack_key(self.parent_packed)

    @property
    def top(self) -> str | None:
        """Key of the outermost container."""
        return None if self.top_packed is None else unpack_key(self.top_packed)

    @property
    def status(self) -> ItemStatus:
        """Whether it is commissioned, active, ended, and the like."""
        return self.state.status

    @property
    def disposition(self) -> str:
        """Bare word."""
        return self.state.disposition

    @property
    def location(self) -> str:
        """Canonical key of the place where it is, empty on the way."""
        return self.state.location

    @property
    def holder(self) -> str:
        """Canonical GLN key of who has it, or to whom it was sent."""
        return self.state.holder

    @property
    def owner(self) -> str:
        """Canonical GLN key of who owns it, as far as an event says so."""
        return self.state.owner

    @property
    def conditions(self) -> tuple[str, ...]:
        """Why it may not simply be sold: `schemas.dispositions.Condition`, sorted."""
        return self.state.conditions

    @property
    def expiry(self) -> date | None:
        """The expiry date; None where none is recorded, or the sender's text is no date."""
        try:
            return date.fromisoformat(self.expiry_text) if self.expiry_text else None
        except ValueError:
            return None

    @property
    def first_event_time(self) -> datetime:
        """Of the first event that names it."""
        return moment_of(self.first_us)

    @property
    def last_event_time(self) -> datetime:
        """Of the last event that names it or a container it was in."""
        return moment_of(self.last_us)


class Now(NamedTuple):
    """How things stand with an item or container, its containers taken into account."""

    moment: int
    state: ItemState
    packed: bytes
    """Its key."""
    top: bytes
    """The packed key of the outermost container."""


def item(snapshot: Snapshot, key: str) -> StoredItem | None:
    """The item with this canonical key; None where no valid event names it."""
    driver = RawDriver(snapshot)
    row = driver.one(_ITEM_BY_KEY, (pack_key(key),))
    if row is None:
        return None
    remembered: _Remembered | None = snapshot.remembered.get("items")
    quick = _remembered_state(row, key, remembered) if remembered is not None else None
    return quick or _state(row, key, Shared(snapshot, driver))


def items(snapshot: Snapshot, keys: Iterable[str]) -> dict[str, StoredItem]:
    """Many items at once, by key; keys that no event names are left out."""
    driver = RawDriver(snapshot)
    shared = Shared(snapshot, driver)
    found = {}
    for row in driver.all_in(_OWN_BY_KEY, [pack_key(key) for key in keys], ")"):
        state = _state(row, unpack_key(row[9]), shared)
        if state is not None:
            found[state.key] = state
    return found


def items_of_lot(snapshot: Snapshot, gtin: str, lot: str) -> Iterator[StoredItem]:
    """Every item of a lot, by its packed key; streams, with its containers' state."""
    driver = RawDriver(snapshot)
    shared = Shared(snapshot, driver)
    numbers = lot_numbers(driver, gtin, lot)
    among = _among(numbers)
    for row in driver.stream(f"{_OWN} WHERE i.lot IN {among} ORDER BY i.key", numbers):
        state = _state(row, unpack_key(row[9]), shared)
        if state is not None:
            yield state


def keys_of_lot(snapshot: Snapshot, gtin: str, lot: str) -> Iterator[str]:
    """The canonical key of every item of a lot, in the order of the packed keys; streams."""
    driver = RawDriver(snapshot)
    numbers = lot_numbers(driver, gtin, lot)
    keys = f"SELECT key FROM item WHERE lot IN {_among(numbers)} ORDER BY key"  # noqa: S608  # marks
    return unpack_keys(driver.stream(keys, numbers))


def _among(numbers: list[int]) -> str:
    """As many marks as there are numbers; of none, what nothing is among."""
    return f"({', '.join('?' * len(numbers))})" if numbers else "(NULL)"


def items_between(snapshot: Snapshot, first: bytes, after: bytes) -> Iterator[StoredItem]:
    """Every item whose packed key is in a range, by key; streams, with its containers' state."""
    driver = RawDriver(snapshot)
    shared = Shared(snapshot, driver)
    for row in driver.stream(_OWN_BETWEEN, (first, after)):
        state = _state(row, unpack_key(row[9]), shared)
        if state is not None:
            yield state


def all_items(snapshot: Snapshot) -> Iterator[StoredItem]:
    """Every item, in order of commissioning; streams, with its containers' state."""
    driver = RawDriver(snapshot)
    shared = Shared(snapshot, driver)
    for row in driver.stream(_OWN + " ORDER BY i.id"):
        state = _state(row, unpack_key(row[9]), shared)
        if state is not None:
            yield state


def serials_of_lot(snapshot: Snapshot, gtin: str, lot: str) -> Iterator[str]:
    """The canonical key of every item of a lot, in order of commissioning; streams."""
    driver = RawDriver(snapshot)
    keys = "SELECT key FROM item WHERE lot = ? ORDER BY id"
    lots = lot_numbers(driver, gtin, lot)
    return chain.from_iterable(unpack_keys(driver.stream(keys, (lot_id,))) for lot_id in lots)


def lot_numbers(driver: RawDriver, gtin: str, lot: str) -> list[int]:
    """`item.lot` of the items for which any event records this lot, whatever else is recorded."""
    return [row[0] for row in driver.all(_LOT_NUMBERS, (gtin, lot))]


def contents(snapshot: Snapshot, key: str) -> list[StoredItem]:
    """What is directly inside an item now, by its key."""
    driver = RawDriver(snapshot)
    shared = Shared(snapshot, driver)
    states = (
        _state(row, unpack_key(row[9]), shared) for row in driver.all(_CONTENTS, (pack_key(key),))
    )
    return [state for state in states if state is not None]


def holding(snapshot: Snapshot, keys: Iterable[str]) -> set[str]:
    """Those of some items that hold others now, by key."""
    rows = RawDriver(snapshot).all_in(_HOLDING, [pack_key(key) for key in keys], _HOLDS_NOW)
    return set(unpack_keys(rows))


class _Remembered(NamedTuple):
    """Rows that never change, and what follows from them."""

    states: dict[int, ItemState]
    lots: dict[int, tuple[str, str]]
    sharing: dict[tuple[int, int], ItemState]
    """By the numbers of an item's own state and its container's."""


class Shared:
    """What items share: states, lots and containers; each is looked up once."""

    __slots__ = ("_containers", "_driver", "_lots", "_rows", "_sharing", "_states")

    def __init__(self, snapshot: Snapshot, driver: RawDriver) -> None:
        self._driver = driver
        remembered: _Remembered | None = snapshot.remembered.get("items")
        if remembered is None:
            remembered = snapshot.remembered["items"] = _Remembered({}, {}, {})
        self._states, self._lots, self._sharing = remembered
        self._containers: dict[int, Now] = {}
        self._rows: dict[int, Row] = {}

    def fetch(self, numbers: set[int]) -> None:
        """Look up containers by their item ids, and what these are in, level by level."""
        for _ in range(LEVELS_MAX):
            missing = sorted(numbers.difference(self._rows))
            if not missing:
                return
            rows = self._driver.all_in(_CONTAINERS, missing)
            self._rows.update((row[0], row[1:]) for row in rows)
            numbers = {row[4] for row in rows if row[4] is not None}

    def share(self, row: Row, outer: Now) -> ItemState:
        """How things stand with the item of a row whose container went on without it."""
        state = share(self.state(row[2]), outer.state)
        if row[8] is None:
            if len(self._sharing) >= REMEMBERED_MAX:
                self._sharing.clear()
            self._sharing[row[2], row[7]] = state
        return state

    def state(self, number: int) -> ItemState:
        """The state with this number."""
        known = self._states.get(number)
        if known is None:
            if len(self._states) >= REMEMBERED_MAX:
                self._states.clear()
            row = self._driver.one(STATE_BY_NUMBER, (number,))
            assert row is not None, "a state that an item has is stored"
            known = self._states[number] = state_of_row(row)
        return known

    def lot(self, number: int | None) -> tuple[str, str]:
        """Code and expiry of the lot with this number; empty for None."""
        if number is None:
            return _NO_LOT
        known = self._lots.get(number)
        if known is None:
            if len(self._lots) >= REMEMBERED_MAX:
                self._lots.clear()
            row = self._driver.one(_LOT, (number,))
            assert row is not None, "a lot that an item has is stored"
            known = self._lots[number] = (row[0], row[1])
        return known

    def container(self, number: int, level: int = 0) -> Now:
        """How things stand with the container of this item id, what it is in included."""
        known = self._containers.get(number)
        if known is None:
            row = self._rows.get(number) or self._driver.one(_CONTAINER, (number,))
            assert row is not None, "a container is an item"
            known = self._containers[number] = self.now(row, level)
        return known

    def now(self, row: Row, level: int = 0) -> Now:
        """How things stand with a container by its row (key, moment, state, parent)."""
        packed, moment, number, parent = row
        own = self.state(number)
        if parent is None or level >= LEVELS_MAX:
            return Now(moment, own, packed, packed)
        outer = self.container(parent, level + 1)
        if outer.moment > moment:
            return Now(outer.moment, share(own, outer.state), packed, outer.top)
        return Now(moment, own, packed, outer.top)

    def around(self, row: Row) -> Now:
        """The container in the columns of an item's row."""
        number: int = row[4]
        known = self._containers.get(number)
        if known is None:
            known = self._containers[number] = self.now(row[5:9])
        return known


def _remembered_state(row: Row, key: str, remembered: _Remembered) -> StoredItem | None:
    """The state where all it needs was seen before and its container is in nothing; else None.

    It is `_state` without a look at the store: the path of most verifications.
    """
    moment, age, number, lot, _, parent, outer_moment, outer_number, outer_parent = row
    state = remembered.states.get(number)
    lot_state = remembered.lots.get(lot, _NO_LOT if lot is None else None)
    if not state or not state[0] or lot_state is None or outer_parent is not None:
        return None
    latest = moment
    if parent is not None and outer_moment > moment:
        latest = outer_moment
        state = remembered.sharing.get((number, outer_number))
        if state is None:
            return None
    first = (moment >> MOMENT_BITS) - age
    return StoredItem(
        key, state, lot_state[0], lot_state[1], parent, parent, first, latest >> MOMENT_BITS
    )


def _state(row: Row, key: str, shared: Shared) -> StoredItem | None:
    moment = row[0]
    state = shared.state(row[2])
    if not state.status:
        return None
    code, expiry = shared.lot(row[3])
    parent = top = None
    first = time_of_moment(moment) - row[1]
    if row[4] is not None:
        outer = shared.around(row)
        parent, top = outer.packed, outer.top
        if outer.moment > moment:
            moment = outer.moment
            state = shared.share(row, outer)
    return StoredItem(key, state, code, expiry, parent, top, first, time_of_moment(moment))
