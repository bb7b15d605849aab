"""Rows of items, found, added and changed by the block.

Items that go through the same things together share one `Life`, so most statements here touch up
to 64 rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.bulk_rows import BlockTable, ChangedRows, NewRows
from epcis.database.item_keys import enter_keys
from epcis.store.moments import time_of_moment
from epcis.store.named import ids_of, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from epcis.database.raw_driver import RawDriver, Row
    from epcis.store.life import Life

COLUMNS = "id, key, lot, state_id, parent, age, moment, moment + lead"
_BY_ID = f"SELECT {COLUMNS} FROM item WHERE id"  # noqa: S608  # our own names
_ITEM = BlockTable("item", "item_key", ("lot", "state_id", "parent", "age", "moment", "lead"))


def rows_by_key(driver: RawDriver, keys: Sequence[bytes]) -> list[Row]:
    """The rows (`COLUMNS`) of the items with these packed keys; locked for the act."""
    return _ITEM.find(driver, COLUMNS, keys)


def rows_by_id(driver: RawDriver, ids: Sequence[int]) -> list[Row]:
    """The rows (`COLUMNS`) of the items with these ids; locked for the act."""
    return driver.all_in(_BY_ID, ids, lock=True)


def add_rows(driver: RawDriver, lives: Sequence[Life], keys: Mapping[int, Sequence[bytes]]) -> None:
    """Add the rows of new items; `keys` are those of a block, by their place in it."""
    runs = (NewRows(*run, _state(life)) for life in lives for run in _runs(life, keys[life.block]))
    _ITEM.add(driver, list(runs))
    if lives:
        spans = [_span(life) for life in lives]
        enter_keys(driver, min(spans)[0], max(last for _, last in spans))


def change_rows(driver: RawDriver, lives: Sequence[Life]) -> None:
    """Change the rows of known items."""
    rows = [ChangedRows(_state(life), *_span(life), signed(life.mask)) for life in lives]
    _ITEM.change(driver, rows)


def _runs(life: Life, keys: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Neighbours among the items of a life whose keys are of one size: first id, keys."""
    low, high = (number & 63 for number in _span(life))
    is_whole = life.mask >> low == (1 << high - low + 1) - 1
    if is_whole and len(set(map(len, keys[low : high + 1]))) == 1:
        yield (life.block << 6) + low, keys[low : high + 1]
        return
    for number in ids_of(life.block, life.mask):
        yield number, (keys[number & 63],)


def _state(life: Life) -> Row:
    age = time_of_moment(life.moment) - life.first
    return life.lot, life.state_id, life.parent, age, life.moment, life.horizon - life.moment


def _span(life: Life) -> tuple[int, int]:
    """The first and the last id of a life's items."""
    first = life.block << 6
    return first + (life.mask & -life.mask).bit_length() - 1, first + life.mask.bit_length() - 1
