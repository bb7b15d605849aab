"""A partner's file comes in: whole, once, with its bytes; and says what it could not take."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from chain import at, commission, pack, put, receive, see, ship, wrong
from msgspec.structs import replace
from sqlalchemy import func, select, text

from epcis.capture import capture, record
from epcis.codec.document import DocumentLimits, DocumentRefused, Syntax, write_document
from epcis.fsck import check_state
from epcis.model import ErrorDeclaration, Header, ObjectEvent, Vocabulary, VocabularyElement
from epcis.store import event_tables
from epcis.store.arrival import after, order, settled
from epcis.store.item_status import ItemStatus
from epcis.store.items import item
from epcis.store.masterdata import names_of
from epcis.store.named import naming
from epcis.store.payload import unpack_event, unsqueeze
from schemas.gs1.epc import canonical_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PACKS = [pack(n) for n in range(6)]
CASE = "urn:epc:id:sscc:9521321.0000000001"


def document(events, header=None, syntax=Syntax.JSON_LD):
    out = io.BytesIO()
    header = header or Header(schema_version="2.0", creation_date=at(0))
    write_document(header, events, out, syntax)
    return out.getvalue()


def rows(store, table):
    with store.read() as snapshot:
        return snapshot.connection.scalar(select(func.count()).select_from(table))


def test_a_file_is_kept_as_received_and_its_packs_are_known(store):
    data = document([commission(0, PACKS), put(1, CASE, PACKS), ship(2, [CASE])])
    receipt = capture(store, data, now=NOW, sender="maker", party="/414/9521321000018")
    assert (receipt.document, receipt.events) == (sha256(data).hexdigest(), 3)
    assert (receipt.new, receipt.duplicates, receipt.findings) == (3, 0, ())
    with store.read() as snapshot:
        parts = snapshot.connection.scalars(
            select(event_tables.document_part.c.content).order_by(event_tables.document_part.c.part)
        )
        assert b"".join(unsqueeze(part) for part in parts) == data
        known = item(snapshot, canonical_key(PACKS[0]))
        assert known is not None
        assert (known.lot, str(known.expiry)) == ("L1", "2028-05-31")
        assert known.status is ItemStatus.IN_TRANSIT
        assert known.holder == "/414/9521321000025"
        assert known.parent == known.top == canonical_key(CASE)


def test_the_same_file_again_stores_nothing(store):
    data = document([commission(0, PACKS)])
    capture(store, data, now=NOW)
    again = capture(store, io.BytesIO(data), now=NOW)
    assert (again.events, again.new, again.duplicates) == (1, 0, 1)
    assert [finding.code for finding in again.findings] == ["document.known"]
    assert rows(store, event_tables.document) == rows(store, event_tables.event) == 1


def test_the_same_event_in_another_file_and_syntax_is_a_duplicate(store):
    events = [commission(0, PACKS)]
    capture(store, document(events), now=NOW)
    other = capture(store, document([*events, see(5, PACKS[:1], "storing")]), now=NOW)
    assert (other.events, other.new, other.duplicates) == (2, 1, 1)
    assert rows(store, event_tables.event) == 2


def test_an_error_declaration_has_the_id_and_hash_of_its_event_and_is_no_duplicate(store):
    sold = replace(
        see(5, PACKS[:1], "dispensing", "dispensed"), event_id="urn:uuid:5e33c2a8-0000-4000-8000-1"
    )
    capture(store, document([commission(0, PACKS), sold]), now=NOW)
    with store.read() as snapshot:
        assert item(snapshot, canonical_key(PACKS[0])).status is ItemStatus.DISPENSED
    receipt = capture(store, document([wrong(sold, 9)]), now=NOW)
    assert (receipt.new, receipt.duplicates) == (1, 0)
    with store.read() as snapshot:
        assert item(snapshot, canonical_key(PACKS[0])).status is ItemStatus.ACTIVE
        told = snapshot.connection.execute(
            select(event_tables.event.c.voided, event_tables.event.c.declared_error.is_not(None))
            .where(event_tables.event.c.event_id == sold.event_id)
            .order_by(event_tables.event.c.seq)
        ).all()
        assert [tuple(map(bool, row)) for row in told] == [(True, False), (False, True)]


def test_two_events_with_one_id_are_a_conflict_told_by_a_finding(store):
    one = replace(commission(0, PACKS), event_id="urn:uuid:same")
    other = replace(commission(1, PACKS), event_id="urn:uuid:same")
    receipt = capture(store, document([one, other]), now=NOW)
    assert (receipt.new, [f.code for f in receipt.findings]) == (1, ["event.id-taken"])
    assert "urn:uuid:same" in receipt.findings[0].what
    assert receipt.findings[0].where.path == "event[1]"


def test_the_same_content_under_two_ids_is_two_events_and_each_again_is_none(store):
    """A partner asks for either id; state is that of the content."""
    first, second = (replace(commission(0, PACKS), event_id=f"urn:uuid:{n}") for n in (1, 2))
    plain = commission(0, PACKS)
    receipt = capture(store, document([first, second, plain, first]), now=NOW)
    assert (receipt.new, receipt.duplicates, receipt.findings) == (3, 1, ())
    again = capture(store, document([second, plain, see(1, PACKS, "storing")]), now=NOW)
    assert (again.new, again.duplicates, again.findings) == (1, 2, ())
    taken = replace(commission(2, PACKS), event_id="urn:uuid:2")
    other = capture(store, document([taken]), now=NOW)
    assert (other.new, [f.code for f in other.findings]) == (0, ["event.id-taken"])
    with store.read() as snapshot:
        kept = snapshot.connection.scalars(
            select(event_tables.event.c.event_id).order_by("seq")
        ).all()
        assert kept[:2] == ["urn:uuid:1", "urn:uuid:2"]
        assert item(snapshot, canonical_key(PACKS[0])).lot == "L1"
    assert list(check_state(store, now=NOW)) == []


def test_a_declaration_with_an_id_leaves_its_twin_under_another_id_alone(store):
    sold = [
        replace(see(5, PACKS[:1], "dispensing", "dispensed"), event_id=f"urn:uuid:{n}")
        for n in (1, 2)
    ]
    capture(store, document([commission(0, PACKS), *sold]), now=NOW)
    capture(store, document([wrong(sold[0], 9)]), now=NOW)
    with store.read() as snapshot:
        assert item(snapshot, canonical_key(PACKS[0])).status is ItemStatus.DISPENSED
    receipt = capture(store, document([wrong(sold[1], 9)]), now=NOW)
    assert (receipt.new, receipt.duplicates) == (1, 0)
    with store.read() as snapshot:
        assert item(snapshot, canonical_key(PACKS[0])).status is ItemStatus.ACTIVE
    assert list(check_state(store, now=NOW)) == []


def test_a_strict_capture_takes_all_events_or_none(store):
    one = replace(commission(0, PACKS), event_id="urn:uuid:same")
    other = replace(commission(1, PACKS), event_id="urn:uuid:same")
    with pytest.raises(DocumentRefused, match="already has the id"):
        capture(store, document([one, other]), now=NOW, strict=True)
    for table in (
        event_tables.document,
        event_tables.event,
        event_tables.item,
    ):
        assert rows(store, table) == 0


@pytest.mark.parametrize(
    "data", [b"", b"<a/>x", b'{"type": 3}', b"\x00\xff\xfe\x01", b"<?xml version='1.0'?><x"]
)
def test_what_is_no_document_is_refused_and_leaves_nothing(store, data):
    with pytest.raises(DocumentRefused) as refused:
        capture(store, data, now=NOW)
    assert refused.value.findings
    assert rows(store, event_tables.document) == 0


def test_a_document_over_the_limit_is_refused_while_it_arrives(store):
    limits = DocumentLimits(document_bytes_max=1000)
    with pytest.raises(DocumentRefused, match="larger than 1000 bytes"):
        capture(store, io.BytesIO(b" " * 3000), now=NOW, limits=limits)


def test_a_large_document_is_stored_in_pieces_within_one_act(store, monkeypatch):
    monkeypatch.setattr("epcis.capture.MEMORY_BYTES_MAX", 2000)
    monkeypatch.setattr("epcis.capture.PART_BYTES", 1000)
    monkeypatch.setattr("epcis.capture.BATCH_EVENTS", 2)
    data = document([see(minute, [pack(minute)], "storing") for minute in range(9)])
    receipt = capture(store, io.BytesIO(data), now=NOW)
    assert (receipt.new, rows(store, event_tables.event)) == (9, 9)
    with store.read() as snapshot:
        parts = snapshot.connection.scalars(
            select(event_tables.document_part.c.content).order_by(event_tables.document_part.c.part)
        ).all()
    assert len(parts) > 2
    assert b"".join(map(unsqueeze, parts)) == data


def test_master_data_of_the_latest_document_counts_however_it_arrives(store):
    def telling(name, creation):
        element = VocabularyElement(
            id="urn:epc:id:sgln:9521321.00001.0",
            attributes=(("urn:epcglobal:cbv:mda#name", (name,)),),
        )
        kind = Vocabulary(type="urn:epcglobal:epcis:vtype:Location", elements=(element,))
        header = Header(schema_version="2.0", creation_date=creation, master_data=(kind,))
        return document([], header)

    capture(store, telling("New name", at(60)), now=NOW)
    capture(store, telling("Old name", at(0)), now=NOW)
    with store.read() as snapshot:
        key = canonical_key("urn:epc:id:sgln:9521321.00001.0")
        assert names_of(snapshot, [key]) == {key: "New name"}


def test_who_may_see_an_event(store):
    event = replace(ship(2, PACKS), event_id="urn:uuid:seen")
    capture(store, document([event]), now=NOW, party="/414/9521321000049")
    with store.read() as snapshot:
        seen = snapshot.connection.execute(
            select(event_tables.event_party.c.party, event_tables.event_party.c.relation)
        ).all()
    assert sorted(map(tuple, seen)) == [
        ("/414/9521321000018", event_tables.Relation.SOURCE),
        ("/414/9521321000018", event_tables.Relation.OWNER),
        ("/414/9521321000025", event_tables.Relation.DESTINATION),
        ("/414/9521321000049", event_tables.Relation.CAPTURER),
    ]


def test_events_are_found_by_the_items_they_name_and_keep_what_was_written(store):
    events = [commission(0, PACKS), put(1, CASE, PACKS[:2]), receive(2, PACKS[2:3])]
    capture(store, document(events), now=NOW)
    with store.read() as snapshot:
        ids = dict(
            snapshot.connection.execute(
                select(event_tables.item.c.key, event_tables.item.c.id)
            ).all()
        )
        of_first = snapshot.connection.scalars(
            naming([ids[canonical_key(PACKS[0])]]).order_by(event_tables.event_epc.c.seq)
        ).all()
        only_child = snapshot.connection.scalars(
            naming([ids[canonical_key(PACKS[0])]], [event_tables.Role.CHILD])
        ).all()
        of_third = snapshot.connection.scalars(
            naming([ids[canonical_key(PACKS[2])]]).order_by(event_tables.event_epc.c.seq)
        ).all()
        payload = snapshot.connection.scalar(
            select(event_tables.event.c.payload).where(event_tables.event.c.seq == of_first[0])
        )
    assert (of_first, only_child, of_third) == ([1, 2], [2], [1, 3])
    assert unpack_event(payload).epcs == tuple(PACKS)


def test_many_captures_at_a_time_lose_and_double_nothing(store):
    """Eight senders tell overlapping stories of the same packs at the same moment."""
    stories = [
        document(
            [commission(0, PACKS), put(1, CASE, PACKS), see(2 + n % 3, PACKS[n % 6 :], "storing")]
        )
        for n in range(8)
    ]
    receipts, faults = [], []

    def send(data):
        try:
            receipts.append(capture(store, data, now=NOW))
        except Exception as fault:  # noqa: BLE001  # shown by the assertion below
            faults.append(fault)

    senders = [threading.Thread(target=send, args=(data,)) for data in stories]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert faults == []
    with store.read() as snapshot:
        hashes = snapshot.connection.scalars(select(event_tables.event.c.identity)).all()
        packs = snapshot.connection.scalars(select(event_tables.item.c.key)).all()
        entries = snapshot.connection.scalar(
            text("SELECT count(*) FROM ledger_entry WHERE kind = 1")
        )
    assert sum(receipt.new for receipt in receipts) == len(hashes) == len(set(hashes)) == entries
    assert sorted(packs) == sorted(canonical_key(one) for one in [*PACKS, CASE])


def test_a_reader_that_follows_arrivals_misses_no_event_that_commits_late(store):
    """On PostgreSQL a number given earlier may become visible later; a cursor must not skip it."""
    seen: list[int] = []
    cursor = (0, 0)

    def read_on():
        nonlocal cursor
        with store.read() as snapshot:
            arrived = snapshot.connection.execute(
                select(event_tables.event.c.txid, event_tables.event.c.seq)
                .where(settled(snapshot), after(snapshot, *cursor))
                .order_by(*order(snapshot))
            ).all()
        seen.extend(row.seq for row in arrived)
        if arrived:
            cursor = tuple(arrived[-1])

    if store.is_sqlite:
        with store.write(NOW) as tx:
            record(tx, [see(1, PACKS[:1], "storing")])
        read_on()
        with store.write(NOW) as tx:
            record(tx, [see(2, PACKS[:1], "storing")])
    else:
        with store.write(NOW) as slow:
            record(slow, [see(1, PACKS[:1], "storing")])
            with store.write(NOW) as quick:
                record(quick, [see(2, PACKS[1:2], "storing")])
            read_on()
            assert seen == []
    read_on()
    assert sorted(seen) == [1, 2]


def test_a_correction_that_nobody_has_is_told_and_stops_nothing(store):
    first, right = commission(0, PACKS), replace(commission(1, PACKS), event_id="urn:uuid:right")
    declared = wrong(first, 2)
    here = replace(
        declared,
        error_declaration=replace(
            declared.error_declaration, corrective_event_ids=("urn:uuid:right", "urn:uuid:gone")
        ),
    )
    receipt = capture(store, document([first, here, right]), now=NOW)
    assert receipt.new == 3
    (told,) = [f for f in receipt.findings if f.code == "event.correction-unknown"]
    assert (told.code, told.severity.value) == ("event.correction-unknown", "warning")
    assert told.where.path == "event[1]/errorDeclaration/correctiveEventIDs"
    assert "urn:uuid:gone" in told.what
    late = replace(commission(3, PACKS), event_id="urn:uuid:gone")
    again = replace(here, error_declaration=replace(here.error_declaration, declaration_time=at(4)))
    assert capture(store, document([late]), now=NOW).findings == ()
    codes = [f.code for f in capture(store, document([again]), now=NOW).findings]
    assert "event.correction-unknown" not in codes


def test_a_declaration_without_a_zone_is_read_by_the_offset_of_its_event(store):
    """As `check` and `convert` read it: one rule for every time of an event."""
    event = ObjectEvent(
        event_time="2026-01-02T10:00:00",
        event_time_zone_offset="-05:00",
        action="OBSERVE",
        epcs=("urn:epc:id:sgtin:9521321.000001.1",),
        error_declaration=ErrorDeclaration(declaration_time="2026-01-03T10:00:00"),
    )
    with store.write(NOW) as tx:
        record(tx, [event])
    with store.read() as snapshot:
        (at,) = snapshot.connection.scalars(select(event_tables.event.c.declared_error))
    assert at == datetime(2026, 1, 3, 15, tzinfo=UTC)
