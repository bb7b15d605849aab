"""Where events may stand in an XML document, and the findings about those that stand elsewhere.

An event stands in the one EventList of the EPCISBody. One that stands in another standard container
is read, with a finding; one that stands in the header or in somebody's extension is refused, for
nobody can tell whether its sender meant it so. None is dropped without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from epcis.codec.fields import SHAPES, meant_event, unknown_event_hint
from epcis.codec.namespaces import OF_EPCIS
from epcis.codec.refusal import EventRefused
from epcis.codec.xml.nodes import line_of, split_name
from schemas.finding import Severity, Where
from schemas.wording import brief

if TYPE_CHECKING:
    from lxml.etree import _Element

    from epcis.codec.refusal import FindingCollector

CONTAINERS: Final = (
    "EPCISHeader",
    "EPCISBody",
    "EventList",
    "QueryResults",
    "resultsBody",
    "VocabularyList",
)
"""Standard containers, whose other content is kept as extensions of the document."""
_BY_ANY_CASE: Final = {name.casefold(): name for name in CONTAINERS}
_MAY_HOLD_EVENTS: Final = frozenset(
    {"EPCISDocument", "EPCISQueryDocument", "EPCISBody", "EventList", "QueryResults", "resultsBody"}
)
_WRAPPERS_MAX: Final = 2
"""EPCIS 1.2 wraps younger events in `extension` elements, at most so many."""


def is_of_epcis(element: _Element) -> bool:
    """Whether an element has no namespace or one of the standard's."""
    namespace = split_name(element.tag)[0]
    return not namespace or namespace in OF_EPCIS


def container_name(element: _Element) -> str:
    """The standard's name of an element, whose own may have other capitals.

    >>> from lxml import etree
    >>> container_name(etree.XML("<eventlist/>")), container_name(etree.XML("<e xmlns='urn:x'/>"))
    ('EventList', '')
    """
    name = split_name(element.tag)[1]
    return _BY_ANY_CASE.get(name.casefold(), name) if is_of_epcis(element) else ""


def is_event_list(element: _Element) -> bool:
    """Whether an element is an event list in its body, not a piece of an extension."""
    parent = element.getparent()
    return (
        split_name(element.tag)[1] == "EventList"
        and is_of_epcis(element)
        and parent is not None
        and split_name(parent.tag)[1] in ("EPCISBody", "resultsBody")
    )


def container_of(event: _Element) -> _Element | None:
    """What an event element stands in, apart from the wrappers of EPCIS 1.2."""
    above = event.getparent()
    for _ in range(_WRAPPERS_MAX):
        if above is not None and split_name(above.tag)[1] == "extension":
            above = above.getparent()
    return above


def stands_in_containers(event: _Element) -> bool:
    """Whether an element of an event's name stands in standard containers only, or is the root."""
    above = container_of(event)
    while above is not None:
        if container_name(above) not in _MAY_HOLD_EVENTS:
            return False
        above = above.getparent()
    return is_of_epcis(event)


def is_shell(element: _Element) -> bool:
    """Whether an element is what was left of an event after it was read."""
    name = split_name(element.tag)[1]
    return not len(element) and name in SHAPES and is_of_epcis(element)


def strays_in(container: _Element) -> list[_Element]:
    """The outermost elements below a container that look like events, in document order."""
    found: dict[_Element, None] = {}
    for element in container.iter():
        name = split_name(element.tag)[1]
        if meant_event(name) and len(element):
            found[element] = None
        elif name.casefold() == "eventtime" and (above := element.getparent()) is not None:
            found[above] = None
    found.pop(container, None)
    return [one for one in found if not any(outer in found for outer in one.iterancestors())]


def misplaced_event(element: _Element, line_shift: int) -> EventRefused:
    """The refusal of an event that stands where none may."""
    name = split_name(element.tag)[1]
    above = element.getparent()
    inside = "" if above is None else split_name(above.tag)[1]
    return EventRefused(
        "document.event-misplaced",
        brief(f"{name} stands in {inside}, outside the EventList of the document"),
        "Put all events into EPCISBody/EventList.",
        Where(line=_line(element, line_shift), path=_path(element)),
    )


def unknown_event(element: _Element, line_shift: int, list_path: str) -> EventRefused:
    """The refusal of an element among the events that is none of the standard's."""
    namespace, name = split_name(element.tag)
    called = f"{name} of the namespace {namespace}" if namespace else name
    return EventRefused(
        "document.event-unknown",
        brief(f"{called} is no event of the standard"),
        unknown_event_hint("" if namespace else name),
        Where(line=_line(element, line_shift), path=list_path),
    )


def note_stray_text(collector: FindingCollector, text: str, line: int | None, path: str) -> None:
    """Note text that stands between events or around them."""
    collector.note(
        "document.text-not-kept",
        Severity.WARNING,
        f"text stands beside the events: {text.strip()[:40]!r}",
        "It stays in the document as received, but belongs to no event.",
        line=line,
        path=path,
    )


def _line(element: _Element, line_shift: int) -> int | None:
    line = line_of(element)
    return line and line + line_shift


def _path(element: _Element) -> str:
    names = [split_name(above.tag)[1] for above in element.iterancestors()]
    return "/" + "/".join([*reversed(names), split_name(element.tag)[1]])
