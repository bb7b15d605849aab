"""Events into the tables: rows, search index, item state and entries of the log, in one act.

Events arrive in the order of their document and happen in the order of their moments. What came
late for an item is recomputed before the transaction ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from zstandard import ZstdError

from epcis.database.columns import microseconds
from epcis.database.raw_driver import RawDriver
from epcis.ledger.record import commit_events
from epcis.model import AggregationEvent, instant_of
from epcis.store import rows
from epcis.store.digest import Places, hash_id, is_meant
from epcis.store.effect import effects_of, event_effects
from epcis.store.event_items import named_items
from epcis.store.event_tables import Role
from epcis.store.item_states import ItemStates, Meeting, holds
from epcis.store.keys import by_product, packed_keys
from epcis.store.moments import moment, time_of_moment
from epcis.store.payload import pack_event, unpack_outline
from epcis.store.recompute import Doubts, recompute
from epcis.store.rows import Sealed
from epcis.store.state_dictionary import LotDictionary, StateDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from epcis.ledger.store import Transaction
    from epcis.lot_facts import LotFacts
    from epcis.model import Event
    from epcis.store.effect import EventEffects
    from epcis.store.item_group import ItemGroup
    from epcis.store.item_states import Masks

_KNOWN = "SELECT identity FROM event WHERE identity"
_SAME_ID = "SELECT event_id, identity FROM event WHERE declared_error IS NULL AND event_id"
_ANY_DECLARED = "SELECT min(declared_error) FROM event WHERE declared_error IS NOT NULL"
"""Always one step along an index; for LIMIT 1 a database may read all events to find none."""
_DECLARED = "SELECT hash, event_id FROM event WHERE declared_error IS NOT NULL"
_MEANT = (
    "SELECT seq, moment, hash, event_id, payload FROM event"
    " WHERE declared_error IS NULL AND NOT voided AND (hash = ? OR event_id = ?)"
)


@dataclass(slots=True)
class Taken:
    """What became of events."""

    seqs: list[int] = field(default_factory=list)
    """Numbers of those that are new."""
    duplicates: int = 0
    conflicts: list[Sealed] = field(default_factory=list)
    """Another event with the same id says something else."""
    places: Places = field(default_factory=Places)
    """Which new event stands where in the document."""


class _NewEvent:
    """One new event with its items at hand."""

    __slots__ = ("keys", "masks", "sealed", "seq", "voided")

    def __init__(self, sealed: Sealed, seq: int) -> None:
        self.sealed = sealed
        self.seq = seq
        self.voided = False
        self.keys = {role: packed_keys(epcs) for role, epcs in named_items(sealed.event) if epcs}
        self.masks: dict[Role, Masks] = {}

    @property
    def counts(self) -> bool:
        """Whether it says anything about its items: it is neither wrong nor a declaration."""
        return not self.voided and self.sealed.event.error_declaration is None


def seal(event: Event, digest: bytes, position: int | None = None) -> Sealed:
    """Make an event ready for the store; costs most of the time and needs no database.

    `digest` is its CBV event hash. Raises ValueError where one of its times is not a time.
    """
    wrong = event.error_declaration
    event_id = event.event_id or hash_id(digest)
    return Sealed(
        event,
        position,
        digest,
        _identity(event, digest, event_id),
        event_id,
        pack_event(event),
        moment(event, digest),
        None
        if wrong is None
        else microseconds(instant_of(wrong.declaration_time, event.event_time_zone_offset)),
    )


def _identity(event: Event, digest: bytes, event_id: str) -> bytes:
    """What only the same event has, sent again: 32 bytes.

    The same content under two ids is two events; without ids it is one.
    """
    wrong = event.error_declaration
    declared = ""
    if wrong is not None:
        declared_fields = (
            wrong.declaration_time,
            wrong.reason or "",
            *(wrong.corrective_event_ids or ()),
        )
        declared = "\0".join(declared_fields)
    if event_id != hash_id(digest):
        declared += "\0\0" + event_id
    return (
        sha256(digest + declared.encode("utf-8", "surrogatepass")).digest() if declared else digest
    )


class Intake:
    """Takes events into an act, batch by batch; `finish` before the act ends."""

    def __init__(
        self, tx: Transaction, *, document: int | None = None, party: str | None = None
    ) -> None:
        self._tx = tx
        self._driver = RawDriver(tx)
        self._document = document
        self._party = party
        self._states = StateDictionary(self._driver, tx.words)
        self._lots = LotDictionary(self._driver, tx.words)
        self._lives = ItemStates(self._driver, self._states)
        self._txid = self._driver.transaction_number()
        self.taken = Taken()

    def add(self, batch: Sequence[Sealed]) -> None:
        """Store those events that are new."""
        fresh = self._without_conflicts(self._without_duplicates(batch))
        if not fresh:
            return
        numbers = self._driver.next_numbers("event", "seq", len(fresh))
        added = [_NewEvent(sealed, seq) for sealed, seq in zip(fresh, numbers, strict=True)]
        self._void_declared(added)
        self._meet(added)
        for one in sorted(added, key=lambda one: (one.sealed.moment, one.sealed.digest)):
            if one.counts:
                self._happen(one)
        self._write(added)
        self._void_meant(added)
        self.taken.seqs.extend(numbers)

    def finish(self) -> Taken:
        """Recompute what came late; after it the state is that of all events in order."""
        groups = self._lives
        doubts = Doubts(groups.late, groups.emptied, groups.shaken)
        recompute(self._driver, self._states, self._lots, doubts)
        for done in doubts:
            done.clear()
        return self.taken

    def _without_duplicates(self, batch: Sequence[Sealed]) -> list[Sealed]:
        by_identity = {sealed.identity: sealed for sealed in reversed(batch)}
        for (known,) in self._driver.all_in(_KNOWN, list(by_identity)):
            del by_identity[bytes(known)]
        fresh = [one for one in batch if by_identity.get(one.identity) is one]
        self.taken.duplicates += len(batch) - len(fresh)
        return fresh

    def _without_conflicts(self, batch: list[Sealed]) -> list[Sealed]:
        """Leave out what has the id of another event; an error declaration rightly has it."""
        named = {
            one.event_id: one.identity
            for one in reversed(batch)
            if one.event.event_id and one.event.error_declaration is None
        }
        for event_id, identity in self._driver.all_in(_SAME_ID, list(named)):
            named[event_id] = bytes(identity)
        fresh = []
        for one in batch:
            if named.get(one.event_id, one.identity) == one.identity or (
                one.event.error_declaration is not None
            ):
                fresh.append(one)
            else:
                self.taken.conflicts.append(one)
        return fresh

    def _void_declared(self, added: Sequence[_NewEvent]) -> None:
        """Mark what had been declared wrong before it arrived."""
        if self._driver.one(_ANY_DECLARED) == (None,):
            return
        hashes = [one.sealed.digest for one in added]
        by_hash: dict[bytes, list[tuple[bytes, str]]] = {}
        for digest, event_id in self._driver.all_in(_DECLARED + " AND hash", hashes):
            by_hash.setdefault(bytes(digest), []).append((bytes(digest), event_id))
        ids = [one.sealed.event_id for one in added]
        wrong_ids = {row[1] for row in self._driver.all_in(_DECLARED + " AND event_id", ids)}
        for one in added:
            if one.sealed.event.error_declaration is None:
                this = (one.sealed.digest, one.sealed.event_id)
                declared = by_hash.get(this[0], ())
                one.voided = this[1] in wrong_ids or any(is_meant(d, this) for d in declared)

    def _meet(self, added: Sequence[_NewEvent]) -> None:
        self._lives.meet(
            [
                Meeting(keys, time_of_moment(one.sealed.moment), role is Role.PARENT)
                for one in added
                for role, keys in one.keys.items()
            ]
        )
        for one in added:
            one.masks = {role: self._lives.masks(keys) for role, keys in one.keys.items()}

    def _happen(self, one: _NewEvent) -> None:
        """Apply one event to the state of the items it names."""
        event, at, groups = one.sealed.event, one.sealed.moment, self._lives
        effects = event_effects(event, is_own=self._document is None)
        if isinstance(event, AggregationEvent):
            self._aggregate(one, event, effects)
            return
        lot = effects.lot
        for role, keys in one.keys.items():
            what = effects.effect(role)
            if lot is None or role not in (Role.EPC, Role.OUTPUT):
                moved = groups.move_on(groups.gather(one.masks[role]), what, at)
            else:
                moved = []
                for lots, masks in self._by_lot(keys, lot):
                    moved += groups.move_on(groups.gather(masks), what, at, lots)
            if what.takes_out:
                groups.leave_alone(moved, _all_named(one), at)

    def _by_lot(
        self, keys: tuple[bytes, ...], lot: LotFacts
    ) -> Iterator[tuple[tuple[int, ...], Masks]]:
        """Items with the number of their lot: each product has lots of its own."""
        for gtin, named in by_product(keys).items():
            lots = () if gtin is None else (self._lots.number(gtin, (lot,)),)
            yield lots, self._lives.masks(named)

    def _aggregate(self, one: _NewEvent, event: AggregationEvent, effects: EventEffects) -> None:
        at, groups, what = one.sealed.moment, self._lives, effects.effect(Role.CHILD)
        named = one.keys.get(Role.PARENT)
        parent_id = groups.id_of(named[0]) if named else None
        parent = groups.alone(parent_id) if parent_id is not None else None
        children = groups.gather(one.masks.get(Role.CHILD, {}))
        if parent is None or parent_id is None:
            moved = groups.move_on(children, what, at)
            self._move_between(moved, None, event.action, at)
            return
        filled = effects.effect(Role.PARENT)
        is_late = at <= parent.horizon or parent.is_late
        is_late = is_late or (filled.forgets_owner and self._lives.owner(parent) != "")
        if is_late or self._is_circle(parent, parent_id, one, event.action):
            for each in (parent, *children):
                groups.postpone(each, what, at)
        if effects.takes_all:
            groups.emptied.add(parent_id)
            groups.postpone(parent, what, at)
        if parent.is_late:
            return
        before = parent.horizon
        moved = groups.move_on(children, what, at)
        self._move_between(moved, parent_id, event.action, at)
        parent.horizon = before  # its children leaned on it at its own event: not late for it
        groups.move_on([parent], filled, at)
        parent.horizon = max(parent.horizon, at)
        groups.touch(parent)

    def _is_circle(self, parent: ItemGroup, parent_id: int, one: _NewEvent, action: str) -> bool:
        """Whether an aggregation puts a container into itself or into what it holds: rare."""
        children = one.masks.get(Role.CHILD, {})
        if action == "DELETE" or not (parent.parent is not None or holds(children, parent_id)):
            return False
        outer = (parent_id, *self._lives.containers_of(parent))
        if not any(holds(children, number) for number in outer):
            return False
        self._lives.shake(parent, one.sealed.moment)
        return True

    def _move_between(
        self, children: Sequence[ItemGroup], parent: int | None, action: str, moment: int
    ) -> None:
        """Put children into the parent, or take them out of it, or of whatever they are in."""
        if action == "DELETE":
            inside = (one for one in children if one.parent is not None)
            taken = [one for one in inside if parent is None or one.parent == parent]
            self._lives.take_out(taken, moment)
        elif parent is not None:
            self._lives.put_into(children, parent, moment)

    def _write(self, added: Sequence[_NewEvent]) -> None:
        """All rows of a batch; the last thing that touches the large tables."""
        self._lives.write()
        now = self._tx.now
        events = [
            rows.event_row(
                one.sealed, one.seq, now, self._txid, self._document,
                parent=next(map(self._lives.id_of, one.keys.get(Role.PARENT, ())), None),
                epcs=sum(len(keys) for role, keys in one.keys.items() if role is not Role.PARENT),
                voided=one.voided,
            )
            for one in added
        ]  # fmt: skip
        self._driver.insert("event", rows.EVENT, events)
        for one in added:
            self.taken.places.add(one.sealed.position, one.sealed.identity)
        named = [
            row
            for one in added
            for role, masks in one.masks.items()
            for row in rows.event_epc_rows(one.seq, role, masks)
        ]
        named.sort()
        self._driver.insert("event_epc", rows.EVENT_EPC, named)
        rows.write_index(self._driver, [(one.seq, one.sealed.event) for one in added], self._party)
        numbered = ((one.sealed.event, one.sealed.digest, one.seq) for one in added)
        self._tx.commitments.extend(commit_events(numbered))
        self._tx.enter_log()

    def _void_meant(self, added: Sequence[_NewEvent]) -> None:
        """Mark the events that a batch's error declarations say were wrong."""
        for one in added:
            if one.sealed.event.error_declaration is None:
                continue
            this = (one.sealed.digest, one.sealed.event_id)
            for seq, at, digest, event_id, payload in self._driver.all(_MEANT, this):
                if is_meant(this, (bytes(digest), event_id)):
                    self._void(seq, at, reaches_inside=_may_reach_inside(payload))

    def _void(self, seq: int, at: int, *, reaches_inside: bool) -> None:
        self._driver.run("UPDATE event SET voided = ? WHERE seq = ?", (True, seq))
        named = self._driver.all("SELECT block, mask, role FROM event_epc WHERE seq = ?", (seq,))
        for item_id, role in rows.items_of_rows(named):
            self._lives.doubt(item_id, at)
            if role is Role.PARENT:
                self._lives.emptied.add(item_id)
            if reaches_inside:
                self._lives.shaken[item_id] = min(at, self._lives.shaken.get(item_id, at))


def _all_named(one: _NewEvent) -> Masks:
    """Every item that an event names, in whichever list."""
    if len(one.masks) == 1:
        return next(iter(one.masks.values()))
    named: Masks = {}
    for masks in one.masks.values():
        for block, mask in masks.items():
            named[block] = named.get(block, 0) | mask
    return named


def _may_reach_inside(payload: bytes) -> bool:
    """Whether an event may change conditions, end or owner of what is inside its items."""
    try:
        effects = effects_of(unpack_outline(payload), is_own=True)
    except (ValueError, ZstdError):
        return True
    return any(one.reaches_inside or one.may_lift or one.forgets_owner for one in effects.values())
