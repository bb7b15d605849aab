"""Items under way in an act: loaded or made once, moved on by events, written at the end."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from epcis.store.items import LEVELS_MAX
from epcis.store.life import time_of_moment
from epcis.store.named import masks_of
from epcis.store.stays import Stays

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from epcis.store.bulk import Hand, Row
    from epcis.store.life import Happening
    from epcis.store.standings import Standings

NEVER = -(1 << 62)
"""The moment of an item that no valid event names."""
_NEVER_US = time_of_moment(NEVER)
BLOCK = 64
"""Item ids in one row of `event_epc`, see named.py."""
LIVES_KEPT_MAX = 50_000
"""Items held in memory between the batches of one document."""

_ROW = "SELECT id, key, lot, standing, parent, age, moment, moment + lead FROM item WHERE "
_COLUMNS = ("id", "key", "lot", "standing", "parent", "age", "moment", "lead")
_CHANGING = ("lot", "standing", "parent", "age", "moment", "lead")


class Live:
    """One item of the act: its row, and whether that is new or has changed.

    `horizon` is the latest moment at which another life leaned on this one; an event up to there
    comes late. The row holds how far it leads `moment`, mostly 0.
    """

    __slots__ = (
        "changed", "first", "horizon", "id", "is_new", "key", "lot", "moment", "parent", "standing",
    )  # fmt: skip

    def __init__(self, row: Row, *, is_new: bool = False) -> None:
        (
            self.id, self.key, self.lot, self.standing, self.parent,
            age, self.moment, self.horizon,
        ) = row  # fmt: skip
        self.first = time_of_moment(self.moment) - age
        self.is_new = is_new
        self.changed = is_new


class Lives:
    """The items of an act."""

    def __init__(self, hand: Hand, standings: Standings) -> None:
        self._hand = hand
        self._standings = standings
        self.by_key: dict[bytes, Live] = {}
        self.by_id: dict[int, Live] = {}
        self._changed: list[Live] = []
        self._stays = Stays(hand)
        self.late: dict[int, int] = {}
        """Item id -> earliest moment from which its life must be told anew."""
        self.emptied: set[int] = set()
        """Containers of which everything was taken out at a late moment, or by not naming it."""

    def meet(self, keys: dict[bytes, int], containers: set[bytes]) -> None:
        """Have the items of these packed keys at hand, with all they are in.

        `keys` are in the order of commissioning, with the event time in microseconds that an
        item new to the store was first seen at; `containers` are those that hold others.
        """
        if len(self.by_key) > LIVES_KEPT_MAX:
            self.by_key.clear()
            self.by_id.clear()
        unknown = [key for key in keys if key not in self.by_key]
        loaded = self._load(self._hand.all_in(_ROW + "key", unknown, self._lock()))
        made = [key for key in unknown if key not in self.by_key]
        nothing = self._standings.nothing
        for number, key in self._numbered(made, containers):
            row = (number, key, None, nothing, None, _NEVER_US - keys[key], NEVER, NEVER)
            live = Live(row, is_new=True)
            self.by_key[key] = self.by_id[number] = live
            self._changed.append(live)
        self._load_containers(loaded)

    def touch(self, live: Live) -> None:
        """Remember that an item's row has changed."""
        if not live.changed:
            live.changed = True
            self._changed.append(live)

    def tell_anew(self, live: Live, moment: int) -> None:
        """An event came late for this item: its life is told anew before the act ends."""
        self.late[live.id] = min(moment, self.late.get(live.id, moment))

    def move_on(
        self,
        lives: Sequence[Live],
        what: Happening,
        moment: int,
        lots: Sequence[int | None] | None = None,
    ) -> list[Live]:
        """Let an event happen to items; returns those it was not late for."""
        after: dict[int, int] = {}
        outer: dict[int, tuple[int, int] | None] = {}
        moved = []
        for place, live in enumerate(lives):
            if moment <= live.horizon or live.id in self.late:
                self.tell_anew(live, moment)
                continue
            if live.parent is not None and not self._share(live, moment, outer):
                continue
            standing = after.get(live.standing)
            if standing is None:
                standing = self._standings.after(live.standing, what)
                after[live.standing] = standing
            if live.moment == NEVER:
                live.first = time_of_moment(moment)
            live.standing = standing
            live.moment = live.horizon = moment
            if lots is not None:
                live.lot = lots[place]
            if not live.changed:
                live.changed = True
                self._changed.append(live)
            moved.append(live)
        return moved

    def put_into(self, lives: Iterable[Live], parent: Live, moment: int) -> None:
        """The items are in `parent` from this moment on."""
        moving = [live for live in lives if live.parent != parent.id]
        self.take_out([live for live in moving if live.parent is not None], moment)
        for live in moving:
            live.parent = parent.id
        self._stays.begin(masks_of([live.id for live in moving]), parent.id, moment)

    def take_out(self, lives: Iterable[Live], moment: int) -> None:
        """The items, each of which is in something, are in nothing from this moment on."""
        inside: dict[int, list[int]] = defaultdict(list)
        for live in lives:
            assert live.parent is not None, "only what is in something is taken out"
            inside[live.parent].append(live.id)
            live.parent = None
        for parent, ids in inside.items():
            self._stays.end(masks_of(ids), parent, moment)

    def write(self) -> None:
        """Bring all changes into the tables."""
        new = [live for live in self._changed if live.is_new]
        old = [live for live in self._changed if not live.is_new]
        self._hand.insert("item", _COLUMNS, [_whole(live) for live in new])
        old.sort(key=lambda live: live.id)
        self._hand.update("item", "id", _CHANGING, [_changes(live) for live in old])
        for live in self._changed:
            live.is_new = live.changed = False
        self._changed = []
        self._stays.write()

    def effective(self, live: Live, level: int = 0) -> tuple[int, int]:
        """Last moment and standing number of an item, its containers taken into account."""
        if live.parent is None or level >= LEVELS_MAX:
            return live.moment, live.standing
        moment, standing = self.effective(self.by_id[live.parent], level + 1)
        if moment > live.moment:
            return moment, self._standings.shared(live.standing, standing)
        return live.moment, live.standing

    def _share(self, live: Live, moment: int, outer: dict[int, tuple[int, int] | None]) -> bool:
        """Let the item share what happened to its container; False where that is told anew."""
        parent: int = live.parent
        if parent not in outer:
            outer[parent] = self._lean_on(parent, moment)
        told = outer[parent]
        if told is None:
            self.tell_anew(live, moment)
            return False
        if told[0] > live.moment:
            live.standing = self._standings.shared(live.standing, told[1])
        return True

    def _lean_on(self, container: int, moment: int) -> tuple[int, int] | None:
        """The container's effective state at a moment, None where it is told anew itself."""
        told = self.effective(self.by_id[container])
        number: int | None = container
        for _ in range(LEVELS_MAX):
            if number is None:
                break
            if number in self.late:
                return None
            live = self.by_id[number]
            if live.moment >= moment:
                return None
            if live.horizon < moment:
                live.horizon = moment
                self.touch(live)
            number = live.parent
        return told

    def _numbered(self, keys: list[bytes], containers: set[bytes]) -> Iterator[tuple[int, bytes]]:
        """Ids for new items: neighbours share a block of 64, a container has one to itself.

        Most events name either many neighbours or one container, so both are found by reading
        few rows of `event_epc`.
        """
        holding = [key for key in keys if key in containers]
        plain = [key for key in keys if key not in containers]
        filled = -(-len(plain) // BLOCK)
        blocks = self._hand.next_blocks(filled + len(holding)) if keys else []
        for at, key in enumerate(plain):
            yield blocks[at // BLOCK] * BLOCK + at % BLOCK, key
        for block, key in zip(blocks[filled:], holding, strict=True):
            yield block * BLOCK, key

    def _load(self, rows: Iterable[Row]) -> list[Live]:
        loaded = [Live(row) for row in rows]
        for live in loaded:
            live.key = bytes(live.key)
            self.by_key[live.key] = self.by_id[live.id] = live
        return loaded

    def _load_containers(self, lives: list[Live]) -> None:
        for _ in range(LEVELS_MAX):
            parents = {live.parent for live in lives if live.parent is not None}
            missing = sorted(parents.difference(self.by_id))
            if not missing:
                return
            lives = self._load(self._hand.all_in(_ROW + "id", missing, self._lock()))

    def _lock(self) -> str:
        return "" if self._hand.is_sqlite else " ORDER BY id FOR UPDATE"


def _whole(live: Live) -> Row:
    return (
        live.id, live.key, live.lot, live.standing, live.parent,
        time_of_moment(live.moment) - live.first, live.moment, live.horizon - live.moment,
    )  # fmt: skip


def _changes(live: Live) -> Row:
    return (
        live.lot, live.standing, live.parent, time_of_moment(live.moment) - live.first,
        live.moment, live.horizon - live.moment, live.id,
    )  # fmt: skip
