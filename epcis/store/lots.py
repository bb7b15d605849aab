"""The lots that events tell of one item, in order: the first counts, others are a conflict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.lot_facts import LotFacts
from schemas.dispositions import Condition

if TYPE_CHECKING:
    from collections.abc import Sequence

LOTS_MAX = 8
"""Different lots of one item that are kept; events still have the others."""


def merged(
    known: tuple[LotFacts, ...], stated: LotFacts
) -> tuple[tuple[LotFacts, ...], tuple[str, ...]]:
    """The lots of an item after one more was recorded, and the conflicts that this shows.

    What fits a known lot fills its gaps.

    >>> merged((LotFacts("L1", ""),), LotFacts("", "2027-05-31"))
    ((LotFacts(code='L1', expiry='2027-05-31'),), ())
    >>> merged((LotFacts("L1", "2027-05-31"),), LotFacts("L2", "2027-05-31"))[1]
    ('lot_conflict',)
    """
    for at, one in enumerate(known):
        if _fits(one, stated):
            both = LotFacts(one.code or stated.code, one.expiry or stated.expiry)
            return (*known[:at], both, *known[at + 1 :]), ()
    after = (*known, stated)
    conflicts = []
    if known and _differ([one.code for one in after]):
        conflicts.append(Condition.LOT_CONFLICT.value)
    if known and _differ([one.expiry for one in after]):
        conflicts.append(Condition.EXPIRY_CONFLICT.value)
    return after[:LOTS_MAX], tuple(conflicts)


def _fits(one: LotFacts, other: LotFacts) -> bool:
    return all(a == b or not a or not b for a, b in zip(one, other, strict=True))


def _differ(texts: Sequence[str]) -> bool:
    return len({text for text in texts if text}) > 1
