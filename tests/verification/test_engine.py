"""The safety core: over all mixed facts and all acts, whatever a rule pack allows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import product

import msgspec

from verification.decision.act import (
    TO_VERIFY,
    Asked,
    MatrixRow,
    PackAct,
    ParticipantRole,
    Who,
    Wish,
)
from verification.decision.decide import CONFIRMABLE, EVIDENCE, decide
from verification.decision.facts import Facts, KnownPack
from verification.decision.rule_pack import Ruling, shipped
from verification.decision.words import (
    CHECKS,
    OF_CONDITION,
    STOPS,
    Doubt,
    LotState,
    PackState,
    ProductState,
    Reason,
    Result,
    Word,
    word_of,
)

GOOD, NOW = "05901234123457", datetime(2026, 11, 22, tzinfo=UTC)


def test_the_core_forbids_what_any_rule_pack_allows():
    """Over all mixed facts and all acts, with a rule pack that allows everything to everybody."""
    rules = shipped()
    lax = msgspec.structs.replace(
        rules,
        roles={act.value: frozenset(ParticipantRole) for act in PackAct},
        matrix={row: dict.fromkeys(PackState, Ruling.OK) for row in MatrixRow},
    )
    who = Who(client="c", role=ParticipantRole.PHARMACY, location="P", authorisation="P")
    taking_out = {PackAct.DESTROY, PackAct.SAMPLE, PackAct.LOCK, PackAct.STOLEN}
    conditions = [(), ("damaged",), ("seen_after_end",), ("quarantined",), ("new_word",)]
    axes = (PackState, conditions, (date(2099, 1, 1), date(2020, 1, 1), None), LotState,
            (None, *Doubt), ProductState, (False, True))  # fmt: skip
    for number, (state, marks, day, lot_state, doubt, sold, stolen) in enumerate(product(*axes)):
        lot = ("L", "L", None, "L", "M")[number % 5]
        known = KnownPack(state, lot, day, conditions=marks, location="P", stolen=stolen)
        facts = Facts(
            Asked(GOOD, "S", "L"), known, who,
            lot_state=lot_state, doubt=doubt, product_state=sold,
        )  # fmt: skip
        about = decide(facts, TO_VERIFY, lax, NOW)
        clean = (
            state is PackState.ACTIVE and not marks and day is not None and day > NOW.date()
            and lot_state is LotState.ACTIVE and doubt is None and sold is ProductState.ACTIVE
            and not stolen and lot == "L"
        )  # fmt: skip
        assert (about.verdict is Word.OK) is clean is about.may_proceed, facts
        for act in PackAct:
            if act in (PackAct.VERIFY, PackAct.UNDO):
                continue
            judgement = decide(facts, Wish(act), lax, NOW)
            assert judgement.reasons == about.reasons
            if act not in taking_out:
                assert judgement.may_proceed is clean, (act, facts)
            elif lot == "M" or (act is PackAct.DESTROY and EVIDENCE & set(about.reasons)):
                assert not judgement.may_proceed
            confirmed = decide(facts, Wish(act, confirmed=True), lax, NOW)
            if about.verdict is Word.STOP and act not in taking_out:
                assert not confirmed.may_proceed, (act, facts)


def facts(*conditions, state=PackState.ACTIVE, expiry=date(2099, 1, 1), asked_expiry=None, **more):
    known = KnownPack(
        state, "L", expiry, conditions=conditions, since=NOW, location="P", authorisation="P"
    )
    who = Who(client="c", role=ParticipantRole.PHARMACY, location="P", authorisation="P")
    return Facts(Asked(GOOD, "S", "L", asked_expiry), known, who, **more)


def judged(given, act=PackAct.SUPPLY, *, confirmed=False):
    return decide(given, Wish(act, confirmed=confirmed), shipped(), NOW)


def test_every_condition_has_its_reason_and_stops_or_waits():
    for condition, reason in OF_CONDITION.items():
        told = judged(facts(condition.value), PackAct.VERIFY)
        assert told.reasons == (reason,)
        assert (told.verdict is Word.STOP) == (reason in STOPS)
        assert told.result is Result.NOT_TO_SUPPLY
        refused = judged(facts(condition.value))
        assert not refused.may_proceed
        assert refused.verdict is told.verdict


def test_every_reason_has_one_verdict():
    assert STOPS.isdisjoint(CHECKS)
    assert {word_of(reason) for reason in STOPS} == {Word.STOP}
    assert {word_of(reason) for reason in CHECKS} == {Word.CHECK}
    assert {reason for reason in Reason if word_of(reason) is Word.OK} == {
        Reason.GENUINE,
        Reason.EXEMPT,
    }


def test_a_person_settles_what_the_print_can_settle_and_nothing_else():
    unknown = facts("unknown_disposition:wet")
    assert judged(unknown).result is Result.TO_CHECK
    assert judged(unknown, confirmed=True).result is Result.DONE
    undated = facts(expiry=None)
    assert judged(undated).result is Result.TO_CHECK
    assert judged(undated, confirmed=True).result is Result.TO_CHECK
    read = facts(expiry=None, asked_expiry=date(2099, 1, 1))
    assert judged(read, confirmed=True).result is Result.DONE
    over = facts(expiry=None, asked_expiry=date(2020, 1, 1))
    assert judged(over, confirmed=True).result is Result.EXPIRED
    for reason in CHECKS - CONFIRMABLE:
        marks = [one.value for one, of in OF_CONDITION.items() if of is reason]
        for mark in marks:
            assert judged(facts(mark), confirmed=True).result is Result.TO_CHECK


def test_an_undo_lifts_the_end_and_what_was_seen_since_and_nothing_else():
    ended = facts("seen_after_end", state=PackState.SUPPLIED)
    undone = judged(ended, PackAct.UNDO)
    assert (undone.result, undone.becomes) == (Result.DONE, PackState.ACTIVE)
    assert undone.reasons == (Reason.GENUINE,)
    back = judged(facts("returned_after_end", state=PackState.SUPPLIED), PackAct.UNDO)
    assert back.result is Result.DONE
    for mark, result in (("damaged", Result.TO_CHECK), ("recalled", Result.RECALLED)):
        kept = judged(facts(mark, state=PackState.SUPPLIED), PackAct.UNDO)
        assert (kept.result, kept.becomes) == (result, None)
    case = judged(facts(state=PackState.SUPPLIED, doubt=Doubt.ILLEGITIMATE), PackAct.UNDO)
    assert case.result is Result.STOPPED


def test_returned_after_dispensing_waits_and_after_any_other_end_stops():
    back = judged(facts("returned_after_end", state=PackState.SUPPLIED), PackAct.VERIFY)
    assert back.reasons == (Reason.RETURNED_AFTER_END,)
    ended = judged(facts("returned_after_end", state=PackState.DESTROYED), PackAct.VERIFY)
    assert ended.reasons == (Reason.DESTROYED, Reason.RETURNED_AFTER_END)


def test_evidence_is_not_destroyed():
    for given in (facts(doubt=Doubt.SUSPECT), facts("quarantined"), facts(lot_state=LotState.HELD)):
        assert not judged(given, PackAct.DESTROY).may_proceed
    assert judged(facts(doubt=Doubt.ILLEGITIMATE), PackAct.DESTROY).may_proceed
    assert judged(facts("damaged"), PackAct.DESTROY).may_proceed


def test_records_that_contradict_each_other_alert_once_nothing_above_forbids_it():
    for mark in ("seen_after_end", "lot_conflict", "expiry_conflict", "commissioned_twice"):
        assert judged(facts(mark), PackAct.VERIFY).alert
        quiet = decide(facts(mark), Wish(PackAct.VERIFY, alerting=False), shipped(), NOW)
        assert not quiet.alert
        recalled = facts(mark, lot_state=LotState.RECALLED)
        assert not judged(recalled, PackAct.VERIFY).alert
    assert not judged(facts("damaged"), PackAct.VERIFY).alert


def test_the_values_of_a_conflict_and_of_an_unknown_word_are_said():
    two = msgspec.structs.replace(facts("lot_conflict"), lots_recorded=("L", "M"))
    assert "(L, M)" in judged(two, PackAct.VERIFY).say
    days = msgspec.structs.replace(
        facts("expiry_conflict"), expiries_recorded=("2027-01-01", "2028-01-01")
    )
    assert "(2027-01-01, 2028-01-01)" in judged(days, PackAct.VERIFY).say
    assert "(wet)" in judged(facts("unknown_disposition:wet"), PackAct.VERIFY).say
    assert "()" not in judged(facts("sensor_alarm"), PackAct.VERIFY).say


def test_an_exempt_lot_may_be_supplied_unless_something_else_speaks_against_it():
    asked = Asked(GOOD, "S", "L", date(2099, 1, 1))
    bare = Facts(asked, None, exempt=True)
    free = decide(bare, TO_VERIFY, shipped(), NOW)
    assert (free.verdict, free.may_proceed) == (Word.OK, True)
    for more in ({"lot_state": LotState.RECALLED}, {"doubt": Doubt.SUSPECT}):
        told = decide(Facts(asked, None, exempt=True, **more), TO_VERIFY, shipped(), NOW)
        assert told.verdict is not Word.OK
        assert not told.may_proceed
    over = Facts(Asked(GOOD, "S", "L", date(2020, 1, 1)), None, exempt=True)
    assert decide(over, TO_VERIFY, shipped(), NOW).reason is Reason.EXPIRED


def test_an_unknown_product_whose_lot_is_recalled_stops():
    told = decide(
        Facts(Asked(GOOD, "S", "L"), None, product_known=False, lot_state=LotState.RECALLED),
        TO_VERIFY,
        shipped(),
        NOW,
    )
    assert (told.verdict, told.reason) == (Word.STOP, Reason.RECALLED)


def test_what_an_end_forbids_on_an_expired_pack_is_no_falsification():
    over = facts(state=PackState.SUPPLIED, expiry=date(2020, 1, 1))
    taken = judged(over, PackAct.DESTROY)
    assert (taken.result, taken.alert) == (Result.IMPOSSIBLE, False)
    fresh = judged(facts(state=PackState.SUPPLIED), PackAct.DESTROY)
    assert (fresh.result, fresh.alert) == (Result.IMPOSSIBLE, True)
