"""A pack's story: what it was in, who had it, and what happened to its case and pallet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from chain import (
    GTIN,
    MAKER,
    PHARMACY,
    WHOLESALER,
    case,
    commission,
    pack,
    put,
    receive,
    see,
    ship,
    wrong,
)

from epcis.capture import record
from epcis.store.item_status import ItemStatus
from epcis.store.items import contents, item, items_of_lot, serials_of_lot
from epcis.store.named import events_naming
from epcis.trace import Holder, holders_of_lot, trace
from schemas.gs1.epc import canonical_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PACKS = [pack(n) for n in range(4)]
CASE, OTHER_CASE, PALLET = case(1), case(2), case(3)
STORY = [
    commission(0, PACKS),
    put(1, CASE, PACKS[:2]),
    put(1, OTHER_CASE, PACKS[2:]),
    put(2, PALLET, [CASE, OTHER_CASE]),
    ship(10, [PALLET]),
    receive(20, [PALLET]),
    put(30, PALLET, [CASE, OTHER_CASE], "DELETE", WHOLESALER),
    ship(40, [CASE], WHOLESALER, PHARMACY),
    receive(50, [CASE], PHARMACY),
    put(60, CASE, (), "DELETE", PHARMACY),
    see(70, PACKS[:1], "dispensing", "dispensed", PHARMACY),
    see(80, [CASE], "destroying", "destroyed", PHARMACY),
]


@pytest.fixture
def told(store):
    with store.write(NOW) as tx:
        record(tx, STORY)
    return store


def minutes(story):
    return [int((event.event_time.timestamp() % 86400 - 8 * 3600) // 60) for event in story.events]


def test_events_of_case_and_pallet_count_while_the_pack_is_inside(told):
    with told.read() as snapshot:
        sold = trace(snapshot, PACKS[0])
        kept = trace(snapshot, PACKS[2])
        assert minutes(sold) == [0, 1, 2, 10, 20, 30, 40, 50, 60, 70]
        assert [event.level for event in sold.events] == [0, 0, 1, 2, 2, 1, 1, 1, 1, 0]
        assert minutes(kept) == [0, 1, 2, 10, 20, 30]


def test_containment_over_time_and_custody(told):
    with told.read() as snapshot:
        story = trace(snapshot, PACKS[0]).as_dict()
    inside = [(stay["parent"], stay["from"][11:16], (stay["to"] or "")[11:16])
              for stay in story["containment"]]  # fmt: skip
    assert inside == [
        (canonical_key(CASE), "08:01", "09:00"),
        (canonical_key(PALLET), "08:02", "08:30"),
    ]
    assert [(turn["gln"], turn["from"][11:16]) for turn in story["custody"]] == [
        (MAKER, "08:00"), (WHOLESALER, "08:10"), (PHARMACY, "08:40")
    ]  # fmt: skip
    assert story["holder"] == PHARMACY
    assert story["holders"] == [{"gln": PHARMACY, "name": "", "packs": 1}]


def test_state_follows_the_container_until_the_pack_leaves_it(told):
    with told.read() as snapshot:
        sold, beside, waiting, empty = (
            item(snapshot, canonical_key(thing)) for thing in (PACKS[0], PACKS[1], PACKS[2], CASE)
        )
    assert (sold.status, sold.disposition, sold.parent) == (ItemStatus.DISPENSED, "dispensed", None)
    assert (beside.status, beside.holder) == (ItemStatus.ACTIVE, f"/414/{PHARMACY}")
    assert (waiting.parent, waiting.holder) == (canonical_key(OTHER_CASE), f"/414/{WHOLESALER}")
    assert waiting.location == f"/414/{WHOLESALER}"
    assert empty.status is ItemStatus.DESTROYED


def test_a_case_shows_its_packs(told):
    with told.read() as snapshot:
        assert trace(snapshot, OTHER_CASE).contents == tuple(
            canonical_key(one) for one in PACKS[2:]
        )
        assert [one.key for one in contents(snapshot, canonical_key(OTHER_CASE))] == [
            canonical_key(one) for one in PACKS[2:]
        ]
        assert trace(snapshot, OTHER_CASE).holders == (Holder(WHOLESALER, "", 2),)


def test_a_lot_shows_its_holders_with_counts(told):
    with told.read() as snapshot:
        assert holders_of_lot(snapshot, GTIN, "L1") == [
            Holder(WHOLESALER, "", 2), Holder(PHARMACY, "", 2)
        ]  # fmt: skip
        lot = trace(snapshot, f"/01/{GTIN}/10/L1")
        assert minutes(lot) == [0, 1, 1, 2, 10, 20, 30, 40, 50, 60, 70]
        assert sum(holder.packs for holder in lot.holders) == 4
        keys = [canonical_key(one) for one in PACKS]
        assert list(serials_of_lot(snapshot, GTIN, "L1")) == keys
        assert [one.key for one in items_of_lot(snapshot, GTIN, "L1")] == keys
        assert holders_of_lot(snapshot, GTIN, "L9") == []


def test_what_was_declared_wrong_is_not_part_of_the_story(told):
    with told.write(NOW) as tx:
        record(tx, [wrong(STORY[-2], 90)])
    with told.read() as snapshot:
        assert 70 not in minutes(trace(snapshot, PACKS[0]))
        assert item(snapshot, canonical_key(PACKS[0])).status is ItemStatus.ACTIVE
        assert len(events_naming(snapshot, canonical_key(PACKS[0]))) == 4


def test_a_party_sees_only_the_events_it_took_part_in(told):
    with told.read() as snapshot:
        story = trace(snapshot, PACKS[0], party=f"/414/{PHARMACY}")
        assert minutes(story) == [40, 50, 60, 70]
        assert story.containment == ()
        assert [turn.gln for turn in story.custody] == [PHARMACY]
        assert not trace(snapshot, PACKS[0], party="/414/9521321000049").is_known
        assert trace(snapshot, f"/01/{GTIN}/10/L1", party=f"/414/{PHARMACY}").holders == ()


def test_what_nobody_named_is_unknown(told):
    with told.read() as snapshot:
        for thing in ("urn:epc:id:sgtin:9521321.000001.999", f"/01/{GTIN}/10/L9", "nonsense", ""):
            story = trace(snapshot, thing)
            assert not story.is_known
            assert story.as_dict()["holder"] is None


def test_an_event_on_a_pack_that_arrives_after_its_case_went_on(store):
    """The case was shipped meanwhile; the pack's own late event is told at its own time."""
    with store.write(NOW) as tx:
        record(tx, [commission(0, PACKS[:1]), put(1, CASE, PACKS[:1]), ship(10, [CASE])])
    with store.write(NOW) as tx:
        record(tx, [see(5, PACKS[:1], "inspecting", "damaged")])
    with store.write(NOW) as tx:
        record(tx, [put(20, CASE, PACKS[:1], "DELETE", WHOLESALER)])
    with store.read() as snapshot:
        known = item(snapshot, canonical_key(PACKS[0]))
        custody = trace(snapshot, PACKS[0]).custody
    assert (known.disposition, known.holder) == ("in_transit", f"/414/{WHOLESALER}")
    assert [turn.gln for turn in custody] == [MAKER, WHOLESALER]


def test_things_in_each_other_end_the_search_instead_of_going_round(store):
    with store.write(NOW) as tx:
        record(tx, [put(1, CASE, [OTHER_CASE]), put(2, OTHER_CASE, [CASE]), ship(3, [CASE])])
    with store.read() as snapshot:
        assert item(snapshot, canonical_key(CASE)) is not None
        assert len(trace(snapshot, CASE).events) == 3
