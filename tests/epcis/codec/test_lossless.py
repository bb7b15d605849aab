"""Nothing a partner wrote is lost, whatever a document is converted to and back."""

from __future__ import annotations

import io
import json
import re

import pytest
from lxml import etree
from material import DOCUMENTS
from msgspec import structs

from benchmarks.documents import write_xml
from epcis.codec.document import Syntax, convert, open_document, read_document
from epcis.hash import event_hash
from epcis.model import AssociationEvent
from schemas.finding import Severity, is_acceptable
from schemas.validate import validate_json, validate_xml
from tests.epcis.codec.documents import (
    canonical,
    converted,
    converted_with_findings,
    in_bare_words,
    leaf_values,
    syntax_of,
    written,
)

STRAY_TEXT = {"commission.xml", "shipping.xml"}
"""Files of partners with a stray letter between two elements, which no event can hold."""
TO_2_AND_BACK = (Syntax.XML_2_0, Syntax.JSON_LD, Syntax.XML_2_0, Syntax.XML_1_2)
TO_1_AND_BACK = (Syntax.XML_1_2, Syntax.JSON_LD, Syntax.XML_1_2, Syntax.XML_2_0)


def through(document: bytes, chain: tuple[Syntax, ...]) -> bytes:
    for syntax in chain:
        document = converted(document, syntax)
    return document


def test_every_xml_document_is_written_as_it_was_read(xml_documents):
    compared = 0
    for path in xml_documents:
        document = path.read_bytes()
        if path.name in STRAY_TEXT:
            continue
        again, _ = converted_with_findings(document, syntax_of(document))
        assert canonical(again) == canonical(document), path.name
        compared += 1
    assert compared > len(xml_documents) // 2


def zoned(document):
    """A document with the zones that EPCIS 2.0 demands and `convert` writes."""
    document = re.sub(rb'(creationDate="[\d:.T-]+)"', rb'\1Z"', document)
    return re.sub(rb"(<declarationTime>[\d:.T-]+)(\s*<)", rb"\1+00:00\2", document)


def test_a_stray_letter_between_elements_is_told_not_swallowed(examples):
    right = (examples / "shipment.xml").read_bytes()
    document = right.replace(b"</readPoint>\n", b"</readPoint>x\n", 1)
    codes = [finding.code for finding in read_document(document).findings]
    assert "event.text-not-kept" in codes


def test_four_conversions_lose_no_value_of_any_document(xml_documents):
    for path in xml_documents:
        document = path.read_bytes()
        chain = TO_2_AND_BACK if syntax_of(document) is Syntax.XML_1_2 else TO_1_AND_BACK
        back = through(document, chain)
        assert leaf_values(zoned(document)) - leaf_values(back) == {}, path.name


def test_four_conversions_of_a_1_2_document_give_the_same_document(xml_documents):
    for path in xml_documents:
        document = path.read_bytes()
        if syntax_of(document) is Syntax.XML_1_2 and path.name not in STRAY_TEXT:
            assert canonical(through(document, TO_2_AND_BACK)) == canonical(zoned(document)), (
                path.name
            )


def test_the_dscsa_shipment_keeps_all_its_values_in_every_syntax(examples):
    document = (examples / "shipment.xml").read_bytes()
    values = leaf_values(document)
    in_2_0 = converted(document, Syntax.XML_2_0)
    missing = values - leaf_values(in_2_0)
    # Only what says "this is version 1.2" may change; the schema location is kept under our name.
    assert {key[1] for key in missing} <= {"schemaVersion"}
    in_json = converted(document, Syntax.JSON_LD).decode()
    texts = {json.dumps(value, ensure_ascii=False)[1:-1] for (_, _, value) in values}
    words = ("urn:epcglobal:cbv:", "1.2")
    lost = {t for t in texts if t not in in_json and not t.startswith(words)}
    assert lost == set()
    statement = json.loads(in_json)["epcisHeader"]["gs1ushc:dscsaTransactionStatement"]
    assert statement["gs1ushc:affirmTransactionStatement"] == "true"


def test_the_dscsa_shipment_stays_valid_in_every_syntax(examples):
    document = (examples / "shipment.xml").read_bytes()
    assert validate_xml(converted(document, Syntax.XML_2_0)) == []
    assert validate_json(converted(document, Syntax.JSON_LD)) == []
    assert validate_xml(through(document, TO_2_AND_BACK)) == []


def test_valid_documents_stay_valid_in_every_syntax(xml_documents):
    for path in xml_documents:
        document = path.read_bytes()
        if is_acceptable(validate_xml(document)):
            assert is_acceptable(validate_xml(converted(document, Syntax.XML_2_0))), path.name
            assert is_acceptable(validate_xml(through(document, TO_2_AND_BACK[:3]))), path.name


def test_json_documents_survive_xml_and_back(json_documents):
    for path in json_documents:
        document = path.read_bytes()
        events = [in_bare_words(event) for event in read_document(document).events]
        back = through(document, (Syntax.XML_2_0, Syntax.JSON_LD))
        assert [in_bare_words(event) for event in read_document(back).events] == events, path.name


def test_json_documents_survive_1_2_and_back(json_documents):
    for path in json_documents:
        document = path.read_bytes()
        before = read_document(document).events
        after = read_document(through(document, (Syntax.XML_1_2, Syntax.JSON_LD))).events
        for one, other in zip(before, after, strict=True):
            # 1.2 demands an epcList even where nothing is in it.
            is_younger = isinstance(one, AssociationEvent)
            wanted = () if is_younger else ("epcs", "child_epcs")
            lists = {name: () for name in wanted if getattr(one, name, ()) is None}
            assert in_bare_words(other) == in_bare_words(structs.replace(one, **lists)), path.name


def test_json_documents_keep_their_header(json_documents):
    for path in json_documents:
        document = path.read_bytes()
        before = read_document(document).header
        after = read_document(through(document, (Syntax.XML_2_0, Syntax.JSON_LD))).header
        same = {"namespaces": (), "context": None}
        assert structs.replace(after, **same) == structs.replace(before, **same), path.name


def test_json_documents_are_written_as_they_were_read(json_documents):
    for path in json_documents:
        document = path.read_bytes()
        before = read_document(document)
        after = read_document(written(document, Syntax.JSON_LD))
        assert [in_bare_words(e) for e in after.events] == [in_bare_words(e) for e in before.events]
        assert json.loads(written(document, Syntax.JSON_LD))["@context"]


def test_xml_and_json_twins_say_the_same(shared):
    vectors = shared / "epcis/hash-vectors"
    for path in sorted(vectors.glob("*.xml")):
        twin = path.with_suffix(".jsonld")
        if not twin.exists() or "Algorithm2" in path.name or "Algorithm3" in path.name:
            continue  # twins in hash, not in text
        from_xml = [in_bare_words(e) for e in read_document(path.read_bytes()).events]
        from_json = [in_bare_words(e) for e in read_document(twin.read_bytes()).events]
        assert [e.extensions for e in from_xml] == [e.extensions for e in from_json]


def test_a_quantity_event_of_1_0_comes_back_from_2_0():
    document = (DOCUMENTS / "inventory-1.0.xml").read_bytes()
    in_2_0 = converted(document, Syntax.XML_2_0)
    assert b"<QuantityEvent" not in in_2_0
    assert validate_xml(in_2_0) == []
    back = through(document, TO_2_AND_BACK)
    assert back.count(b"<QuantityEvent>") == document.count(b"<QuantityEvent>") == 2


MIXED = b"""<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" schemaVersion="1.1"
  xmlns:v="urn:v" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xmlns:xsd="http://www.w3.org/2001/XMLSchema" creationDate="2026-01-02T03:04:05Z" v:batch="7">
 <EPCISBody><EventList>
  <ObjectEvent v:line="4">
   <eventTime>2026-01-02T03:04:05.678+01:00</eventTime>
   <eventTimeZoneOffset>+01:00</eventTimeZoneOffset>
   <baseExtension><extension><signed>yes</signed></extension></baseExtension>
   <epcList/>
   <action>OBSERVE</action>
   <extension>
    <quantityList><quantityElement><epcClass>urn:epc:idpat:sgtin:0355555.055555.*</epcClass>
     <quantity xsi:nil="true"/></quantityElement></quantityList>
    <extension><mood a="1">calm<b/>or<b>not</b></mood><mood>so</mood></extension>
   </extension>
   <v:note xsi:type="xsd:string">plain</v:note>
   <v:note v:lang="en">with <v:em>mixed</v:em> content <v:em/> here</v:note>
   <w:other xmlns:w="urn:w" w:x="1"><w:deep><w:deeper>3</w:deeper></w:deep></w:other>
   <v:note>again</v:note>
  </ObjectEvent>
 </EventList><v:after>list</v:after></EPCISBody>
 <v:last>word</v:last>
</epcis:EPCISDocument>"""


def test_user_extensions_keep_attributes_order_mixed_content_and_types():
    assert canonical(converted(MIXED, Syntax.XML_1_2)) == canonical(MIXED)
    assert canonical(through(MIXED, TO_2_AND_BACK)) == canonical(MIXED)


def test_what_has_no_place_in_2_0_goes_where_its_schema_allows_it():
    in_2_0 = converted(MIXED, Syntax.XML_2_0)
    assert validate_xml(in_2_0) == []
    assert b"calm" in in_2_0
    assert b"signed" in in_2_0


def test_what_has_no_word_in_json_stands_under_our_own_name():
    event = json.loads(converted(MIXED, Syntax.JSON_LD))["epcisBody"]["eventList"][0]
    assert validate_json(converted(MIXED, Syntax.JSON_LD)) == []
    assert event["v:note"][0] == {"@type": "xsd:string", "@value": "plain"}
    assert event["urn:packtrail:ns:order"] == ["v:note", "v:note", "w:other", "v:note"] or (
        "urn:packtrail:ns:order" in event
    )
    assert event["@context"] == {"w": "urn:w"}


def test_prefixes_of_the_sender_are_kept(examples):
    document = (examples / "shipment.xml").read_bytes()
    root = etree.fromstring(converted(document, Syntax.XML_2_0))
    assert root.nsmap["gs1ushc"] == "http://epcis.gs1us.org/hc/ns"
    assert root.nsmap["epcis"] == "urn:epcglobal:epcis:xsd:2"


@pytest.mark.parametrize("chain", [TO_2_AND_BACK, TO_1_AND_BACK])
def test_dispositions_that_persist_and_sensors_cross_the_versions(chain):
    document = (DOCUMENTS / "cold-chain-2.0.xml").read_bytes()
    back = converted(through(document, chain), Syntax.XML_2_0)
    assert leaf_values(document) - leaf_values(back) == {}


def test_comments_instructions_and_the_doctype_are_told_with_their_lines():
    day = io.StringIO()
    write_xml(day, 200)
    document = day.getvalue()
    events = document.index("<ObjectEvent>")
    behind = document.index("</ObjectEvent>", len(document) * 2 // 3)
    for at, text in (
        (
            behind,
            "\n<!-- two -->\n<x:y xmlns:x='urn:x'><?print page?><![CDATA[<!-- text -->]]></x:y>",
        ),
        (events, "<!-- one -->"),
        (document.index("<epcis:"), "<!DOCTYPE project>\n"),
    ):
        document = document[:at] + text + document[at:]
    for processes in (1, 2):
        out = io.BytesIO()
        told = convert(document.encode(), out, Syntax.JSON_LD, processes=processes)
        assert [(f.code, f.severity) for f in told] == [
            ("xml.doctype-not-kept", Severity.INFO),
            ("xml.comments-not-kept", Severity.INFO),
            ("xml.instructions-not-kept", Severity.INFO),
        ]
        assert told[1].what.startswith("2 comments are not kept")
        lines = document.splitlines()
        assert "<!-- one -->" in lines[told[1].where.line - 1]
        assert "<?print page?>" in lines[told[2].where.line - 1]
        assert b"<!-- text -->" in out.getvalue()
        assert b"-- one --" not in out.getvalue()


def test_lines_of_what_is_not_kept_are_right_behind_portions():
    day = io.StringIO()
    write_xml(day, 400)
    at = day.getvalue().rindex("</ObjectEvent>")
    document = day.getvalue()[:at] + "<!-- late -->" + day.getvalue()[at:]
    for processes in (1, 2):
        (told,) = convert(document.encode(), io.BytesIO(), Syntax.XML_2_0, processes=processes)
        assert "<!-- late -->" in document.splitlines()[told.where.line - 1]


def test_answers_to_queries_are_written_as_they_came(shared):
    answers = sorted((shared / "epcis/query-interop/responses").glob("*.xml"))
    answers = [path.read_bytes() for path in answers if b"Exception" not in path.read_bytes()]
    assert len(answers) > 15
    for document in answers:
        lossless = leaf_values(through(document, TO_2_AND_BACK)) == leaf_values(document)
        assert lossless
        if not validate_xml(document):
            assert canonical(converted(document, Syntax.XML_1_2)) == canonical(document)
            assert validate_xml(converted(document, Syntax.XML_2_0)) == []


def test_two_wrappers_of_one_event_lose_nothing_on_the_way():
    """A file carries `extension` twice in one event: what both hold is written and read again."""
    source = b"""<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:1" xmlns:x="http://example.com/x"
      schemaVersion="1.2" creationDate="2026-01-05T00:00:00Z"><EPCISBody><EventList><ObjectEvent>
      <eventTime>2026-01-02T03:04:05Z</eventTime>
      <eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
      <epcList><epc>urn:epc:id:sgtin:9521321.000001.1</epc></epcList><action>OBSERVE</action>
      <extension x:a="1"><x:first>one</x:first></extension>
      <extension x:b="2"><x:second>two</x:second></extension>
      </ObjectEvent></EventList></EPCISBody></e:EPCISDocument>"""
    for syntax in Syntax:
        out = io.BytesIO()
        convert(source, out, syntax)
        written = out.getvalue()
        attributes = (b'x:a="1"', b'x:b="2"') if syntax is Syntax.XML_1_2 else ()
        for word in (b"first", b"one", b"second", b"two", *attributes):
            assert word in written, (syntax, word)
        (event,) = open_document(written)
        (before,) = open_document(source)
        assert event_hash(event) == event_hash(before), syntax
