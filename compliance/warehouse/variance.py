"""What a count found against the stock as it is now.

Not against the stock when the count began: goods that were picked, shipped or taken in meanwhile
are seen by those acts, and are no difference.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from compliance.warehouse.counts import CountRefused, is_within, scans_that_count
from compliance.warehouse.last_seen import was_at_hand
from epcis.database.columns import microseconds
from epcis.store.effect import party_key
from epcis.store.item_status import ItemStatus
from epcis.store.items import holding, items
from epcis.trace import path
from verification.decision.many import is_pack
from verification.stock import PAGE_ITEMS_MAX, Standing, StockFilter, stock_items

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from compliance.warehouse.counts import CountScan, CountSession
    from epcis.database.transactions import Snapshot
    from epcis.store.items import StoredItem

EXPECTED_MAX = 200_000
"""Items that one count compares."""
_AT_ONCE = 1_000
_EXPECTED = frozenset({Standing.IN_STOCK, Standing.ON_HOLD, Standing.EXPIRED})
_HERE = frozenset({ItemStatus.ACTIVE, ItemStatus.LOCKED, ItemStatus.NONE})


class CountFinding(StrEnum):
    """How something that was counted, or was not, differs from the records."""

    MISSING = "missing"
    OTHER_SHELF = "on another shelf"
    FOUND_AGAIN = "found again"
    NOT_RECEIVED = "not received yet"
    RECORDED_ELSEWHERE = "recorded elsewhere"
    OUT_OF_USE = "out of use"
    NOT_ON_RECORD = "not on record"


SAY_FINDING = {
    CountFinding.MISSING: "look for it; closing the count records it as lost or stolen",
    CountFinding.OTHER_SHELF: "closing the count records where it was counted",
    CountFinding.FOUND_AGAIN: "it was recorded as lost; closing the count takes that back",
    CountFinding.NOT_RECEIVED: "it is on the way here by the records: receive it",
    CountFinding.RECORDED_ELSEWHERE: "set it aside and ask who has it by the records",
    CountFinding.OUT_OF_USE: "set it aside: it was handed out, destroyed or stolen by the records",
    CountFinding.NOT_ON_RECORD: "set it aside: no event says that it was made",
}
"""What to do about each, for a person."""


class CountedItem(NamedTuple):
    """One thing that differs."""

    key: str
    finding: CountFinding
    gtin: str
    lot: str
    recorded_at: str
    """Place by the records; empty where they name none."""
    counted_at: str
    """Empty where it was not counted."""
    by: str
    """Who counted it."""


class Variance(NamedTuple):
    """A count against the stock now."""

    expected: int
    """Items that should be there, by the records."""
    as_recorded: int
    """Of these, items that were counted where they should be, or were seen there since."""
    differs: tuple[CountedItem, ...]
    """By finding, product and key."""

    def of(self, finding: CountFinding) -> list[CountedItem]:
        """What differs in one way."""
        return [one for one in self.differs if one.finding is finding]


def variance(snapshot: Snapshot, session: CountSession, now: datetime) -> Variance:
    """Compare a count with the stock now.

    Raises CountRefused where more than `EXPECTED_MAX` items should be there.
    """
    return _Comparison(snapshot, session, now).done()


def finding_of(
    session: CountSession, scan: CountScan, item: StoredItem | None
) -> CountFinding | None:
    """How something that was scanned differs from the records; None where it does not.

    What happened to it after its scan is no difference: it was there when it was counted.
    """
    if item is None:
        return CountFinding.NOT_ON_RECORD
    location = item.location or (item.holder if item.holder == session.site else "")
    is_here = item.status in _HERE and party_key(location or "/") == session.site
    if is_here and is_within(location, scan.place):
        return None
    if microseconds(item.last_event_time) > scan.at_us:
        return None
    return _of_status(session, item, is_here=is_here)


def _of_status(session: CountSession, item: StoredItem, *, is_here: bool) -> CountFinding:
    """What is wrong with something that is not recorded where it was counted."""
    if item.status is ItemStatus.IN_TRANSIT and item.holder == session.site:
        return CountFinding.NOT_RECEIVED
    if item.status is ItemStatus.LOST:
        return CountFinding.FOUND_AGAIN
    if item.status.is_ended:
        return CountFinding.OUT_OF_USE
    return CountFinding.OTHER_SHELF if is_here else CountFinding.RECORDED_ELSEWHERE


class _Comparison:
    """One comparison of a count with the stock."""

    def __init__(self, snapshot: Snapshot, session: CountSession, now: datetime) -> None:
        self.snapshot, self.session, self.now = snapshot, session, now
        self.scans = scans_that_count(snapshot, session)
        self.expected = self._expected()
        """Place by the records of each thing that should be there."""
        self.stored: dict[str, StoredItem] = {}
        wanted = list(dict.fromkeys([*self.expected, *self.scans]))
        for start in range(0, len(wanted), _AT_ONCE):
            self.stored |= items(snapshot, wanted[start : start + _AT_ONCE])

    def done(self) -> Variance:
        """The variance."""
        differs = [one for scan in self.scans.values() if (one := self._scanned(scan)) is not None]
        seen = self._seen()
        missing = [key for key in self._to_be_counted() if key not in seen]
        gone = [key for key in missing if not self._was_seen_since(key)]
        differs += [self._item(key, CountFinding.MISSING, None) for key in gone]
        order = {one: at for at, one in enumerate(CountFinding)}
        differs.sort(key=lambda one: (order[one.finding], one.gtin, one.lot, one.key))
        expected = len(self._to_be_counted())
        return Variance(expected, expected - len(gone), tuple(differs))

    def _expected(self) -> dict[str, str]:
        session = self.session
        wanted = StockFilter(place=session.site, gtin=session.gtin)
        found: dict[str, str] = {}
        after: str | None = ""
        while after is not None:
            page = stock_items(self.snapshot, wanted, self.now, after=after, most=PAGE_ITEMS_MAX)
            for one in page.items:
                place = one.place or session.site
                if one.standing in _EXPECTED and session.covers(place):
                    found[one.id] = place
            if len(found) > EXPECTED_MAX:
                raise CountRefused(
                    f"more than {EXPECTED_MAX} items should be at {session.place}: count it by"
                    " aisle or by product"
                )
            after = page.next
        return found

    def _to_be_counted(self) -> list[str]:
        """What should be counted: packs, and containers that hold something."""
        containers = [key for key in self.expected if not is_pack(key)]
        full: set[str] = set()
        for start in range(0, len(containers), _AT_ONCE):
            full |= holding(self.snapshot, containers[start : start + _AT_ONCE])
        return [key for key in self.expected if is_pack(key) or key in full]

    def _seen(self) -> set[str]:
        """What was counted: itself, in a closed case, or as a case whose packs were counted."""
        seen = set(self.scans)
        for key in self.expected:
            above = list(self._above(key))
            if not self.session.is_opened and not self.scans.keys().isdisjoint(above):
                seen.add(key)
            if key in self.scans:
                seen.update(above)
        return seen

    def _above(self, key: str) -> Iterator[str]:
        """What it is in, from the inside out."""
        passed = {key}
        item = first = self.stored.get(key)
        while item is not None and item.parent is not None and item.parent not in passed:
            passed.add(item.parent)
            yield item.parent
            item = self.stored.get(item.parent)
        if first is not None and first.top is not None and first.top not in passed:
            yield first.top  # a case between was not looked up, where one product is counted

    def _scanned(self, scan: CountScan) -> CountedItem | None:
        finding = finding_of(self.session, scan, self.stored.get(scan.key))
        if finding is None or self._came_along(scan):
            return None
        return self._item(scan.key, finding, scan)

    def _came_along(self, scan: CountScan) -> bool:
        """Whether its case was scanned at the same place, and so says it for both."""
        return any(
            outer in self.scans and self.scans[outer].place == scan.place
            for outer in self._above(scan.key)
        )

    def _was_seen_since(self, key: str) -> bool:
        """Whether an event at this site had it at hand after the count was opened."""
        item = self.stored.get(key)
        since_us = self.session.opened_us
        if item is None or microseconds(item.last_event_time) < since_us:
            return False
        return any(
            one.event_time_us >= since_us
            and was_at_hand(one)
            and (one.level == 0 or not self.session.is_opened)
            and party_key(one.biz_location or one.read_point or "/") == self.session.site
            for one in path(self.snapshot, key)
        )

    def _item(self, key: str, finding: CountFinding, scan: CountScan | None) -> CountedItem:
        item = self.stored.get(key)
        return CountedItem(
            key=key,
            finding=finding,
            gtin=key[4:18] if key.startswith("/01/") else "",
            lot=item.lot if item is not None else "",
            recorded_at=(item.location or item.holder) if item is not None else "",
            counted_at=scan.place if scan is not None else "",
            by=scan.by if scan is not None else "",
        )
