"""Recompute item state and containment from the events.

Used where an event came late, was corrected or declared wrong, where a rare event reaches what is
inside of a container, and by a rebuild of everything. The result is the same fold (`fold.py`) that
in-order capture makes one step at a time.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from zstandard import ZstdError

from epcis.database.columns import unpack_key
from epcis.model import AggregationEvent
from epcis.store.effect import event_effects
from epcis.store.event_tables import Role
from epcis.store.fold import Fold, ItemEvent, ItemHistory
from epcis.store.moments import NEVER, time_of_moment
from epcis.store.named import ids_of, masks_of
from epcis.store.payload import unpack_outline
from epcis.store.stays import Stay, replace_stays
from epcis.store.stock_groups import StockGroups, StockPlace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from epcis.database.raw_driver import RawDriver, Row
    from epcis.store.effect import EventEffects
    from epcis.store.state_dictionary import LotDictionary, StateDictionary

EFFECTS_KEPT_MAX = 100_000
"""Events whose effects are held in memory while items are recomputed."""
BATCH_ITEMS = 2_000
PAYLOADS_AT_ONCE = 500

_NAMING = (
    "SELECT x.block, x.mask, x.role, e.seq, e.moment, e.hash, e.parent, e.action, e.type"
    " FROM event_epc x JOIN event e ON e.seq = x.seq"
    " WHERE NOT e.voided AND e.declared_error IS NULL AND x.block"
)
_PAYLOADS = "SELECT seq, payload, document FROM event WHERE seq"
_INSIDE = (
    "SELECT c.parent, c.until, i.id, i.moment, i.moment + i.lead, i.state_id FROM containment c"
    " JOIN item i ON i.id BETWEEN c.block * 64 AND c.block * 64 + 63"
    " AND c.mask & (CAST(1 AS BIGINT) << CAST(i.id & 63 AS INTEGER)) <> 0"
    " WHERE c.until >= ? AND c.parent"
)
_STATES = "SELECT id, state_id FROM item WHERE id"
_ROW = "SELECT id, key, age, moment, moment + lead, state_id, lot, parent FROM item WHERE id"
_LEAN = "UPDATE item SET lead = ? - moment WHERE id = ? AND moment + lead < ?"
_CHANGING = ("lot", "state_id", "parent", "age", "moment", "lead")


class EventDamaged(LookupError):  # noqa: N818  # a state of the store, as StoreFull is
    """An event that an item's state needs cannot be read; `fsck` says more."""

    def __init__(self, seq: int) -> None:
        super().__init__(f"the payload of event {seq} is missing or damaged")


class Doubts(NamedTuple):
    """Which items an act has to recompute, each with the earliest moment that is in doubt."""

    late: dict[int, int]
    """Items by id."""
    emptied: set[int]
    """Those of `late` whose contents were taken out at a moment in doubt."""
    shaken: dict[int, int]
    """Items at which an event changed conditions or the end of everything inside."""


def recompute(
    driver: RawDriver, states: StateDictionary, lots: LotDictionary, doubts: Doubts
) -> int:
    """Recompute the items in doubt, and all whose state was taken from theirs.

    What an item turns out to have passed on to its contents puts these in doubt too. Returns how
    many items were recomputed. Raises EventDamaged.
    """
    if not (doubts.late or doubts.shaken):
        return 0
    first = min(chain(doubts.late.values(), doubts.shaken.values()))
    replay = Replay(driver)
    done: set[int] = set()
    looked_into = set(doubts.shaken)
    while doubtful := sorted(_all_in_doubt(driver, states, doubts) - done):
        shaken: dict[int, int] = {}
        for at in range(0, len(doubtful), BATCH_ITEMS):
            some = doubtful[at : at + BATCH_ITEMS]
            histories = write_anew(driver, states, lots, replay, some)
            shaken |= {item: first for item in some if histories[item].passed >= first}
        done.update(doubtful)
        doubts = Doubts({}, set(), {i: at for i, at in shaken.items() if i not in looked_into})
        looked_into.update(shaken)
    return len(done)


def write_anew(
    driver: RawDriver,
    states: StateDictionary,
    lots: LotDictionary,
    replay: Replay,
    items: Sequence[int],
) -> dict[int, ItemHistory]:
    """Bring rows of items and their stays to what their events tell; returns their histories."""
    found = driver.all_in(_ROW, list(items), lock=True)
    histories = replay.histories_of([row[0] for row in found])
    rows = [item_row(states, lots, row[:5], histories[row[0]]) for row in found]
    driver.update("item", "id", _CHANGING, rows)
    stock = StockGroups()
    for row, (lot, state_id, parent, _, moment, _, item_id) in zip(found, rows, strict=True):
        before = StockPlace(row[5], row[6] or 0, row[7] or 0, row[3])
        after = StockPlace(state_id, lot or 0, parent or 0, moment)
        stock.move(item_id >> 6, 1 << (item_id & 63), before, after)
    stock.write(driver)
    stays = [
        Stay(row[0], stay.since, stay.until, int(stay.parent))
        for row in found
        for stay in histories[row[0]].all_stays()
    ]
    replace_stays(driver, [row[0] for row in found], stays)
    driver.run_many(_LEAN, [(m, container, m) for container, m in leanings(histories)])
    return histories


def leanings(histories: dict[int, ItemHistory]) -> list[tuple[int, int]]:
    """(container, latest moment at which the state of something inside was taken from its own)."""
    return sorted(
        (item, history.leaned) for item, history in histories.items() if history.leaned != NEVER
    )


def item_row(states: StateDictionary, lots: LotDictionary, row: Row, history: ItemHistory) -> Row:
    """What a row (id, key, age, moment, horizon) of `item` becomes: `_CHANGING` and id."""
    item_id, key, age, moment, horizon = row
    if history.moment == NEVER:
        forgotten = time_of_moment(NEVER) - time_of_moment(moment) + age
        return None, states.nothing, None, forgotten, NEVER, horizon - NEVER, item_id
    text = unpack_key(bytes(key))
    lot = (
        lots.number(text[4:18], history.lots) if history.lots and text.startswith("/01/") else None
    )
    return (
        lot,
        states.number(history.state),
        history.parent,
        time_of_moment(history.moment) - time_of_moment(history.first),
        history.moment,
        max(horizon - history.moment, 0),
        item_id,
    )


class Replay:
    """Folds the events of items, read from the store.

    With `damaged` given, items whose events cannot be read are put there instead of raising.
    """

    def __init__(self, driver: RawDriver, damaged: set[int] | None = None) -> None:
        self._driver = driver
        self._effects: dict[int, EventEffects] = {}
        self._damaged = damaged

    def histories_of(self, items: Iterable[int]) -> dict[int, ItemHistory]:
        """These items and everything they were ever in, after all their events.

        Raises EventDamaged.
        """
        rows: dict[int, Row] = {}
        named: dict[int, dict[Role, set[int]]] = defaultdict(lambda: defaultdict(set))
        containers: dict[int, set[int]] = defaultdict(set)
        known: set[int] = set()
        waiting = set(items)
        wanted = frozenset(waiting)
        while waiting:
            known |= waiting
            found: set[int] = set()
            masks = masks_of(waiting)
            for block, mask, role, seq, *rest in self._driver.all_in(_NAMING, list(masks)):
                ids = set(ids_of(block, mask & masks[block]))
                if not ids:
                    continue
                rows[seq] = tuple(rest)
                named[seq][Role(role)] |= ids
                parent, action, kind = rest[2:]
                if role == Role.CHILD and kind == _AGGREGATION and action != "DELETE" and parent:
                    found.add(parent)
                    for one in ids:
                        containers[one].add(parent)
            waiting = found - known
        events = self._item_events(rows, named, containers)
        fold = Fold()
        fold.run(events)
        for item in wanted:
            fold.histories[item]  # one that no event names any more
        return {int(item): history for item, history in fold.histories.items()}

    def _item_events(
        self,
        rows: dict[int, Row],
        named: dict[int, dict[Role, set[int]]],
        containers: dict[int, set[int]],
    ) -> list[ItemEvent]:
        self._load(sorted(seq for seq in rows if seq not in self._effects))
        events = []
        for seq, (moment, digest, parent, action, kind) in rows.items():
            effects = self._effects.get(seq)
            if effects is None:
                self._note_damage(seq, named[seq], containers)
                continue
            is_aggregation = kind == _AGGREGATION
            events.append(
                ItemEvent(
                    moment,
                    (bytes(digest), seq),
                    {role: tuple(sorted(ids)) for role, ids in named[seq].items()},
                    parent,
                    is_aggregation,
                    is_aggregation and action == "DELETE",
                    effects.takes_all,
                    effects.effect,
                    effects.lot,
                )
            )
        return events

    def _note_damage(
        self, seq: int, named: dict[Role, set[int]], containers: dict[int, set[int]]
    ) -> None:
        """Nobody can say which items a damaged event names, nor what was ever in them."""
        if self._damaged is None:
            raise EventDamaged(seq)
        hurt = {item for ids in named.values() for item in ids}
        while hurt:
            self._damaged |= hurt
            hurt = {one for one, outer in containers.items() if outer & hurt} - self._damaged

    def _load(self, seqs: Sequence[int]) -> None:
        if len(self._effects) >= EFFECTS_KEPT_MAX:
            self._effects.clear()
        for at in range(0, len(seqs), PAYLOADS_AT_ONCE):
            some = self._driver.all_in(_PAYLOADS, list(seqs[at : at + PAYLOADS_AT_ONCE]))
            self._effects.update(_read_effects(some))


_AGGREGATION = AggregationEvent.__name__


def _read_effects(rows: Sequence[Row]) -> Iterator[tuple[int, EventEffects]]:
    for seq, payload, document in rows:
        try:
            event = unpack_outline(payload)
            yield seq, event_effects(event, is_own=document is None)
        except (ValueError, ZstdError, TypeError, OverflowError):
            continue


def _all_in_doubt(driver: RawDriver, states: StateDictionary, doubts: Doubts) -> set[int]:
    """The late items, what is inside of shaken ones, and all whose state was taken from theirs."""
    doubt = set(doubts.late)
    shaken = set(doubts.shaken)
    for item, number in driver.all_in(_STATES, sorted(doubt - shaken)):
        if states.state_of(number).reaches_inside:
            shaken.add(item)
    reached = dict(doubts.late)
    for item, moment in doubts.shaken.items():
        reached[item] = min(moment, reached.get(item, moment))
    waiting = set(reached)
    while waiting:
        inside = driver.all_in_with(
            _INSIDE, (min(reached[item] for item in waiting),), sorted(waiting)
        )
        waiting = set()
        for container, until, child, child_moment, horizon, number in inside:
            moment = reached[container]
            if until < moment:
                continue
            is_shaken = container in shaken
            if child_moment >= moment or is_shaken or container in doubts.emptied:
                doubt.add(child)
                is_shaken = is_shaken or states.state_of(number).reaches_inside
            # A child that nothing happened to since may still hold things that went on.
            is_new = reached.get(child, moment + 1) > moment or (is_shaken and child not in shaken)
            if is_new and (horizon >= moment or is_shaken):
                reached[child] = min(moment, reached.get(child, moment))
                waiting.add(child)
            if is_shaken:
                shaken.add(child)
    return doubt
