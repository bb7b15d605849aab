"""Rules over what an event is about: its objects, its parent, what came out of what.

Standard: EPCIS 2.0 sections 7.3.3 and 7.4; conformance requirement TCR-54 for associations.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from epcis.check.fault import error, remark, warning
from epcis.model import (
    AggregationEvent,
    AssociationEvent,
    ObjectEvent,
    QuantityElement,
    QuantityEvent,
    TransactionEvent,
    TransformationEvent,
)
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.check.fault import RuleFault
    from epcis.model import Event

_ID_LISTS: Final = {
    "epcList": "epcs",
    "childEPCs": "child_epcs",
    "inputEPCList": "input_epcs",
    "outputEPCList": "output_epcs",
}
_QUANTITY_LISTS: Final = {
    "quantityList": "quantities",
    "childQuantityList": "child_quantities",
    "inputQuantityList": "input_quantities",
    "outputQuantityList": "output_quantities",
}
_UNITS_LENGTH: Final = (2, 3)


def id_lists(event: Event) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The lists of instance ids an event has, by their names in documents.

    >>> dict(id_lists(ObjectEvent(event_time="", action="ADD", epcs=("urn:a",))))
    {'epcList': ('urn:a',)}
    """
    for name, attribute in _ID_LISTS.items():
        ids = getattr(event, attribute, None)
        if ids is not None:
            yield name, ids


def quantity_lists(event: Event) -> Iterator[tuple[str, tuple[QuantityElement, ...]]]:
    """The lists of quantities an event has, by their names in documents."""
    for name, attribute in _QUANTITY_LISTS.items():
        quantities = getattr(event, attribute, None)
        if quantities is not None:
            yield name, quantities


def says_what_it_is_about(event: Event) -> Iterator[RuleFault]:
    """An event must name objects, or, for an ObjectEvent, sensors at a read point."""
    match event:
        case ObjectEvent():
            senses = bool(event.sensor_elements) and event.read_point is not None
            if not (event.epcs or event.quantities or senses):
                yield error(
                    "what-missing",
                    "the ObjectEvent names no objects",
                    "Give epcList or quantityList; only a sensor event at a readPoint has neither.",
                )
        case TransactionEvent():
            if not event.biz_transactions:
                yield error(
                    "transaction-missing",
                    "the TransactionEvent names no business transaction",
                    "Give at least one bizTransaction.",
                    "bizTransactionList",
                )
            if not (event.epcs or event.quantities or event.parent_id or event.action == "DELETE"):
                yield error(
                    "what-missing",
                    "the TransactionEvent names no objects",
                    "Give epcList, quantityList or parentID.",
                )
        case TransformationEvent():
            yield from _inputs_and_outputs(event)
        case _:
            return


def _inputs_and_outputs(event: TransformationEvent) -> Iterator[RuleFault]:
    takes = bool(event.input_epcs or event.input_quantities)
    makes = bool(event.output_epcs or event.output_quantities)
    if not takes and not makes:
        yield error(
            "what-missing",
            "the TransformationEvent has neither inputs nor outputs",
            "Give what was used up and what was made.",
        )
    elif not (takes and makes) and not event.transformation_id:
        lacking = "outputs" if takes else "inputs"
        yield error(
            "transformation-id-missing",
            f"the TransformationEvent has no {lacking} and no transformationID",
            "Give both sides, or tie the parts of one process with a transformationID.",
            "transformationID",
        )


def has_parent_and_children(event: Event) -> Iterator[RuleFault]:
    """Aggregations and associations need a parent, and children unless all are taken out."""
    if not isinstance(event, AggregationEvent | AssociationEvent):
        return
    kind = type(event).__name__
    if not event.parent_id and (event.action != "OBSERVE" or isinstance(event, AssociationEvent)):
        yield error(
            "parent-missing",
            f"the {kind} with action {event.action} has no parentID",
            "Name what the children were put into or taken out of.",
            "parentID",
        )
    if not (event.child_epcs or event.child_quantities) and event.action != "DELETE":
        yield error(
            "children-missing",
            f"the {kind} with action {event.action} has no children",
            "Name them in childEPCs or childQuantityList; only DELETE may mean all of them.",
            "childEPCs",
        )
    if event.parent_id and _is_among(event.parent_id, event.child_epcs or ()):
        yield error(
            "parent-is-child",
            f"{event.parent_id} is named as its own child",
            "Nothing holds itself: check parentID.",
            "parentID",
        )


def _is_among(uri: str, uris: tuple[str, ...]) -> bool:
    """Whether one of some ids is this one, in any way of writing it."""
    if not _has_links((uri, *uris)):
        return uri in uris
    return canonical_key(uri) in map(canonical_key, uris)


def _has_links(uris: tuple[str, ...]) -> bool:
    """Whether web addresses are among some ids, so that one thing may be written in two ways."""
    return "\nhttp" in "\n".join(("", *uris))


def adds_ilmd_only_once(event: Event) -> Iterator[RuleFault]:
    """Instance and lot master data come with the event that brings the objects into being."""
    if isinstance(event, ObjectEvent) and event.ilmd and event.action != "ADD":
        yield error(
            "ilmd-outside-add",
            f"ilmd stands in an event whose action is {event.action}",
            "Instance and lot master data belong to the event that adds the objects (action ADD).",
            "ilmd",
        )


def names_each_once(event: Event) -> Iterator[RuleFault]:
    """An object stands at most once in a list."""
    for name, ids in id_lists(event):
        keys = tuple(map(canonical_key, ids)) if _has_links(ids) else ids
        if len(set(keys)) == len(keys):
            continue
        ((again, _),) = Counter(keys).most_common(1)
        repeated = ids[keys.index(again)]
        yield warning(
            "id-repeated",
            f"{name} names {repeated} more than once",
            "Keep each id once.",
            name,
        )


def counts_sensibly(event: Event) -> Iterator[RuleFault]:
    """Quantities are positive numbers of classes, with a unit code where they are measured."""
    for name, quantities in quantity_lists(event):
        for quantity in quantities:
            yield from _quantity(quantity, name)
    if isinstance(event, QuantityEvent):
        yield remark(
            "quantity-event",
            "QuantityEvent is no longer part of EPCIS 2.0",
            "Send an ObjectEvent with a quantityList instead.",
        )


def _quantity(element: QuantityElement, name: str) -> Iterator[RuleFault]:
    if element.uom and len(element.uom) not in _UNITS_LENGTH:
        yield warning(
            "unit-unknown",
            f"{name}: '{element.uom}' is no unit code",
            "Write a code of UN/ECE Recommendation 20, such as KGM.",
            name,
        )
    try:
        amount = None if element.quantity is None else float(element.quantity)
    except ValueError:
        return
    if amount is not None and amount <= 0:
        yield warning(
            "quantity-not-positive",
            f"{name} counts {element.quantity} of {element.epc_class}",
            "Leave out what is not there, and count the rest.",
            name,
        )
