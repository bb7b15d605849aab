"""QuantityEvent, which EPCIS 2.0 has no more, written as an event of 2.0 and read back.

An ObjectEvent that observes an amount of a class says the same; a mark keeps the way back.
"""

from __future__ import annotations

from typing import Final

from epcis.codec.namespaces import OWN
from epcis.model import Event, Node, ObjectEvent, QuantityElement, QuantityEvent

FORMERLY: Final = Node(namespace=OWN, name="formerly", children=("QuantityEvent",))
"""Marks an ObjectEvent that stands for a QuantityEvent."""


def modern(event: Event) -> Event:
    """A QuantityEvent as the ObjectEvent that says the same; any other event as it is.

    >>> old = QuantityEvent(event_time="2026-01-02T03:04:05Z", epc_class="urn:x", quantity="3")
    >>> restored(modern(old)) == old
    True
    """
    if not isinstance(event, QuantityEvent):
        return event
    shared = set(ObjectEvent.__struct_fields__) & set(QuantityEvent.__struct_fields__)
    values = {name: getattr(event, name) for name in shared - {"extensions"}}
    amount = QuantityElement(epc_class=event.epc_class, quantity=event.quantity)
    return ObjectEvent(
        **values,
        action="OBSERVE",
        quantities=(amount,),
        extensions=(*event.extensions, FORMERLY),
    )


def restored(event: Event) -> Event:
    """The QuantityEvent that a marked ObjectEvent stands for; any other event as it is."""
    if not isinstance(event, ObjectEvent) or FORMERLY not in event.extensions:
        return event
    amounts = event.quantities or ()
    if len(amounts) != 1 or amounts[0].quantity is None:
        return event
    shared = set(ObjectEvent.__struct_fields__) & set(QuantityEvent.__struct_fields__)
    values = {name: getattr(event, name) for name in shared - {"extensions"}}
    return QuantityEvent(
        **values,
        epc_class=amounts[0].epc_class,
        quantity=amounts[0].quantity,
        extensions=tuple(node for node in event.extensions if node != FORMERLY),
    )
