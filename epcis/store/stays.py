"""Stays in containers: what was in what, from when until when, 64 items to a row.

The packs of a case go in together and come out together, so a row says for a block of 64 item ids
which of them (`mask`) were in a container from one moment to another. Changes of a row are
relative (bits set, bits cleared): acts that change different items of a block do not disturb each
other. Whoever changes an item's stays has locked its row in `item`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from epcis.store.moments import ALWAYS
from epcis.store.named import ALL_BITS, ids_of, masks_of, signed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from epcis.database.raw_driver import RawDriver, Row

_OF_BLOCKS = "SELECT block, since, parent, until, mask FROM containment WHERE block"
_LASTING = f"SELECT block, since, parent, mask FROM containment WHERE until = {ALWAYS} AND block"  # noqa: S608  # our own number
_IN_CONTAINERS = "SELECT block, since, parent, until, mask FROM containment WHERE parent"
_SET = (
    "INSERT INTO containment (mask, block, since, parent, until) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (block, since, parent, until)"
    " DO UPDATE SET mask = containment.mask | excluded.mask"
)
_CLEAR = (
    "UPDATE containment SET mask = mask & ?"
    " WHERE block = ? AND since = ? AND parent = ? AND until = ?"
)
_REMOVE = (
    "DELETE FROM containment"
    " WHERE block = ? AND since = ? AND parent = ? AND until = ? AND mask = 0"
)


class Stay(NamedTuple):
    """One item's time in a container, in moments."""

    child: int
    since: int
    until: int
    """`ALWAYS` while it lasts."""
    parent: int


class Stays:
    """The stays that an act begins and ends; item ids come as block -> mask."""

    def __init__(self, driver: RawDriver) -> None:
        self._driver = driver
        self._begun: dict[int, dict[tuple[int, int], int]] = defaultdict(dict)
        """block -> (since, parent) -> mask"""
        self._past: dict[Row, int] = {}
        self._ended: dict[int, dict[tuple[int, int], int]] = defaultdict(dict)
        """block -> (parent, until) -> mask, of stays that are in the tables"""

    def begin(self, masks: dict[int, int], parent: int, since: int) -> None:
        """These items, which are in nothing, are in `parent` from this moment on."""
        for block, mask in masks.items():
            begun = self._begun[block]
            begun[since, parent] = begun.get((since, parent), 0) | mask

    def end(self, masks: dict[int, int], parent: int, until: int) -> None:
        """These items, which are in `parent`, are in nothing from this moment on."""
        for block, mask in masks.items():
            left = mask
            begun = self._begun.get(block, {})
            for (since, container), there in list(begun.items()):
                if container == parent and (hit := there & left):
                    left &= ~hit
                    begun[since, container] = there & ~hit
                    row = (block, since, parent, until)
                    self._past[row] = self._past.get(row, 0) | hit
            if left:
                ended = self._ended[block]
                ended[parent, until] = ended.get((parent, until), 0) | left

    def write(self) -> None:
        """Bring them into the table."""
        added = self._past
        for block, begun in self._begun.items():
            added.update(
                ((block, since, parent, ALWAYS), mask)
                for (since, parent), mask in begun.items()
                if mask
            )
        cleared = self._end_lasting(added) if self._ended else {}
        _change(self._driver, cleared, added)
        self._begun.clear()
        self._ended.clear()
        self._past = {}

    def _end_lasting(self, added: dict[Row, int]) -> dict[Row, int]:
        """What is cleared of stored rows; what comes instead joins `added`."""
        cleared: dict[Row, int] = {}
        for block, since, parent, stored in self._driver.all_in(_LASTING, sorted(self._ended)):
            ended = self._ended[block]
            for (container, until), mask in ended.items():
                hit = mask & stored if container == parent else 0
                if hit:
                    lasting, past = (block, since, parent, ALWAYS), (block, since, parent, until)
                    cleared[lasting] = cleared.get(lasting, 0) | hit
                    added[past] = added.get(past, 0) | hit
        return cleared


def replace_stays(driver: RawDriver, items: Iterable[int], stays: Iterable[Stay]) -> None:
    """Forget all stays of these items and keep those given instead."""
    masks = masks_of(items)
    cleared = {
        tuple(row[:4]): hit
        for row in driver.all_in(_OF_BLOCKS, list(masks))
        if (hit := row[4] & masks[row[0]])
    }
    added: dict[Row, int] = {}
    for child, since, until, parent in stays:
        row = (child >> 6, since, parent, until)
        added[row] = added.get(row, 0) | 1 << (child & 63)
    _change(driver, cleared, added)


def stays_of(driver: RawDriver, items: Iterable[int]) -> Iterator[Stay]:
    """What each of these items was and is in, in no order."""
    masks = masks_of(items)
    for block, since, parent, until, mask in driver.all_in(_OF_BLOCKS, list(masks)):
        for child in ids_of(block, mask & masks[block]):
            yield Stay(child, since, until, parent)


def stays_in(driver: RawDriver, containers: Sequence[int]) -> Iterator[Stay]:
    """What was and is directly in each of these containers, in no order."""
    for block, since, parent, until, mask in driver.all_in(_IN_CONTAINERS, containers):
        for child in ids_of(block, mask):
            yield Stay(child, since, until, parent)


def _change(driver: RawDriver, cleared: dict[Row, int], added: dict[Row, int]) -> None:
    """Clear bits of stored rows, and set bits of others; each row's in one order for all acts."""
    both = [row for row in cleared if row in added]
    for row in both:  # what is taken out and put back at once stays as it is
        kept = cleared[row] & added[row]
        cleared[row] &= ~kept
        added[row] &= ~kept
    clear = [(signed(ALL_BITS & ~mask), *row) for row, mask in sorted(cleared.items()) if mask]
    if clear:
        driver.run_many(_CLEAR, clear)
        driver.run_many(_REMOVE, [row[1:] for row in clear])
    rows = [(signed(mask), *row) for row, mask in sorted(added.items()) if mask]
    if rows:
        driver.run_many(_SET, rows)
