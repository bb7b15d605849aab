"""Text of XML being written: escaping, attributes, and the prefixes of names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from epcis.codec.names import is_name, is_namespace, is_prefix
from epcis.codec.namespaces import OF_EPCIS, OWN, OWN_PREFIX, STANDARD_PREFIXES, XML, XSI
from epcis.model import Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NEEDS_ESCAPE: Final = re.compile(r"[&<>\r]")
_NEEDS_ATTRIBUTE_ESCAPE: Final = re.compile(r"[&<>\"\t\n\r]")
_NOT_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES: Final = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}


def text(value: str) -> str:
    """Character data.

    >>> text("a < b & c")
    'a &lt; b &amp; c'
    """
    if _NEEDS_ESCAPE.search(value) is None:
        return value
    return _NEEDS_ESCAPE.sub(lambda found: _ESCAPES[found[0]], value)


def attribute(name: str, value: str) -> str:
    """An attribute with the space before it.

    >>> attribute("type", 'say "so"')
    ' type="say &quot;so&quot;"'
    """
    if _NEEDS_ATTRIBUTE_ESCAPE.search(value) is not None:
        value = _NEEDS_ATTRIBUTE_ESCAPE.sub(lambda found: _ESCAPES[found[0]], value)
    return f' {name}="{value}"'


def leaf(name: str, value: str) -> str:
    """An element that holds text."""
    return f"<{name}>{text(value)}</{name}>" if value else f"<{name}/>"


def element(name: str, content: str, attributes: str = "") -> str:
    """An element that holds markup."""
    return f"<{name}{attributes}>{content}</{name}>" if content else f"<{name}{attributes}/>"


def without_control_characters(markup: str) -> tuple[str, int]:
    """Markup with the characters that XML 1.0 cannot hold replaced, and how many there were.

    >>> without_control_characters("a" + chr(1))[1]
    1
    """
    return _NOT_XML.subn("\ufffd", markup) if _NOT_XML.search(markup) else (markup, 0)


class Scope:
    """The prefixes in scope: those of the document, and those declared on one element."""

    def __init__(self, declared: Iterable[tuple[str, str]] = ()) -> None:
        self._by_namespace: dict[str, str] = {XML: "xml"}
        self.of_document: dict[str, str] = {}
        for prefix, namespace in declared:
            self.declare(prefix, namespace)
        self._local: dict[str, str] = {}
        self._taken: set[str] = set()
        """Prefixes of `_local`."""
        self._numbered = 0

    def declare(self, prefix: str, namespace: str) -> None:
        """Bind a prefix on the root element, unless it is bound or not for use."""
        is_free = is_prefix(prefix) and prefix not in self.of_document
        is_foreign = namespace not in OF_EPCIS and namespace != XML
        if is_free and is_foreign and is_namespace(namespace):
            self.of_document[prefix] = namespace
            self._by_namespace.setdefault(namespace, prefix)

    def prefer(self, declared: Iterable[tuple[str, str]]) -> None:
        """Declare these prefixes on the next element, as its sender did."""
        for prefix, namespace in declared:
            taken = prefix in self.of_document or prefix in self._taken
            is_free = is_prefix(prefix) and not taken
            if is_free and namespace not in self._local and is_namespace(namespace):
                self._local[namespace] = prefix
                self._taken.add(prefix)

    def name(self, namespace: str, local: str) -> str:
        """The qualified name; binds a new prefix where none stands for the namespace."""
        if not namespace:
            return local
        prefix = self._by_namespace.get(namespace) or self._local.get(namespace)
        return f"{prefix or self._bind(namespace)}:{local}"

    def _can_bind(self, namespace: str) -> bool:
        return namespace in self._by_namespace or is_namespace(namespace)

    def _bind(self, namespace: str) -> str:
        prefix = {OWN: OWN_PREFIX, XSI: "xsi"}.get(namespace, "")
        while not prefix or prefix in self.of_document or prefix in self._taken:
            self._numbered += 1
            prefix = f"ns{self._numbered}"
        self._local[namespace] = prefix
        self._taken.add(prefix)
        return prefix

    def take(self) -> str:
        """Declarations of prefixes bound since the last call, as attributes."""
        if not self._local:
            return ""
        bound = "".join(attribute(f"xmlns:{p}", uri) for uri, p in self._local.items())
        self._forget()
        return bound

    def keep(self) -> None:
        """Declare what was bound since the last call on the root element instead."""
        for namespace, prefix in self._local.items():
            self.declare(prefix, namespace)
        self._forget()

    def _forget(self) -> None:
        self._local.clear()
        self._taken.clear()
        self._numbered = 0

    def attributes(self, attributes: Sequence[tuple[str, str, str]]) -> str:
        """Attributes as markup; one whose namespace XML cannot name goes into ours."""
        attributes = [a if not a[0] or self._can_bind(a[0]) else (OWN, *a[1:]) for a in attributes]
        for namespace, local, value in attributes:
            if (namespace, local) == (XSI, "type"):
                self._declare_type(value)
        return "".join(
            attribute(self.name(namespace, local), value) for namespace, local, value in attributes
        )

    def _declare_type(self, qualified: str) -> None:
        """JSON-LD knows some prefixes without declaring them; a type's name needs its prefix."""
        prefix, colon, _ = qualified.partition(":")
        namespace = STANDARD_PREFIXES.get(prefix)
        if colon and namespace is not None and prefix not in self.of_document:
            self._taken.add(self._local.setdefault(namespace, prefix))

    def node(self, node: Node) -> str:
        """A tree as markup."""
        attributes = self.attributes(node.attributes)
        if is_name(node.name) and (not node.namespace or self._can_bind(node.namespace)):
            name = self.name(node.namespace, node.name)
        else:
            name = self.name(OWN, "member")
            whole = f"{node.namespace}{node.name}" if node.namespace else node.name
            attributes = attribute(self.name(OWN, "name"), whole) + attributes
        if node.kind:
            attributes += attribute(self.name(OWN, "kind"), node.kind)
        return element(name, self.content(node.children), attributes)

    def content(self, children: Iterable[Node | str]) -> str:
        """Text and trees as markup, in order."""
        return "".join(
            self.node(child) if isinstance(child, Node) else text(child) for child in children
        )
