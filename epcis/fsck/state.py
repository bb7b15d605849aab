"""Item state and containment against the events; with `rebuild` written anew where they differ."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from epcis.database.columns import unpack_key
from epcis.database.raw_driver import RawDriver
from epcis.ledger.place import odd, written
from epcis.store.moments import NEVER, time_of_moment
from epcis.store.recompute import Replay, item_row, leanings, write_anew
from epcis.store.state_dictionary import LotDictionary, StateDictionary
from epcis.store.stays import stays_of
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from epcis.database.raw_driver import Row
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store
    from epcis.lot_facts import LotFacts
    from epcis.store.fold import ItemHistory
    from epcis.store.item_state import ItemState

ITEMS_PER_ACT = 5_000
NOT_THERE = -1
"""The number of a state or a lot that no row tells."""

_ITEMS = (
    "SELECT id, key, age, moment, moment + lead, lot, state_id, parent FROM item"
    " WHERE id > ? ORDER BY id LIMIT ?"
)
_HORIZON = "SELECT moment + lead FROM item WHERE id = ?"
_HAPPENED = "SELECT 1 FROM event WHERE event_time = ? AND moment = ? LIMIT 1"
_BEGAN = "SELECT 1 FROM event WHERE event_time = ? LIMIT 1"


class _ItemRow(NamedTuple):
    id: int
    key: bytes
    age: int
    moment: int
    horizon: int
    lot: int | None
    state_id: int
    parent: int | None


class _Wrong(NamedTuple):
    """An item that differs: what of it, and the row of another table that it should find."""

    row: _ItemRow
    what: str
    """`damaged`, `state` or `containment`."""
    columns: str = ""
    beside: tuple[str, int | None] | None = None


class _StoredStates(StateDictionary):
    """StateDictionary as they are stored; none is added."""

    def _find(self, state: ItemState) -> int:
        return self.stored_number(state, otherwise=NOT_THERE)


class _StoredLots(LotDictionary):
    """LotDictionary as they are stored; none is added."""

    def _find(self, gtin: str, lot: LotFacts, other_lot: int) -> int:
        return self.stored_number(gtin, lot, other_lot, otherwise=NOT_THERE)


def check_state(
    store: Store,
    *,
    now: datetime,
    rebuild_in: Store | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> Iterator[Finding]:
    """Item state and containment against the events.

    What differs is written anew in `rebuild_in`, the same database, where it is given.
    """
    last, checked = -(1 << 63), 0
    while True:
        with store.read() as snapshot:
            rows = [
                _ItemRow(*row) for row in RawDriver(snapshot).all(_ITEMS, (last, ITEMS_PER_ACT))
            ]
            if not rows:
                return
            differing = list(_StateCheck(snapshot).run(rows))
        if rebuild_in is not None:
            _write_anew(rebuild_in, [one.row.id for one in differing if one.what != "damaged"], now)
        for one in differing:
            yield from _findings(one, rebuild=rebuild_in is not None)
        last = rows[-1].id
        checked += len(rows)
        if progress:
            progress("items", checked)


def _write_anew(store: Store, items: Sequence[int], now: datetime) -> None:
    if not items:
        return
    with store.write(now, long=True) as tx:
        driver = RawDriver(tx)
        states, lots = StateDictionary(driver, tx.words), LotDictionary(driver, tx.words)
        write_anew(driver, states, lots, Replay(driver), items)


@dataclass
class _StateCheck:
    """One pass over some items in one snapshot."""

    snapshot: Snapshot
    leanings: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.raw_driver = RawDriver(self.snapshot)
        self.states = _StoredStates(self.raw_driver)
        self.lots = _StoredLots(self.raw_driver)
        self.damaged: set[int] = set()
        self.replay = Replay(self.raw_driver, self.damaged)

    def run(self, rows: Sequence[_ItemRow]) -> Iterator[_Wrong]:
        """What differs, item by item."""
        stays: dict[int, list[Row]] = defaultdict(list)
        for child, *stay in stays_of(self.raw_driver, [row.id for row in rows]):
            stays[child].append(tuple(stay))
        by_id = {row.id: row for row in rows}
        histories = self.replay.histories_of(list(by_id))
        for row in rows:
            history = histories[row.id]
            try:
                expected = item_row(self.states, self.lots, tuple(row[:5]), history)
            except (ValueError, TypeError, IndexError, OverflowError):
                self.damaged.add(row.id)
            if row.id in self.damaged:
                yield _Wrong(row, "damaged")
            elif wrong := self._differing(row, expected):
                yield wrong
            elif _sorted(stays[row.id]) != _sorted(history.all_stays()):
                yield _Wrong(row, "containment")
        yield from self._leaned_on(by_id, histories)

    def _differing(self, row: _ItemRow, computed: Row) -> _Wrong | None:
        lot, state_id, parent, age, moment, _, _ = computed
        columns = [
            name
            for name, stored, expected in (
                ("lot", row.lot, lot),
                ("state_id", row.state_id, state_id),
                ("parent", row.parent, parent),
                ("moment", row.moment, moment),
                ("age", row.age, age),
            )
            if stored != expected
        ]
        if moment == NEVER and not self._began(row):
            columns.append("age")
        if not columns and not self._is_horizon(row):
            columns.append("lead")
        if not columns:
            return None
        place = ("lot", row.lot) if lot == NOT_THERE else None
        if state_id == NOT_THERE:
            place = ("item_state", row.state_id)
        return _Wrong(row, "state", ", ".join(columns), place)

    def _began(self, row: _ItemRow) -> bool:
        """Of an item that no valid event names: its age still tells when its first one was."""
        return self.raw_driver.one(_BEGAN, (time_of_moment(NEVER) - row.age,)) is not None

    def _is_horizon(self, row: _ItemRow) -> bool:
        """Whether an event happened at the moment up to which others leaned on it."""
        if row.horizon == row.moment:
            return True
        asked = (time_of_moment(row.horizon), row.horizon)
        return row.horizon > row.moment and self.raw_driver.one(_HAPPENED, asked) is not None

    def _leaned_on(
        self, by_id: dict[int, _ItemRow], histories: dict[int, ItemHistory]
    ) -> Iterator[_Wrong]:
        """Containers whose `lead` is too short for the items whose state was taken from theirs."""
        for container, moment in leanings(histories):
            row = by_id.get(container)
            found = self.raw_driver.one(_HORIZON, (container,)) if row is None else (row.horizon,)
            if found is not None and found[0] < moment:
                unread = _ItemRow(container, b"", 0, 0, 0, None, 0, None)
                yield _Wrong(row or unread, "state", "lead")


def _sorted(stays: Sequence[Row]) -> list[tuple[str, ...]]:
    return sorted(tuple(map(repr, stay)) for stay in stays)


def _findings(wrong: _Wrong, *, rebuild: bool) -> Iterator[Finding]:
    row, what = wrong.row, wrong.what
    key = _key_of(row)
    if what == "damaged":
        yield Finding(
            "store.state-unknown",
            Severity.ERROR,
            f"the state of {key} (item {row.id}) cannot be known: its row or an event is damaged",
            "Capture the original documents into a new store.",
            Where(path=f"item/{row.id}"),
        )
        return
    table = "item" if what == "state" else what
    columns = f" ({wrong.columns})" if wrong.columns else ""
    yield Finding(
        f"store.{what}-differs",
        Severity.WARNING if rebuild else Severity.ERROR,
        f"the {what}{columns} of {key} is not what its events tell",
        "It was written anew." if rebuild else "Run fsck with --rebuild.",
        Where(path=f"{table}/{row.id}"),
    )
    if wrong.beside is not None and not rebuild:
        yield odd(*wrong.beside, f"is gone or does not say what was recorded of item {row.id}")


def _key_of(row: _ItemRow) -> str:
    try:
        return unpack_key(bytes(row.key)) if row.key else f"item {row.id}"
    except (ValueError, TypeError, IndexError, KeyError):
        return written(row.key)
