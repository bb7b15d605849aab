"""What one event does to the items that it names.

Pure, and the same for every item in one of its lists; `item_state` applies it to the state of one
item. `EventEffects` is all that capture and recomputing read of what an event says.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from epcis.lot_facts import LotFacts, lot_facts
from epcis.model import AggregationEvent, ObjectEvent, TransactionEvent, TransformationEvent
from epcis.store.event_tables import Role
from epcis.store.item_status import ItemStatus
from schemas.cbv import bare
from schemas.dispositions import Condition, DispositionKind, End, condition_of, meaning
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from epcis.model import Event, Party, Place, SensorElement, SensorReport

STATUS_OF_STEP = {
    "commissioning": ItemStatus.ACTIVE,
    "dispensing": ItemStatus.DISPENSED,
    "retail_selling": ItemStatus.DISPENSED,
    "decommissioning": ItemStatus.DECOMMISSIONED,
    "killing": ItemStatus.DECOMMISSIONED,
    "destroying": ItemStatus.DESTROYED,
    "sampling": ItemStatus.SAMPLED,
    "shipping": ItemStatus.IN_TRANSIT,
    "departing": ItemStatus.IN_TRANSIT,
    "transporting": ItemStatus.IN_TRANSIT,
    "void_shipping": ItemStatus.ACTIVE,
    "receiving": ItemStatus.ACTIVE,
    "accepting": ItemStatus.ACTIVE,
    "storing": ItemStatus.ACTIVE,
    "stocking": ItemStatus.ACTIVE,
    "unpacking": ItemStatus.ACTIVE,
    "packing": ItemStatus.ACTIVE,
    "picking": ItemStatus.ACTIVE,
    "holding": ItemStatus.ACTIVE,
    "staging_outbound": ItemStatus.ACTIVE,
}
MOVING_STEPS = frozenset(
    {
        "accepting", "arriving", "collecting", "consigning", "departing", "holding", "loading",
        "picking", "receiving", "removing", "returning", "shipping", "staging_outbound",
        "stocking", "storing", "transporting", "unloading",
    }
)  # fmt: skip
"""Steps that move goods: a pack that one names without its container is no longer inside."""
_LEAVING = frozenset({"shipping", "departing"})
_ON_THE_WAY = frozenset({"transporting", "loading", "unloading", "entering_exiting", "arriving"})
_AT_HAND = frozenset(
    {"accepting", "cycle_counting", "inspecting", "picking", "receiving", "stocking", "storing"}
)
"""Steps of whoever has the goods, at the place that the event names."""
_VOIDING = "void_shipping"
_OF_ITEM_ALONE = frozenset({Condition.NOT_COMMISSIONED.value})
"""Conditions that say nothing about what is inside."""


class Effect(NamedTuple):
    """What an event does to the items in one of its lists."""

    status: ItemStatus | None = None
    disposition: str = ""
    """Bare word."""
    location: str = ""
    holder: str = ""
    shipper: str = ""
    """Who ships it, where the event ships it."""
    read_at: str = ""
    """The party of the read point, who has it where nobody better is known."""
    owner: str = ""
    """Who owns it from now on, where the event says so."""
    forgets_owner: bool = False
    """Things were put into it: what it holds belongs from now on to whoever owns each."""
    leaves: bool = False
    """The place is no longer known afterwards."""
    is_void: bool = False
    """It takes a shipping back: whoever shipped the item has it again."""
    is_undo: bool = False
    """The legal undo of an act of ours."""
    is_made: bool = False
    """It commissions the item, or makes it out of others."""
    is_sighting: bool = True
    """Somebody had the item at hand; unpacking may be recorded long after the fact."""
    takes_out: bool = False
    """An item named without its container is no longer inside."""
    is_active: bool = False
    """The sender says that the item is active or sellable."""
    is_return: bool = False
    is_partial: bool = False
    """A part of the pack was dispensed; more may follow."""
    lifts: bool = False
    """It says by name that the item may be sold."""
    sets: tuple[str, ...] = ()
    """Conditions."""
    persists: tuple[str, ...] = ()
    """Conditions that only unsetting lifts; they are among `sets`."""
    unsets: tuple[str, ...] = ()

    @property
    def reaches_inside(self) -> bool:
        """Whether it changes the conditions or the end of what is inside the items."""
        return bool(self.sets) or (self.status is not None and self.status.is_ended)

    @property
    def may_lift(self) -> bool:
        """Whether it may take conditions back."""
        return self.lifts or bool(self.unsets) or self.is_undo or self.is_active or self.is_made


class EventEffects(NamedTuple):
    """All that an event does to the items it names; two events with the same do the same."""

    by_role: Mapping[Role, Effect]
    takes_all: bool
    """It empties its parent: a removal that names nothing."""
    lot: LotFacts | None
    """The lot of the items in `epcList` and `outputEPCList`, where it tells one."""

    def effect(self, role: Role) -> Effect:
        """What it does to the items in that role."""
        return self.by_role[role]


def event_effects(event: Event, *, is_own: bool = False) -> EventEffects:
    """All that an event does to the items it names.

    `is_own`: it records an act of this repository's own users; only such an event can undo.

    >>> emptied = AggregationEvent(event_time="2026-01-02T03:04:05Z", action="DELETE",
    ...     parent_id="urn:epc:id:sscc:0614141.1234567890")
    >>> event_effects(emptied).takes_all, event_effects(emptied).lot
    (True, None)
    """
    return EventEffects(effects_of(event, is_own=is_own), _removes_all(event), lot_facts(event))


class _EffectCause(NamedTuple):
    """What of an event decides its effect; events in a row often say the same."""

    kind: type
    action: str
    step: str
    """Bare word."""
    disposition: str
    """As written, as are the next two."""
    set: tuple[str, ...]
    unset: tuple[str, ...]
    read_point: str
    biz_location: str
    sources: tuple[Party, ...]
    destinations: tuple[Party, ...]
    is_alarm: bool
    is_own: bool


EFFECTS_REMEMBERED_MAX = 4096


def effects_of(event: Event, *, is_own: bool = False) -> Mapping[Role, Effect]:
    """What an event does to the items in each list that it may have.

    `is_own`: it records an act of this repository's own users; only such an event can undo.

    >>> event = ObjectEvent(event_time="2026-01-02T03:04:05Z", action="OBSERVE",
    ...     biz_step="inspecting", disposition="urn:epcglobal:cbv:disp:damaged")
    >>> effects_of(event)[Role.EPC].sets
    ('damaged',)
    """
    lasting = event.persistent_disposition
    read_point, biz_location = event.read_point, event.biz_location
    return _effects(
        _EffectCause(
            type(event),
            getattr(event, "action", ""),
            bare("bizstep", event.biz_step) if event.biz_step else "",
            event.disposition or "",
            (lasting.set or ()) if lasting is not None else (),
            (lasting.unset or ()) if lasting is not None else (),
            read_point.id if read_point is not None else "",
            biz_location.id if biz_location is not None else "",
            event.sources or (),
            event.destinations or (),
            event.sensor_elements is not None and is_alarm(event.sensor_elements),
            is_own,
        )
    )


@lru_cache(EFFECTS_REMEMBERED_MAX)
def _effects(cause: _EffectCause) -> Mapping[Role, Effect]:
    if cause.kind is TransformationEvent:
        return {role: _effect(cause, role) for role in (Role.INPUT, Role.OUTPUT)}
    what = _effect(cause, Role.EPC)
    filled = cause.kind is AggregationEvent and cause.action == "ADD" and not what.owner
    return {**dict.fromkeys(_NAMING_ROLES, what), Role.PARENT: what._replace(forgets_owner=filled)}


_NAMING_ROLES = (Role.EPC, Role.CHILD, Role.PARENT)


def _effect(cause: _EffectCause, role: Role) -> Effect:
    step = cause.step
    heard = meaning(cause.disposition) if cause.disposition else None
    kind = heard.kind if heard is not None else DispositionKind.NEUTRAL
    is_undo = cause.is_own and kind is DispositionKind.UNDONE
    status = _status(cause, role, is_undo=is_undo)
    ends = status is not None and status.is_ended
    sets, persists, unsets = _conditions(cause, is_undo=is_undo)
    return Effect(
        status,
        disposition=bare("disp", cause.disposition),
        location=_location(cause),
        holder=_holder(cause),
        shipper=_shipper(cause) if step in _LEAVING else "",
        read_at=_party_at(cause.read_point),
        owner=_owner(cause),
        leaves=step in _LEAVING,
        is_void=step == _VOIDING,
        is_undo=is_undo,
        is_made=role is Role.OUTPUT or (cause.kind is ObjectEvent and cause.action == "ADD"),
        is_sighting=_is_sighting(cause),
        takes_out=cause.kind is not AggregationEvent and (ends or step in MOVING_STEPS),
        is_active=kind in (DispositionKind.ACTIVE, DispositionKind.SELLABLE),
        is_return=heard is not None and heard.says is Condition.RETURNED,
        is_partial=heard is not None and heard.word == "partially_dispensed",
        lifts=kind is DispositionKind.SELLABLE
        or any(meaning(w).kind is DispositionKind.SELLABLE for w in cause.set),
        sets=sets,
        persists=persists,
        unsets=unsets,
    )


def _status(cause: _EffectCause, role: Role, *, is_undo: bool) -> ItemStatus | None:
    if role is Role.INPUT:
        return ItemStatus.CONSUMED
    if role is Role.OUTPUT or is_undo:
        return ItemStatus.ACTIVE
    status = _status_of_words(cause)
    by_step = STATUS_OF_STEP.get(cause.step)
    if cause.step == _VOIDING:
        return status if status is not None and status.is_ended else by_step
    if status is None or (status is ItemStatus.IN_TRANSIT and by_step is not None):
        status = by_step
    if cause.kind is ObjectEvent and cause.action == "DELETE":
        return status if status is not None and status.is_ended else ItemStatus.DECOMMISSIONED
    return status


def _status_of_words(cause: _EffectCause) -> ItemStatus | None:
    """The status by the disposition, else by the first persistent one that ends the item."""
    for at, word in enumerate((cause.disposition, *cause.set)):
        heard = meaning(word)
        if isinstance(heard.says, End):
            return ItemStatus(heard.says.value)
        if at == 0 and heard.kind is DispositionKind.LOCKED:
            return ItemStatus.LOCKED
        if at == 0 and heard.word == "in_transit":
            return ItemStatus.IN_TRANSIT
    return None


def _conditions(
    cause: _EffectCause, *, is_undo: bool
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Conditions that the event sets, those of them that persist, and those it unsets; sorted."""
    sets = set() if is_undo else _of_words((cause.disposition,))
    persists = _of_words(cause.set)
    if cause.is_alarm:
        sets.add(Condition.SENSOR_ALARM.value)
    unsets = _of_words(cause.unset)
    if not cause.is_own:  # nobody else places or ends a quarantine or recall of ours
        sets, persists = (_as_partners_know(one) for one in (sets, persists))
        unsets -= _OURS.keys()
    return tuple(sorted(sets | persists)), tuple(sorted(persists)), tuple(sorted(unsets))


def _as_partners_know(conditions: set[str]) -> set[str]:
    return {_OURS.get(one, one) for one in conditions}


_OURS = {
    Condition.QUARANTINED_HERE.value: Condition.QUARANTINED.value,
    Condition.RECALLED_HERE.value: Condition.RECALLED.value,
}
"""Conditions that only events of ours set and unset, and what they mean in the words of others."""


def _of_words(words: Iterable[str]) -> set[str]:
    found = (condition_of(meaning(word)) for word in words if word)
    return {one for one in found if one is not None}


def is_alarm(elements: Iterable[SensorElement]) -> bool:
    """Whether a sensor raises an alarm (EPCIS 2.0 section 7.3.7.3.3).

    >>> from epcis.model import SensorElement, SensorReport
    >>> report = SensorReport(type="Temperature", exception="gs1:ALARM_CONDITION")
    >>> is_alarm((SensorElement(reports=(report,)),))
    True
    """
    return any(is_alarming(report) for element in elements for report in element.reports)


def is_alarming(report: SensorReport) -> bool:
    """Whether one report of a sensor is an alarm."""
    exception = report.exception
    return exception is not None and bare("alert", exception) == "ALARM_CONDITION"


def _is_sighting(cause: _EffectCause) -> bool:
    if cause.kind is AggregationEvent:
        return cause.action != "DELETE"
    return cause.kind is not TransactionEvent or cause.step in MOVING_STEPS


def inside(conditions: Iterable[str]) -> tuple[str, ...]:
    """Those conditions of a container that hold for what is inside."""
    return tuple(one for one in conditions if one not in _OF_ITEM_ALONE | _MARKS)


_MARKS = frozenset(
    {
        Condition.SEEN_AFTER_END.value,
        Condition.RETURNED_AFTER_END.value,
        Condition.LOT_CONFLICT.value,
        Condition.EXPIRY_CONFLICT.value,
        Condition.COMMISSIONED_TWICE.value,
    }
)
"""What the history of one serial number shows; it says nothing about what is inside."""


def _removes_all(event: Event) -> bool:
    return (
        isinstance(event, AggregationEvent)
        and event.action == "DELETE"
        and not event.child_epcs
        and not event.child_quantities
    )


@lru_cache(maxsize=4096)
def party_key(identifier: str) -> str:
    """The canonical GLN key of a party or place; what has no GLN is its own key.

    >>> party_key("urn:epc:id:sgln:0614141.00777.0")
    '/414/0614141007776'
    """
    key = canonical_key(identifier)
    if key[:5] in ("/414/", "/417/"):
        return f"/414/{key[5:18]}"
    return key


def place_key(place: Place | None) -> str:
    """The canonical key of a read point or business location, empty where there is none."""
    return canonical_key(place.id) if place is not None else ""


def party_of(parties: tuple[Party, ...] | None) -> str:
    """Who of a source or destination list has the goods: possessor, else owner, else place."""
    by_kind = {bare("sdt", party.type): party.id for party in reversed(parties or ())}
    for kind in ("possessing_party", "owning_party", "location"):
        if kind in by_kind:
            return party_key(by_kind[kind])
    return ""


def owner_of(parties: tuple[Party, ...] | None) -> str:
    """The owner that a source or destination list names, empty where it names none."""
    owners = (one.id for one in parties or () if bare("sdt", one.type) == "owning_party")
    return next(map(party_key, owners), "")


def _owner(cause: _EffectCause) -> str:
    if cause.step == _VOIDING:  # its destination is who did not get the goods
        return owner_of(cause.sources)
    return owner_of(cause.destinations) or owner_of(cause.sources)


def _location(cause: _EffectCause) -> str:
    place = canonical_key(cause.biz_location) if cause.biz_location else ""
    if place or cause.step in _LEAVING:
        return place
    return canonical_key(cause.read_point) if cause.read_point else ""


def _party_at(place: str) -> str:
    key = party_key(place) if place else ""
    return key if key.startswith("/414/") else ""


def _shipper(cause: _EffectCause) -> str:
    return party_of(cause.sources) or _party_at(cause.biz_location) or _party_at(cause.read_point)


def _holder(cause: _EffectCause) -> str:
    if cause.step == _VOIDING:
        return _party_at(cause.biz_location) or party_of(cause.sources)
    receiver = party_of(cause.destinations)
    if receiver and receiver == owner_of(cause.destinations) and cause.step in _AT_HAND:
        # Who owns goods need not have them: whoever receives, stores or counts them does.
        return _party_at(cause.biz_location or cause.read_point) or receiver
    if receiver:
        return receiver
    if cause.step in _LEAVING:
        return party_of(cause.sources)
    if cause.step in _ON_THE_WAY:
        return ""
    return _party_at(cause.biz_location or cause.read_point)
