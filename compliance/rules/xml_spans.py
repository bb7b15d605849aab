"""Where each element of an XML file stands, to the byte: so that a mend changes nothing else.

Reading a file into a tree and writing it again alters quotes, declarations and white space. Here
only the places are kept, and a mend replaces bytes between two of them.

>>> from compliance.rules.spans import apply
>>> file = XmlFile.read(b"<a x='1'><b>text</b></a>")
>>> [b] = file.find("b")
>>> b.text, apply(file.data, [Edit(b.opened, b.closing, b"new")])
('text', b"<a x='1'><b>new</b></a>")
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.parsers import expat
from xml.sax.saxutils import unescape

from compliance.rules.spans import FILE_BYTES_MAX, Edit, NotMendable

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_TAG: Final = re.compile(rb"<[^\s/>]+(?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+>")
_DECLARATION: Final = re.compile(r"xmlns(?::(?P<prefix>[^\s=]+))?\Z")


@dataclass(slots=True, eq=False)
class XmlElement:
    """One element: its names and attributes, and the byte offsets of its tags."""

    name: str
    """Without prefix."""
    prefix: str
    attributes: dict[str, str]
    """Names with their prefix."""
    parent: XmlElement | None
    line: int
    start: int
    """Of the start tag."""
    opened: int
    """Behind the start tag."""
    data: bytes
    closing: int = 0
    """Of the end tag; as `opened` in an empty element."""
    end: int = 0
    """Behind the end tag."""
    children: list[XmlElement] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text of an element without children."""
        return unescape(self.data[self.opened : self.closing].decode(errors="replace"))

    @property
    def namespace(self) -> str:
        """The namespace it is in; empty for none."""
        return self.bound(self.prefix) or ""

    def bound(self, prefix: str) -> str | None:
        """The namespace to which a prefix is bound here."""
        name = f"xmlns:{prefix}" if prefix else "xmlns"
        at: XmlElement | None = self
        while at is not None:
            if name in at.attributes:
                return at.attributes[name]
            at = at.parent
        return None

    def prefix_of(self, namespace: str) -> str | None:
        """A prefix that is bound to a namespace here."""
        at: XmlElement | None = self
        while at is not None:
            for name, value in at.attributes.items():
                found = _DECLARATION.match(name) if value == namespace else None
                if found and found["prefix"] and self.bound(found["prefix"]) == namespace:
                    return found["prefix"]
            at = at.parent
        return None

    def find(self, *names: str) -> Iterator[XmlElement]:
        """Elements of these names inside, in document order, at any depth."""
        waiting = self.children[::-1]
        while waiting:
            one = waiting.pop()
            if one.name in names:
                yield one
            waiting.extend(one.children[::-1])

    def child(self, name: str) -> XmlElement | None:
        """The first child of this name."""
        return next((one for one in self.children if one.name == name), None)

    def within(self, name: str) -> bool:
        """Whether some element around it has this name."""
        at = self.parent
        while at is not None and at.name != name:
            at = at.parent
        return at is not None


@dataclass(frozen=True, slots=True)
class XmlFile:
    """A file and its elements."""

    data: bytes
    root: XmlElement

    @classmethod
    def read(cls, data: bytes) -> XmlFile:
        """Note where all elements stand. Raises NotMendable."""
        if len(data) > FILE_BYTES_MAX:
            raise NotMendable(f"a file of more than {FILE_BYTES_MAX} bytes is not mended in place")
        if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00")) or data[1:2] == b"\x00":
            raise NotMendable("the file is in UTF-16: save it as UTF-8")
        try:
            return cls(data, _Reading(data).root())
        except (expat.ExpatError, LookupError) as fault:
            raise NotMendable(f"the file is no XML that can be read: {fault}") from None

    def find(self, *names: str) -> Iterator[XmlElement]:
        """Elements of these names, in document order."""
        if self.root.name in names:
            yield self.root
        yield from self.root.find(*names)

    def events(self) -> Iterator[XmlElement]:
        """The events, without what EPCIS 1.2 puts around some of them."""
        for events in self.find("EventList"):
            for one in events.children:
                while one.name == "extension" and one.children:
                    one = one.children[0]  # noqa: PLW2901  # we go inward
                if one.name.endswith("Event"):
                    yield one


class _Reading:
    """One pass of the parser."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._open: list[XmlElement] = []
        self._root: XmlElement | None = None
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.EntityDeclHandler = self._entity

    def root(self) -> XmlElement:
        self._parser.Parse(self._data, True)
        assert self._root is not None, "a document that can be parsed has a root"
        return self._root

    def _entity(self, *_: object) -> None:
        raise NotMendable("the file declares entities, which no EPCIS file needs")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        start = self._parser.CurrentByteIndex
        tag = _START_TAG.match(self._data, start)
        if tag is None:
            raise NotMendable("a tag of the file cannot be followed")
        prefix, _, local = name.rpartition(":")
        parent = self._open[-1] if self._open else None
        line = self._parser.CurrentLineNumber
        one = XmlElement(local, prefix, attributes, parent, line, start, tag.end(), self._data)
        if parent is None:
            self._root = one
        else:
            parent.children.append(one)
        self._open.append(one)

    def _end(self, _name: str) -> None:
        one = self._open.pop()
        if self._data[one.opened - 2 : one.opened] == b"/>":
            one.closing = one.end = one.opened
        else:
            one.closing = self._parser.CurrentByteIndex
            one.end = self._data.index(b">", one.closing) + 1


def attribute_edit(one: XmlElement, name: str, value: str) -> Edit:
    """The edit that gives an attribute, which is there, another value."""
    tag = one.data[one.start : one.opened]
    found = re.search(rb"\s" + re.escape(name.encode()) + rb"\s*=\s*([\"'])(.*?)\1", tag, re.DOTALL)
    assert found is not None, "an attribute that was parsed stands in its tag"
    return Edit(one.start + found.start(2), one.start + found.end(2), value.encode())


def removal(one: XmlElement) -> Edit:
    """The edit that takes an element out, with the white space before it."""
    start = len(one.data[: one.start].rstrip(b" \t"))
    start -= one.data[:start].endswith(b"\n")
    start -= one.data[:start].endswith(b"\r")
    return Edit(start, one.end, b"")


def last_in(parent: XmlElement, new: bytes) -> Edit:
    """The edit that puts a new last child into an element that has children."""
    last = parent.children[-1]
    space = parent.data[: last.start]
    space = space[len(space.rstrip()) :]
    return Edit(last.end, last.end, space + new)
