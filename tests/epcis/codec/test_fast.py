"""The fast readers give exactly what the full readers give."""

from __future__ import annotations

import io
import json
import random
import re

import pytest
from material import DOCUMENTS

from benchmarks.documents import write_json, write_xml
from epcis.codec.document import Syntax, open_document, read_document
from tests.epcis.codec.documents import converted


def in_full(document: bytes):
    """Read a document with a comment in its event list, which keeps the reader from portions."""
    head, mark, tail = document.partition(b"<EventList>")
    return read_document(head + mark + b"<!-- slowly -->" + tail)


def in_fast(document: bytes):
    """Read a document freed of comments, white space and the like."""
    return read_document(
        converted(document, Syntax.XML_1_2 if b"xsd:1" in document else Syntax.XML_2_0)
    )


@pytest.fixture(scope="module")
def day() -> bytes:
    out = io.StringIO()
    write_xml(out, 600)
    return out.getvalue().encode()


def test_portions_and_the_parser_give_the_same_events(day):
    assert len(day) > 2_000_000  # several portions
    fast, full = read_document(day), in_full(day)
    assert fast.events == full.events
    assert fast.header == full.header
    assert fast.findings == full.findings == ()


def test_documents_read_the_same_both_ways(xml_documents):
    for path in xml_documents:
        document = path.read_bytes()
        one, other = in_fast(document), in_full(converted(document, Syntax.XML_2_0))
        assert [type(e) for e in one.events] == [type(e) for e in other.events], path.name
        quick = read_document(converted(document, Syntax.XML_2_0))
        assert quick.events == other.events, path.name


def test_events_and_lines_are_found_behind_a_portion_that_is_not_valid(day):
    broken = day.replace(b"<action>OBSERVE</action>", b"<action>SEEN</action>")
    reader = open_document(broken)
    events = list(reader)
    assert {e.action for e in events} == {"ADD"}
    assert len(events) + reader.events_refused == 600
    first = reader.findings[0]
    lines = broken.splitlines()
    assert b"SEEN" in lines[first.where.line - 1]
    assert first.where.path.startswith("/EPCISDocument/EPCISBody/EventList/ObjectEvent[")


def test_an_extension_named_like_an_event_does_not_mislead_the_cutting(day):
    trap = (
        b'<x:box xmlns:x="urn:x"><ObjectEvent><eventTime>2026-01-01T00:00:00Z</eventTime>'
        b"</ObjectEvent></x:box></ObjectEvent>"
    )
    document = day.replace(b"</ObjectEvent>", trap)
    fast, full = read_document(document), in_full(document)
    assert len(fast.events) == 600
    assert fast.events == full.events


def test_a_comment_that_hides_an_event_does_not_mislead_the_cutting(day):
    at = day.index(b"</ObjectEvent>", len(day) // 2) + len(b"</ObjectEvent>")
    hidden = b"<!-- <ObjectEvent><action>ADD</action></ObjectEvent> -->"
    document = day[:at] + hidden + day[at:]
    assert read_document(document).events == read_document(day).events


def test_events_larger_than_a_portion_are_read_in_larger_portions(day):
    epc = b"<epc>urn:epc:id:sgtin:0355555.010000.%d</epc>"
    listed = b"".join(epc % number for number in range(20_000))
    document = day.replace(b"<epcList>", b"<epcList>" + listed, 3)
    fast, full = read_document(document), in_full(document)
    assert [len(event.epcs) > 20_000 for event in fast.events[:4]] == [True, True, True, False]
    assert fast.events == full.events


def test_transformation_events_of_1_2_are_read_in_portions():
    document = (DOCUMENTS / "distribution-1.2.xml").read_bytes()
    one = re.search(rb"<extension>\s*<TransformationEvent>.*?</extension>", document, re.DOTALL)
    head, events, _ = document.partition(b"<EventList>")
    many = head + events + one.group() * 1500 + document[document.index(b"</EventList>") :]
    read = read_document(many)
    assert len(read.events) == 1500
    assert len(set(map(repr, read.events))) == 1
    assert read.events == in_full(many).events


def jsonly(count: int) -> dict:
    out = io.StringIO()
    write_json(out, count)
    return json.loads(out.getvalue())


def with_extension(document: dict) -> bytes:
    """The same events, each with a user field more, which takes the full way of reading."""
    for event in document["epcisBody"]["eventList"]:
        event["urn:x:mark"] = "m"
    return json.dumps(document).encode()


def test_plain_json_events_read_the_same_both_ways():
    plain = read_document(json.dumps(jsonly(60)).encode())
    full = read_document(with_extension(jsonly(60)))
    assert len(plain.events) == 60
    for one, other in zip(plain.events, full.events, strict=True):
        assert other.extensions[0].text == "m"
        fields = [f for f in one.__struct_fields__ if f != "extensions"]
        assert [getattr(one, f) for f in fields] == [getattr(other, f) for f in fields]


def test_json_reads_the_same_both_ways(json_documents):
    for path in json_documents:
        document = json.loads(path.read_bytes())
        body = document["epcisBody"]
        holder = body.get("queryResults", {}).get("resultsBody", body)
        before = read_document(path.read_bytes()).events
        for event in holder["eventList"]:
            event["urn:x:mark"] = "m"
        after = read_document(json.dumps(document).encode()).events
        for one, other in zip(before, after, strict=True):
            rest = tuple(node for node in other.extensions if node.name != "mark")
            assert one.extensions == rest, path.name
            assert one.event_time == other.event_time


HIDING = [
    '"action": "DELETE", "action": "ADD"',
    '"action" : "DELETE", "action": "ADD"',
    '"action": "ADD", "ext:x": 1',
    '"action": "ADD", "unknown": null',
    '"action": "ADD", "bizStep": null',
    '"action": "ADD", "readPoint": {"id": "urn:a:b", "id": "urn:a:c"}',
    '"action": "ADD", "readPoint": {"id": "urn:a:b", "extensions": []}',
    '"action": "ADD", "eventID": "urn:x:[", "action": "ADD", "bizStep": "]"',
    '"action": "ADD", "epcList": ["urn:x:1"], "epcList": ["urn:x:2"]',
    '"action": "\\u0041DD", "bizStep": "epcList", "": [{"a": "b"}]',
]


@pytest.mark.parametrize("members", HIDING)
def test_nothing_hides_from_the_quick_reading_of_json(members):
    document = (
        '{"@context": {"ext": "http://example.com/ext/"}, "type": "EPCISDocument",'
        ' "schemaVersion": "2.0", "creationDate": "2026-01-02T03:04:05Z", "epcisBody":'
        ' {"eventList": [{"type": "ObjectEvent", "eventTime": "2026-01-02T03:04:05Z",'
        f' "eventTimeZoneOffset": "+00:00", "epcList": [], {members}}}]}}}}'
    ).encode()
    full = document.replace(b'"eventTime"', b'"urn:x:mark": "m", "eventTime"')
    quick_findings = {f.code for f in read_document(document).findings}
    full_findings = {f.code for f in read_document(full).findings}
    assert quick_findings == full_findings
    repeated = members.count('"action"') > 1 or members.count('"id"') > 1 or '"epcList"' in members
    assert ("json.member-repeated" in quick_findings) == (
        repeated and 'bizStep": "epc' not in members
    )


def test_shuffled_members_give_the_same_event():
    dice = random.Random(7)
    document = jsonly(30)
    before = read_document(json.dumps(document).encode()).events
    for event in document["epcisBody"]["eventList"]:
        members = list(event.items())
        dice.shuffle(members)
        event.clear()
        event.update(members)
    assert read_document(json.dumps(document, indent=1).encode()).events == before
