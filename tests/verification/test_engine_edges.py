"""Rare situations at a counter, where two rules meet: which of them wins, and who hears of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import chain
import msgspec
import pytest
from msgspec.structs import replace

from epcis.capture import record
from verification.decision.act import Asked, PackAct, PackRequest, ParticipantRole, Who, Wish
from verification.decision.decide import decide, weigh
from verification.decision.facts import (
    Facts,
    KnownPack,
    RecordedPack,
    facts_of,
    known_pack,
)
from verification.decision.many import is_pack, judge_packs
from verification.decision.restrictions import ANYWHERE, OpenDoubt, Restrictions, gravest
from verification.decision.rule_pack import parse, shipped
from verification.decision.sensors import SensorLimit, SensorRule
from verification.decision.words import Doubt, LotState, PackState, ProductState, Reason, Result

GTIN, NOW = "05901234123457", datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOW.date()
PHARMACY = Who(client="c", role=ParticipantRole.PHARMACY, location="P", authorisation="P")


def facts(state=PackState.ACTIVE, *conditions, lot="L", expiry=date(2099, 1, 1), **more):
    pack = KnownPack(
        state, lot, expiry, conditions=conditions, since=NOW, location="P", authorisation="P"
    )
    return Facts(**{"asked": Asked(GTIN, "S", "L"), "pack": pack, "who": PHARMACY, **more})


def judged(given, act=PackAct.SUPPLY, rules=None, **wish):
    return decide(given, Wish(act, **wish), rules or shipped(), NOW)


def test_a_serial_that_another_market_may_know_is_not_called_unknown():
    silent = Facts(Asked(GTIN, "S", "L"), None, PHARMACY, is_peer_silent=True)
    assert weigh(silent, NOW) == (Reason.CANNOT_TELL,)
    assert judged(silent, PackAct.VERIFY).result is Result.CANNOT_TELL
    unknown = replace(silent, is_peer_silent=False)
    assert weigh(unknown, NOW) == (Reason.UNKNOWN_SERIAL,)
    assert weigh(replace(unknown, product_known=False), NOW) == (Reason.UNKNOWN_PRODUCT,)


def test_an_exemption_covers_the_lot_that_is_on_the_pack_and_no_other():
    assert judged(facts(exempt=True)).result is Result.EXEMPT
    other = facts(exempt=True, lot="M")
    assert weigh(other, NOW) == (Reason.LOT_DIFFERS,)
    assert judged(other).result is Result.LOT_DIFFERS
    without_serial = Facts(Asked(GTIN, "S", "L"), None, PHARMACY, exempt=True)
    assert judged(without_serial).result is Result.EXEMPT
    recalled = replace(without_serial, lot_state=LotState.RECALLED)
    assert judged(recalled).result is Result.RECALLED
    damaged = facts(PackState.ACTIVE, "damaged", exempt=True)
    assert judged(damaged, PackAct.VERIFY).result is Result.NOT_TO_SUPPLY
    assert judged(damaged, PackAct.DESTROY).result is Result.DONE


def test_what_a_partner_reported_expired_is_answered_as_expired_and_alerts_nobody():
    reported = facts(PackState.ACTIVE, "expired")
    assert judged(reported).result is Result.EXPIRED
    supplied = facts(PackState.SUPPLIED, "expired")
    again = judged(replace(supplied, who=replace(PHARMACY, location="elsewhere")))
    assert again.result is Result.EXPIRED
    assert not again.alert


@pytest.mark.parametrize("state", [PackState.SUPPLIED, PackState.EXPORTED, PackState.LOCKED])
def test_a_hold_of_the_lot_hides_no_second_supply(state):
    elsewhere = replace(PHARMACY, location="Q", authorisation="Q")
    held = facts(state, lot_state=LotState.HELD, who=elsewhere)
    free = facts(state, who=elsewhere)
    assert judged(held).result is judged(free).result
    assert judged(held).alert is judged(free).alert
    assert judged(facts(lot_state=LotState.HELD)).result is Result.HELD
    assert not judged(facts(lot_state=LotState.HELD)).alert


def test_an_extension_that_is_no_later_than_the_print_changes_nothing():
    for extended in (TODAY - timedelta(days=1), TODAY - timedelta(days=2)):
        over = facts(expiry=TODAY - timedelta(days=1), extended=extended)
        assert weigh(over, NOW) == (Reason.EXPIRED,)
    assert judged(facts(expiry=TODAY, extended=TODAY - timedelta(days=9))).result is Result.DONE
    assert judged(facts(expiry=TODAY - timedelta(days=9), extended=TODAY)).result is Result.DONE


def test_two_lots_of_one_pack_alert_as_a_clone_does_but_not_on_recalled_or_withdrawn_goods():
    twice = facts(PackState.ACTIVE, "lot_conflict")
    assert judged(twice, PackAct.VERIFY).alert
    assert not judged(twice, PackAct.VERIFY, alerting=False).alert
    for above in ({"product_state": ProductState.WITHDRAWN}, {"lot_state": LotState.RECALLED}):
        assert not judged(replace(twice, **above), PackAct.VERIFY).alert
    stranger = replace(PHARMACY, role=ParticipantRole.UNREGISTERED)
    assert not judged(replace(twice, who=stranger), PackAct.VERIFY).alert
    expired = facts(PackState.ACTIVE, "lot_conflict", expiry=TODAY - timedelta(days=1))
    assert not judged(expired, PackAct.VERIFY).alert
    wrong = facts(lot="M", expiry=TODAY - timedelta(days=1))
    assert judged(wrong, PackAct.VERIFY).alert, "another lot is no question of state"


def test_a_rule_pack_may_let_a_chain_of_one_owner_undo_for_each_other():
    supplied = facts(PackState.SUPPLIED)
    other = replace(PHARMACY, authorisation="another licence")
    assert judged(replace(supplied, who=other), PackAct.UNDO).result is Result.UNDO_ELSEWHERE
    strict = shipped()
    lax = replace(strict, undo=replace(strict.undo, same_authorisation=False))
    assert judged(replace(supplied, who=other), PackAct.UNDO, lax).result is Result.DONE
    away = replace(PHARMACY, location="Q")
    assert judged(replace(supplied, who=away), PackAct.UNDO, lax).result is Result.UNDO_ELSEWHERE


def test_a_rule_pack_reads_back_as_it_was_written_down():
    rules = shipped()
    assert parse(rules.content).content == rules.content


class _Stops:
    """Stops of one product, in some markets."""

    lots = Restrictions(
        1,
        lots={
            ("G", "L1"): {"FR": LotState.RECALLED},
            ("G", "L2"): {"": LotState.HELD, "FR": LotState.RECALLED},
            ("G", ""): {"DE": LotState.HELD},
        },
        withdrawn={"G": frozenset({"FR"}), "W": frozenset({""})},
        exempt=frozenset({("G", "L1", "FR"), ("G", "L2", "")}),
        recalled_whole=frozenset({"G"}),
    )


@pytest.mark.parametrize(
    ("lot", "market", "state"),
    [
        ("L1", "FR", LotState.RECALLED), ("L1", "IT", LotState.ACTIVE),
        ("L1", ANYWHERE, LotState.RECALLED), ("L2", "IT", LotState.HELD),
        ("L2", "FR", LotState.RECALLED), ("L2", ANYWHERE, LotState.RECALLED),
        ("L3", "DE", LotState.HELD), ("L3", "FR", LotState.ACTIVE), (None, "DE", LotState.HELD),
        ("L3", ANYWHERE, LotState.HELD),
    ],
)  # fmt: skip
def test_a_lot_is_stopped_where_its_state_holds(lot, market, state):
    assert _Stops.lots.lot("G", lot, market) is state


@pytest.mark.parametrize(
    ("code", "market", "is_withdrawn"),
    [
        ("G", "FR", True), ("G", "DE", False), ("G", ANYWHERE, True),
        ("W", "FR", True), ("W", ANYWHERE, True), ("N", "FR", False),
    ],
)  # fmt: skip
def test_a_product_is_withdrawn_where_its_state_holds(code, market, is_withdrawn):
    state = _Stops.lots.product(code, market)
    assert (state is ProductState.WITHDRAWN) is is_withdrawn


def test_a_lot_is_exempt_in_the_markets_that_say_so_and_for_nobody_who_names_none():
    assert _Stops.lots.is_exempt("G", "L1", "FR")
    assert not _Stops.lots.is_exempt("G", "L1", "DE")
    assert not _Stops.lots.is_exempt("G", "L1", ANYWHERE)
    assert _Stops.lots.is_exempt("G", "L2", "DE")
    assert not _Stops.lots.is_exempt("G", None, "FR")
    assert not Restrictions(1).is_exempt("G", "L1", "FR")


def test_a_doubt_about_one_pack_is_none_about_its_lot():
    one = OpenDoubt("L1", "S1", Doubt.SUSPECT)
    assert one.covers("L1", "S1")
    assert one.covers("L2", "S1")
    assert not one.covers("L1", "S2")
    lot, whole = OpenDoubt("L1", "", Doubt.SUSPECT), OpenDoubt("", "", Doubt.SUSPECT)
    assert lot.covers("L1", "S2")
    assert not lot.covers("L2", "S2")
    assert whole.covers(None, "S2")
    assert gravest((None, Doubt.SUSPECT, Doubt.RECALLED)) is Doubt.RECALLED
    assert gravest((None,)) is None


def recorded(**more):
    """What is recorded of a pack that only the registry knows."""
    nothing = dict.fromkeys(RecordedPack._fields)
    registry = {"state": "Active", "lot": "L", "expiry": "2027-05-31", "since_us": 5, "version": 1}
    return RecordedPack(**{**nothing, "repeats": 0, "stolen": 0, "handed_over": 0, "n": 0,
                           **registry, **more})  # fmt: skip


def events(**more):
    """What is recorded of a pack that only events know."""
    fields = {
        "state": None, "lot": None, "expiry": None, "since_us": None, "version": None,
        "status": "active", "conditions": "", "place": "here", "event_lot": "L",
        "event_expiry": "2027-05-31", "moment": 7 << 10,
    }  # fmt: skip
    return recorded(**{**fields, **more})


def test_a_pack_that_only_events_know_has_their_lot_place_and_no_licence():
    pack = known_pack(events())
    assert (pack.lot, pack.expiry, pack.location) == ("L", date(2027, 5, 31), "here")
    assert (pack.authorisation, pack.repeats, pack.version) == ("", 0, 0)
    assert (pack.stolen, pack.handed_over, pack.expiry_is_odd) == (False, False, False)


def test_one_day_written_in_two_ways_is_no_conflict_and_two_days_are():
    same = known_pack(recorded(status="active", moment=1, event_lot="L", event_expiry="2027-05-31"))
    assert same.conditions == ()
    month = known_pack(recorded(status="active", moment=1, event_lot="L", event_expiry="2027-05"))
    assert month.conditions == ()
    other = known_pack(
        recorded(status="active", moment=1, event_lot="M", event_expiry="2027-06-30")
    )
    assert other.conditions == ("lot_conflict", "expiry_conflict")


def test_an_expiry_that_is_no_date_is_odd_and_none_is_not():
    assert known_pack(events(event_expiry="soon")).expiry_is_odd
    assert not known_pack(events(event_expiry="")).expiry_is_odd
    assert not known_pack(events()).expiry_is_odd


def test_an_undo_of_the_registry_counts_from_the_moment_of_the_event_it_undoes():
    ended = {"status": "dispensed", "moment": 10 << 10}
    assert known_pack(recorded(**ended)).state is PackState.SUPPLIED
    assert known_pack(recorded(**ended, version=2)).state is PackState.SUPPLIED
    undone = {**ended, "version": 2, "since_us": 10 << 10}
    assert known_pack(recorded(**undone)).state is PackState.ACTIVE
    assert known_pack(recorded(**{**undone, "version": 1})).state is PackState.SUPPLIED


def test_only_a_gtin_with_a_serial_names_a_pack():
    assert is_pack(f"/01/{GTIN}/21/S")
    assert not is_pack(f"/01/{GTIN}/10/L")
    assert not is_pack("/414/9521321000018/21/S")


def test_the_state_of_an_unknown_pack_is_none(store, put_pack):
    with store.write(NOW) as tx:
        put_pack(tx, "S1")
    with store.read() as snapshot:
        known, unknown = judge_packs(snapshot, [(GTIN, "S1"), (GTIN, "S2")], NOW)
    assert (known.state, known.lot) == (PackState.ACTIVE, "A123")
    assert (unknown.state, unknown.lot, unknown.uploaded_lot) == (None, "", None)


def test_many_packs_come_in_the_order_they_were_asked_for(store, put_pack):
    names = [f"S{number}" for number in range(150)]
    with store.write(NOW) as tx:
        for name in reversed(names):
            put_pack(tx, name, lot=f"L{name}")
    with store.read() as snapshot:
        found = list(judge_packs(snapshot, [(GTIN, name) for name in names], NOW))
    assert [(one.serial, one.lot) for one in found] == [(name, f"L{name}") for name in names]


def test_the_lot_on_an_unknown_pack_is_known_by_upload_or_by_events(store, put_pack):
    with store.write(NOW) as tx:
        put_pack(tx, "S1")
        record(tx, [chain.commission(0, [chain.pack(0)], lot="L1")])
    with store.read() as snapshot:
        for code, lot, is_known in (
            (GTIN, "A123", True), (GTIN, "B", False), (GTIN, None, False),
            (chain.GTIN, "L1", True), (chain.GTIN, "A123", False),
        ):  # fmt: skip
            found = facts_of(snapshot, Asked(code, "NONE", lot))
            assert found.pack is None
            assert (found.lot_known, found.serial_shape) == (is_known, ""), (code, lot)
        assert facts_of(snapshot, Asked(chain.GTIN, "NONE", None)).product_known
        assert not facts_of(snapshot, Asked("04012345678901", "NONE", None)).product_known


def test_a_rule_that_nobody_looks_at_says_so_and_a_gtin_has_all_its_digits():
    limit = SensorLimit("Temperature", "CEL", low="2")
    assert SensorRule(GTIN, limits=(limit,)).text == "alarms; Temperature from 2 CEL"
    assert SensorRule(GTIN, on=False, limits=(limit,)).text == "not looked at"
    assert list(SensorRule(GTIN, limits=(limit,)).faults()) == []
    assert list(SensorRule(GTIN[1:], limits=(limit,)).faults())
    assert list(SensorRule(GTIN, limits=(SensorLimit("Temperature", "CEL", "8", "2"),)).faults())
    assert not list(
        SensorRule(GTIN, limits=(SensorLimit("Temperature", "CEL", "2", "2"),)).faults()
    )


def test_a_record_of_a_decision_reads_back_with_what_it_left_out():
    for given in (facts(), Facts(Asked(GTIN, "S"), None)):
        written = msgspec.json.encode(given)
        assert msgspec.json.decode(written, type=Facts) == given
    bare = Facts(Asked(GTIN, "S"), KnownPack(PackState.ACTIVE))
    assert (bare.product_known, bare.lot_known, bare.intermarket, bare.owned) == (
        True, True, False, True,
    )  # fmt: skip
    assert bare.pack is not None
    assert (bare.pack.repeats, bare.pack.version, bare.pack.stolen) == (0, 0, False)
    request = PackRequest(operation=PackAct.SUPPLY, code=GTIN, serial="S")
    assert request.wish == Wish(PackAct.SUPPLY)


def test_a_stranger_learns_that_it_may_not_ask_and_not_that_the_pack_is_good():
    stranger = facts(who=replace(PHARMACY, role=ParticipantRole.UNREGISTERED))
    answer = judged(stranger, PackAct.VERIFY)
    assert (answer.result, answer.may_proceed) == (Result.NOT_ALLOWED, False)
    assert judged(facts(), PackAct.VERIFY).may_proceed
    assert judged(facts(exempt=True), PackAct.VERIFY).may_proceed
    assert ParticipantRole("unregistered") is ParticipantRole.UNREGISTERED
    assert not KnownPack(PackState.ACTIVE).expiry_is_odd


def test_words_that_programs_match_on_stay_as_they_are():
    assert [one.value for one in Doubt] == ["suspect", "illegitimate", "recalled", "quarantined"]
    assert ANYWHERE == "*"
