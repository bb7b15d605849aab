"""The transition matrix, exhaustively: states by wishes by what stands above, time and place."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from verification.decision.verdict import LotState, PackState, ProductState
from verification.fmd.decide import decide, spell
from verification.fmd.operation import (
    CHANGES,
    Known,
    Operation,
    PackRecord,
    PackRequest,
    Role,
    Who,
)
from verification.fmd.result import SPELLINGS, Result
from verification.fmd.rulepack import Ruling, shipped

EU = shipped()
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = Who(client="till-1", role=Role.PHARMACY, location="P1", authorisation="A1")
ALL_MAY = {role: Who(client="x", role=role, location="P1", authorisation="A1") for role in Role}
STATES = list(PackState)
ACTOR = {
    Operation.EXPORT: Role.WHOLESALER,
    Operation.FREE_SAMPLE: Role.MAH,
    Operation.LOCK: Role.WHOLESALER,
    Operation.STOLEN: Role.WHOLESALER,
    Operation.CHECK_OUT: Role.PARALLEL_DISTRIBUTOR,
}


def asks(operation, **more):
    return PackRequest(operation=operation, code="05901234123457", serial="S1", **more)


def known(state=PackState.ACTIVE, hours_ago=1.0, **more):
    record = PackRecord(
        state=state,
        lot="L1",
        expiry=more.pop("expiry", date(2027, 5, 31)),
        since=NOW - timedelta(hours=hours_ago),
        location=more.pop("location", "P1"),
        authorisation=more.pop("authorisation", "A1"),
        repeats=more.pop("repeats", 0),
        handed_over=more.pop("handed_over", False),
    )
    return Known(product=True, lot=True, pack=record, **more)


def by(operation):
    return ALL_MAY[ACTOR.get(operation, Role.PHARMACY)]


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
        outcome = decide(asks(wish), by(wish), facts, EU, NOW)
        assert outcome.result is expected(state, wish, above, ago, same), (state, wish, ago, same)
        if above and outcome.result in SPELLINGS and not outcome.is_success:
            assert not outcome.alert, "what lot, product or expiry forbids is no falsification"
        if outcome.becomes is not None:
            assert outcome.becomes is wish.target


def test_roles_may_do_what_the_table_says_and_nothing_else():
    for role, operation in itertools.product(Role, Operation):
        outcome = decide(asks(operation), ALL_MAY[role], known(), EU, NOW)
        refused = outcome.result is Result.NOT_ALLOWED
        assert refused == (role not in EU.roles[operation.value])
    query = asks(Operation.VERIFY, alerting=False)
    assert decide(query, ALL_MAY[Role.NCA], known(), EU, NOW).is_success


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
            Known(product=True),
            "lot-and-serial-unknown",
            "A2",
            "NMVS_FE_LOT_03",
            "41020002",
        ),
        (
            {"lot": "L1"},
            Known(product=True, lot=True),
            "serial-unknown",
            "A3",
            "NMVS_NC_PC_02",
            "41020001",
        ),
        ({}, Known(product=False), "product-unknown", "A1", "NMVS_NC_PC_01", "41020000"),
        ({"lot": "L2"}, known(), "lot-differs", "A68", "NMVS_FE_LOT_13", "41020003"),
        (
            {"expiry": date(2027, 5, 1)},
            known(),
            "expiry-differs",
            "A52",
            "NMVS_FE_LOT_12",
            "41020005",
        ),
        ({}, Known(product=True, exempt=True), "exempt", "A74", "NMVS_NC_PC_06", "41020006"),
    ],
)
def test_what_is_not_confirmed_gets_the_code_of_every_family(  # noqa: PLR0917  # one row
    request_, facts, result, hub, soap, rest
):
    request = asks(Operation.VERIFY, **request_)
    outcome = decide(request, HERE, facts, EU, NOW)
    codes = spell(request, HERE, facts, outcome)
    assert (outcome.result.value, codes) == (result, {"hub": hub, "soap": soap, "rest": rest})
    assert outcome.alert == (hub not in ("A1", "A74"))
    quiet = decide(asks(Operation.VERIFY, alerting=False, **request_), HERE, facts, EU, NOW)
    assert quiet.result is outcome.result
    assert not quiet.alert


def test_a_serial_unlike_the_uploaded_ones_points_at_the_scanner():
    facts = Known(product=True, lot=True, serial_shape="12n")
    request = asks(Operation.VERIFY, lot="L1")
    outcome = decide(request, HERE, facts, EU, NOW)
    assert spell(request, HERE, facts, outcome)["rest"] == "41020012"


def test_codes_of_refused_changes():
    facts = known(PackState.SUPPLIED, location="P2")
    supply = asks(Operation.SUPPLY)
    outcome = decide(supply, HERE, facts, EU, NOW)
    assert outcome.alert
    assert spell(supply, HERE, facts, outcome) == {
        "hub": "A7",
        "soap": "NMVS_NC_PCK_22",
        "rest": "51220200",
    }
    abroad = msgspec.structs.replace(facts, intermarket=True)
    assert spell(supply, HERE, abroad, outcome)["soap"] == "NMVS_NC_PCK_19"


def test_finland_tolerates_three_repeats_and_says_when_it_was_the_last():
    rules = shipped("EU-2016/161-FI")
    results = []
    for repeats in range(4):
        facts = known(PackState.SUPPLIED, repeats=repeats)
        outcome = decide(asks(Operation.SUPPLY), HERE, facts, rules, NOW)
        results.append((outcome.result, outcome.alert, outcome.counts_repeat))
    assert results == [
        (Result.REPEAT, False, True),
        (Result.REPEAT, False, True),
        (Result.REPEAT_LAST, False, True),
        (Result.ALREADY_IN_STATE, True, False),
    ]
    elsewhere = known(PackState.SUPPLIED, location="P2")
    assert decide(asks(Operation.SUPPLY), HERE, elsewhere, rules, NOW).alert


def test_undo_must_name_the_act_it_undoes_and_cannot_bring_back_what_left_with_the_patient():
    sample = known(PackState.SAMPLE)
    wrong = asks(Operation.UNDO, undo_of=Operation.SUPPLY)
    assert decide(wrong, HERE, sample, EU, NOW).result is Result.UNDO_OTHER_TYPE
    gone = known(PackState.SUPPLIED, handed_over=True)
    assert decide(asks(Operation.UNDO), HERE, gone, EU, NOW).result is Result.UNDO_REFUSED
    other = known(PackState.SUPPLIED, authorisation="A2")
    assert decide(asks(Operation.UNDO), HERE, other, EU, NOW).result is Result.UNDO_ELSEWHERE


def test_a_late_undo_alerts_across_markets_only_and_in_estonia_never():
    late = known(PackState.SUPPLIED, 241)
    abroad = msgspec.structs.replace(late, intermarket=True)
    assert not decide(asks(Operation.UNDO), HERE, late, EU, NOW).alert
    assert decide(asks(Operation.UNDO), HERE, abroad, EU, NOW).alert
    assert not decide(asks(Operation.UNDO), HERE, abroad, shipped("EU-2016/161-EE"), NOW).alert
