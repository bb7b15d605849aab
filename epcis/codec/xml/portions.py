"""Portions of a long event list, each read as a small document of its own.

Reading a portion costs less than following the parser through every element, keeps memory small,
and portions can be read beside each other. A portion is cut behind the end tag of an event. Such a
cut is right exactly if the portion is well-formed by itself, because an event that stands inside
something else would leave that open; comments, CDATA and processing instructions, which could hide
a false end tag, are not cut at all.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lxml import etree

from epcis.codec.cores import Portion, Span
from epcis.codec.fields import SHAPES
from epcis.codec.limits import DocumentLimits
from epcis.codec.namespaces import EPCIS_1, EPCIS_2, OWN, XSI
from epcis.codec.refusal import EventRefused
from epcis.codec.required import is_plain_instant, require_time
from epcis.codec.xml.fast import FastXmlReader
from epcis.codec.xml.full import FullXmlReader
from epcis.codec.xml.judge import EXPLAINED_MAX, Judge
from epcis.codec.xml.markup import attribute
from epcis.codec.xml.nodes import BeyondLimit, Bindings, line_of
from epcis.codec.xml.strays import note_stray_text, unknown_event
from schemas.finding import Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lxml.etree import _Element

    from epcis.codec.at_rest import PlainFile
    from epcis.codec.refusal import FindingCollector
    from epcis.model import Event

PORTION_BYTES: Final = 384 * 2**10
PORTION_BYTES_MAX: Final = 4 * 2**20
"""A portion grows to this size where one event is larger than a portion."""
_EVENT_END: Final = re.compile(rb"</(?:Object|Aggregation|Quantity|Transaction)Event>")
_NESTED_END: Final = re.compile(
    rb"</TransformationEvent>\s*</extension>|</AssociationEvent>\s*</extension>\s*</extension>"
)
_NEW_END: Final = re.compile(rb"</(?:Transformation|Association)Event>")
_WINDOW_BYTES: Final = 32 * 2**10
"""How much of a portion's end is looked at for the last event, before all of it is."""
_TAIL_BYTES: Final = 128
"""More than any of these end tags is long, with room for white space."""
_HIDING: Final = (b"!", b"?")
"""What follows `<` in comments, CDATA and instructions; one byte is found faster than two."""


@dataclass(frozen=True, slots=True)
class XmlFrame:
    """What a portion needs around it to be a document, and how it is read; can be pickled."""

    opening: bytes
    closing: bytes
    version: str
    encoding: str
    namespaces: tuple[tuple[str, str], ...]
    list_path: str
    telling: tuple[bytes, ...]
    """Prefixes with their colon, of namespaces whose attributes only the full reader knows."""
    validate: bool = True
    published: Path | None = None
    limits: DocumentLimits = field(default_factory=DocumentLimits)

    def read_with(self, collector: FindingCollector) -> Callable[[bytes], Portion | None]:
        """A function that reads portions one by one; None where one is not what it looks like."""
        judge = Judge(self.version, collector, self.published, EXPLAINED_MAX)
        reader = XmlPortionReader(self, collector, judge if self.validate else None)

        def read(portion: bytes) -> Portion | None:
            event_list = None if hides(portion) else reader.parse(portion)
            if event_list is None:
                return None
            try:
                return Portion(list(reader.events(event_list, portion, 0)), reader.counts)
            except BeyondLimit:
                return None

        return read


def frame_of(event_list: _Element, version: str, encoding: str, list_path: str) -> XmlFrame | None:
    """The frame for portions of this event list; None where elements inherit a namespace."""
    nsmap = event_list.nsmap
    if None in nsmap:
        return None
    namespace = EPCIS_1 if version == "1.2" else EPCIS_2
    prefix = "epcis"
    while nsmap.get(prefix, namespace) != namespace:
        prefix += "_"
    declared = {**{p or "": uri for p, uri in nsmap.items()}, prefix: namespace}
    bound = "".join(attribute(f"xmlns:{p}", uri) for p, uri in declared.items())
    opening = (
        f'<{prefix}:EPCISDocument{bound} schemaVersion="{version}"'
        ' creationDate="2000-01-01T00:00:00Z"><EPCISBody><EventList>'
    )
    try:
        return XmlFrame(
            opening=opening.encode(encoding),
            closing=f"</EventList></EPCISBody></{prefix}:EPCISDocument>".encode(encoding),
            version=version,
            encoding=encoding,
            namespaces=tuple(declared.items()),
            list_path=list_path,
            telling=tuple(f"{p}:".encode() for p, uri in declared.items() if uri in (XSI, OWN)),
        )
    except UnicodeError:
        return None


def cut(buffer: bytes, version: str) -> int:
    """Where the last event in the buffer ends; 0 where none does, -1 where something may hide one.

    >>> cut(b"<ObjectEvent></ObjectEvent><Obj", "1.2")
    27
    """
    if hides(buffer):
        return -1
    at = len(buffer)
    while (at := buffer.rfind(b"Event>", 0, at)) > 0:
        start = max(0, at - _TAIL_BYTES)
        window = buffer[start : at + _TAIL_BYTES]
        patterns = (_EVENT_END, _NESTED_END if version == "1.2" else _NEW_END)
        for pattern in patterns:
            ends = [found.end() for found in pattern.finditer(window)]
            if ends:
                return start + ends[-1]
        at = start
    return 0


def spans(file: PlainFile, at: int, version: str) -> Iterator[Span]:
    """Where portions of whole events lie from there on, found by their ends alone.

    Whoever reads a portion must see to it that nothing hides in it (`hides`).
    """
    while True:
        size = following = 0
        while not following and size < PORTION_BYTES_MAX:
            size = size * 2 or PORTION_BYTES
            for window in (_WINDOW_BYTES, size):
                text = file.read(at + size - window, window)
                if (following := cut(text, version)) > 0:
                    following += size - window
                    break
            if following < 0:
                return
        if not following:
            return
        yield Span(at, following)
        at += following


def hides(portion: bytes) -> bool:
    """Whether there are comments, CDATA or instructions, which may hide an end tag."""
    return any(sign in portion and b"<" + sign in portion for sign in _HIDING)


class XmlPortionReader:
    """Reads portions of one event list, one after the other."""

    def __init__(self, frame: XmlFrame, collector: FindingCollector, judge: Judge | None) -> None:
        self._frame = frame
        self._collector = collector
        self._judge = judge
        in_scope: dict[str | None, str] = dict(frame.namespaces)
        self._bindings = Bindings(in_scope, frame.limits)
        self._full = FullXmlReader(collector, self._bindings)
        self._fast = FastXmlReader(self._full, self._bindings)
        self.counts: Counter[str] = Counter()
        self._line_shift = 0
        self._at: tuple[str, int | None] = ("", None)
        self._parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
            huge_tree=False,
            encoding=frame.encoding,
        )

    @property
    def where(self) -> Where:
        """Where the event read last stands."""
        name, line = self._at
        return Where(line=line and line + self._line_shift, path=self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._frame.list_path}/{name}[{self.counts[name]}]"

    def parse(self, portion: bytes) -> _Element | None:
        """The event list of a portion; None where it is not what it looks like."""
        try:
            root = etree.fromstring(
                b"".join((self._frame.opening, portion, self._frame.closing)), self._parser
            )
        except etree.XMLSyntaxError:
            return None
        event_list: _Element = root[0][0]
        return event_list if self._holds_events_only(event_list) else None

    def _holds_events_only(self, event_list: _Element) -> bool:
        # A portion that closes the list and opens another one is a document, too.
        body = event_list.getparent()
        root = None if body is None else body.getparent()
        if body is None or root is None or len(root) != 1 or len(body) != 1:
            return False
        if event_list.tag != "EventList" or body.tag != "EPCISBody":
            return False
        return all(child.tag in SHAPES or child.tag == "extension" for child in event_list)

    def events(self, event_list: _Element, portion: bytes, line_shift: int) -> Iterator[Event]:
        """The events of a parsed portion, in order; `line_shift` lines stood before it."""
        self._line_shift = line_shift
        is_valid = self._judge is None or self._judge.holds(event_list.getroottree().getroot())
        is_plain = XSI.encode() not in portion and OWN.encode() not in portion
        is_plain = is_plain and not any(prefix in portion for prefix in self._frame.telling)
        # Without a judge nobody has passed the events, so each is read in full.
        is_plain = is_plain and self._judge is not None
        self._bindings.is_quiet = b"xmlns" not in portion
        read_fast = self._fast.read if is_valid and is_plain else None
        if self._judge is None or not is_valid:
            self._take_text(event_list)
        for element in event_list:
            name = element.tag
            if read_fast is None or name not in SHAPES:
                yield from self._in_full(element, is_valid=is_valid)
                continue
            self.counts[name] += 1
            self._at = (name, line_of(element))
            try:
                yield self._usable(read_fast(element), element)
            except EventRefused as refused:
                self._collector.leave_out(refused)

    def _take_text(self, event_list: _Element) -> None:
        """Note text between the events of a portion, which is not kept."""
        beside = [(event_list, event_list.text), *((one, one.tail) for one in event_list)]
        for element, text in beside:
            if text and not text.isspace():
                line = line_of(element)
                line = line and line + self._line_shift
                note_stray_text(self._collector, text, line, self._frame.list_path)

    def _in_full(self, element: _Element, *, is_valid: bool) -> Iterator[Event]:
        """The event an element of the list is, or those it wraps."""
        name = element.tag
        if name == "extension":
            for inner in element:
                yield from self._in_full(inner, is_valid=is_valid)
            return
        try:
            if name not in SHAPES:
                raise unknown_event(element, self._line_shift, self._frame.list_path)
            self.counts[name] += 1
            self._at = (name, line_of(element))
            if not is_valid:
                self._explain(element)
            yield self._full.read(element, self._path(name), self._line_shift)
        except EventRefused as refused:
            self._collector.leave_out(refused)

    def _explain(self, element: _Element) -> None:
        if self._judge is not None and not self._judge.event_holds(element):
            path = self._path(element.tag)
            self._judge.explain_event(element, path, self._line_shift)

    def _usable(self, event: Event | None, element: _Element) -> Event:
        """The event, read in full where the fast reader declined. Raises EventRefused."""
        if event is None:
            return self._full.read(element, self._path(element.tag), self._line_shift)
        if not is_plain_instant(event.event_time):
            offset = event.event_time_zone_offset
            require_time(event.event_time, offset, self._collector, self.where)
        return event
