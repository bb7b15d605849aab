"""What the search index keeps of an event: pure, so that capture and rebuild share it.

`index_rows` answers with rows without the event's sequence number, which only the store knows.
Words are 64-bit digests of what an equality asks for (decision 0060).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from epcis.model import (
    ErrorDeclaration,
    Event,
    ObjectEvent,
    Place,
    SensorElement,
    SensorMetadata,
    SensorReport,
    TransformationEvent,
    instant_of,
)
from epcis.units import number
from schemas.cbv import bare
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from epcis.model import Node

_SEPARATOR: Final = "\x1f"
TIME_LENGTH_MIN: Final = 16
"""Shortest text taken for a point in time: date, hour and minute."""

WORD_COLUMNS: Final = ("word", "seq")
FIELD_COLUMNS: Final = ("field", "seq", "position", "number", "instant", "text")
SENSOR_COLUMNS: Final = (
    "seq",
    "position",
    "type",
    "device",
    "element_device",
    "method",
    "element_method",
    "rules",
    "element_rules",
    "microorganism",
    "substance",
    "string_value",
    "boolean_value",
    "hex_value",
    "uri_value",
    "time",
    "element_time",
    "start_time",
    "end_time",
    "uom",
    "value",
    "min_value",
    "max_value",
    "mean_value",
    "s_dev",
    "perc_rank",
    "perc_value",
)


class FieldRow(NamedTuple):
    """One extension field of one event: `event_field` without seq."""

    field: int
    position: int
    number: float | None
    instant: datetime | None
    text: str | None


class IndexRows(NamedTuple):
    """What one event adds to the search index."""

    words: frozenset[int]
    """`event_word.word`"""
    fields: tuple[FieldRow, ...]
    """`event_field` without seq"""
    sensors: tuple[tuple[object, ...], ...]
    """`event_sensor`: the columns after seq, in the order of `SENSOR_COLUMNS`"""


EMPTY: Final = IndexRows(frozenset(), (), ())


@lru_cache(maxsize=16384)
def word(kind: str, value: str, part: str = "") -> int:
    """The digest an equality is looked up by: what kind of field, its type or name, its value.

    >>> word("bizTransaction", "urn:x:1", "po") == word("bizTransaction", "urn:x:1", "inv")
    False
    """
    text = f"{kind}{_SEPARATOR}{part}{_SEPARATOR}{value}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)


def field(scope: str, name: str) -> int:
    """The digest of an extension field: its place (`event`, `INNER ilmd`, …) and expanded name."""
    return word("field", name, scope)


def field_name(namespace: str, local: str) -> str:
    """One name for a field in XML (namespace and local name) and JSON-LD (an expanded IRI).

    Partners end the same namespace with `/`, `#`, `:` or nothing, depending on the syntax.

    >>> field_name("urn:epcglobal:cbv:mda", "lotNumber")
    'urn:epcglobal:cbv:mda#lotNumber'
    >>> field_name("http://x.example/ns/", "grade") == field_name("http://x.example/ns", "grade")
    True
    """
    return f"{namespace.rstrip('#/:')}#{local}"


def index_rows(event: Event) -> IndexRows:
    """The search rows of an event.

    >>> index_rows(ObjectEvent(event_time="2026-01-01T00:00:00Z", action="ADD")) == EMPTY
    True
    """
    words = set(_words(event))
    trees = tuple(_trees(event))
    sensors = tuple(_sensor_rows(event.sensor_elements)) if event.sensor_elements else ()
    if not words and not trees and not sensors:
        return EMPTY
    rows: list[FieldRow] = []
    for scope, nodes in trees:
        _index_nodes(scope, nodes, rows, words)
    return IndexRows(frozenset(words), tuple(rows), sensors)


def _words(event: Event) -> Iterator[int]:
    for transaction in event.biz_transactions or ():
        kind = bare("btt", transaction.type or "")
        yield word("bizTransaction", canonical_key(transaction.id), kind)
    for source in event.sources or ():
        yield word("source", canonical_key(source.id), bare("sdt", source.type))
    for destination in event.destinations or ():
        yield word("destination", canonical_key(destination.id), bare("sdt", destination.type))
    persistent = event.persistent_disposition
    if persistent is not None:
        for value in persistent.set or ():
            yield word("persistentDisposition_set", bare("disp", value))
        for value in persistent.unset or ():
            yield word("persistentDisposition_unset", bare("disp", value))
    if event.error_declaration is not None:
        for corrective in event.error_declaration.corrective_event_ids or ():
            yield word("correctiveEventID", corrective)


def _trees(event: Event) -> Iterator[tuple[str, Iterable[Node]]]:
    """Every home of extension fields in the event that holds any: its scope and its nodes."""
    if event.extensions:
        yield "event", event.extensions
    if isinstance(event, ObjectEvent | TransformationEvent) and event.ilmd:
        yield "ilmd", event.ilmd
    homes: tuple[tuple[str, ErrorDeclaration | Place | None], ...] = (
        ("error", event.error_declaration),
        ("readPoint", event.read_point),
        ("bizLocation", event.biz_location),
    )
    for scope, home in homes:
        if home is not None and home.extensions:
            yield scope, home.extensions
    for element in event.sensor_elements or ():
        yield from _sensor_trees(element)


def _sensor_trees(element: SensorElement) -> Iterator[tuple[str, Iterable[Node]]]:
    if element.extensions:
        yield "sensorElement", element.extensions
    if element.metadata is not None and element.metadata.extensions:
        yield "sensorMetadata", element.metadata.extensions
    for report in element.reports:
        if report.extensions:
            yield "sensorReport", report.extensions


def _index_nodes(scope: str, nodes: Iterable[Node], rows: list[FieldRow], words: set[int]) -> None:
    """Rows and words of a forest of fields; a stack instead of recursion, however deep it is."""
    inner = f"INNER {scope}"
    waiting = [(node, scope) for node in reversed(tuple(nodes))]
    while waiting:
        node, place = waiting.pop()
        below = [child for child in node.children if not isinstance(child, str)]
        name = field_name(node.namespace, node.name)
        text = None if below else node.text
        key = field(place, name)
        rows.append(_field_row(key, len(rows), text))
        if text is not None:
            words.add(word(place, text, name))
        waiting.extend((child, inner) for child in reversed(below))


def _field_row(key: int, position: int, text: str | None) -> FieldRow:
    if text is None:
        return FieldRow(key, position, None, None, None)
    amount = number(text)
    return FieldRow(key, position, None if amount is None else float(amount), instant(text), text)


def instant(text: str | None) -> datetime | None:
    """A written point in time, or None where the text is none.

    >>> instant("2026-01-01T00:00:00Z").year, instant("20260101"), instant("soon, very soon")
    (2026, None, None)
    """
    if text is None or len(text) < TIME_LENGTH_MIN or "T" not in text:
        return None
    try:
        return instant_of(text)
    except (ValueError, OverflowError):
        return None


def _sensor_rows(elements: Iterable[SensorElement]) -> Iterator[tuple[object, ...]]:
    position = 0
    for element in elements:
        metadata = element.metadata or SensorMetadata()
        for report in element.reports or (SensorReport(),):
            yield (position, *_sensor_row(metadata, report))
            position += 1


def _sensor_row(metadata: SensorMetadata, report: SensorReport) -> tuple[object, ...]:
    flag = {"true": True, "1": True, "false": False, "0": False}
    return (
        None if report.type is None else bare("measurement", report.type),
        _key(report.device_id),
        _key(metadata.device_id),
        report.data_processing_method,
        metadata.data_processing_method,
        report.biz_rules,
        metadata.biz_rules,
        report.microorganism,
        report.chemical_substance,
        report.string_value,
        flag.get((report.boolean_value or "").strip().lower()),
        None if report.hex_binary_value is None else report.hex_binary_value.strip().upper(),
        report.uri_value,
        instant(report.time),
        instant(metadata.time),
        instant(metadata.start_time),
        instant(metadata.end_time),
        report.uom,
        _float(report.value),
        _float(report.min_value),
        _float(report.max_value),
        _float(report.mean_value),
        _float(report.s_dev),
        _float(report.perc_rank),
        _float(report.perc_value),
    )


def _key(uri: str | None) -> str | None:
    return None if uri is None else canonical_key(uri)


def _float(text: str | None) -> float | None:
    amount = None if text is None else number(text)
    return None if amount is None else float(amount)
