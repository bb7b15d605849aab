"""Where the packs of a recall are now: by holder and by what can still be done about them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from compliance.recall.scope import groups_of, items_in, items_named, packs_named, uploaded_in
from epcis.store.item_status import ItemStatus
from epcis.trace import AlikePacks, groups_of_lot, ranked
from verification.decision.words import PackState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from compliance.recall.genealogy import Lot
    from compliance.recall.scope import RecallScope
    from epcis.database.transactions import Snapshot
    from epcis.store.items import StoredItem


class RecallReach(NamedTuple):
    """Where the packs of a recall are: what can still be stopped, and what cannot."""

    at_hand: int = 0
    """At a holder, and not supplied."""
    on_the_way: int = 0
    supplied: int = 0
    """With patients: only a notice to them reaches these."""
    destroyed: int = 0
    ended: int = 0
    """Decommissioned, exported, stolen, lost, sampled or used up."""
    unknown: int = 0
    """No event says who has them."""

    @property
    def packs(self) -> int:
        """All of them."""
        return sum(self)

    def as_dict(self) -> dict[str, int]:
        """As `recall --json` and `/recalls` show it."""
        return {
            "packs": self.packs,
            "atHand": self.at_hand,
            "onTheWay": self.on_the_way,
            "supplied": self.supplied,
            "destroyed": self.destroyed,
            "ended": self.ended,
            "unknown": self.unknown,
        }


NOWHERE = RecallReach()


@dataclass(frozen=True, slots=True)
class Notified:
    """A holder to notify, and how many packs of the recall they hold."""

    gln: str | None
    """GLN-13, None where the holder of some packs is not known."""
    name: str | None
    packs: int
    reach: RecallReach = NOWHERE
    containers: int = 0
    """Cases and pallets that the packs are directly in."""

    def as_dict(self) -> dict[str, object]:
        """The entry as ``recall --json`` shows it."""
        return {
            "gln": self.gln,
            "name": self.name,
            "packs": self.packs,
            "reach": self.reach.as_dict(),
            "containers": self.containers,
        }


_PLACE_OF = {
    ItemStatus.NONE: "unknown",
    ItemStatus.IN_TRANSIT: "on_the_way",
    ItemStatus.DISPENSED: "supplied",
    ItemStatus.DESTROYED: "destroyed",
}
_PLACE_OF_UPLOADED = {
    PackState.ACTIVE.value: "unknown",
    PackState.SUPPLIED.value: "supplied",
    PackState.DESTROYED.value: "destroyed",
}


def place_of(status: ItemStatus, holder: str) -> str:
    """In which field of a reach a pack counts.

    >>> place_of(ItemStatus.DISPENSED, "/414/0355555000013"), place_of(ItemStatus.ACTIVE, "")
    ('supplied', 'unknown')
    """
    known = _PLACE_OF.get(status, "ended" if status.is_ended else "at_hand")
    return "unknown" if known == "at_hand" and not holder else known


def place_of_uploaded(state: str) -> str:
    """The same for a pack of which the registry alone knows."""
    return _PLACE_OF_UPLOADED.get(state, "ended")


_GONE = frozenset({ItemStatus.NONE, ItemStatus.DESTROYED, ItemStatus.CONSUMED})
"""Nobody has such a pack any more, so it is in nobody's notice."""


@dataclass(slots=True)
class _HolderCounts:
    """Packs counted by holder."""

    places: dict[str, Counter[str]] = field(default_factory=dict)
    """By the holder's key: packs by field of a reach."""
    held: Counter[str] = field(default_factory=Counter)
    containers: dict[str, set[int | str]] = field(default_factory=dict)

    def add(self, holder: str, status: ItemStatus, packs: int, inside: int | str | None) -> None:
        where = place_of(status, holder)
        self.places.setdefault(holder, Counter())[where] += packs
        if status in _GONE:
            return
        self.held[holder] += packs
        if inside is not None:
            self.containers.setdefault(holder, set()).add(inside)

    def add_groups(self, groups: Iterable[AlikePacks]) -> None:
        for one in groups:
            self.add(one.state.holder, one.state.status, one.packs, one.parent)

    def add_uploaded(self, states: Iterable[str]) -> None:
        places = Counter(map(place_of_uploaded, states))
        if places:
            self.places.setdefault("", Counter()).update(places)
            self.held[""] += places["unknown"]

    def add_items(self, found: Iterable[StoredItem | None]) -> None:
        for one in found:
            if one is None:
                self.add("", ItemStatus.NONE, 1, None)
            else:
                self.add(one.holder, one.status, 1, one.parent)


@dataclass(frozen=True, slots=True)
class ReachNow:
    """Where the packs of a recall are, as a whole and by holder, most packs first."""

    counts: RecallReach
    holders: tuple[Notified, ...]

    def as_dict(self) -> dict[str, object]:
        """As `/recalls/reach` shows it."""
        return {
            "packs": sum(holder.packs for holder in self.holders),
            "reach": self.counts.as_dict(),
            "containers": sum(holder.containers for holder in self.holders),
            "holders": [holder.as_dict() for holder in self.holders],
        }


def reach_of(
    snapshot: Snapshot,
    scope: RecallScope,
    named: Iterable[str] | None = None,
    lots: Sequence[Lot] = (),
) -> ReachNow:
    """Where the packs of a scope are now, with packs named one by one and further lots.

    Without `named`, the packs of a list or window are those that it would name now.
    """
    counted = _HolderCounts()
    groups = groups_of(snapshot, scope)
    if groups is not None:
        counted.add_groups(groups)
    else:
        counted.add_items(items_in(snapshot, scope))
    for gtin, lot in lots:
        counted.add_groups(groups_of_lot(snapshot, gtin, lot))
    keys = packs_named(snapshot, scope) if named is None else named
    outside = (key for key in keys if not scope.covers(key, ""))
    counted.add_items(one for _, one in items_named(snapshot, outside))
    counted.add_uploaded(state for _, state in uploaded_in(snapshot, scope))
    return _summed(snapshot, counted)


def _summed(snapshot: Snapshot, counted: _HolderCounts) -> ReachNow:
    total: Counter[str] = sum(counted.places.values(), Counter())
    held = counted.held
    holders = tuple(
        Notified(
            one.gln or None,
            one.name or None,
            one.packs,
            RecallReach(**counted.places.get(key, Counter())),
            len(counted.containers.get(key, ())),
        )
        for key, one in zip(
            sorted(held, key=lambda key: (-held[key], key)), ranked(snapshot, held), strict=True
        )
    )
    return ReachNow(RecallReach(**total), holders)
