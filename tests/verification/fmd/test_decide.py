"""The transition matrix, exhaustively: states by wishes by what stands above, time and place."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from verification.decision.act import CHANGES, Asked, PackAct, PackRequest, ParticipantRole, Who
from verification.decision.decide import decide
from verification.decision.facts import Facts, KnownPack
from verification.decision.rule_pack import Ruling, shipped
from verification.decision.words import LotState, PackState, ProductState, Result
from verification.fmd.result import SPELLINGS, spell

EU = shipped()
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = Who(client="till-1", role=ParticipantRole.PHARMACY, location="P1", authorisation="A1")
ALL_MAY = {
    role: Who(client="x", role=role, location="P1", authorisation="A1") for role in ParticipantRole
}
STATES = list(PackState)
ACTOR = {
    PackAct.EXPORT: ParticipantRole.WHOLESALER,
    PackAct.FREE_SAMPLE: ParticipantRole.MAH,
    PackAct.LOCK: ParticipantRole.WHOLESALER,
    PackAct.STOLEN: ParticipantRole.WHOLESALER,
    PackAct.CHECK_OUT: ParticipantRole.PARALLEL_DISTRIBUTOR,
}


def asks(operation, **more):
    return PackRequest(operation=operation, code="05901234123457", serial="S1", **more)


def judged(request, who, facts, rules=EU, now=NOW):
    """The judgement on one request by one client."""
    facts = msgspec.structs.replace(facts, asked=request.asked, who=who)
    return decide(facts, request.wish, rules, now)


def codes(request, who, facts, judgement):
    facts = msgspec.structs.replace(facts, asked=request.asked, who=who)
    return spell(request, facts, judgement)


NOBODYS = Asked("05901234123457", "S1")


def known(state=PackState.ACTIVE, hours_ago=1.0, **more):
    record = KnownPack(
        state=state,
        lot="L1",
        expiry=more.pop("expiry", date(2027, 5, 31)),
        since=NOW - timedelta(hours=hours_ago),
        location=more.pop("location", "P1"),
        authorisation=more.pop("authorisation", "A1"),
        repeats=more.pop("repeats", 0),
        handed_over=more.pop("handed_over", False),
    )
    return Facts(NOBODYS, record, **more)


def by(operation):
    return ALL_MAY[ACTOR.get(operation, ParticipantRole.PHARMACY)]


def expected(state, operation, above, hours, same_place):  # noqa: C901, PLR0911  # a table in words
    """The reference's matrix and undo rule, written down a second time."""
    wish = operation.target
    if above and wish not in (PackState.DESTROYED, PackState.SAMPLE, PackState.STOLEN):
        return {"recalled": Result.RECALLED, "expired": Result.EXPIRED}.get(above, Result.WITHDRAWN)
    if wish is PackState.ACTIVE:
        if state is PackState.ACTIVE:
            return Result.NOOP
        if state in (
            PackState.DESTROYED,
            PackState.STOLEN,
            PackState.DECOMMISSIONED,
            PackState.UNCOMMISSIONED,
        ):
            return Result.UNDO_REFUSED
        if not same_place:
            return Result.UNDO_ELSEWHERE
        too_late = hours > 240 and state is not PackState.LOCKED
        return Result.UNDO_TOO_LATE if too_late else Result.DONE
    if state is PackState.ACTIVE:
        return Result.DONE
    if state is wish or (state, wish) == (PackState.DECOMMISSIONED, PackState.DESTROYED):
        return Result.ALREADY_IN_STATE
    open_states = (PackState.LOCKED, PackState.CHECKED_OUT, PackState.UNCOMMISSIONED)
    if state in open_states and wish in (PackState.DESTROYED, PackState.STOLEN):
        return Result.DONE
    if (state, wish) == (PackState.UNCOMMISSIONED, PackState.LOCKED):
        return Result.DONE
    if state is PackState.STOLEN and wish is PackState.DESTROYED:
        return Result.DONE
    if wish is PackState.STOLEN and state not in (PackState.DESTROYED, PackState.STOLEN):
        return Result.DONE  # marked besides
    return Result.IMPOSSIBLE


@pytest.mark.parametrize("above", ["", "recalled", "expired", "withdrawn"])
def test_every_state_wish_hour_and_place_comes_out_as_the_law_says(above):
    upper = {
        "recalled": {"lot_state": LotState.RECALLED},
        "expired": {"expiry": date(2026, 11, 21)},
        "withdrawn": {"product_state": ProductState.WITHDRAWN},
        "": {},
    }[above]
    hours = (0, 239 + 59 / 60, 240, 240 + 1 / 60)
    for state, wish, ago, same in itertools.product(STATES, CHANGES, hours, (True, False)):
        facts = known(state, ago, location="P1" if same else "P2", **upper)
        outcome = judged(asks(wish), by(wish), facts, EU, NOW)
        assert outcome.result is expected(state, wish, above, ago, same), (state, wish, ago, same)
        if above and outcome.result in SPELLINGS and not outcome.is_success:
            assert not outcome.alert, "what lot, product or expiry forbids is no falsification"
        if outcome.becomes is not None:
            assert outcome.becomes is wish.target


def test_roles_may_do_what_the_table_says_and_nothing_else():
    for role, operation in itertools.product(ParticipantRole, PackAct):
        outcome = judged(asks(operation), ALL_MAY[role], known(), EU, NOW)
        refused = outcome.result is Result.NOT_ALLOWED
        assert refused == (role not in EU.roles[operation.value])
    query = asks(PackAct.VERIFY, alerting=False)
    assert judged(query, ALL_MAY[ParticipantRole.NCA], known(), EU, NOW).is_success


def test_every_rule_pack_has_a_full_matrix():
    for name in ("EU-2016/161", *(f"EU-2016/161-{c}" for c in ("FI", "FR", "GR", "EE"))):
        rules = shipped(name)
        wishes = {operation.target for operation in CHANGES}
        for row in rules.matrix.values():
            assert set(row) == wishes
            assert all(isinstance(ruling, Ruling) for ruling in row.values())


@pytest.mark.parametrize(
    ("request_", "facts", "result", "hub", "soap", "rest"),
    [
        (
            {"lot": "X"},
            Facts(NOBODYS, None, lot_known=False),
            "lot-and-serial-unknown",
            "A2",
            "NMVS_FE_LOT_03",
            "41020002",
        ),
        (
            {"lot": "L1"},
            Facts(NOBODYS, None),
            "serial-unknown",
            "A3",
            "NMVS_NC_PC_02",
            "41020001",
        ),
        (
            {},
            Facts(NOBODYS, None, product_known=False),
            "product-unknown",
            "A1",
            "NMVS_NC_PC_01",
            "41020000",
        ),
        ({"lot": "L2"}, known(), "lot-differs", "A68", "NMVS_FE_LOT_13", "41020003"),
        (
            {"expiry": date(2027, 5, 1)},
            known(),
            "expiry-differs",
            "A52",
            "NMVS_FE_LOT_12",
            "41020005",
        ),
        ({}, Facts(NOBODYS, None, exempt=True), "exempt", "A74", "NMVS_NC_PC_06", "41020006"),
    ],
)
def test_what_is_not_confirmed_gets_the_code_of_every_family(  # noqa: PLR0917  # one row
    request_, facts, result, hub, soap, rest
):
    request = asks(PackAct.VERIFY, **request_)
    outcome = judged(request, HERE, facts, EU, NOW)
    spelt = codes(request, HERE, facts, outcome)
    assert (outcome.result.value, spelt) == (result, {"hub": hub, "soap": soap, "rest": rest})
    assert outcome.alert == (hub not in ("A1", "A74"))
    quiet = judged(asks(PackAct.VERIFY, alerting=False, **request_), HERE, facts, EU, NOW)
    assert quiet.result is outcome.result
    assert not quiet.alert


def test_a_serial_unlike_the_uploaded_ones_points_at_the_scanner():
    facts = Facts(NOBODYS, None, serial_shape="12n")
    request = asks(PackAct.VERIFY, lot="L1")
    outcome = judged(request, HERE, facts, EU, NOW)
    assert codes(request, HERE, facts, outcome)["rest"] == "41020012"


def test_codes_of_refused_changes():
    facts = known(PackState.SUPPLIED, location="P2")
    supply = asks(PackAct.SUPPLY)
    outcome = judged(supply, HERE, facts, EU, NOW)
    assert outcome.alert
    assert codes(supply, HERE, facts, outcome) == {
        "hub": "A7",
        "soap": "NMVS_NC_PCK_22",
        "rest": "51220200",
    }
    abroad = msgspec.structs.replace(facts, intermarket=True)
    assert codes(supply, HERE, abroad, outcome)["soap"] == "NMVS_NC_PCK_19"


def test_finland_tolerates_three_repeats_and_says_when_it_was_the_last():
    rules = shipped("EU-2016/161-FI")
    results = []
    for repeats in range(4):
        facts = known(PackState.SUPPLIED, repeats=repeats)
        outcome = judged(asks(PackAct.SUPPLY), HERE, facts, rules, NOW)
        results.append((outcome.result, outcome.alert, outcome.counts_repeat))
    assert results == [
        (Result.REPEAT, False, True),
        (Result.REPEAT, False, True),
        (Result.REPEAT_LAST, False, True),
        (Result.ALREADY_IN_STATE, True, False),
    ]
    elsewhere = known(PackState.SUPPLIED, location="P2")
    assert judged(asks(PackAct.SUPPLY), HERE, elsewhere, rules, NOW).alert


def test_a_repeat_is_tolerated_up_to_the_end_of_its_time_and_alerts_from_then_on():
    rules = shipped("EU-2016/161-FI")
    window_h = rules.double_supply.window_h
    tolerated = {}
    for hours in (0, window_h - 0.01, window_h, window_h + 0.01, 30 * 24):
        outcome = judged(asks(PackAct.SUPPLY), HERE, known(PackState.SUPPLIED, hours), rules, NOW)
        tolerated[hours] = (outcome.result is Result.REPEAT, outcome.alert)
    assert tolerated == {hours: (hours <= window_h, hours > window_h) for hours in tolerated}
    facts = known(PackState.SUPPLIED)
    assert facts.pack is not None
    never = msgspec.structs.replace(facts, pack=msgspec.structs.replace(facts.pack, since=None))
    assert judged(asks(PackAct.SUPPLY), HERE, never, rules, NOW).alert, "when is not known"


def test_undo_must_name_the_act_it_undoes_and_cannot_bring_back_what_left_with_the_patient():
    sample = known(PackState.SAMPLE)
    wrong = asks(PackAct.UNDO, undo_of=PackAct.SUPPLY)
    assert judged(wrong, HERE, sample, EU, NOW).result is Result.UNDO_OTHER_TYPE
    gone = known(PackState.SUPPLIED, handed_over=True)
    assert judged(asks(PackAct.UNDO), HERE, gone, EU, NOW).result is Result.UNDO_REFUSED
    other = known(PackState.SUPPLIED, authorisation="A2")
    assert judged(asks(PackAct.UNDO), HERE, other, EU, NOW).result is Result.UNDO_ELSEWHERE


def test_a_late_undo_alerts_across_markets_only_and_in_estonia_never():
    late = known(PackState.SUPPLIED, 241)
    abroad = msgspec.structs.replace(late, intermarket=True)
    assert not judged(asks(PackAct.UNDO), HERE, late, EU, NOW).alert
    assert judged(asks(PackAct.UNDO), HERE, abroad, EU, NOW).alert
    assert not judged(asks(PackAct.UNDO), HERE, abroad, shipped("EU-2016/161-EE"), NOW).alert
