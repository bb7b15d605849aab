"""The event hash of the Core Business Vocabulary: one name for one event, whatever its syntax.

The event is written as one canonical text, the pre-hash: fields in a fixed order, members of lists
sorted, identifiers as Digital Links, words as web URIs, times in UTC to the millisecond. The hash
of it makes the event's id. Record time, event id and error declaration take no part, so an event
and its error declaration share their hash. Standard: CBV 2.0 section 8.9.

The public reference generator (version 1.9.3) departs from the standard in some values; where it
does, we keep to the standard unless told `compatible_with_reference`: see
`docs/decisions/0010-event-hash.md`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, TypeAlias

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
    instant_of,
)
from schemas import cbv
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
EXPONENT_MAX: Final = 100
"""Numbers beyond ten to this power stay as written; spelled out they could fill the memory."""
TIMES_CACHED_MAX: Final = 4096
DOCUMENTS_CACHED_MAX: Final = 16
"""Sets of prefixes whose values are remembered."""
VALUES_CACHED_MAX: Final = 4096
"""Values of each kind whose canonical form is remembered."""
_VOCABULARY_URN: Final = re.compile(r"urn:epcglobal:cbv:(bizstep|disp|btt|sdt|er):")
_STEM_OF: Final = {
    "bizstep": "BizStep-",
    "disp": "Disp-",
    "btt": "BTT-",
    "sdt": "SDT-",
    "er": "ER-",
}
_WRAPPERS: Final = ("extension", "baseExtension")
_COMMENT_NAMESPACES: Final = ("http://www.w3.org/2000/01/rdf-schema#",)
_COMPACT: Final = {"gs1": cbv.GS1_VOC, "cbv": cbv.CBV_WEB}
"""Prefixes that stand for the same namespace in every document."""


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
    canon = _canon(tuple((namespaces or {}).items()), compatible_with_reference)
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
    rest += _unordered(canon, event)
    rest.sort()
    return "".join(parts) + "".join(rest)


def value_prefixes(header: Header) -> dict[str, str]:
    """The `namespaces` that the values of a document's events are written with.

    Only JSON-LD has compact names as values; in XML they are text.

    >>> value_prefixes(Header(namespaces=(("ex", "https://ns.example/"),), context=b"[]"))
    {'ex': 'https://ns.example/'}
    """
    return dict(header.namespaces) if header.context is not None else {}


class _Canon:
    """How single values are written."""

    def __init__(self, namespaces: Mapping[str, str], *, compatible: bool) -> None:
        self.compatible = compatible
        self._namespaces = {**namespaces, **_COMPACT}
        # Places, parties and words return in event after event.
        self.text: Callable[[str], str] = lru_cache(VALUES_CACHED_MAX)(self._text)
        self.word: Callable[[str, str], str] = lru_cache(VALUES_CACHED_MAX)(self._word)

    def _text(self, value: str) -> str:
        """A value of no particular kind: a URI, a word of another namespace, or text."""
        plain = value.strip()
        if "urn:epcglobal:cbv:" in plain:
            plain = _VOCABULARY_URN.sub(lambda m: cbv.CBV_WEB + _STEM_OF[m[1]], plain)
        if self.compatible:
            plain = _as_reference_number(plain)
        prefix, colon, name = plain.partition(":")
        if not colon:
            return plain
        if prefix in ("urn", "http", "https"):
            return constrained_link(plain)
        return self._namespaces[prefix] + name if prefix in self._namespaces else plain

    def _word(self, kind: str, value: str) -> str:
        """A word of a standard vocabulary as its web URI; any other as text."""
        plain = value.strip()
        word = cbv.bare(kind, plain)
        return cbv.web_uri(kind, word) if cbv.is_standard(kind, word) else self.text(plain)

    def number(self, value: str) -> str:
        """A number without sign of plus, leading and trailing zeros or exponent."""
        plain = value.strip()
        if self.compatible:
            return _as_reference_number(plain)
        return _as_number(plain)

    def moment(self, value: str, offset: str | None = None) -> str:
        """A time in UTC to the millisecond, halves rounded up; what is no time stays as it is."""
        return _moment(value.strip(), offset, self.compatible)


@lru_cache(maxsize=DOCUMENTS_CACHED_MAX)
def _canon(namespaces: tuple[tuple[str, str], ...], compatible: bool) -> _Canon:  # noqa: FBT001  # a cache key
    return _Canon(dict(namespaces), compatible=compatible)


@lru_cache(maxsize=TIMES_CACHED_MAX)
def _moment(text: str, offset: str | None, compatible: bool) -> str:  # noqa: FBT001  # a cache key
    try:
        instant = instant_of(text, offset)
        microseconds = instant.microsecond
        milliseconds = (
            round(microseconds, -3) // 1000 if compatible else (microseconds + 500) // 1000
        )
        instant = instant.replace(microsecond=0) + timedelta(milliseconds=milliseconds)
    except (ValueError, OverflowError):
        return text
    return instant.isoformat(timespec="milliseconds")[:-6] + "Z"


def _as_number(text: str) -> str:
    if text.isascii() and text.isdigit() and text[0] != "0":
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite() or abs(number.adjusted()) > EXPONENT_MAX:
        return text
    return format(number.normalize(), "f") if number else "0"


def _as_reference_number(text: str) -> str:
    """A text as the reference generator writes it, which takes all it can for a float."""
    try:
        number = float(text)
        return str(int(number)) if int(number) == number else str(number)
    except (ValueError, OverflowError):
        return text


_Writer: TypeAlias = Callable[[_Canon, Any], str]


def _labelled(label: str) -> _Writer:
    return lambda canon, value: f"{label}={canon.text(value)}"


def _plain(label: str) -> _Writer:
    return lambda _, value: f"{label}={value.strip()}"


def _worded(label: str, kind: str) -> _Writer:
    return lambda canon, value: f"{label}={canon.word(kind, value)}"


def _identifiers(label: str) -> _Writer:
    """A list of EPCs: the list's name once, then each member, sorted."""

    def write(canon: _Canon, epcs: tuple[str, ...]) -> str:
        if canon.compatible:
            return label + "".join(sorted(f"epc={canon.text(epc)}" for epc in epcs))
        written = _of_one_product(epcs)
        if written is None:
            written = "epc=".join(sorted(map(constrained_link, epcs)))
        return f"{label}epc={written}"

    return write


def _of_one_product(epcs: tuple[str, ...]) -> str | None:
    """Links of serials of one product, the common case, in one go; None for anything else.

    Replacing what all members begin with keeps their order, so serials are sorted alone.
    """
    head = product_head(epcs[0])
    if head is None:
        return None
    urn, link = head
    size = len(urn)
    serials = [epc[size:] for epc in epcs if epc.startswith(urn)]
    text = "".join(serials)
    if len(serials) < len(epcs) or not (text.isalnum() and text.isascii()) or "" in serials:
        return None
    serials.sort()
    return link + f"epc={link}".join(serials)


def _quantities(label: str) -> _Writer:
    def write(canon: _Canon, elements: Iterable[QuantityElement]) -> str:
        return label + "".join(sorted(_quantity(canon, element) for element in elements))

    return write


def _quantity(canon: _Canon, element: QuantityElement) -> str:
    text = f"quantityElementepcClass={canon.text(element.epc_class)}"
    if element.quantity is not None:
        text += f"quantity={canon.number(element.quantity)}"
    return text + f"uom={canon.text(element.uom)}" if element.uom else text


def _certificates(canon: _Canon, links: Iterable[str]) -> str:
    return "".join(sorted(f"certificationInfo={canon.text(link)}" for link in links))


def _persistent(canon: _Canon, disposition: PersistentDisposition) -> str:
    text = "".join(sorted(f"set={canon.word('disp', w)}" for w in disposition.set or ()))
    text += "".join(sorted(f"unset={canon.word('disp', w)}" for w in disposition.unset or ()))
    return f"persistentDisposition{text}" if text else ""


def _place(label: str) -> _Writer:
    def write(canon: _Canon, place: Place) -> str:
        nearby = [n for n in place.extensions if not _moves_to_the_end(canon, n)]
        return f"{label}id={canon.text(place.id)}{_nodes(canon, nearby)}"

    return write


def _moves_to_the_end(canon: _Canon, node: Node) -> bool:
    return canon.compatible and not node.namespace.endswith("/")


def _strange_places(canon: _Canon, event: Event) -> list[str]:
    """What the reference generator leaves of places and writes behind everything else."""
    found = []
    for label, place in (("readPoint", event.read_point), ("bizLocation", event.biz_location)):
        strange = [n for n in place.extensions if _moves_to_the_end(canon, n)] if place else ()
        if strange:
            found.append(label + _nodes(canon, strange))
    return found


def _typed_members(canon: _Canon, members: Iterable[BizTransaction | Party], label: str) -> str:
    kind = "btt" if label == "bizTransaction" else "sdt"
    return "".join(
        sorted(
            (f"type={canon.word(kind, member.type)}" if member.type else "")
            + f"{label}={canon.text(member.id)}"
            for member in members
        )
    )


def _sensors(canon: _Canon, elements: Iterable[SensorElement]) -> str:
    return "sensorElementList" + "".join(sorted(_sensor(canon, e) for e in elements))


def _sensor(canon: _Canon, element: SensorElement) -> str:
    text = "sensorElement"
    if element.metadata is not None:
        text += _fields(canon, "sensorMetadata", element.metadata, _METADATA)
    reports = (_fields(canon, "sensorReport", report, _REPORT) for report in element.reports)
    return text + "".join(sorted(reports)) + _nodes(canon, element.extensions)


def _fields(
    canon: _Canon,
    label: str,
    source: SensorMetadata | SensorReport,
    plan: tuple[tuple[str, _Writer], ...],
) -> str:
    parts = [
        write(canon, value) for attribute, write in plan if (value := getattr(source, attribute))
    ]
    text = "".join(parts) + _nodes(canon, source.extensions)
    return label + text if text else ""


def _nodes(canon: _Canon, nodes: Iterable[Node]) -> str:
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


def _node(canon: _Canon, node: Node) -> str:
    """An element outside the standard: its name, its text, what is in it, sorted."""
    name = f"{{{node.namespace}}}{node.name}" if node.namespace else node.name
    first = node.children[0] if node.children else ""
    text = canon.text(first) if isinstance(first, str) else ""
    inner = [_attribute(canon, *attribute) for attribute in node.attributes]
    inner += [_node(canon, child) for child in _without_wrappers(node.children)]
    inner.sort()
    return name + (f"={text}" if text else "") + "".join(inner)


def _attribute(canon: _Canon, namespace: str, name: str, value: str) -> str:
    text = canon.text(value)
    spelled = f"{{{namespace}}}{name}" if namespace else name
    return f"{spelled}={text}" if text else spelled


def _unordered(canon: _Canon, event: Event) -> list[str]:
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
    ("biz_rules", _labelled("bizRules")),
)
