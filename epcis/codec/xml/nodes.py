"""Elements outside the standard vocabulary as faithful trees (EPCIS 2.0 section 7.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.codec.namespaces import OWN
from epcis.model import Node

if TYPE_CHECKING:
    from lxml.etree import _Element

_KIND = f"{{{OWN}}}kind"
_MEMBER = f"{{{OWN}}}member"


def split_name(tag: str) -> tuple[str, str]:
    """Namespace and local name of lxml's `{namespace}local`.

    >>> split_name("{urn:x}grade"), split_name("grade")
    (('urn:x', 'grade'), ('', 'grade'))
    """
    if tag[0] != "{":
        return "", tag
    namespace, _, local = tag[1:].partition("}")
    return namespace, local


class Bindings:
    """The prefixes that an element and what stands in it declare beyond those of the document."""

    def __init__(self, of_document: dict[str | None, str]) -> None:
        self.of_document = of_document
        self._own: dict[str, str] = {}

    def see(self, element: _Element) -> None:
        """Take note of the prefixes in scope at an element."""
        if element.nsmap == self.of_document:
            return
        for prefix, namespace in element.nsmap.items():
            if prefix is not None and self.of_document.get(prefix) != namespace:
                self._own.setdefault(prefix, namespace)

    def take(self) -> tuple[tuple[str, str], ...]:
        """The prefixes seen since the last call."""
        if not self._own:
            return ()
        own = tuple(self._own.items())
        self._own.clear()
        return own


def attributes_of(element: _Element) -> tuple[tuple[str, str, str], ...]:
    """All attributes as (namespace, local name, value), in document order."""
    return tuple((*split_name(name), value) for name, value in element.attrib.items())


def node_of(element: _Element, bindings: Bindings) -> Node:
    """An element with everything in it; white space between its elements is left out."""
    bindings.see(element)
    namespace, name = split_name(element.tag)
    kind = element.get(_KIND, "")
    attributes = attributes_of(element) if element.attrib else ()
    if kind:
        attributes = tuple(a for a in attributes if a[:2] != (OWN, "kind"))
    if (namespace, name) == (OWN, "member"):
        namespace, name = "", element.get("name", "")
        attributes = tuple(a for a in attributes if a[:2] != ("", "name"))
    return Node(
        namespace=namespace,
        name=name,
        attributes=attributes,
        children=content_of(element, bindings),
        kind=kind,
    )


def content_of(element: _Element, bindings: Bindings) -> tuple[Node | str, ...]:
    """Text and elements inside an element, in order."""
    if not len(element):
        return (element.text,) if element.text else ()
    content: list[Node | str] = []
    if element.text and not element.text.isspace():
        content.append(element.text)
    for child in element:
        content.append(node_of(child, bindings))
        if child.tail and not child.tail.isspace():
            content.append(child.tail)
    return tuple(content)
