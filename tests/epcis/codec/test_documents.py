"""Documents as partners send them: versions, prefixes, nestings, headers, forms of words."""

from __future__ import annotations

import io
import json

import pytest
from material import DOCUMENTS

from epcis.codec.document import (
    CbvFormat,
    EpcFormat,
    Syntax,
    WriteOptions,
    convert,
    open_document,
    read_document,
    write_event_json,
)
from epcis.codec.sniff import Packing, sniff
from epcis.model import TransformationEvent
from schemas.finding import is_acceptable
from schemas.validate import validate_json, validate_xml
from tests.epcis.codec.documents import canonical, converted


@pytest.fixture
def shipment(examples) -> bytes:
    """The example shipment: SBDH, master data, transaction statement, seven events."""
    return (examples / "shipment.xml").read_bytes()


def test_the_header_holds_all_a_document_says_beside_its_events(shipment):
    header = read_document(shipment).header
    assert header.schema_version == "1.2"
    assert header.creation_date == "2026-02-20T15:00:00Z"
    assert "5c1f9c1e-0b1d-4a53-8f57-3e1b9b1f6a01" in header.sbdh.text
    assert [vocabulary.type[-8:] for vocabulary in header.master_data] == ["EPCClass", "Location"]
    seller = header.master_data[1].elements[0]
    assert dict(seller.attributes)["urn:epcglobal:cbv:mda#city"] == ("Dover",)
    statement = header.header_extensions[1]
    assert (statement.namespace, statement.name) == (
        "http://epcis.gs1us.org/hc/ns",
        "dscsaTransactionStatement",
    )
    assert "complied" in statement.text


def test_events_come_in_order_with_times_lots_and_parties(shipment):
    events = read_document(shipment).events
    assert [type(event).__name__[:6] for event in events] == [
        "Object",
        "Object",
        "Aggreg",
        "Aggreg",
        "Object",
        "Aggreg",
        "Object",
    ]
    made, sent = events[0], events[-1]
    assert made.event_time == "2026-02-18T12:00:00Z"
    assert made.event_time_zone_offset == "-05:00"
    assert {node.name: node.text for node in made.ilmd}["lotNumber"] == "L77"
    assert len(made.epcs) == 4
    assert sent.sources[1].id == "urn:epc:id:sgln:0355555.00002.0"
    assert sent.extensions[0].name == "dropShipment"


def test_prefixes_do_not_matter(shipment):
    odd = shipment.replace(b"epcis:EPCIS", b"n0:EPCIS").replace(b"xmlns:epcis=", b"xmlns:n0=")
    assert b"<n0:EPCISDocument" in odd
    assert read_document(odd).events == read_document(shipment).events


def test_a_default_namespace_for_everything_is_read_with_warnings():
    document = b"""<EPCISDocument xmlns="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2"
      creationDate="2026-01-01T00:00:00Z"><EPCISBody><EventList><ObjectEvent>
      <eventTime>2026-01-01T00:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
      <epcList><epc>urn:epc:id:sgtin:0355555.055555.1</epc></epcList><action>ADD</action>
      <readPoint><id>urn:epc:id:sgln:0355555.00001.0</id></readPoint>
      </ObjectEvent></EventList></EPCISBody></EPCISDocument>"""
    read = read_document(document)
    assert read.events[0].epcs == ("urn:epc:id:sgtin:0355555.055555.1",)
    assert read.events[0].read_point.id == "urn:epc:id:sgln:0355555.00001.0"
    assert read.findings


def test_a_time_without_zone_is_read_by_the_offset_and_noted():
    document = _object_event("<eventTime>2026-01-02T03:04:05</eventTime>", offset="+02:00")
    read = read_document(document)
    assert read.events[0].instant.isoformat() == "2026-01-02T01:04:05+00:00"
    assert "event.time-without-zone" in [finding.code for finding in read.findings]


def test_words_of_cbv_1_0_are_kept_as_written():
    document = _object_event(
        extra="<disposition>urn:epcglobal:cbv:disp:non_sellable_expired</disposition>"
    )
    (event,) = read_document(document).events
    assert event.disposition == "urn:epcglobal:cbv:disp:non_sellable_expired"


def _object_event(
    time="<eventTime>2026-01-02T03:04:05Z</eventTime>", offset="+00:00", extra="", version="1"
) -> bytes:
    return (
        f'<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:{version}" schemaVersion="{version}.0"'
        ' creationDate="2026-01-01T00:00:00Z"><EPCISBody><EventList><ObjectEvent>'
        f"{time}<eventTimeZoneOffset>{offset}</eventTimeZoneOffset>"
        "<epcList><epc>urn:epc:id:sgtin:0355555.055555.1</epc></epcList><action>ADD</action>"
        f"{extra}</ObjectEvent></EventList></EPCISBody></e:EPCISDocument>"
    ).encode()


def test_fields_in_the_wrong_nesting_are_read_all_the_same():
    flat = _object_event(
        extra='<sourceList><source type="urn:epcglobal:cbv:sdt:location">urn:x:1</source>'
        "</sourceList><ilmd><l:lot xmlns:l='urn:l'>7</l:lot></ilmd>"
    )
    nested = _object_event(
        extra="<extension><extension><extension><persistentDisposition><set>urn:x:set</set>"
        "</persistentDisposition></extension></extension></extension>",
        version="2",
    )
    (event,) = read_document(flat).events
    assert event.sources[0].id == "urn:x:1"
    assert event.ilmd[0].text == "7"
    (event,) = read_document(nested).events
    assert event.persistent_disposition.set == ("urn:x:set",)


def test_several_transformations_in_one_extension_are_all_read():
    document = (DOCUMENTS / "distribution-1.2.xml").read_bytes()
    start = document.index(b"<TransformationEvent>")
    end = document.index(b"</TransformationEvent>") + len(b"</TransformationEvent>")
    twice = document[:end] + document[start:end] + document[end:]
    kinds = [type(event) for event in read_document(twice).events]
    assert kinds.count(TransformationEvent) == 2


def test_a_master_data_document_has_vocabularies_and_no_events(examples):
    read = read_document((examples / "master-data.xml").read_bytes())
    assert (read.header.kind, read.events) == ("masterdata", ())
    assert [len(vocabulary.elements) for vocabulary in read.header.master_data] == [2, 4]


def test_master_data_documents_and_query_results_are_documents_too(shared):
    interop = shared / "epcis/query-interop"
    master = read_document((interop / "masterdata/EPCIS10-MD-Capture.xml").read_bytes())
    assert master.header.kind == "masterdata"
    assert len(master.header.master_data) > 3
    assert master.events == ()
    results = [p for p in (interop / "responses").glob("*.xml") if b"<queryName>" in p.read_bytes()]
    counts = [len(read_document(path.read_bytes()).events) for path in results]
    assert sum(counts) > 20
    header = read_document(results[0].read_bytes()).header
    assert (header.kind, bool(header.query_name)) == ("query", True)


def test_query_documents_are_written_in_every_syntax():
    document = (DOCUMENTS / "answer.jsonld").read_bytes()
    for syntax in (Syntax.XML_2_0, Syntax.XML_1_2):
        written = converted(document, syntax)
        assert validate_xml(written) == []
        back = read_document(converted(written, Syntax.JSON_LD))
        assert back.header.subscription_id == "7d1b1d6e-0c55-4a5f-9a64-3f7a2f0c3301"
        assert len(back.events) == 2
    assert validate_json(converted(document, Syntax.JSON_LD)) == []


def test_a_bare_event_stays_a_bare_event():
    bare = (
        b"<ObjectEvent><eventTime>2026-01-02T03:04:05Z</eventTime><eventTimeZoneOffset>+00:00"
        b"</eventTimeZoneOffset><epcList><epc>urn:epc:id:sgtin:0355555.055555.1</epc></epcList>"
        b"<action>OBSERVE</action></ObjectEvent>"
    )
    assert read_document(bare).header.kind == "event"
    in_json = converted(bare, Syntax.JSON_LD)
    assert json.loads(in_json)["type"] == "ObjectEvent"
    assert canonical(converted(in_json, Syntax.XML_2_0)) == canonical(bare)


def test_one_event_as_a_json_line_reads_back_as_itself(json_documents):
    for path in json_documents:
        for event in read_document(path.read_bytes()).events:
            line = write_event_json(event)
            assert b"\n" not in line
            (again,) = read_document(line, validate=False).events
            assert again.extensions == event.extensions
            assert write_event_json(again) == line


def test_custom_contexts_name_fields_without_a_prefix():
    event = {
        "@context": [
            "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            {"grade": "http://example.com/v/grade", "deep": {"@id": "http://example.com/v#deep"}},
        ],
        "type": "ObjectEvent",
        "eventTime": "2026-01-02T03:04:05Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": [],
        "action": "ADD",
        "grade": "A",
        "deep": {"http://example.com/v/inner": "x"},
    }
    read = read_document(json.dumps(event).encode(), validate=False)
    grade, deep = read.events[0].extensions
    assert (grade.namespace, grade.name) == ("http://example.com/v/", "grade")
    assert (deep.namespace, deep.name) == ("http://example.com/v#", "deep")
    assert deep.children[0].name == "inner"


def test_remote_contexts_are_never_fetched_but_known_ones_are_used():
    url = "https://partner.example/context.jsonld"
    event = {
        "@context": [url],
        "type": "ObjectEvent",
        "eventTime": "2026-01-02T03:04:05Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": [],
        "action": "ADD",
        "p:grade": "A",
    }
    text = json.dumps(event).encode()
    unknown = read_document(text)
    assert "context.unknown" in [finding.code for finding in unknown.findings]
    assert unknown.events[0].extensions[0].text == "A"
    assert json.loads(converted(text, Syntax.JSON_LD))["p:grade"] == "A"
    known = read_document(text, contexts={url: {"@context": {"p": "http://example.com/p/"}}})
    assert known.events[0].extensions[0].namespace == "http://example.com/p/"


@pytest.mark.parametrize(
    "url",
    [
        "https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
        "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "https://ref.gs1.org/standards/epcis/2.0.1/epcis-context.jsonld",
        "https://gs1.github.io/EPCIS/epcis-context.jsonld",
    ],
)
def test_the_standard_context_is_known_under_all_its_addresses(url):
    document = b'{"@context": "%s", "type": "EPCISDocument", "epcisBody": {"eventList": []}}'
    codes = [f.code for f in read_document(document % url.encode()).findings]
    assert "context.unknown" not in codes


def test_a_documents_own_context_is_written_again():
    url = "https://partner.example/context.jsonld"
    document = {
        "@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", url],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-02T03:04:05Z",
        "epcisBody": {"eventList": []},
    }
    again = json.loads(converted(json.dumps(document).encode(), Syntax.JSON_LD))
    assert again["@context"] == document["@context"]


def test_words_take_the_form_that_is_asked_for(shipment):
    web = converted(shipment, Syntax.XML_2_0, WriteOptions(cbv_format=CbvFormat.WEB_URI))
    assert b"https://ref.gs1.org/cbv/BizStep-commissioning" in web
    assert b"urn:epcglobal:cbv:bizstep" not in web
    urns = converted(web, Syntax.XML_2_0, WriteOptions(cbv_format=CbvFormat.URN))
    assert b"<bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep>" in urns
    as_written = WriteOptions(cbv_format=CbvFormat.AS_WRITTEN)
    assert b"BizStep-commissioning" in converted(web, Syntax.XML_2_0, as_written)
    bare = json.loads(converted(web, Syntax.JSON_LD))
    assert bare["epcisBody"]["eventList"][0]["bizStep"] == "commissioning"
    from_json = converted(converted(web, Syntax.JSON_LD), Syntax.XML_1_2)
    assert b"<bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep>" in from_json


def test_identifiers_take_the_form_that_is_asked_for(shipment):
    links = WriteOptions(epc_format=EpcFormat.DIGITAL_LINK)
    event = json.loads(converted(shipment, Syntax.JSON_LD, links))["epcisBody"]["eventList"][0]
    assert event["epcList"][0] == "https://id.gs1.org/01/00355555678908/21/U1"
    assert event["readPoint"]["id"] == "https://id.gs1.org/414/0355555000013"
    kept = json.loads(converted(shipment, Syntax.JSON_LD))["epcisBody"]["eventList"][0]
    assert kept["epcList"][0] == "urn:epc:id:sgtin:0355555.067890.U1"


def test_sniffing_tells_syntax_version_and_packing(xml_documents):
    for path in xml_documents:
        found = sniff(path.read_bytes()[:4096])
        assert found.packing is Packing.PLAIN
        is_2 = read_document(path.read_bytes()).header.schema_version.startswith("2")
        assert found.syntax is (Syntax.XML_2_0 if is_2 else Syntax.XML_1_2), path.name


def test_sniffing_knows_json(json_documents):
    for path in json_documents:
        assert sniff(path.read_bytes()[:4096]).syntax is Syntax.JSON_LD


def test_the_reader_tells_where_each_event_stands(shipment):
    reader = open_document(shipment)
    lines = shipment.splitlines()
    paths = []
    for event in reader:
        assert type(event).__name__.encode() in lines[reader.where.line - 1]
        paths.append(reader.where.path)
    assert paths[2] == "/EPCISDocument/EPCISBody/EventList/AggregationEvent[1]"


def test_progress_is_told_while_converting(shipment):
    seen: list[int] = []
    convert(shipment, io.BytesIO(), Syntax.XML_2_0, progress=seen.append)
    assert seen[-1] == len(shipment)
    assert seen == sorted(seen)


def test_strict_reading_takes_every_valid_xml_document(xml_documents):
    taken = 0
    for path in xml_documents:
        document = path.read_bytes()
        if is_acceptable(validate_xml(document)):
            strictly = read_document(document, strict=True)
            assert strictly.events == read_document(document).events, path.name
            taken += 1
    assert taken > len(xml_documents) * 0.7


def test_strict_reading_takes_every_valid_json_document(json_documents):
    taken = 0
    for path in json_documents:
        document = path.read_bytes()
        if is_acceptable(validate_json(document)):
            assert read_document(document, strict=True).events
            taken += 1
    assert taken > len(json_documents) * 0.7
