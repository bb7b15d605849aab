"""What a partner wrote wrong in JSON-LD is said so that they can mend it."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.validate import json_validator, validate_json
from schemas.validate.pointer_lines import as_pointer, lines_of

EVENT = {
    "type": "ObjectEvent",
    "eventTime": "2026-01-31T12:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "action": "ADD",
    "epcList": ["urn:epc:id:sgtin:0614141.107346.1"],
    "bizStep": "commissioning",
    "quantityList": [{"epcClass": "urn:epc:class:lgtin:0614141.107346.L1", "quantity": 5}],
}
DOCUMENT = {
    "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
    "type": "EPCISDocument",
    "schemaVersion": "2.0",
    "creationDate": "2026-01-31T12:00:00Z",
    "epcisBody": {"eventList": [EVENT]},
}


def changed(**fields):
    document = copy.deepcopy(DOCUMENT)
    event = document["epcisBody"]["eventList"][0]
    for name, value in fields.items():
        if value is None:
            del event[name]
        else:
            event[name] = value
    return document


MISTAKES = [
    ({"action": None}, "json.field-missing", "ObjectEvent has no 'action'", ""),
    ({"lotNumber": "A"}, "json.field-unknown", "ObjectEvent knows no field 'lotNumber'",
     "/lotNumber"),
    ({"bizStep": "commisioning"}, "json.word-unknown",
     "'commisioning' is no business step of CBV, and no URI", "/bizStep"),
    ({"bizStep": "urn:epcglobal:cbv:bizstep:shipping"}, "json.word-spelling",
     "'urn:epcglobal:cbv:bizstep:shipping' is the spelling of XML, not of JSON-LD", "/bizStep"),
    ({"disposition": "non_sellable_recalled"}, "json.word-unknown",
     "'non_sellable_recalled' is no disposition of CBV, and no URI", "/disposition"),
    ({"epcList": ["abc"]}, "json.value", "an entry of epcList: 'abc' is not a URI", "/epcList/0"),
    ({"epcList": "urn:x:y"}, "json.type", "epcList is urn:x:y, it must be a list", "/epcList"),
    ({"epcList": ["urn:x:y", "urn:x:y"]}, "json.list-repeats",
     "epcList holds an entry more than once", "/epcList"),
    ({"eventTime": "31.1.2026"}, "json.value",
     "eventTime: '31.1.2026' is not a date and time with a time zone", "/eventTime"),
    ({"eventTimeZoneOffset": "2:00"}, "json.value",
     "eventTimeZoneOffset: '2:00' is not an offset", "/eventTimeZoneOffset"),
    ({"action": "OBSERVE", "ilmd": {"ex:lot": "A"}}, "json.ilmd-outside-add",
     "ilmd stands in an event whose action is OBSERVE", "/action"),
    ({"epcList": None, "quantityList": None}, "json.what-missing",
     "ObjectEvent does not say what it is about", ""),
    ({"type": "FooEvent"}, "json.type-unknown", "'FooEvent' is no type of event or document",
     "/type"),
    ({"persistentDisposition": {}}, "json.field-missing", "persistentDisposition says nothing",
     "/persistentDisposition"),
    ({"certificationInfo": {"a": 1}}, "json.value",
     "certificationInfo is not a URI or a list of URIs", "/certificationInfo"),
    ({"bizTransactionList": [{"type": "order", "bizTransaction": "urn:x:y"}]},
     "json.word-unknown", "'order' is no type of business transaction of CBV, and no URI",
     "/bizTransactionList/0/type"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "code", "what", "path"), MISTAKES, ids=[m[2] for m in MISTAKES])
def test_a_mistake_is_told_in_plain_words(fields, code, what, path):
    found = validate_json(json.dumps(changed(**fields), indent=1).encode())
    assert [finding.code for finding in found] == [code]
    assert found[0].what == what
    assert found[0].where.path == f"/epcisBody/eventList/0{path}"
    assert found[0].where.line
    assert found[0].hint


def test_a_right_document_has_no_findings():
    assert validate_json(json.dumps(DOCUMENT).encode()) == []
    assert validate_json(DOCUMENT) == []


def test_a_bare_event_needs_its_context():
    assert validate_json({"@context": DOCUMENT["@context"], **EVENT}) == []
    found = validate_json(EVENT)
    assert [str(finding) for finding in found] == [
        "error json.field-missing: ObjectEvent has no '@context'"
    ]


def test_the_hint_names_the_word_that_was_meant():
    found = validate_json(changed(bizStep="commisioning"))
    assert found[0].hint == "Did you mean 'commissioning'?"
    found = validate_json(changed(disposition="non_sellable_recalled"))
    assert "today it is 'recalled'" in found[0].hint


def test_findings_are_listed_up_to_a_limit():
    document = copy.deepcopy(DOCUMENT)
    document["epcisBody"]["eventList"] = [{**EVENT, "action": "X"}] * 30
    found = validate_json(document, findings_max=10)
    assert len(found) == 11
    assert found[-1].code == "document.more-findings"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"a"',
        b"{}",
        b'{"type": 5}',
        b'{"type": "\xff"}',
        b'{"type": "\\ud800"}',
        b'{"a": NaN}',
        b'{"type": "EPCISDocument", "epcisBody": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
        b'{"type": "EPCISDocument", "epcisBody": ' + b'{"a":' * 800 + b"1" + b"}" * 801,
    ],
)
def test_what_is_no_document_is_refused_with_a_reason(text):
    found = validate_json(text)
    assert found
    assert all(finding.what and finding.hint for finding in found)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=100, deadline=None)
@given(JSON_VALUES, st.sampled_from(sorted(EVENT)))
def test_whatever_a_field_holds_the_verdict_stands_and_has_reasons(value, field):
    document = copy.deepcopy(DOCUMENT)
    document["epcisBody"]["eventList"][0][field] = value
    found = validate_json(document)
    assert (found == []) == json_validator().is_valid(document)
    assert all(finding.what and finding.hint and finding.where.path for finding in found)


def walk(value, pointer=()):
    yield pointer
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for step, inner in items:
        yield from walk(inner, (*pointer, step))


@settings(max_examples=100, deadline=None)
@given(JSON_VALUES)
def test_every_value_is_found_on_its_line(value):
    text = json.dumps(value, indent=1).encode()
    pointers = set(walk(value))
    lines = lines_of(text, pointers)
    assert set(lines) == pointers
    written = text.decode().splitlines()
    for pointer, line in lines.items():
        if pointer and isinstance(pointer[-1], str):
            assert json.dumps(pointer[-1]) in written[line - 1]


def test_pointers_escape_what_they_must():
    assert as_pointer(("a/b", "c~d", 0)) == "/a~1b/c~0d/0"
