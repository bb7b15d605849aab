"""EPCIS events and documents as values, independent of syntax and version.

Everything a partner wrote is kept as written: identifiers, vocabulary words, times and numbers are
the strings of the document, and what the standard does not know is kept as a tree of `Node`. An
absent list is `None`, an empty one `()`, because EPCIS 1.2 writes `<epcList/>` and 2.0 may not.
Frozen values cannot refer to themselves, so the garbage collector need not look at them (`gc`).
Standard: EPCIS 2.0 section 7.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TypeAlias

import msgspec


class Node(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An element outside the standard vocabulary, faithful to XML (EPCIS 2.0 section 7.1.1).

    Text between elements stays where it stood, so mixed content survives.

    >>> Node(namespace="urn:x", name="grade", children=("A",)).text
    'A'
    """

    namespace: str = ""
    name: str
    attributes: tuple[tuple[str, str, str], ...] = ()
    """(namespace, local name, value), in document order; `xsi:type` is one of them."""
    children: tuple[Node | str, ...] = ()
    kind: str = ""
    """The JSON type where the text does not show it: `number`, `boolean`, `null`, `object` ({}),
    `array` ([]), `nested` (an array inside an array); `array …` for an array of one such entry."""

    @property
    def text(self) -> str:
        """All character data below this element, joined and stripped."""
        parts = (c if isinstance(c, str) else c.text for c in self.children)
        return "".join(parts).strip()


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A read point or business location: an id and its extensions (section 7.3.5.3)."""

    id: str
    extensions: tuple[Node, ...] = ()


class BizTransaction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A business transaction an event belongs to, as an order or despatch advice."""

    id: str
    type: str | None = None


class Party(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An entry of a source or destination list: a role and who or what holds it."""

    id: str
    type: str


class QuantityElement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An amount of a class of objects; the number is the text the sender wrote."""

    epc_class: str
    quantity: str | None = None
    uom: str | None = None
    is_nil: bool = False
    """The sender wrote an explicit `xsi:nil` quantity instead of leaving it out."""


class PersistentDisposition(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False
):
    """Dispositions that hold until unset (section 7.4.1.6)."""

    set: tuple[str, ...] | None = None
    unset: tuple[str, ...] | None = None


class ErrorDeclaration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """That an earlier event was wrong, and which events say it right (section 7.4.1.2)."""

    declaration_time: str
    reason: str | None = None
    corrective_event_ids: tuple[str, ...] | None = None
    extensions: tuple[Node, ...] = ()
    extensions_first: int = 0
    """How many of the extensions stood before the standard elements; 2.0 XML allows any order."""
    attributes: tuple[tuple[str, str, str], ...] = ()
    """Foreign XML attributes: (namespace, local name, value)."""


class SensorMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What holds for every report of a sensor element."""

    time: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    device_id: str | None = None
    device_metadata: str | None = None
    raw_data: str | None = None
    data_processing_method: str | None = None
    biz_rules: str | None = None
    extensions: tuple[Node, ...] = ()


class SensorReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One observation of one property (section 7.3.7.3.3); numbers as written."""

    type: str | None = None
    exception: str | None = None
    device_id: str | None = None
    device_metadata: str | None = None
    raw_data: str | None = None
    data_processing_method: str | None = None
    biz_rules: str | None = None
    time: str | None = None
    microorganism: str | None = None
    chemical_substance: str | None = None
    value: str | None = None
    component: str | None = None
    string_value: str | None = None
    boolean_value: str | None = None
    hex_binary_value: str | None = None
    uri_value: str | None = None
    min_value: str | None = None
    max_value: str | None = None
    mean_value: str | None = None
    s_dev: str | None = None
    perc_rank: str | None = None
    perc_value: str | None = None
    uom: str | None = None
    coordinate_reference_system: str | None = None
    extensions: tuple[Node, ...] = ()


class SensorElement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A set of sensor reports with what they have in common."""

    metadata: SensorMetadata | None = None
    reports: tuple[SensorReport, ...] = ()
    extensions: tuple[Node, ...] = ()


class _Event(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="type"
):
    """What every event has (EPCIS 2.0 section 7.4.1)."""

    event_time: str
    """As written; `instant` gives the point in time."""
    event_time_zone_offset: str | None = None
    record_time: str | None = None
    """As the sender wrote it; the repository sets its own."""
    event_id: str | None = None
    certification_info: tuple[str, ...] | None = None
    error_declaration: ErrorDeclaration | None = None
    biz_step: str | None = None
    disposition: str | None = None
    persistent_disposition: PersistentDisposition | None = None
    read_point: Place | None = None
    biz_location: Place | None = None
    biz_transactions: tuple[BizTransaction, ...] | None = None
    sources: tuple[Party, ...] | None = None
    destinations: tuple[Party, ...] | None = None
    sensor_elements: tuple[SensorElement, ...] | None = None
    extensions: tuple[Node, ...] = ()
    attributes: tuple[tuple[str, str, str], ...] = ()
    """Foreign XML attributes of the event: (namespace, local name, value)."""
    namespaces: tuple[tuple[str, str], ...] = ()
    """(prefix, namespace) declared inside the event and not by its document."""

    @property
    def instant(self) -> datetime:
        """The event time as a UTC instant; a time without zone is read by the event's offset."""
        return instant_of(self.event_time, self.event_time_zone_offset)


class ObjectEvent(
    _Event, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="ObjectEvent"
):
    """Something happened to objects (section 7.4.2).

    >>> ObjectEvent(event_time="2026-01-02T03:04:05+01:00", action="ADD").instant.isoformat()
    '2026-01-02T02:04:05+00:00'
    """

    action: str
    epcs: tuple[str, ...] | None = None
    quantities: tuple[QuantityElement, ...] | None = None
    ilmd: tuple[Node, ...] | None = None


class AggregationEvent(
    _Event, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="AggregationEvent"
):
    """Children were put into, seen in, or taken out of a parent (section 7.4.3)."""

    action: str
    parent_id: str | None = None
    child_epcs: tuple[str, ...] | None = None
    child_quantities: tuple[QuantityElement, ...] | None = None


class TransactionEvent(
    _Event, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="TransactionEvent"
):
    """Objects were tied to, or freed from, business transactions (section 7.4.4)."""

    action: str
    parent_id: str | None = None
    epcs: tuple[str, ...] | None = None
    quantities: tuple[QuantityElement, ...] | None = None


class TransformationEvent(
    _Event, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="TransformationEvent"
):
    """Inputs were used up and outputs made (section 7.4.5)."""

    input_epcs: tuple[str, ...] | None = None
    input_quantities: tuple[QuantityElement, ...] | None = None
    output_epcs: tuple[str, ...] | None = None
    output_quantities: tuple[QuantityElement, ...] | None = None
    transformation_id: str | None = None
    ilmd: tuple[Node, ...] | None = None


class AssociationEvent(
    _Event, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="AssociationEvent"
):
    """Children were tied to a parent or a place that they do not travel in (section 7.4.6)."""

    action: str
    parent_id: str | None = None
    child_epcs: tuple[str, ...] | None = None
    child_quantities: tuple[QuantityElement, ...] | None = None


class QuantityEvent(
    _Event, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="QuantityEvent"
):
    """An amount of a class was seen; EPCIS 1.x only, deprecated since 1.1."""

    epc_class: str
    quantity: str


Event: TypeAlias = (
    ObjectEvent
    | AggregationEvent
    | TransactionEvent
    | TransformationEvent
    | AssociationEvent
    | QuantityEvent
)


class VocabularyElement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One entry of master data: an id, its attributes and the ids below it (section 7.5)."""

    id: str
    attributes: tuple[tuple[str, tuple[Node | str, ...]], ...] = ()
    """(attribute id, content), in order; content is text or nested elements."""
    children: tuple[str, ...] | None = None
    extensions: tuple[Node, ...] = ()
    foreign_attributes: tuple[tuple[str, str, str], ...] = ()
    """XML attributes beside `id`: (namespace, local name, value)."""


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """All entries of one vocabulary type, e.g. `urn:epcglobal:epcis:vtype:Location`."""

    type: str
    elements: tuple[VocabularyElement, ...] = ()
    extensions: tuple[Node, ...] = ()
    foreign_attributes: tuple[tuple[str, str, str], ...] = ()
    """XML attributes beside `type`: (namespace, local name, value)."""


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """All of a document that is not an event."""

    kind: str = "document"
    """`document`, `query` (EPCISQueryDocument), `masterdata` (EPCISMasterDataDocument), or
    `event` (bare)."""
    schema_version: str = ""
    creation_date: str | None = None
    sbdh: Node | None = None
    """The Standard Business Document Header as written."""
    master_data: tuple[Vocabulary, ...] = ()
    header_extensions: tuple[Node, ...] = ()
    """Foreign elements of EPCISHeader, such as `gs1ushc:dscsaTransactionStatement`. What a
    standard container holds beside its standard content stands in a node of the container's
    name, without a namespace: `extension`, `EPCISHeader`."""
    document_extensions: tuple[Node, ...] = ()
    """Foreign children of the root element; those of the body in a node named `EPCISBody`."""
    attributes: tuple[tuple[str, str, str], ...] = ()
    """Foreign attributes of the root: (namespace, local name, value)."""
    namespaces: tuple[tuple[str, str], ...] = ()
    """(prefix, namespace) as the sender declared them on the root or in `@context`."""
    context: bytes | None = None
    """The JSON-LD `@context` as written, where there was one."""
    subscription_id: str | None = None
    query_name: str | None = None
    document_id: str | None = None
    """The `id` of a JSON-LD document."""
    sender: str | None = None
    """`sender`, `receiver` and `instance_identifier` as JSON-LD documents write them outside of
    an SBDH; None where the `sbdh` says the same."""
    receiver: str | None = None
    instance_identifier: str | None = None


def instant_of(lexical: str, offset: str | None = None) -> datetime:
    """A written time as a UTC instant.

    A time without a zone is taken at `offset` (as `+02:00`), or as UTC where that is missing too.
    Raises ValueError where the text is not a time.

    >>> instant_of("2026-01-02T03:04:05", "+02:00").isoformat()
    '2026-01-02T01:04:05+00:00'
    """
    text = lexical.strip()
    if text[-1:] == "z":  # as RFC 3339 allows and Python does not read
        text = text[:-1] + "Z"
    is_midnight = text[10:19] == "T24:00:00"
    moment = datetime.fromisoformat(text.replace("T24", "T00", 1) if is_midnight else text)
    if is_midnight:  # the end of the day, which XML Schema writes so and Python does not read
        moment += timedelta(days=1)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_zone(offset) if offset else UTC)
    return moment.astimezone(UTC)


def _zone(offset: str) -> timezone:
    sign = -1 if offset[0] == "-" else 1
    hours, minutes = offset[1:].split(":")
    return timezone(sign * timedelta(hours=int(hours), minutes=int(minutes)))
