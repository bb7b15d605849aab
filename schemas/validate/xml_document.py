"""Validate XML documents of any size against the schema, with reasons where they fail.

There are two passes. In the first, lxml validates while it parses and reports only whether the
document is valid. Only if it is not, a second pass takes one event after the other, finds those
that fail and has the slow validator explain why. Neither keeps more than one event in memory.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from lxml import etree

from schemas.epcis.events import EVENT_TYPES
from schemas.epcis.files import SBDH_URI, namespace
from schemas.epcis.parts import VERSIONS
from schemas.finding import Finding, Severity, Where
from schemas.validate.compiled import event_xml_schema, xml_schema
from schemas.validate.xml_reasons import JudgedPlace, line_of, local_name, namespace_of, reasons

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FINDINGS_MAX: Final = 200
"""Most reasons listed one by one; a sender who corrects that many checks the file again anyway."""

_EVENT_NAMES: Final = frozenset(kind.name for kind in EVENT_TYPES)
_SOAP_URIS: Final = frozenset(
    {"http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"}
)
_VERSION_OF: Final = {
    namespace(kind, version).uri: version
    for version in VERSIONS
    for kind in ("epcis", "epcismd", "epcisq")
}


def validate_xml(
    source: bytes | BinaryIO,
    *,
    encoding: str | None = None,
    published: Path | None = None,
    findings_max: int = FINDINGS_MAX,
) -> list[Finding]:
    """What the schema of the document's own version finds wrong; an empty list where it is valid.

    `source` is a seekable plain XML file; `encoding` overrides the encoding it declares. A single
    event, with or without a namespace, is accepted too. Entities are never resolved, and no
    network is used.

    >>> print(validate_xml(b"<ObjectEvent/>")[0])
    error xml.element-missing: ObjectEvent has no 'eventTime'
    """
    stream = _XmlSource(io.BytesIO(source) if isinstance(source, bytes) else source, encoding)
    try:
        root = stream.root()
        if _declares_entities(root):
            return [_entities(root)]
        version = _version(root)
        if version is None:
            # An undeclared prefix looks like an unknown name until the whole document is parsed.
            return [_not_epcis(stream.tree() if ":" in str(root.tag) else root)]
        name = local_name(root)
        if name in _EVENT_NAMES:
            return _single_event(stream, version, published)[:findings_max]
        if _holds(stream, xml_schema(version, published)):
            return []
        return _Reasons(version, published, findings_max).of(stream)
    except etree.XMLSyntaxError as fault:
        return [_malformed(fault)]


@dataclass(frozen=True, slots=True)
class _XmlSource:
    """A file that can be read from its beginning as often as needed."""

    file: BinaryIO
    encoding: str | None

    def elements(
        self, events: tuple[str, ...], schema: etree.XMLSchema | None = None
    ) -> etree.iterparse:
        self.file.seek(0)
        return etree.iterparse(
            self.file,
            events=events,
            schema=schema,
            encoding=self.encoding,
            # With a schema, `False` makes lxml accept files that are not well-formed. There
            # are no entities to resolve: a document that declares some is refused before.
            resolve_entities="internal",
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
            huge_tree=False,
        )

    def root(self) -> etree._Element:
        """The root element with only what its start tag holds."""
        for _, element in self.elements(("start",)):
            root: etree._Element = element
            return root
        raise AssertionError("an XML document without elements is not well-formed")

    def tree(self) -> etree._Element:
        """The root element with everything below it; for small documents."""
        self.file.seek(0)
        parser = etree.XMLParser(
            encoding=self.encoding,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
        )
        return etree.parse(self.file, parser).getroot()


def _version(root: etree._Element) -> str | None:
    uri = namespace_of(root)
    if uri:
        return _VERSION_OF.get(uri)
    # A bare event names no version: elements that only EPCIS 1.2 has show it.
    return "2.0" if local_name(root) in _EVENT_NAMES else None


def _not_epcis(root: etree._Element) -> Finding:
    uri = namespace_of(root)
    seen = f"{local_name(root)} of {uri}" if uri else f"{local_name(root)} without a namespace"
    known = ", ".join(namespace("epcis", version).uri for version in VERSIONS)
    hint = f"An EPCIS document is an EPCISDocument in one of the namespaces {known}."
    if uri in _SOAP_URIS:
        hint = "Send the EPCISDocument itself, without the SOAP envelope around it."
    if uri == SBDH_URI:
        hint = "Send the EPCISDocument itself; its business header goes into its EPCISHeader."
    return Finding(
        "xml.not-epcis",
        Severity.ERROR,
        f"the root element is {seen}, which is no EPCIS document",
        hint,
        Where(line=line_of(root), path=f"/{local_name(root)}"),
    )


def _declares_entities(root: etree._Element) -> bool:
    # lxml's stubs do not know what a DTD holds.
    subset = cast("Any", root.getroottree().docinfo.internalDTD)
    return subset is not None and bool(subset.entities() or subset.elements())


def _entities(root: etree._Element) -> Finding:
    return Finding(
        "xml.doctype-subset",
        Severity.ERROR,
        "the DOCTYPE declares things of its own (an internal subset)",
        "Send the document without DOCTYPE; entities are never resolved.",
        Where(line=line_of(root)),
    )


def _malformed(fault: etree.XMLSyntaxError) -> Finding:
    what = str(fault.msg or "it ends too early").split(", line ")[0]
    return Finding(
        "xml.malformed",
        Severity.ERROR,
        f"the XML is not well-formed: {what}",
        "Have the sender check the file with an XML parser and send it again.",
        Where(line=fault.lineno if isinstance(fault.lineno, int) else None),
    )


def _holds(source: _XmlSource, schema: etree.XMLSchema) -> bool:
    """Whether the document is well-formed and valid."""
    try:
        for _, element in source.elements(("end",), schema):
            if local_name(element) in _EVENT_NAMES:
                _free(element)
    except etree.XMLSyntaxError:
        return False
    return True


def _empty(element: etree._Element) -> None:
    tail = element.tail
    element.clear()
    element.tail = tail


def _free(element: etree._Element) -> None:
    """Free the content of a finished event, and the finished ones before it."""
    _empty(element)
    parent = element.getparent()
    while parent is not None and (before := element.getprevious()) is not None:
        parent.remove(before)


def _single_event(source: _XmlSource, version: str, published: Path | None) -> list[Finding]:
    event = source.tree()
    event.tag = local_name(event)
    older = any(event.find(wrapper) is not None for wrapper in ("baseExtension", "extension"))
    for candidate in dict.fromkeys(("1.2" if older else version, *VERSIONS)):
        if event_xml_schema(candidate, published).validate(event):
            return []
    place = JudgedPlace("1.2" if older else version, f"/{event.tag}", published)
    return reasons(event, place)


@dataclass
class _Reasons:
    """Collects the reasons why one document is not valid, event by event."""

    version: str
    published: Path | None
    findings_max: int
    found: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def of(self, source: _XmlSource) -> list[Finding]:
        root = None
        for element in _listed_events(source):
            if root is None:
                root = element.getroottree().getroot()
            self._event(element)
        if root is None:
            root = source.tree()
        self.found.extend(self._frame(root))
        self.found.sort(key=lambda finding: finding.where.line or 0)
        return self._capped()

    def _event(self, element: etree._Element) -> None:
        """Check one event, then free its content."""
        name = local_name(element)
        self.counts[name] = self.counts.get(name, 0) + 1
        path = f"{_path_of_list(element)}/{name}[{self.counts[name]}]"
        schema = event_xml_schema(self.version, self.published)
        wanted = len(self.found) <= self.findings_max and _is_home(element, self.version)
        if wanted and not schema.validate(element):
            self.found.extend(reasons(element, JudgedPlace(self.version, path, self.published)))
        _empty(element)
        _drop_before(element)

    def _frame(self, root: etree._Element) -> list[Finding]:
        """What is wrong outside the events, which have been emptied."""
        place = JudgedPlace(self.version, f"/{local_name(root)}", self.published, is_frame=True)
        return reasons(root, place)

    def _capped(self) -> list[Finding]:
        if not self.found:
            return [_unexplained(self.version)]
        if len(self.found) <= self.findings_max:
            return self.found
        more = Finding(
            "document.more-findings",
            Severity.ERROR,
            f"only the first {self.findings_max} findings are listed",
            "Mend what is listed and check the document again.",
        )
        return [*self.found[: self.findings_max], more]


def _listed_events(source: _XmlSource) -> Iterator[etree._Element]:
    for _, element in source.elements(("end",)):
        if local_name(element) in _EVENT_NAMES and _is_listed(element):
            yield element


def _is_listed(element: etree._Element) -> bool:
    """Whether an element with an event's name is in a place for events."""
    above = element.getparent()
    for _ in range(2):
        if above is not None and local_name(above) == "extension":
            above = above.getparent()
    return above is not None and local_name(above) == "EventList"


def _is_home(element: etree._Element, version: str) -> bool:
    """Whether the version allows this event type exactly here."""
    parent = element.getparent()
    nested = parent is not None and parent.tag == "extension"
    if version == "2.0":
        return not nested and element.tag != "QuantityEvent"
    return nested == (element.tag == "TransformationEvent") and element.tag != "AssociationEvent"


def _drop_before(element: etree._Element) -> None:
    """Remove emptied events before this one, unless text beside them is still to be checked."""
    parent = element.getparent()
    before = element.getprevious()
    if parent is None or before is None or before.tag != element.tag:
        return
    if not (before.tail or "").strip():
        parent.remove(before)


def _path_of_list(element: etree._Element) -> str:
    names = [local_name(above) for above in element.iterancestors()]
    return "/" + "/".join(reversed(names))


def _unexplained(version: str) -> Finding:
    return Finding(
        "xml.schema",
        Severity.ERROR,
        f"the document is not valid against the schema of EPCIS {version}",
        "Check it with the published schema files for details.",
    )
