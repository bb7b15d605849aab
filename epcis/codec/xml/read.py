"""An XML document as a stream of events; the header gathers on the way.

The parser is followed up to the event list and behind it; the list itself is read in portions
(`epcis.codec.xml.portions`) as long as they are plain, and otherwise event by event. So memory does
not grow with the document. Entities, internal DTD subsets and the network are never used; a bare
DOCTYPE, as GS1's own examples carry one, is harmless and accepted.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from lxml import etree

from epcis.codec.fields import SHAPES
from epcis.codec.refusal import EventRefused
from epcis.codec.xml.around import KINDS, Around
from epcis.codec.xml.full import FullXmlReader
from epcis.codec.xml.judge import EXPLAINED_MAX, Judge
from epcis.codec.xml.left_out import LeftOut
from epcis.codec.xml.nodes import BeyondLimit, Bindings, line_of, split_name
from epcis.codec.xml.portions import (
    PORTION_BYTES,
    PORTION_BYTES_MAX,
    XmlFrame,
    XmlPortionReader,
    cut,
    frame_of,
)
from epcis.codec.xml.strays import stands_in_containers
from epcis.model import Event, Header
from schemas.finding import Finding, Where

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from lxml.etree import _Element

    from epcis.codec.limits import DocumentLimits
    from epcis.codec.refusal import FindingCollector
    from epcis.codec.unpack import PlainStream

_TAGS: Final = tuple(
    f"{{*}}{name}"
    for name in (
        *KINDS,
        "extension",
        "EPCISHeader",
        "EventList",
        "VocabularyList",
        "queryName",
        "subscriptionID",
    )
)
BLOCK_BYTES: Final = 64 * 2**10
_TAG_BYTES_MAX: Final = 2**20
"""A start tag longer than this is no event list's."""
_PROLOG: Final = re.compile(
    rb"\s+|<\?.*?\?>|<!--.*?-->|(?P<doctype><!DOCTYPE\b[^<>\[]*>)", re.DOTALL
)
_ENCODING: Final = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([\w.\-]+)["']""")
_LIST_START: Final = re.compile(rb"<EventList(?:\s[^<>]*)?>")
_PORTION_ENCODINGS: Final = frozenset({"utf-8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15"})


def end_of_prolog(stream: PlainStream, limits: DocumentLimits, collector: FindingCollector) -> int:
    """Where the root element begins; refuses internal subsets and endless prologs."""
    first = stream.peek(limits.prolog_bytes_max)
    at = 0
    while (part := _PROLOG.match(first, at)) is not None:
        at = part.end()
    if first.startswith(b"<!DOCTYPE", at):
        raise collector.refuse(
            "xml.doctype-subset",
            "the DOCTYPE declares things of its own (an internal subset)",
            "Send the document without DOCTYPE; entities are never resolved.",
            line=first.count(b"\n", 0, at) + 1,
        )
    if not re.match(rb"<[^!?\s]", first[at : at + 2]):
        raise collector.refuse(
            "xml.no-root-element",
            "no root element is found where it should begin",
            "Send a well-formed XML document.",
            line=first.count(b"\n", 0, at) + 1,
        )
    return at


class XmlReader:
    """Iterates the events of one XML document."""

    def __init__(
        self,
        stream: PlainStream,
        limits: DocumentLimits,
        collector: FindingCollector,
        *,
        validate: bool = True,
        published: Path | None = None,
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._collector = collector
        self._validate = validate
        self._published = published
        self._bindings = Bindings({}, limits)
        self._full = FullXmlReader(collector, self._bindings)
        self._count: Counter[str] = Counter()
        self._around: Around | None = None
        self._judge: Judge | None = None
        self._open_list: _Element | None = None
        self._portions: XmlPortionReader | None = None
        self._line_shift = 0
        self._list_line = 0
        self._unread = b""
        self._fed_bytes = 0
        self._fed_values = 0
        self._left_out = LeftOut()
        self._at: tuple[str, int | None] = ("", None)
        self._parser = etree.XMLPullParser(
            events=("start", "end"),
            tag=_TAGS,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
            huge_tree=False,
            encoding="utf-8" if stream.is_transcoded else None,
        )

    @property
    def where(self) -> Where:
        """Where the event read last stands."""
        if self._portions is not None:
            return self._portions.where
        name, line = self._at
        return Where(line=line, path=self._path(name))

    def __iter__(self) -> Iterator[Event]:
        prolog_end = end_of_prolog(self._stream, self._limits, self._collector)
        declared = _ENCODING.search(self._stream.peek(prolog_end))
        encoding = declared[1].decode().lower() if declared else "utf-8"
        if self._stream.is_transcoded:
            encoding = "utf-8"
        try:
            rest = yield from self._feed_head()
            frame = self._frame(encoding)
            if frame is not None:
                rest = yield from self._in_portions(frame, rest)
            while rest:
                yield from self._feed(rest)
                rest = self._stream.read(BLOCK_BYTES)
            root = self._parser.close()
            yield from self._drain()
            (self._around or self._begin(root)).finish(self._judge, self._line_shift)
        except etree.XMLSyntaxError as fault:
            raise self._malformed(fault) from fault
        except BeyondLimit as fault:
            raise self._beyond_limit(fault) from fault

    def _feed_head(self) -> Generator[Event, None, bytes]:
        """Follow the parser to the start of the event list; returns what was read beyond it."""
        carried = b""
        while block := self._stream.read(BLOCK_BYTES):
            window = carried + block
            found = _LIST_START.search(window)
            if found is not None:
                yield from self._feed(window[: found.end()])
                return window[found.end() :]
            at = window.rfind(b"<")
            at = len(window) if at < 0 or len(window) - at > _TAG_BYTES_MAX else at
            yield from self._feed(window[:at])
            carried = window[at:]
        return carried

    def _frame(self, encoding: str) -> XmlFrame | None:
        """How portions of the event list that was just opened are to be read, if they can be."""
        around = self._around
        if self._open_list is None or encoding not in _PORTION_ENCODINGS or around is None:
            return None
        frame = frame_of(self._open_list, around.version, encoding, around.list_path)
        self._open_list = None
        return frame and replace(
            frame,
            validate=self._validate,
            published=self._published,
            limits=self._limits,
        )

    def _in_portions(self, frame: XmlFrame, rest: bytes) -> Generator[Event, None, bytes]:
        """Read the event list in portions; returns what is left for the parser."""
        portions = XmlPortionReader(frame, self._collector, self._judge)
        self._portions = portions
        portions.counts = self._count
        first_line = self._list_line
        for portion in self._cut_portions(frame.version, rest):
            event_list = portions.parse(portion)
            if event_list is None:
                self._unread = portion + self._unread
                break
            yield from portions.events(event_list, portion, first_line + self._line_shift)
            self._line_shift += portion.count(b"\n")
            self._stop_at_limit()
        self._portions = None
        return self._unread

    def _cut_portions(self, version: str, buffer: bytes) -> Iterator[bytes]:
        """Portions of whole events; what is left behind them is in `_unread`."""
        self._unread = buffer
        wanted = PORTION_BYTES
        while True:
            is_all = self._read_ahead(wanted)
            end = cut(self._unread, version)
            if end > 0:
                portion, self._unread = self._unread[:end], self._unread[end:]
                yield portion
                wanted = PORTION_BYTES
            elif end < 0 or is_all or wanted >= PORTION_BYTES_MAX:
                return
            else:
                wanted *= 2

    def _read_ahead(self, wanted: int) -> bool:
        """Have so many bytes unread; True where the document ends before."""
        parts, size = [self._unread], len(self._unread)
        while size < wanted and (block := self._stream.read(wanted - size)):
            parts.append(block)
            size += len(block)
        self._unread = b"".join(parts)
        return size < wanted

    def _feed(self, part: bytes) -> Iterator[Event]:
        self._fed_bytes += len(part)
        self._fed_values += part.count(b"<") + part.count(b"=")
        is_large = self._fed_bytes > self._limits.event_bytes_max
        if is_large or self._fed_values > self._limits.event_values_max:
            raise self._collector.refuse(
                "document.part-too-large",
                f"one event, or what stands beside the events, is larger than "
                f"{self._limits.event_bytes_max} bytes or {self._limits.event_values_max} values",
                "Send smaller events.",
                path=self._path(self._at[0]),
            )
        self._left_out.see(part, self._line_shift)
        self._parser.feed(part)
        yield from self._drain()

    def _drain(self) -> Iterator[Event]:
        followed = cast("Iterator[tuple[str, _Element]]", self._parser.read_events())
        for action, element in followed:
            around = self._around or self._begin(element)
            name = split_name(element.tag)[1]
            if action == "start":
                if name == "EventList" and around.begin_list(element):
                    self._open_list = element
                    self._list_line = (line_of(element) or 1) - 1
                continue
            if name not in SHAPES:
                around.take(element, name, self._line_shift)
            elif stands_in_containers(element):
                self._count[name] += 1
                self._fed_bytes = self._fed_values = 0
                self._stop_at_limit()
                try:
                    yield self._read_event(element, name)
                except EventRefused as refused:
                    self._collector.leave_out(refused)
                around.forget(element, self._line_shift)

    def _begin(self, element: _Element) -> Around:
        around = Around(element.getroottree().getroot(), self._bindings, self._collector)
        self._around = around
        if self._validate:
            explained = EXPLAINED_MAX
            self._judge = Judge(around.version, self._collector, self._published, explained)
        return around

    def _stop_at_limit(self) -> None:
        if self._count.total() > self._limits.events_max:
            raise self._collector.too_many_events(self._limits.events_max)

    def _read_event(self, element: _Element, name: str) -> Event:
        line = line_of(element)
        self._at = (name, line and line + self._line_shift)
        path = self._path(name)
        if self._around is not None:
            self._around.note_place(element, path, self._at[1])
        if self._judge is not None and not self._judge.event_holds(element):
            self._judge.explain_event(element, path, self._line_shift)
        return self._full.read(element, path, self._line_shift)

    def _path(self, name: str) -> str:
        if self._around is None or self._around.name == name:
            return f"/{name}"
        return f"{self._around.list_path}/{name}[{self._count[name]}]"

    def header(self) -> Header:
        """What the document holds beside its events, as far as it has been read."""
        return Header() if self._around is None else self._around.header()

    def left_out(self) -> list[Finding]:
        """What stood in the document so far that no event or header can hold."""
        return list(self._left_out.findings())

    def _malformed(self, fault: etree.XMLSyntaxError) -> Exception:
        line = fault.lineno if isinstance(fault.lineno, int) else None
        return self._collector.refuse(
            "xml.malformed",
            f"the XML is not well-formed: {_plain(fault)}",
            "Have the sender check the file with an XML parser and send it again.",
            line=line and line + self._line_shift,
        )

    def _beyond_limit(self, fault: BeyondLimit) -> Exception:
        where = self.where
        return self._collector.refuse(
            fault.code,
            str(fault),
            "Have the sender check the file; no EPCIS document looks like this.",
            line=where.line,
            path=where.path,
        )


def _plain(fault: Any) -> str:  # noqa: ANN401  # lxml's exception carries its message untyped
    return str(fault.msg or fault).split(", line ")[0]
