"""Events taken out of their document, complete without the rest of it.

`ex:blending` says what it says only together with the `@context` it came with. The repository
gives events out in other documents, and two partners may bind one prefix to two namespaces; so what
is stored are whole identifiers. Extension values are text and stay as they are; the prefixes of
extension fields go with the event, so that its sender knows his own fields again.
Standard: JSON-LD 1.1 section 5.2, EPCIS 2.0 section 10.1.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, structs

from epcis.codec.namespaces import CBV_MDA, STANDARD_PREFIXES, XSD
from epcis.hash import value_prefixes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from epcis.codec.document import DocumentReader
    from epcis.model import Event, Node

_NOT_NAMES: Final = frozenset(
    {"extensions", "ilmd", "attributes", "namespaces", "string_value", "hex_binary_value", "uom"}
)
_SPELLED_OUT: Final = frozenset({"urn", "http", "https", *STANDARD_PREFIXES})
"""Schemes of whole identifiers, and prefixes that mean the same in every document."""
_WITH_MARK: Final = {CBV_MDA: f"{CBV_MDA}:", XSD: f"{XSD}#"}
"""Namespaces that end with one more character in JSON-LD than in XML."""


def detached(reader: DocumentReader) -> Iterator[Event]:
    """The events of a document, each as it stands without the document."""
    events = iter(reader)
    first = next(events, None)
    if first is None:
        return
    header = reader.header
    of_fields = {
        namespace: prefix
        for prefix, namespace in header.namespaces
        if prefix and prefix not in STANDARD_PREFIXES
    }
    for event in chain((first,), events):
        bound = value_prefixes(header, event)
        alone = _with_prefixes(event, of_fields) if of_fields else event
        yield whole(alone, bound) if bound else alone


def _with_prefixes(event: Event, of_fields: Mapping[str, str]) -> Event:
    """The event with those prefixes of its document that its extension fields have."""
    namespaces = {node.namespace for node in _fields(event)} & of_fields.keys()
    if not namespaces:
        return event
    bound = {of_fields[one]: one for one in sorted(namespaces)} | dict(event.namespaces)
    return structs.replace(event, namespaces=tuple(bound.items()))


def _fields(event: Event) -> Iterator[Node]:
    """Every extension field of an event, however deep; a stack instead of recursion."""
    homes: list[Any] = [event, event.read_point, event.biz_location, event.error_declaration]
    for element in event.sensor_elements or ():
        homes += [element, element.metadata, *element.reports]
    waiting = [node for home in homes if home is not None for node in home.extensions]
    waiting.extend(getattr(event, "ilmd", None) or ())
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(child for child in node.children if not isinstance(child, str))


def whole(event: Event, prefixes: Mapping[str, str]) -> Event:
    """The event with every identifier whole whose prefix is bound.

    >>> from epcis.model import ObjectEvent
    >>> event = ObjectEvent(
    ...     event_time="2026-01-02T03:04:05Z", action="ADD", biz_step="ex:blending"
    ... )
    >>> whole(event, {"ex": "https://ns.example/"}).biz_step
    'https://ns.example/blending'
    """
    bound = {
        prefix: _WITH_MARK.get(namespace, namespace)
        for prefix, namespace in prefixes.items()
        if prefix not in _SPELLED_OUT
    }
    spelled: Event = _whole(event, bound) if bound else event
    return spelled


def _whole(value: Any, bound: Mapping[str, str]) -> Any:  # noqa: ANN401  # any part of an event
    """A part of an event, itself where nothing in it is compact."""
    if isinstance(value, str):
        prefix, colon, rest = value.partition(":")
        is_compact = colon and prefix in bound and not rest.startswith("//")
        return bound[prefix] + rest if is_compact else value
    if isinstance(value, tuple):
        parts = tuple([_whole(part, bound) for part in value])
        return parts if _differs(parts, value) else value
    if isinstance(value, Struct):
        changed = {}
        for name in value.__struct_fields__:
            if name not in _NOT_NAMES and (old := getattr(value, name)) is not None:
                new = _whole(old, bound)
                if new is not old:
                    changed[name] = new
        return structs.replace(value, **changed) if changed else value
    return value


def _differs(parts: Iterable[object], others: Iterable[object]) -> bool:
    return any(one is not other for one, other in zip(parts, others, strict=True))
