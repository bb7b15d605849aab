"""Old events leave for a file and come back: every answer stays the same, and nothing is lost."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from chain import (
    GTIN,
    alarm,
    case,
    commission,
    lasting,
    pack,
    put,
    receive,
    repackage,
    see,
    ship,
    wrong,
)
from msgspec.structs import replace
from sqlalchemy import func, select, text, update

from epcis.archive.deposit import ArchiveInterrupted, Depositor
from epcis.archive.documents import deposit_documents
from epcis.archive.erase import erase
from epcis.archive.outline import outline
from epcis.archive.parquet import read_events
from epcis.archive.reading import ArchiveAway, files, find_file
from epcis.archive.restore import RestoreRefused, restore
from epcis.capture import capture, record
from epcis.codec.document import write_event_json
from epcis.database.raw_driver import RawDriver
from epcis.fsck import fsck
from epcis.ledger.ledger_tables import ledger_entry
from epcis.ledger.store import Store
from epcis.model import QuantityElement
from epcis.query import search
from epcis.query.parameters import parse
from epcis.store import event_tables
from epcis.store.items import item
from epcis.store.payload import pack_outline
from epcis.trace import trace
from schemas.gs1.epc import canonical_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATER = datetime(2033, 1, 1, tzinfo=UTC)
BEFORE = datetime(2027, 1, 1, tzinfo=UTC)
PACKS = [pack(n) for n in range(4)]
OTHERS = [pack(n) for n in range(70, 73)]
STORY = [
    commission(0, PACKS),
    put(1, case(1), PACKS),
    ship(2, [case(1)]),
    receive(3, [case(1)]),
    see(4, PACKS[:1], "dispensing", "dispensed"),
    see(60 * 24 * 31, PACKS[1:2], "storing"),
]
QUERIES = [
    {},
    {"EQ_bizStep": ["shipping"]},
    {"MATCH_anyEPC": [PACKS[0]]},
    {"GE_eventTime": "2026-03-01T08:02:00Z", "orderBy": "eventTime", "orderDirection": "ASC"},
    {"EQ_source_possessing_party": ["https://id.gs1.org/417/9521321000018"]},
]


@pytest.fixture
def old(store):
    """A store with a story of 2026, part of which came in documents."""
    with store.write(NOW) as tx:
        record(tx, [*STORY, wrong(STORY[4], 9)])
    capture(store, write_event_json(see(8, PACKS[2:3], "storing")), now=NOW)
    return store


def nothing_held(_view, _records):
    return {}


def depositor(store, folder, held=nothing_held, **more):
    return Depositor(store, folder, held, "tester", LATER, lambda _what, _count: None, **more)


def archived(store, folder, **more):
    return list(depositor(store, folder, **more).events(BEFORE))


def answers(store):
    """Everything somebody may ask: queries, ids, traces, state."""
    with store.read() as snapshot:
        told = []
        for raw in QUERIES:
            page = search.page(snapshot, parse(raw), search.Selection(), rows_max=100)
            told.append([(one.event, one.event_id, one.record_time) for one in page.events])
        for event_id in snapshot.connection.scalars(
            select(event_tables.event.c.event_id).order_by(event_tables.event.c.seq)
        ).all():
            told.extend(one.event for one in search.by_id(snapshot, event_id, search.Selection()))
        for epc in (*PACKS, case(1)):
            told.append(trace(snapshot, canonical_key(epc)).as_dict())
            told.append(item(snapshot, canonical_key(epc)))
        return told


def problems(store):
    return [str(finding) for finding in fsck(store, now=LATER)]


def test_every_answer_is_the_same_before_while_and_after(old, tmp_path):
    before = answers(old)
    names = archived(old, tmp_path)
    assert names == ["events-2026-03-0001.parquet", "events-2026-04-0001.parquet"]
    assert answers(old) == before
    assert archived(old, tmp_path) == []
    for name in names:
        restore(old, name, by="tester", now=LATER)
    assert answers(old) == before
    with old.read() as snapshot:
        assert (
            snapshot.connection.scalar(
                select(func.count()).where(event_tables.event.c.archive.is_not(None))
            )
            == 0
        )


def test_the_proof_stands_while_archived_and_restored_bytes_are_the_same(old, tmp_path):
    def payloads():
        with old.read() as snapshot:
            return dict(RawDriver(snapshot).all("SELECT seq, payload FROM event"))

    before = payloads()
    assert problems(old) == []
    names = archived(old, tmp_path)
    assert all(len(after) < len(before[seq]) for seq, after in payloads().items())
    assert problems(old) == []
    for name in names:
        restore(old, name, by="tester", now=LATER)
    assert payloads() == before
    assert problems(old) == []


def test_late_and_corrected_events_still_tell_every_life_right(old, tmp_path):
    archived(old, tmp_path)
    with old.write(LATER) as tx:
        record(tx, [wrong(STORY[2], 70), see(2, PACKS[3:], "storing", "damaged")])
    assert problems(old) == []
    with old.read() as snapshot:
        assert [one.event_id for one in trace(snapshot, canonical_key(PACKS[3])).events]
        assert item(snapshot, canonical_key(case(1))).holder == "/414/9521321000025"


BOTTLES = replace(
    put(21, case(1), [], action="DELETE"),
    child_quantities=(QuantityElement(epc_class=f"https://id.gs1.org/01/{GTIN}/10/L9"),),
)
"""A removal that names a class: the packs in the case stay there."""
EVERY_KIND = [
    commission(0, PACKS),
    commission(1, OTHERS, lot="L2"),
    put(2, case(1), PACKS),
    put(3, case(2), [case(1), *OTHERS]),
    alarm(4, [case(1)]),
    ship(5, [case(2)]),
    receive(6, [case(2)]),
    lasting(7, [case(2)], ["recalled"]),
    put(8, case(2), [case(1)], action="DELETE"),
    see(9, OTHERS[:1], "picking"),
    lasting(10, OTHERS[:1], unset=["recalled"]),
    BOTTLES,
    see(22, PACKS[:1], "dispensing", "dispensed"),
    see(23, PACKS[:1], "storing"),
    repackage(24, PACKS[1:2], [pack(90)], lot="L3"),
    put(25, case(2), [], action="DELETE"),
    see(26, [case(1)], "inspecting", "damaged"),
]


@pytest.mark.parametrize("archived_first", [6, 9, 12, len(EVERY_KIND)])
@pytest.mark.parametrize("order", ["in time", "backwards", "every second one late"])
def test_what_comes_after_archiving_finds_every_item_as_if_nothing_had_left(
    store, tmp_path, order, archived_first
):
    told = {
        "in time": EVERY_KIND,
        "backwards": EVERY_KIND[::-1],
        "every second one late": EVERY_KIND[::2] + EVERY_KIND[1::2],
    }[order]
    early, late = told[:archived_first], told[archived_first:]
    late += [wrong(EVERY_KIND[7], 90), see(2, [case(1)], "storing"), see(1, OTHERS, "storing")]
    other = Store.open(str(tmp_path / "nothing-archived.db"))
    other.create_all()
    for one in (store, other):
        with one.write(NOW) as tx:
            record(tx, early)
    archived(store, tmp_path)
    assert problems(store) == []
    for one in (store, other):
        for event in late:
            with one.write(LATER) as tx:
                record(tx, [event])
    assert problems(store) == []
    keys = [canonical_key(epc) for epc in (*PACKS, *OTHERS, pack(90), case(1), case(2))]
    with store.read() as here, other.read() as there:
        assert [item(here, key) for key in keys] == [item(there, key) for key in keys]
        assert [told_of(here, key) for key in keys] == [told_of(there, key) for key in keys]
    other.close()


def told_of(snapshot, key):
    """What the trace of an item says, without the times of recording."""
    return [str(finding) for finding in trace(snapshot, key).findings]


def test_a_file_that_is_away_is_told_by_name_and_hides_nothing(old, tmp_path):
    folder, elsewhere = tmp_path / "archive", tmp_path / "tape"
    before = answers(old)
    name, other = archived(old, folder)
    shutil.move(folder, elsewhere)
    with (
        old.read() as snapshot,
        pytest.raises(ArchiveAway, match=r"archived on 2033-01-01.*events-2026"),
    ):
        search.page(snapshot, parse({}), search.Selection(), rows_max=100)
    with old.read() as snapshot:
        assert len(trace(snapshot, canonical_key(PACKS[0])).events) == 4
    away = list(fsck(old, now=LATER))
    assert {finding.code for finding in away} == {"archive.file-away"}
    assert {finding.severity.value for finding in away} == {"warning"}
    with pytest.raises(RestoreRefused, match="--from"):
        restore(old, name, by="tester", now=LATER)
    for one in (name, other):
        restore(old, one, by="tester", now=LATER, folder=elsewhere)
    assert answers(old) == before


def test_a_changed_file_is_found_and_never_restored(old, tmp_path):
    name, _ = archived(old, tmp_path)
    path = tmp_path / name
    whole = path.read_bytes()
    for at in range(0, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(RestoreRefused):
            restore(old, name, by="tester", now=LATER)
    assert "archive.differs" in {finding.code for finding in fsck(old, now=LATER)}
    path.write_bytes(whole)
    assert restore(old, name, by="tester", now=LATER).restored is not None


def test_another_file_in_its_place_is_not_believed(old, tmp_path):
    name, other = archived(old, tmp_path)
    shutil.copy(tmp_path / other, tmp_path / name)
    with old.read() as snapshot, pytest.raises(ArchiveAway, match="does not hold it"):
        search.page(snapshot, parse({}), search.Selection(), rows_max=100)


@pytest.mark.parametrize(
    "forged",
    [
        "UPDATE event SET archive = NULL WHERE seq = 1",
        "UPDATE event SET archive = 99 WHERE seq = 1",
        "UPDATE event SET archive = 2 WHERE seq = 1",
        "UPDATE archive_file SET records = records - 1 WHERE id = 1",
        "UPDATE archive_file SET restored = 5 WHERE id = 1",
    ],
)
def test_rows_changed_past_packtrail_are_found(old, tmp_path, forged):
    archived(old, tmp_path)
    with old.engine.begin() as connection:
        connection.execute(text(forged))
    assert {f.severity.value for f in fsck(old, now=LATER)} >= {"critical"}


def test_what_is_held_stays_and_a_hold_in_between_stops_the_file(old, tmp_path):
    def holds_first(_view, seqs):
        return {seq: "H-1" for seq in seqs if seq == 1}

    asked = []

    def holds_later(_view, _seqs):
        asked.append(1)
        return {1: "H-2"} if len(asked) > 1 else {}

    with pytest.raises(ArchiveInterrupted, match="hold"):
        archived(old, tmp_path, held=holds_later)
    assert [path.name for path in tmp_path.glob("*.parquet")] == []
    archived(old, tmp_path, held=holds_first)
    with old.read() as snapshot:
        here = snapshot.connection.scalars(
            select(event_tables.event.c.seq).where(event_tables.event.c.archive.is_(None))
        ).all()
    assert here == [1]


def test_files_hold_so_many_and_a_run_goes_on_where_it_stopped(old, tmp_path):
    run = depositor(old, tmp_path, records_max=3).events(BEFORE)
    assert next(run) == "events-2026-03-0001.parquet"
    run.close()
    assert archived(old, tmp_path, records_max=3) == [
        "events-2026-03-0002.parquet",
        "events-2026-03-0003.parquet",
        "events-2026-04-0001.parquet",
    ]
    with old.read() as snapshot:
        assert [file.records for file in files(snapshot)] == [3, 3, 1, 1]


def test_each_act_is_in_the_log(old, tmp_path):
    name, _ = archived(old, tmp_path)
    restore(old, name, by="tester", now=LATER)
    with old.read() as snapshot:
        said = snapshot.connection.scalars(
            select(ledger_entry.c.public).where(ledger_entry.c.kind == 11)
        ).all()
    assert [b"archive-archived" in bytes(one) for one in said] == [True, True, False]
    assert b"archive-restored" in bytes(said[2])


def test_a_regulator_asks_the_file_with_duckdb_alone(old, tmp_path):
    archived(old, tmp_path)
    found = duckdb.sql(
        "SELECT biz_step, json_extract_string(event, '$.type'), len(epcs), parties FROM"
        f" '{tmp_path}/events-*.parquet' WHERE list_contains(epcs, '{PACKS[0]}')"
        " AND event_time < TIMESTAMPTZ '2026-03-02 00:00:00+00' ORDER BY event_time LIMIT 2"
    ).fetchall()
    assert [row[:3] for row in found] == [
        ("commissioning", "ObjectEvent", 4),
        ("packing", "AggregationEvent", 5),
    ]
    assert found[0][3] == ["/414/9521321000018"]


def test_documents_leave_after_their_events_and_come_back_byte_for_byte(store, tmp_path):
    bodies = [write_event_json(see(n, [pack(n)], "storing")) for n in range(3)]
    for body in bodies:
        capture(store, body, now=NOW)
    run = depositor(store, tmp_path)
    assert list(deposit_documents(run, BEFORE)) == []
    list(run.events(BEFORE))
    (name,) = deposit_documents(run, BEFORE)
    assert list(deposit_documents(run, BEFORE)) == []
    assert problems(store) == []
    rows = duckdb.sql(f"SELECT content FROM '{tmp_path / name}' ORDER BY document").fetchall()
    assert [row[0] for row in rows] == bodies
    restore(store, name, by="tester", now=LATER)
    assert problems(store) == []


def test_an_erased_file_leaves_the_proof_and_no_content(old, tmp_path):
    name, _ = archived(old, tmp_path)
    with old.read() as snapshot:
        file = find_file(snapshot, name)
        state = [item(snapshot, canonical_key(epc)) for epc in PACKS]
    assert erase(old, file, nothing_held, by="tester", now=LATER) == 7
    assert not (tmp_path / name).exists()
    assert problems(old) == []
    with old.read() as snapshot:
        assert [item(snapshot, canonical_key(epc)) for epc in PACKS] == state
        with pytest.raises(ArchiveAway, match="destroyed on 2033-01-01") as away:
            search.page(snapshot, parse({}), search.Selection(), rows_max=100)
        assert away.value.problem.status == 410
        salts = RawDriver(snapshot).all(
            "SELECT count(*) FROM ledger_entry l JOIN event e ON e.seq = l.event"
            " WHERE e.archive = 1 AND l.salt IS NOT NULL"
        )
    assert salts == [(0,)]
    with pytest.raises(RestoreRefused, match="destroyed"):
        restore(old, name, by="tester", now=LATER)


def test_only_what_happened_and_was_recorded_long_ago_goes(old, tmp_path):
    with old.write(LATER - timedelta(days=1)) as tx:
        record(tx, [see(5, PACKS[3:], "storing")])
    archived(old, tmp_path)
    with old.read() as snapshot:
        here = snapshot.connection.execute(
            select(event_tables.event.c.record_time).where(event_tables.event.c.archive.is_(None))
        ).all()
    assert [row.record_time for row in here] == [LATER - timedelta(days=1)]


def test_the_file_holds_exactly_what_the_database_held(old, tmp_path):
    with old.read() as snapshot:
        rows = {
            row[0]: row[1:]
            for row in RawDriver(snapshot).all("SELECT seq, hash, payload FROM event")
        }
    read = [event for name in archived(old, tmp_path) for event in read_events(tmp_path / name)]
    assert {one.seq: (one.hash, one.payload) for one in read} == rows


def test_a_forged_outline_is_no_event(old, tmp_path):
    archived(old, tmp_path)
    with old.write(LATER) as tx:
        tx.connection.execute(
            update(event_tables.event)
            .where(event_tables.event.c.seq == 1)
            .values(payload=pack_outline(outline(commission(0, PACKS, lot="L9"))))
        )
    assert {finding.severity.value for finding in fsck(old, now=LATER)} >= {"critical"}


def pages(store, rows_max=100):
    """The ids of each page of everything, as the paging goes."""
    found, after = [], None
    while True:
        with store.read() as snapshot:
            page = search.page(
                snapshot, parse({}), search.Selection(), rows_max=rows_max, after=after
            )
        found.append([one.seq for one in page.events])
        after = page.after
        if after is None:
            return found


def test_pages_are_cut_by_what_the_archived_events_weigh(old, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "PAGE_BYTES_MAX", 700)
    before = pages(old)
    assert len(before) > 2
    archived(old, tmp_path)
    assert pages(old) == before


def test_a_folder_that_cannot_be_written_leaves_everything_here(old, tmp_path):
    (tmp_path / "archive").write_text("a file in the way")
    with pytest.raises(OSError, match="archive"):
        archived(old, tmp_path / "archive")
    assert problems(old) == []


def test_what_an_interrupted_run_left_is_taken_away_a_day_later(old, tmp_path):
    left = tmp_path / ".unfinished-x.parquet"
    left.write_bytes(b"half")
    fresh = LATER.timestamp() - 60
    os.utime(left, (fresh, fresh))
    archived(old, tmp_path)
    assert left.exists()
    os.utime(left, (fresh - 86_400, fresh - 86_400))
    archived(old, tmp_path)
    assert not left.exists()
