"""What several processes make of a document is what one makes of it."""

from __future__ import annotations

import io
import json
import os

import pytest

from benchmarks.documents import write_json, write_xml
from epcis.codec.cores import Worked
from epcis.codec.document import (
    DocumentLimits,
    DocumentRefused,
    EpcFormat,
    Syntax,
    WriteOptions,
    convert,
    open_document,
)


@pytest.fixture(scope="module")
def xml() -> bytes:
    out = io.StringIO()
    write_xml(out, 400)
    return out.getvalue().encode()


@pytest.fixture(scope="module")
def jsonld() -> bytes:
    out = io.StringIO()
    write_json(out, 600)
    return out.getvalue().encode()


def converted(source, syntax: Syntax, processes: int, **options):
    """The document and the findings, or the refusing finding."""
    target = io.BytesIO()
    try:
        found = convert(source, target, syntax, processes=processes, **options)
    except DocumentRefused as refused:
        return refused.findings[-1]
    return target.getvalue(), {(f.code, f.what, f.where.path) for f in found}


def assert_same(document: bytes, syntax: Syntax, folder, **options) -> None:
    """By one process and by two, from memory, from a file and from a packed file."""
    path = folder / "document"
    path.write_bytes(document)
    alone = converted(document, syntax, 1, **options)
    assert converted(document, syntax, 2, **options) == alone
    with path.open("rb") as source:
        assert converted(source, syntax, 2, **options) == alone


def test_several_processes_write_the_same_document(xml, jsonld, tmp_path):
    for syntax in (Syntax.JSON_LD, Syntax.XML_2_0):
        assert_same(xml, syntax, tmp_path)
        assert_same(jsonld, syntax, tmp_path)


def test_findings_name_the_event_of_the_document_not_of_the_portion(xml, jsonld, tmp_path):
    at = xml.rindex(b"<action>OBSERVE<")
    odd = xml[:at] + xml[at:].replace(b"<action>OBSERVE<", b"<action>SEEN<")
    assert_same(odd, Syntax.JSON_LD, tmp_path)
    at = jsonld.rindex(b'"OBSERVE"')
    odd = jsonld[:at] + jsonld[at:].replace(b'"OBSERVE"', b'"SEEN"')
    assert_same(odd, Syntax.XML_1_2, tmp_path)
    codes = {(code, path) for code, _, path in converted(odd, Syntax.XML_1_2, 2)[1]}
    last = json.loads(odd)["epcisBody"]["eventList"]
    position = max(n for n, event in enumerate(last) if event["action"] == "SEEN")
    assert (any(f"/{position}" in path for _, path in codes if path)) is True


def test_what_only_the_writer_can_tell_is_told_by_workers_too(jsonld, tmp_path):
    odd = jsonld.replace(b'lotNumber": "L0000A"', b'lotNumber": "L0000A\\u0001"')
    _, told = converted(odd, Syntax.XML_1_2, 2)
    assert "xml.character-replaced" in {code for code, _, _ in told}
    assert_same(odd, Syntax.XML_1_2, tmp_path)


def test_urns_are_written_alike(jsonld, tmp_path):
    links = WriteOptions(epc_format=EpcFormat.DIGITAL_LINK)
    assert_same(jsonld, Syntax.JSON_LD, tmp_path, options=links)
    written, _ = converted(jsonld, Syntax.JSON_LD, 1, options=links)
    assert_same(written, Syntax.XML_1_2, tmp_path, options=WriteOptions(epc_format=EpcFormat.URN))


@pytest.mark.parametrize("where", [0.2, 0.95])
def test_damage_is_refused_alike_wherever_it_stands(xml, jsonld, tmp_path, where):
    for document in (xml, jsonld):
        at = document.index(b"urn:epc", int(len(document) * where))
        for damaged in (
            document[:at],
            document[: at - 1] + document[at:],
            document[:at] + b"\x01" + document[at:],
        ):
            syntax = Syntax.JSON_LD if document is xml else Syntax.XML_1_2
            assert_same(damaged, syntax, tmp_path)


def test_a_comment_or_a_deep_extension_is_read_by_one_process_from_there_on(xml, jsonld, tmp_path):
    at = xml.index(b"</ObjectEvent>", len(xml) // 2)
    assert_same(xml[:at] + b"<!-- <x/> -->" + xml[at:], Syntax.JSON_LD, tmp_path)
    deep = b'<x:y xmlns:x="urn:x">' + b"<a>" * 120 + b"</a>" * 120 + b"</x:y>"
    assert_same(xml[:at] + deep + xml[at:], Syntax.JSON_LD, tmp_path)
    at = jsonld.index(b'"eventTime"', len(jsonld) // 2)
    nested = b'"urn:x:y": ' + b"[" * 120 + b"]" * 120 + b", "
    assert_same(jsonld[:at] + nested + jsonld[at:], Syntax.XML_1_2, tmp_path)
    large = b'"urn:x:y": "' + b"x" * 3_000_000 + b'", '
    limits = DocumentLimits(event_bytes_max=2_000_000)
    assert_same(jsonld[:at] + large + jsonld[at:], Syntax.XML_1_2, tmp_path, limits=limits)
    assert_same(jsonld[:at] + large + jsonld[at:], Syntax.XML_1_2, tmp_path)


def test_limits_hold_for_all_processes_together(xml, jsonld):
    for document in (xml, jsonld):
        reader = open_document(document, limits=DocumentLimits(events_max=300))
        with pytest.raises(DocumentRefused) as refused:
            list(reader.worked_on(counting, (), 2))
        assert refused.value.findings[-1].code == "document.too-many-events"


def test_the_work_goes_on_where_a_worker_was_killed(xml, jsonld):
    for document in (xml, jsonld):
        read = list(open_document(document).worked_on(dying, (), 2))
        assert [event.event_time for event in read if not isinstance(event, Worked)] == [
            event.event_time for event in open_document(document)
        ]


def test_progress_is_told_by_what_is_done(xml, tmp_path):
    path = tmp_path / "document"
    path.write_bytes(xml)
    seen: list[int] = []
    with path.open("rb") as source:
        convert(source, io.BytesIO(), Syntax.JSON_LD, processes=2, progress=seen.append)
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert seen[-1] <= len(xml)


def dying(_: object):
    return lambda events: os._exit(1)


def counting(_: object):
    return lambda events: (b"", ())
