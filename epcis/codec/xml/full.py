"""One event element of any EPCIS version as an event, leniently.

Fields are known by local name, wherever in the event they stand: 1.2 nests some of them in
`extension` or `baseExtension`, 2.0 does not, and files in the field mix both. What has no field is
kept as a tree; what stands where it should not is noted.
Standard: EPCIS 1.2 section 9.5, EPCIS 2.0 section 9.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from epcis.codec.fields import NEW_EVENT, SHAPES, EventShape
from epcis.codec.namespaces import OF_EPCIS, OWN, XSI
from epcis.codec.quantity_event import restored
from epcis.codec.required import require
from epcis.codec.sensors import SENSOR_FIELDS
from epcis.codec.xml.nodes import (
    Bindings,
    attributes_of,
    line_of,
    names_of,
    node_of,
    split_name,
)
from epcis.model import (
    BizTransaction,
    ErrorDeclaration,
    Event,
    Node,
    Party,
    PersistentDisposition,
    Place,
    QuantityElement,
    SensorElement,
    SensorMetadata,
    SensorReport,
)
from schemas.finding import Severity, Where

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element

    from epcis.codec.refusal import FindingCollector

_WRAPPERS: Final = frozenset({"extension", "baseExtension"})
_NIL: Final = f"{{{XSI}}}nil"


class FullXmlReader:
    """Reads the event elements of one document."""

    def __init__(self, collector: FindingCollector, bindings: Bindings) -> None:
        self._collector = collector
        self._bindings = bindings
        self._at = ""
        self._line_shift = 0
        self.readers: dict[str, Callable[[_Element], object]] = {
            "EPCListType": self._epcs,
            "QuantityListType": self._quantities,
            "ReadPointType": self._place,
            "BusinessLocationType": self._place,
            "BusinessTransactionListType": self._transactions,
            "SourceListType": self._parties,
            "DestinationListType": self._parties,
            "SensorElementListType": self._sensors,
            "PersistentDispositionType": self._persistent_disposition,
            "ILMDType": self._ilmd,
            "ErrorDeclarationType": self._error_declaration,
        }

    def read(self, element: _Element, at: str, line_shift: int = 0) -> Event:
        """The event of an element. Raises EventRefused where it says too little.

        `at` is the element's path and `line_shift` the lines before the portion it was parsed in,
        for findings.
        """
        self._at = at
        self._line_shift = line_shift
        shape = SHAPES[split_name(element.tag)[1]]
        values: dict[str, object] = {}
        foreign = self._fill(element, shape, values)
        require(shape, values, self._collector, Where(line=self._line(element), path=at))
        if element.keys():
            values["attributes"] = attributes_of(element)
            self._bindings.see(element)
        if foreign:
            values["extensions"] = tuple(foreign)
        if declared := self._bindings.take():
            values["namespaces"] = declared
        event = restored(NEW_EVENT[shape.name](**values))
        self._bindings.hold(event)
        return event

    def _line(self, element: _Element) -> int | None:
        line = line_of(element)
        return line and line + self._line_shift

    def _fill(
        self, element: _Element, shape: EventShape, values: dict[str, object], depth: int = 0
    ) -> list[Node]:
        """Take the fields out of an element, `depth` wrappers deep; returns what else it holds."""
        foreign: list[Node] = []
        for child in element:
            name = child.tag
            if (tail := child.tail) and not tail.isspace():
                self._note_stray_text(child, tail)
            if name[0] == "{":
                namespace, local = split_name(name)
                if namespace not in OF_EPCIS:
                    if (namespace, local) == (OWN, "certificationInfo"):
                        self._set(child, "certification_info", "uri", values)
                    else:
                        foreign.append(node_of(child, self._bindings, depth))
                    continue
                name = local
            field = shape.by_name.get(name)
            if field is not None and (field.attribute not in values or name == "certificationInfo"):
                self._set(child, field.attribute, field.holds, values)
            elif field is None and name in _WRAPPERS:
                foreign.extend(self._unwrapped(child, shape, values, depth))
            else:
                self._note_stray(child, repeated=field is not None)
                foreign.append(node_of(child, self._bindings, depth))
        return foreign

    def _set(self, child: _Element, attribute: str, holds: str, values: dict[str, object]) -> None:
        read = self.readers.get(holds)
        if read is not None:
            values[attribute] = read(child)
        elif attribute == "certification_info":
            before = values.get(attribute, ())
            values[attribute] = (*before, _text(child)) if isinstance(before, tuple) else before
        else:
            values[attribute] = _text(child)

    def _unwrapped(
        self, wrapper: _Element, shape: EventShape, values: dict[str, object], depth: int
    ) -> list[Node]:
        """Take the standard fields out of an extension wrapper; keep what else it holds."""
        if depth >= self._bindings.depth_near:
            self._bindings.note_depth(depth)
        left = _unpacked(self._fill(wrapper, shape, values, depth + 1))
        if not left and not wrapper.keys():
            return []
        name = split_name(wrapper.tag)[1]
        return [Node(name=name, attributes=attributes_of(wrapper), children=tuple(left))]

    def _note_stray(self, child: _Element, *, repeated: bool) -> None:
        name = split_name(child.tag)[1]
        what = f"{name} stands here twice" if repeated else f"{name} is not a field of this event"
        parent = child.getparent()
        if not repeated and parent is not None and parent.tag in _WRAPPERS:
            return  # elements without a namespace are the standard's way to extend a wrapper
        self._collector.note(
            "event.field-repeated" if repeated else "event.field-unknown",
            Severity.WARNING,
            what,
            "It is kept as an extension; user fields need a namespace of their own.",
            line=self._line(child),
            path=f"{self._at}/{name}",
        )

    def _note_stray_text(self, before: _Element, stray: str) -> None:
        self._collector.note(
            "event.text-not-kept",
            Severity.WARNING,
            f"text stands between the elements of the event: {stray.strip()[:40]!r}",
            "It stays in the document as received, but not in the event.",
            line=self._line(before),
            path=self._at,
        )

    def _lost_attributes(self, element: _Element) -> None:
        names = ", ".join(split_name(name)[1] for name in names_of(element)[:20])
        local = split_name(element.tag)[1]
        self._collector.note(
            "event.attribute-not-kept",
            Severity.WARNING,
            f"{local} carries attributes the standard does not allow there: {names}",
            "They stay in the document as received, but not in the event.",
            line=self._line(element),
            path=f"{self._at}/{local}",
        )

    def _stray_content(self, element: _Element) -> None:
        local = split_name(element.tag)[1]
        parent = element.getparent()
        above = split_name(parent.tag)[1] if parent is not None else ""
        self._collector.note(
            "event.element-not-kept",
            Severity.WARNING,
            f"{local} is not known inside {above}",
            "It stays in the document as received, but not in the event.",
            line=self._line(element),
            path=f"{self._at}/{above}/{local}",
        )

    def _epcs(self, element: _Element) -> tuple[str, ...]:
        if element.keys():
            self._lost_attributes(element)
        return tuple(self._items(element, "epc"))

    def _items(self, element: _Element, item: str) -> list[str]:
        texts = []
        for child in element:
            if split_name(child.tag)[1] != item or len(child):
                self._stray_content(child)
                continue
            if child.keys():
                self._lost_attributes(child)
            texts.append(_text(child))
        return texts

    def _quantities(self, element: _Element) -> tuple[QuantityElement, ...]:
        return tuple(
            quantity for child in element if (quantity := self._quantity(child)) is not None
        )

    def _quantity(self, element: _Element) -> QuantityElement | None:
        values: dict[str, Any] = {}
        for child in element:
            name = split_name(child.tag)[1]
            if name == "epcClass":
                values["epc_class"] = _text(child)
            elif name == "quantity":
                values["is_nil"] = child.get(_NIL, "").strip() in ("true", "1")
                values["quantity"] = _text(child) or None
            elif name == "uom":
                values["uom"] = _text(child)
            else:
                self._stray_content(child)
        if "epc_class" not in values:
            self._stray_content(element)
            return None
        return QuantityElement(**values)

    def _place(self, element: _Element) -> Place:
        identifier, extensions = "", []
        for child in element:
            if child.tag == "id" or (child.tag[0] == "{" and split_name(child.tag) in _EPCIS_IDS):
                identifier = _text(child)
            else:
                extensions.append(node_of(child, self._bindings))
        return Place(id=identifier, extensions=tuple(extensions))

    def _transactions(self, element: _Element) -> tuple[BizTransaction, ...]:
        return tuple(
            BizTransaction(id=_text(child), type=child.get("type"))
            for child in self._named(element, ("bizTransaction",))
        )

    def _parties(self, element: _Element) -> tuple[Party, ...]:
        return tuple(
            Party(id=_text(child), type=child.get("type", ""))
            for child in self._named(element, ("source", "destination"))
        )

    def _named(self, element: _Element, names: tuple[str, ...]) -> list[_Element]:
        found = []
        for child in element:
            if split_name(child.tag)[1] in names:
                found.append(child)
                if set(child.keys()) - {"type"}:
                    self._lost_attributes(child)
            else:
                self._stray_content(child)
        return found

    def _persistent_disposition(self, element: _Element) -> PersistentDisposition:
        words: dict[str, list[str]] = {}
        for child in self._named(element, ("set", "unset")):
            words.setdefault(split_name(child.tag)[1], []).append(_text(child))
        return PersistentDisposition(
            set=tuple(words["set"]) if "set" in words else None,
            unset=tuple(words["unset"]) if "unset" in words else None,
        )

    def _ilmd(self, element: _Element) -> tuple[Node, ...]:
        if element.keys():
            self._lost_attributes(element)
        return tuple(node_of(child, self._bindings) for child in element)

    def _error_declaration(self, element: _Element) -> ErrorDeclaration:
        values: dict[str, Any] = {}
        foreign, first = [], 0
        for child in element:
            namespace, name = split_name(child.tag)
            if namespace and namespace not in OF_EPCIS:
                foreign.append(node_of(child, self._bindings))
            elif name == "declarationTime":
                values["declaration_time"] = _text(child)
            elif name == "reason":
                values["reason"] = _text(child)
            elif name == "correctiveEventIDs":
                values["corrective_event_ids"] = tuple(self._items(child, "correctiveEventID"))
            else:
                foreign.append(node_of(child, self._bindings))
            if not values:
                first = len(foreign)
        if element.keys():
            self._bindings.see(element)
        values.setdefault("declaration_time", "")
        return ErrorDeclaration(
            **values,
            extensions_first=first,
            extensions=tuple(foreign),
            attributes=attributes_of(element),
        )

    def _sensors(self, element: _Element) -> tuple[SensorElement, ...]:
        return tuple(self._sensor(child) for child in self._named(element, ("sensorElement",)))

    def _sensor(self, element: _Element) -> SensorElement:
        metadata, reports, foreign = None, [], []
        for child in element:
            name = split_name(child.tag)[1] if child.tag[0] == "{" else child.tag
            if name == "sensorMetadata":
                metadata = self._sensor_part(SensorMetadata, child)
            elif name == "sensorReport":
                reports.append(self._sensor_part(SensorReport, child))
            else:
                foreign.append(node_of(child, self._bindings))
        return SensorElement(metadata=metadata, reports=tuple(reports), extensions=tuple(foreign))

    def _sensor_part(self, kind: type[_SensorPart], element: _Element) -> _SensorPart:
        fields = SENSOR_FIELDS[kind]
        values: dict[str, str] = {}
        extensions = []
        for namespace, local, value in attributes_of(element):
            if not namespace and local in fields:
                values[fields[local]] = value
            else:
                self._bindings.see(element)
                children = (value,) if value else ()
                extensions.append(Node(namespace=namespace, name=local, children=children))
        extensions.extend(node_of(child, self._bindings) for child in element)
        return kind(**values, extensions=tuple(extensions))


_SensorPart = TypeVar("_SensorPart", SensorMetadata, SensorReport)
_EPCIS_IDS: Final = frozenset((namespace, "id") for namespace in OF_EPCIS)


def _unpacked(nodes: list[Node]) -> list[Node]:
    """Strangers that another version's schema made us put into an element `kept`."""
    flat: list[Node] = []
    for node in nodes:
        inner = node.children
        if (node.namespace, node.name) == (OWN, "kept"):
            flat.extend(child for child in inner if isinstance(child, Node))
        elif (node.namespace, node.name) == ("", "extension") and _is_kept(inner[-1:]):
            kept = inner[-1]
            flat.extend(c for c in getattr(kept, "children", ()) if isinstance(c, Node))
            if inner[:-1]:
                flat.append(Node(name="extension", attributes=node.attributes, children=inner[:-1]))
        else:
            flat.append(node)
    return flat


def _is_kept(nodes: tuple[Node | str, ...]) -> bool:
    return any(
        isinstance(node, Node) and (node.namespace, node.name) == ("", "kept") for node in nodes
    )


def _text(element: _Element) -> str:
    return (element.text or "").strip()
