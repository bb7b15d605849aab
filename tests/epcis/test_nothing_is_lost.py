"""Every event in a document is stored, known already, or refused with a reason; and counted so."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest

import epcis.tables  # noqa: F401  # so that create_all makes them
from epcis.capture import capture
from epcis.check import check
from epcis.codec.document import DocumentRefused, Syntax, convert, open_document
from epcis.codec.jsonld import read
from epcis.ledger.store import Store
from schemas.finding import is_acceptable

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def event(serial, name="ObjectEvent", action="OBSERVE"):
    return (
        f"<{name}><eventTime>2026-01-05T10:00:00Z</eventTime>"
        f"<eventTimeZoneOffset>+00:00</eventTimeZoneOffset>"
        f"<epcList><epc>urn:epc:id:sgtin:030001.0234567.{serial}</epc></epcList>"
        f"<action>{action}</action></{name}>"
    )


ONE, TWO = event(1), event(2)
BODY = "<EPCISBody><EventList>{}</EventList></EPCISBody>"
READ_ALL_THE_SAME = {
    "behind the list": f"<EPCISBody><EventList>{ONE}</EventList>{TWO}</EPCISBody>",
    "before the list": f"<EPCISBody>{TWO}<EventList>{ONE}</EventList></EPCISBody>",
    "behind the body": BODY.format(ONE) + TWO,
    "no body": f"<EventList>{ONE}{TWO}</EventList>",
    "no list": f"<EPCISBody>{ONE}{TWO}</EPCISBody>",
    "in the root": ONE + TWO,
    "two bodies": BODY.format(ONE) + BODY.format(TWO),
    "two lists": f"<EPCISBody><EventList>{ONE}</EventList><EventList>{TWO}</EventList></EPCISBody>",
    "list in small letters": f"<EPCISBody><eventlist>{ONE}{TWO}</eventlist></EPCISBody>",
    "body in small letters": f"<epcisBody><EventList>{ONE}{TWO}</EventList></epcisBody>",
    "text between": BODY.format(f"{ONE}stray{TWO}"),
    "text first": BODY.format(f"stray{ONE}{TWO}"),
    "text last": BODY.format(f"{ONE}{TWO}stray"),
    "an event as text": BODY.format(f"{ONE}<![CDATA[{event(3)}]]>{TWO}"),
}
ONE_REFUSED = {
    "name in small letters": BODY.format(ONE + event(2, "objectEvent")),
    "name in small letters first": BODY.format(event(2, "objectEvent") + ONE),
    "unknown event": BODY.format(ONE + event(2, "ShippingEvent")),
    "unknown event in a wrapper": BODY.format(
        f"{ONE}<extension><extension>{event(2, 'Other')}</extension></extension>"
    ),
    "wrapped too often": BODY.format(
        f"{ONE}<extension><extension><extension>{TWO}</extension></extension></extension>"
    ),
    "somebody's event": BODY.format(
        f'{ONE}<x:ObjectEvent xmlns:x="urn:x"><eventTime/></x:ObjectEvent>'
    ),
    "in somebody's wrapper": BODY.format(ONE) + f'<x:archive xmlns:x="urn:x">{TWO}</x:archive>',
    "in the header": f'<EPCISHeader><x:h xmlns:x="urn:x">{TWO}</x:h></EPCISHeader>'
    + BODY.format(ONE),
    "in master data": f"<EPCISHeader><extension><EPCISMasterData>{TWO}</EPCISMasterData>"
    "</extension></EPCISHeader>" + BODY.format(ONE),
    "action in small letters": BODY.format(ONE + event(2, action="delete")),
    "nothing in it": BODY.format(ONE + "<ObjectEvent/>"),
    "no such day": BODY.format(ONE + TWO.replace("2026-01-05", "2026-02-30")),
}


def xml(inside, version="1"):
    return (
        f'<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:{version}" schemaVersion='
        f'"{"1.2" if version == "1" else "2.0"}" creationDate="2026-01-20T00:00:00Z">'
        f"{inside}</e:EPCISDocument>"
    ).encode()


def member(serial, **fields):
    return {
        "type": "ObjectEvent",
        "eventTime": "2026-01-05T10:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": [f"urn:epc:id:sgtin:030001.0234567.{serial}"],
        "action": "OBSERVE",
        **fields,
    }


def listed(*events):
    return {"epcisBody": {"eventList": list(events)}}


JSON_REFUSED = {
    "beside the body": {**listed(member(1)), "eventList": [member(2)]},
    "beside the list": {"epcisBody": {"eventList": [member(1)], "EventList": [member(2)]}},
    "in the header": {"epcisHeader": {"urn:x:y": [member(2)]}, **listed(member(1))},
    "in a graph": {"@graph": [member(2)], **listed(member(1))},
    "type in small letters": listed(member(1), member(2, type="objectEvent")),
    "unknown type": listed(member(1), member(2, type="ShippingEvent")),
    "type in a list": listed(member(1), member(2, type=["ObjectEvent"])),
    "no event": listed(member(1), None),
    "a list in the list": listed(member(1), [member(2)]),
    "action in small letters": listed(member(1), member(2, action="delete")),
}
JSON_WHOLLY_REFUSED = {
    "body is a list": {"epcisBody": [member(1)]},
    "list is an object": {"epcisBody": {"eventList": member(1)}},
    "list beside no body": {"eventList": [member(1)]},
    "body in other letters": {"EPCISBody": {"eventList": [member(1)]}},
    "one event for a list": {"epcisBody": {"event": member(1)}},
}


def jsonld(members):
    frame = {
        "@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld"],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-20T00:00:00Z",
    }
    return json.dumps({**frame, **members}).encode()


@pytest.fixture
def store(tmp_path):
    opened = Store.open(f"sqlite:///{tmp_path / 'memory.db'}")
    opened.create_all()
    yield opened
    opened.close()


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("kind", READ_ALL_THE_SAME)
def test_an_event_in_the_wrong_container_is_read_with_a_finding(kind, version, validate):
    reader = open_document(xml(READ_ALL_THE_SAME[kind], version), validate=validate)
    serials = {e.epcs[0].rpartition(".")[2] for e in reader}
    assert (serials, reader.events_refused) == ({"1", "2"}, 0)
    assert {f.code for f in reader.findings} & {
        "document.event-misplaced",
        "document.text-not-kept",
    }
    assert reader.header.document_extensions == ()


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("kind", ONE_REFUSED)
def test_an_event_that_cannot_be_taken_in_is_counted_and_named(kind, version, validate):
    reader = open_document(xml(ONE_REFUSED[kind], version), validate=validate)
    serials = [e.epcs[0].rpartition(".")[2] for e in reader]
    assert (serials, reader.events_refused) == (["1"], 1)
    assert not is_acceptable(reader.findings)


@pytest.mark.parametrize("whole_bytes_max", [2**20, 300])
@pytest.mark.parametrize("kind", JSON_REFUSED)
def test_so_it_is_in_json_short_or_long(kind, whole_bytes_max, monkeypatch):
    monkeypatch.setattr(read, "WHOLE_BYTES_MAX", whole_bytes_max)
    for validate in (True, False):
        reader = open_document(jsonld(JSON_REFUSED[kind]), validate=validate)
        try:
            serials = [e.epcs[0].rpartition(".")[2] for e in reader]
        except DocumentRefused:  # a long list whose end cannot be told from a second list's
            assert (kind, whole_bytes_max) == ("beside the list", 300)
            continue
        assert (serials, reader.events_refused) == (["1"], 1)
        assert not is_acceptable(reader.findings)


def test_the_receipt_counts_every_event_and_says_the_same_when_the_file_comes_again(store):
    documents = [xml(inside) for inside in (*READ_ALL_THE_SAME.values(), *ONE_REFUSED.values())]
    documents += [jsonld(members) for members in JSON_REFUSED.values()]
    for number, data in enumerate(documents):
        # Each document has packs of its own, so that none is a duplicate.
        own = data.replace(b"030001.0234567.", f"030001.0234567.{number}X".encode())
        first = capture(store, own, now=NOW)
        refused = 0 if number < len(READ_ALL_THE_SAME) else 1
        assert (first.events, first.new, first.refused) == (2, 2 - refused, refused), own
        assert first.findings
        assert is_acceptable(first.findings) == (refused == 0)
        again = capture(store, own, now=NOW)
        assert (again.events, again.new, again.duplicates) == (2, 0, 2 - refused)
        assert again.findings[1:] == first.findings


def test_nothing_is_stored_of_a_file_in_which_no_event_can_be_taken_in(store):
    for data in (
        xml(BODY.format(event(1, "objectEvent"))),
        xml(f'<EPCISBody><x:w xmlns:x="urn:x"><EventList>{ONE}</EventList></x:w></EPCISBody>'),
        *map(jsonld, JSON_WHOLLY_REFUSED.values()),
    ):
        with pytest.raises(DocumentRefused):
            capture(store, data, now=NOW)
        assert not is_acceptable(check(data))


def test_a_capture_that_must_be_whole_refuses_the_file_and_counts_its_events(store):
    for inside in ONE_REFUSED.values():
        with pytest.raises(DocumentRefused) as refused:
            capture(store, xml(inside), now=NOW, whole=True)
        assert refused.value.events_seen == 2


def test_check_names_every_misplaced_event_and_convert_puts_it_where_it_belongs():
    for inside in READ_ALL_THE_SAME.values():
        data = xml(inside)
        assert check(data)
        out = io.BytesIO()
        convert(data, out, Syntax.XML_2_0)
        reader = open_document(out.getvalue())
        assert len(list(reader)) == 2
        assert "document.event-misplaced" not in {f.code for f in reader.findings}
    for inside in ONE_REFUSED.values():
        assert not is_acceptable(check(xml(inside)))
    for members in JSON_REFUSED.values():
        assert not is_acceptable(check(jsonld(members)))
