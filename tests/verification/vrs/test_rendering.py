"""What a partner is told follows from the one judgement, reason by reason."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from verification.decision.act import TO_LOOK_UP, Asked
from verification.decision.decide import decide
from verification.decision.facts import Facts, KnownPack
from verification.decision.render import AnswerPolicy, respond
from verification.decision.rule_pack import shipped
from verification.decision.words import Doubt, LotState, PackState, ProductState

NOW, GOOD = datetime(2026, 11, 22, tzinfo=UTC), date(2027, 5, 31)
UNFIT = "Not_for_re-distribution"


def told(pack, *, policy=AnswerPolicy(), lot="A1", expiry=GOOD, **more):  # noqa: B008  # a value
    facts = Facts(Asked("05901234123457", "S1", lot, expiry), pack, **more)
    answer = respond(decide(facts, TO_LOOK_UP, shipped(), NOW), facts, policy)
    reason = answer.reason.value if answer.reason else None
    return answer.verified, reason, answer.info.value if answer.info else None


def pack(state=PackState.ACTIVE, lot="A1", expiry=GOOD, *conditions, **more):
    return KnownPack(state, lot, expiry, conditions=conditions, **more)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((pack(), {}), (True, None, None)),
        ((None, {}), (False, "No_match_GTIN_Serial", None)),
        ((pack(PackState.UNCOMMISSIONED), {}), (False, "No_match_GTIN_Serial", None)),
        ((pack(lot="B"), {}), (False, "No_match_GTIN_Serial_Lot", None)),
        ((pack(lot=None), {}), (False, "No_match_GTIN_Serial_Lot", None)),
        ((pack(expiry=None), {}), (False, "No_match_GTIN_Serial_Expiry", None)),
        ((pack(expiry=None), {"expiry": None}), (False, "No_match_GTIN_Serial_Expiry", None)),
        ((pack(lot="B", expiry=None), {}), (False, "No_match_GTIN_Serial_Lot_Expiry", None)),
        ((pack(), {"doubt": Doubt.ILLEGITIMATE}), (False, UNFIT, "Illegitimate")),
        ((pack(), {"doubt": Doubt.SUSPECT}), (True, None, "Suspect")),
        ((pack(), {"lot_state": LotState.RECALLED}), (True, None, "Recalled")),
        ((pack(), {"lot_state": LotState.HELD}), (True, None, "Suspect")),
        ((pack(), {"product_state": ProductState.WITHDRAWN}), (True, None, "Recalled")),
        ((pack(), {"extended": date(2028, 1, 1)}), (True, None, "ExpirationExtended")),
        ((pack(PackState.SUPPLIED), {}), (False, UNFIT, None)),
        ((pack(PackState.LOCKED), {}), (True, None, "Suspect")),
        ((pack(stolen=True), {}), (False, UNFIT, None)),
        ((pack(PackState.ACTIVE, "A1", GOOD, "damaged"), {}), (False, UNFIT, None)),
        ((pack(PackState.ACTIVE, "A1", GOOD, "quarantined"), {}), (True, None, "Suspect")),
        ((pack(PackState.ACTIVE, "A1", GOOD, "mismatch"), {}), (True, None, "Suspect")),
        ((pack(PackState.ACTIVE, "A1", GOOD, "recalled"), {}), (True, None, "Recalled")),
        ((pack(PackState.ACTIVE, "A1", GOOD, "lot_conflict"), {}), (False, UNFIT, "Suspect")),
        ((pack(PackState.SUPPLIED, "A1", GOOD, "seen_after_end"), {}), (False, UNFIT, "Suspect")),
        ((pack(PackState.ACTIVE, "A1", GOOD, "word_of_tomorrow"), {}), (True, None, "Suspect")),
    ],
)
def test_each_reason_has_its_answer(given, expected):
    known, more = given
    assert told(known, **more) == expected


def test_the_gravest_information_is_told():
    both = {"lot_state": LotState.RECALLED, "doubt": Doubt.SUSPECT}
    assert told(pack(), **both) == (True, None, "Suspect")


def test_policies_tell_less_and_never_more():
    silent, strict = AnswerPolicy(detail=False), AnswerPolicy(recalled_is_true=False)
    assert told(pack(lot="B"), policy=silent) == (False, "No_reason_provided", None)
    recalled = {"lot_state": LotState.RECALLED}
    assert told(pack(), policy=strict, **recalled) == (False, "Manufacturer_policy", "Recalled")
