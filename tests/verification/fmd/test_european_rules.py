"""What 2016/161 wants of acts: where they are undone, when they count, who owns, what alerts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from verification.alerts.alert import alert_of
from verification.decision.act import CustomerCategory, PackAct, PackRequest, ParticipantRole, Who
from verification.decision.rule_pack import shipped
from verification.decision.words import (
    Doubt,
    LotState,
    PackState,
    ProductState,
    Reason,
    Result,
    Word,
)
from verification.fmd.expiry_extension import Extension, extend, take_back
from verification.fmd.perform import perform, replay
from verification.fmd.result import SPELLINGS
from verification.registry.history import history
from verification.registry.pack_registry import set_doubt, set_lot_state, set_product_state
from verification.registry.pack_tables import batch

GTIN, LOT = "05901234123457", "A123"
OWNER = "/414/5901234000009"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RULES = shipped()
ANNA = Who(client="anna", role=ParticipantRole.PHARMACY, location="P1", authorisation="A1")
BERT = Who(client="bert", role=ParticipantRole.PHARMACY, location="P2", authorisation="A1")
DOCK = Who(client="dock", role=ParticipantRole.WHOLESALER, location="W1", authorisation="A2")
MAKER = Who(client="maker", role=ParticipantRole.MAH, location="plant", authorisation=OWNER)
RIVAL = Who(client="rival", role=ParticipantRole.MAH, location="works", authorisation="rival")


@pytest.fixture
def act(packs):
    """Does one act on a pack; gives its answer."""

    def do(operation, who=ANNA, serial="S1", at=NOW, **more):
        request = PackRequest(operation=operation, code=GTIN, serial=serial, **more)
        with packs.write(at) as tx:
            (answer,) = perform(tx, [(request, who)], RULES)
        return answer

    return do


def test_an_opened_pack_is_never_taken_back(act):
    assert act(PackAct.PARTIAL_SUPPLY).state is PackState.SUPPLIED
    assert act(PackAct.UNDO).result is Result.UNDO_REFUSED
    assert act(PackAct.SUPPLY, serial="S2").result is Result.DONE
    assert act(PackAct.UNDO, serial="S2").state is PackState.ACTIVE


@pytest.mark.parametrize("operation", [PackAct.SUPPLY, PackAct.SAMPLE, PackAct.DESTROY])
def test_an_act_is_undone_at_its_own_premises_only(act, operation):
    act(operation)
    elsewhere = act(PackAct.UNDO, BERT)  # the same licence, and the same country
    final = operation is PackAct.DESTROY
    assert elsewhere.result is (Result.UNDO_REFUSED if final else Result.UNDO_ELSEWHERE)


def test_two_clients_without_known_premises_are_not_at_one_place(act):
    nowhere = Who(client="x", role=ParticipantRole.PHARMACY, authorisation="A1")
    assert act(PackAct.SUPPLY, nowhere).result is Result.DONE
    assert act(PackAct.SUPPLY, nowhere).cause == "clone"
    assert act(PackAct.UNDO, nowhere).result is Result.UNDO_ELSEWHERE
    assert act(PackAct.LOCK, DOCK, serial="S2").state is PackState.LOCKED
    other = Who(client="y", role=ParticipantRole.WHOLESALER, location="W2", authorisation="A2")
    assert act(PackAct.UNDO, other, serial="S2").result is Result.UNDO_ELSEWHERE


def test_what_was_taken_out_upstream_is_no_clone(act):
    act(PackAct.EXPORT, DOCK)
    late = act(PackAct.SUPPLY)
    assert (late.hub, late.cause) == ("A24", "decommissioned-upstream")
    act(PackAct.SUPPLY, serial="S2")
    second = act(PackAct.SUPPLY, BERT, serial="S2")
    assert (second.hub, second.cause) == ("A7", "clone")
    assert act(PackAct.SUPPLY, serial="S2").cause == "own-double-scan"


def test_a_holder_acts_on_its_own_products_only(act):
    for operation in (PackAct.FREE_SAMPLE, PackAct.STOLEN, PackAct.DESTROY, PackAct.LOCK):
        refused = act(operation, RIVAL)
        assert (refused.http, refused.result, refused.alert) == (403, Result.NOT_OWNER, None)
    assert act(PackAct.VERIFY, RIVAL).http == 200
    assert act(PackAct.FREE_SAMPLE, MAKER).state is PackState.FREE_SAMPLE
    repacker = Who(
        client="rp", role=ParticipantRole.PARALLEL_DISTRIBUTOR, location="R1", authorisation="rp"
    )
    assert act(PackAct.CHECK_OUT, repacker, serial="S2").state is PackState.CHECKED_OUT


@pytest.mark.parametrize("stop", ["recalled", "withdrawn"])
@pytest.mark.parametrize(
    "wrong", [{}, {"serial": "NOSUCH"}, {"lot": "ZZ"}, {"expiry": date(2027, 5, 30)}]
)
@pytest.mark.parametrize("operation", [PackAct.VERIFY, PackAct.SUPPLY])
def test_nothing_of_a_recalled_lot_or_withdrawn_product_alerts(act, packs, stop, wrong, operation):
    act(PackAct.SUPPLY, BERT)
    with packs.write(NOW) as tx:
        by = {"now": NOW, "by": "qa", "market": ""}
        if stop == "recalled":
            set_lot_state(tx, GTIN, LOT, LotState.RECALLED, "x", **by)
        else:
            set_product_state(tx, GTIN, ProductState.WITHDRAWN, "x", **by)
    answer = act(operation, **({"lot": LOT} | wrong))
    assert answer.alert is None
    assert (answer.word, answer.colour) == (Word.STOP, "red")


def test_every_state_in_force_is_told_the_gravest_first(act, packs):
    act(PackAct.SUPPLY)
    with packs.write(NOW) as tx:
        set_lot_state(tx, GTIN, LOT, LotState.RECALLED, "x", now=NOW, by="qa")
        set_doubt(tx, GTIN, Doubt.SUSPECT, case_id="C", now=NOW, serial="S1")
    seen = act(PackAct.VERIFY, at=NOW + timedelta(days=400))
    assert [reason.value for reason in seen.reasons] == [
        "recalled",
        "expired",
        "dispensed",
        "suspect",
    ]
    assert (seen.soap, seen.colour, seen.http) == ("NMVS_FE_LOT_01", "red", 200)


def test_no_code_of_success_stands_beside_stop(act):
    for result, spelling in SPELLINGS.items():
        if spelling.soap == "NMVS_SUCCESS":
            assert result in (Result.DONE, Result.NOOP)
    for serial, operation, who in (
        ("S1", PackAct.SUPPLY, ANNA),
        ("S2", PackAct.EXPORT, DOCK),
        ("S3", PackAct.LOCK, DOCK),
        ("S4", PackAct.STOLEN, DOCK),
    ):
        assert act(operation, who, serial=serial).colour == "green"
        seen = act(PackAct.VERIFY, serial=serial)
        assert (seen.http, seen.word is Word.OK, seen.colour == "green") == (200, False, False)
        assert seen.soap != "NMVS_SUCCESS"
        assert seen.rest[3] == "2"


def test_a_reused_transaction_id_tells_nothing_of_the_other_pack(act):
    act(PackAct.SUPPLY, transaction="T")
    said = act(PackAct.SUPPLY, serial="S2", transaction="T")
    assert (said.http, said.result, said.serial) == (409, Result.TRANSACTION_REUSED, "S2")
    told = (said.state, said.standing, said.lot, said.expiry, said.alert, said.cause, said.also)
    assert told == (None, None, None, None, None, "", ())
    assert said.word is Word.UNKNOWN


MONDAY = NOW - timedelta(days=3)


@pytest.fixture
def uploaded(packs):
    """The lot was uploaded ten days ago and released nine days ago."""
    values = dict.fromkeys(("markets", "serial_shape", "owner"), "") | {
        "code": GTIN,
        "lot": LOT,
        "expiry": "2027-05-31",
        "released": (NOW - timedelta(days=9)).date().isoformat(),
        "product_version": 1,
        "packs": 5,
        "uploaded_us": int((NOW - timedelta(days=10)).timestamp() * 1_000_000),
    }
    with packs.write(NOW) as tx:
        tx.connection.execute(batch.insert().values(**values))
    return packs


def test_an_act_done_offline_is_judged_as_of_then(act, uploaded):
    with uploaded.write(NOW) as tx:
        set_lot_state(tx, GTIN, LOT, LotState.RECALLED, "x", now=NOW - timedelta(days=1), by="qa")
    late = act(PackAct.SUPPLY, scanned=MONDAY)
    assert (late.result, late.state) == (Result.DONE, PackState.SUPPLIED)
    assert act(PackAct.SUPPLY, serial="S2").result is Result.RECALLED
    after = act(PackAct.SUPPLY, serial="S2", scanned=NOW - timedelta(hours=1))
    assert after.result is Result.RECALLED
    with uploaded.read() as snapshot:
        for serial in ("S1", "S2"):
            for past in history(snapshot, GTIN, serial):
                then, again = replay(snapshot, past)
                assert then == again


def test_the_state_of_a_lot_counts_that_it_had_then_not_what_became_of_it(act, uploaded):
    day = timedelta(days=1)
    for days, state in ((5, LotState.HELD), (3, LotState.ACTIVE), (1, LotState.RECALLED)):
        with uploaded.write(NOW) as tx:
            set_lot_state(tx, GTIN, LOT, state, "x", now=NOW - days * day, by="qa")
    for days, serial, result in (
        (6, "S1", Result.DONE),
        (4, "S2", Result.HELD),
        (2, "S2", Result.DONE),
        (0.5, "S3", Result.RECALLED),
    ):
        assert act(PackAct.SUPPLY, serial=serial, scanned=NOW - days * day).result is result
    assert act(PackAct.SUPPLY, serial="S3").result is Result.RECALLED


def test_a_suspicion_counts_while_it_was_open_though_it_is_cleared_since(act, uploaded):
    for days, kind in ((5, Doubt.SUSPECT), (3, None), (1, Doubt.QUARANTINED)):
        when = NOW - timedelta(days=days)
        with uploaded.write(when) as tx:
            set_doubt(tx, GTIN, kind, case_id="C", now=when, lot=LOT)
    for days, serial, reason in (
        (6, "S1", Reason.GENUINE),
        (4, "S2", Reason.SUSPECT),
        (3, "S2", Reason.GENUINE),
        (0.5, "S3", Reason.QUARANTINED),
    ):
        answer = act(PackAct.SUPPLY, serial=serial, scanned=NOW - timedelta(days=days))
        assert answer.reason is reason
        assert (answer.result is Result.DONE) == (reason is Reason.GENUINE)
    with uploaded.read() as snapshot:
        for serial in ("S1", "S2", "S3"):
            for past in history(snapshot, GTIN, serial):
                then, again = replay(snapshot, past)
                assert then == again


def test_a_hold_in_another_market_did_not_stop_it_then(act, uploaded):
    then = NOW - timedelta(days=4)
    for market, state in (("ZZ", LotState.RECALLED), ("", LotState.ACTIVE)):
        with uploaded.write(NOW) as tx:
            set_lot_state(tx, GTIN, LOT, state, "x", now=then, by="qa", market=market)
    assert act(PackAct.SUPPLY, scanned=NOW - timedelta(days=2)).result is Result.DONE


def test_an_extension_of_the_expiry_counts_from_the_day_it_was_given(act, uploaded):
    over = datetime(2027, 6, 10, 18, tzinfo=UTC)
    given = over + timedelta(days=2)
    notice = Extension(GTIN, LOT, date(2027, 12, 31), "N-1")
    with uploaded.write(given) as tx:
        extend(tx, [notice], by="qa")
    late = given + timedelta(days=1)
    assert act(PackAct.SUPPLY, at=late, scanned=over).result is Result.EXPIRED
    assert act(PackAct.SUPPLY, at=late, scanned=given + timedelta(hours=1)).result is Result.DONE
    with uploaded.write(late) as tx:
        take_back(tx, GTIN, LOT)
    last = late + timedelta(days=2)
    assert act(PackAct.SUPPLY, serial="S2", at=last).result is Result.EXPIRED
    before = act(PackAct.SUPPLY, serial="S2", at=last, scanned=late - timedelta(hours=1))
    assert before.result is Result.DONE


def test_a_pack_sold_on_its_last_day_is_not_expired_when_the_line_is_back(act, uploaded):
    last_day = datetime(2027, 5, 31, 18, tzinfo=UTC)
    back = last_day + timedelta(days=2)
    assert act(PackAct.SUPPLY, at=back).result is Result.EXPIRED
    assert act(PackAct.SUPPLY, at=back, scanned=last_day).result is Result.DONE


def test_an_undo_done_offline_in_time_counts_and_one_before_the_act_does_not(act, uploaded):
    act(PackAct.SUPPLY)
    late = NOW + timedelta(hours=300)
    assert act(PackAct.UNDO, at=late).result is Result.UNDO_TOO_LATE
    early = act(PackAct.UNDO, at=late, scanned=NOW - timedelta(hours=1))
    assert early.result is Result.UNDO_OTHER_TYPE
    assert act(PackAct.UNDO, at=late, scanned=NOW + timedelta(hours=239)).http == 200


@pytest.mark.parametrize(
    ("scanned", "why"),
    [
        (NOW - timedelta(days=10, minutes=1), "before the upload"),
        (NOW - timedelta(days=9, hours=13), "before the release"),
    ],
)
def test_a_time_that_cannot_be_is_refused(act, uploaded, scanned, why):
    refused = act(PackAct.SUPPLY, scanned=scanned)
    assert (refused.http, refused.result) == (422, Result.TIME_NOT_PLAUSIBLE), why
    assert act(PackAct.VERIFY).state is PackState.ACTIVE


def test_a_time_too_long_ago_is_refused(act):
    long_ago = NOW - timedelta(hours=RULES.offline_h_max, seconds=1)
    assert act(PackAct.SUPPLY, scanned=long_ago).result is Result.TIME_NOT_PLAUSIBLE
    in_time = NOW - timedelta(hours=RULES.offline_h_max)
    assert act(PackAct.SUPPLY, scanned=in_time).result is Result.DONE


def test_whom_a_wholesaler_supplied_is_recorded(act, packs):
    act(PackAct.SUPPLY, DOCK, customer=CustomerCategory.PRISON)
    with packs.read() as snapshot:
        (past,) = history(snapshot, GTIN, "S1")
    assert past.record["request"]["customer"] == "prison"


def test_one_cause_is_one_alert_until_it_is_closed(act, packs):
    act(PackAct.SUPPLY)
    first = act(PackAct.SUPPLY, BERT).alert
    again = act(PackAct.SUPPLY, BERT, at=NOW + timedelta(hours=1)).alert
    other = act(PackAct.SUPPLY, DOCK).alert
    assert first == again != other
    with packs.read() as snapshot:
        told = alert_of(snapshot, first)
    assert (told.count, told.at, told.last) == (2, NOW, NOW + timedelta(hours=1))
