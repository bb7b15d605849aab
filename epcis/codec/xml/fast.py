"""Event elements that the schema has passed, read without looking at each thing twice.

What a valid event may hold beyond the plain majority is left to the full reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from epcis.codec.fields import NEW_EVENT, SHAPES
from epcis.codec.xml.nodes import Bindings, node_of
from epcis.model import BizTransaction, Event, Node, Party, Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element

    from epcis.codec.xml.full import FullXmlReader

_WRAPPERS: Final = frozenset({"extension", "baseExtension"})
_Entry = tuple[str, "Callable[[_Element], object]"]


class FastXmlReader:
    """Reads valid event elements of one document; None where the full reader must."""

    def __init__(self, full: FullXmlReader, bindings: Bindings) -> None:
        self._bindings = bindings
        self._full_ilmd = full.readers["ILMDType"]
        readers: dict[str, Callable[[_Element], object]] = {
            **full.readers,
            "EPCListType": _epcs,
            "ReadPointType": self._place,
            "BusinessLocationType": self._place,
            "BusinessTransactionListType": _transactions,
            "SourceListType": _parties,
            "DestinationListType": _parties,
            "ILMDType": self._ilmd,
        }
        self._tables: dict[str, dict[str, _Entry]] = {
            name: {
                field.name: (field.attribute, readers.get(field.holds, _text))
                for field in shape.fields
                if field.name != "certificationInfo"
            }
            for name, shape in SHAPES.items()
        }

    def read(self, element: _Element) -> Event | None:
        """The event of a valid element."""
        if element.keys():
            return None
        name = element.tag
        table = self._tables[name]
        values: dict[str, object] = {}
        foreign: list[Node] = []
        for child in element:
            tag = child.tag
            entry = table.get(tag)
            if entry is not None:
                values[entry[0]] = entry[1](child)
            elif tag in _WRAPPERS:
                if child.keys() or not _unwrap(child, table, values):
                    return None
            elif tag[0] == "{":
                foreign.append(node_of(child, self._bindings))
            else:
                return None
        if foreign:
            values["extensions"] = tuple(foreign)
        if declared := self._bindings.take():
            values["namespaces"] = declared
        event = NEW_EVENT[name](**values)
        self._bindings.hold(event)
        return event

    def _place(self, element: _Element) -> Place:
        if len(element) == 1:
            return Place(id=_text(element[0]))
        first, *others = element
        return Place(
            id=_text(first), extensions=tuple(node_of(other, self._bindings) for other in others)
        )

    def _ilmd(self, element: _Element) -> tuple[Node, ...]:
        if element.keys():
            return cast("tuple[Node, ...]", self._full_ilmd(element))
        return tuple(node_of(child, self._bindings) for child in element)


def _unwrap(wrapper: _Element, table: dict[str, _Entry], values: dict[str, object]) -> bool:
    """Take the fields out of a wrapper; False where it holds anything else."""
    for child in wrapper:
        entry = table.get(child.tag)
        if entry is None:
            return False
        values[entry[0]] = entry[1](child)
    return True


def _text(element: _Element) -> str:
    text = element.text
    return text.strip() if text else ""


def _epcs(element: _Element) -> tuple[str, ...]:
    try:
        return tuple([epc.text.strip() for epc in element])  # type: ignore[union-attr]  # see below
    except AttributeError:  # an empty one has no text
        return tuple(_text(epc) for epc in element)


def _transactions(element: _Element) -> tuple[BizTransaction, ...]:
    return tuple([BizTransaction(id=_text(child), type=child.get("type")) for child in element])


def _parties(element: _Element) -> tuple[Party, ...]:
    return tuple([Party(id=_text(child), type=child.get("type", "")) for child in element])
