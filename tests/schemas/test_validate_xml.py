"""What a partner wrote wrong in XML is said so that they can mend it."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.validate import PublishedFilesMissingError, validate_xml, xml_schema

EVENT_1_2 = """
 <ObjectEvent>
  <eventTime>2026-01-31T12:00:00Z</eventTime>
  <eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
  <epcList><epc>urn:epc:id:sgtin:0614141.107346.1</epc></epcList>
  <action>ADD</action>
  <bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep>
  <extension><ilmd><m:lot xmlns:m="urn:x">A</m:lot></ilmd></extension>
 </ObjectEvent>
"""
DOCUMENT_1_2 = (
    '<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2" '
    'creationDate="2026-01-31T12:00:00Z">\n<EPCISBody><EventList>'
    + EVENT_1_2
    + "</EventList></EPCISBody></e:EPCISDocument>"
)
DOCUMENT_2_0 = (
    DOCUMENT_1_2.replace("xsd:1", "xsd:2")
    .replace('"1.2"', '"2.0"')
    .replace("<extension><ilmd>", "<ilmd>")
    .replace("</ilmd></extension>", "</ilmd>")
)
AT = "/EPCISDocument/EPCISBody/EventList/ObjectEvent[1]"

MISTAKES = [
    ("<action>ADD</action>", "", "xml.element-missing", "ObjectEvent has no 'action'", AT),
    (">ADD<", ">SHIP<", "xml.value", "action: 'SHIP' is not an action", f"{AT}/action"),
    (
        "<bizStep>",
        "<bizSteps>",
        "xml.element-unknown",
        "ObjectEvent knows no element 'bizSteps'",
        AT,
    ),
    (
        "2026-01-31T12:00:00Z</eventTime>",
        "31.1.2026</eventTime>",
        "xml.value",
        "eventTime: '31.1.2026' is not a date and time",
        f"{AT}/eventTime",
    ),
    (
        "<extension><ilmd>",
        "<ilmd>",
        "xml.element-misplaced",
        "ilmd does not stand in ObjectEvent in EPCIS 1.2",
        AT,
    ),
    (
        "<action>ADD</action>",
        "<action>ADD</action><action>ADD</action>",
        "xml.element-repeated",
        "ObjectEvent has 'action' more than once",
        AT,
    ),
    (
        "<extension><ilmd>",
        "<x:own xmlns:x='urn:x'/><extension><ilmd>",
        "xml.element-misordered",
        "'extension' stands after elements of other namespaces",
        AT,
    ),
    (
        "<extension><ilmd>",
        "<extension><x:own xmlns:x='urn:x'/><ilmd>",
        "xml.element-misplaced",
        "own, which is not of the standard, stands inside <extension>",
        f"{AT}/extension",
    ),
    (
        "<epcList><epc>",
        "<epcList>none<epc>",
        "xml.text-unexpected",
        "epcList holds text between its elements",
        f"{AT}/epcList",
    ),
    (
        "<action>",
        "<e:action>",
        "xml.element-with-namespace",
        "action inside ObjectEvent carries the EPCIS namespace",
        AT,
    ),
    (
        "<eventTimeZoneOffset>",
        "<eventID>urn:x:y</eventID><eventTimeZoneOffset>",
        "xml.element-misplaced",
        "eventID does not stand in ObjectEvent in EPCIS 1.2",
        AT,
    ),
    (
        "<bizStep>",
        "<sensorElementList/><bizStep>",
        "xml.element-of-other-version",
        "sensorElementList is not known to EPCIS 1.2, only to 2.0",
        AT,
    ),
    (
        "ObjectEvent>",
        "FooEvent>",
        "xml.element-unknown",
        "EventList knows no element 'FooEvent'",
        "/EPCISDocument/EPCISBody/EventList",
    ),
    (
        ' schemaVersion="1.2"',
        "",
        "xml.attribute-missing",
        "EPCISDocument has no attribute 'schemaVersion'",
        "/EPCISDocument",
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "code", "what", "path"), MISTAKES, ids=[m[2] + " " + m[3] for m in MISTAKES]
)
def test_a_mistake_is_told_in_plain_words(old, new, code, what, path):
    closing = (f"</{old[1:]}", f"</{new[1:]}")
    text = DOCUMENT_1_2.replace(old, new)
    if old.startswith("<") and new.startswith("<") and old.count("<") == new.count("<") == 1:
        text = text.replace(*closing)
    if "ilmd" in old and new == "<ilmd>":
        text = text.replace("</ilmd></extension>", "</ilmd>")
    found = validate_xml(text.encode())
    assert [finding.code for finding in found] == [code]
    assert found[0].what == what
    assert found[0].where.path == path
    assert found[0].where.line
    assert found[0].hint


def test_a_right_document_has_no_findings():
    assert validate_xml(DOCUMENT_1_2.encode()) == []
    assert validate_xml(DOCUMENT_2_0.encode()) == []


def test_a_time_without_zone_is_told_by_name_in_2_0():
    text = DOCUMENT_2_0.replace("12:00:00Z</eventTime>", "12:00:00</eventTime>")
    assert [finding.code for finding in validate_xml(text.encode())] == ["xml.time-without-zone"]


def test_every_wrong_event_of_many_is_named_with_its_place():
    events = [EVENT_1_2, EVENT_1_2.replace("<action>ADD</action>", "")] * 3
    text = DOCUMENT_1_2.replace(EVENT_1_2, "".join(events))
    found = validate_xml(text.encode())
    assert [finding.where.path for finding in found] == [
        f"/EPCISDocument/EPCISBody/EventList/ObjectEvent[{number}]" for number in (2, 4, 6)
    ]
    lines = [finding.where.line for finding in found]
    assert lines == sorted(set(lines))


def test_a_fault_outside_the_events_is_found_beside_theirs():
    text = DOCUMENT_1_2.replace("<EPCISBody>", "<EPCISHead/><EPCISBody>").replace(">ADD<", ">X<")
    codes = {finding.code for finding in validate_xml(text.encode())}
    assert codes == {"xml.value", "xml.element-unknown"}


def test_a_bare_event_is_judged_by_the_version_it_fits():
    bare = EVENT_1_2.strip().encode()
    assert validate_xml(bare) == []
    assert [f.code for f in validate_xml(bare.replace(b">ADD<", b"><"))] == ["xml.value-empty"]


def test_findings_are_listed_up_to_a_limit_and_then_counted_out():
    wrong = EVENT_1_2.replace(">ADD<", ">X<")
    text = DOCUMENT_1_2.replace(EVENT_1_2, wrong * 30)
    found = validate_xml(text.encode(), findings_max=10)
    assert len(found) == 11
    assert found[-1].code == "document.more-findings"


def test_memory_does_not_grow_with_the_document():
    def peak(events):
        text = DOCUMENT_1_2.replace(EVENT_1_2, EVENT_1_2.replace(">ADD<", ">X<") * events)
        source = io.BytesIO(text.encode())
        tracemalloc.start()
        validate_xml(source, findings_max=5)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(10)
    assert peak(3000) < peak(300) + 2_000_000


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<",
        b"<a/>",
        b"<EPCISDocument/>",
        b"<a xmlns='urn:epcglobal:epcis:xsd:1'/>",
        b"\xff\xfe\x00",
        b"<e:EPCISDocument xmlns:e='urn:epcglobal:epcis:xsd:1'>" + b"<a>" * 5000,
        b"<a xmlns='http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader'/>",
    ],
)
def test_what_is_no_document_is_refused_with_a_reason(text):
    found = validate_xml(text)
    assert found
    assert all(finding.what and finding.hint for finding in found)


def test_entities_are_never_resolved(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("password", encoding="utf-8")
    text = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]>' + DOCUMENT_1_2.replace(
        "urn:epc:id:sgtin:0614141.107346.1", "&x;"
    ).replace(">ADD<", ">&x;<")
    assert [finding.code for finding in validate_xml(text.encode())] == ["xml.doctype-subset"]


def test_a_bare_doctype_is_harmless():
    assert validate_xml(f"<!DOCTYPE project>{DOCUMENT_1_2}".encode()) == []


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_cut_or_pasted_the_verdict_stands_and_has_reasons(data):
    text = data.draw(st.sampled_from([DOCUMENT_1_2, DOCUMENT_2_0]))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 60)))
    paste = data.draw(
        st.sampled_from(["", " ", "<a/>", "x", "</action>", "<extension/>", text[9:40]])
    )
    mutant = (text[:start] + paste + text[end:]).encode()
    from lxml import etree

    found = validate_xml(mutant)
    try:
        tree = etree.fromstring(mutant, etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError:
        assert [finding.code for finding in found] in (["xml.malformed"], ["xml.not-epcis"])
        return
    space = etree.QName(tree).namespace or ""
    if space.startswith("urn:epcglobal:epcis:xsd:"):
        version = "2.0" if space.endswith("2") else "1.2" if space.endswith("1") else None
        if version:
            assert (found == []) == xml_schema(version).validate(tree)


def test_a_folder_without_published_files_is_told(tmp_path):
    with pytest.raises(PublishedFilesMissingError, match=r"no \.xsd files"):
        xml_schema("1.2", tmp_path)


def test_the_published_files_explain_as_well(shared):
    text = DOCUMENT_1_2.replace("<action>ADD</action>", "")
    found = validate_xml(text.encode(), published=shared / "epcis" / "standard")
    assert [finding.code for finding in found] == ["xml.element-missing"]
