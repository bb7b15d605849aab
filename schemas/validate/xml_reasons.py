"""Explain in plain words why an XML element is not valid: what, where, and what to do.

The pure-Python validator reports which element expected which content; the description of the
event types (`schemas.epcis`) says where that content belongs instead.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from schemas.epcis.events import EVENT_TYPES
from schemas.epcis.files import namespace
from schemas.epcis.outline import homes, part_at, parts_of, record_at
from schemas.epcis.parts import ACTIONS, VERSIONS
from schemas.finding import Finding, Severity, Where
from schemas.validate.compiled import event_xml_schema, explaining_schema, xml_schema
from schemas.wording import PATH_MAX, brief, near

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lxml import etree
    from xmlschema import XMLSchemaChildrenValidationError, XMLSchemaValidationError

_XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_WRAPPERS: Final = frozenset({"extension", "baseExtension"})
_EVENT_NAMES: Final = frozenset(kind.name for kind in EVENT_TYPES)
_EPCIS_URIS: Final = frozenset(
    namespace(kind, version).uri for version in VERSIONS for kind in ("epcis", "epcismd", "epcisq")
)
_ATTRIBUTE_FAULT: Final = re.compile(r"attribute (?P<name>[^=\s]+)='(?P<value>.*?)': ", re.DOTALL)
_NAMED: Final = re.compile(r"'(?P<name>[^']+)'")
_SHOWN_MAX: Final = 60
"""Most characters of a wrong value that are shown."""

_VALUES: Final = {
    "time": ("a date and time", "Write it as 2026-01-31T12:00:00+01:00."),
    "dateTime": ("a date and time", "Write it as 2026-01-31T12:00:00+01:00."),
    "decimal": ("a number", "Write digits with a decimal point, without units or grouping."),
    "double": ("a number", "Write digits with a decimal point, without units or grouping."),
    "int": ("a whole number", "Write digits alone."),
    "integer": ("a whole number", "Write digits alone."),
    "boolean": ("true or false", "Write true or false."),
    "hex": ("hexadecimal", "Write an even number of the digits 0-9 and A-F."),
    "uri": ("a URI", "Write it as a URN, e.g. urn:epc:id:…, or as a web address."),
    "ActionType": ("an action", f"Write {', '.join(ACTIONS.words)}."),
}


@dataclass(frozen=True, slots=True)
class JudgedPlace:
    """Position of the validated element: the version that applies and its path."""

    version: str
    path: str
    published: Path | None = None
    is_frame: bool = False
    """The element is the root of a document whose events have been checked and emptied before."""


@dataclass(frozen=True, slots=True)
class _XmlFault:
    """One fault the pure-Python validator found, with the names that lead to its element."""

    element: etree._Element
    names: tuple[str, ...]
    place: JudgedPlace

    def finding(self, code: str, what: str, hint: str, line: int | None = None) -> Finding:
        path = self.place.path + "".join(f"/{step}" for step in _steps(self.element))
        where = Where(line=line or line_of(self.element), path=brief(path, PATH_MAX))
        return Finding(f"xml.{code}", Severity.ERROR, brief(what), brief(hint), where)


def local_name(element: etree._Element) -> str:
    """The name of an element without its namespace.

    >>> from lxml import etree
    >>> local_name(etree.XML("<a:b xmlns:a='urn:x'/>"))
    'b'
    """
    return str(element.tag).rpartition("}")[2]


def namespace_of(element: etree._Element) -> str:
    """The namespace of an element; empty where it has none.

    >>> from lxml import etree
    >>> namespace_of(etree.XML("<a:b xmlns:a='urn:x'/>"))
    'urn:x'
    """
    return str(element.tag)[1:].partition("}")[0] if str(element.tag)[0] == "{" else ""


def line_of(element: etree._Element) -> int | None:
    """The line an element begins on, where the parser kept it.

    >>> from lxml import etree
    >>> line_of(etree.XML("<a/>"))
    1
    """
    return cast("int | None", element.sourceline) or None


def reasons(element: etree._Element, place: JudgedPlace) -> list[Finding]:
    """All that is wrong below one element that the fast validator refused."""
    from xmlschema import XMLSchemaException

    judged = _without_types(element)
    found: dict[Finding, None] = {}
    try:
        for error, at in _faults(judged, place):
            if not (place.is_frame and _is_in_event(at)):
                fault = _XmlFault(at, tuple(_names_down_to(at)), place)
                found[_finding(error, fault)] = None
    except XMLSchemaException:
        found.clear()
    return list(found) or _as_the_fast_one_says(element, place)


def _without_types(element: etree._Element) -> etree._Element:
    # The slow validator fails on xsi:type names whose prefix is declared further up.
    judged = copy.deepcopy(element)
    for each in judged.iter():
        if _XSI_TYPE in each.attrib:
            del each.attrib[_XSI_TYPE]
    return judged


def _faults(
    element: etree._Element, place: JudgedPlace
) -> Iterator[tuple[XMLSchemaValidationError, etree._Element]]:
    kind = "all" if place.is_frame or local_name(element) not in _EVENT_NAMES else "event"
    schema = explaining_schema(kind, place.version, place.published)
    for error in schema.iter_errors(element):
        # The elements are lxml's, whatever the validator's annotations say.
        if (at := cast("Any", error.elem)) is not None:
            yield error, at


def _names_down_to(element: etree._Element) -> list[str]:
    above = [local_name(each) for each in element.iterancestors()]
    return [*reversed(above), local_name(element)]


def _is_in_event(element: etree._Element) -> bool:
    return any(local_name(each) in _EVENT_NAMES for each in (element, *element.iterancestors()))


def _steps(element: etree._Element) -> list[str]:
    """The path below the validated element, with positions where a name repeats."""
    steps: list[str] = []
    parent = element.getparent()
    while parent is not None:
        alike = [each for each in parent if each.tag == element.tag]
        position = f"[{alike.index(element) + 1}]" if len(alike) > 1 else ""
        steps.insert(0, local_name(element) + position)
        element, parent = parent, parent.getparent()
    return steps


def _finding(error: XMLSchemaValidationError, fault: _XmlFault) -> Finding:
    from xmlschema import XMLSchemaChildrenValidationError

    if isinstance(error, XMLSchemaChildrenValidationError):
        return _child(error, fault)
    reason = error.reason or "it is not valid"
    if attribute := _ATTRIBUTE_FAULT.match(reason):
        return _attribute_value(fault, attribute["name"], attribute["value"])
    if "attribute" in reason and (named := _NAMED.search(reason)):
        return _attribute(fault, named["name"], is_missing="missing" in reason)
    return _content(error, fault, reason)


def _content(error: XMLSchemaValidationError, fault: _XmlFault, reason: str) -> Finding:
    name = local_name(fault.element)
    if "character data" in reason:
        return fault.finding(
            "text-unexpected",
            f"{name} holds text between its elements",
            "Remove the text; only elements may stand there.",
        )
    if "simple content" in reason:
        return fault.finding(
            "element-unexpected",
            f"{name} holds elements, it must hold text alone",
            "Move the elements out of it.",
        )
    if isinstance(error.obj, str):
        return _value(fault, error.obj)
    return fault.finding(
        "element-unexpected", f"{name}: {reason}", "Check it against the EPCIS schema."
    )


def _value(fault: _XmlFault, value: str) -> Finding:
    part = part_at(fault.place.version, fault.names)
    kind = part.holds if part else ""
    return _wrong_value(fault, local_name(fault.element), kind, value)


def _attribute_value(fault: _XmlFault, name: str, value: str) -> Finding:
    record = record_at(fault.place.version, fault.names)
    kinds = {each.name: each.holds for each in record.attributes} if record else {}
    return _wrong_value(fault, f"attribute {name}", kinds.get(name, ""), value)


def _wrong_value(fault: _XmlFault, name: str, kind: str, value: str) -> Finding:
    wanted, hint = _VALUES.get(kind, ("a value of its type", "See the EPCIS standard."))
    shown = value.strip()
    if len(shown) > _SHOWN_MAX:
        shown = shown[:_SHOWN_MAX] + "…"
    if kind == "time" and fault.place.version == "2.0" and re.fullmatch(_LOCAL_TIME, value.strip()):
        what = f"{name}: '{shown}' has no time zone, which EPCIS 2.0 requires"
        return fault.finding("time-without-zone", what, "Add Z or an offset such as +01:00.")
    if not shown:
        return fault.finding("value-empty", f"{name} is empty, it must be {wanted}", hint)
    return fault.finding("value", f"{name}: '{shown}' is not {wanted}", hint)


_LOCAL_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?"


def _attribute(fault: _XmlFault, name: str, *, is_missing: bool) -> Finding:
    element = local_name(fault.element)
    if is_missing:
        return fault.finding(
            "attribute-missing",
            f"{element} has no attribute '{name}'",
            f'Add {name}="…" to <{element}>.',
        )
    return fault.finding(
        "attribute-unexpected",
        f"{element} takes no attribute '{name}'",
        "Remove it, or put what it says into an element of your own namespace.",
    )


def _child(error: XMLSchemaChildrenValidationError, fault: _XmlFault) -> Finding:
    expected = [name for each in error.expected or () if (name := each.local_name)]
    children = list(fault.element)
    if error.invalid_tag is None or error.index >= len(children):
        return _missing(fault, expected)
    child = children[error.index]
    if namespace_of(child):
        return _foreign_child(fault, child)
    name = local_name(child)
    present = [local_name(each) for each in children]
    allowed = _allowed(fault)
    if name not in allowed:
        return _unknown_child(fault, child, allowed)
    if absent := [each for each in expected if each not in present]:
        return _missing(fault, absent, before=child)
    return _misordered(fault, child, allowed)


def _allowed(fault: _XmlFault) -> list[str]:
    record = record_at(fault.place.version, fault.names)
    names = [part.name for part in parts_of(record)] if record else []
    return [*names, "extension"] if record and "extension" not in names else names


def _missing(fault: _XmlFault, names: list[str], before: etree._Element | None = None) -> Finding:
    element = local_name(fault.element)
    wanted = " or ".join(f"'{name}'" for name in names) or "what it must hold"
    hint = f"Add <{names[0]}>" if names else "Add it"
    if before is not None:
        hint += f" before <{local_name(before)}>"
    line = line_of(before) if before is not None else None
    return fault.finding("element-missing", f"{element} has no {wanted}", f"{hint}.", line)


def _foreign_child(fault: _XmlFault, child: etree._Element) -> Finding:
    parent, name = local_name(fault.element), local_name(child)
    if namespace_of(child) in _EPCIS_URIS:
        return fault.finding(
            "element-with-namespace",
            f"{name} inside {parent} carries the EPCIS namespace",
            "Only the root element does: use a prefix for it, and none for what stands inside.",
            line_of(child),
        )
    if parent in _WRAPPERS:
        return fault.finding(
            "element-misplaced",
            f"{name}, which is not of the standard, stands inside <{parent}>",
            f"Elements of other namespaces stand after </{parent}>, directly in what holds it.",
            line_of(child),
        )
    return fault.finding(
        "element-unexpected",
        f"{parent} takes no elements of other namespaces, such as {name}",
        "Move it to the end of the event.",
        line_of(child),
    )


def _unknown_child(fault: _XmlFault, child: etree._Element, allowed: list[str]) -> Finding:
    parent, name = local_name(fault.element), local_name(child)
    version, line = fault.place.version, line_of(child)
    if home := _home(fault, name):
        return fault.finding(
            "element-misplaced", f"{name} does not stand in {parent} in EPCIS {version}", home, line
        )
    other = next(each for each in VERSIONS if each != version)
    if name in homes(other) or name in homes(other).get(_event_name(fault), {}):
        return fault.finding(
            "element-of-other-version",
            f"{name} is not known to EPCIS {version}, only to {other}",
            f"Send the document as EPCIS {other}, or leave {name} out.",
            line,
        )
    if meant := near(name, allowed):
        hint = f"Did you mean '{meant}'?"
    else:
        hint = "Elements of your own need a namespace, and stand at the end of the event."
    return fault.finding("element-unknown", f"{parent} knows no element '{name}'", hint, line)


def _event_name(fault: _XmlFault) -> str:
    return next((name for name in fault.names if name in _EVENT_NAMES), "")


def _home(fault: _XmlFault, name: str) -> str:
    """Where this version has an element instead; empty where the event has no place for it."""
    version = fault.place.version
    if name in _EVENT_NAMES and name in homes(version):
        if version == "1.2" and name == "TransformationEvent":
            return "EPCIS 1.2 wants it as <extension><TransformationEvent>, one per extension."
        return "It stands directly in <EventList>."
    below = homes(version).get(_event_name(fault), {}).get(name)
    if below is None:
        return ""
    if below:
        return f"Put it inside <{below}>."
    return f"Put it directly into {_event_name(fault)}."


def _misordered(fault: _XmlFault, child: etree._Element, allowed: list[str]) -> Finding:
    name, line = local_name(child), line_of(child)
    before = [local_name(each) for each in child.itersiblings(preceding=True)]
    if name in before and not _may_repeat(fault, name):
        return fault.finding(
            "element-repeated",
            f"{local_name(fault.element)} has '{name}' more than once",
            f"Keep one <{name}>.",
            line,
        )
    if any(namespace_of(each) for each in child.itersiblings(preceding=True)):
        return fault.finding(
            "element-misordered",
            f"'{name}' stands after elements of other namespaces",
            "Elements of other namespaces come last.",
            line,
        )
    order = ", ".join(allowed)
    return fault.finding(
        "element-misordered",
        f"'{name}' does not stand where it belongs in {local_name(fault.element)}",
        f"The order is: {order}.",
        line,
    )


def _may_repeat(fault: _XmlFault, name: str) -> bool:
    part = part_at(fault.place.version, (*fault.names, name))
    return part is not None and part.most is None


def _as_the_fast_one_says(element: etree._Element, place: JudgedPlace) -> list[Finding]:
    """The fast validator's own message, for what the slow one accepts.

    The two differ over white space around times, which XML Schema allows and the fast one does not,
    and over xsi:type on extensions.
    """
    is_event = local_name(element) in _EVENT_NAMES
    schema = (event_xml_schema if is_event else xml_schema)(place.version, place.published)
    schema.validate(element)
    return [
        _as_finding(entry, place)
        for entry in _outside_events(cast("Iterable[Any]", schema.error_log), place)
    ]


# Lxml does not type its log entries.
def _outside_events(log: Iterable[etree._LogEntry], place: JudgedPlace) -> Iterator[Any]:
    for entry in log:
        steps = re.findall(r"[^/\[\]:]+(?=\[|/|$)", entry.path or "")
        if not (place.is_frame and any(step in _EVENT_NAMES for step in steps)):
            yield entry


def _as_finding(entry: Any, place: JudgedPlace) -> Finding:  # noqa: ANN401  # lxml does not type it
    message = brief(" ".join(re.sub(r"\{[^}]*\}", "", entry.message).split()))
    below = re.sub(r"(?<=/)[^/:\[]+:", "", entry.path or "").lstrip("/").partition("/")[2]
    where = Where(line=entry.line or None, path=f"{place.path}/{below}".rstrip("/"))
    padded = re.search(r"'\s|\s'", entry.message)
    if entry.type_name == "SCHEMAV_CVC_DATATYPE_VALID_1_2_1" and padded:
        return Finding(
            "xml.value-padded",
            Severity.WARNING,
            f"white space stands around a value: {message}",
            "Write the value directly between its tags.",
            where,
        )
    return Finding(
        "xml.schema",
        Severity.ERROR,
        message,
        "Compare it with the EPCIS schema of this version.",
        where,
    )
