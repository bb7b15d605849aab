"""Which lots an order takes, and from which cases: first expiry first; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class LotQuantity(NamedTuple):
    """So many packs of a lot."""

    lot: str
    expiry: str
    """ISO 8601 day."""
    packs: int


class LotNeed(NamedTuple):
    """What one line still needs."""

    packs: int
    lot: str = ""
    """Only this one; empty: any."""
    expires_from: str = ""
    """ISO 8601 day: what expires before is too short for the customer."""

    def accepts(self, lot: str, expiry: str) -> bool:
        """Whether a lot may serve this line."""
        return self.lot in ("", lot) and expiry >= self.expires_from


def allot(lots: Iterable[LotQuantity], needs: Sequence[LotNeed]) -> list[list[LotQuantity]]:
    """What each need gets, first expiry first; an earlier need goes before a later one.

    >>> old, new = LotQuantity("L1", "2027-01-31", 3), LotQuantity("L2", "2028-01-31", 9)
    >>> found = allot([new, old], [LotNeed(2), LotNeed(4)])
    >>> [[(one.lot, one.packs) for one in got] for got in found]
    [[('L1', 2)], [('L1', 1), ('L2', 3)]]
    """
    free = {(one.expiry, one.lot): one.packs for one in lots}
    found: list[list[LotQuantity]] = []
    for need in needs:
        left = need.packs
        got: list[LotQuantity] = []
        for (expiry, lot), packs in sorted(free.items()):
            taken = min(left, packs) if need.accepts(lot, expiry) else 0
            if taken > 0:
                got.append(LotQuantity(lot, expiry, taken))
                free[expiry, lot] -= taken
                left -= taken
        found.append(got)
    return found


class ShelfCase(NamedTuple):
    """A case with packs that may be taken; or, without a key, the loose packs of a place."""

    key: str
    place: str
    packs: int
    is_whole: bool = False
    """Nothing else is in it, so that it may go unopened."""


class PickStep(NamedTuple):
    """Take so many packs from a place."""

    case: ShelfCase
    packs: int

    @property
    def is_whole_case(self) -> bool:
        """Whether the case goes unopened."""
        return self.case.is_whole and self.packs == self.case.packs


def pick_steps(shelves: Iterable[ShelfCase], wanted: int) -> list[PickStep]:
    """Where `wanted` packs of one lot are taken from, or as many as there are.

    At most one case is broken where that is enough, and none where whole cases and loose packs
    make up the number.

    >>> shelves = [ShelfCase("A", "1", 6, True), ShelfCase("B", "1", 5, True),
    ...     ShelfCase("C", "2", 5, True)]
    >>> [(step.case.key, step.packs) for step in pick_steps(shelves, 10)]
    [('B', 5), ('C', 5)]
    """
    cases = sorted(shelves, key=lambda one: (one.place, one.key))
    loose = [one for one in cases if not one.key]
    whole = _whole_cases([one for one in cases if one.key and one.is_whole], wanted)
    steps = [PickStep(one, one.packs) for one in whole]
    left = wanted - sum(one.packs for one in whole)
    opened = [one for one in cases if one.key and one not in whole]
    for one in loose:
        if left:
            steps.append(PickStep(one, min(left, one.packs)))
            left -= steps[-1].packs
    while left and opened:
        enough = [one for one in opened if one.packs >= left]
        # An opened or mixed case is opened again before a sealed one is.
        case = min(enough or opened, key=lambda one: (one.is_whole, abs(one.packs - left)))
        opened.remove(case)
        steps.append(PickStep(case, min(left, case.packs)))
        left -= steps[-1].packs
    return steps


def _whole_cases(cases: Sequence[ShelfCase], wanted: int) -> list[ShelfCase]:
    """Cases that hold as many packs together as possible, and not more than are wanted."""
    within = (1 << (wanted + 1)) - 1
    sums = [1]
    for case in cases:  # bit n: some of the cases so far hold n packs together
        sums.append((sums[-1] | (sums[-1] << case.packs)) & within)
    total = sums[-1].bit_length() - 1
    chosen: list[ShelfCase] = []
    for case, before in zip(reversed(cases), reversed(sums[:-1]), strict=True):
        if not before >> total & 1:
            chosen.append(case)
            total -= case.packs
    return chosen[::-1]
