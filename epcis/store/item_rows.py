"""Rows of items, found, added and changed by the block.

Items that the same events named share one `ItemGroup`, so most statements here touch up to 64
rows.
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
    from epcis.store.item_group import ItemGroup

COLUMNS = "id, key, lot, state_id, parent, age, moment, moment + lead"
_BY_ID = f"SELECT {COLUMNS} FROM item WHERE id"  # noqa: S608  # our own names
_ITEM = BlockTable("item", "item_key", ("lot", "state_id", "parent", "age", "moment", "lead"))


def rows_by_key(driver: RawDriver, keys: Sequence[bytes]) -> list[Row]:
    """The rows (`COLUMNS`) of the items with these packed keys; locked for the act."""
    return _ITEM.find(driver, COLUMNS, keys)


def rows_by_id(driver: RawDriver, ids: Sequence[int]) -> list[Row]:
    """The rows (`COLUMNS`) of the items with these ids; locked for the act."""
    return driver.all_in(_BY_ID, ids, lock=True)


def add_rows(
    driver: RawDriver, groups: Sequence[ItemGroup], keys: Mapping[int, Sequence[bytes]]
) -> None:
    """Add the rows of new items; `keys` are those of a block, by their place in it."""
    runs = (
        NewRows(*run, _state(group)) for group in groups for run in _runs(group, keys[group.block])
    )
    _ITEM.add(driver, list(runs))
    if groups:
        spans = [_span(group) for group in groups]
        enter_keys(driver, min(spans)[0], max(last for _, last in spans))


def change_rows(driver: RawDriver, groups: Sequence[ItemGroup]) -> None:
    """Change the rows of known items."""
    rows = [ChangedRows(_state(group), *_span(group), signed(group.mask)) for group in groups]
    _ITEM.change(driver, rows)


def _runs(group: ItemGroup, keys: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Neighbours among the items of a group whose keys are of one size: first id, keys."""
    low, high = (number & 63 for number in _span(group))
    is_whole = group.mask >> low == (1 << high - low + 1) - 1
    if is_whole and len(set(map(len, keys[low : high + 1]))) == 1:
        yield (group.block << 6) + low, keys[low : high + 1]
        return
    for number in ids_of(group.block, group.mask):
        yield number, (keys[number & 63],)


def _state(group: ItemGroup) -> Row:
    age = time_of_moment(group.moment) - group.first
    return group.lot, group.state_id, group.parent, age, group.moment, group.horizon - group.moment


def _span(group: ItemGroup) -> tuple[int, int]:
    """The first and the last id of a group's items."""
    first = group.block << 6
    return first + (group.mask & -group.mask).bit_length() - 1, first + group.mask.bit_length() - 1
