"""What may be recalled, whom it reaches, and that every pack of it and no other is stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from chain import (
    GTIN,
    MAKER,
    PHARMACY,
    WHOLESALER,
    at,
    case,
    commission,
    pack,
    put,
    receive,
    repackage,
    see,
    ship,
)  # fmt: skip
from sqlalchemy import select

from compliance.recall.events import NUMBER_PREFIX
from compliance.recall.recall import (
    RecallWanted,
    approve_recall,
    close_recall,
    preview_of,
    start_recall,
    withdraw_recall,
)
from compliance.recall.record import packs_of, reach_now
from compliance.recall.scope import RecallRefused, RecallScope
from compliance.reports.transactions import shipment_events
from epcis.capture import record
from epcis.fsck.log import audit_log
from epcis.fsck.registers import check_registers
from epcis.store.event_tables import event
from verification.decision.act import TO_VERIFY, Asked, PackAct, Wish
from verification.decision.decide import decide
from verification.decision.facts import facts_of
from verification.decision.rule_pack import shipped as rules
from verification.decision.words import Reason, Word

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALL = range(1, 9)


@pytest.fixture
def stock(store):
    """Packs 1 to 6 of lot L1, 7 and 8 of L2; 1 and 2 in a case on its way, 3 supplied."""
    with store.write(NOW) as tx:
        record(tx, [
            commission(0, [pack(n) for n in range(1, 7)]),
            commission(60, [pack(7), pack(8)], lot="L2", where=WHOLESALER),
            put(61, case(2), [pack(1), pack(2)]),
            ship(62, [case(2)]),
            ship(63, [pack(3)], receiver=PHARMACY),
            receive(64, [pack(3)], receiver=PHARMACY),
            see(65, [pack(3)], "dispensing", "dispensed", where=PHARMACY),
            see(66, [pack(4)], "destroying", "destroyed"),
        ])  # fmt: skip
    return store


def judged(store, number, wish=TO_VERIFY):
    with store.read() as snapshot:
        facts = facts_of(snapshot, Asked(GTIN, f"P{number}"))
    return decide(facts, wish, rules(), NOW)


def stopped(store, numbers=ALL):
    return {n for n in numbers if Reason.RECALLED in judged(store, n).reasons}


def recall(store, by="ann", drill=False, **scope):
    wanted = RecallWanted(
        scope=RecallScope.parse(gtin=GTIN, **scope), reason="wrong label", is_drill=drill
    )
    with store.write(NOW) as tx:
        return start_recall(tx, wanted, by=by)


def approve(store, one, by="bob"):
    with store.write(NOW) as tx:
        return approve_recall(tx, one.id, by=by)


def withdraw(store, one):
    for by in ("ann", "bob"):
        with store.write(NOW) as tx:
            withdraw_recall(tx, one.id, why="wrong product typed", by=by)


def listed(store, one):
    with store.read() as snapshot:
        return [found.key.rpartition("P")[2] for found in packs_of(snapshot, one)]


MADE_FIRST = (datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 1, 8, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("scope", "packs"),
    [
        ({"lot": "L1"}, {1, 2, 3, 4, 5, 6}),
        ({"product": True}, set(ALL)),
        ({"serial_range": ("P2", "P3")}, {2, 3}),
        ({"serials": ["P8", "P1", "P8"]}, {1, 8}),
        ({"window": MADE_FIRST}, {1, 2, 3, 4, 5, 6}),
        ({"window": (NOW - timedelta(days=200), NOW), "place": WHOLESALER}, {7, 8}),
    ],
)
def test_exactly_the_packs_of_the_scope_are_stopped_and_freed_again(stock, scope, packs):
    with stock.read() as snapshot:
        before = preview_of(snapshot, RecallScope.parse(gtin=GTIN, **scope)).now.counts
    assert stopped(stock) == set()
    one = recall(stock, **scope)
    assert stopped(stock) == packs
    assert one.packs == one.packs_at_opening == before.packs == len(packs)
    assert {int(number) for number in listed(stock, one)} == packs
    assert not judged(stock, min(packs), Wish(PackAct.SUPPLY)).may_proceed
    approve(stock, one)
    assert stopped(stock) == packs
    withdraw(stock, one)
    assert stopped(stock) == set()
    assert list(audit_log(stock)) == []
    assert list(check_registers(stock, lambda *_: None)) == []


@pytest.mark.parametrize(
    ("scope", "later", "is_stopped"),
    [
        ({"lot": "L1"}, 55, True),
        ({"product": True}, 55, True),
        ({"serial_range": ("P50", "P59")}, 55, True),
        ({"serial_range": ("P50", "P59")}, 5, False),
        ({"serials": ["P55"]}, 55, True),
    ],
)
def test_a_pack_that_arrives_later_is_stopped_when_it_comes(stock, scope, later, is_stopped):
    recall(stock, **scope)
    if later not in ALL:
        with stock.write(NOW) as tx:
            record(tx, [commission(200, [pack(later)])])
    assert (Reason.RECALLED in judged(stock, later).reasons) is is_stopped


def test_the_reach_says_what_can_still_be_done_and_by_whom(stock):
    one = recall(stock, lot="L1")
    with stock.read() as snapshot:
        now = reach_now(snapshot, one)
    assert now.counts == one.reach_at_opening
    said = now.counts.as_dict()
    assert (said["onTheWay"], said["supplied"], said["destroyed"], said["packs"]) == (2, 1, 1, 6)
    assert {h.gln: (h.packs, h.containers) for h in now.holders}[WHOLESALER] == (2, 1)
    assert sum(h.packs for h in now.holders) == 5


def test_the_list_is_frozen_by_the_hash_of_its_keys(stock):
    one = recall(stock, lot="L1")
    with stock.read() as snapshot:
        keys = [found.key for found in packs_of(snapshot, one)]
    assert one.list_sha256 == sha256("".join(f"{key}\n" for key in keys).encode()).hexdigest()


def test_one_person_stops_and_a_second_one_approves_and_the_event_tells_it(stock):
    one = recall(stock, lot="L1")
    assert (one.state, judged(stock, 1).verdict) == ("waiting for approval", Word.STOP)
    with pytest.raises(RecallRefused, match="two-person rule"):
        approve(stock, one, by="ann")
    approved = approve(stock, one)
    assert (approved.state, approved.approved_by) == ("open", "bob")
    with pytest.raises(RecallRefused, match="already"):
        approve(stock, one, by="eve")
    with stock.read() as snapshot:
        seqs = shipment_events(snapshot, NUMBER_PREFIX + one.id)
        told = snapshot.connection.execute(
            select(event.c.disposition).where(event.c.seq.in_(seqs))
        ).scalars()
        assert list(told) == ["recalled"]


def test_a_drill_counts_and_lists_and_stops_nothing(stock):
    one = recall(stock, lot="L1", drill=True)
    assert (one.is_drill, one.packs, stopped(stock)) == (True, 6, set())
    assert recall(stock, lot="L1").id != one.id
    approve(stock, one)
    close_recall(stock, one.id, by="ann", now=NOW)
    assert stopped(stock) == {1, 2, 3, 4, 5, 6}


def test_what_was_made_from_recalled_packs_is_recalled_and_what_they_were_made_of_is_shown(stock):
    with stock.write(NOW) as tx:
        record(tx, [repackage(100, [pack(5), pack(6)], [pack(91), pack(92)], lot="R1"),
                    repackage(110, [pack(91)], [pack(93)], lot="R2")])  # fmt: skip
    with stock.read() as snapshot:
        first = preview_of(snapshot, RecallScope.parse(gtin=GTIN, lot="L1"))
        middle = preview_of(snapshot, RecallScope.parse(gtin=GTIN, lot="R1"))
    assert {key[-2:] for key in first.made_from.packs} == {"91", "92", "93"}
    assert (middle.made_from.lots_of_packs, middle.sources.lots_of_packs) == (
        ((GTIN, "R2", 1),), ((GTIN, "L1", 2),)
    )  # fmt: skip
    one = recall(stock, lot="L1")
    assert one.packs == 9
    assert stopped(stock, (91, 92, 93, 7)) == {91, 92, 93}
    withdraw(stock, one)
    assert stopped(stock, (91, 92, 93)) == set()


def test_a_recall_in_one_market_stops_there(stock):
    one = recall(stock, lot="L2", market="fi")
    assert one.scope.market == "FI"
    with pytest.raises(RecallRefused, match="single packs everywhere only"):
        recall(stock, serials=["P1"], market="FI")


def test_two_recalls_of_a_lot_must_both_be_taken_back(stock):
    lot, whole = recall(stock, lot="L1"), recall(stock, product=True)
    withdraw(stock, lot)
    assert stopped(stock) == set(ALL)
    withdraw(stock, whole)
    assert stopped(stock) == set()


def test_no_word_of_a_partner_frees_a_listed_pack(stock):
    from compliance.recall.events import freeing
    from epcis.capture import capture
    from tests.service import document

    one = recall(stock, serials=["P1"])
    capture(stock, document(*freeing(one.id, (), [f"/01/{GTIN}/21/P1"], NOW)), now=NOW)
    assert stopped(stock) == {1}


@pytest.mark.parametrize(
    ("scope", "says"),
    [
        ({}, "one of"),
        ({"lot": "L1", "product": True}, "one of"),
        ({"lot": "L" * 21}, "20 characters"),
        ({"serials": ["S" * 21]}, "20 characters"),
        ({"serial_range": ("P9", "P10")}, "same length"),
        ({"window": (NOW, NOW)}, "ends before"),
        ({"lot": "L1", "place": MAKER}, "production window"),
        ({"lot": "L1", "market": "Finland"}, "ISO 3166"),
    ],
)
def test_what_cannot_be_recalled_is_refused_with_what_to_do(scope, says):
    with pytest.raises(RecallRefused, match=says):
        RecallScope.parse(gtin=GTIN, **scope)


def test_a_time_in_the_chain_is_what_the_window_means():
    assert at(0).startswith(MADE_FIRST[0].strftime("%Y-%m-%dT%H:%M"))
