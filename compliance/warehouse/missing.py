"""Goods that are lost or stolen by the records, each with when, where and by whom last seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from compliance.warehouse.counts import read_place
from compliance.warehouse.last_seen import LAST_SEEN_MAX, LastSeen, last_seen
from verification.stock import PAGE_ITEMS_MAX, Standing, StockFilter, StockItem, stock_items

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.database.transactions import Snapshot


class MissingItem(NamedTuple):
    """Something that nobody can find."""

    key: str
    state: str
    """`lost` or `stolen`."""
    lot: str
    place: str
    """Where it should be, by the records."""
    seen: LastSeen | None

    def as_dict(self) -> dict[str, object]:
        """As the API and `--json` show it."""
        seen = self.seen.as_dict() if self.seen is not None else None
        fields = {"id": self.key, "state": self.state, "lot": self.lot, "place": self.place}
        return {**fields, "lastSeen": seen}


def missing_goods(snapshot: Snapshot, place: str, now: datetime) -> list[MissingItem]:
    """What is missing at a site, or anywhere; at most `LAST_SEEN_MAX`. Raises CountRefused."""
    where = read_place(place) if place.strip() else ""
    wanted = StockFilter(place=where, standing=Standing.MISSING)
    found: list[StockItem] = []
    after: str | None = ""
    while after is not None and len(found) < LAST_SEEN_MAX:
        page = stock_items(snapshot, wanted, now, after=after, most=PAGE_ITEMS_MAX)
        found += page.items
        after = page.next
    found = found[:LAST_SEEN_MAX]
    seen = last_seen(snapshot, [one.id for one in found])
    return [
        MissingItem(one.id, ", ".join(one.reasons), one.lot, one.place, seen.get(one.id))
        for one in found
    ]
