"""Documents of absurd width cost time linear in their size, or are refused over a named limit."""

from __future__ import annotations

import io
import json

import pytest

from epcis.codec.document import DocumentLimits, DocumentRefused, Syntax, convert, open_document
from schemas.validate import narrowed

EVENT = {
    "type": "ObjectEvent",
    "eventTime": "2026-01-05T10:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "epcList": ["urn:epc:id:sgtin:030001.0234567.1"],
    "action": "ADD",
}
FIELDS = (
    "<eventTime>2026-01-05T10:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>"
    "<epcList><epc>urn:epc:id:sgtin:030001.0234567.1</epc></epcList><action>ADD</action>"
)
DECLARED = "".join(f' xmlns:n{n}="urn:n:{n}"' for n in range(300))
USED = "".join(f"<n{n}:a>1</n{n}:a>" for n in range(300))
OWN = "".join(f'<n{n}:a xmlns:n{n}="urn:n:{n}">1</n{n}:a>' for n in range(300))


def jsonld(context, fields):
    frame = {
        "@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", context],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-20T00:00:00Z",
    }
    return json.dumps({**frame, "epcisBody": {"eventList": [{**EVENT, **fields}]}}).encode()


def xml(inside, on_root="", on_event=""):
    return (
        f'<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:2"{on_root} schemaVersion="2.0"'
        ' creationDate="2026-01-20T00:00:00Z"><EPCISBody><EventList>'
        f"<ObjectEvent{on_event}>{FIELDS}{inside}</ObjectEvent></EventList></EPCISBody>"
        "</e:EPCISDocument>"
    ).encode()


@pytest.mark.parametrize(
    "document",
    [
        xml(USED, on_root=DECLARED),
        xml(USED, on_event=DECLARED),
        xml(f'<x:w xmlns:x="urn:x"{DECLARED}><x:a/></x:w>'),
        xml(OWN),
        jsonld({f"n{n}": f"urn:n:{n}:" for n in range(300)}, {}),
        jsonld({}, {f"urn:n:{n}:k": "1" for n in range(300)}),
        jsonld({}, {"@context": {f"n{n}": f"urn:n:{n}:" for n in range(300)}}),
    ],
)
def test_more_prefixes_than_any_document_needs_refuse_it_by_name(document):
    assert DocumentLimits().namespaces_max < 300
    with pytest.raises(DocumentRefused) as refused:
        list(open_document(document))
    assert refused.value.findings[-1].code == "document.too-many-namespaces"


def test_the_field_case_with_thousands_of_namespaces_is_refused(shared):
    with pytest.raises(DocumentRefused) as refused:
        list(open_document((shared / "field-cases/hostile/ns5000.xml").read_bytes()))
    assert refused.value.findings[-1].code == "document.too-many-namespaces"


def test_an_event_with_more_names_than_any_vocabulary_is_refused_by_name():
    keys = range(50_000)
    assert DocumentLimits().extension_names_max < len(keys)
    nested = {"x:a": [{f"x:k{n}": "1"} for n in keys]}
    for document in (
        jsonld({"x": "urn:x:"}, {f"x:k{n}": "1" for n in keys}),
        jsonld({"x": "urn:x:"}, nested),
        xml("".join(f"<x:k{n}>1</x:k{n}>" for n in keys), on_root=' xmlns:x="urn:x"'),
    ):
        with pytest.raises(DocumentRefused) as refused:
            list(open_document(document))
        assert refused.value.findings[-1].code == "document.too-many-names"


def test_an_event_of_nine_thousand_keys_is_read_and_written_whole():
    document = jsonld({"x": "urn:x:"}, {f"x:k{n}": "1" for n in range(9_000)})
    for syntax in Syntax:
        out = io.BytesIO()
        convert(document, out, syntax)
        (event,) = open_document(out.getvalue(), validate=False)
        assert len(event.extensions) == 9_000


def test_faults_of_a_wide_object_are_explained_by_a_part_of_it():
    wide = {**EVENT, **{f"k{n}": 1 for n in range(9_000)}}
    assert len(narrowed(wide)) < 100
    assert EVENT.keys() <= narrowed(wide).keys()
    reader = open_document(jsonld({}, {f"k{n}": 1 for n in range(9_000)}))
    assert len(list(reader)) == 1
    assert "json.field-unknown" in {f.code for f in reader.findings}
