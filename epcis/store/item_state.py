"""The state of an item and how events change it: status, place, holder and lasting conditions.

Pure. The state is a fold over events in the order of their *moments*, so that the order in which
documents arrive does not matter.

- A condition lasts until an event that names the item lifts it, `persistentDisposition` unsets it,
  or the event that set it is declared wrong.
- What is set on a container is set on everything inside at that time, for good. What is put in
  later carries the container's conditions only while it is inside (`borrowed`).
- No event about a container lifts what is set on a pack.
- An ended item keeps its end. Decommissioning a container ends only the container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from epcis.store.effect import inside
from epcis.store.item_status import ItemStatus
from schemas.dispositions import Condition, is_lifted_by_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.store.effect import Effect

_SEEN = Condition.SEEN_AFTER_END.value
_RETURNED = Condition.RETURNED_AFTER_END.value
_END_MARKS = frozenset({_SEEN, _RETURNED})
_UNMADE = Condition.NOT_COMMISSIONED.value
_ONLY_RECORDED = frozenset(
    {ItemStatus.DECOMMISSIONED, ItemStatus.DESTROYED, ItemStatus.LOST, ItemStatus.STOLEN}
)
"""Ends recorded without the item being at hand; recorded for an ended item they leave no mark."""
_REPLACED_ENDS = frozenset({ItemStatus.DECOMMISSIONED, ItemStatus.LOST})
"""Ends of the serial number or by absence; a later one that says what became of it replaces it."""
_SHARED_STATUS = frozenset({ItemStatus.ACTIVE, ItemStatus.IN_TRANSIT, ItemStatus.LOCKED})
_OPEN = frozenset({ItemStatus.NONE, ItemStatus.ACTIVE, ItemStatus.IN_TRANSIT})


class ItemState(NamedTuple):
    """The state of an item after an event; empty text is not known."""

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
    owner: str = ""
    """Canonical GLN key of who owns it, as far as an event says so."""

    @property
    def reaches_inside(self) -> bool:
        """Whether later events of this item may change the conditions of what is inside."""
        return bool(self.conditions) or self.status.is_ended


def advance(before: ItemState, what: Effect) -> ItemState:
    """The state after an event that names the item.

    >>> from epcis.store.effect import Effect
    >>> sold = advance(ItemState(ItemStatus.ACTIVE), Effect(ItemStatus.DISPENSED))
    >>> sold.status, advance(sold, Effect(ItemStatus.ACTIVE)).conditions
    (<ItemStatus.DISPENSED: 'dispensed'>, ('seen_after_end',))
    """
    moved = _placed(before, what)
    status, mark = _status_after(before, what)
    if not (before.conditions or what.sets or mark):
        return moved._replace(status=status)
    borrowed, persistent = frozenset(before.borrowed), frozenset(before.persistent)
    gone = _lifted(before, what)
    conditions = (frozenset(before.conditions) - gone) | frozenset(what.sets)
    if mark:
        conditions |= {mark}
    return moved._replace(
        status=status,
        conditions=tuple(sorted(conditions)),
        borrowed=tuple(sorted(borrowed - gone - frozenset(what.sets))),
        persistent=tuple(sorted((persistent - gone) | frozenset(what.persists))),
    )


def _lifted(before: ItemState, what: Effect) -> frozenset[str]:
    """The conditions that an event about the item itself takes back."""
    gone = set(what.unsets)
    kept = frozenset(before.persistent)
    if what.lifts:
        gone.update(c for c in before.conditions if c not in kept and is_lifted_by_name(c))
    if (what.is_made or what.is_active) and _UNMADE not in kept:
        gone.add(_UNMADE)
    if what.is_undo:
        gone |= _END_MARKS
    return frozenset(gone)


def _status_after(before: ItemState, what: Effect) -> tuple[ItemStatus, str]:
    """The status after an event that names the item, and the mark that the event leaves on it."""
    status, stated = before.status, what.status
    if what.is_undo:
        return ItemStatus.ACTIVE, ""
    if status.is_ended:
        return _after_end(before, what)
    if status is ItemStatus.LOCKED:
        if stated is not None and stated.is_ended:
            return stated, ""
        return (ItemStatus.ACTIVE if what.is_active or what.is_made else status), ""
    if stated is not None:
        return stated, ""
    return (ItemStatus.ACTIVE if status is ItemStatus.NONE else status), ""


def _after_end(before: ItemState, what: Effect) -> tuple[ItemStatus, str]:
    """An ended item keeps its end; whoever had it at hand since leaves a mark."""
    status, stated = before.status, what.status
    if stated is not None and stated.is_ended:
        replaces = stated is ItemStatus.DESTROYED or (
            status in _REPLACED_ENDS and stated in _ONLY_RECORDED
        )
        is_same = stated is status and (
            (what.holder and what.holder == before.holder)
            or (what.is_partial and before.disposition == what.disposition)
        )
        mark = "" if stated in _ONLY_RECORDED or is_same else _SEEN
        return (stated if replaces and not mark else status), mark
    if not what.is_sighting:
        return status, ""
    if what.is_return and status is ItemStatus.DISPENSED:
        return status, _RETURNED
    if _RETURNED in before.conditions and not (what.is_active or what.is_made):
        return status, ""  # on its way back
    return status, _SEEN


def _placed(before: ItemState, what: Effect) -> ItemState:
    """Place, holder and disposition after an event."""
    holder, owner = what.holder, what.owner or before.owner
    if what.is_void:
        holder = holder or before.shipper or what.read_at
        if not what.owner and owner == before.holder:
            owner = ""  # who was to get the goods does not own them; no event says who does
    shipper = before.shipper
    if what.leaves:
        shipper = what.shipper or shipper or before.holder
    elif what.status is ItemStatus.ACTIVE:
        shipper = ""
    return before._replace(
        disposition=what.disposition or before.disposition,
        location=what.location or ("" if what.leaves else before.location),
        holder=holder or before.holder,
        shipper=shipper,
        owner="" if what.forgets_owner and not what.owner else owner,
    )


def placed(before: ItemState, what: Effect) -> ItemState:
    """Place and holder after an event of the item or its container, its status left as it is."""
    return _placed(before, what)


def reached(before: ItemState, what: Effect) -> ItemState:
    """The state after an event of the container that reaches what is inside."""
    ends = what.status is not None and what.status.is_ended
    only_container = what.status is ItemStatus.DECOMMISSIONED
    effect = what._replace(forgets_owner=False)
    moved = _placed(before, effect._replace(disposition="") if only_container else effect)
    status, mark = before.status, ""
    if status.is_ended:
        status, mark = _after_end(before, what)
        status = before.status if only_container else status
    elif ends and not only_container:
        assert what.status is not None, "what ends has a status"
        status = what.status
    elif what.status in _SHARED_STATUS and status in _OPEN:
        assert what.status is not None, "a shared status is one"
        status = what.status
    given = inside(what.sets)
    conditions = frozenset(before.conditions) | frozenset(given)
    if mark:
        conditions |= {mark}
    return moved._replace(
        status=status,
        conditions=tuple(sorted(conditions)),
        borrowed=tuple(sorted(frozenset(before.borrowed) - frozenset(given))),
        persistent=tuple(sorted(frozenset(before.persistent) | frozenset(inside(what.persists)))),
    )


def lent(before: ItemState, conditions: Iterable[str]) -> ItemState:
    """The state of an item that carries these conditions while it is inside."""
    new = frozenset(conditions) - frozenset(before.conditions)
    if not new:
        return before
    return before._replace(
        conditions=tuple(sorted(new | frozenset(before.conditions))),
        borrowed=tuple(sorted(new | frozenset(before.borrowed))),
    )


def taken_out(before: ItemState) -> ItemState:
    """The state of an item outside of its container: what it only borrowed is gone."""
    return returned_to(before, before.borrowed)


def returned_to(before: ItemState, conditions: Iterable[str]) -> ItemState:
    """The state without those of these conditions that the item only borrowed."""
    gone = frozenset(conditions) & frozenset(before.borrowed)
    if not gone:
        return before
    return before._replace(
        conditions=tuple(c for c in before.conditions if c not in gone),
        borrowed=tuple(c for c in before.borrowed if c not in gone),
    )


def marked(before: ItemState, marks: Iterable[str]) -> ItemState:
    """The state with marks of its history, such as two recorded lots."""
    return before._replace(conditions=tuple(sorted({*before.conditions, *marks})))


def share(own: ItemState, container: ItemState) -> ItemState:
    """State of an item that inherits its container's later events.

    Events that change conditions or end the container reach what is inside at once (`reached`), so
    only place, holder, disposition and being under way are inherited here.
    """
    if container.status is ItemStatus.NONE:
        return own
    status = own.status
    if status in _OPEN and container.status in _SHARED_STATUS:
        status = container.status
    moved = container.location or container.status is ItemStatus.IN_TRANSIT
    disposition = "" if container.status.is_ended else container.disposition
    return own._replace(
        status=status,
        disposition=disposition or own.disposition,
        location=container.location if moved else own.location,
        holder=container.holder or own.holder,
        shipper=container.shipper,
        owner=container.owner or own.owner,
    )
