"""Items of one block that the same events have named, and that so share their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.store.moments import time_of_moment
from epcis.store.stock_groups import StockPlace

if TYPE_CHECKING:
    from epcis.database.raw_driver import Row


class ItemGroup:
    """Some items of one block with the state that all of them have; written as one row each.

    `horizon` is the latest moment at which another group took its state from this one; an event up
    to there comes late. A late group is recomputed before the transaction ends.
    """

    __slots__ = (
        "block", "changed", "first", "horizon", "is_late", "is_new", "kept", "lot", "mask",
        "moment", "parent", "state_id",
    )  # fmt: skip

    def __init__(self, block: int, mask: int, state: Row, *, is_late: bool = False) -> None:
        self.block = block
        self.mask = mask
        self.lot, self.state_id, self.parent, age, self.moment, self.horizon = state
        self.first = time_of_moment(self.moment) - age
        self.is_late = is_late
        self.is_new = self.changed = False
        self.kept: StockPlace | None = self.stock
        """Their place in the view of stock as the tables have it; None where they have none."""

    @property
    def stock(self) -> StockPlace:
        """Their place in the view of stock."""
        return StockPlace(self.state_id, self.lot or 0, self.parent or 0, self.moment)

    def part(self, mask: int) -> ItemGroup:
        """Some of the items, which are a group of their own from now on."""
        age = time_of_moment(self.moment) - self.first
        state = (self.lot, self.state_id, self.parent, age, self.moment, self.horizon)
        other = ItemGroup(self.block, mask, state, is_late=self.is_late)
        other.is_new = self.is_new
        other.kept = self.kept
        self.mask &= ~mask
        return other
