"""What table `item` says, 64 items to a row: a site's stock is counted without reading each item.

Items of one block with the same state, lot, container and last moment are one row of `stock_group`.
Nothing is counted here: a row holds which items it is about, and is written in the transaction that
writes theirs. Changes of a row are relative (bits set, bits cleared), as in `stays`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from epcis.store.named import ALL_BITS, signed

if TYPE_CHECKING:
    from epcis.database.raw_driver import RawDriver

_SET = (
    "INSERT INTO stock_group (mask, block, state_id, lot, parent, moment)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (block, state_id, lot, parent, moment)"
    " DO UPDATE SET mask = stock_group.mask | excluded.mask"
)
_WHERE = " WHERE block = ? AND state_id = ? AND lot = ? AND parent = ? AND moment = ?"
_CLEAR = f"UPDATE stock_group SET mask = mask & ?{_WHERE}"  # noqa: S608  # our own names
_REMOVE = f"DELETE FROM stock_group{_WHERE} AND mask = 0"  # noqa: S608  # our own names


class StockPlace(NamedTuple):
    """What items of one row of `stock_group` have in common."""

    state_id: int
    lot: int
    """0: none."""
    parent: int
    """0: in nothing."""
    moment: int


class StockGroups:
    """Items that change their places in the view of stock."""

    def __init__(self) -> None:
        self._gone: dict[tuple[int, ...], int] = defaultdict(int)
        self._come: dict[tuple[int, ...], int] = defaultdict(int)

    def move(self, block: int, mask: int, before: StockPlace | None, after: StockPlace) -> None:
        """These items of a block were in one place and are in another; new ones were in none."""
        if before == after:
            return
        if before is not None:
            self._gone[block, *before] |= mask
        self._come[block, *after] |= mask

    def write(self, driver: RawDriver) -> None:
        """Bring the changes into the table, in one order whatever changed first."""
        gone = sorted(self._gone.items())
        driver.run_many(_CLEAR, [(signed(~mask & ALL_BITS), *row) for row, mask in gone])
        driver.run_many(_REMOVE, [row for row, _ in gone])
        driver.run_many(_SET, [(signed(mask), *row) for row, mask in sorted(self._come.items())])
