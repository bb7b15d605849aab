"""The event fields as tables for the codecs, made from `schemas.epcis.events`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from epcis import model
from schemas.epcis.events import COMMON_FIELDS, EVENT_TYPES, EventType, Field
from schemas.wording import near

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EVENT_CLASSES: Final[dict[str, type[model.Event]]] = {
    "ObjectEvent": model.ObjectEvent,
    "AggregationEvent": model.AggregationEvent,
    "TransactionEvent": model.TransactionEvent,
    "TransformationEvent": model.TransformationEvent,
    "AssociationEvent": model.AssociationEvent,
    "QuantityEvent": model.QuantityEvent,
}
NEW_EVENT: Final[Mapping[str, Callable[..., model.Event]]] = EVENT_CLASSES
"""Makes an event from its fields by name, as the readers collect them: each reader of a field gives
what the field holds, which no type can say of a dictionary of all fields."""


@dataclass(frozen=True, slots=True)
class EventShape:
    """One event type as the codecs see it."""

    name: str
    fields: tuple[Field, ...]
    """All fields, common ones first, in document order of EPCIS 2.0."""
    by_name: dict[str, Field]
    required: tuple[str, ...]
    """Names of fields without which there is no event."""
    in_1_2: bool
    """EPCIS 1.2 has this event type."""


def _shape(kind: EventType) -> EventShape:
    name, fields = kind.name, COMMON_FIELDS + kind.fields
    needed = {field.name for field in msgspec.structs.fields(EVENT_CLASSES[name]) if field.required}
    required = tuple(field.name for field in fields if field.attribute in needed)
    return EventShape(name, fields, {field.name: field for field in fields}, required, kind.in_1_2)


SHAPES: Final = {kind.name: _shape(kind) for kind in EVENT_TYPES}

_BY_ANY_CASE: Final = {name.casefold(): name for name in SHAPES}


def meant_event(name: str) -> str:
    """The event type that a name stands for in another case; empty where it stands for none.

    >>> meant_event("objectEvent"), meant_event("ObjectEvents")
    ('ObjectEvent', '')
    """
    return _BY_ANY_CASE.get(name.casefold(), "")


def unknown_event_hint(name: str) -> str:
    """What to do about an event whose type the standard does not have.

    >>> unknown_event_hint("objectEvent")
    "Did you mean 'ObjectEvent'? Capital and small letters differ."
    """
    if meant := meant_event(name) or near(name, SHAPES):
        return f"Did you mean '{meant}'? Capital and small letters differ."
    return "It stays in the document as received, but cannot be taken in as an event."
