"""What an XML document says around its events, taken in as the parser comes by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from epcis.codec.fields import SHAPES
from epcis.codec.namespaces import OF_EPCIS, OWN, QUERY_1, QUERY_2, VERSION_2
from epcis.codec.xml.header import HeaderParts
from epcis.codec.xml.nodes import attributes_of, line_of, node_of, split_name
from epcis.codec.xml.strays import (
    CONTAINERS,
    container_name,
    container_of,
    is_event_list,
    is_shell,
    misplaced_event,
    note_stray_text,
    strays_in,
    unknown_event,
)
from epcis.model import Header, Node
from schemas.finding import Severity

if TYPE_CHECKING:
    from lxml.etree import _Element

    from epcis.codec.refusal import FindingCollector
    from epcis.codec.xml.judge import Judge
    from epcis.codec.xml.nodes import Bindings

KINDS: Final = {
    "EPCISDocument": "document",
    "EPCISQueryDocument": "query",
    "QueryResults": "query",
    "EPCISMasterDataDocument": "masterdata",
    **dict.fromkeys(SHAPES, "event"),
}
_STANDARD_ATTRIBUTES: Final = frozenset({("", "schemaVersion"), ("", "creationDate")})


class Around:
    """The root, header, body and list of one document, without the events."""

    def __init__(self, root: _Element, bindings: Bindings, collector: FindingCollector) -> None:
        self.root = root
        self._bindings = bindings
        self._collector = collector
        self._parts = HeaderParts(bindings)
        self._results: dict[str, str] = {}
        self._document_extensions: tuple[Node, ...] = ()
        self._event_list: _Element | None = None
        self._wrong_containers: list[_Element] = []
        self._refuse_strangers()
        bindings.of_document = dict(root.nsmap)
        bindings.bound(len(bindings.of_document))

    def _refuse_strangers(self) -> None:
        namespace, name = split_name(self.root.tag)
        if name not in KINDS or (namespace and namespace not in OF_EPCIS):
            raise self._collector.refuse(
                "xml.not-epcis",
                f"the root element is {name}, which is no EPCIS document",
                "Send an EPCISDocument, EPCISQueryDocument, EPCISMasterDataDocument or one event.",
                line=line_of(self.root),
            )

    @property
    def name(self) -> str:
        """The local name of the root element."""
        return split_name(self.root.tag)[1]

    @property
    def version(self) -> str:
        """Of the two versions there are schemas for, the one this document is held against."""
        namespace = split_name(self.root.tag)[0]
        is_2 = namespace in VERSION_2 or (
            not namespace and not self.root.get("schemaVersion", "2").startswith("1")
        )
        return "2.0" if is_2 else "1.2"

    @property
    def list_path(self) -> str:
        """The path of the event list."""
        return f"/{self.name}/EPCISBody/EventList"

    def note_place(self, event: _Element, path: str, line: int | None) -> None:
        """Note that events stand in the wrong container, once for each; they are read all the same.

        `path` and `line` are those of the event.
        """
        above = container_of(event)
        if above is None or above is self._event_list or above in self._wrong_containers:
            return
        self._wrong_containers.append(above)
        name = split_name(above.tag)[1]
        what = "a second EventList" if is_event_list(above) else name
        self._collector.note(
            "document.event-misplaced",
            Severity.WARNING,
            f"events stand in {what}, outside the first EventList of the EPCISBody",
            "They are read all the same; have the sender put all events into one EventList.",
            line=line,
            path=path,
        )

    def begin_list(self, element: _Element) -> bool:
        """Take note of an event list that begins; whether it is the first of the document."""
        is_first = self._event_list is None and is_event_list(element)
        if is_first:
            self._event_list = element
        return is_first

    def forget(self, element: _Element, line_shift: int) -> None:
        """Free a finished part, and what stands before it; `line_shift` lines went elsewhere."""
        self._take_text(element, element.tail, line_shift)
        element.clear()
        parent = element.getparent()
        if parent is None:
            return
        self._take_text(parent, parent.text, line_shift)
        parent.text = None
        if container_name(parent) in ("EventList", "extension"):
            while parent[0] is not element:
                self._release(parent[0], line_shift)
                del parent[0]
        elif (before := element.getprevious()) is not None and is_shell(before):
            self._take_text(before, before.tail, line_shift)
            parent.remove(before)

    def _release(self, element: _Element, line_shift: int) -> None:
        """Refuse a part of the event list unless it is what is left of an event or a wrapper."""
        self._take_text(element, element.tail, line_shift)
        if is_shell(element):
            return
        if element.tag == "extension":
            self._take_text(element, element.text, line_shift)
            for inner in element:
                self._release(inner, line_shift)
            return
        self._collector.leave_out(unknown_event(element, line_shift, self.list_path))

    def _take_text(self, near: _Element, text: str | None, line_shift: int) -> None:
        """Note text between events, which is not kept."""
        if text and not text.isspace():
            line = line_of(near)
            note_stray_text(self._collector, text, line and line + line_shift, self.list_path)

    def take(self, element: _Element, name: str, line_shift: int) -> None:
        """Take in a part that is complete, as the header or the list without its events."""
        parent = element.getparent()
        above = "" if parent is None else split_name(parent.tag)[1]
        if name == "EPCISHeader" and parent is self.root:
            self._refuse_strays(element, line_shift)
            self._parts.read(element)
        elif name == "VocabularyList" and above in ("EPCISBody", "resultsBody"):
            self._parts.read_vocabularies(element)
        elif name in ("queryName", "subscriptionID") and above == "QueryResults":
            self._results[name] = (element.text or "").strip()
        elif name == "EventList" and is_event_list(element):
            self._empty(element, line_shift)

    def _empty(self, event_list: _Element, line_shift: int) -> None:
        """Refuse what an event list holds beside its events, and free what is left of them."""
        self._take_text(event_list, event_list.text, line_shift)
        event_list.text = None
        for left in event_list:
            self._release(left, line_shift)
        del event_list[:]

    def _refuse_strays(self, container: _Element, line_shift: int) -> None:
        """Refuse every event that stands where none may, and take it out of the document."""
        for stray in strays_in(container):
            self._collector.leave_out(misplaced_event(stray, line_shift))
            if (parent := stray.getparent()) is not None:
                parent.remove(stray)

    def finish(self, judge: Judge | None, line_shift: int) -> None:
        """Take in what is left when the document has ended, and have it judged."""
        if self.name in SHAPES:
            return
        self._refuse_strays(self.root, line_shift)
        self._document_extensions = tuple(self._left_in(self.root, line_shift))
        self._bindings.hold(self._document_extensions)
        self._parts.namespaces += self._bindings.take()
        if judge is not None and not judge.holds(self.root):
            judge.explain_frame(self.root, f"/{self.name}")

    def _left_in(self, container: _Element, line_shift: int, depth: int = 0) -> list[Node]:
        """What a standard container, itself `depth` deep, holds beside its standard content."""
        if depth >= self._bindings.depth_near:
            self._bindings.note_depth(depth)
        left: list[Node] = []
        self._take_text(container, container.text, line_shift)
        for child in container:
            self._take_text(child, child.tail, line_shift)
            name = container_name(child)
            if name in ("queryName", "subscriptionID", "EPCISHeader") or is_shell(child):
                continue
            if name not in CONTAINERS:
                left.append(node_of(child, self._bindings, depth))
                continue
            if name == "EventList":
                self._empty(child, line_shift)
            inside = [] if name == "VocabularyList" else self._left_in(child, line_shift, depth + 1)
            if inside or child.attrib:
                attributes = attributes_of(child)
                left.append(Node(name=name, attributes=attributes, children=tuple(inside)))
        return left

    def header(self) -> Header:
        """What the document holds beside its events, as far as it has been read."""
        namespace, name = split_name(self.root.tag)
        prefixes = [(prefix or "", uri) for prefix, uri in self.root.nsmap.items()]
        beside = [a for a in attributes_of(self.root) if a[:2] not in _STANDARD_ATTRIBUTES]
        if name in SHAPES:
            beside = []
        own_id = [value for *attribute, value in beside if attribute == [OWN, "id"]]
        return Header(
            kind=KINDS[name],
            schema_version=self.root.get("schemaVersion") or _implied_version(namespace),
            creation_date=self.root.get("creationDate"),
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


def _implied_version(namespace: str) -> str:
    return {QUERY_1: "1.2", QUERY_2: "2.0"}.get(namespace, "")
