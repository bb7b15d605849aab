"""What items have been through together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.store.moments import time_of_moment

if TYPE_CHECKING:
    from epcis.database.raw_driver import Row


class Life:
    """What some items of one block have been through, and so the rows of all of them.

    `horizon` is the latest moment at which another life leaned on this one; an event up to there
    comes late. A life that is late is told anew before the act ends.
    """

    __slots__ = (
        "block", "changed", "first", "horizon", "is_late", "is_new", "lot", "mask", "moment",
        "parent", "state_id",
    )  # fmt: skip

    def __init__(self, block: int, mask: int, state: Row, *, is_late: bool = False) -> None:
        self.block = block
        self.mask = mask
        self.lot, self.state_id, self.parent, age, self.moment, self.horizon = state
        self.first = time_of_moment(self.moment) - age
        self.is_late = is_late
        self.is_new = self.changed = False

    def part(self, mask: int) -> Life:
        """Some of the items, which from now on have a life of their own."""
        age = time_of_moment(self.moment) - self.first
        state = (self.lot, self.state_id, self.parent, age, self.moment, self.horizon)
        other = Life(self.block, mask, state, is_late=self.is_late)
        other.is_new = self.is_new
        self.mask &= ~mask
        return other
