"""An XML document as a stream of events; the header gathers on the way.

Only one event at a time is held as elements, so memory does not grow with the document. Entities,
internal DTD subsets and the network are never used; a bare DOCTYPE, as GS1's own examples carry
one, is harmless and accepted.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from epcis.codec.fields import SHAPES
from epcis.codec.namespaces import OF_EPCIS, OWN, QUERY_1, QUERY_2
from epcis.codec.xml.events import EventReader
from epcis.codec.xml.header import HeaderParts
from epcis.codec.xml.nodes import Bindings, attributes_of, node_of, split_name
from epcis.model import Event, Header, Node
from schemas.finding import Severity, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        *SHAPES,
        "extension",
        "EPCISHeader",
        "EventList",
        "VocabularyList",
        "queryName",
        "subscriptionID",
    )
)
_PROLOG: Final = re.compile(
    rb"\s+|<\?.*?\?>|<!--.*?-->|(?P<doctype><!DOCTYPE\b[^<>\[]*>)", re.DOTALL
)


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

    def __init__(self, stream: PlainStream, limits: Limits, gathering: Gathering) -> None:
        self._stream = stream
        self._limits = limits
        self._gathering = gathering
        self._bindings = Bindings({})
        self._parts = HeaderParts(self._bindings)
        self._results: dict[str, str] = {}
        self._count: Counter[str] = Counter()
        self._root: _Element | None = None
        self._document_extensions: tuple[Node, ...] = ()
        self.where = Where()
        """Where the event read last stands."""

    def __iter__(self) -> Iterator[Event]:
        end_of_prolog(self._stream, self._limits, self._gathering)
        reader = EventReader(self._gathering, self._bindings)
        try:
            for _, element in self._elements():
                if self._root is None:
                    self._begin(element)
                name = split_name(element.tag)[1]
                if name in SHAPES:
                    if self._is_event(element):
                        self._count[name] += 1
                        self.where = Where(line=element.sourceline, path=self._path(name))
                        event = reader.read(element, self._path(name))
                        if event is not None:
                            yield event
                        self._forget(element)
                else:
                    self._container(element, name)
        except etree.XMLSyntaxError as fault:
            raise self._malformed(fault) from fault
        self._finish()

    def _elements(self) -> Iterator[tuple[str, _Element]]:
        elements = etree.iterparse(
            self._stream,
            events=("end",),
            tag=_TAGS + tuple(f"{{*}}{name}" for name in KINDS),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
            huge_tree=False,
            encoding="utf-8" if self._stream.is_transcoded else None,
        )
        yield from elements
        if self._root is None:
            self._begin(elements.root)

    def _begin(self, element: _Element) -> None:
        root = element.getroottree().getroot()
        self._root = root
        name = split_name(root.tag)[1]
        if name not in KINDS:
            raise self._gathering.refuse(
                "xml.not-epcis",
                f"the root element is {name}, which is no EPCIS document",
                "Send an EPCISDocument, EPCISQueryDocument, EPCISMasterDataDocument or one event.",
                line=root.sourceline,
            )
        self._bindings.of_document = dict(root.nsmap)

    def _path(self, name: str) -> str:
        if self._root is None or self._root.tag.endswith(name):
            return f"/{name}"
        root = split_name(self._root.tag)[1]
        return f"/{root}/EPCISBody/EventList/{name}[{self._count[name]}]"

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
        element.clear(keep_tail=False)
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
            line=element.sourceline,
            path="/EPCISDocument/EPCISBody/EventList",
        )

    def _container(self, element: _Element, name: str) -> None:
        parent = element.getparent()
        above = "" if parent is None else split_name(parent.tag)[1]
        if name == "EPCISHeader" and parent is self._root:
            self._parts.read(element)
            element.clear(keep_tail=False)
        elif name == "VocabularyList" and above in ("EPCISBody", "resultsBody"):
            self._parts.read_vocabularies(element)
            element.clear(keep_tail=False)
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
        left = self._left_in(self._root)
        self._document_extensions = tuple(left)
        self._parts.namespaces += self._bindings.take()

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
            inside = self._left_in(child)
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

    def _malformed(self, fault: etree.XMLSyntaxError) -> Exception:
        line = fault.lineno if isinstance(fault.lineno, int) else None
        return self._gathering.refuse(
            "xml.malformed",
            f"the XML is not well-formed: {_plain(fault)}",
            "Have the sender check the file with an XML parser and send it again.",
            line=line,
        )


def _plain(fault: Any) -> str:  # noqa: ANN401  # lxml's exception carries its message untyped
    return str(fault.msg or fault).split(", line ")[0]


def _implied_version(namespace: str) -> str:
    return {QUERY_1: "1.2", QUERY_2: "2.0"}.get(namespace, "")
