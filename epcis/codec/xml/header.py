"""What an XML document says beside its events: SBDH, master data, foreign elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.codec.namespaces import SBDH
from epcis.codec.xml.nodes import Bindings, attributes_of, content_of, node_of, split_name
from epcis.model import Node, Vocabulary, VocabularyElement

if TYPE_CHECKING:
    from lxml.etree import _Element


class HeaderParts:
    """The parts of a header as they come up in the document."""

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self.sbdh: Node | None = None
        self.master_data: list[Vocabulary] = []
        self.extensions: list[Node] = []
        self.namespaces: tuple[tuple[str, str], ...] = ()

    def read(self, header: _Element) -> None:
        """Take in an `EPCISHeader` element."""
        left: list[Node] = []
        for child in header:
            namespace, name = split_name(child.tag)
            if (namespace, name) == (SBDH, "StandardBusinessDocumentHeader") and not self.sbdh:
                self.sbdh = node_of(child, self._bindings)
            elif name == "extension":
                left.extend(self._extension(child))
            else:
                left.append(node_of(child, self._bindings))
        if header.attrib:
            self._bindings.see(header)
            left.insert(0, Node(name="EPCISHeader", attributes=attributes_of(header)))
        self.extensions.extend(left)
        self._bindings.hold((self.sbdh, self.extensions))
        self.namespaces += self._bindings.take()

    def _extension(self, extension: _Element) -> list[Node]:
        """Master data, and foreign header elements that EPCIS 2.0 has no place for."""
        left: list[Node] = []
        foreign: list[Node] = []
        for child in extension:
            name = split_name(child.tag)[1]
            if name == "EPCISMasterData":
                left.extend(self._master_data(child))
            elif name == "extension":
                left.extend(self._inner_extension(child, foreign))
            else:
                left.append(node_of(child, self._bindings))
        if left or extension.attrib:
            attributes = attributes_of(extension)
            wrapped = Node(name="extension", attributes=attributes, children=tuple(left))
            return [wrapped, *foreign]
        return foreign

    def _inner_extension(self, extension: _Element, foreign: list[Node]) -> list[Node]:
        """The `extension` of an extension: our home for foreign elements, and what else it has."""
        left = []
        for part in extension:
            if part.tag == FOREIGN_HEADER:
                foreign.extend(node_of(inner, self._bindings) for inner in part)
            else:
                left.append(node_of(part, self._bindings))
        if not left and not extension.attrib:
            return []
        attributes = attributes_of(extension)
        return [Node(name="extension", attributes=attributes, children=tuple(left))]

    def _master_data(self, element: _Element) -> list[Node]:
        left: list[Node] = []
        for child in element:
            if split_name(child.tag)[1] == "VocabularyList":
                self.read_vocabularies(child)
            else:
                left.append(node_of(child, self._bindings))
        return [Node(name="EPCISMasterData", children=tuple(left))] if left else []

    def read_vocabularies(self, vocabulary_list: _Element) -> None:
        """Take in a `VocabularyList`, of a header, a master data document or a query result."""
        vocabularies = [self._vocabulary(child) for child in vocabulary_list]
        self._bindings.hold(vocabularies)
        self.master_data.extend(vocabularies)
        self.namespaces += self._bindings.take()

    def _vocabulary(self, element: _Element) -> Vocabulary:
        entries: list[VocabularyElement] = []
        extensions: list[Node] = []
        for child in element:
            if split_name(child.tag)[1] == "VocabularyElementList":
                entries.extend(self._entry(entry) for entry in child)
            else:
                extensions.append(node_of(child, self._bindings))
        return Vocabulary(
            type=element.get("type", ""),
            elements=tuple(entries),
            extensions=tuple(extensions),
            foreign_attributes=_beside(element, "type"),
        )

    def _entry(self, element: _Element) -> VocabularyElement:
        attributes: list[tuple[str, tuple[Node | str, ...]]] = []
        children: tuple[str, ...] | None = None
        extensions: list[Node] = []
        for child in element:
            name = split_name(child.tag)[1] if child.tag[0] == "{" else child.tag
            if name == "attribute" and len(child.attrib) == 1 and child.get("id") is not None:
                attributes.append((child.get("id", ""), content_of(child, self._bindings)))
            elif name == "children" and children is None and not child.attrib:
                children = tuple((part.text or "").strip() for part in child)
            else:
                extensions.append(node_of(child, self._bindings))
        return VocabularyElement(
            id=element.get("id", ""),
            attributes=tuple(attributes),
            children=children,
            extensions=tuple(extensions),
            foreign_attributes=_beside(element, "id"),
        )


FOREIGN_HEADER = "foreignHeader"
"""Our own element for foreign header elements in EPCIS 2.0, whose schema allows none there but in
`extension/extension`, and there only elements without a namespace."""


def _beside(element: _Element, name: str) -> tuple[tuple[str, str, str], ...]:
    return tuple(attribute for attribute in attributes_of(element) if attribute[:2] != ("", name))
