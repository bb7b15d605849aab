"""New keys settle little by little; every pack is found by its key all the while, and only once."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime

import pytest
from chain import case, commission, pack, put, see
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from epcis.capture import record
from epcis.database import item_keys
from epcis.database.item_keys import item_key
from epcis.database.raw_driver import RawDriver
from epcis.fsck.item_keys import check_item_keys
from epcis.ledger.store import Store
from epcis.query import patterns
from epcis.query.compile import way
from epcis.query.conditions import NamesItem
from epcis.store import event_tables
from epcis.store.event_tables import Role
from epcis.store.items import contents, item, items
from epcis.store.named import events_naming
from epcis.trace import path
from schemas.gs1.epc import canonical_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LEVELS = (event_tables.item_key_settled, event_tables.item_key_even, event_tables.item_key_odd)
WIPED = (
    "event", "event_epc", "event_party", "event_word", "event_field", "item", "item_key_settled",
    "item_key_even", "item_key_odd", "containment",
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def small_generations():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_keys, "GENERATION_IDS", 1024)
        patch.setattr(item_keys, "SETTLE_IDS_MIN", 64)
        yield


@pytest.fixture(scope="module")
def kept_store(tmp_path_factory):
    store = Store.open(str(tmp_path_factory.mktemp("keys") / "packtrail.db"))
    store.create_all()
    yield store
    store.close()


@pytest.fixture
def filled(tmp_path):
    """A SQLite store of three thousand packs, some settled, some not."""
    store = Store.open(str(tmp_path / "packtrail.db"))
    store.create_all()
    for first in range(0, 3000, 200):
        add(store, [pack(first + number) for number in range(200)])
    yield store
    store.close()


def add(store, packs):
    with store.write(NOW) as tx:
        record(tx, [commission(0, packs), put(1, case(len(packs)), packs)])


def counted(store):
    with store.read() as snapshot:
        return tuple(
            snapshot.connection.scalar(select(func.count()).select_from(level)) for level in LEVELS
        )


def differing(store, **how):
    return [one.where.path.split("/")[0] for one in check_item_keys(store, now=NOW, **how)]


@given(st.lists(st.lists(st.integers(0, 400), min_size=1, max_size=90, unique=True), max_size=12))
@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_whatever_comes_in_any_portions_is_found_by_its_key_and_only_once(kept_store, portions):
    with kept_store.write(NOW) as tx:
        for table in WIPED:
            tx.connection.execute(delete(event_tables.metadata.tables[table]))
    told = set()
    for numbers in portions:
        add(kept_store, [pack(number) for number in numbers])
        told.update(pack(number) for number in numbers)
        told.add(case(len(numbers)))
        assert differing(kept_store) == []
    keys = {canonical_key(one) for one in told}
    with kept_store.read() as snapshot:
        assert sorted(snapshot.connection.scalars(select(item_key.c.key))) == sorted(keys)
        assert set(items(snapshot, keys)) == keys
        assert all(item(snapshot, key) is not None for key in keys)
        assert item(snapshot, canonical_key(pack(401))) is None


def test_keys_of_earlier_generations_settle_and_the_newest_stay_young(filled):
    settled, even, odd = counted(filled)
    assert settled > 2000
    assert 0 < even + odd < 2 * item_keys.GENERATION_IDS


def test_a_question_for_many_packs_looks_into_both_levels(filled):
    settled, *young = counted(filled)
    assert settled
    assert any(young)
    with filled.read() as snapshot:
        told = [events_naming(snapshot, canonical_key(pack(number)))[0] for number in (0, 2999)]
        every = NamesItem((Role.EPC,), patterns.read("urn:epc:idpat:sgtin:9521321.000001.*"))
        found = snapshot.connection.scalars(
            select(event_tables.event.c.seq).where(event_tables.event.c.seq.in_(way(every).seqs))
        )
        assert set(told) <= set(found)


def test_packs_whose_lives_part_in_the_act_that_tells_of_them_first_are_all_found(store):
    packs = [pack(number) for number in range(5)]
    with store.write(NOW) as tx:
        record(tx, [commission(0, packs), see(1, packs[1:3], "storing"), see(2, packs[2:3], "x")])
    assert differing(store) == []
    with store.read() as snapshot:
        assert len(items(snapshot, map(canonical_key, packs))) == 5


def test_a_key_that_is_known_is_refused(store):
    add(store, [pack(1)])
    with store.read() as snapshot:
        row = snapshot.connection.execute(select(event_tables.item)).mappings().first()
    with pytest.raises((IntegrityError, sqlite3.IntegrityError)), store.write(NOW) as tx:
        _add_again(tx, {**row, "id": row["id"] + 4096})
    assert differing(store) == []


def _add_again(tx, row):
    tx.connection.execute(insert(event_tables.item).values(row))
    item_keys.enter_keys(RawDriver(tx), row["id"], row["id"])


def test_no_question_for_a_pack_reads_all_packs(tmp_path):
    store = Store.open(str(tmp_path / "packtrail.db"))
    store.create_all()
    add(store, [pack(1), pack(2)])
    key = canonical_key(pack(1))
    asked = set()
    with store.read() as snapshot:
        snapshot.driver.set_trace_callback(asked.add)
        assert item(snapshot, key) is not None
        assert path(snapshot, key)
        assert contents(snapshot, canonical_key(case(2)))
        assert items(snapshot, [key])
        assert events_naming(snapshot, key)
        every = NamesItem((Role.EPC,), patterns.read(pack(1)))
        assert snapshot.connection.scalars(
            select(event_tables.event.c.seq).where(event_tables.event.c.seq.in_(way(every).seqs))
        ).all()
        snapshot.driver.set_trace_callback(None)
        assert len(asked) > 6
        plans = [snapshot.driver.execute(f"EXPLAIN QUERY PLAN {one}").fetchall() for one in asked]
    steps = [row[3] for plan in plans for row in plan]
    assert any("SEARCH item_key_settled USING PRIMARY KEY" in step for step in steps)
    assert not [step for step in steps if re.match("SCAN (item|item_key_.*|event)( |$)", step)]
    store.close()


FAR = {"key": canonical_key(pack(7777)), "id": 77}


@pytest.mark.parametrize(
    "change",
    [
        delete(event_tables.item_key_even),
        delete(event_tables.item_key_odd),
        delete(event_tables.item_key_settled),
        update(event_tables.item_key_even).values(id=event_tables.item_key_even.c.id + 1),
        update(event_tables.item_key_settled).values(id=5),
        insert(event_tables.item_key_even).values(FAR),
        insert(event_tables.item_key_settled).values(FAR),
        insert(event_tables.item_key_odd).from_select(
            ["key", "id"], select(event_tables.item_key_settled)
        ),
        text("UPDATE item_key_even SET id = 'x'"),
    ],
)
def test_a_changed_key_is_found_and_written_anew(filled, change):
    with filled.write(NOW) as tx:
        assert tx.connection.execute(change).rowcount
    assert differing(filled) != []
    assert differing(filled, rebuild_in=filled) != []
    assert differing(filled) == []


@pytest.mark.postgresql
@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_on_postgresql_one_index_serves_and_what_lies_in_the_levels_is_told(store):
    add(store, [pack(1), pack(2)])
    assert not any(counted(store))
    with store.write(NOW) as tx:
        tx.connection.execute(insert(event_tables.item_key_odd).values(FAR))
    assert differing(store, rebuild_in=store) == ["item_key_odd"]
    assert differing(store) == []
