"""What the person at the counter is told, for every state a pack can be in."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verdicts import verdict
from verification.decision.act import Asked
from verification.decision.facts import Facts, KnownPack
from verification.decision.words import (
    Doubt,
    LotState,
    PackState,
    ProductState,
    Reason,
    Word,
    word_of,
)

GTIN, NOW = "00355555678908", datetime(2026, 11, 22, 12, tzinfo=UTC)
ASKED = Asked(GTIN, "S1", "A123", date(2027, 5, 31))
PACK = KnownPack(PackState.ACTIVE, "A123", date(2027, 5, 31))


def told(asked=ASKED, pack=PACK, now=NOW, **facts):
    answer = verdict(Facts(asked, pack, **facts), now)
    return answer.word, answer.reason


def test_a_genuine_pack_in_date_may_be_supplied():
    assert told() == (Word.OK, Reason.GENUINE)
    assert told(Asked(GTIN, "S1")) == (Word.OK, Reason.GENUINE)


def test_unknown_serial_of_a_known_product_stops_but_an_unknown_product_cannot_be_told():
    assert told(pack=None) == (Word.STOP, Reason.UNKNOWN_SERIAL)
    assert told(pack=None, product_known=False) == (Word.UNKNOWN, Reason.UNKNOWN_PRODUCT)


def test_a_wrong_serial_teaches_nothing_about_lot_recall_or_expiry():
    answer = verdict(Facts(ASKED, None, lot_state=LotState.RECALLED, doubt=Doubt.SUSPECT), NOW)
    assert (answer.reason, answer.also) == (Reason.UNKNOWN_SERIAL, ())


def test_lot_and_expiry_are_compared_exactly():
    assert told(Asked(GTIN, "S1", "a123")) == (Word.STOP, Reason.LOT_DIFFERS)
    assert told(Asked(GTIN, "S1", "A123", date(2027, 5, 30))) == (Word.STOP, Reason.EXPIRY_DIFFERS)


def test_what_was_never_recorded_is_for_the_papers_to_say():
    bare = KnownPack(PackState.ACTIVE)
    assert told(pack=bare) == (Word.CHECK, Reason.LOT_NOT_RECORDED)
    assert told(Asked(GTIN, "S1"), bare) == (Word.CHECK, Reason.EXPIRY_NOT_RECORDED)
    printed = Asked(GTIN, "S1", None, date(2026, 11, 21))
    assert told(printed, bare) == (Word.STOP, Reason.EXPIRED)


@pytest.mark.parametrize("state", [s for s in PackState if s is not PackState.ACTIVE])
def test_no_state_but_active_is_ok(state):
    word, reason = told(pack=KnownPack(state, "A123", date(2027, 5, 31)))
    assert word is not Word.OK
    assert reason is not Reason.GENUINE
    waiting = (PackState.LOCKED, PackState.UNCOMMISSIONED)
    assert (word is Word.CHECK) == (state in waiting)


def test_the_day_of_expiry_is_the_last_good_day():
    last = datetime(2027, 5, 31, 23, 59, 59, tzinfo=UTC)
    assert told(now=last)[0] is Word.OK
    assert told(now=datetime(2027, 6, 1, tzinfo=UTC)) == (Word.STOP, Reason.EXPIRED)


def test_product_comes_before_lot_before_expiry_before_pack():
    late = datetime(2028, 1, 1, tzinfo=UTC)
    pack = KnownPack(PackState.SUPPLIED, "A123", date(2027, 5, 31))
    facts = Facts(
        ASKED,
        pack,
        product_state=ProductState.WITHDRAWN,
        lot_state=LotState.RECALLED,
        doubt=Doubt.SUSPECT,
    )
    answer = verdict(facts, late)
    assert answer.reason is Reason.WITHDRAWN
    assert answer.also == (Reason.RECALLED, Reason.EXPIRED, Reason.DISPENSED, Reason.SUSPECT)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (LotState.RECALLED, (Word.STOP, Reason.RECALLED)),
        (LotState.CLOSED, (Word.STOP, Reason.RECALLED)),
        (LotState.HELD, (Word.CHECK, Reason.HELD)),
    ],
)
def test_a_lot_stops_its_packs(state, expected):
    assert told(lot_state=state) == expected


def test_an_open_case_waits_and_an_illegitimate_pack_stops():
    assert told(doubt=Doubt.SUSPECT) == (Word.CHECK, Reason.SUSPECT)
    assert told(doubt=Doubt.ILLEGITIMATE) == (Word.STOP, Reason.ILLEGITIMATE)


@given(
    state=st.sampled_from(PackState),
    lot_state=st.sampled_from(LotState),
    product_state=st.sampled_from(ProductState),
    doubt=st.none() | st.sampled_from(Doubt),
    expiry=st.none() | st.dates(),
    asked_lot=st.none() | st.sampled_from(["A123", "B"]),
)
def test_ok_is_said_only_when_nothing_at_all_speaks_against(  # noqa: PLR0917  # drawn
    state, lot_state, product_state, doubt, expiry, asked_lot
):
    facts = Facts(
        Asked(GTIN, "S1", asked_lot),
        KnownPack(state, "A123", expiry),
        product_state=product_state,
        lot_state=lot_state,
        doubt=doubt,
    )
    answer = verdict(facts, NOW)
    clean = (
        state is PackState.ACTIVE
        and lot_state is LotState.ACTIVE
        and product_state is ProductState.ACTIVE
        and doubt is None
        and (expiry is not None and expiry >= NOW.date())
        and asked_lot != "B"
    )
    assert (answer.word is Word.OK) == clean
    assert answer.say.endswith(".")
    assert answer.word is word_of(answer.reason)
    stops = [reason for reason in (answer.reason, *answer.also) if word_of(reason) is Word.STOP]
    assert not stops or answer.word is Word.STOP
