"""What events make of packs: conditions last, ends stay, and a pack seen alone has left its case.

The published cases are read from beside the checkout; their siblings are told here.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from chain import (
    MAKER,
    PHARMACY,
    WHOLESALER,
    alarm,
    case,
    commission,
    lasting,
    pack,
    party,
    place,
    put,
    receive,
    see,
    ship,
    wrong,
)
from msgspec.structs import replace

from epcis.capture import capture, record
from epcis.codec.document import Syntax, write_document
from epcis.fsck import check_state
from epcis.fsck.stock_groups import check_stock_groups
from epcis.model import Header
from epcis.store.items import contents, item, items_of_lot
from epcis.store.lots_recorded import lots_recorded
from epcis.trace import holders_of_lot, trace
from schemas.dispositions import OWN_DISPOSITION
from schemas.gs1.epc import canonical_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PACKS = [pack(n) for n in range(4)]
ONE, TWO = PACKS[:2]
CASE, PALLET = case(1), case(2)
PACKED = (commission(0, PACKS), put(10, CASE, PACKS), put(20, PALLET, [CASE]))
LASTING = {
    "damaged": "damaged", "non_conformant": "non_conformant", "mismatch_class": "mismatch",
    "mismatch_quantity": "mismatch", "no_pedigree_match": "no_pedigree_match",
    "non_sellable_other": "not_sellable", "non_sellable_damaged": "damaged",
    "quarantined": "quarantined", "unavailable": "unavailable", "returned": "returned",
    "unknown": "unknown", "urn:epcglobal:cbv:disp:seized": "unknown_disposition:seized",
}  # fmt: skip
FOR_GOOD = {"recalled": "recalled", "expired": "expired", "non_sellable_recalled": "recalled"}
ENDS = {
    "destroyed": "destroyed", "dispensed": "dispensed", "stolen": "stolen", "disposed": "destroyed",
    "inactive": "decommissioned", "retail_sold": "dispensed",
    OWN_DISPOSITION + "exported": "exported", OWN_DISPOSITION + "sampled": "sampled",
    OWN_DISPOSITION + "lost": "lost",
}  # fmt: skip


def told(store, *events):
    """Capture events in the order given; what fsck then finds is wrong."""
    with store.write(NOW) as tx:
        record(tx, list(events))
    assert list(check_state(store, now=NOW)) == []
    assert list(check_stock_groups(store, now=NOW)) == []


def state(store, epc=ONE):
    with store.read() as snapshot:
        found = item(snapshot, canonical_key(epc))
    assert found is not None
    return found


def conditions(store, epc=ONE):
    return state(store, epc).conditions


@pytest.mark.parametrize("lift", ["sellable_accessible", "conformant", "available"])
@pytest.mark.parametrize(("word", "condition"), LASTING.items())
def test_a_condition_lasts_until_it_is_lifted_by_name(store, word, condition, lift):
    told(store, *PACKED, see(30, [ONE], "inspecting", word))
    told(store, ship(40, [PALLET]), receive(50, [PALLET]), see(55, [ONE], "inspecting", "active"))
    told(store, see(60, [CASE, PALLET], "inspecting", lift))
    assert conditions(store) == (condition,)
    assert conditions(store, TWO) == ()
    told(store, see(70, [ONE], "inspecting", lift))
    assert conditions(store) == ()


@pytest.mark.parametrize(("word", "condition"), FOR_GOOD.items())
def test_recalled_and_expired_are_lifted_by_a_correction_alone(store, word, condition):
    bad = see(30, [ONE], "holding", word)
    told(store, *PACKED, bad, see(40, [ONE], "inspecting", "sellable_accessible"))
    assert conditions(store) == (condition,)
    told(store, wrong(bad, 50))
    assert conditions(store) == ()


def test_persistent_disposition_stays_until_it_is_unset(store):
    told(store, *PACKED, lasting(30, [ONE], ["recalled", "damaged"]))
    told(store, see(40, [ONE], "inspecting", "sellable_accessible"), receive(50, [PALLET]))
    assert conditions(store) == ("damaged", "recalled")
    told(store, lasting(60, [PALLET], (), ["damaged"]))
    assert conditions(store) == ("damaged", "recalled")
    told(store, lasting(70, [ONE], (), ["damaged"]))
    assert conditions(store) == ("recalled",)


def test_a_condition_of_the_container_holds_for_what_is_inside_at_that_time(store):
    told(store, *PACKED, put(25, CASE, [TWO], "DELETE"), see(30, [PALLET], "inspecting", "damaged"))
    assert conditions(store) == conditions(store, CASE) == ("damaged",)
    assert conditions(store, TWO) == (), "it was taken out before"
    told(store, see(40, [PALLET, CASE], "inspecting", "sellable_accessible"))
    assert conditions(store, CASE) == ()
    assert conditions(store) == ("damaged",), "nobody looked at the pack itself"
    told(store, put(50, CASE, [ONE], "DELETE"))
    assert conditions(store) == ("damaged",)


def test_what_is_put_into_a_damaged_case_carries_it_only_while_inside(store):
    told(store, commission(0, PACKS), put(5, CASE, PACKS[2:]), put(6, PALLET, [CASE]))
    told(store, see(10, [PALLET], "inspecting", "damaged"), put(20, CASE, [ONE, TWO]))
    assert conditions(store) == ("damaged",)
    told(store, see(30, [ONE], "inspecting", "sellable_accessible"), put(40, CASE, [TWO], "DELETE"))
    assert conditions(store) == conditions(store, TWO) == ()
    told(store, put(45, CASE, [TWO]), see(50, [CASE], "inspecting", "sellable_accessible"))
    assert conditions(store, TWO) == (), "the case is well again, and the pack never was not"
    assert conditions(store, PACKS[3]) == ("damaged",)


def test_a_case_put_onto_a_recalled_pallet_lends_to_its_packs_and_takes_back(store):
    told(store, commission(0, PACKS), put(5, CASE, PACKS), commission(6, [PALLET]))
    told(store, see(10, [PALLET], "holding", "recalled"), put(20, PALLET, [CASE]))
    assert conditions(store) == conditions(store, CASE) == ("recalled",)
    told(store, put(30, PALLET, [CASE], "DELETE"))
    assert conditions(store) == conditions(store, CASE) == ()


@pytest.mark.parametrize("step", ["receiving", "inspecting", "storing", "shipping", "dispensing"])
@pytest.mark.parametrize(("word", "status"), ENDS.items())
def test_an_ended_pack_seen_again_keeps_its_end_and_is_marked(store, word, status, step):
    told(store, *PACKED, see(30, [ONE], None, word, where=PHARMACY))
    assert (state(store).status, conditions(store)) == (status, ())
    told(store, see(40, [ONE], step, "active"))
    assert state(store).status == status
    assert conditions(store) == ("seen_after_end",)
    told(store, see(50, [ONE], "inspecting", "sellable_accessible"))
    assert (state(store).status, conditions(store)) == (status, ("seen_after_end",))


def test_what_only_puts_an_end_on_record_is_no_sighting(store):
    told(store, *PACKED, see(30, [ONE], "decommissioning", "inactive"))
    told(store, put(35, CASE, [ONE], "DELETE"), see(40, [ONE], "destroying", "destroyed"))
    assert (state(store).status, conditions(store)) == ("destroyed", ())


def test_returned_after_dispensing_is_a_mark_of_its_own(store):
    told(store, commission(0, [ONE]), see(30, [ONE], "dispensing", "dispensed"))
    told(store, see(40, [ONE], "receiving", "returned"), see(50, [ONE], "storing", "in_progress"))
    assert state(store).status == "dispensed"
    assert conditions(store) == ("returned", "returned_after_end")
    told(store, see(60, [ONE], "stocking", "sellable_accessible"))
    assert "seen_after_end" in conditions(store)


def test_only_a_correction_or_an_undo_of_our_own_brings_an_ended_pack_back(store):
    end = see(30, [ONE], "dispensing", "dispensed")
    told(store, commission(0, [ONE, TWO]), end, see(40, [ONE], "storing", "active"))
    told(store, wrong(end, 50))
    assert (state(store).status, conditions(store)) == ("active", ())
    undo = see(60, [TWO], None, OWN_DISPOSITION + "undone")
    told(store, see(55, [TWO], "dispensing", "dispensed"))
    capture(store, _document([undo]), now=NOW, sender="partner", party="/414/9521321000032")
    assert state(store, TWO).status == "dispensed", "a partner's file cannot undo"
    told(store, replace(undo, event_id="urn:uuid:own"))
    assert (state(store, TWO).status, conditions(store, TWO)) == ("active", ())


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("lot", "expiry", "marks"),
    [
        ("L2", "2028-05-31", ("commissioned_twice", "lot_conflict")),
        ("L1", "2029-05-31", ("commissioned_twice", "expiry_conflict")),
        ("L2", "2029-05", ("commissioned_twice", "expiry_conflict", "lot_conflict")),
        ("L1", "2028-05", ()),
        ("L1", "", ()),
    ],
)
def test_a_second_commissioning_keeps_both_values(store, lot, expiry, marks, late):
    events = [commission(0, PACKS), commission(30, [ONE], lot=lot, expiry=expiry)]
    for event in reversed(events) if late else events:
        told(store, event)
    assert conditions(store) == marks
    assert (state(store).lot, str(state(store).expiry)) == ("L1", "2028-05-31")
    with store.read() as snapshot:
        both = lots_recorded(snapshot, canonical_key(ONE))
        assert [one.lot for one in both] == ["L1", lot]
        for code in ("L1", lot):
            found = {one.key for one in items_of_lot(snapshot, "09521321000018", code)}
            assert canonical_key(ONE) in found


def test_a_lot_and_an_expiry_told_apart_fill_each_other(store):
    told(store, commission(0, [ONE], expiry=""), commission(10, [ONE], lot=""))
    assert (state(store).lot, str(state(store).expiry)) == ("L1", "2028-05-31")
    assert conditions(store) == ()


@pytest.mark.parametrize(
    "step", ["receiving", "accepting", "storing", "stocking", "picking", "shipping", "returning"]
)
def test_a_pack_seen_without_its_case_has_left_it(store, step):
    told(store, *PACKED, see(30, [ONE], step, where=PHARMACY))
    told(store, ship(40, [PALLET]), receive(50, [PALLET]), see(55, [CASE], "inspecting", "damaged"))
    assert state(store).parent is None
    assert conditions(store) == ()
    assert state(store).holder == "/414/" + (MAKER if step == "shipping" else PHARMACY)
    assert (state(store, TWO).parent, conditions(store, TWO)) == (canonical_key(CASE), ("damaged",))
    with store.read() as snapshot:
        assert {one.key for one in contents(snapshot, canonical_key(CASE))} == {
            canonical_key(one) for one in PACKS[1:]
        }


@pytest.mark.parametrize("step", ["inspecting", "cycle_counting", "stock_taking", "other"])
def test_a_mere_look_at_a_pack_does_not_take_it_out(store, step):
    told(store, *PACKED, see(30, [ONE], step, "in_progress"), ship(40, [PALLET]))
    assert state(store).parent == canonical_key(CASE)
    assert state(store).status == "in_transit"


@pytest.mark.parametrize(("outer", "status"), [(CASE, "active"), (PALLET, "in_transit")])
def test_a_pack_that_is_named_with_what_it_is_in_stays_inside(store, outer, status):
    told(store, *PACKED, receive(30, [ONE, outer]), ship(40, [PALLET]))
    assert state(store).parent == canonical_key(CASE)
    assert state(store).status == status, "a case named without its pallet has left the pallet"


def test_decommissioning_a_container_ends_only_the_container(store):
    told(store, *PACKED, ship(30, [PALLET]), receive(40, [PALLET]))
    told(store, see(50, [PALLET], "decommissioning", "inactive", where=WHOLESALER))
    told(store, ship(60, [PALLET], WHOLESALER, PHARMACY))
    assert (state(store, PALLET).status, conditions(store, PALLET)) == (
        "decommissioned",
        ("seen_after_end",),
    )
    for epc in (ONE, CASE):
        assert (state(store, epc).status, conditions(store, epc)) == ("in_transit", ())
        assert state(store, epc).holder == "/414/" + PHARMACY


@pytest.mark.parametrize("word", ["stolen", "destroyed", OWN_DISPOSITION + "exported"])
def test_the_end_of_a_pallet_by_theft_or_destruction_takes_its_packs_along(store, word):
    told(store, *PACKED, put(25, CASE, [TWO], "DELETE"), see(30, [PALLET], None, word))
    assert state(store).status == word.removeprefix(OWN_DISPOSITION)
    assert state(store, TWO).status == "active"
    told(store, receive(40, [PALLET]))
    assert conditions(store) == ("seen_after_end",)


def voided(minute, things, **facts):
    return replace(see(minute, things, "void_shipping", "in_progress"), **facts)


@pytest.mark.parametrize(
    "facts",
    [
        {"biz_location": place(MAKER)},
        {"sources": (party("owning_party", MAKER),)},
        {
            "sources": (party("owning_party", MAKER),),
            "destinations": (party("location", PHARMACY),),
        },
        {"destinations": (party("owning_party", WHOLESALER),)},
        {"action": "DELETE"},
        {},
    ],
)
@pytest.mark.parametrize("named", [PALLET, ONE])
def test_void_shipping_gives_the_holder_back(store, facts, named):
    told(store, *PACKED, ship(30, [PALLET]))
    assert state(store).holder == "/414/" + WHOLESALER
    told(store, voided(40, [named], **facts))
    assert (state(store).holder, state(store).status) == ("/414/" + MAKER, "active")
    with store.read() as snapshot:
        assert trace(snapshot, ONE).holder == MAKER


@pytest.mark.parametrize("thing", [ONE, CASE, PALLET])
def test_an_alarm_of_a_sensor_marks_what_travelled_with_it_until_it_is_released(store, thing):
    told(store, *PACKED, alarm(30, [thing]), alarm(31, [pack(3)], "gs1:ERROR_CONDITION"))
    assert conditions(store) == ("sensor_alarm",)
    told(store, receive(40, [PALLET]))
    assert conditions(store) == ("sensor_alarm",)
    told(store, see(50, [ONE], "inspecting", "conformant"))
    assert conditions(store) == ()


@pytest.mark.parametrize("backwards", [False, True])
def test_a_circle_of_containers_ends_where_the_later_statement_says(store, backwards):
    circle = [commission(0, PACKS), put(10, CASE, PACKS), put(20, PALLET, [CASE])]
    circle += [put(30, CASE, [PALLET]), put(40, CASE, [CASE]), ship(50, [CASE])]
    for event in reversed(circle) if backwards else circle:
        told(store, event)
    assert state(store, PALLET).parent == canonical_key(CASE)
    assert state(store, CASE).parent is None
    with store.read() as snapshot:
        story = trace(snapshot, ONE)
        assert [stay.level for stay in story.containment] == [1, 2]
        assert (story.holder, len(trace(snapshot, CASE).contents)) == (WHOLESALER, 5)
        (holder,) = holders_of_lot(snapshot, "09521321000018", "L1")
        assert (holder.gln, holder.packs) == (WHOLESALER, 4)


def test_packs_that_were_destroyed_are_no_longer_counted_among_holders(store):
    told(store, *PACKED, see(30, [ONE], "destroying", "destroyed"), ship(40, [PALLET]))
    told(store, see(41, [TWO], "decommissioning", "inactive"))
    with store.read() as snapshot:
        holders = holders_of_lot(snapshot, "09521321000018", "L1")
    assert sorted((one.gln, one.packs) for one in holders) == [(MAKER, 1), (WHOLESALER, 2)]


def test_the_place_of_what_is_under_way_is_not_known_whatever_it_is_in(store):
    told(store, *PACKED)
    assert state(store).location.startswith("/414/" + MAKER)
    told(store, ship(30, [PALLET]))
    assert [state(store, one).location for one in (ONE, CASE, PALLET)] == ["", "", ""]
    told(store, receive(40, [PALLET]))
    assert state(store).location == state(store, PALLET).location == "/414/" + WHOLESALER


def codes(store, epc):
    with store.read() as snapshot:
        return [finding.code for finding in trace(snapshot, epc).findings]


def test_the_trace_says_what_nobody_recorded(store):
    told(store, *PACKED, see(30, [ONE], "receiving", where=PHARMACY))
    told(store, commission(31, [TWO], lot="L9"))
    told(store, see(40, [CASE], "decommissioning", "inactive"))
    told(store, see(50, [CASE], "shipping"))
    assert codes(store, ONE) == ["item.left-unrecorded"]
    assert codes(store, CASE) == [
        "item.left-unrecorded", "item.ended-full", "item.seen-after-end",
    ]  # fmt: skip
    assert codes(store, TWO) == ["item.lot-conflict"]
    assert codes(store, PACKS[2]) == codes(store, PALLET) == []
    with store.read() as snapshot:
        (conflict,) = trace(snapshot, TWO).findings
    assert "lot L1, expiry 2028-05-31" in conflict.what
    assert "lot L9, expiry 2028-05-31" in conflict.what


def _document(events):
    out = io.BytesIO()
    header = Header(schema_version="2.0", creation_date="2026-03-01T08:00:00Z")
    write_document(header, events, out, Syntax.JSON_LD)
    return out.getvalue()


FIRST = "/01/00300012345671/21/1"
FIELD_CASES = {
    "gs1ushc-ilmd-lot-not-read": ("active", (), "L1", "2025-06-30"),
    "disposition-expired-judged-OK": (None, ("expired",), "L1", "2028-06-30"),
    "disposition-non_sellable_expired-judged-OK": (None, ("expired",), "L1", "2028-06-30"),
    "disposition-non_sellable_recalled-judged-OK": (None, ("recalled",), "L1", "2028-06-30"),
    "disposition-no_pedigree_match-judged-OK": (None, ("no_pedigree_match",), "L1", "2028-06-30"),
    "destroyed-then-received-active-judged-OK": (
        "destroyed", ("seen_after_end",), "L1", "2028-06-30",
    ),
    "dispensed-then-returned-judged-OK": (
        "dispensed", ("returned", "returned_after_end"), "L1", "2028-06-30",
    ),
    "damaged-pack-in-case-that-moves-judged-OK": ("active", ("damaged",), "L1", "2028-06-30"),
    "sscc-decommissioned-drags-packs": ("active", (), "L1", "2028-06-30"),
    "circular-containment": (None, (), "L1", "2028-06-30"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "right"), FIELD_CASES.items())
def test_cases_from_the_field_have_the_right_state(shared, store, name, right):
    data = (shared / "field-cases" / "epcis" / f"{name}.xml").read_bytes()
    capture(store, data, now=NOW)
    assert list(check_state(store, now=NOW)) == []
    status, marks, lot, expiry = right
    with store.read() as snapshot:
        found = item(snapshot, FIRST)
        assert found is not None
        assert (found.conditions, found.lot, str(found.expiry)) == (marks, lot, expiry)
        assert status is None or found.status == status
        assert FIRST in {one.key for one in items_of_lot(snapshot, "00300012345671", "L1")}
        assert len(trace(snapshot, FIRST).containment) <= 2


def test_a_persistent_recall_from_the_field(shared, store):
    for name in ("persistent-recalled-1-commission", "persistent-recalled-2-set"):
        data = (shared / "field-cases" / "epcis" / f"{name}.xml").read_bytes()
        capture(store, data, now=NOW)
    with store.read() as snapshot:
        found = item(snapshot, FIRST)
    assert found is not None
    assert found.conditions == ("recalled",)


def test_a_voided_shipping_from_the_field_gives_the_goods_back(shared, store):
    path = shared / "field-cases" / "epcis" / "void-shipping-without-source-holder-wrong.xml"
    capture(store, path.read_bytes(), now=NOW)
    with store.read() as snapshot:
        found = item(snapshot, FIRST)
        assert found is not None
        assert found.holder == "/414/0300011111116"
        assert trace(snapshot, FIRST).holder == "0300011111116"


def owned(event, gln):
    """The event, which says who owns its goods from then on."""
    return replace(event, destinations=(party("owning_party", gln),))


def owner(store, epc=ONE):
    return state(store, epc).owner


def test_the_owner_is_not_who_has_the_goods(store):
    told(store, *PACKED, owned(receive(30, [PALLET]), MAKER))
    told(store, see(40, [PALLET], "storing", where=WHOLESALER))
    assert {owner(store, one) for one in (ONE, CASE, PALLET)} == {"/414/" + MAKER}
    assert state(store).holder == "/414/" + WHOLESALER


@pytest.mark.parametrize(
    ("facts", "whose"),
    [
        ({"sources": (party("owning_party", MAKER),)}, "/414/" + MAKER),
        (
            {
                "sources": (party("owning_party", MAKER),),
                "destinations": (party("owning_party", WHOLESALER),),
            },
            "/414/" + MAKER,
        ),
        ({"destinations": (party("owning_party", WHOLESALER),)}, ""),
        ({}, ""),
    ],
)
def test_goods_whose_shipping_is_void_are_not_the_customers(store, facts, whose):
    told(store, *PACKED, owned(receive(25, [PALLET]), MAKER), owned(ship(30, [PALLET]), WHOLESALER))
    assert owner(store) == "/414/" + WHOLESALER
    told(store, voided(40, [PALLET], **facts))
    assert owner(store) == owner(store, PALLET) == whose


def test_goods_that_were_shipped_without_a_new_owner_keep_theirs_when_it_is_void(store):
    told(
        store,
        *PACKED,
        owned(receive(25, [PALLET]), MAKER),
        ship(30, [PALLET], WHOLESALER, PHARMACY),
    )
    told(store, voided(40, [PALLET]))
    assert owner(store) == "/414/" + MAKER


EARLIER = (*PACKED, owned(receive(30, [CASE]), MAKER))
ADDED = (
    commission(31, [pack(9)]),
    owned(see(32, [pack(9)], "storing"), WHOLESALER),
    put(40, CASE, [pack(9)]),
    see(50, [CASE], "storing"),
)


@pytest.mark.parametrize("comes_late", [None, 2, 3, 5, 6, 7])
def test_goods_of_another_owner_in_the_same_case_stay_theirs(store, comes_late):
    """Whichever of the events comes last: before, the case, its pallet and its packs had one."""
    events = [*EARLIER, *ADDED]
    late = [] if comes_late is None else [events.pop(comes_late)]
    told(store, *events)
    told(store, *late)
    assert owner(store) == owner(store, TWO) == "/414/" + MAKER
    assert owner(store, pack(9)) == "/414/" + WHOLESALER
    assert owner(store, CASE) == "", "it holds goods of two owners"
    told(store, wrong(ADDED[2], 60))
    assert owner(store, CASE) == owner(store, TWO) == "/414/" + MAKER


def test_goods_that_are_added_to_an_owned_pallet_keep_their_owner_too(store):
    told(store, *PACKED, owned(receive(30, [PALLET]), MAKER), commission(31, [pack(9)]))
    told(
        store, put(32, case(3), [pack(9)]), put(40, PALLET, [case(3)]), see(50, [PALLET], "storing")
    )
    assert owner(store) == owner(store, CASE) == "/414/" + MAKER
    assert owner(store, pack(9)) == ""
