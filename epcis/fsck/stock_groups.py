"""The view of stock against the items; with `rebuild` written anew where it differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.raw_driver import RawDriver
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from epcis.ledger.store import Store

BLOCKS_AT_ONCE = 2_000
_BLOCKS = "SELECT min(id) >> 6, max(id) >> 6 FROM item"
_STRAY_ENDS = "SELECT min(block), max(block) FROM stock_group"
_ITEMS = (
    "SELECT id >> 6 AS block, state_id, coalesce(lot, 0), coalesce(parent, 0), moment,"
    " CAST(sum(CAST(1 AS BIGINT) << CAST(id & 63 AS INTEGER)) AS BIGINT)"
    " FROM item WHERE id BETWEEN ? AND ? GROUP BY 1, 2, 3, 4, 5"
)
_GROUPS = (
    "SELECT block, state_id, lot, parent, moment, mask FROM stock_group WHERE block BETWEEN ? AND ?"
)
_FORGET = "DELETE FROM stock_group WHERE block BETWEEN ? AND ?"
_ANEW = "INSERT INTO stock_group (block, state_id, lot, parent, moment, mask) " + _ITEMS


def check_stock_groups(
    store: Store, *, now: datetime, rebuild_in: Store | None = None
) -> Iterator[Finding]:
    """Every item stands once in the view of stock, with what table `item` says of it.

    Blocks that differ are written anew in `rebuild_in`, the same database, where it is given.
    """
    with store.read() as snapshot:
        driver = RawDriver(snapshot)
        ends = [*(driver.one(_BLOCKS) or ()), *(driver.one(_STRAY_ENDS) or ())]
        known = [one for one in ends if one is not None]
        differing: list[int] = []
        for first in range(min(known, default=0), max(known, default=-1) + 1, BLOCKS_AT_ONCE):
            differing += _differing(driver, first, first + BLOCKS_AT_ONCE - 1)
    if differing and rebuild_in is not None:
        with rebuild_in.write(now, long=True) as tx:
            anew = RawDriver(tx)
            for block in differing:
                anew.run(_FORGET, (block, block))
                anew.run(_ANEW, _items_of(block, block))
    for block in differing:
        yield Finding(
            "store.stock-differs",
            Severity.ERROR if rebuild_in is None else Severity.WARNING,
            f"the view of stock differs from items {block * 64} to {block * 64 + 63}",
            "Run fsck with --rebuild." if rebuild_in is None else "It was written anew.",
            Where(path=f"stock_group/{block}"),
        )


def _differing(driver: RawDriver, first: int, last: int) -> list[int]:
    """The blocks of which rows and items say different things."""
    expected = set(driver.all(_ITEMS, _items_of(first, last)))
    kept = set(driver.all(_GROUPS, (first, last)))
    return sorted({row[0] for row in expected ^ kept})


def _items_of(first: int, last: int) -> tuple[int, int]:
    return first * 64, last * 64 + 63
