"""What one syntax reads, every syntax can write, and is read again: any name, any depth."""

from __future__ import annotations

import io
import json

import pytest
from lxml import etree

from epcis.codec.document import DocumentRefused, Syntax, convert, read_document
from epcis.codec.limits import DocumentLimits
from epcis.codec.names import is_name
from epcis.model import Node
from tests.epcis.codec.test_bad_input import END, EVENT, JSON_EVENT, JSON_START, START

OWN = "urn:packtrail:ns:"
CONTEXT = {"ex": "urn:ex:", "xml": "urn:q:", "xmlns": "urn:r:", "none": "", "1p": "urn:s:"}
NAMES = (
    "9521321.000101.1001",
    "@x",
    "a b",
    "xmlns",
    "xml",
    "name",
    "type",
    "id",
    "schemaVersion",
    "\u00b2",
    "\u00aa",
    "ex:1",
    "ex:a",
    "none:type",
    "xml:a",
    "xmlns:a",
    "1p:a",
    "urn:x:y:1z",
    f"{OWN}kind",
    f"{OWN}name",
    "http://www.w3.org/2000/xmlns/a",
    "http://www.w3.org/XML/1998/namespace#lang",
)
VALUES = ("v", ["1", "2"], {}, {f"{OWN}content": ["t", {"ex:b": "x"}, 3]})


def written(document: bytes, syntax: Syntax) -> bytes:
    out = io.BytesIO()
    convert(document, out, syntax, validate=False)
    return out.getvalue()


def with_name(name: str, value: object, *, is_attribute: bool) -> bytes:
    """A document that bears a name wherever JSON lets a sender choose one."""
    member = {name: value}
    attributes = {f"{OWN}attributes": {name: "1", "ex:a": "2", "name": "3"}}
    extension = {"ex:x": attributes, "12": attributes} if is_attribute else member
    of_object = {"ex:y": extension, f"{OWN}eventAttributes": attributes} | extension
    event = json.loads(JSON_EVENT.format(""))
    document = json.loads(f"{JSON_START}]}}}}")
    document["@context"] = [document["@context"], CONTEXT]
    entry = {"id": "urn:x:1", "attributes": [{"id": name, "attribute": extension}]}
    vocabulary = {"type": "urn:x:v", "vocabularyElementList": [of_object | entry]}
    master_data = {"vocabularyList": [of_object | vocabulary]}
    document["epcisHeader"] = extension | {"epcisMasterData": master_data}
    document[f"{OWN}rootAttributes"] = {name: "1"}
    document[f"{OWN}trailing"] = extension
    document[f"{OWN}kind"] = "event"
    report = {"ex:a": ["1", "2"], "type": "Temperature"}
    event = {
        **event,
        "ex:z": extension,
        f"{OWN}eventAttributes": attributes if is_attribute else member,
        "ilmd": extension,
        "readPoint": extension | {"id": "urn:epc:id:sgln:0614141.07346.1234"},
        "errorDeclaration": of_object | {"declarationTime": "2026-01-02T03:04:05Z"},
        "sensorElementList": [extension | {"sensorReport": [extension | report]}],
    }
    document["epcisBody"]["eventList"] = [event]
    return json.dumps(document).encode()


@pytest.mark.parametrize("name", NAMES)
def test_whatever_json_names_anything_every_syntax_writes_it_and_is_read_again(name):
    for value in VALUES:
        for is_attribute in (False, True):
            document = with_name(name, value, is_attribute=is_attribute)
            try:
                events = read_document(document, validate=False).events
            except DocumentRefused as refused:
                assert refused.findings  # noqa: PT017  # a refusal says why
                continue
            for syntax in Syntax:
                again = read_document(written(document, syntax), validate=False)
                assert len(again.events) == len(events)


def test_attributes_that_xml_cannot_have_stay_as_members():
    held = {f"{OWN}attributes": {"urn:epc:id:sgtin:9521321.000101.1001": "1"}}
    document = (JSON_START + JSON_EVENT.format(f', "urn:x:y": {json.dumps(held)}') + "]}}").encode()
    for syntax in Syntax:
        (event,) = read_document(written(document, syntax)).events
        (kept,) = event.extensions[0].children
        assert isinstance(kept, Node)
        assert (kept.name, kept.text) == ("attributes", "1")


def test_a_name_is_one_exactly_where_the_xml_parser_says_so():
    for code in (*range(0x20, 0xD800, 7), *range(0xE000, 0x10FFFF, 1013)):
        for name in (chr(code), f"a{chr(code)}"):
            try:
                is_read = etree.fromstring(f"<{name}/>".encode()).tag == name
            except etree.XMLSyntaxError:
                is_read = False
            assert is_name(name) == (is_read and ":" not in name), name


def deep_xml(levels: int) -> bytes:
    """A document with so many elements inside each other in an event."""
    inner = "<x:b>text</x:b>" if levels > 1 else ""
    middle = max(0, levels - 2)
    tree = f'<x:a xmlns:x="urn:x">{"<x:b>t" * middle}{inner}{"</x:b>" * middle}</x:a>'
    return (START + EVENT.format(tree) + END).encode()


def deep_wrapped_xml(levels: int) -> bytes:
    """The same, the outermost three elements being wrappers of EPCIS 1.2 with attributes."""
    tree = "<x:b>" * (levels - 3) + "</x:b>" * (levels - 3)
    wrapped = '<extension x:a="1">' * 3 + tree + "</extension>" * 3
    start = START.replace(" xmlns:epcis", ' xmlns:x="urn:x" xmlns:epcis')
    return (start + EVENT.format(wrapped) + END).encode()


def deep_json(levels: int) -> bytes:
    """A document with so many values inside each other in an event."""
    value = '{"urn:x:y": ' * (levels - 1) + '"text"' + "}" * (levels - 1)
    return (JSON_START + JSON_EVENT.format(f', "urn:x:y": {value}') + "]}}").encode()


def deep_sensor_json(levels: int) -> bytes:
    """The same in a sensor report, the farthest from the event that a tree can begin."""
    value = "[" * (levels - 1) + '"text"' + "]" * (levels - 1)
    report = f'"sensorElementList": [{{"sensorReport": [{{"urn:x:y": [{value}, 1]}}]}}]'
    return (JSON_START + JSON_EVENT.format(f", {report}") + "]}}").encode()


def deep_header_json(levels: int) -> bytes:
    """The same in the header."""
    value = '{"urn:x:y": ' * (levels - 1) + '"text"' + "}" * (levels - 1)
    header = f'"epcisHeader": {{"urn:x:y": {value}}}, "epcisBody"'
    return (JSON_START + "]}}").replace('"epcisBody"', header).encode()


@pytest.mark.parametrize(
    "deep", [deep_xml, deep_wrapped_xml, deep_json, deep_sensor_json, deep_header_json]
)
def test_one_limit_on_nesting_holds_in_every_syntax(deep):
    limit = DocumentLimits().depth_max
    for levels in range(limit - 9, limit + 1):
        for first in Syntax:
            once = written(deep(levels), first)
            for second in Syntax:
                read_document(written(once, second), validate=False)
    for levels in (*range(limit + 1, limit + 12), 150):
        with pytest.raises(DocumentRefused) as refused:
            read_document(deep(levels), validate=False)
        assert refused.value.findings[-1].code == "document.too-deep"
