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
from epcis.codec.namespaces import OF_EPCIS, OWN, QUERY_1, QUERY_2, VERSION_2
from epcis.codec.xml.events import EventReader
from epcis.codec.xml.header import HeaderParts
from epcis.codec.xml.judge import EXPLAINED_MAX, Judge
from epcis.codec.xml.left_out import LeftOut
from epcis.codec.xml.nodes import (
    BeyondLimit,
    Bindings,
    attributes_of,
    line_of,
    node_of,
    split_name,
)
from epcis.codec.xml.portions import (
    PORTION_BYTES,
    PORTION_BYTES_MAX,
    Frame,
    PortionReader,
    cut,
    frame_of,
)
from epcis.model import Event, Header, Node
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from lxml.etree import _Element

    from epcis.codec.limits import Limits
    from epcis.codec.refusal import Gathering
    from epcis.codec.unpack import PlainStream

KINDS: Final = {
    "EPCISDocument": "document",
    "EPCISQueryDocument": "query",
    "QueryResults": "query",
    "EPCISMasterDataDocument": "masterdata",
    **dict.fromkeys(SHAPES, "event"),
}
_STANDARD_ATTRIBUTES: Final = frozenset({("", "schemaVersion"), ("", "creationDate")})
_CONTAINERS: Final = frozenset(
    {"EPCISHeader", "EPCISBody", "EventList", "QueryResults", "resultsBody", "VocabularyList"}
)
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


def end_of_prolog(stream: PlainStream, limits: Limits, gathering: Gathering) -> int:
    """Where the root element begins; refuses internal subsets and endless prologs."""
    first = stream.peek(limits.prolog_bytes_max)
    at = 0
    while (part := _PROLOG.match(first, at)) is not None:
        at = part.end()
    if first.startswith(b"<!DOCTYPE", at):
        raise gathering.refuse(
            "xml.doctype-subset",
            "the DOCTYPE declares things of its own (an internal subset)",
            "Send the document without DOCTYPE; entities are never resolved.",
            line=first.count(b"\n", 0, at) + 1,
        )
    if not re.match(rb"<[^!?\s]", first[at : at + 2]):
        raise gathering.refuse(
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
        limits: Limits,
        gathering: Gathering,
        *,
        validate: bool = True,
        published: Path | None = None,
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._gathering = gathering
        self._validate = validate
        self._published = published
        self._bindings = Bindings({}, limits.depth_max, limits.extension_nodes_max)
        self._careful = EventReader(gathering, self._bindings)
        self._parts = HeaderParts(self._bindings)
        self._results: dict[str, str] = {}
        self._count: Counter[str] = Counter()
        self._root: _Element | None = None
        self._judge: Judge | None = None
        self._document_extensions: tuple[Node, ...] = ()
        self._open_list: _Element | None = None
        self._portions: PortionReader | None = None
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
        prolog_end = end_of_prolog(self._stream, self._limits, self._gathering)
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
            if self._root is None:
                self._begin(root)
            self._finish()
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

    def _frame(self, encoding: str) -> Frame | None:
        """How portions of the event list that was just opened are to be read, if they can be."""
        if self._open_list is None or encoding not in _PORTION_ENCODINGS or self._root is None:
            return None
        frame = frame_of(self._open_list, self._version(), encoding, self._list_path())
        self._open_list = None
        return frame and replace(
            frame,
            validate=self._validate,
            published=self._published,
            depth_max=self._limits.depth_max,
            nodes_max=self._limits.extension_nodes_max,
        )

    def _in_portions(self, frame: Frame, rest: bytes) -> Generator[Event, None, bytes]:
        """Read the event list in portions; returns what is left for the parser."""
        portions = PortionReader(frame, self._gathering, self._judge)
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
            raise self._gathering.refuse(
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
            if self._root is None:
                self._begin(element)
            name = split_name(element.tag)[1]
            if action == "start":
                if name == "EventList" and self._is_event_list(element):
                    self._open_list = element
                    self._list_line = (line_of(element) or 1) - 1
                continue
            if name not in SHAPES:
                self._container(element, name)
            elif self._is_event(element):
                self._count[name] += 1
                self._fed_bytes = self._fed_values = 0
                self._stop_at_limit()
                event = self._read_event(element, name)
                if event is not None:
                    yield event
                self._forget(element)

    def _stop_at_limit(self) -> None:
        if self._count.total() > self._limits.events_max:
            raise self._gathering.too_many_events(self._limits.events_max)

    def _read_event(self, element: _Element, name: str) -> Event | None:
        line = line_of(element)
        self._at = (name, line and line + self._line_shift)
        path = self._path(name)
        if self._judge is not None and not self._judge.event_holds(element):
            self._judge.explain_event(element, path, self._line_shift)
        return self._careful.read(element, path, self._line_shift)

    def _begin(self, element: _Element) -> None:
        root = element.getroottree().getroot()
        self._root = root
        namespace, name = split_name(root.tag)
        if name not in KINDS or (namespace and namespace not in OF_EPCIS):
            raise self._gathering.refuse(
                "xml.not-epcis",
                f"the root element is {name}, which is no EPCIS document",
                "Send an EPCISDocument, EPCISQueryDocument, EPCISMasterDataDocument or one event.",
                line=line_of(root),
            )
        self._bindings.of_document = dict(root.nsmap)
        if self._validate:
            explained = EXPLAINED_MAX
            self._judge = Judge(self._version(), self._gathering, self._published, explained)

    def _version(self) -> str:
        assert self._root is not None
        namespace = split_name(self._root.tag)[0]
        is_2 = namespace in VERSION_2 or (
            not namespace and not self._root.get("schemaVersion", "2").startswith("1")
        )
        return "2.0" if is_2 else "1.2"

    def _list_path(self) -> str:
        assert self._root is not None
        return f"/{split_name(self._root.tag)[1]}/EPCISBody/EventList"

    def _path(self, name: str) -> str:
        if self._root is None or split_name(self._root.tag)[1] == name:
            return f"/{name}"
        return f"{self._list_path()}/{name}[{self._count[name]}]"

    def _is_event(self, element: _Element) -> bool:
        """Whether an element of an event's name is one, not a piece of somebody's extension."""
        namespace = split_name(element.tag)[0]
        if namespace and namespace not in OF_EPCIS:
            return False
        above = element.getparent()
        if above is None:
            return True
        for _ in range(2):
            if above is not None and split_name(above.tag)[1] == "extension":
                above = above.getparent()
        return above is not None and self._is_event_list(above)

    def _is_event_list(self, element: _Element) -> bool:
        parent = element.getparent()
        return (
            split_name(element.tag)[1] == "EventList"
            and parent is not None
            and split_name(parent.tag)[1] in ("EPCISBody", "resultsBody")
        )

    def _forget(self, element: _Element) -> None:
        """Free a finished part, and what stands before it."""
        element.clear()
        parent = element.getparent()
        while parent is not None and parent[0] is not element:
            self._note_unknown(parent[0])
            del parent[0]

    def _note_unknown(self, element: _Element) -> None:
        name = split_name(element.tag)[1]
        if name in SHAPES or name == "extension":
            return
        self._gathering.note(
            "document.event-unknown",
            Severity.ERROR,
            f"{name} is no event of the standard",
            "It stays in the document as received, but cannot be taken in as an event.",
            line=(line_of(element) or 0) + self._line_shift,
            path=self._list_path(),
        )

    def _container(self, element: _Element, name: str) -> None:
        parent = element.getparent()
        above = "" if parent is None else split_name(parent.tag)[1]
        if name == "EPCISHeader" and parent is self._root:
            self._parts.read(element)
        elif name == "VocabularyList" and above in ("EPCISBody", "resultsBody"):
            self._parts.read_vocabularies(element)
        elif name == "extension" and parent is not None and self._is_event_list(parent):
            for left in element:
                self._note_unknown(left)
            self._forget(element)
        elif name in ("queryName", "subscriptionID") and above == "QueryResults":
            self._results[name] = (element.text or "").strip()
        elif name == "EventList" and self._is_event_list(element):
            for left in element:
                self._note_unknown(left)
            del element[:]

    def _finish(self) -> None:
        if self._root is None or split_name(self._root.tag)[1] in SHAPES:
            return
        self._document_extensions = tuple(self._left_in(self._root))
        self._parts.namespaces += self._bindings.take()
        name = split_name(self._root.tag)[1]
        if self._judge is not None and not self._judge.holds(self._root):
            self._judge.explain_frame(self._root, f"/{name}")

    def _left_in(self, container: _Element) -> list[Node]:
        """What a standard container holds beside its standard content."""
        left: list[Node] = []
        for child in container:
            name = split_name(child.tag)[1]
            if name in ("queryName", "subscriptionID", "EPCISHeader"):
                continue
            if name not in _CONTAINERS:
                left.append(node_of(child, self._bindings))
                continue
            inside = [] if name == "VocabularyList" else self._left_in(child)
            if inside or child.attrib:
                attributes = attributes_of(child)
                left.append(Node(name=name, attributes=attributes, children=tuple(inside)))
        return left

    def header(self) -> Header:
        """What the document said beside its events, as far as it has been read."""
        if self._root is None:
            return Header()
        namespace, name = split_name(self._root.tag)
        prefixes = [(prefix or "", uri) for prefix, uri in self._root.nsmap.items()]
        beside = [a for a in attributes_of(self._root) if a[:2] not in _STANDARD_ATTRIBUTES]
        if name in SHAPES:
            beside = []
        own_id = [value for *attribute, value in beside if attribute == [OWN, "id"]]
        return Header(
            kind=KINDS[name],
            schema_version=self._root.get("schemaVersion") or _implied_version(namespace),
            creation_date=self._root.get("creationDate"),
            sbdh=self._parts.sbdh,
            master_data=tuple(self._parts.master_data),
            header_extensions=tuple(self._parts.extensions),
            document_extensions=self._document_extensions,
            attributes=tuple(a for a in beside if a[:2] != (OWN, "id")),
            document_id=own_id[0] if own_id else None,
            namespaces=tuple(dict.fromkeys((*prefixes, *self._parts.namespaces))),
            query_name=self._results.get("queryName"),
            subscription_id=self._results.get("subscriptionID"),
        )

    def left_out(self) -> list[Finding]:
        """What stood in the document so far that no event or header can hold."""
        return list(self._left_out.findings())

    def _malformed(self, fault: etree.XMLSyntaxError) -> Exception:
        line = fault.lineno if isinstance(fault.lineno, int) else None
        return self._gathering.refuse(
            "xml.malformed",
            f"the XML is not well-formed: {_plain(fault)}",
            "Have the sender check the file with an XML parser and send it again.",
            line=line and line + self._line_shift,
        )

    def _beyond_limit(self, fault: BeyondLimit) -> Exception:
        where = self.where
        return self._gathering.refuse(
            _BEYOND.get(str(fault).split()[1], "document.too-many-attributes"),
            str(fault),
            "Have the sender check the file; no EPCIS document looks like this.",
            line=where.line,
            path=where.path,
        )


_BEYOND: Final = {"nest": "document.too-deep", "extensions": "document.extension-too-large"}


def _plain(fault: Any) -> str:  # noqa: ANN401  # lxml's exception carries its message untyped
    return str(fault.msg or fault).split(", line ")[0]


def _implied_version(namespace: str) -> str:
    return {QUERY_1: "1.2", QUERY_2: "2.0"}.get(namespace, "")
