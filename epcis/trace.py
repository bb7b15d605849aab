"""Trace: where a pack, case or lot has been, in what, with whom it is now.

An event recorded on a container counts for everything that was inside at that time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby, zip_longest
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import unquote

from epcis.database.columns import moment_of, pack_key, unpack_key
from epcis.database.item_keys import ID_OF_KEY
from epcis.database.raw_driver import RawDriver
from epcis.store.effect import effects_of
from epcis.store.event_tables import Role
from epcis.store.history import odd_history
from epcis.store.item_state import ItemState, placed, share
from epcis.store.item_status import ItemStatus
from epcis.store.items import Shared, item, lot_numbers
from epcis.store.masterdata import names_of
from epcis.store.moments import ALWAYS, time_of_moment
from epcis.store.named import blocks_of, ids_of
from epcis.store.payload import unpack_outline
from epcis.store.stays import stays_of
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from epcis.database.raw_driver import Row
    from epcis.database.transactions import Snapshot
    from epcis.store.items import StoredItem
    from schemas.finding import Finding

LEVELS_MAX = 16
"""Containers inside each other; the statements below say the same number."""
CONTENTS_MAX = 1000
"""Items listed as the contents of a case; more are only counted."""
LOT_EVENTS_MAX = 1000
"""Latest events listed for a lot."""
_GONE = frozenset({ItemStatus.NONE, ItemStatus.DESTROYED, ItemStatus.CONSUMED})

_INSIDE = f"""
WITH RECURSIVE inside(item, since, until, level, opened, closed) AS (
  SELECT {ID_OF_KEY}, -4611686018427387904, 4611686018427387904, 0,
    -4611686018427387904, 4611686018427387904
  UNION ALL
  SELECT c.parent,
    CASE WHEN c.since > i.since THEN c.since ELSE i.since END,
    CASE WHEN c.until < i.until THEN c.until ELSE i.until END,
    i.level + 1, c.since, c.until
  FROM inside i JOIN containment c ON c.block = i.item >> 6
    AND c.mask & (CAST(1 AS BIGINT) << CAST(i.item & 63 AS INTEGER)) <> 0
  WHERE c.since < i.until AND c.until > i.since AND i.level < 16
)
"""  # noqa: S608  # our own names
_COLUMNS = (
    "e.moment, e.seq, e.event_id, e.event_time, e.type, e.action, e.biz_step, e.disposition,"
    " e.read_point, e.biz_location"
)
_EVENTS = (
    _INSIDE
    + "SELECT "
    + _COLUMNS
    + """, i.level, x.role
FROM inside i
JOIN event_epc x ON x.block = i.item >> 6
  AND x.mask & (CAST(1 AS BIGINT) << CAST(i.item & 63 AS INTEGER)) <> 0
JOIN event e ON e.seq = x.seq
WHERE NOT e.voided AND e.declared_error IS NULL
  AND (i.level = 0 OR (e.moment > i.since AND e.moment <= i.until))
"""
)
_STAYS = (
    _INSIDE
    + """
SELECT p.key, i.opened, i.closed, i.level FROM inside i JOIN item p ON p.id = i.item
WHERE i.level > 0 ORDER BY i.opened, i.level
"""
)
_OF_EVENTS = " FROM event e WHERE NOT e.voided AND e.declared_error IS NULL AND e.seq"
_EVENTS_IN = "SELECT " + _COLUMNS + _OF_EVENTS
_PAYLOADS = "SELECT seq, payload FROM event WHERE seq"
_SEEN = "SELECT seq FROM event_party WHERE party = ? AND seq"
_LOT_GROUPS = (
    "SELECT i.parent, i.state_id, i.moment, count(*) FROM item i"
    " WHERE i.lot = ? GROUP BY i.parent, i.state_id, i.moment"
)
_GROUPS_BETWEEN = (
    "SELECT i.parent, i.state_id, i.moment, count(*) FROM item_key n JOIN item i ON i.id = n.id"
    " WHERE n.key >= ? AND n.key < ? GROUP BY i.parent, i.state_id, i.moment"
)
_LOT_ITEMS = "SELECT id FROM item WHERE lot = ?"
_CLASS_EVENTS = "SELECT seq FROM event_quantity WHERE key = ?"
_NAMED = "SELECT block, seq, mask FROM event_epc WHERE block"
_WITHIN = f"""
WITH RECURSIVE below(item, level) AS (
  SELECT {ID_OF_KEY}, 0
  UNION ALL
  SELECT i.id, b.level + 1 FROM below b
  JOIN containment c ON c.parent = b.item AND c.until = 4611686018427387904
  JOIN item i ON i.id BETWEEN c.block * 64 AND c.block * 64 + 63
    AND c.mask & (CAST(1 AS BIGINT) << CAST(i.id & 63 AS INTEGER)) <> 0
  WHERE b.level < 16
)
SELECT i.key FROM below b JOIN item i ON i.id = b.item
WHERE b.level > 0 AND NOT EXISTS (
  SELECT 1 FROM containment k
  WHERE k.parent = b.item AND k.until = 4611686018427387904)
ORDER BY i.id
"""  # noqa: S608  # our own names


class TracedEvent(NamedTuple):
    """One event of a story."""

    moment: int
    seq: int
    event_id: str
    event_time_us: int
    type: str
    action: str | None
    biz_step: str | None
    """Bare word."""
    disposition: str | None
    read_point: str | None
    """Canonical key."""
    biz_location: str | None
    level: int
    """0 where it names the thing itself, 1 its case, 2 the pallet, …"""
    role: int | None
    """In which list it names the thing or its container (`tables.Role`); None for a lot."""

    @property
    def event_time(self) -> datetime:
        """When it happened, in UTC."""
        return moment_of(self.event_time_us)

    @property
    def place(self) -> str | None:
        """Where it happened, canonical key."""
        return self.biz_location or self.read_point

    def as_dict(self) -> dict[str, object]:
        """Names as in EPCIS JSON, keys as canonical keys."""
        fields = {
            "eventID": self.event_id,
            "type": self.type,
            "action": self.action,
            "eventTime": self.event_time.isoformat(),
            "bizStep": self.biz_step,
            "disposition": self.disposition,
            "readPoint": self.read_point,
            "bizLocation": self.biz_location,
            "level": self.level,
        }
        return {name: value for name, value in fields.items() if value is not None}


class TracedStay(NamedTuple):
    """A time inside a container."""

    parent: str
    """Canonical key."""
    since: datetime
    until: datetime | None
    level: int
    """1 for what the thing is in itself, 2 for what that is in, …"""

    def as_dict(self) -> dict[str, object]:
        """As in `trace --json`."""
        return {
            "parent": self.parent,
            "from": self.since.isoformat(),
            "to": self.until.isoformat() if self.until else None,
            "level": self.level,
        }


class Custody(NamedTuple):
    """A time with one holder."""

    gln: str
    """GLN, or the party's id where it has none."""
    name: str
    """By master data; empty where nobody recorded it."""
    since: datetime
    until: datetime | None

    def as_dict(self) -> dict[str, object]:
        """As in `trace --json`."""
        return {
            "gln": self.gln,
            "name": self.name,
            "from": self.since.isoformat(),
            "to": self.until.isoformat() if self.until else None,
        }


class Holder(NamedTuple):
    """Who has packs, and how many."""

    gln: str
    """GLN, or the party's id where it has none; empty where nobody knows."""
    name: str
    packs: int

    def as_dict(self) -> dict[str, object]:
        """As in `trace --json`."""
        return {"gln": self.gln, "name": self.name, "packs": self.packs}


_TRACED = cast("Callable[[Row], TracedEvent]", partial(tuple.__new__, TracedEvent))
"""As `TracedEvent._make`, for the hot path."""


@dataclass(frozen=True)
class Story:
    """Where a pack, case or lot has been; parts are worked out when asked for."""

    id: str
    """Canonical key."""
    events: tuple[TracedEvent, ...]
    """By event time; without those that were declared wrong."""
    snapshot: Snapshot
    party: str | None
    """Whose view it is; None sees all."""

    @property
    def is_known(self) -> bool:
        """Whether any event names it."""
        return bool(self.events)

    @cached_property
    def state(self) -> StoredItem | None:
        """The item now; None for a lot."""
        return item(self.snapshot, self.id)

    @cached_property
    def containment(self) -> tuple[TracedStay, ...]:
        """What it was and is in, and what that was in meanwhile."""
        seen = {event.moment for event in self.events}
        return tuple(
            TracedStay(
                unpack_key(key), _time(opened), None if closed == ALWAYS else _time(closed), level
            )
            for key, opened, closed, level in RawDriver(self.snapshot).all(
                _STAYS, (pack_key(self.id),)
            )
            if self.party is None or opened in seen
        )

    @cached_property
    def custody(self) -> tuple[Custody, ...]:
        """Who has had it, in turn."""
        turns = _turns(self.snapshot, self.events)
        names = names_of(self.snapshot, [holder for holder, _ in turns])
        ends = [since for _, since in turns[1:]]
        return tuple(
            Custody(gln_of(holder), names.get(holder, ""), since, until)
            for (holder, since), until in zip_longest(turns, ends)
        )

    @cached_property
    def contents(self) -> tuple[str, ...]:
        """The packs inside it now, at any depth, by canonical key; for cases and pallets."""
        if self.party is not None and not self.events:
            return ()
        driver = RawDriver(self.snapshot)
        return tuple(unpack_key(row[0]) for row in driver.all(_WITHIN, (pack_key(self.id),)))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What its history shows that no single event says, as unrecorded unpacking."""
        if self.party is not None or lot_of(self.id) is not None:
            return ()
        return tuple(odd_history(self.snapshot, self.id))

    @property
    def holder(self) -> str | None:
        """The GLN of who has it now, or to whom it was sent."""
        return self.custody[-1].gln if self.custody else None

    @cached_property
    def holders(self) -> tuple[Holder, ...]:
        """Who has how many: of a lot its packs, of a case what is in it, else the pack itself."""
        lot = lot_of(self.id)
        if lot is not None:
            return tuple(holders_of_lot(self.snapshot, *lot)) if self.party is None else ()
        if not self.custody:
            return ()
        last = self.custody[-1]
        return (Holder(last.gln, last.name, len(self.contents) or 1),)

    def as_dict(self) -> dict[str, object]:
        """As `trace --json` prints it."""
        fields: dict[str, object] = {
            "id": self.id,
            "events": [event.as_dict() for event in self.events],
            "containment": [stay.as_dict() for stay in self.containment],
            "custody": [turn.as_dict() for turn in self.custody],
            "holder": self.holder,
            "holders": [holder.as_dict() for holder in self.holders],
        }
        if self.contents:
            fields["contents"] = list(self.contents[:CONTENTS_MAX])
        state = self.state
        if state is not None and self.party is None:
            fields["status"] = state.status.value
            fields["lot"] = state.lot or None
            fields["expiry"] = state.expiry.isoformat() if state.expiry else None
            fields["conditions"] = list(state.conditions)
            fields["findings"] = [finding.as_dict() for finding in self.findings]
        return fields


def trace(snapshot: Snapshot, id: str, *, party: str | None = None) -> Story:  # noqa: A002  # the public name
    """The story of what an EPC URN, Digital Link, canonical key or lot key names.

    With `party` (canonical GLN key) it holds only events which that party may see.
    """
    key = id if id.startswith("/") else canonical_key(id)
    lot = lot_of(key)
    events = _events_of_lot(snapshot, key, *lot) if lot else path(snapshot, key)
    if party is not None:
        may_see = RawDriver(snapshot).all_in_with(_SEEN, (party,), [event.seq for event in events])
        seen = {row[0] for row in may_see}
        events = [event for event in events if event.seq in seen]
    return Story(key, tuple(events), snapshot, party)


def path(snapshot: Snapshot, key: str) -> list[TracedEvent]:
    """All valid events of one item and of what it was in at the time, by event time."""
    rows = RawDriver(snapshot).all(_EVENTS, (pack_key(key),))
    rows.sort()  # by moment, then by event, then by level: all columns between are the event's
    if len({row[1] for row in rows}) < len(rows):
        rows = [next(same) for _, same in groupby(rows, itemgetter(1))]
    return list(map(_TRACED, rows))


def holders_of_lot(snapshot: Snapshot, gtin: str, lot: str) -> list[Holder]:
    """Who has packs of a lot now, or had them last, the largest number first.

    Packs that were destroyed or used up are no longer counted.
    """
    packs: Counter[str] = Counter()
    for group in groups_of_lot(snapshot, gtin, lot):
        if group.state.status not in _GONE:
            packs[group.state.holder] += group.packs
    return ranked(snapshot, packs)


def ranked(snapshot: Snapshot, packs: Mapping[str, int]) -> list[Holder]:
    """Holders by their keys and numbers of packs, with names, the largest number first."""
    names = names_of(snapshot, [holder for holder in packs if holder])
    return [
        Holder(gln_of(holder), names.get(holder, ""), count)
        for holder, count in sorted(packs.items(), key=lambda one: (-one[1], one[0]))
    ]


class AlikePacks(NamedTuple):
    """Packs in one container and one state."""

    state: ItemState
    """With what happened to their containers since."""
    parent: int | None
    """Number of the container; None where they are in none."""
    packs: int


def groups_of_lot(snapshot: Snapshot, gtin: str, lot: str) -> list[AlikePacks]:
    """The packs of a lot, counted by container and state."""
    driver = RawDriver(snapshot)
    numbers = lot_numbers(driver, gtin, lot)
    rows = [row for number in numbers for row in driver.all(_LOT_GROUPS, (number,))]
    return _grouped(Shared(snapshot, driver), rows)


def groups_between(snapshot: Snapshot, first: bytes, after: bytes) -> list[AlikePacks]:
    """The items whose packed keys are in a range, counted by container and state."""
    driver = RawDriver(snapshot)
    return _grouped(Shared(snapshot, driver), driver.all(_GROUPS_BETWEEN, (first, after)))


def _grouped(shared: Shared, rows: Sequence[Row]) -> list[AlikePacks]:
    """Rows of container, state, moment and count."""
    shared.fetch({parent for parent, *_ in rows if parent is not None})
    groups = []
    for parent, state, moment, count in rows:
        now = shared.state(state)
        outer = shared.container(parent) if parent is not None else None
        if outer is not None and outer.moment > moment:
            now = share(now, outer.state)
        groups.append(AlikePacks(now, parent, count))
    return groups


def lot_of(key: str) -> tuple[str, str] | None:
    """GTIN-14 and lot code of a lot's key, None for other keys.

    >>> lot_of("/01/09521321000017/10/AB%2F1")
    ('09521321000017', 'AB/1')
    """
    if key[:4] == "/01/" and key[18:22] == "/10/":
        return key[4:18], unquote(key[22:])
    return None


def gln_of(party: str) -> str:
    """The GLN of a party's key, or the key where it is none.

    >>> gln_of("/414/9521321000010")
    '9521321000010'
    """
    return party[5:18] if party.startswith("/414/") else party


def _events_of_lot(snapshot: Snapshot, key: str, gtin: str, lot: str) -> list[TracedEvent]:
    """The latest events that name a lot, its packs, or what they were in."""
    driver = RawDriver(snapshot)
    levels = {row[0]: 0 for row in driver.all(_CLASS_EVENTS, (pack_key(key),))}
    numbers = lot_numbers(driver, gtin, lot)
    items = [row[0] for number in numbers for row in driver.all(_LOT_ITEMS, (number,))]
    levels.update((seq, 0) for seq, _ in _naming(driver, items))
    spans: dict[int, tuple[int, int]] = dict.fromkeys(items, (-ALWAYS, ALWAYS))
    meanwhile: dict[int, list[tuple[int, int]]] = {}
    for level in range(1, LEVELS_MAX):
        spans = _outer_spans(driver, spans)
        for seq, container in _naming(driver, spans):
            levels.setdefault(seq, level)
            if levels[seq] == level:
                meanwhile.setdefault(seq, []).append(spans[container])
        if not spans:
            break
    rows = [
        row
        for row in driver.all_in(_EVENTS_IN, sorted(levels))
        if row[1] not in meanwhile or any(a < row[0] <= b for a, b in meanwhile[row[1]])
    ]
    rows.sort(key=itemgetter(0, 1))
    return [TracedEvent._make((*row, levels[row[1]], None)) for row in rows[-LOT_EVENTS_MAX:]]


def _outer_spans(
    driver: RawDriver, spans: dict[int, tuple[int, int]]
) -> dict[int, tuple[int, int]]:
    """What the items were in, and the widest time in which any of them was."""
    outer: dict[int, tuple[int, int]] = {}
    for child, since, until, parent in stays_of(driver, spans):
        low = max(since, spans[child][0])
        high = min(until, spans[child][1])
        if low < high:
            known = outer.get(parent, (low, high))
            outer[parent] = (min(low, known[0]), max(high, known[1]))
    return outer


def _naming(driver: RawDriver, items: Iterable[int]) -> Iterator[tuple[int, int]]:
    """(event, item) for each of the items that an event names."""
    masks = blocks_of(items)
    for block, seq, mask in driver.all_in(_NAMED, list(masks)):
        for item_id in ids_of(block, mask & masks[block]):
            yield seq, item_id


def _turns(snapshot: Snapshot, events: Sequence[TracedEvent]) -> list[tuple[str, datetime]]:
    """(holder, since) each time the holder changes, by the events in order."""
    own = [event for event in events if event.role is not None]
    payloads: dict[int, bytes] = dict(
        RawDriver(snapshot).all_in(_PAYLOADS, sorted({event.seq for event in own}))
    )
    state = ItemState()
    turns: list[tuple[str, datetime]] = []
    for traced in own:
        assert traced.role is not None, "events without a role were left out"
        effects = effects_of(unpack_outline(payloads[traced.seq]))
        state = placed(state, effects[Role(traced.role)])
        if state.holder and (not turns or turns[-1][0] != state.holder):
            turns.append((state.holder, traced.event_time))
    return turns


def _time(moment: int) -> datetime:
    return moment_of(time_of_moment(moment))
