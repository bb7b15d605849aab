"""Items of a transaction: loaded or made once, changed by its events, written at the end.

Items that the same events named are one `ItemGroup`: the packs of a case are commissioned, packed
and shipped together. What an event names is block -> mask, as in named.py, so an event of a
hundred packs is two or three steps.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from epcis.store.item_group import ItemGroup
from epcis.store.item_rows import add_rows, change_rows, rows_by_id, rows_by_key
from epcis.store.items import LEVELS_MAX
from epcis.store.moments import NEVER, time_of_moment
from epcis.store.named import ids_of, masks_of
from epcis.store.stays import Stays
from epcis.store.stock_groups import StockGroups

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from epcis.database.raw_driver import RawDriver, Row
    from epcis.store.effect import Effect
    from epcis.store.state_dictionary import StateDictionary

_NEVER_US = time_of_moment(NEVER)
BLOCK = 64
"""Item ids in one row of `event_epc`, see named.py."""
ITEMS_KEPT_MAX = 50_000
LISTS_KEPT_MAX = 2_000
"""Items, and lists of them, held in memory between the batches of one document."""

Masks: TypeAlias = dict[int, int]
"""Some items: block -> mask."""


def holds(masks: Masks, item_id: int) -> bool:
    """Whether an item is among some items."""
    return bool(masks.get(item_id >> 6, 0) >> (item_id & 63) & 1)


class Meeting(NamedTuple):
    """One list of an event, before its items are at hand."""

    keys: tuple[bytes, ...]
    """Packed, each once."""
    first_us: int
    """When the event happened: an item new to the store was first seen then."""
    holds_others: bool
    """Whether they are containers."""


class ItemStates:
    """The items of a transaction. An item that contains others is alone in its group."""

    def __init__(self, driver: RawDriver, states: StateDictionary) -> None:
        self._driver = driver
        self._states = states
        self._ids: dict[bytes, int] = {}
        self._masks: dict[tuple[bytes, ...], Masks] = {}
        self._by_block: dict[int, list[ItemGroup]] = defaultdict(list)
        self._made: dict[int, list[bytes]] = {}
        self._changed: list[ItemGroup] = []
        self._stays = Stays(driver)
        self.late: dict[int, int] = {}
        """Item id -> earliest moment from which its state must be recomputed."""
        self.emptied: set[int] = set()
        """Containers of which everything was taken out at a late moment, or by not naming it."""
        self.shaken: dict[int, int] = {}
        """Item id -> earliest moment at which what is inside got or lost conditions or ended."""

    def meet(self, meetings: Sequence[Meeting]) -> None:
        """Have the items of these lists at hand, with all they are in; new ones get their ids.

        The lists come in the order of commissioning.
        """
        if len(self._ids) > ITEMS_KEPT_MAX:
            self._ids.clear()
            self._masks.clear()
            self._by_block.clear()
        known = self._ids
        unknown = list(dict.fromkeys(k for one in meetings for k in one.keys if k not in known))
        loaded = self._load(rows_by_key(self._driver, unknown))
        made = [key for key in unknown if key not in known]
        if made:
            self._make(made, meetings)
        self._load_containers(loaded)

    def masks(self, keys: tuple[bytes, ...]) -> Masks:
        """These items by block; they are at hand."""
        known = self._masks.get(keys)
        if known is None:
            if len(self._masks) >= LISTS_KEPT_MAX:
                self._masks.clear()
            known = self._masks[keys] = masks_of([self._ids[key] for key in keys])
        return known

    def id_of(self, key: bytes) -> int:
        """The id of an item that is at hand."""
        return self._ids[key]

    def gather(self, masks: Masks) -> list[ItemGroup]:
        """The groups of exactly these items."""
        found = []
        for block, mask in masks.items():
            for group in tuple(self._by_block[block]):
                named = group.mask & mask
                if named:
                    found.append(group if named == group.mask else self._part(group, named))
        return found

    def alone(self, item_id: int) -> ItemGroup:
        """The group of one item that is at hand, which no other shares any more."""
        return self.gather({item_id >> 6: 1 << (item_id & 63)})[0]

    def touch(self, group: ItemGroup) -> None:
        """Remember that the rows of a group have changed."""
        if not group.changed:
            group.changed = True
            self._changed.append(group)

    def mark_late(self, group: ItemGroup, moment: int) -> None:
        """An event came late for these items: they are recomputed before the transaction ends."""
        group.is_late = True
        for item_id in ids_of(group.block, group.mask):
            self.late[item_id] = min(moment, self.late.get(item_id, moment))

    def doubt(self, item_id: int, moment: int) -> None:
        """Recompute an item before the transaction ends, whether it is loaded or not."""
        self.late[item_id] = min(moment, self.late.get(item_id, moment))
        if self._has(item_id):
            self.alone(item_id).is_late = True

    def postpone(self, group: ItemGroup, what: Effect, moment: int) -> None:
        """Leave items to `recompute`, and what is inside where the event may reach there."""
        self.mark_late(group, moment)
        if what.reaches_inside or what.may_lift:
            self.shake(group, moment)

    def shake(self, group: ItemGroup, moment: int) -> None:
        """An event changed conditions or the end of what is inside of these items."""
        for item_id in ids_of(group.block, group.mask):
            self.shaken[item_id] = min(moment, self.shaken.get(item_id, moment))

    def move_on(
        self,
        groups: Iterable[ItemGroup],
        what: Effect,
        moment: int,
        lots: Sequence[int | None] = (),
    ) -> list[ItemGroup]:
        """Apply an event to items; returns those it was not late for.

        `lots` holds the number of the lot that it tells, if it tells one.
        """
        after: dict[int, int] = {}
        moved = []
        for group in groups:
            is_late = moment <= group.horizon or group.is_late
            if is_late or (lots and group.lot not in (None, *lots)):
                self.postpone(group, what, moment)
                continue
            if what.reaches_inside or self._states.state_of(group.state_id).reaches_inside:
                self.shake(group, moment)
            if group.parent is not None and not self._share(group, moment):
                self.postpone(group, what, moment)
                continue
            state = after.get(group.state_id)
            if state is None:
                state = self._states.after(group.state_id, what)
                after[group.state_id] = state
            if group.moment == NEVER:
                group.first = time_of_moment(moment)
            group.state_id = state
            group.moment = group.horizon = moment
            if lots:
                group.lot = lots[0]
            self.touch(group)
            moved.append(group)
        return moved

    def leave_alone(self, groups: Iterable[ItemGroup], named: Masks, moment: int) -> None:
        """Take items out of their containers where the event names neither of these."""
        for group in groups:
            if group.parent is None or any(holds(named, one) for one in self.containers_of(group)):
                continue
            self.take_out([group], moment)

    def containers_of(self, group: ItemGroup) -> Iterator[int]:
        """The ids of what items are in, from the inside out."""
        number = group.parent
        for _ in range(LEVELS_MAX):
            if number is None:
                return
            yield number
            number = self.alone(number).parent

    def put_into(self, groups: Iterable[ItemGroup], parent: int, moment: int) -> None:
        """The items are in the container with this id from this moment on."""
        moving = [group for group in groups if group.parent != parent]
        self.take_out([group for group in moving if group.parent is not None], moment)
        lasting = self._states.state_of(self.alone(parent).state_id).conditions
        for group in moving:
            if lasting:
                self._leave_to_recompute(group, moment)
            group.parent = parent
            self._stays.begin({group.block: group.mask}, parent, moment)

    def take_out(self, groups: Iterable[ItemGroup], moment: int) -> None:
        """The items, each of which is in something, are in nothing from this moment on."""
        for group in groups:
            assert group.parent is not None, "only what is in something is taken out"
            self._stays.end({group.block: group.mask}, group.parent, moment)
            group.parent = None
            if self._states.state_of(group.state_id).borrowed:
                self._leave_to_recompute(group, moment)

    def _leave_to_recompute(self, group: ItemGroup, moment: int) -> None:
        """Conditions of a container begin or end to hold for items and what is in them: rare."""
        self.mark_late(group, moment)
        self.shake(group, moment)

    def write(self) -> None:
        """Bring all changes into the tables."""
        changed = sorted(self._changed, key=lambda group: (group.block, group.mask & -group.mask))
        add_rows(self._driver, [group for group in changed if group.is_new], self._made)
        change_rows(self._driver, [group for group in changed if not group.is_new])
        stock = StockGroups()
        for group in changed:
            group.is_new = group.changed = False
            stock.move(group.block, group.mask, group.kept, group.stock)
            group.kept = group.stock
        stock.write(self._driver)
        self._changed.clear()
        self._made.clear()
        self._stays.write()

    def effective(self, group: ItemGroup, level: int = 0) -> tuple[int, int]:
        """Last moment and state number of items, their containers taken into account."""
        if group.parent is None or level >= LEVELS_MAX:
            return group.moment, group.state_id
        moment, state = self.effective(self.alone(group.parent), level + 1)
        if moment > group.moment:
            return moment, self._states.shared(group.state_id, state)
        return group.moment, group.state_id

    def owner(self, group: ItemGroup) -> str:
        """Who owns items, their containers taken into account; empty where nobody says."""
        return self._states.state_of(self.effective(group)[1]).owner

    def _share(self, group: ItemGroup, moment: int) -> bool:
        """Let items share what happened to their container; False where that is recomputed."""
        assert group.parent is not None, "what is in nothing shares nothing"
        container_state = self._lean_on(group.parent, moment)
        if container_state is None:
            return False
        if container_state[0] > group.moment:
            group.state_id = self._states.shared(group.state_id, container_state[1])
        return True

    def _lean_on(self, container: int, moment: int) -> tuple[int, int] | None:
        """The container's effective state at a moment, None where it is recomputed itself."""
        container_state = self.effective(self.alone(container))
        number: int | None = container
        for _ in range(LEVELS_MAX):
            if number is None:
                break
            group = self.alone(number)
            if group.is_late or group.moment >= moment:
                return None
            if group.horizon < moment:
                group.horizon = moment
                self.touch(group)
            number = group.parent
        return container_state

    def _make(self, made: list[bytes], meetings: Sequence[Meeting]) -> None:
        """Ids and groups for new items: neighbours share a block of 64, a container has its own.

        Most events name either many neighbours or one container, so both are found by reading
        few rows of `event_epc`.
        """
        containers = {key for one in meetings if one.holds_others for key in one.keys}
        holding = [key for key in made if key in containers]
        plain = [key for key in made if key not in containers]
        filled = -(-len(plain) // BLOCK)
        blocks = self._driver.next_blocks(filled + len(holding))
        numbers = chain.from_iterable(range(b * BLOCK, (b + 1) * BLOCK) for b in blocks)
        self._ids.update(zip(plain, numbers, strict=False))
        own = [block * BLOCK for block in blocks[filled:]]
        self._ids.update(zip(holding, own, strict=True))
        blocks_of_keys = [plain[at : at + BLOCK] for at in range(0, len(plain), BLOCK)]
        blocks_of_keys.extend([key] for key in holding)
        waiting = {}
        for block, keys in zip(blocks, blocks_of_keys, strict=True):
            self._made[block] = keys
            waiting[block] = (1 << len(keys)) - 1
        nothing = self._states.nothing
        for one in meetings:
            for block, mask in self.masks(one.keys).items():
                new = mask & waiting.get(block, 0)
                if new:
                    waiting[block] &= ~new
                    state = (None, nothing, None, _NEVER_US - one.first_us, NEVER, NEVER)
                    group = ItemGroup(block, new, state)
                    group.is_new, group.kept = True, None
                    self._by_block[block].append(group)
                    self.touch(group)

    def _part(self, group: ItemGroup, mask: int) -> ItemGroup:
        other = group.part(mask)
        self._by_block[group.block].append(other)
        if group.changed:
            self.touch(other)
        return other

    def _has(self, item_id: int) -> bool:
        bit = 1 << (item_id & 63)
        return any(group.mask & bit for group in self._by_block.get(item_id >> 6, ()))

    def _load(self, rows: Iterable[Row]) -> list[ItemGroup]:
        """Lives of rows; those of a block that say the same are one."""
        shared: dict[Row, ItemGroup] = {}
        for row in rows:
            number = row[0]
            self._ids[bytes(row[1])] = number
            block, bit, is_late = number >> 6, 1 << (number & 63), number in self.late
            state = (block, is_late, *row[2:])
            group = shared.get(state)
            if group is None:
                group = shared[state] = ItemGroup(block, bit, row[2:], is_late=is_late)
                self._by_block[block].append(group)
            else:
                group.mask |= bit
        return list(shared.values())

    def _load_containers(self, groups: list[ItemGroup]) -> None:
        for _ in range(LEVELS_MAX):
            parents = {group.parent for group in groups if group.parent is not None}
            if not parents:
                return
            missing = sorted(parent for parent in parents if not self._has(parent))
            groups = self._load(rows_by_id(self._driver, missing))
            for parent in parents:
                self.alone(parent)
