"""Lives told anew: item state and containment from the events themselves.

Used where an event came late, was corrected or declared wrong, and by a rebuild of everything.
The result is the same fold that in-order capture makes one step at a time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from zstandard import ZstdError

from epcis.database.columns import unpack_key
from epcis.model import AggregationEvent
from epcis.store import item_state
from epcis.store.event_tables import Role
from epcis.store.item_state import ItemState, advance, share
from epcis.store.item_states import NEVER
from epcis.store.items import LEVELS_MAX
from epcis.store.named import bit
from epcis.store.payload import unpack_outline
from epcis.store.stays import ALWAYS, Stay, replace_stays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epcis.database.raw_driver import RawDriver, Row
    from epcis.model import Event
    from epcis.store.item_state import Happening, Lot
    from epcis.store.state_dictionary import LotDictionary, StateDictionary

TELLINGS_KEPT_MAX = 100_000
"""Lives held in memory while others are told anew."""
HAPPENINGS_KEPT_MAX = 100_000
BATCH_ITEMS = 2_000

_NAMED = (
    "SELECT e.seq, e.moment, e.hash, x.role, e.parent, e.action, e.type, e.epcs"
    " FROM event_epc x JOIN event e ON e.seq = x.seq"
    " WHERE x.block = ? AND x.mask & ? <> 0 AND NOT e.voided AND e.declared_error IS NULL"
)
_PAYLOAD = "SELECT payload FROM event WHERE seq = ?"
_INSIDE = (
    "SELECT i.id, i.moment, i.moment + i.lead FROM containment c"
    " JOIN item i ON i.id BETWEEN c.block * 64 AND c.block * 64 + 63"
    " AND c.mask & (CAST(1 AS BIGINT) << CAST(i.id & 63 AS INTEGER)) <> 0"
    " WHERE c.parent = ? AND c.until >= ?"
)
_ROW = "SELECT id, key, age, moment, moment + lead FROM item WHERE id"
_LEAN = "UPDATE item SET lead = ? - moment WHERE id = ? AND moment + lead < ?"
_CHANGING = ("lot", "state_id", "parent", "age", "moment", "lead")


class EventDamaged(LookupError):  # noqa: N818  # a state of the store, as StoreFull is
    """An event that a life needs cannot be read; `fsck` says more."""

    def __init__(self, seq: int) -> None:
        super().__init__(f"the payload of event {seq} is missing or damaged")


class Step(NamedTuple):
    """A point in a life: an event that names the item, or that empties its container."""

    moment: int
    digest: bytes
    role: Role
    seq: int
    parent: int | None
    is_aggregation: bool
    is_removal: bool
    takes_all: bool


class Inside(NamedTuple):
    """A time in a container, from and until a moment."""

    since: int
    until: int
    parent: int | None


_OUTSIDE = Inside(NEVER, ALWAYS, None)


class Telling(NamedTuple):
    """A whole life."""

    moments: tuple[int, ...]
    states: tuple[ItemState, ...]
    """After each moment."""
    stays: tuple[Inside, ...]
    lot: Lot | None

    @property
    def parent(self) -> int | None:
        """What it is in at the end."""
        if self.stays and self.stays[-1].until == ALWAYS:
            return self.stays[-1].parent
        return None


def recompute(
    hand: RawDriver,
    states: StateDictionary,
    lots: LotDictionary,
    late: dict[int, int],
    emptied: set[int],
) -> int:
    """Tell the lives of late items, and of all whose life leaned on theirs, anew.

    `late` maps item ids to the earliest moment in doubt; `emptied` are those of them whose
    contents are in doubt too. Returns how many lives were told.
    """
    if not late:
        return 0
    doubtful = sorted(_all_in_doubt(hand, late, emptied))
    teller = Teller(hand)
    for at in range(0, len(doubtful), BATCH_ITEMS):
        write_tellings(hand, states, lots, teller, doubtful[at : at + BATCH_ITEMS])
    return len(doubtful)


def write_tellings(
    hand: RawDriver,
    states: StateDictionary,
    lots: LotDictionary,
    teller: Teller,
    items: Sequence[int],
) -> None:
    """Bring rows of items and their stays to what their events tell."""
    found = hand.all_in(_ROW, list(items), lock=True)
    told = [(row, teller.tell(row[0])) for row in found]
    rows = [item_row(states, lots, row, telling) for row, telling in told]
    hand.update("item", "id", _CHANGING, rows)
    stays = [
        Stay(row[0], inside.since, inside.until, inside.parent)
        for row, telling in told
        for inside in telling.stays
        if inside.parent is not None
    ]
    replace_stays(hand, [row[0] for row in found], stays)
    hand.run_many(_LEAN, [(m, container, m) for container, m in teller.take_leanings()])


def item_row(states: StateDictionary, lots: LotDictionary, row: Row, telling: Telling) -> Row:
    """What a row (id, key, age, moment, horizon) of `item` becomes: `_CHANGING` and id."""
    item_id, key, age, moment, horizon = row
    if not telling.moments:
        forgotten = item_state.time_of_moment(NEVER) - item_state.time_of_moment(moment) + age
        return None, states.nothing, None, forgotten, NEVER, horizon - NEVER, item_id
    text = unpack_key(bytes(key))
    has_lot = telling.lot is not None and text.startswith("/01/")
    lot = lots.number(text[4:18], telling.lot) if telling.lot is not None and has_lot else None
    return (
        lot,
        states.number(telling.states[-1]),
        telling.parent,
        item_state.time_of_moment(telling.moments[-1])
        - item_state.time_of_moment(telling.moments[0]),
        telling.moments[-1],
        max(horizon - telling.moments[-1], 0),
        item_id,
    )


class Teller:
    """Tells lives from the events in the store."""

    def __init__(self, hand: RawDriver) -> None:
        self._hand = hand
        self._tellings: dict[int, Telling] = {}
        self._steps: dict[int, list[Step]] = {}
        self._happenings: dict[tuple[int, Role], tuple[Happening, Lot | None]] = {}
        self._leanings: dict[int, int] = {}
        self._under_way: set[int] = set()

    def tell(self, item_id: int) -> Telling:
        """The life of an item, from its first event to its last.

        Raises EventDamaged.
        """
        known = self._tellings.get(item_id)
        if known is None:
            if len(self._tellings) >= TELLINGS_KEPT_MAX:
                self._tellings.clear()
                self._steps.clear()
            self._under_way.add(item_id)
            try:
                known = self._tellings[item_id] = self._tell(item_id)
            finally:
                self._under_way.discard(item_id)
        return known

    def take_leanings(self) -> list[tuple[int, int]]:
        """(container, latest moment at which a life leaned on it), ascending; forgets them."""
        leanings = sorted(self._leanings.items())
        self._leanings.clear()
        return leanings

    def _tell(self, item_id: int) -> Telling:
        moments: list[int] = []
        states: list[ItemState] = []
        stays: list[Inside] = []
        lot: Lot | None = None
        state, latest, inside = ItemState(), NEVER, _OUTSIDE
        own = deque(self._steps_of(item_id))
        while (step := self._next(own, inside)) is not None:
            if inside.parent is not None:
                outer = self._before(inside.parent, step.moment)
                if outer[0] > latest:
                    state = share(state, outer[1])
            what, told_lot = self._happening(step)
            state = advance(state, what)
            latest = step.moment
            moments.append(latest)
            states.append(state)
            inside = _moved(step, inside, stays)
            if told_lot is not None and step.role in (Role.EPC, Role.OUTPUT):
                lot = told_lot
        if inside.parent is not None:
            stays.append(inside)
        return Telling(tuple(moments), tuple(states), tuple(stays), lot)

    def _next(self, own: deque[Step], inside: Inside) -> Step | None:
        """The next event that names the item, or that empties what it is in."""
        emptying = self._emptied_after(inside) if inside.parent is not None else None
        if emptying is None or (own and own[0][:2] <= emptying[:2]):
            return own.popleft() if own else None
        return emptying

    def _emptied_after(self, inside: Inside) -> Step | None:
        assert inside.parent is not None, "only a container can be emptied"
        for step in self._steps_of(inside.parent):
            if step.takes_all and step.moment > inside.since:
                return step._replace(role=Role.CHILD)
        return None

    def _before(self, container: int, moment: int, level: int = 0) -> tuple[int, ItemState]:
        """How things stood with a container just before a moment; its own containers count."""
        if container in self._under_way or level >= LEVELS_MAX:
            return NEVER, ItemState()
        self._leanings[container] = max(moment, self._leanings.get(container, moment))
        telling = self.tell(container)
        at = bisect_left(telling.moments, moment)
        latest, state = NEVER, ItemState()
        if at:
            latest, state = telling.moments[at - 1], telling.states[at - 1]
        for stay in telling.stays:
            is_inside = stay.since < moment <= stay.until
            if is_inside and stay.parent is not None:
                outer = self._before(stay.parent, moment, level + 1)
                if outer[0] > latest:
                    return outer[0], share(state, outer[1])
        return latest, state

    def _steps_of(self, item_id: int) -> list[Step]:
        known = self._steps.get(item_id)
        if known is None:
            rows = self._hand.all(_NAMED, (item_id >> 6, bit(item_id)))
            known = self._steps[item_id] = sorted(self._step(row) for row in rows)
        return known

    def _step(self, row: Row) -> Step:
        seq, moment, digest, role, parent, action, kind, epcs = row
        is_aggregation = kind == AggregationEvent.__name__
        is_removal = is_aggregation and action == "DELETE"
        takes_all = is_removal and not epcs and role == Role.PARENT and self._takes_all(seq)
        return Step(
            moment, bytes(digest), Role(role), seq, parent, is_aggregation, is_removal, takes_all
        )

    def _takes_all(self, seq: int) -> bool:
        event = self._event(seq)
        return isinstance(event, AggregationEvent) and not event.child_quantities

    def _happening(self, step: Step) -> tuple[Happening, Lot | None]:
        known = self._happenings.get((step.seq, step.role))
        if known is None:
            if len(self._happenings) >= HAPPENINGS_KEPT_MAX:
                self._happenings.clear()
            event = self._event(step.seq)
            known = item_state.happening(event, step.role), item_state.told_lot(event)
            self._happenings[step.seq, step.role] = known
        return known

    def _event(self, seq: int) -> Event:
        row = self._hand.one(_PAYLOAD, (seq,))
        try:
            return unpack_outline(row[0] if row is not None else b"")
        except (ValueError, ZstdError) as fault:
            raise EventDamaged(seq) from fault


def _moved(step: Step, inside: Inside, stays: list[Inside]) -> Inside:
    """Where the item is after a step; a stay that ends joins `stays`."""
    if not step.is_aggregation or step.role is not Role.CHILD:
        return inside
    if step.is_removal:
        if inside.parent is None or step.parent not in (None, inside.parent):
            return inside
        after = _OUTSIDE
    else:
        if step.parent is None or step.parent == inside.parent:
            return inside
        after = Inside(step.moment, ALWAYS, step.parent)
    if inside.parent is not None and inside.since < step.moment:
        stays.append(inside._replace(until=step.moment))
    return after


def _all_in_doubt(hand: RawDriver, late: dict[int, int], emptied: set[int]) -> set[int]:
    """The late items and all whose state leaned on theirs from that moment on."""
    doubt = set(late)
    reached = dict(late)
    waiting = list(late)
    while waiting:
        container = waiting.pop()
        moment = reached[container]
        for child, child_moment, horizon in hand.all(_INSIDE, (container, moment)):
            if child_moment >= moment or container in emptied:
                doubt.add(child)
            # A child that nothing happened to since may still hold things that went on.
            if horizon >= moment and reached.get(child, moment + 1) > moment:
                reached[child] = moment
                waiting.append(child)
    return doubt
