"""The items and classes that an event names, list by list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.model import (
    AggregationEvent,
    AssociationEvent,
    ObjectEvent,
    QuantityEvent,
    TransactionEvent,
    TransformationEvent,
)
from epcis.store.event_tables import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.model import Event


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
