"""Elements outside the standard vocabulary as faithful trees (EPCIS 2.0 section 7.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from epcis.codec.limits import LAYOUT_LEVELS_MAX, DocumentLimits, nesting
from epcis.codec.namespaces import OWN
from epcis.model import Node

if TYPE_CHECKING:
    from lxml.etree import _Element

_KIND = f"{{{OWN}}}kind"
_NAME = f"{{{OWN}}}name"


def split_name(tag: str) -> tuple[str, str]:
    """Namespace and local name of lxml's `{namespace}local`.

    >>> split_name("{urn:x}grade"), split_name("grade")
    (('urn:x', 'grade'), ('', 'grade'))
    """
    if tag[0] != "{":
        return "", tag
    namespace, _, local = tag[1:].partition("}")
    return namespace, local


ATTRIBUTES_MAX: Final = 2000
"""Attributes of one element; reading them costs the square of their number."""


def line_of(element: _Element) -> int | None:
    """The line an element begins on, counted from 1 in the text it was parsed from."""
    return cast("int | None", element.sourceline)


def names_of(element: _Element) -> list[str]:
    """The names of an element's attributes, as lxml writes them."""
    return cast("list[str]", element.keys())


class BeyondLimit(Exception):  # noqa: N818  # caught where the document is read, never shown
    """An element nests deeper, holds more or has more around it than anything sensible."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = f"document.{code}"


class Bindings:
    """The prefixes that an element and what stands in it declare beyond those of the document."""

    def __init__(
        self, of_document: dict[str | None, str], limits: DocumentLimits | None = None
    ) -> None:
        limits = limits or DocumentLimits()
        self.of_document = of_document
        self._limits = limits
        self.depth_near = limits.depth_max - LAYOUT_LEVELS_MAX
        """At this depth it is time to measure what has been read, by `hold`."""
        self._is_near = False
        self._nodes = 0
        self._names: set[str] = set()
        self.is_quiet = False
        """Nothing now being read declares a prefix, so that none need be looked for."""
        self._own: dict[str, str] = {}

    def see(self, element: _Element) -> None:
        """Take note of the prefixes in scope at an element. Raises BeyondLimit at too many."""
        if self.is_quiet:
            return
        in_scope = element.nsmap
        self.bound(len(in_scope))
        if in_scope == self.of_document:
            return
        for prefix, namespace in in_scope.items():
            if prefix is not None and self.of_document.get(prefix) != namespace:
                self._own.setdefault(prefix, namespace)
        self.bound(len(self._own))

    def bound(self, prefixes: int) -> None:
        """Raise BeyondLimit where there are more prefixes than allowed."""
        if prefixes > self._limits.namespaces_max:
            what = f"more than {self._limits.namespaces_max} prefixes are bound to namespaces"
            raise BeyondLimit("too-many-namespaces", what)

    def note_depth(self, depth: int) -> None:
        """Take note that elements nest about as deep as they may; raises BeyondLimit far beyond."""
        self._is_near = True
        if depth > self._limits.depth_max + LAYOUT_LEVELS_MAX:
            raise self._too_deep()

    def hold(self, read: object) -> None:
        """Hold an event, or what was read of a header, to the limit. Raises BeyondLimit."""
        if self._is_near and nesting(read) > self._limits.depth_max:
            raise self._too_deep()

    def _too_deep(self) -> BeyondLimit:
        return BeyondLimit("too-deep", f"elements nest more than {self._limits.depth_max} deep")

    def count(self, tag: str) -> None:
        """Count one more tree of an event; raises BeyondLimit at too many of them or of names."""
        self._nodes += 1
        self._names.add(tag)
        if len(self._names) > self._limits.extension_names_max:
            what = f"user extensions have more than {self._limits.extension_names_max} names"
            raise BeyondLimit("too-many-names", what)
        if self._nodes > self._limits.extension_nodes_max:
            what = f"user extensions hold more than {self._limits.extension_nodes_max} elements"
            raise BeyondLimit("extension-too-large", what)

    def take(self) -> tuple[tuple[str, str], ...]:
        """The prefixes seen since the last call, which ends an event or a part of a header."""
        self._nodes = 0
        self._names.clear()
        if not self._own:
            return ()
        own = tuple(self._own.items())
        self._own.clear()
        return own


def attributes_of(element: _Element) -> tuple[tuple[str, str, str], ...]:
    """All attributes as (namespace, local name, value), in document order.

    Raises BeyondLimit where there are more than `ATTRIBUTES_MAX`.
    """
    names = names_of(element)
    if len(names) > ATTRIBUTES_MAX:
        raise BeyondLimit("too-many-attributes", f"an element has {len(names)} attributes")
    return tuple((*split_name(name), element.get(name, "")) for name in names)


def node_of(element: _Element, bindings: Bindings, depth: int = 0) -> Node:
    """An element with everything in it; white space between its elements is left out.

    Raises BeyondLimit where it nests deeper than the bindings allow.
    """
    if depth >= bindings.depth_near:
        bindings.note_depth(depth)
    bindings.count(element.tag)
    bindings.see(element)
    namespace, name = split_name(element.tag)
    if not element.keys():
        children = content_of(element, bindings, depth)
        return Node(namespace=namespace, name=name, children=children)
    kind = element.get(_KIND, "")
    attributes = attributes_of(element)
    if kind:
        attributes = tuple(a for a in attributes if a[:2] != (OWN, "kind"))
    if (namespace, name) == (OWN, "member"):
        namespace, name = "", element.get(_NAME, "")
        attributes = tuple(a for a in attributes if a[:2] != (OWN, "name"))
    return Node(
        namespace=namespace,
        name=name,
        attributes=attributes,
        children=content_of(element, bindings, depth),
        kind=kind,
    )


def content_of(element: _Element, bindings: Bindings, depth: int = 0) -> tuple[Node | str, ...]:
    """Text and elements inside an element, in order."""
    text = element.text
    if not len(element):
        return (text,) if text else ()
    content: list[Node | str] = []
    if text and not text.isspace():
        content.append(text)
    for child in element:
        content.append(node_of(child, bindings, depth + 1))
        if (tail := child.tail) and not tail.isspace():
            content.append(tail)
    return tuple(content)
