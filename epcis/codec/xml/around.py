"""What an XML document says around its events, taken in as the parser comes by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from epcis.codec.fields import SHAPES
from epcis.codec.namespaces import OF_EPCIS, OWN, QUERY_1, QUERY_2, VERSION_2
from epcis.codec.xml.header import HeaderParts
from epcis.codec.xml.nodes import attributes_of, line_of, node_of, split_name
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
_CONTAINERS: Final = frozenset(
    {"EPCISHeader", "EPCISBody", "EventList", "QueryResults", "resultsBody", "VocabularyList"}
)


class Around:
    """The root, header, body and list of one document, without the events."""

    def __init__(self, root: _Element, bindings: Bindings, gathering: FindingCollector) -> None:
        self.root = root
        self._bindings = bindings
        self._gathering = gathering
        self._parts = HeaderParts(bindings)
        self._results: dict[str, str] = {}
        self._document_extensions: tuple[Node, ...] = ()
        self._refuse_strangers()
        bindings.of_document = dict(root.nsmap)

    def _refuse_strangers(self) -> None:
        namespace, name = split_name(self.root.tag)
        if name not in KINDS or (namespace and namespace not in OF_EPCIS):
            raise self._gathering.refuse(
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

    def is_event(self, element: _Element) -> bool:
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
        return above is not None and is_event_list(above)

    def forget(self, element: _Element, line_shift: int) -> None:
        """Free a finished part, and what stands before it; `line_shift` lines went elsewhere."""
        element.clear()
        parent = element.getparent()
        while parent is not None and parent[0] is not element:
            self._note_unknown(parent[0], line_shift)
            del parent[0]

    def _note_unknown(self, element: _Element, line_shift: int) -> None:
        name = split_name(element.tag)[1]
        if name in SHAPES or name == "extension":
            return
        self._gathering.note(
            "document.event-unknown",
            Severity.ERROR,
            f"{name} is no event of the standard",
            "It stays in the document as received, but cannot be taken in as an event.",
            line=(line_of(element) or 0) + line_shift,
            path=self.list_path,
        )

    def take(self, element: _Element, name: str, line_shift: int) -> None:
        """Take in a part that is complete, as the header or the list without its events."""
        parent = element.getparent()
        above = "" if parent is None else split_name(parent.tag)[1]
        if name == "EPCISHeader" and parent is self.root:
            self._parts.read(element)
        elif name == "VocabularyList" and above in ("EPCISBody", "resultsBody"):
            self._parts.read_vocabularies(element)
        elif name == "extension" and parent is not None and is_event_list(parent):
            for left in element:
                self._note_unknown(left, line_shift)
            self.forget(element, line_shift)
        elif name in ("queryName", "subscriptionID") and above == "QueryResults":
            self._results[name] = (element.text or "").strip()
        elif name == "EventList" and is_event_list(element):
            for left in element:
                self._note_unknown(left, line_shift)
            del element[:]

    def finish(self, judge: Judge | None) -> None:
        """Take in what is left when the document has ended, and have it judged."""
        if self.name in SHAPES:
            return
        self._document_extensions = tuple(self._left_in(self.root))
        self._parts.namespaces += self._bindings.take()
        if judge is not None and not judge.holds(self.root):
            judge.explain_frame(self.root, f"/{self.name}")

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


def is_event_list(element: _Element) -> bool:
    """Whether an element is the event list of its document, not a piece of an extension."""
    parent = element.getparent()
    return (
        split_name(element.tag)[1] == "EventList"
        and parent is not None
        and split_name(parent.tag)[1] in ("EPCISBody", "resultsBody")
    )


def _implied_version(namespace: str) -> str:
    return {QUERY_1: "1.2", QUERY_2: "2.0"}.get(namespace, "")
