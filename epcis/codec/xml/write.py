"""Events and header as an EPCIS XML document of version 1.2 or 2.0, event by event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from epcis.codec import namespaces as ns
from epcis.codec.sbdh import for_xml
from epcis.codec.words import Words
from epcis.codec.xml.header import FOREIGN_HEADER
from epcis.codec.xml.markup import (
    Scope,
    attribute,
    element,
    leaf,
    without_control_characters,
)
from epcis.codec.xml.write_events import EventWriter
from epcis.codec.zones import creation_date
from epcis.model import Node
from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from epcis.codec.options import WriteOptions
    from epcis.model import Event, Header, Vocabulary, VocabularyElement

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_ROOTS: Final = {
    "document": ("EPCISDocument", "epcis", {"1.2": ns.EPCIS_1, "2.0": ns.EPCIS_2}),
    "query": ("EPCISQueryDocument", "epcisq", {"1.2": ns.QUERY_1, "2.0": ns.QUERY_2}),
    "masterdata": (
        "EPCISMasterDataDocument",
        "epcismd",
        {"1.2": ns.MASTERDATA_1, "2.0": ns.MASTERDATA_2},
    ),
}
_SCHEMA_LOCATION: Final = (ns.XSI, "schemaLocation")
_KEPT_LOCATION: Final = (ns.OWN, "schemaLocation")
_KEPT_VERSION: Final = (ns.OWN, "schemaVersion")
_KEPT_ID: Final = (ns.OWN, "id")


class XmlWriter:
    """Writes one document: `begin`, then each `event`, then `end`; all return bytes to write."""

    def __init__(self, version: str, options: WriteOptions) -> None:
        self._version = version
        self._words = Words(options)
        self._scope = Scope()
        self._events = EventWriter(version, self._scope, self._words)
        self._kind = "document"
        self._is_bare = False
        self._own_prefixes: tuple[tuple[str, str], ...] = ()
        self._close = ""
        self._prefix = "epcis"
        self._own_findings: list[Finding] = []

    @property
    def findings(self) -> list[Finding]:
        """What could not be written as it was."""
        return [*self._own_findings, *self._words.findings]

    def begin(self, header: Header) -> bytes:
        """Everything up to the first event."""
        self._kind = header.kind
        if header.kind == "event":  # it declares its prefixes itself
            self._own_prefixes = header.namespaces
            self._scope = Scope()
            self._events = EventWriter(self._version, self._scope, self._words)
            return _DECLARATION.encode()
        self._scope = Scope(header.namespaces)
        self._events = EventWriter(self._version, self._scope, self._words)
        name, prefix, versions = _ROOTS.get(header.kind, _ROOTS["document"])
        while prefix in self._scope.of_document:
            prefix += "_"
        self._prefix = prefix
        inside = self._header(header)
        # Results that came without a document around them go as they came.
        self._is_bare = header.kind == "query" and header.creation_date is None and not inside
        body, self._close = self._body(header)
        if self._is_bare:
            name = "QueryResults"
            attributes = self._scope.attributes(header.attributes)
        else:
            attributes = self._root_attributes(header, versions[self._version])
        self._scope.keep()
        declared = attribute(f"xmlns:{prefix}", versions[self._version])
        for bound, namespace in self._scope.of_document.items():
            declared += attribute(f"xmlns:{bound}", namespace)
        self._close += f"</{prefix}:{name}>\n"
        return self._encode(f"{_DECLARATION}<{prefix}:{name}{declared}{attributes}>{inside}{body}")

    def _root_attributes(self, header: Header, namespace: str) -> str:
        """Attributes of the root; those true of another version only are kept under our name."""
        kept = {(space, name): value for space, name, value in header.attributes}
        written = kept.pop(_KEPT_VERSION, header.schema_version)
        is_other = written.startswith("2") != (self._version == "2.0") or not written
        version = self._version if is_other else written
        if is_other and written not in ("", "1.2", "2.0"):
            kept[_KEPT_VERSION] = written
        location = kept.pop(_KEPT_LOCATION, None) or kept.pop(_SCHEMA_LOCATION, None)
        if location is not None:
            fits = namespace in location or ":xsd:" not in location
            kept[_SCHEMA_LOCATION if fits else _KEPT_LOCATION] = location
        if header.document_id is not None:
            kept[_KEPT_ID] = header.document_id
        markup = attribute("schemaVersion", version)
        if header.creation_date is not None:
            written = header.creation_date
            if self._version == "2.0":
                written = creation_date(written, self._own_findings)
            markup += attribute("creationDate", written)
        else:
            self._note(
                "xml.no-creation-date",
                "the document has no creationDate, which EPCIS XML demands",
                "Give the document a creation date.",
            )
        return markup + self._scope.attributes([(*name, value) for name, value in kept.items()])

    def _header(self, header: Header) -> str:
        sbdh = for_xml(header)
        parts = self._scope.node(sbdh) if sbdh else ""
        foreign, attributes, extension = [], "", None
        for node in header.header_extensions:
            if (node.namespace, node.name) == ("", "EPCISHeader"):
                attributes = self._scope.attributes(node.attributes)
            elif (node.namespace, node.name) == ("", "extension") and extension is None:
                extension = node
            else:
                foreign.append(node)
        is_2_0 = self._version == "2.0"
        homeless = [node for node in foreign if is_2_0 and node.namespace]
        housed = [node for node in foreign if not (is_2_0 and node.namespace)]
        masterdata = header.master_data if header.kind == "document" else ()
        parts += self._header_extension(masterdata, extension, homeless)
        parts += "".join(map(self._scope.node, housed))
        if not parts and not attributes:
            return ""
        if sbdh is None and not is_2_0:
            self._note(
                "xml.no-sbdh",
                "the header has no SBDH, which EPCIS 1.2 demands",
                "Say who sends the document, and to whom.",
            )
        return element("EPCISHeader", parts, attributes)

    def _header_extension(
        self, vocabularies: Sequence[Vocabulary], left: Node | None, homeless: Sequence[Node]
    ) -> str:
        """Master data, what the sender wrote beside it, and what 2.0 takes nowhere else."""
        beside, of_master_data, inner, inner_attributes = "", "", "", ""
        for child in left.children if left else ():
            if not isinstance(child, Node):
                continue
            if (child.namespace, child.name) == ("", "EPCISMasterData"):
                of_master_data = self._scope.content(child.children)
            elif (child.namespace, child.name) == ("", "extension"):
                inner = self._scope.content(child.children)
                inner_attributes = self._scope.attributes(child.attributes)
            else:
                beside += self._scope.node(child)
        parts = ""
        if vocabularies or of_master_data:
            parts += element("EPCISMasterData", self._vocabularies(vocabularies) + of_master_data)
        parts += beside
        if homeless:
            inner += element(FOREIGN_HEADER, "".join(map(self._scope.node, homeless)))
        if inner or inner_attributes:
            parts += element("extension", inner, inner_attributes)
        attributes = self._scope.attributes(left.attributes) if left else ""
        return element("extension", parts, attributes) if parts or attributes else ""

    def _vocabularies(self, vocabularies: Sequence[Vocabulary]) -> str:
        return element("VocabularyList", "".join(map(self._vocabulary, vocabularies)))

    def _vocabulary(self, vocabulary: Vocabulary) -> str:
        parts = ""
        if vocabulary.elements:
            entries = "".join(map(self._entry, vocabulary.elements))
            parts = element("VocabularyElementList", entries)
        attributes = attribute("type", vocabulary.type)
        attributes += self._scope.attributes(vocabulary.foreign_attributes)
        return element("Vocabulary", parts + self._scope.content(vocabulary.extensions), attributes)

    def _entry(self, entry: VocabularyElement) -> str:
        parts = "".join(
            element("attribute", self._scope.content(content), attribute("id", name))
            for name, content in entry.attributes
        )
        is_attribute = [(n.namespace, n.name) == ("", "attribute") for n in entry.extensions]
        pairs = list(zip(entry.extensions, is_attribute, strict=True))
        parts += self._scope.content(node for node, is_one in pairs if is_one)
        if entry.children is not None:
            parts += element("children", "".join(leaf("id", child) for child in entry.children))
        parts += self._scope.content(node for node, is_one in pairs if not is_one)
        attributes = attribute("id", self._words.epc(entry.id))
        attributes += self._scope.attributes(entry.foreign_attributes)
        return element("VocabularyElement", parts, attributes)

    def _body(self, header: Header) -> tuple[str, str]:
        """The containers around the events: what opens them and what closes them."""
        attributes = {node.name: node.attributes for node in _containers(header)}

        def start(name: str, qualified: str = "") -> str:
            return f"<{qualified or name}{self._scope.attributes(attributes.get(name, ()))}>"

        if header.kind == "masterdata":
            return start("EPCISBody") + self._vocabularies(header.master_data), ""
        if header.kind != "query":
            return start("EPCISBody") + start("EventList"), "</EventList>"
        opened = ""
        if not self._is_bare:
            opened = start("EPCISBody") + start("QueryResults", f"{self._prefix}:QueryResults")
        opened += leaf("queryName", header.query_name or "")
        if header.subscription_id is not None:
            opened += leaf("subscriptionID", header.subscription_id)
        opened += start("resultsBody")
        if header.master_data:
            return opened + self._vocabularies(header.master_data), ""
        return opened + start("EventList"), "</EventList>"

    def event(self, event: Event) -> bytes:
        """One event."""
        # Prefixes of its document that an event needs, where there is no document around it.
        self._scope.prefer(event.namespaces or self._own_prefixes)
        return self._encode(self._events.write(event) + "\n")

    def joined(self, events: Iterable[Event]) -> bytes:
        """Several events."""
        return b"".join([self.event(event) for event in events])

    def follow(self, events: bytes) -> bytes:
        """Events written before, by another writer's `joined`, at this place."""
        return events

    def end(self, header: Header) -> bytes:
        """What closes the document: `header` as it is after the last event."""
        if self._kind == "event":
            return b""
        inside = {"EPCISBody": "", "QueryResults": "", "resultsBody": "", "EventList": ""}
        for container in _containers(header):
            strangers = [
                n for n in container.children if isinstance(n, Node) and n.name not in inside
            ]
            inside[container.name] = "".join(map(self._local, strangers))
        close = inside["EventList"] + self._close
        root_end = close.rindex("</")
        events_end, root_close = close[:root_end], close[root_end:]
        if self._kind == "query":
            events_end += f"{inside['resultsBody']}</resultsBody>{inside['QueryResults']}"
            events_end += "" if self._is_bare else f"</{self._prefix}:QueryResults>"
        tail = [
            node
            for node in header.document_extensions
            if node.name != "EPCISBody" or node.namespace
        ]
        behind = "".join(map(self._local, tail))
        body_end = "" if self._is_bare else f"{inside['EPCISBody']}</EPCISBody>"
        return self._encode(f"{events_end}{body_end}{behind}{root_close}")

    def _local(self, node: Node) -> str:
        """A tree behind the events, declaring what prefixes it needs itself."""
        markup = self._scope.node(node)
        declared = self._scope.take()
        if not declared:
            return markup
        at = min(markup.index(end) for end in (" ", ">", "/") if end in markup)
        return markup[:at] + declared + markup[at:]

    def _encode(self, markup: str) -> bytes:
        clean, count = without_control_characters(markup)
        if count:
            self._note(
                "xml.character-replaced",
                f"{count} characters that XML cannot hold became U+FFFD",
                "Ask the sender to leave out control characters.",
            )
        return clean.encode()

    def _note(self, code: str, what: str, hint: str) -> None:
        self._own_findings.append(Finding(code, Severity.WARNING, what, hint))


def _containers(header: Header) -> list[Node]:
    """The standard containers of the body that hold something beside standard content."""
    found = []
    nodes = [n for n in header.document_extensions if (n.namespace, n.name) == ("", "EPCISBody")]
    while nodes:
        node = nodes.pop()
        found.append(node)
        nodes.extend(
            child
            for child in node.children
            if isinstance(child, Node)
            and child.name in ("EventList", "QueryResults", "resultsBody")
        )
    return found
