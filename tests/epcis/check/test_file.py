"""`packtrail check`: a whole file, its findings in one list with line, path and advice."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from datetime import UTC, datetime

import pytest
from material import own

from epcis.check import check
from epcis.codec.document import DocumentLimits
from schemas.finding import Severity, is_acceptable

EVENT = """<ObjectEvent>
<eventTime>2026-01-31T12:00:00Z</eventTime>
<eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
<epcList><epc>urn:epc:id:sgtin:0614141.107346.1</epc></epcList>
<action>ADD</action>
</ObjectEvent>
"""
DOCUMENT = (
    '<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2" '
    f'creationDate="2026-02-01T12:00:00Z">\n<EPCISBody><EventList>\n{EVENT}'
    "</EventList></EPCISBody></e:EPCISDocument>"
)
JSON_EVENT = {
    "type": "ObjectEvent",
    "eventTime": "2026-01-31T12:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "action": "ADD",
    "epcList": ["urn:epc:id:sgtin:0614141.107346.1"],
}
JSON_DOCUMENT = {
    "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    "type": "EPCISDocument",
    "schemaVersion": "2.0",
    "creationDate": "2026-02-01T12:00:00Z",
    "epcisBody": {"eventList": [JSON_EVENT]},
}


def codes(data, **options):
    return [finding.code for finding in check(data, **options)]


def zipped(data):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.xml", data)
    return packed.getvalue()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zipped, io.BytesIO])
def test_a_right_file_has_no_findings_however_it_is_packed(pack):
    assert codes(pack(DOCUMENT.encode())) == []
    assert codes(json.dumps(JSON_DOCUMENT).encode()) == []


def test_a_file_in_utf_16_is_judged_like_any_other():
    declared = '<?xml version="1.0" encoding="UTF-16"?>' + DOCUMENT.replace(">ADD<", ">X<")
    assert codes(declared.encode("utf-16")) == ["xml.value"]


def test_a_source_that_cannot_be_read_twice_is_checked_too():
    class Pipe(io.RawIOBase):
        def __init__(self, data):
            self._data = io.BytesIO(data)

        def readable(self):
            return True

        def readinto(self, buffer):
            part = self._data.read(len(buffer))
            buffer[: len(part)] = part
            return len(part)

    wrong = DOCUMENT.replace(">ADD<", ">X<").encode()
    assert codes(Pipe(wrong)) == ["xml.value"]


def test_what_schema_reader_and_rules_all_see_is_said_once():
    wrong = DOCUMENT.replace("2026-01-31T12:00:00Z<", "31.1.2026<")
    assert codes(wrong.encode()) == ["xml.value"]
    event = {**JSON_EVENT, "bizStep": "shiping", "action": "OBSERVE", "ilmd": {"ex:a": "1"}}
    wrong = {**JSON_DOCUMENT, "epcisBody": {"eventList": [event]}}
    found = codes(json.dumps(wrong).encode())
    assert found.count("json.word-unknown") == 1
    assert found.count("json.ilmd-outside-add") == 1
    assert not any(code.startswith("event.") for code in found)


def test_a_rule_finding_names_line_and_path_in_xml():
    two = EVENT + EVENT.replace("</epc>", "</epc><epc>urn:epc:id:sgtin:0614141.107346.1</epc>")
    [found] = check(DOCUMENT.replace(EVENT, two).encode())
    assert found.code == "event.id-repeated"
    assert found.where.path == "/EPCISDocument/EPCISBody/EventList/ObjectEvent[2]/epcList"
    assert found.where.line == 9


def test_a_field_that_1_2_nests_is_named_where_it_stands():
    nested = EVENT.replace(
        "<action>ADD</action>",
        "<action>OBSERVE</action><extension><ilmd><m:a xmlns:m='urn:x'/></ilmd></extension>",
    )
    [found] = check(DOCUMENT.replace(EVENT, nested).encode())
    assert found.where.path.endswith("ObjectEvent[1]/extension/ilmd")


def test_a_rule_finding_names_line_and_path_in_json():
    event = {**JSON_EVENT, "epcList": ["urn:epc:id:sgtin:0614141.1073.1"]}
    wrong = {**JSON_DOCUMENT, "epcisBody": {"eventList": [JSON_EVENT, event]}}
    [found] = check(json.dumps(wrong, indent=1).encode())
    assert found.code == "event.id-malformed"
    assert found.where.path == "/epcisBody/eventList/1/epcList"
    assert "epcList" in json.dumps(wrong, indent=1).splitlines()[found.where.line - 1]


def test_dates_of_the_document_are_looked_at():
    early = DOCUMENT.replace("2026-02-01T", "2026-01-01T").encode()
    assert codes(early) == ["document.created-before-events"]
    assert codes(DOCUMENT.encode(), now=datetime(2026, 1, 1, tzinfo=UTC)) == [
        "document.created-in-future"
    ]
    wrong = {**JSON_DOCUMENT, "creationDate": "2026-01-01T00:00:00Z"}
    [found] = check(json.dumps(wrong, indent=1).encode())
    assert found.where.path == "/creationDate"
    assert found.where.line == 5


def test_an_event_id_belongs_to_one_event_and_its_error_declaration():
    first = EVENT.replace(
        "<epcList>", "<baseExtension><eventID>urn:uuid:1</eventID></baseExtension><epcList>"
    )
    declared = first.replace(
        "</eventID>",
        "</eventID><errorDeclaration><declarationTime>2026-02-01T00:00:00Z</declarationTime>"
        "</errorDeclaration>",
    )
    assert codes(DOCUMENT.replace(EVENT, first + declared).encode()) == []
    assert codes(DOCUMENT.replace(EVENT, first + first).encode()) == ["document.event-id-repeated"]


def test_master_data_that_contradicts_itself_is_found_on_its_line():
    entry = '<VocabularyElement id="urn:x:1"><attribute id="urn:a">{}</attribute>{}'
    entry += "</VocabularyElement>\n"
    children = "<children><id>urn:x:1</id></children>"
    header = (
        '<EPCISHeader><s:StandardBusinessDocumentHeader xmlns:s="http://www.unece.org/cefact/'
        'namespaces/StandardBusinessDocumentHeader"/>\n<extension><EPCISMasterData>'
        '<VocabularyList><Vocabulary type="urn:v"><VocabularyElementList>\n'
        f"{entry.format('a', '')}{entry.format('b', children)}</VocabularyElementList>"
        "</Vocabulary></VocabularyList></EPCISMasterData></extension></EPCISHeader>"
    )
    found = check(DOCUMENT.replace("<EPCISBody>", f"{header}<EPCISBody>").encode())
    mine = {f.code: f.where.line for f in found if f.code.startswith("document.")}
    assert mine == {"document.master-data-conflict": 4, "document.master-data-cycle": 4}


def test_findings_of_one_kind_are_counted_beyond_a_limit():
    many = EVENT.replace("</epc>", "</epc><epc>urn:epc:id:sgtin:0614141.107346.1</epc>") * 80
    found = check(DOCUMENT.replace(EVENT, many).encode())
    assert [finding.code for finding in found].count("event.id-repeated") == 50
    assert found[-1].code == "document.more-findings"
    assert found[-1].what.startswith("30 further findings")
    assert found[-1].severity is Severity.INFO


@pytest.mark.parametrize("folder", ["gs1-json", "openepcis-2.0-json", "openepcis-2.0-xml",
                                    "openepcis-1.2-xml", "gs1-xml", "dscsa"])  # fmt: skip
def test_published_examples_have_no_errors(shared, folder):
    for path in sorted((shared / "epcis/examples" / folder).iterdir()):
        if "CaptureJob" not in path.name:
            findings = check(path.read_bytes())
            assert is_acceptable(findings), (path.name, [str(f) for f in findings])


@pytest.mark.parametrize("folder", ["invalid-json", "invalid-xml"])
def test_published_wrong_examples_are_explained(shared, folder):
    for path in sorted((shared / "epcis/examples" / folder).iterdir()):
        findings = check(path.read_bytes())
        assert not is_acceptable(findings), path.name
        for finding in findings:
            assert finding.what
            assert finding.hint
            assert finding.where.path
            assert finding.where.line


WRONG_REASONS = {
    "ObjectEvent_bare_event_without_action.xml": ("xml.element-missing", "'action'"),
    "ObjectEvent_with_invalid_eventTime_format.xml": ("xml.value", "22-07-2026"),
    "ObjectEvent_with_unknown_element.xml": ("xml.element-unknown", "madeUpField"),
    "ObjectEvent_without_eventTime.xml": ("xml.element-missing", "'eventTime'"),
    "ObjectEvent_with_non_standard_bizStep.json": ("json.word-unknown", "transforming"),
    "ObjectEvent_with_non_standard_disposition.json": ("json.word-unknown", "in_transport"),
    "ObjectEvent_with_invalid_certificationInfo.json": ("json.value", "certificationInfo"),
    "ObjectEvent_with_unknown_field_in_quantityList.json": ("json.field-unknown", "weight"),
    "ObjectEvent_without_identifier_list.json": ("json.what-missing", "ObjectEvent"),
    "ObjectEvent_with_ilmd_field_without_namespace.json": ("json.field-unknown", "materialType"),
}


@pytest.mark.parametrize("name", sorted(WRONG_REASONS))
def test_a_published_wrong_example_is_refused_for_its_own_reason(shared, name):
    folder = "invalid-xml" if name.endswith(".xml") else "invalid-json"
    code, part = WRONG_REASONS[name]
    findings = check((shared / "epcis/examples" / folder / name).read_bytes())
    assert any(finding.code == code and part in finding.what for finding in findings)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        b"\x1f\x8b broken",
        b"PK\x03\x04 broken",
        b"<",
        b"<a",
        b"{",
        b"[1, 2]",
        b'{"type": "EPCISDocument", "epcisBody": null}',
        b'{"type": "EPCISDocument", "epcisBody": {"eventList": [null, 5, "x", [], {}]}}',
        b'{"type": "ObjectEvent", "type": "ObjectEvent"}',
        DOCUMENT.encode()[:-30],
        DOCUMENT.replace("<e:", "<!DOCTYPE a [<!ENTITY x 'y'>]><e:").encode(),
        DOCUMENT.replace("urn:epc:id", "\ud800").encode("utf-8", "surrogatepass"),
    ],
)
def test_whatever_is_sent_is_answered_with_a_reason(data):
    findings = check(data)
    assert not is_acceptable(findings)
    assert all(finding.what and finding.hint for finding in findings)


def test_a_packed_bomb_is_refused():
    bomb = gzip.compress(b"<a>" + b" " * 100_000_000)
    assert codes(bomb, limits=DocumentLimits(document_bytes_max=10_000_000)) in (
        ["document.packed-bomb"],
        ["document.too-large"],
    )


LONG = "x" * 3_000_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">ADD<", f">{LONG}<"),
        ("urn:epc:id:sgtin:0614141.107346.1", f"urn:epc:id:sgtin:{LONG}"),
        ("2026-01-31T12:00:00Z<", f"{LONG}<"),
        ("+00:00", LONG),
        ("<action>", f"<bizStep>urn:epcglobal:cbv:bizstep:{LONG}</bizStep><action>"),
        ("<action>", f"<a b='{LONG}'/><action>"),
        ('schemaVersion="1.2"', f'schemaVersion="{LONG}"'),
    ],
)
def test_endless_values_give_short_findings(old, new):
    findings = check(DOCUMENT.replace(old, new).encode())
    assert findings
    assert all(len(str(finding.as_dict())) < 3000 for finding in findings)


@pytest.mark.parametrize("field", ["bizStep", "action", "eventTime", LONG])
def test_endless_json_values_give_short_findings(field):
    event = {**JSON_EVENT, field: LONG}
    findings = check(json.dumps({**JSON_DOCUMENT, "epcisBody": {"eventList": [event]}}).encode())
    assert findings
    assert all(len(str(finding.as_dict())) < 3000 for finding in findings)


def scrambled(data, dice):
    """The bytes with a few of them cut, doubled or changed."""
    parts = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(parts))
        end = min(len(parts), start + dice.randint(1, 40))
        parts[start:end] = dice.choice(
            [b"", parts[start:end] * 2, bytes([dice.randrange(256)]), b"<a>", b'"', b"}"]
        )
    return bytes(parts)


def published(shared):
    folders = ("dscsa", "gs1-xml", "gs1-json", "openepcis-1.2-xml", "partner-1.2-xml")
    found = (shared / "epcis/examples" / folder for folder in folders)
    return [path for folder in found for path in sorted(folder.iterdir())]


def scramble(paths, rounds, seed):
    dice = random.Random(seed)
    files = [path.read_bytes() for path in paths]
    from compliance.rules.file import check_file

    for _ in range(rounds):
        data = scrambled(dice.choice(files), dice)
        for finding in check_file(data, dice.choice(["epcis", "dscsa-r1.3"])):
            assert finding.what


def test_scrambled_files_never_break_the_check():
    scramble(own(".xml", ".jsonld"), 300, seed=1)


def test_scrambled_published_files_never_break_the_check(shared):
    scramble(published(shared), 300, seed=1)


@pytest.mark.endurance
def test_many_scrambled_files_never_break_the_check(shared):
    scramble(published(shared), 4000, seed=random.random())


def test_a_correction_is_looked_for_in_the_document():
    def declared(*corrective):
        told = {"declarationTime": "2026-02-01T00:00:00Z", "correctiveEventIDs": list(corrective)}
        return {**JSON_EVENT, "eventID": "urn:uuid:wrong", "errorDeclaration": told}

    right = {**JSON_EVENT, "eventID": "urn:uuid:right"}
    body = {"eventList": [declared("urn:uuid:right", "urn:uuid:later"), right]}
    (told,) = check(json.dumps({**JSON_DOCUMENT, "epcisBody": body}).encode())
    assert (told.code, told.severity) == ("document.correction-elsewhere", Severity.INFO)
    assert "urn:uuid:later" in told.what
    assert told.where.path == "/epcisBody/eventList/0"
    assert told.where.line == 1


def test_a_long_json_file_gets_the_same_verdict_as_a_short_one(monkeypatch):
    seen = {**JSON_EVENT, "action": "SEEN"}
    body = {"eventList": [JSON_EVENT, seen, JSON_EVENT]}
    data = json.dumps({**JSON_DOCUMENT, "epcisBody": body}, indent=1).encode()
    short = check(data)
    monkeypatch.setattr("epcis.check.file.WHOLE_BYTES_MAX", 500)
    for packed in (data, gzip.compress(data)):
        assert check(packed) == short
    assert not is_acceptable(short)
    assert [finding.where.path for finding in short] == ["/epcisBody/eventList/1/action"]
    assert codes(json.dumps(JSON_DOCUMENT).encode()) == []
