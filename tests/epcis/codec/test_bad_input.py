"""Whatever is sent: a document, or a refusal that says what is wrong. Never a stack trace."""

from __future__ import annotations

import gzip
import io
import json
import zipfile

import pytest

from epcis.codec.document import (
    DocumentLimits,
    DocumentRefused,
    Syntax,
    convert,
    open_document,
    read_document,
)
from schemas.finding import Severity, is_acceptable
from tests.epcis.codec.mutants import json_mutants, xml_mutants

EVENT = (
    "<ObjectEvent><eventTime>2026-01-02T03:04:05Z</eventTime>"
    "<eventTimeZoneOffset>+00:00</eventTimeZoneOffset>"
    "<epcList><epc>urn:epc:id:sgtin:0355555.055555.1</epc></epcList><action>ADD</action>{}"
    "</ObjectEvent>"
)
START = (
    '<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0"'
    ' creationDate="2026-01-02T03:04:05Z"><EPCISBody><EventList>'
)
END = "</EventList></EPCISBody></epcis:EPCISDocument>"
PLAIN = START + EVENT.format("") + END
JSON_START = (
    '{"@context": "https://ref.gs1.org/standards/epcis/epcis-context.jsonld",'
    ' "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2026-01-02T03:04:05Z",'
    ' "epcisBody": {"eventList": ['
)
JSON_EVENT = (
    '{{"type": "ObjectEvent", "eventTime": "2026-01-02T03:04:05Z", "eventTimeZoneOffset": "+00:00",'
    ' "epcList": ["urn:epc:id:sgtin:0355555.055555.1"], "action": "ADD"{}}}'
)
JSON_PLAIN = JSON_START + JSON_EVENT.format("") + "]}}"


def refusal(document: bytes, **options) -> str:
    """The code of the reason why a document is refused."""
    with pytest.raises(DocumentRefused) as refused:
        read_document(document, **options)
    finding = refused.value.findings[-1]
    assert finding.what
    assert finding.hint
    return finding.code


REASONS = {
    "ObjectEvent_bare_event_without_action.xml": "action",
    "ObjectEvent_with_invalid_eventTime_format.xml": "date",
    "ObjectEvent_with_unknown_element.xml": "madeUpField",
    "ObjectEvent_without_eventTime.xml": "eventTime",
    "ObjectEvent_with_non_standard_bizStep.json": "business step",
    "ObjectEvent_with_invalid_certificationInfo.json": "certificationInfo",
    "ObjectEvent_with_unknown_field_in_quantityList.json": "weight",
    "ObjectEvent_without_identifier_list.json": "what it is about",
    "ObjectEvent_with_ilmd_field_without_namespace.json": "materialType",
    "ObjectEvent_with_non_standard_disposition.json": "disposition",
    "Combination_of_events_with_missing_mandatory_fields.json": "action",
    "Combination_of_non_standard_bizStep_and_disposition.json": "business step",
}


def test_each_invalid_example_is_explained_for_the_right_reason(shared):
    seen = set()
    for folder in ("invalid-xml", "invalid-json"):
        for path in (shared / "epcis/examples" / folder).iterdir():
            findings = read_document(path.read_bytes()).findings
            assert any(REASONS[path.name] in finding.what for finding in findings), path.name
            seen.add(path.name)
    assert seen == set(REASONS)


def test_each_invalid_example_is_refused_in_strict_reading(shared):
    for folder in ("invalid-xml", "invalid-json"):
        for path in (shared / "epcis/examples" / folder).iterdir():
            with pytest.raises(DocumentRefused) as refused:
                read_document(path.read_bytes(), strict=True)
            assert any(REASONS[path.name] in f.what for f in refused.value.findings), path.name


def survives(document: bytes) -> None:
    """Reading and converting end in a result or a refusal; anything else escapes and fails."""
    for syntax in (Syntax.JSON_LD, Syntax.XML_2_0):
        out = io.BytesIO()
        try:
            convert(document, out, syntax)
        except DocumentRefused as refused:
            assert refused.findings  # noqa: PT017  # what is asserted is the refusal itself
            continue
        read_document(out.getvalue(), validate=False)


@pytest.fixture(scope="module")
def small_xml(xml_documents) -> list[bytes]:
    found = [path.read_bytes() for path in xml_documents]
    return [document for document in found if len(document) < 30_000]


@pytest.fixture(scope="module")
def small_json(json_documents) -> list[bytes]:
    return [path.read_bytes() for path in json_documents]


def test_damaged_xml_never_escapes(small_xml):
    for document in xml_mutants(small_xml, 250, seed=1):
        survives(document)


def test_damaged_json_never_escapes(small_json):
    for document in json_mutants(small_json, 250, seed=2):
        survives(document)


@pytest.mark.slow
def test_two_thousand_damaged_xml_documents_never_escape(small_xml):
    for document in xml_mutants(small_xml, 2000, seed=3):
        survives(document)


@pytest.mark.slow
def test_two_thousand_damaged_json_documents_never_escape(small_json):
    for document in json_mutants(small_json, 2000, seed=4):
        survives(document)


def test_a_bare_doctype_is_accepted():
    assert len(read_document(f"<!DOCTYPE project>\n{PLAIN}".encode()).events) == 1


@pytest.mark.parametrize(
    "subset",
    [
        '<!ENTITY a "b">',
        '<!ENTITY x SYSTEM "file:///etc/passwd">',
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">',
        "",
    ],
)
def test_internal_subsets_and_entities_are_refused(subset):
    document = f"<!DOCTYPE project [{subset}]>{PLAIN}"
    assert refusal(document.encode()) == "xml.doctype-subset"
    late = f"<!-- {'-' * 0}a --><?x y?><!DOCTYPE p SYSTEM 'x.dtd' [{subset}]>{PLAIN}"
    assert refusal(late.encode()) == "xml.doctype-subset"


def test_an_undefined_entity_is_refused():
    document = START + EVENT.format('<x:y xmlns:x="urn:x">&secret;</x:y>') + END
    assert refusal(document.encode()) == "xml.malformed"


def test_deep_nesting_is_refused_in_both_syntaxes():
    deep = '<x:a xmlns:x="urn:x">' + "<b>" * 5000 + "</b>" * 5000 + "</x:a>"
    assert refusal((START + EVENT.format(deep) + END).encode()) in (
        "document.too-deep",
        "xml.malformed",
    )
    deep = '<x:a xmlns:x="urn:x">' + "<b>" * 150 + "</b>" * 150 + "</x:a>"
    assert refusal((START + EVENT.format(deep) + END).encode()) == "document.too-deep"
    for count in (150, 100_000):
        value = "[" * count + "]" * count
        document = JSON_START + JSON_EVENT.format(f', "urn:x:y": {value}') + "]}}"
        assert refusal(document.encode()) in ("document.too-deep", "json.malformed")


def test_a_text_of_ten_megabytes_is_read_or_refused_but_bounded():
    long = "x" * 11_000_000
    document = (START + EVENT.format(f'<x:y xmlns:x="urn:x">{long}</x:y>') + END).encode()
    try:
        (event,) = read_document(document).events
        assert len(event.extensions[0].text) == len(long)
    except DocumentRefused as refused:
        assert refused.findings[-1].code == "xml.malformed"  # noqa: PT017  # either will do
    document = (JSON_START + JSON_EVENT.format(f', "urn:x:y": "{long}"') + "]}}").encode()
    (event,) = read_document(document).events
    assert len(event.extensions[0].text) == len(long)


@pytest.mark.timeout(60)
def test_hundreds_of_thousands_of_attributes_are_refused():
    attributes = "".join(f' a{number}="1"' for number in range(300_000))
    document = (START + EVENT.format(f'<x:y xmlns:x="urn:x"{attributes}/>') + END).encode()
    assert refusal(document) == "document.too-many-attributes"


def test_repeated_json_members_are_errors_wherever_they_stand():
    for document in (
        JSON_PLAIN.replace('"action": "ADD"', '"action": "DELETE", "action": "ADD"'),
        JSON_PLAIN.replace('"schemaVersion"', '"schemaVersion": "1.2", "schemaVersion"'),
        JSON_PLAIN.replace('"type": "EPCISDocument"', '"type": "x", "type": "EPCISDocument"'),
    ):
        read = read_document(document.encode())
        assert len(read.events) == 1
        (found,) = [f for f in read.findings if f.code == "json.member-repeated"]
        assert found.severity is Severity.ERROR


def test_two_event_lists_refuse_a_json_document_for_nobody_knows_which_was_meant():
    for member, twice in (
        ('"eventList": [', '"eventList": [], "eventList": ['),
        ('"epcisBody": {', '"epcisBody": {}, "epcisBody": {'),
    ):
        assert refusal(JSON_PLAIN.replace(member, twice).encode()) == "json.member-repeated"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "0x1"])
def test_numbers_that_json_does_not_know_are_refused(value):
    document = JSON_START + JSON_EVENT.format(f', "urn:x:y": {value}') + "]}}"
    assert refusal(document.encode()) == "json.malformed"


@pytest.mark.parametrize("text", [r"\ud800", r"\udc00\ud800", r"a\ud83d"])
def test_halves_of_characters_are_refused(text):
    document = JSON_START + JSON_EVENT.format(f', "urn:x:y": "{text}"') + "]}}"
    assert refusal(document.encode()) == "json.malformed"


def test_control_characters_of_json_are_told_when_xml_cannot_hold_them():
    document = JSON_START + JSON_EVENT.format(r', "urn:x:y": "a\u0000b"') + "]}}"
    out = io.BytesIO()
    findings = convert(document.encode(), out, Syntax.XML_2_0)
    assert "xml.character-replaced" in [finding.code for finding in findings]
    (event,) = read_document(out.getvalue()).events
    assert event.extensions[0].text == "a\ufffdb"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_xml_in_any_unicode_encoding_reads_alike(encoding):
    document = '<?xml version="1.0"?>' + PLAIN.replace(".1<", ".\u00e9<")
    (event,) = read_document(document.encode(encoding)).events
    assert event.epcs == ("urn:epc:id:sgtin:0355555.055555.\u00e9",)


def test_xml_in_latin_1_reads_if_it_says_so_and_is_refused_if_not():
    text = PLAIN.replace(".1<", ".\u00e9<")
    declared = ('<?xml version="1.0" encoding="ISO-8859-1"?>' + text).encode("latin-1")
    (event,) = read_document(declared).events
    assert event.epcs == ("urn:epc:id:sgtin:0355555.055555.\u00e9",)
    assert refusal(text.encode("latin-1")) == "xml.malformed"


def test_json_in_utf_16_reads_with_a_warning_and_latin_1_is_refused():
    text = JSON_PLAIN.replace(".1", ".\u00e9")
    read = read_document(text.encode("utf-16"))
    assert read.events[0].epcs == ("urn:epc:id:sgtin:0355555.055555.\u00e9",)
    assert "json.not-utf-8" in [finding.code for finding in read.findings]
    assert refusal(text.encode("latin-1")) == "json.malformed"


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("document", [PLAIN.encode(), JSON_PLAIN.encode()])
def test_packed_documents_are_unpacked(document):
    for packed in (
        gzip.compress(document),
        zipped(day=document),
        zipped(day=gzip.compress(document)),
    ):
        assert len(read_document(packed).events) == 1


def test_bombs_are_refused_before_they_unpack():
    bomb = PLAIN.encode() + b" " * 60_000_000
    assert refusal(gzip.compress(bomb)) == "document.packed-bomb"
    assert refusal(zipped(day=bomb)) == "document.packed-bomb"
    assert refusal(gzip.compress(gzip.compress(gzip.compress(bomb)))) in (
        "document.packed-too-deep",
        "document.packed-bomb",
    )


def test_damaged_and_odd_packages_are_refused():
    packed = gzip.compress(PLAIN.encode())
    assert refusal(packed[: len(packed) // 2]) == "document.packed-damaged"
    assert refusal(zipped(a=b"x", b=b"y")) == "document.zip-members"
    assert refusal(zipped()) == "document.zip-members"
    assert refusal(b"PK\x03\x04 not a zip") == "document.packed-damaged"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "document.empty"),
        (b"   \n", "document.empty"),
        (b"lot 4711", "document.unknown-format"),
        (b"<html/>", "xml.not-epcis"),
        (b"<a", "xml.malformed"),
        (b"{}", "json.not-epcis"),
        (b"[]", "json.not-epcis"),
        (b"[1,", "json.malformed"),
        (b'{"type": "EPCISDocument"', "json.malformed"),
        (b'{"type": ["ObjectEvent"]}', "json.not-epcis"),
    ],
)
def test_what_is_no_epcis_document_is_refused(document, code):
    assert refusal(document) == code


def test_limits_have_names_and_hold():
    many = (START + EVENT.format("") * 30 + END).encode()
    assert refusal(many, limits=DocumentLimits(events_max=20)) == "document.too-many-events"
    assert refusal(many, limits=DocumentLimits(document_bytes_max=1000)) == "document.too-large"
    long = (START + EVENT.format(f"<!--{'x' * 300_000}-->") + END).encode()
    limits = DocumentLimits(event_bytes_max=100_000)
    assert refusal(long, limits=limits) == "document.part-too-large"
    listed = (JSON_START + ",".join([JSON_EVENT.format("")] * 30) + "]}}").encode()
    assert refusal(listed, limits=DocumentLimits(events_max=20)) == "document.too-many-events"


def test_a_crowd_of_tiny_elements_is_refused_before_it_fills_the_memory():
    crowd = '<x:y xmlns:x="urn:x">' + "<a/>" * 300_000 + "</x:y>"
    document = (START + EVENT.format(crowd) + END).encode()
    assert refusal(document) == "document.extension-too-large"
    crowd = f'<x:y xmlns:x="urn:x">{"<a/>" * 3_000_000}</x:y>'
    assert refusal((START + EVENT.format(crowd) + END).encode()) == "document.part-too-large"
    for value in ("[]", "1", '""'):
        values = ", ".join([value] * 300_000)
        document = JSON_START + JSON_EVENT.format(f', "urn:x:y": [{values}]') + "]}}"
        assert refusal(document.encode()) == "document.extension-too-large"
    nothing = (JSON_START + ",".join(["{}"] * 50_000) + "]}}").encode()
    assert read_document(nothing).events == ()


def test_findings_are_counted_beyond_the_limit():
    many = (START + EVENT.format("<odd/>") * 50 + END).encode()
    findings = read_document(many, limits=DocumentLimits(findings_max=10)).findings
    assert len(findings) == 10
    assert "further findings" in findings[-1].what


def test_a_malformed_end_is_told_with_its_line():
    document = ("\n\n" + START + "\n" + EVENT.format("") + "\n</wrong>").encode()
    with pytest.raises(DocumentRefused) as refused:
        list(open_document(document))
    assert refused.value.findings[-1].where.line == 5


def test_lenient_reading_leaves_out_only_what_cannot_be_read():
    broken = EVENT.format("").replace("<action>ADD</action>", "")
    read = read_document((START + EVENT.format("") + broken + EVENT.format("") + END).encode())
    assert len(read.events) == 2
    assert not is_acceptable(read.findings)
    json_broken = JSON_EVENT.format("").replace('"ADD"', "7")
    events = ",".join([JSON_EVENT.format(""), json_broken, '"x"', JSON_EVENT.format("")])
    assert len(read_document((JSON_START + events + "]}}").encode()).events) == 2


def test_a_bare_event_that_cannot_be_read_is_refused_not_written_as_nothing():
    for event in (EVENT.format("").replace("<action>ADD</action>", ""), '{"type": "ObjectEvent"}'):
        for syntax in Syntax:
            with pytest.raises(DocumentRefused) as refused:
                convert(event.encode(), io.BytesIO(), syntax)
            assert "event.field-missing" in {f.code for f in refused.value.findings}


def test_json_without_an_event_list_says_so():
    document = json.loads(JSON_START + "]}}")
    del document["epcisBody"]["eventList"]
    findings = read_document(json.dumps(document).encode()).findings
    assert "document.no-event-list" in [finding.code for finding in findings]
