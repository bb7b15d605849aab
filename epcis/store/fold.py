"""The fold: what events, in the order of their moments, make of items that hold each other.

Pure and slow: one item at a time, every event in order. `item_states` does the same for many items
at once where events come in order; what it leaves to `recompute` is worked out here. A `Fold` knows
the items it was made for and everything those were ever in.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from epcis.store.effect import inside
from epcis.store.event_tables import Role
from epcis.store.item_state import (
    ItemState,
    advance,
    lent,
    marked,
    reached,
    returned_to,
    share,
    taken_out,
)
from epcis.store.item_status import ItemStatus
from epcis.store.lots import merged
from epcis.store.moments import ALWAYS, NEVER
from schemas.dispositions import Condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from epcis.lot_facts import LotFacts
    from epcis.store.effect import Effect

LEVELS_MAX = 16
"""Containers inside each other that are followed."""
ItemId: TypeAlias = int | str


class ItemEvent(NamedTuple):
    """One event, as far as it names items of the fold."""

    moment: int
    tie: tuple[bytes, int]
    """Orders events of one moment: hash and number."""
    named: Mapping[Role, tuple[ItemId, ...]]
    parent: ItemId | None
    """parentID of an aggregation."""
    is_aggregation: bool
    is_removal: bool
    takes_all: bool
    """A removal that names nothing empties its parent."""
    effect: Callable[[Role], Effect]
    lot: LotFacts | None


class StayInside(NamedTuple):
    """A time in a container, from and until a moment."""

    since: int
    until: int
    parent: ItemId


@dataclass(slots=True)
class ItemHistory:
    """One item while its events are applied."""

    state: ItemState = field(default_factory=ItemState)
    first: int = NEVER
    moment: int = NEVER
    """Of the last event that named or reached it."""
    leaned: int = NEVER
    """The latest moment at which the state of something inside was taken from this item's."""
    passed: int = NEVER
    """The latest moment at which an event changed, or may have changed, what is inside as well."""
    parent: ItemId | None = None
    since: int = NEVER
    stays: list[StayInside] = field(default_factory=list)
    """Those that ended."""
    lots: tuple[LotFacts, ...] = ()
    seen_alone: list[int] = field(default_factory=list)
    """Moments at which it was seen without its container, and so had left it."""
    ended_full: list[int] = field(default_factory=list)
    """Moments at which it was decommissioned with things still inside."""

    def all_stays(self) -> list[StayInside]:
        """What it was in, and is in now."""
        if self.parent is None:
            return self.stays
        return [*self.stays, StayInside(self.since, ALWAYS, self.parent)]


class Fold:
    """Applies events in order to items; `histories` has the result."""

    def __init__(self) -> None:
        self.histories: dict[ItemId, ItemHistory] = defaultdict(ItemHistory)
        self._inside: dict[ItemId, set[ItemId]] = defaultdict(set)

    def run(self, events: list[ItemEvent]) -> None:
        """Apply all events; they may come in any order."""
        for event in sorted(events, key=lambda one: (one.moment, one.tie)):
            self._apply(event)

    def _apply(self, event: ItemEvent) -> None:
        pairs = [(item, role) for role in sorted(event.named) for item in event.named[role]]
        pairs += [(item, Role.CHILD) for item in self._emptied(event)]
        named = dict(pairs)
        before = {item: self._effective(item) for item in named}
        had = {item: frozenset(self.histories[item].state.conditions) for item in named}
        reaching = self._reaching(event, pairs, before)
        inner = {item: self._effective(item) for item, _ in reaching}
        for item in named:
            self._lean(item, event.moment)
        for item in self._leaving(event, named):
            self._take_out(item, event.moment)
            before[item] = taken_out(before[item])
        for item, role in pairs:
            self._advance(event, item, role, before.pop(item, None))
        for item, what in reaching:
            self._step(item, event.moment, reached(inner[item], what))
        entered = self._put(event)
        for item in named:
            lost = had[item] - frozenset(self.histories[item].state.conditions)
            self._pass_on(item, event.moment, named, lost=lost)
        for item in entered:
            self._pass_on(item, event.moment, named, gained=self._lasting_in(item))

    def _effective(self, item: ItemId) -> ItemState:
        """The state of an item, what its containers went through since included."""
        return self.latest(item)[1]

    def latest(self, item: ItemId, level: int = 0) -> tuple[int, ItemState]:
        """The last moment and the state of an item, its containers taken into account."""
        history = self.histories[item]
        if history.parent is None or level >= LEVELS_MAX:
            return history.moment, history.state
        moment, outer = self.latest(history.parent, level + 1)
        if moment > history.moment:
            return moment, share(history.state, outer)
        return history.moment, history.state

    def containers_of(self, item: ItemId) -> Iterator[ItemId]:
        """What an item is in, from the inside out."""
        parent = self.histories[item].parent
        for _ in range(LEVELS_MAX):
            if parent is None:
                return
            yield parent
            parent = self.histories[parent].parent

    def _emptied(self, event: ItemEvent) -> list[ItemId]:
        if not event.takes_all or event.parent is None:
            return []
        named = {item for items in event.named.values() for item in items}
        return [item for item in self._inside[event.parent] if item not in named]

    def _lean(self, item: ItemId, moment: int) -> None:
        for container in self.containers_of(item):
            history = self.histories[container]
            history.leaned = max(history.leaned, moment)

    def _reaching(
        self,
        event: ItemEvent,
        pairs: Iterable[tuple[ItemId, Role]],
        before: Mapping[ItemId, ItemState],
    ) -> list[tuple[ItemId, Effect]]:
        """What is inside of items whose conditions, end or owner the event changes, and how."""
        found: list[tuple[ItemId, Effect]] = []
        for item, role in pairs:
            what = event.effect(role)
            # What a container's owner had put in stays theirs when things of others are added.
            keeps_owner = what.forgets_owner and before[item].owner
            if not (what.reaches_inside or before[item].reaches_inside or keeps_owner):
                continue
            self.histories[item].passed = event.moment
            if self._inside[item]:
                if what.status is ItemStatus.DECOMMISSIONED:
                    self.histories[item].ended_full.append(event.moment)
                found.extend((content, what) for content in self._all_inside(item, before))
        return found

    def _all_inside(self, item: ItemId, named: Mapping[ItemId, object]) -> Iterator[ItemId]:
        """Everything inside at any depth, down to what the event names itself."""
        waiting, seen = [item], {item}
        while waiting:
            for content in self._inside[waiting.pop()] - seen:
                seen.add(content)
                if content not in named:
                    yield content
                    waiting.append(content)

    def _leaving(self, event: ItemEvent, named: Mapping[ItemId, Role]) -> list[ItemId]:
        """What leaves its container by the event."""
        if not event.is_aggregation:
            return self._seen_alone(event, named)
        children = [item for item, role in named.items() if role is Role.CHILD]
        children += [item for item in event.named.get(Role.CHILD, ()) if item not in children]
        if event.is_removal:
            return [one for one in children if event.parent in (None, self.histories[one].parent)]
        if event.parent is None:
            return []
        moving = [one for one in children if one != event.parent != self.histories[one].parent]
        if set(self.containers_of(event.parent)) & (set(children) - {event.parent}):
            # Nothing is inside of what it holds: the later statement counts.
            moving.append(event.parent)
        return moving

    def _seen_alone(self, event: ItemEvent, named: Mapping[ItemId, Role]) -> list[ItemId]:
        """What a step that moves goods names without anything it is in."""
        found = []
        for item, role in named.items():
            containers = set(self.containers_of(item))
            if containers and not containers & set(named) and event.effect(role).takes_out:
                self.histories[item].seen_alone.append(event.moment)
                found.append(item)
        return found

    def _take_out(self, item: ItemId, moment: int) -> None:
        history = self.histories[item]
        if history.parent is None:
            return
        if history.since < moment:
            history.stays.append(StayInside(history.since, moment, history.parent))
        self._inside[history.parent].discard(item)
        history.parent = None

    def _put(self, event: ItemEvent) -> list[ItemId]:
        """Put the children of an aggregation into its parent; returns those that were not there."""
        if not event.is_aggregation or event.is_removal or event.parent is None:
            return []
        entered = []
        for item in event.named.get(Role.CHILD, ()):
            history = self.histories[item]
            if event.parent not in (item, history.parent):
                history.parent, history.since = event.parent, event.moment
                self._inside[event.parent].add(item)
                entered.append(item)
        return entered

    def _lasting_in(self, item: ItemId) -> frozenset[str]:
        """The conditions of the container that an item has just been put into."""
        container = self.histories[item].parent
        assert container is not None, "it was put into something"
        return frozenset(inside(self.histories[container].state.conditions))

    def _pass_on(
        self,
        item: ItemId,
        moment: int,
        named: Mapping[ItemId, object],
        *,
        lost: frozenset[str] = frozenset(),
        gained: frozenset[str] = frozenset(),
    ) -> None:
        """Conditions that an item no longer has, or carries inside its container, go further in."""
        if not (lost or gained):
            return
        history = self.histories[item]
        history.passed = moment
        history.state = lent(history.state, gained)
        for content in self._all_inside(item, {} if gained else named):
            self._step(content, moment, lent(returned_to(self._effective(content), lost), gained))

    def _advance(
        self, event: ItemEvent, item: ItemId, role: Role, before: ItemState | None
    ) -> None:
        what = event.effect(role)
        history = self.histories[item]
        state = advance(history.state if before is None else before, what)
        if event.lot is not None and role in (Role.EPC, Role.OUTPUT):
            history.lots, conflicts = merged(history.lots, event.lot)
            if conflicts:
                twice = (Condition.COMMISSIONED_TWICE.value,) if what.is_made else ()
                state = marked(state, (*conflicts, *twice))
        self._step(item, event.moment, state)

    def _step(self, item: ItemId, moment: int, state: ItemState) -> None:
        history = self.histories[item]
        if history.moment == NEVER:
            history.first = moment
        history.moment, history.state = moment, state
