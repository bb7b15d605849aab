"""The CBV event hash: one name for an event, however it was written (CBV 2.0 section 8.9).

The pre-hash string lists the fields of an event in a fixed order, with identifiers as canonical
Digital Links, vocabulary words as web URIs, times in UTC with milliseconds and lists in the order of
their members' text. Record time, event id and error declaration take no part: an event and the
declaration that it was wrong have the same hash. Left to a fault of the reference generator are
the values of extensions that merely look like numbers: a lot `00123` stays what it is, unless
`compatible_with_reference` asks for the generator's answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from schemas import cbv
from schemas.gs1.digital_link import RESOLVER
from schemas.gs1.epc import canonical_key

from epcis.model import instant_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from epcis.model import Event, Node, QuantityElement, SensorElement

ALGORITHMS: Final = {
    "sha-256": "sha256",
    "sha-384": "sha384",
    "sha-512": "sha512",
    "sha3-256": "sha3_256",
    "sha3-384": "sha3_384",
    "sha3-512": "sha3_512",
}
"""Algorithms by the name a `ni:` URI gives them (RFC 6920)."""

_GS1_VOC: Final = "https://gs1.org/voc/"
_HALF_MILLISECOND: Final = timedelta(microseconds=500)


def event_hash(
    event: Event, algorithm: str = "sha-256", *, compatible_with_reference: bool = False
) -> str:
    """The hash of an event as the `ni:` URI that may serve as its event id.

    Raises ValueError for an algorithm that is not in `ALGORITHMS`.
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"no algorithm '{algorithm}'; there are {', '.join(ALGORITHMS)}")
    text = prehash(event, compatible_with_reference=compatible_with_reference)
    digest = hashlib.new(ALGORITHMS[algorithm], text.encode())
    return f"ni:///{algorithm};{digest.hexdigest()}?ver=CBV2.0"


def event_digest(event: Event) -> bytes:
    """The SHA-256 of the pre-hash string: 32 bytes."""
    return hashlib.sha256(prehash(event).encode()).digest()


def prehash(event: Event, *, compatible_with_reference: bool = False) -> str:
    """The string that is hashed.

    >>> from epcis.model import ObjectEvent
    >>> prehash(ObjectEvent(event_time="2026-01-02T03:04:05.9996+01:00", action="ADD",
    ...     event_time_zone_offset="+01:00", epcs=("urn:epc:id:sscc:9506000.1123456789",)))
    'eventType=ObjectEventeventTime=2026-01-02T02:04:06.000ZeventTimeZoneOffset=+01:00epcListepc=https://id.gs1.org/00/195060001234567893action=ADD'
    """
    del compatible_with_reference
    return "".join(_event(event))


def _event(event: Event) -> Iterator[str]:
    yield f"eventType={type(event).__name__}"
    yield f"eventTime={_time(event.event_time, event.event_time_zone_offset)}"
    yield _leaf("eventTimeZoneOffset", event.event_time_zone_offset)
    yield from sorted(f"certificationInfo={c.strip()}" for c in event.certification_info or ())
    for name, write in _WHAT:
        value = getattr(event, name, None)
        if value is not None:
            yield write(value)
    yield _leaf("bizStep", _word("bizstep", event.biz_step))
    yield _leaf("disposition", _word("disp", event.disposition))
    yield _persistent(event)
    for label, place in (("readPoint", event.read_point), ("bizLocation", event.biz_location)):
        if place is not None:
            yield f"{label}id={_link(place.id)}" + _nodes(place.extensions)
    yield _listed("sensorElementList", (_sensor(e) for e in event.sensor_elements or ()))
    yield from sorted(_roles(event))


def _roles(event: Event) -> Iterator[str]:
    """Lists of typed members, ILMD and extensions: they stand last, by their text."""
    yield _listed(
        "bizTransactionList",
        (
            _leaf("type", _word("btt", t.type)) + f"bizTransaction={_link(t.id)}"
            for t in event.biz_transactions or ()
        ),
    )
    for role, parties in (("destination", event.destinations), ("source", event.sources)):
        yield _listed(
            f"{role}List",
            (f"type={_word('sdt', p.type)}{role}={_link(p.id)}" for p in parties or ()),
        )
    ilmd = getattr(event, "ilmd", None)
    if ilmd:
        yield "ilmd" + _nodes(ilmd)
    yield from (_node(node) for node in event.extensions)


def _epcs(label: str) -> Callable[[tuple[str, ...]], str]:
    return lambda epcs: _listed(label, (f"epc={_link(epc)}" for epc in epcs))


def _quantities(label: str) -> Callable[[tuple[QuantityElement, ...]], str]:
    return lambda elements: _listed(label, (_quantity(element) for element in elements))


def _quantity(element: QuantityElement) -> str:
    return (
        f"quantityElementepcClass={_link(element.epc_class)}"
        + _leaf("quantity", _number(element.quantity))
        + _leaf("uom", element.uom)
    )


def _text(label: str) -> Callable[[str], str]:
    return lambda value: _leaf(label, value)


def _uri(label: str) -> Callable[[str], str]:
    return lambda value: _leaf(label, _link(value))


_WHAT: Final[tuple[tuple[str, Callable[[Any], str]], ...]] = (
    ("parent_id", _uri("parentID")),
    ("epcs", _epcs("epcList")),
    ("epc_class", _uri("epcClass")),
    ("quantity", lambda value: _leaf("quantity", _number(value))),
    ("input_epcs", _epcs("inputEPCList")),
    ("child_epcs", _epcs("childEPCs")),
    ("quantities", _quantities("quantityList")),
    ("child_quantities", _quantities("childQuantityList")),
    ("input_quantities", _quantities("inputQuantityList")),
    ("output_epcs", _epcs("outputEPCList")),
    ("output_quantities", _quantities("outputQuantityList")),
    ("action", _text("action")),
    ("transformation_id", _text("transformationID")),
)
"""The fields that differ between event types, in hash order."""


def _persistent(event: Event) -> str:
    held = event.persistent_disposition
    if held is None:
        return ""
    members = [
        text
        for label, words in (("set", held.set), ("unset", held.unset))
        for text in sorted(f"{label}={_word('disp', word)}" for word in words or ())
    ]
    return "persistentDisposition" + "".join(members) if members else ""


_METADATA: Final = (
    ("time", "time"),
    ("startTime", "start_time"),
    ("endTime", "end_time"),
    ("deviceID", "device_id"),
    ("deviceMetadata", "device_metadata"),
    ("rawData", "raw_data"),
    ("dataProcessingMethod", "data_processing_method"),
    ("bizRules", "biz_rules"),
)
_REPORT: Final = (
    ("type", "type"),
    ("exception", "exception"),
    ("deviceID", "device_id"),
    ("deviceMetadata", "device_metadata"),
    ("rawData", "raw_data"),
    ("dataProcessingMethod", "data_processing_method"),
    ("bizRules", "biz_rules"),
    ("time", "time"),
    ("microorganism", "microorganism"),
    ("chemicalSubstance", "chemical_substance"),
    ("value", "value"),
    ("component", "component"),
    ("stringValue", "string_value"),
    ("booleanValue", "boolean_value"),
    ("hexBinaryValue", "hex_binary_value"),
    ("uriValue", "uri_value"),
    ("minValue", "min_value"),
    ("maxValue", "max_value"),
    ("meanValue", "mean_value"),
    ("sDev", "s_dev"),
    ("percRank", "perc_rank"),
    ("percValue", "perc_value"),
    ("uom", "uom"),
    ("coordinateReferenceSystem", "coordinate_reference_system"),
)
_TIMES: Final = frozenset({"time", "start_time", "end_time"})
_NUMBERS: Final = frozenset(
    "value min_value max_value mean_value s_dev perc_rank perc_value".split()
)
_WORDS: Final = {"component": "comp", "exception": "alert"}


def _sensor(element: SensorElement) -> str:
    metadata = ""
    if element.metadata is not None:
        fields = _sensor_fields(element.metadata, _METADATA)
        metadata = "sensorMetadata" + fields + _nodes(element.metadata.extensions)
    reports = sorted(
        "sensorReport" + _sensor_fields(report, _REPORT) + _nodes(report.extensions)
        for report in element.reports
    )
    return "sensorElement" + metadata + "".join(reports) + _nodes(element.extensions)


def _sensor_fields(holder: object, order: Iterable[tuple[str, str]]) -> str:
    return "".join(
        _leaf(label, _sensor_value(name, value))
        for label, name in order
        if (value := getattr(holder, name)) is not None
    )


def _sensor_value(name: str, value: str) -> str:
    if name in _TIMES:
        return _time(value, None)
    if name in _NUMBERS:
        return _number(value) or ""
    if name == "type":
        return _measurement(value)
    if name in _WORDS:
        return cbv.web_uri(_WORDS[name], value.strip())
    return _link(value)


def _measurement(word: str) -> str:
    bare = word.strip().removeprefix("gs1:")
    return bare if ":" in bare else _GS1_VOC + bare


def _nodes(nodes: Iterable[Node]) -> str:
    return "".join(sorted(_node(node) for node in nodes))


def _node(node: Node) -> str:
    label = f"{{{node.namespace}}}{node.name}" if node.namespace else node.name
    children = [child for child in node.children if not isinstance(child, str)]
    if children:
        return label + _nodes(children)
    text = node.text
    return _leaf(label, _link(text)) if text else label


def _listed(label: str, members: Iterable[str]) -> str:
    found = sorted(members)
    return label + "".join(found) if found else ""


def _leaf(label: str, value: str | None) -> str:
    return "" if value is None else f"{label}={value.strip()}"


def _word(kind: str, word: str | None) -> str | None:
    return None if word is None else cbv.web_uri(kind, word.strip())


def _link(uri: str) -> str:
    key = canonical_key(uri.strip())
    return RESOLVER + key if key.startswith("/") else key


def _number(text: str | None) -> str | None:
    """A number without needless digits: `12.10` is `12.1`, `1.50E1` is `15`."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        return text.strip()
    return str(int(value)) if value.is_integer() else repr(value)


def _time(written: str, offset: str | None) -> str:
    """UTC with milliseconds, rounded half up (CBV 2.0 section 8.9, rule on times)."""
    try:
        moment = instant_of(written, offset) + _HALF_MILLISECOND
    except (ValueError, OverflowError):
        return written.strip()
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
