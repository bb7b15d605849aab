"""The event hash of the Core Business Vocabulary: one name for one event, whatever its syntax.

The event is written as one canonical text, the pre-hash: fields in a fixed order, members of lists
sorted, identifiers as Digital Links, words as web URIs, times in UTC to the millisecond. The hash
of it makes the event's id. Record time, event id and error declaration take no part, so an event
and its error declaration share their hash. Standard: CBV 2.0 section 8.9.

The public reference generator (version 1.9.3) departs from the standard in some values; where it
does, we keep to the standard unless asked for `compatible_with_reference`: see
`docs/decisions/0010-event-hash.md`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from epcis.canonical import Canon, canon_of
from epcis.model import (
    BizTransaction,
    Event,
    Header,
    Node,
    Party,
    PersistentDisposition,
    Place,
    QuantityElement,
    SensorElement,
    SensorMetadata,
    SensorReport,
)
from schemas.gs1.hash_link import constrained_link, product_head

ALGORITHMS: Final = {
    "sha-256": hashlib.sha256,
    "sha-384": hashlib.sha384,
    "sha-512": hashlib.sha512,
    "sha3-256": hashlib.sha3_256,
    "sha3-384": hashlib.sha3_384,
    "sha3-512": hashlib.sha3_512,
}
"""Hash functions by their name in `ni:` URIs (RFC 6920)."""
VERSION: Final = "CBV2.0"
LISTS_REMEMBERED_MAX: Final = 64
"""Lists whose text is remembered: the packs of a case are commissioned, then packed."""
LIST_REMEMBERED_EPCS_MAX: Final = 1000
_WRAPPERS: Final = ("extension", "baseExtension")
_COMMENT_NAMESPACES: Final = ("http://www.w3.org/2000/01/rdf-schema#",)


def event_hash(
    event: Event,
    algorithm: str = "sha-256",
    *,
    namespaces: Mapping[str, str] | None = None,
    compatible_with_reference: bool = False,
) -> str:
    """The event's hash as an `ni:` URI.

    `algorithm` is a key of `ALGORITHMS`; ValueError for any other. See `prehash` for the rest.

    >>> from epcis.model import ObjectEvent
    >>> event = ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD")
    >>> event_hash(event)[:28], event_hash(event)[-11:]
    ('ni:///sha-256;d57664f00b9cb1', '?ver=CBV2.0')
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"hash algorithm {algorithm!r} is none of {', '.join(ALGORITHMS)}")
    text = prehash(
        event, namespaces=namespaces, compatible_with_reference=compatible_with_reference
    )
    digest = ALGORITHMS[algorithm](text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"ni:///{algorithm};{digest}?ver={VERSION}"


def prehash(
    event: Event,
    *,
    namespaces: Mapping[str, str] | None = None,
    compatible_with_reference: bool = False,
) -> str:
    """The canonical text of an event that is hashed.

    `namespaces` are the prefixes of a JSON-LD document, by which values such as `example:blending`
    become URIs; `gs1:` and `cbv:` need none. `compatible_with_reference` follows the reference
    generator where it departs from the standard: every value that looks like a number is rewritten,
    halves of milliseconds are rounded to even, and extensions of places whose namespace does not
    end with a slash move to the end.

    >>> from epcis.model import ObjectEvent
    >>> prehash(ObjectEvent(event_time="2026-01-02T03:04:05.1235+01:00", action="ADD"))
    'eventType=ObjectEventeventTime=2026-01-02T02:04:05.124Zaction=ADD'
    """
    canon = canon_of(tuple((namespaces or {}).items()), compatible_with_reference)
    kind = type(event)
    parts = [f"eventType={kind.__name__}"]
    rest: list[str] = []
    offset = event.event_time_zone_offset
    parts.append(f"eventTime={canon.moment(event.event_time, offset)}")
    for attribute, write in _PLANS[kind]:
        value = getattr(event, attribute)
        if value:
            parts.append(write(canon, value))
    for attribute, label in _LAST_LISTS:
        members = getattr(event, attribute)
        if members:
            rest.append(label + _typed_members(canon, members, label[:-4]))
    rest += _strange_places(canon, event)
    rest += _strange_sensors(canon, event)
    rest += _unordered(canon, event)
    rest.sort()
    return "".join(parts) + "".join(rest)


def value_prefixes(header: Header, event: Event | None = None) -> dict[str, str]:
    """The `namespaces` that the values of a document's events are written with.

    Only JSON-LD has compact names as values; in XML they are text. An event may bind more of them
    in a context of its own.

    >>> value_prefixes(Header(namespaces=(("ex", "https://ns.example/"),), context=b"[]"))
    {'ex': 'https://ns.example/'}
    """
    if header.context is None:
        return {}
    own = () if event is None else event.namespaces
    return {**dict(header.namespaces), **dict(own)}


_Writer: TypeAlias = Callable[[Canon, Any], str]


def _labelled(label: str) -> _Writer:
    return lambda canon, value: f"{label}={canon.text(value)}"


def _plain(label: str) -> _Writer:
    return lambda _, value: f"{label}={value.strip()}"


def _worded(label: str, kind: str) -> _Writer:
    return lambda canon, value: f"{label}={canon.word(kind, value)}"


def _identifiers(label: str) -> _Writer:
    """A list of EPCs: the list's name once, then each member, sorted."""

    def write(canon: Canon, epcs: tuple[str, ...]) -> str:
        if canon.compatible:
            return label + "".join(sorted(f"epc={canon.text(epc)}" for epc in epcs))
        written = links_of_one_product(tuple(epcs))
        if written is None:
            written = "".join([f"epc={link}" for link in sorted(map(constrained_link, epcs))])
        return label + written

    return write


def _of_one_product(epcs: tuple[str, ...]) -> str | None:
    """Links of serials of one product, the common case, in one go; None for anything else.

    Replacing what all members begin with keeps their order, so they are sorted as they are.
    """
    head = product_head(epcs[0])
    if head is None:
        return None
    mark = "\n" + head[0]
    lines = "\n".join(("", *sorted(epcs)))
    serials = lines.replace(mark, "")
    plain = serials.isalnum() and serials.isascii() and lines.count(mark) == len(epcs)
    # The shortest comes first, so that only there a serial can be missing.
    missing = lines.startswith(mark + "\n") or lines == mark
    return lines.replace(mark, f"epc={head[1]}") if plain and not missing else None


_remembered = lru_cache(LISTS_REMEMBERED_MAX)(_of_one_product)


def links_of_one_product(epcs: tuple[str, ...]) -> str | None:
    """The sorted Digital Links of SGTINs of one product, each behind `epc=`; remembered a while.

    None for an empty list, and where any of them is something else or has a serial number with
    other characters than letters and digits.

    >>> links_of_one_product(("urn:epc:id:sgtin:9506000.013435.A1",))
    'epc=https://id.gs1.org/01/09506000134352/21/A1'
    >>> links_of_one_product(("urn:epc:id:sscc:9506000.0123456789",)) is None
    True
    """
    if not epcs:
        return None
    return _remembered(epcs) if len(epcs) <= LIST_REMEMBERED_EPCS_MAX else _of_one_product(epcs)


def _quantities(label: str) -> _Writer:
    def write(canon: Canon, elements: Iterable[QuantityElement]) -> str:
        return label + "".join(sorted(_quantity(canon, element) for element in elements))

    return write


def _quantity(canon: Canon, element: QuantityElement) -> str:
    text = f"quantityElementepcClass={canon.text(element.epc_class)}"
    if element.quantity is not None:
        text += f"quantity={canon.number(element.quantity)}"
    return text + f"uom={canon.text(element.uom)}" if element.uom else text


def _certificates(canon: Canon, links: Iterable[str]) -> str:
    return "".join(sorted(f"certificationInfo={canon.text(link)}" for link in links))


def _persistent(canon: Canon, disposition: PersistentDisposition) -> str:
    text = "".join(sorted(f"set={canon.word('disp', w)}" for w in disposition.set or ()))
    text += "".join(sorted(f"unset={canon.word('disp', w)}" for w in disposition.unset or ()))
    return f"persistentDisposition{text}" if text else ""


def _place(label: str) -> _Writer:
    def write(canon: Canon, place: Place) -> str:
        return f"{label}id={canon.text(place.id)}{_nearby(canon, place.extensions)}"

    return write


def _nearby(canon: Canon, nodes: Iterable[Node]) -> str:
    return _nodes(canon, [node for node in nodes if not _moves_to_the_end(canon, node)])


def _moves_to_the_end(canon: Canon, node: Node) -> bool:
    return canon.compatible and not node.namespace.endswith("/")


def _strange_places(canon: Canon, event: Event) -> list[str]:
    """What the reference generator leaves of places and writes behind everything else."""
    found = []
    for label, place in (("readPoint", event.read_point), ("bizLocation", event.biz_location)):
        strange = [n for n in place.extensions if _moves_to_the_end(canon, n)] if place else ()
        if strange:
            found.append(label + _nodes(canon, strange))
    return found


def _typed_members(canon: Canon, members: Iterable[BizTransaction | Party], label: str) -> str:
    kind = "btt" if label == "bizTransaction" else "sdt"
    return "".join(
        sorted(
            (f"type={canon.word(kind, member.type)}" if member.type else "")
            + f"{label}={canon.text(member.id)}"
            for member in members
        )
    )


def _strange_sensors(canon: Canon, event: Event) -> list[str]:
    """What of sensors the standard's order does not name: the business rules of a report.

    The reference generator leaves some extensions behind, too, as it does with places.
    """
    elements = (_strange_sensor(canon, element) for element in event.sensor_elements or ())
    text = "".join(sorted(elements))
    return [f"sensorElementList{text}"] if text else []


def _strange_sensor(canon: Canon, element: SensorElement) -> str:
    parts = [_node(canon, n) for n in element.extensions if _moves_to_the_end(canon, n)]
    for label, source in (
        ("sensorMetadata", element.metadata),
        *(("sensorReport", report) for report in element.reports),
    ):
        inner = [n for n in (source.extensions if source else ()) if _moves_to_the_end(canon, n)]
        left = [_node(canon, node) for node in inner]
        if isinstance(source, SensorReport) and source.biz_rules:
            left.append(f"bizRules={canon.text(source.biz_rules)}")
        if left:
            parts.append(label + "".join(sorted(left)))
    return "sensorElement" + "".join(sorted(parts)) if parts else ""


def _sensors(canon: Canon, elements: Iterable[SensorElement]) -> str:
    return "sensorElementList" + "".join(sorted(_sensor(canon, e) for e in elements))


def _sensor(canon: Canon, element: SensorElement) -> str:
    text = "sensorElement"
    if element.metadata is not None:
        text += _fields(canon, "sensorMetadata", element.metadata, _METADATA)
    reports = (_fields(canon, "sensorReport", report, _REPORT) for report in element.reports)
    return text + "".join(sorted(reports)) + _nearby(canon, element.extensions)


def _fields(
    canon: Canon,
    label: str,
    source: SensorMetadata | SensorReport,
    plan: tuple[tuple[str, _Writer], ...],
) -> str:
    parts = [
        write(canon, value) for attribute, write in plan if (value := getattr(source, attribute))
    ]
    text = "".join(parts) + _nearby(canon, source.extensions)
    return label + text if text else ""


def _nodes(canon: Canon, nodes: Iterable[Node]) -> str:
    return "".join(sorted(_node(canon, node) for node in _without_wrappers(nodes)))


def _without_wrappers(nodes: Iterable[Node | str]) -> Iterator[Node]:
    """The elements among `nodes`; EPCIS 1.x's wrappers make place for what is in them."""
    for node in nodes:
        if isinstance(node, str):
            continue
        if node.name in _WRAPPERS and not node.namespace:
            yield from _without_wrappers(node.children)
        elif node.name != "comment" or node.namespace not in _COMMENT_NAMESPACES:
            yield node


def _node(canon: Canon, node: Node) -> str:
    """An element outside the standard: its name, its text, what is in it, sorted."""
    name = f"{{{node.namespace}}}{node.name}" if node.namespace else node.name
    first = node.children[0] if node.children else ""
    text = canon.text(first) if isinstance(first, str) else ""
    inner = [_attribute(canon, *attribute) for attribute in node.attributes]
    inner += [_node(canon, child) for child in _without_wrappers(node.children)]
    inner.sort()
    return name + (f"={text}" if text else "") + "".join(inner)


def _attribute(canon: Canon, namespace: str, name: str, value: str) -> str:
    text = canon.text(value)
    spelled = f"{{{namespace}}}{name}" if namespace else name
    return f"{spelled}={text}" if text else spelled


def _unordered(canon: Canon, event: Event) -> list[str]:
    """Fields that the standard's order does not name: they come last, sorted."""
    found = [_node(canon, node) for node in _without_wrappers(event.extensions)]
    ilmd = getattr(event, "ilmd", None)
    if ilmd:
        found.append("ilmd" + _nodes(canon, ilmd))
    epc_class = getattr(event, "epc_class", None)
    if epc_class is not None:
        found.append(f"epcClass={canon.text(epc_class)}")
        found.append(f"quantity={canon.number(event.quantity)}")  # type: ignore[union-attr]  # only a QuantityEvent has both
    return found


def _time(label: str) -> _Writer:
    return lambda canon, value: f"{label}={canon.moment(value)}"


def _numeric(label: str) -> _Writer:
    return lambda canon, value: f"{label}={canon.number(value)}"


_ORDER: Final[tuple[tuple[str, _Writer], ...]] = (
    ("event_time_zone_offset", _plain("eventTimeZoneOffset")),
    ("certification_info", _certificates),
    ("parent_id", _labelled("parentID")),
    ("epcs", _identifiers("epcList")),
    ("input_epcs", _identifiers("inputEPCList")),
    ("child_epcs", _identifiers("childEPCs")),
    ("quantities", _quantities("quantityList")),
    ("child_quantities", _quantities("childQuantityList")),
    ("input_quantities", _quantities("inputQuantityList")),
    ("output_epcs", _identifiers("outputEPCList")),
    ("output_quantities", _quantities("outputQuantityList")),
    ("action", _plain("action")),
    ("transformation_id", _labelled("transformationID")),
    ("biz_step", _worded("bizStep", "bizstep")),
    ("disposition", _worded("disposition", "disp")),
    ("persistent_disposition", _persistent),
    ("read_point", _place("readPoint")),
    ("biz_location", _place("bizLocation")),
    ("sensor_elements", _sensors),
)
"""The order of the fields behind type and time."""
_LAST_LISTS: Final = (
    ("biz_transactions", "bizTransactionList"),
    ("sources", "sourceList"),
    ("destinations", "destinationList"),
)
"""Lists that take their place among the extensions, by name."""
_PLANS: Final = {
    kind: tuple(
        (attribute, write) for attribute, write in _ORDER if attribute in kind.__struct_fields__
    )
    for kind in Event.__args__
}
_METADATA: Final[tuple[tuple[str, _Writer], ...]] = (
    ("time", _time("time")),
    ("start_time", _time("startTime")),
    ("end_time", _time("endTime")),
    ("device_id", _labelled("deviceID")),
    ("device_metadata", _labelled("deviceMetadata")),
    ("raw_data", _labelled("rawData")),
    ("data_processing_method", _labelled("dataProcessingMethod")),
    ("biz_rules", _labelled("bizRules")),
)
_REPORT: Final[tuple[tuple[str, _Writer], ...]] = (
    ("type", _worded("type", "measurement")),
    ("exception", _worded("exception", "alert")),
    ("device_id", _labelled("deviceID")),
    ("device_metadata", _labelled("deviceMetadata")),
    ("raw_data", _labelled("rawData")),
    ("data_processing_method", _labelled("dataProcessingMethod")),
    ("time", _time("time")),
    ("microorganism", _labelled("microorganism")),
    ("chemical_substance", _labelled("chemicalSubstance")),
    ("value", _numeric("value")),
    ("component", _worded("component", "comp")),
    ("string_value", _labelled("stringValue")),
    ("boolean_value", _labelled("booleanValue")),
    ("hex_binary_value", _labelled("hexBinaryValue")),
    ("uri_value", _labelled("uriValue")),
    ("min_value", _numeric("minValue")),
    ("max_value", _numeric("maxValue")),
    ("mean_value", _numeric("meanValue")),
    ("s_dev", _numeric("sDev")),
    ("perc_rank", _numeric("percRank")),
    ("perc_value", _numeric("percValue")),
    ("uom", _labelled("uom")),
    ("coordinate_reference_system", _labelled("coordinateReferenceSystem")),
)
