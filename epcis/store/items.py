"""Items as they are now: what a pack, case or pallet is, where, in what, and with whom.

An item's own row says how things stood at the last event that names it; what happened since to
the container it is in counts for it as well, and is read together with it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from epcis.store.bulk import Hand
from epcis.store.columns import moment_of, pack_key, unpack_key
from epcis.store.life import ItemStatus, Standing, share, time_of_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from epcis.store.database import View

LEVELS_MAX = 16
"""Containers inside each other beyond which data is taken for a circle."""

_STATUS = {status.value: status for status in ItemStatus}
_OWN = (
    "SELECT i.id, i.key, i.age, i.moment, i.parent, s.status, s.disposition, s.location,"
    " s.holder, l.code, l.expiry"
    " FROM item i JOIN standing s ON s.id = i.standing LEFT JOIN lot l ON l.id = i.lot"
)
_ITEM_BY_KEY = _OWN + " WHERE i.key = ?"
_CONTAINER = (
    "SELECT i.id, i.key, i.moment, i.parent, s.status, s.disposition, s.location, s.holder"
    " FROM item i JOIN standing s ON s.id = i.standing WHERE i.id = ?"
)
_LOT_IDS = "SELECT id FROM lot WHERE gtin = ? AND code = ?"


class ItemState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one item now. Texts that nobody told are empty."""

    key: str
    """Canonical key, e.g. `/01/{gtin14}/21/{serial}`."""
    status: ItemStatus
    disposition: str
    """Bare word."""
    location: str
    """Canonical key of the place where it is, empty on the way."""
    holder: str
    """Canonical GLN key of who has it, or to whom it was sent."""
    lot: str
    expiry: date | None
    parent: str | None
    """Key of what it is in."""
    top: str | None
    """Key of the outermost container."""
    first_event_time: datetime
    last_event_time: datetime
    """Of the last event that names it or a container it was in."""


class Now(NamedTuple):
    """How things stand with an item or container, its containers taken into account."""

    moment: int
    standing: Standing
    parent: str | None
    top: str | None


def item(view: View, key: str) -> ItemState | None:
    """The item with this canonical key; None where no valid event names it."""
    hand = Hand(view)
    row = hand.one(_ITEM_BY_KEY, (pack_key(key),))
    if row is None or not row[5]:
        return None
    return _state(row, key, Containers(hand))


def items(view: View, keys: Iterable[str]) -> dict[str, ItemState]:
    """Many items at once, by key; keys that no event names are left out."""
    hand = Hand(view)
    containers = Containers(hand)
    rows = hand.all_in(_OWN + " WHERE i.key", [pack_key(key) for key in keys])
    found: dict[str, ItemState] = {}
    for row in rows:
        if row[5]:
            state = _state(row, unpack_key(row[1]), containers)
            found[state.key] = state
    return found


def items_of_lot(view: View, gtin: str, lot: str) -> Iterator[ItemState]:
    """Every item of a lot, in order of commissioning; streams, with its containers' state."""
    hand = Hand(view)
    containers = Containers(hand)
    for (lot_id,) in hand.all(_LOT_IDS, (gtin, lot)):
        for row in hand.stream(_OWN + " WHERE i.lot = ? ORDER BY i.id", (lot_id,)):
            if row[5]:
                yield _state(row, unpack_key(row[1]), containers)


def contents(view: View, key: str) -> list[ItemState]:
    """What is directly inside an item now, by its key."""
    hand = Hand(view)
    inside = _OWN + " JOIN item p ON p.id = i.parent WHERE p.key = ? ORDER BY i.id"
    containers = Containers(hand)
    return [
        _state(row, unpack_key(row[1]), containers)
        for row in hand.all(inside, (pack_key(key),))
        if row[5]
    ]


class Containers:
    """How things stand with containers now; each is looked up once."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._known: dict[int, Now] = {}

    def now(self, container: int, level: int = 0) -> Now:
        """The container with this item id, what it is in taken into account."""
        known = self._known.get(container)
        if known is None:
            known = self._known[container] = self._look(container, level)
        return known

    def _look(self, container: int, level: int) -> Now:
        row = self._hand.one(_CONTAINER, (container,))
        if row is None:
            raise LookupError(f"container {container} has no row")
        key = unpack_key(row[1])
        own = Standing(_STATUS[row[4]], *row[5:8])
        if row[3] is None or level >= LEVELS_MAX:
            return Now(row[2], own, key, key)
        outer = self.now(row[3], level + 1)
        if outer.moment > row[2]:
            return Now(outer.moment, share(own, outer.standing), key, outer.top)
        return Now(row[2], own, key, outer.top)


def _state(row: Any, key: str, containers: Containers) -> ItemState:  # noqa: ANN401  # a driver's row
    parent = top = None
    latest = row[3]
    standing = Standing(_STATUS[row[5]], row[6], row[7], row[8])
    if row[4] is not None:
        outer = containers.now(row[4])
        parent, top = outer.parent, outer.top
        if outer.moment > latest:
            latest = outer.moment
            standing = share(standing, outer.standing)
    return ItemState(
        key=key,
        status=standing.status,
        disposition=standing.disposition,
        location=standing.location,
        holder=standing.holder,
        lot=row[9] or "",
        expiry=_day(row[10]),
        parent=parent,
        top=top,
        first_event_time=moment_of(time_of_moment(row[3]) - row[2]),
        last_event_time=moment_of(time_of_moment(latest)),
    )


def _day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None  # a sender's expiry that is no date; the document's findings say so
