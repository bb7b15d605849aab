"""Documents arrive late, out of order, twice or corrected; the state is that of what happened."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from chain import (
    MAKER,
    PHARMACY,
    alarm,
    case,
    commission,
    lasting,
    pack,
    party,
    put,
    receive,
    repackage,
    see,
    ship,
    wrong,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import delete, select

from epcis.capture import record
from epcis.database.raw_driver import RawDriver
from epcis.fsck import check_state
from epcis.fsck.item_keys import check_item_keys
from epcis.fsck.stock_groups import check_stock_groups
from epcis.ledger.store import Store
from epcis.store import event_tables
from epcis.store.digest import event_digest, hash_id, is_meant
from epcis.store.items import items
from epcis.store.stays import stays_of
from schemas.gs1.epc import canonical_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PACKS = [pack(n) for n in range(5)]
CASES = [case(n) for n in range(3)]
THINGS = PACKS + CASES
WIPED = (
    "event", "event_epc", "event_party", "event_word", "event_field", "event_sensor", "item",
    "item_key_settled",
    "item_key_even", "item_key_odd", "containment", "stock_group",
)  # fmt: skip


@pytest.fixture(scope="module")
def kept_store(tmp_path_factory):
    store = Store.open(str(tmp_path_factory.mktemp("order") / "packtrail.db"))
    store.create_all()
    yield store
    store.close()


def some(things):
    return st.lists(st.sampled_from(things), min_size=1, max_size=3, unique=True)


minutes = st.integers(0, 12)
dispositions = st.sampled_from(
    [
        None, "in_progress", "damaged", "recalled", "sellable_accessible", "returned", "stolen",
        "urn:packtrail:disp:undone", "urn:packtrail:disp:locked", "active", "http://x.org/odd",
    ]
)  # fmt: skip
marks = st.lists(st.sampled_from(["damaged", "recalled", "destroyed"]), max_size=1)


def bought(minute, epcs, owner):
    """Goods are taken in for an owner."""
    return replace(receive(minute, epcs), destinations=(party("owning_party", owner),))


happenings = st.one_of(
    st.builds(commission, minutes, some(PACKS), st.sampled_from(["L1", "L2"])),
    st.builds(put, minutes, st.sampled_from(CASES), some(PACKS)),
    st.builds(put, minutes, st.just(CASES[2]), some(CASES[:2])),
    st.builds(put, minutes, st.sampled_from(CASES), some(PACKS), st.just("DELETE")),
    st.builds(put, minutes, st.sampled_from(CASES), st.just(()), st.just("DELETE")),
    st.builds(put, minutes, st.none(), some(PACKS), st.just("DELETE")),
    st.builds(put, minutes, st.sampled_from(CASES), some(PACKS), st.just("OBSERVE")),
    st.builds(ship, minutes, some(THINGS)),
    st.builds(receive, minutes, some(THINGS)),
    st.builds(bought, minutes, some(THINGS), st.sampled_from([MAKER, PHARMACY])),
    st.builds(see, minutes, some(THINGS), st.just("dispensing"), st.just("dispensed")),
    st.builds(see, minutes, some(THINGS), st.just("storing"), st.just("damaged")),
    st.builds(see, minutes, some(THINGS), st.just("inspecting"), dispositions),
    st.builds(see, minutes, some(THINGS), st.sampled_from(["storing", "picking"]), dispositions),
    st.builds(see, minutes, some(THINGS), st.just("decommissioning"), st.just("inactive")),
    st.builds(see, minutes, some(THINGS), st.just("void_shipping")),
    st.builds(lasting, minutes, some(THINGS), marks, marks),
    st.builds(alarm, minutes, some(THINGS)),
    st.builds(put, minutes, st.sampled_from(CASES), some(THINGS)),
    st.builds(repackage, minutes, some(PACKS[:2]), some(PACKS[2:])),
)


ids = st.sampled_from(["", "", "", "a", "b"])


def named(event, suffix):
    """The event without an id, or with one of its own: the same content may come under several."""
    own = f"urn:uuid:{event_digest(event).hex()}-{suffix}"
    return replace(event, event_id=own) if suffix else event


def told_of(event):
    digest = event_digest(event)
    return digest, event.event_id or hash_id(digest)


@st.composite
def arrivals(draw):
    """Events in order of time, and the same with declarations in the order they arrive."""
    happened = draw(st.lists(st.builds(named, happenings, ids), min_size=1, max_size=12))
    declared = draw(st.lists(st.sampled_from(happened), max_size=2))
    told = [*happened, *(wrong(event, 100) for event in declared)]
    again = draw(st.lists(st.sampled_from(told), max_size=3))
    order = draw(st.permutations([*told, *again]))
    return happened, told, order, draw(st.integers(1, 5))


def in_order(events):
    return sorted(events, key=lambda event: (event.error_declaration is not None, event.instant))


def state_after(store, events, acts):
    """What the store says of everything after these events came in so many acts each."""
    with store.write(NOW) as tx:
        for table in WIPED:
            tx.connection.execute(delete(event_tables.metadata.tables[table]))
    for first in range(0, len(events), acts):
        with store.write(NOW) as tx:
            record(tx, events[first : first + acts])
    assert [*check_state(store, now=NOW), *check_item_keys(store, now=NOW)] == []
    assert list(check_stock_groups(store, now=NOW)) == []
    with store.read() as snapshot:
        named = select(event_tables.item.c.id, event_tables.item.c.key)
        keys = dict(snapshot.connection.execute(named).all())
        stays = sorted(
            (keys[stay.child], stay.since, stay.until, keys[stay.parent])
            for stay in stays_of(RawDriver(snapshot), keys)
        )
        return items(snapshot, [canonical_key(thing) for thing in (*THINGS, *MANY)]), stays


@given(arrivals())
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_order_of_arrival_ends_in_the_same_state(kept_store, arrived):
    _, told, order, acts = arrived
    assert state_after(kept_store, order, acts) == state_after(kept_store, in_order(told), 1)


@given(arrivals())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_was_declared_wrong_counts_as_if_it_had_never_happened(kept_store, arrived):
    happened, told, order, acts = arrived
    declared = [event for event in told if event.error_declaration is not None]
    wrongs = [told_of(event) for event in declared]
    originals = [
        event for event in happened if not any(is_meant(one, told_of(event)) for one in wrongs)
    ]
    after = state_after(kept_store, order, acts)
    if originals:
        assert after == state_after(kept_store, in_order(originals), 1)
    else:
        assert after == ({}, [])


def test_an_alarm_reaches_what_is_inside_of_a_case_that_is_put_into_another(kept_store):
    """One event puts packs of a case, and the case itself, into a case with an alarm."""
    deep, alarmed = CASES[1], CASES[0]
    events = [
        alarm(0, [alarmed]),
        put(0, deep, PACKS[:3]),
        put(1, alarmed, [*PACKS[:2], deep]),
    ]
    for order in (events, events[::-1], [events[2], events[0], events[1]]):
        for acts in (1, 3):
            known, _ = state_after(kept_store, order, acts)
            for thing in (*PACKS[:3], deep):
                assert known[canonical_key(thing)].conditions == ("sensor_alarm",)


MANY = [f"urn:epc:id:sgtin:9521321.000001.{number}" for number in range(1000, 1130)]
"""Three blocks of 64 items, where a case has one to itself."""
lists_of_many = st.sampled_from(
    [MANY, MANY[:64], MANY[60:70], MANY[64:], MANY[129:], MANY[1::2], MANY[::-1]]
)
happenings_of_many = st.one_of(
    st.builds(commission, minutes, lists_of_many, st.sampled_from(["L1", "L2"])),
    st.builds(put, minutes, st.sampled_from(CASES), lists_of_many),
    st.builds(put, minutes, st.just(CASES[2]), some(CASES[:2])),
    st.builds(put, minutes, st.sampled_from(CASES), lists_of_many, st.just("DELETE")),
    st.builds(put, minutes, st.sampled_from(CASES), st.just(()), st.just("DELETE")),
    st.builds(ship, minutes, st.one_of(lists_of_many, some(CASES))),
    st.builds(see, minutes, lists_of_many, st.just("dispensing"), st.just("dispensed")),
)


@given(st.lists(happenings_of_many, min_size=2, max_size=8), st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_packs_that_share_a_life_and_part_again_end_as_each_would_alone(kept_store, events, data):
    order = data.draw(st.permutations(events))
    acts = data.draw(st.integers(1, 4))
    assert state_after(kept_store, order, acts) == state_after(kept_store, in_order(events), 1)
