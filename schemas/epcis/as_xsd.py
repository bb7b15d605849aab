"""Writes the description of EPCIS documents as XML Schema 1.0.

>>> "EPCISDocument" in xsd_files()["epcis-2.0.xsd"]
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lxml import etree

from schemas.epcis.files import SHARED_FILES, namespace, schema_files
from schemas.epcis.grammar import AnyOrder, Open, Part, Tied
from schemas.epcis.parts import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.epcis.grammar import Attribute, Content, RecordType, SchemaFile, WordType

XSD: Final = "http://www.w3.org/2001/XMLSchema"
_PLAIN: Final = {
    "uri": "xsd:anyURI",
    "text": "xsd:string",
    "decimal": "xsd:decimal",
    "double": "xsd:double",
    "int": "xsd:int",
    "integer": "xsd:integer",
    "boolean": "xsd:boolean",
    "hex": "xsd:hexBinary",
    "dateTime": "xsd:dateTime",
    "NCName": "xsd:NCName",
    "anything": "xsd:anyType",
    "abstract": "xsd:anyType",
}
_EXTENSIONS: Final = {
    "LocalExtension": ("##local", True),
    "PlainLocalExtension": ("##local", False),
    "ForeignExtension": ("##other", True),
}
_EXTENSION_OF: Final = {
    Open.LOCAL: "LocalExtension",
    Open.FOREIGN: "ForeignExtension",
    Open.NESTED: "LocalExtension",
    Open.NESTED_PLAIN: "PlainLocalExtension",
}
_WITH_TAIL: Final = (Open.LOCAL, Open.FOREIGN, Open.TAIL)

Element = etree._Element  # noqa: SLF001  # lxml's name for the class of elements


def xsd_files() -> dict[str, str]:
    """Every schema file by name, ready to be written below `schemas/xsd`."""
    written = {file.namespace.file: _Writer(file, "").text() for file in SHARED_FILES}
    for version in VERSIONS:
        for file in schema_files(version):
            written[file.namespace.file] = _Writer(file, version).text()
        written[f"all-{version}.xsd"] = _all(version)
    return written


def _all(version: str) -> str:
    """The file that includes every root element of one version."""
    spaces = (namespace(kind, version) for kind in ("epcis", "epcismd", "epcisq"))
    children = (
        _about(f"Everything that EPCIS {version} says in XML."),
        *(_xsd("import", namespace=space.uri, schemaLocation=space.file) for space in spaces),
    )
    return _schema({}, {}, children)


def _schema(attributes: dict[str, str], spaces: dict[str, str], children: Iterable[Element]) -> str:
    root = etree.Element(f"{{{XSD}}}schema", attributes, nsmap={"xsd": XSD, **spaces})
    root.extend(children)
    etree.cleanup_namespaces(root, keep_ns_prefixes=["xsd", *spaces])
    body = etree.tostring(root, pretty_print=True, encoding="unicode")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + body


def _xsd(tag: str, *children: Element | str, **attributes: str) -> Element:
    element = etree.Element(f"{{{XSD}}}{tag}", attributes)
    for child in children:
        if isinstance(child, str):
            element.text = child
        else:
            element.append(child)
    return element


def _about(sentence: str) -> Element:
    return _xsd("annotation", _xsd("documentation", sentence))


class _Writer:
    """Writes one file; knows its namespace, so that names inside resolve."""

    def __init__(self, file: SchemaFile, version: str) -> None:
        self._file = file
        self._version = version
        self._own = file.namespace.prefix

    def text(self) -> str:
        file = self._file
        space = file.namespace
        spaces = {n.prefix: n.uri for n in (space, *file.imports) if n.prefix}
        attributes = {"targetNamespace": space.uri} if space.uri else {}
        attributes["elementFormDefault"] = "qualified" if space.qualified else "unqualified"
        children = (
            _about(file.about),
            *(
                _xsd("import", namespace=other.uri, schemaLocation=other.file)
                for other in file.imports
            ),
            *(self._root(part) for part in file.roots),
            *(self._record(record) for record in file.records),
            *(self._word(word) for word in file.words),
            *self._extensions(),
        )
        return _schema(attributes, spaces, children)

    def _name(self, holds: str) -> str:
        if holds == "time":
            return "epcis:DateTimeStamp" if self._version == "2.0" else "xsd:dateTime"
        if holds in _PLAIN:
            return _PLAIN[holds]
        return holds if ":" in holds else f"{self._own}:{holds}"

    def _root(self, part: Part) -> Element:
        if part.holds == "abstract":
            return _xsd("element", name=part.name, type="xsd:anyType", abstract="true")
        if part.holds.startswith("substitutes:"):
            head = self._name(part.holds.removeprefix("substitutes:"))
            return _xsd(
                "element", name=part.name, type=self._name(part.name), substitutionGroup=head
            )
        return _xsd("element", name=part.name, type=self._name(part.holds))

    def _record(self, record: RecordType) -> Element:
        if record.mixed:
            return self._mixed(record)
        if record.text:
            return self._simple(record)
        children = [self._content(content) for content in record.content]
        if record.open in _EXTENSION_OF:
            children.append(self._part(Part("extension", _EXTENSION_OF[record.open], 0)))
        if record.open in _WITH_TAIL:
            children.append(_wildcard("##other", 0))
        return _xsd(
            "complexType",
            *([_xsd("sequence", *children)] if children else []),
            *self._attributes(record),
            name=record.name,
        )

    def _mixed(self, record: RecordType) -> Element:
        extension = _xsd("extension", *self._attributes(record), base="xsd:anyType")
        return _xsd(
            "complexType", _xsd("complexContent", extension, mixed="true"), name=record.name
        )

    def _simple(self, record: RecordType) -> Element:
        extension = _xsd("extension", *self._attributes(record), base=self._name(record.text))
        return _xsd("complexType", _xsd("simpleContent", extension), name=record.name)

    def _attributes(self, record: RecordType) -> list[Element]:
        written = [self._attribute(attribute) for attribute in record.attributes]
        return written + ([_any_attribute()] if record.any_attribute else [])

    def _attribute(self, attribute: Attribute) -> Element:
        use = {"use": "required"} if attribute.required else {}
        return _xsd("attribute", name=attribute.name, type=self._name(attribute.holds), **use)

    def _content(self, content: Content) -> Element:
        match content:
            case Part():
                return self._part(content)
            case Tied(parts=parts):
                return _xsd("sequence", *(self._part(part) for part in parts), minOccurs="0")
            case AnyOrder():
                return self._any_order(content)

    def _any_order(self, content: AnyOrder) -> Element:
        children = [self._part(part) for part in content.parts]
        if content.with_foreign:
            children.append(_wildcard("##other", 0))
        return _xsd("choice", *children, **_times(content.least, 1 if content.once else None))

    def _part(self, part: Part) -> Element:
        times = _times(part.least, part.most)
        if part.holds == "foreign":
            return _xsd("any", namespace="##other", processContents="lax", **times)
        if part.holds.startswith("ref:"):
            return _xsd("element", ref=self._name(part.holds.removeprefix("ref:")), **times)
        nil = {"nillable": "true"} if part.may_be_nil else {}
        return _xsd("element", name=part.name, type=self._name(part.holds), **times, **nil)

    def _word(self, word: WordType) -> Element:
        facets = [_xsd("enumeration", value=value) for value in word.words]
        if word.pattern:
            facets.append(_xsd("pattern", value=word.pattern))
        return _xsd(
            "simpleType", _xsd("restriction", *facets, base=self._name(word.of)), name=word.name
        )

    def _extensions(self) -> list[Element]:
        """The `extension` records that this file's records use."""
        used = {_EXTENSION_OF.get(record.open, "") for record in self._file.records}
        for record in self._file.records:
            for content in record.content:
                parts = (content,) if isinstance(content, Part) else content.parts
                used.update(part.holds for part in parts)
        return [
            _xsd(
                "complexType",
                _xsd("sequence", _wildcard(space, 1)),
                *([_any_attribute()] if with_attributes else []),
                name=name,
            )
            for name, (space, with_attributes) in _EXTENSIONS.items()
            if name in used
        ]


def _times(least: int, most: int | None) -> dict[str, str]:
    times = {} if least == 1 else {"minOccurs": str(least)}
    if most != 1:
        times["maxOccurs"] = "unbounded" if most is None else str(most)
    return times


def _wildcard(space: str, least: int) -> Element:
    return _xsd("any", namespace=space, processContents="lax", **_times(least, None))


def _any_attribute() -> Element:
    return _xsd("anyAttribute", processContents="lax")
