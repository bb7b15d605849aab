"""The event fields as tables for the codecs, made from the description in `schemas.epcis.events`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from epcis import model
from schemas.epcis.events import COMMON_FIELDS, EVENT_TYPES, Field

EVENT_CLASSES: Final[dict[str, type[model.Event]]] = {
    "ObjectEvent": model.ObjectEvent,
    "AggregationEvent": model.AggregationEvent,
    "TransactionEvent": model.TransactionEvent,
    "TransformationEvent": model.TransformationEvent,
    "AssociationEvent": model.AssociationEvent,
    "QuantityEvent": model.QuantityEvent,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """One event type as the codecs see it."""

    name: str
    fields: tuple[Field, ...]
    """All fields, common ones first, in document order of EPCIS 2.0."""
    by_name: dict[str, Field]
    required: tuple[str, ...]
    """Names of fields without which there is no event."""


def _shape(name: str, own: tuple[Field, ...]) -> Shape:
    fields = COMMON_FIELDS + own
    needed = {field.name for field in msgspec.structs.fields(EVENT_CLASSES[name]) if field.required}
    required = tuple(field.name for field in fields if field.attribute in needed)
    return Shape(name, fields, {field.name: field for field in fields}, required)


SHAPES: Final = {kind.name: _shape(kind.name, kind.fields) for kind in EVENT_TYPES}
