"""Events as XML elements of EPCIS 1.2 or 2.0.

Where a version has no place for something, it goes where that version's schema lets strangers in;
`docs/reference/lossless.md` lists these homes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from epcis.codec.fields import SHAPES
from epcis.codec.names import is_attribute
from epcis.codec.namespaces import OWN, XSI
from epcis.codec.quantity_event import modern
from epcis.codec.sensors import SENSOR_FIELDS, WORD_KINDS
from epcis.codec.xml.markup import attribute, element, leaf, text
from epcis.codec.zones import with_zones
from epcis.model import Node
from schemas.cbv import compact
from schemas.epcis.events import COMMON_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from epcis.codec.words import Words
    from epcis.codec.xml.markup import Scope
    from epcis.model import (
        BizTransaction,
        ErrorDeclaration,
        Event,
        Party,
        PersistentDisposition,
        Place,
        QuantityElement,
        SensorElement,
        SensorMetadata,
        SensorReport,
    )
    from schemas.epcis.events import Field

_FieldWriter: TypeAlias = "Callable[[str, Any], str]"  # each takes what its own field holds
_WRAPPERS: Final = ("baseExtension", "extension")
_WORDS: Final = {"bizStep": "bizstep", "disposition": "disp"}
_IDENTIFIERS: Final = frozenset({"parentID", "transformationID", "epcClass"})
_EMPTY_WHEN_NEEDED: Final = frozenset({"EPCListType"})


class EventWriter:
    """Writes the events of one document in one version."""

    def __init__(self, version: str, scope: Scope, words: Words) -> None:
        self._is_1_2 = version == "1.2"
        self._scope = scope
        self._words = words
        self._writers: dict[str, _FieldWriter] = {
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

    def write(self, event: Event) -> str:
        """The event's element; in 1.2, types younger than it in the wrapper for strangers."""
        self._scope.prefer(event.namespaces)
        event = event if self._is_1_2 else with_zones(modern(event))
        name = type(event).__name__
        nested = self._is_1_2 and SHAPES[name].in_1_2
        content = self._nested(event, name) if nested else self._flat(event, name)
        attributes = self._scope.attributes(event.attributes)
        markup = element(name, content, self._scope.take() + attributes)
        if self._is_1_2 and name == "TransformationEvent":
            return f"<extension>{markup}</extension>"
        if self._is_1_2 and not SHAPES[name].in_1_2:
            return f"<extension><extension>{markup}</extension></extension>"
        return markup

    def _flat(self, event: Event, name: str) -> str:
        """The layout of 2.0: every field in the event itself, strangers last."""
        parts = [
            self._field(field, getattr(event, field.attribute)) for field in SHAPES[name].fields
        ]
        base, extension, foreign = self._strangers(event.extensions)
        if certificates := (event.certification_info or ())[1:]:
            base += "".join(
                leaf(self._scope.name(OWN, "certificationInfo"), more) for more in certificates
            )
        if base:
            parts.insert(len(COMMON_FIELDS), element("baseExtension", base))
        return "".join(parts) + (element("extension", extension) if extension else "") + foreign

    def _strangers(self, nodes: Sequence[Node]) -> tuple[str, str, str]:
        """What stands in `baseExtension`, in `extension`, and behind them, in 2.0."""
        wrapped = dict.fromkeys(_WRAPPERS, "")
        foreign = []
        for node in nodes:
            if node.namespace or node.name not in _WRAPPERS:
                foreign.append(self._scope.node(node))
            elif all(isinstance(c, Node) and c.namespace for c in node.children):
                wrapped[node.name] += self._scope.content(node.children)
            else:
                kept = Node(namespace=OWN, name="kept", children=node.children)
                wrapped[node.name] += self._scope.node(kept)
        return wrapped["baseExtension"], wrapped["extension"], "".join(foreign)

    def _nested(self, event: Event, name: str) -> str:
        """The layout of 1.2: younger fields in `baseExtension` and `extension`."""
        places: dict[str, list[str]] = {
            place: [] for place in ("", *_WRAPPERS, "young", "certificate")
        }
        base_at = 0
        for field in SHAPES[name].fields:
            value = getattr(event, field.attribute)
            home = field.xml_1_2
            if home is None:
                place = "certificate" if field.name == "certificationInfo" else "young"
                places[place].append(self._field(field, value))
                continue
            if value is None and home.required and field.holds in _EMPTY_WHEN_NEEDED:
                places[home.below].append(f"<{field.name}/>")
            else:
                places[home.below].append(self._field(field, value))
            if field.name == "eventTimeZoneOffset":
                base_at = len(places[""])
        left, foreign = self._left_in_wrappers(event.extensions)
        inner_base = "".join(places["certificate"])
        base = "".join(places["baseExtension"]) + _merge(inner_base, left["baseExtension"])
        extension = "".join(places["extension"]) + _merge(
            "".join(places["young"]), left["extension"]
        )
        if base:
            places[""].insert(base_at, element("baseExtension", base, left["baseExtension"][1]))
        tail = element("extension", extension, left["extension"][1]) if extension else ""
        return "".join(places[""]) + tail + foreign

    def _left_in_wrappers(
        self, nodes: Sequence[Node]
    ) -> tuple[dict[str, tuple[str, str, str]], str]:
        """For each wrapper: its inner `extension`'s content, its attributes, what else it holds.

        A file may carry a wrapper twice; it is written once, with all that both hold.
        """
        left = dict.fromkeys(_WRAPPERS, ("", "", ""))
        for name, wrappers in _by_wrapper(nodes).items():
            inner, beside, kept = "", "", ""
            for child in (one for node in wrappers for one in node.children):
                if isinstance(child, Node) and (child.namespace, child.name) == ("", "extension"):
                    inner += self._scope.content(child.children)
                elif isinstance(child, Node) and child.namespace:
                    kept += self._scope.node(child)
                elif isinstance(child, Node):
                    beside += self._scope.node(child)
            inner += element("kept", kept) if kept else ""
            named = {one[:2]: one for node in reversed(wrappers) for one in node.attributes}
            left[name] = (inner, self._scope.attributes(tuple(named.values())), beside)
        foreign = [self._scope.node(node) for node in nodes if not _is_wrapper(node)]
        return left, "".join(foreign)

    def _field(self, field: Field, value: Any) -> str:  # noqa: ANN401  # any field of an event
        if value is None:
            return ""
        name = field.name
        write = self._writers.get(field.holds)
        if write is not None:
            return write(name, value)
        if name in _WORDS:
            return leaf(name, self._words.cbv(_WORDS[name], value))
        if name == "certificationInfo":
            shown = value if self._is_1_2 else value[:1]
            return "".join(leaf(name, certificate) for certificate in shown)
        return leaf(name, self._words.epc(value) if name in _IDENTIFIERS else value)

    def _epcs(self, name: str, epcs: tuple[str, ...]) -> str:
        if not epcs:
            return f"<{name}/>"
        listed = text("\n".join(self._words.epcs(epcs))).replace("\n", "</epc>\n<epc>")
        return f"<{name}><epc>{listed}</epc></{name}>"

    def _quantities(self, name: str, quantities: Sequence[QuantityElement]) -> str:
        return element(name, "".join(map(self._quantity, quantities)))

    def _quantity(self, quantity: QuantityElement) -> str:
        parts = leaf("epcClass", self._words.epc(quantity.epc_class))
        if quantity.is_nil:
            parts += f"<quantity{attribute(self._scope.name(XSI, 'nil'), 'true')}/>"
        elif quantity.quantity is not None:
            parts += leaf("quantity", quantity.quantity)
        if quantity.uom is not None:
            parts += leaf("uom", quantity.uom)
        return element("quantityElement", parts)

    def _place(self, name: str, place: Place) -> str:
        inside = leaf("id", self._words.epc(place.id))
        return element(name, inside + self._scope.content(place.extensions))

    def _transactions(self, name: str, transactions: Sequence[BizTransaction]) -> str:
        return element(
            name,
            "".join(
                element(
                    "bizTransaction",
                    text(self._words.epc(transaction.id)),
                    ""
                    if transaction.type is None
                    else attribute("type", self._words.cbv("btt", transaction.type)),
                )
                for transaction in transactions
            ),
        )

    def _parties(self, name: str, parties: Sequence[Party]) -> str:
        role = name.removesuffix("List")
        return element(
            name,
            "".join(
                element(
                    role,
                    text(self._words.epc(party.id)),
                    attribute("type", self._words.cbv("sdt", party.type)),
                )
                for party in parties
            ),
        )

    def _persistent_disposition(self, name: str, persistent: PersistentDisposition) -> str:
        words = [("unset", word) for word in persistent.unset or ()]
        words += [("set", word) for word in persistent.set or ()]
        return element(
            name, "".join(leaf(what, self._words.cbv("disp", word)) for what, word in words)
        )

    def _ilmd(self, name: str, ilmd: Sequence[Node]) -> str:
        return element(name, self._scope.content(ilmd))

    def _error_declaration(self, name: str, declaration: ErrorDeclaration) -> str:
        first = 0 if self._is_1_2 else declaration.extensions_first
        parts = self._scope.content(declaration.extensions[:first])
        parts += leaf("declarationTime", declaration.declaration_time)
        if declaration.reason is not None:
            parts += leaf("reason", self._words.cbv("er", declaration.reason))
        if declaration.corrective_event_ids is not None:
            ids = (leaf("correctiveEventID", one) for one in declaration.corrective_event_ids)
            parts += element("correctiveEventIDs", "".join(ids))
        parts += self._scope.content(declaration.extensions[first:])
        return element(name, parts, self._scope.attributes(declaration.attributes))

    def _sensors(self, name: str, elements: Sequence[SensorElement]) -> str:
        return element(name, "".join(map(self._sensor, elements)))

    def _sensor(self, sensor: SensorElement) -> str:
        parts = ""
        if sensor.metadata is not None:
            parts += self._observation("sensorMetadata", sensor.metadata)
        for report in sensor.reports:
            parts += self._observation("sensorReport", report)
        return element("sensorElement", parts + self._scope.content(sensor.extensions))

    def _observation(self, name: str, part: SensorMetadata | SensorReport) -> str:
        fields = SENSOR_FIELDS[type(part)]
        attributes, inside = "", ""
        for field, named in fields.items():
            value = getattr(part, named)
            if value is not None:
                kind = WORD_KINDS.get(field)
                attributes += attribute(field, compact(kind, value) if kind else value)
        taken = {("", field) for field in fields}
        for node in part.extensions:
            bears = (node.namespace, node.name)
            if bears not in taken and _fits_attribute(node):
                taken.add(bears)
                attributes += self._scope.attributes(((node.namespace, node.name, node.text),))
            else:
                inside += self._scope.node(node)
        return element(name, inside, attributes)


def _is_wrapper(node: Node) -> bool:
    return not node.namespace and node.name in _WRAPPERS


def _by_wrapper(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    """The nodes that are wrappers of the standard, by name."""
    found: dict[str, list[Node]] = {}
    for node in filter(_is_wrapper, nodes):
        found.setdefault(node.name, []).append(node)
    return found


def _merge(young: str, left: tuple[str, str, str]) -> str:
    """What stands in a 1.2 wrapper beside its own fields: others, then the inner `extension`."""
    inner = young + left[0]
    return left[2] + (element("extension", inner) if inner else "")


def _fits_attribute(node: Node) -> bool:
    is_text = all(isinstance(child, str) for child in node.children)
    return (
        is_text
        and not node.attributes
        and not node.kind
        and is_attribute(node.namespace, node.name)
    )
