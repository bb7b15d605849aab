"""A trading partner's router asks about a pack, as the lightweight messaging standard has it."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epcis.http_context import Caller
from verification.decision.words import Doubt, LotState
from verification.registry.pack_registry import set_doubt, set_lot_state
from verification.vrs.question import (
    MalformedError,
    PrintedExpiry,
    corr_uuid_of,
    question_of,
)

GTIN, REQ = "05901234123457", "0366666000014"
UUID = "2f7f2f7e-5d0b-4a0e-9a34-7a9d6f0f3f10"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHARSET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"


def url(serial="S1", lot="A123", gtin=GTIN, **parameters):
    query = {"linkType": "verificationService", "reqGLN": REQ, "corrUUID": UUID, "exp": "270531"}
    query |= parameters
    text = "&".join(f"{k}={quote(v, safe='')}" for k, v in query.items() if v is not None)
    return f"/verify/gtin/{gtin}/lot/{quote(lot, safe='')}/ser/{quote(serial, safe='')}?{text}"


def test_a_genuine_pack_is_verified_with_the_members_and_headers_of_the_standard(client):
    answer = client.get(url(), headers={"GS1US-Version": "1.3.0"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.json() == {
        "responderGLN": "0355555000013",
        "corrUUID": UUID,
        "verificationTimestamp": "2026-11-22T12:00:00Z",
        "data": {"verified": True},
    }


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"serial": "S9"}, "No_match_GTIN_Serial"),
        ({"serial": "S9", "lot": "B", "exp": "280101"}, "No_match_GTIN_Serial"),
        ({"lot": "a123"}, "No_match_GTIN_Serial_Lot"),
        ({"exp": "270530"}, "No_match_GTIN_Serial_Expiry"),
        ({"lot": "B", "exp": "280101"}, "No_match_GTIN_Serial_Lot_Expiry"),
    ],
)
def test_each_mismatch_has_its_reason_and_a_wrong_serial_ends_the_comparison(
    client, changed, reason
):
    data = client.get(url(**changed)).json()["data"]
    assert data == {"verified": False, "verificationFailureReason": reason}


def test_day_00_means_the_months_last_day(client):
    assert client.get(url(exp="270500")).json()["data"]["verified"]
    assert not client.get(url(exp="270400")).json()["data"]["verified"]


@pytest.mark.parametrize(
    ("state", "data"),
    [
        (LotState.RECALLED, {"verified": True, "additionalInfo": "Recalled"}),
        (LotState.HELD, {"verified": True, "additionalInfo": "Suspect"}),
    ],
)
def test_a_recalled_lot_is_genuine_and_says_so(client, packs, state, data):
    with packs.write(NOW) as tx:
        set_lot_state(tx, GTIN, "A123", state, "found particles", now=NOW, by="qa")
    assert client.get(url()).json()["data"] == data


def test_suspect_is_true_with_a_warning_and_illegitimate_is_false(client, packs):
    with packs.write(NOW) as tx:
        set_doubt(tx, GTIN, Doubt.SUSPECT, case_id="C1", now=NOW, serial="S1")
        set_doubt(tx, GTIN, Doubt.ILLEGITIMATE, case_id="C2", now=NOW, serial="S2")
    assert client.get(url()).json()["data"] == {"verified": True, "additionalInfo": "Suspect"}
    assert client.get(url("S2")).json()["data"] == {
        "verified": False,
        "verificationFailureReason": "Not_for_re-distribution",
        "additionalInfo": "Illegitimate",
    }


def test_an_expired_pack_is_genuine_and_expired(client, clock):
    clock.now = datetime(2027, 6, 1, tzinfo=UTC)
    assert client.get(url()).json()["data"] == {"verified": True, "additionalInfo": "Expired"}


def test_a_dispensed_pack_is_not_for_redistribution(client):
    client.post("/packs/supply", json={"gtin": GTIN, "serial": "S1"})
    assert client.get(url()).json()["data"] == {
        "verified": False,
        "verificationFailureReason": "Not_for_re-distribution",
    }


@pytest.mark.parametrize(
    "bad",
    [
        url(gtin="05901234123458"),
        url(gtin="5901234123457"),
        url(serial="x" * 21),
        url(serial="ä"),
        url(lot="a b"),
        url(exp="271301"),
        url(exp="270229"),
        url(exp="27053"),
        url(linkType="other"),
        url(context="somethingElse"),
        url(reqGLN=None),
        url(reqGLN="0366666000015"),
        url(corrUUID=None),
        url(corrUUID="2f7f2f7e-5d0b-1a0e-9a34-7a9d6f0f3f10"),
        url(ctrlPossessAtt="yes"),
        url(colour="blue"),
        url() + "&exp=270531",
        url(serial="S1") + "%",
        "/verify/gtin/05901234123457/ser/S1",
        "/verify/gtin/05901234123457/lot/A/B/ser/S1?reqGLN=" + REQ,
        "/verify/gtin/05901234123457/lot/A123/ser/S1/?reqGLN=" + REQ,
    ],
)
def test_malformed_questions_are_400_with_an_empty_body(client, bad):
    answer = client.get(bad)
    assert (answer.status_code, answer.content) == (400, b"")


def test_other_refusals_have_their_status_and_no_body(client, holder):
    assert client.get(url(gtin="00355555678908")).status_code == 404
    answer = client.post(url())
    assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "GET", b"")
    holder.caller = Caller("", frozenset())
    assert client.get(url()).status_code == 401
    holder.caller = Caller("someone", frozenset({"query"}))
    answer = client.get(url())
    assert (answer.status_code, answer.content) == (403, b"")


def test_connectivity(client, holder):
    ok = client.get(f"/checkConnectivity?gtin={GTIN}&reqGLN={REQ}")
    assert (ok.status_code, ok.json()) == (200, {"responderGLN": "0355555000013"})
    unknown = client.get(f"/verify/checkConnectivity?gtin=00355555678908&reqGLN={REQ}")
    assert (unknown.status_code, unknown.content) == (404, b"")
    assert client.get("/checkConnectivity?gtin=1").status_code == 400
    holder.caller = Caller("", frozenset())
    assert client.get(f"/checkConnectivity?gtin={GTIN}&reqGLN={REQ}").status_code == 401


def test_every_answer_is_in_the_log_with_the_rule_that_decided(client, packs):
    from verification.registry.history import history

    client.get(url(email="a+b@example.org", ctrlPossessAtt="true"))
    with packs.read() as snapshot:
        (past,) = history(snapshot, GTIN, "S1")
    assert past.operation == "vrs"
    assert past.record["rule"] == "R7-match"
    assert past.record["credential"] == "not_checked"
    asked = past.record["question"]
    assert (asked["gtin"], asked["serial"], asked["lot"], asked["exp"]) == (
        *(GTIN, "S1", "A123", "270531"),
    )
    assert (asked["reqGLN"], asked["corrUUID"]) == (REQ, UUID)
    assert past.record["question"]["email"] == "a+b@example.org"
    assert past.record["question"]["ctrlPossessAtt"] is True


@given(
    serial=st.text(CHARSET_82, min_size=1, max_size=20),
    lot=st.text(CHARSET_82, min_size=1, max_size=20),
)
def test_any_serial_and_lot_of_charset_82_comes_through_the_url_unharmed(serial, lot):
    path, _, query = url(serial, lot).encode().partition(b"?")
    question = question_of(path, query)
    assert (question.serial, question.lot) == (serial, lot)


def test_serials_with_the_hardest_characters_are_found(client, packs, put_pack):
    hard = ["a/b", "%41", "a+b", "(21)", "x&y=z", "?#"[:1], "..", "%2F"]
    with packs.write(NOW) as tx:
        for serial in hard:
            put_pack(tx, serial, lot="L/%+&()")
    for serial in hard:
        assert client.get(url(serial, "L/%+&()")).json()["data"] == {"verified": True}, serial


@given(st.text(max_size=8))
def test_expiry_is_six_digits_or_malformed(text):
    try:
        parsed = PrintedExpiry.parse(text)
    except MalformedError:
        return
    assert parsed.text == text
    assert len(text) == 6
    assert isinstance(parsed.last_day, date)


@given(st.uuids(version=4))
def test_correlation_ids_are_random_uuids(value):
    assert corr_uuid_of(str(value)) == str(value)
    with pytest.raises(MalformedError):
        corr_uuid_of(value.hex)
    with pytest.raises(MalformedError):
        corr_uuid_of(str(uuid.uuid1()))


@settings(max_examples=300)
@given(path=st.binary(max_size=60), query=st.binary(max_size=60))
def test_no_bytes_in_a_url_are_worse_than_malformed(path, query):
    for raw in (path, b"/verify/gtin/05901234123457/lot/A/ser/" + path):
        try:
            json.dumps(question_of(raw, query).serial)
        except MalformedError:
            continue


def test_a_question_without_expiry_is_verified_only_with_the_words_that_it_was_not_compared(client):
    assert client.get(url(exp=None)).json()["data"] == {"verified": True, "notCompared": ["exp"]}
    wrong = client.get(url(exp=None, lot="B")).json()["data"]
    assert wrong == {"verified": False, "verificationFailureReason": "No_match_GTIN_Serial_Lot"}


def test_a_partners_key_asks_in_its_own_name_only(client, holder):
    holder.caller = Caller("partner", frozenset({"verify"}), f"/414/{REQ}")
    assert client.get(url()).status_code == 200
    assert client.get(f"/checkConnectivity?gtin={GTIN}&reqGLN={REQ}").status_code == 200
    holder.caller = Caller("other", frozenset({"verify"}), "/414/0355555000013")
    answer = client.get(url())
    assert (answer.status_code, answer.content) == (403, b"")
    assert client.get(f"/checkConnectivity?gtin={GTIN}&reqGLN={REQ}").status_code == 403


def test_who_guesses_serial_numbers_gets_no_more_answers_today(client, holder):
    holder.caller = Caller("partner", frozenset({"verify"}), f"/414/{REQ}", "192.0.2.1")
    statuses = [client.get(url(serial=f"G{number}")).status_code for number in range(21)]
    assert statuses == [200] * 20 + [403]
    known = client.get(url())
    assert (known.status_code, known.content) == (403, b"")
    holder.caller = Caller("partner", frozenset({"verify"}), f"/414/{REQ}", "192.0.2.2")
    assert client.get(url()).status_code == 403
    holder.caller = Caller("other", frozenset({"verify"}), f"/414/{REQ}", "192.0.2.2")
    assert client.get(url()).status_code == 200
