"""What events make of the things they name: status, disposition, place and holder, by event time.

Pure. A life is a fold over events in the order of their *moments*, so that the order in which
documents arrive does not matter.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from epcis.database.columns import microseconds
from epcis.model import (
    AggregationEvent,
    AssociationEvent,
    ObjectEvent,
    QuantityEvent,
    TransactionEvent,
    TransformationEvent,
)
from epcis.store.event_tables import Role
from schemas.cbv import bare
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.model import Event, Node, Party, Place


class ItemStatus(StrEnum):
    """Where an item stands in its life, as its events tell."""

    NONE = ""
    """No valid event names it: the ones that did were declared wrong."""
    ACTIVE = "active"
    IN_TRANSIT = "in_transit"
    DISPENSED = "dispensed"
    DECOMMISSIONED = "decommissioned"
    DESTROYED = "destroyed"
    EXPORTED = "exported"
    STOLEN = "stolen"
    LOST = "lost"
    SAMPLED = "sampled"
    LOCKED = "locked"
    CONSUMED = "consumed"
    """Used up in a transformation, as in repackaging."""

    __hash__ = str.__hash__  # states are looked up by the million; Enum's own is slower

    @property
    def is_final(self) -> bool:
        """Whether ordinary events no longer change it; only one that says `active` does."""
        return self not in _OPEN


_OPEN = (ItemStatus.NONE, ItemStatus.ACTIVE, ItemStatus.IN_TRANSIT)

_BY_DISPOSITION = {
    "dispensed": ItemStatus.DISPENSED,
    "partially_dispensed": ItemStatus.DISPENSED,
    "retail_sold": ItemStatus.DISPENSED,
    "destroyed": ItemStatus.DESTROYED,
    "disposed": ItemStatus.DESTROYED,
    "stolen": ItemStatus.STOLEN,
    "lost": ItemStatus.LOST,
    "exported": ItemStatus.EXPORTED,
    "sampled": ItemStatus.SAMPLED,
    "sample": ItemStatus.SAMPLED,
    "locked": ItemStatus.LOCKED,
    "inactive": ItemStatus.DECOMMISSIONED,
    "in_transit": ItemStatus.IN_TRANSIT,
}
_BY_STEP = {
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
_REVIVING = frozenset({"active", "sellable_accessible", "sellable_not_accessible", "returned"})
_LEAVING = frozenset({"shipping", "departing"})
_ON_THE_WAY = frozenset({"transporting", "loading", "unloading", "entering_exiting", "arriving"})

_RANK_BITS, _TIE_BITS = 4, 4
MOMENT_BITS = _RANK_BITS + _TIE_BITS
"""Bits of a moment below the microsecond."""
_TIME_MAX = (1 << 63 - _RANK_BITS - _TIE_BITS - 1) - 1
"""Event times beyond the year 2500 count as that; a moment has 64 bits."""
_RANKS = {"encoding": 0, "commissioning": 1, "shipping": 8, "departing": 9, "arriving": 10,
          "receiving": 11, "accepting": 12}  # fmt: skip
_RANK_OBSERVED = 7
_RANK_ENDED = 14


class ItemState(NamedTuple):
    """How things stand with an item after an event; empty text is not known."""

    status: ItemStatus = ItemStatus.NONE
    disposition: str = ""
    location: str = ""
    """Canonical key of the place."""
    holder: str = ""
    """Canonical GLN key of who has it."""
    conditions: tuple[str, ...] = ()
    """`schemas.dispositions.Condition` in force, as bare words, sorted."""
    borrowed: tuple[str, ...] = ()
    """Those of `conditions` that hold only while the item is in its container."""
    persistent: tuple[str, ...] = ()
    """Those of `conditions` that were set as persistentDisposition: only unsetting lifts them."""
    shipper: str = ""
    """Canonical GLN key of who last shipped it, until somebody has received it."""


class Lot(NamedTuple):
    """What an event tells of a lot; empty text is not told."""

    code: str
    expiry: str
    """ISO 8601 day."""


class Happening(NamedTuple):
    """What an event does to the items in one of its lists."""

    status: ItemStatus | None
    revives: bool
    """Whether it brings a final status back to life."""
    disposition: str
    location: str
    leaves: bool
    """Whether the place is no longer known afterwards."""
    holder: str


def moment(event: Event, digest: bytes) -> int:
    """Where an event stands in a life: by event time, then by what naturally comes first.

    Commissioning comes before packing, that before shipping, that before receiving; four bits of
    the event hash `digest` decide between the rest. 64 bits, signed.

    >>> pack = AggregationEvent(event_time="2026-01-02T03:04:05Z", action="ADD")
    >>> made = ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD")
    >>> moment(made, b"x") < moment(pack, b"x")
    True
    """
    time_us = max(-_TIME_MAX, min(microseconds(event.instant), _TIME_MAX))
    return (time_us << _RANK_BITS | _rank(event)) << _TIE_BITS | digest[0] & 0xF


def time_of_moment(value: int) -> int:
    """The event time of a moment, in microseconds since 1970 UTC."""
    return value >> MOMENT_BITS


def _rank(event: Event) -> int:
    step = bare("bizstep", event.biz_step or "")
    if isinstance(event, TransformationEvent):
        return 2
    if isinstance(event, AggregationEvent):
        return 3 if event.action == "DELETE" else 4
    if isinstance(event, ObjectEvent) and event.action != "OBSERVE":
        return 1 if event.action == "ADD" else _RANK_ENDED
    if _BY_STEP.get(step, ItemStatus.ACTIVE).is_final:
        return _RANK_ENDED
    return _RANKS.get(step, _RANK_OBSERVED)


def happening(event: Event, role: Role) -> Happening:
    """What this event does to the items it names in that role."""
    step = bare("bizstep", event.biz_step or "")
    disposition = bare("disp", event.disposition or "")
    status = _BY_DISPOSITION.get(disposition.rpartition("/")[2].rpartition(":")[2])
    if status is None or (status is ItemStatus.IN_TRANSIT and step in _BY_STEP):
        status = _BY_STEP.get(step, status)
    if isinstance(event, ObjectEvent) and event.action == "DELETE":
        ended = status is not None and status.is_final
        status = status if ended else ItemStatus.DECOMMISSIONED
    if role is Role.INPUT:
        status = ItemStatus.CONSUMED
    if role is Role.OUTPUT:
        status = ItemStatus.ACTIVE
    is_made = role is Role.OUTPUT or (isinstance(event, ObjectEvent) and event.action == "ADD")
    return Happening(
        status,
        revives=disposition in _REVIVING or is_made,
        disposition=disposition,
        location=_location(event, step),
        leaves=step in _LEAVING,
        holder=_holder(event, step),
    )


def advance(before: ItemState, what: Happening) -> ItemState:
    """How things stand after it happened.

    >>> sold = Happening(ItemStatus.DISPENSED, False, "dispensed", "", False, "")
    >>> advance(ItemState(ItemStatus.ACTIVE), sold).status
    <ItemStatus.DISPENSED: 'dispensed'>
    """
    status = before.status
    if status.is_final and not what.revives:
        if what.status is not None and what.status.is_final:
            status = what.status
    elif what.status is not None:
        status = what.status
    elif status is ItemStatus.NONE or status.is_final:
        status = ItemStatus.ACTIVE
    location = what.location or ("" if what.leaves else before.location)
    return before._replace(
        status=status,
        disposition=what.disposition or before.disposition,
        location=location,
        holder=what.holder or before.holder,
    )


def share(own: ItemState, container: ItemState) -> ItemState:
    """How things stand with an item whose container went on without it being named.

    It shares the container's place, holder and disposition; what has ended for the item itself
    stays ended.
    """
    status = own.status
    if not status.is_final and container.status is not ItemStatus.NONE:
        status = container.status
    moved = container.location or container.status is ItemStatus.IN_TRANSIT
    return own._replace(
        status=status,
        disposition=container.disposition or own.disposition,
        location=container.location if moved else own.location,
        holder=container.holder or own.holder,
    )


def named_items(event: Event) -> Iterable[tuple[Role, tuple[str, ...]]]:
    """The EPC lists of an event with their roles, as written."""
    if isinstance(event, ObjectEvent):
        return ((Role.EPC, event.epcs or ()),)
    if isinstance(event, AggregationEvent | AssociationEvent):
        parent = (event.parent_id,) if event.parent_id else ()
        return ((Role.PARENT, parent), (Role.CHILD, event.child_epcs or ()))
    if isinstance(event, TransactionEvent):
        parent = (event.parent_id,) if event.parent_id else ()
        return ((Role.PARENT, parent), (Role.EPC, event.epcs or ()))
    if isinstance(event, TransformationEvent):
        return ((Role.INPUT, event.input_epcs or ()), (Role.OUTPUT, event.output_epcs or ()))
    return ()


def named_classes(event: Event) -> Iterable[tuple[Role, str, str | None, str | None]]:
    """The quantities of an event: role, class as written, number as written, unit."""
    if isinstance(event, QuantityEvent):
        yield Role.EPC, event.epc_class, event.quantity, None
        return
    if isinstance(event, ObjectEvent | TransactionEvent):
        lists = ((Role.EPC, event.quantities),)
    elif isinstance(event, AggregationEvent | AssociationEvent):
        lists = ((Role.CHILD, event.child_quantities),)
    else:
        lists = (  # type: ignore[assignment]  # a tuple of two instead of one
            (Role.INPUT, event.input_quantities),
            (Role.OUTPUT, event.output_quantities),
        )
    for role, quantities in lists:
        for one in quantities or ():
            yield role, one.epc_class, one.quantity, one.uom


def told_lot(event: Event) -> Lot | None:
    """Lot and expiry from the master data of the instances or lots (ILMD), if it tells any."""
    ilmd = getattr(event, "ilmd", None)
    if not ilmd:
        return None
    code = _ilmd_text(ilmd, "lotNumber")
    expiry = _ilmd_text(ilmd, "itemExpirationDate")[:10]
    return Lot(code, expiry) if code or expiry else None


def _ilmd_text(ilmd: tuple[Node, ...], name: str) -> str:
    for node in ilmd:
        if node.name == name and ("cbv" in node.namespace or "gs1.org" in node.namespace):
            return node.text
    return ""


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


def _location(event: Event, step: str) -> str:
    place = place_key(event.biz_location)
    if place or step in _LEAVING:
        return place
    return place_key(event.read_point)


def _holder(event: Event, step: str) -> str:
    receiver = party_of(event.destinations)
    if step == "void_shipping":
        return party_of(event.sources)
    if receiver:
        return receiver
    if step in _LEAVING:
        return party_of(event.sources)
    if step in _ON_THE_WAY:
        return ""
    place = event.biz_location or event.read_point
    key = party_key(place.id) if place is not None else ""
    return key if key.startswith("/414/") else ""
