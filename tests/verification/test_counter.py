"""A working day at a pharmacy: verify, supply, take back, offline replay, many tills at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from epcis.http_context import Caller
from verification.alerts.alert import alerts
from verification.decision.act import CHANGES, ParticipantRole, Who
from verification.decision.rule_pack import shipped
from verification.decision.words import LotState
from verification.fmd.perform import replay
from verification.registry.history import history
from verification.registry.pack_registry import set_lot_state
from verification.registry.participants import register
from verification.routes.described import hot_paths
from verification.settings import VerificationSettings

GTIN = "05901234123457"
PACK = {"gtin": GTIN, "serial": "S1", "lot": "A123", "expiry": "270531"}


def raised(store, clock):
    with store.read() as snapshot:
        since, until = clock.now - timedelta(days=1), clock.now + timedelta(days=1)
        return list(alerts(snapshot, since=since, until=until))


def test_a_pack_is_verified_supplied_once_and_taken_back_in_time(client, packs, clock):
    assert client.post("/packs/verify", json=PACK).json()["verdict"] == "OK"
    supplied = client.post("/packs/supply", json=PACK)
    assert (supplied.status_code, supplied.json()["state"]) == (200, "Supplied")
    after = client.post("/packs/verify", json=PACK).json()
    assert (after["verdict"], after["reason"]) == ("STOP", "dispensed")
    clock.now += timedelta(hours=240)
    undone = client.post("/packs/undo", json=PACK | {"undo_of": "supply"})
    assert (undone.status_code, undone.json()["state"]) == (200, "Active")
    assert client.post("/packs/verify", json=PACK).json()["verdict"] == "OK"
    assert raised(packs, clock) == []


def test_the_second_supply_alerts_with_one_id_for_everybody_and_a_hint(client, packs, clock):
    client.post("/packs/supply", json=PACK)
    again = client.post("/packs/supply", json=PACK)
    said = again.json()
    assert (again.status_code, said["hub"], said["severity"], said["colour"]) == (
        409,
        "A7",
        3,
        "red",
    )
    assert said["cause"] == "own-double-scan"
    (alert,) = raised(packs, clock)
    assert alert.id == said["alert"]


def test_supply_at_another_pharmacy_looks_like_a_clone(client, packs, holder, as_participant):
    as_participant("till-1")
    as_participant("till-2", location="/414/0366666000014")
    client.post("/packs/supply", json=PACK)
    holder.caller = Caller("till-2", holder.caller.scopes, "/414/0366666000014", "10.0.0.2")
    said = client.post("/packs/supply", json=PACK).json()
    assert (said["hub"], said["cause"]) == ("A7", "clone")
    back = client.post("/packs/undo", json=PACK)
    assert (back.status_code, back.json()["soap"]) == (409, "NMVS_NC_PCK_21")


def test_a_retry_with_the_same_transaction_id_gets_the_first_answer(client, packs, clock):
    wanted = PACK | {"transaction": "T-1"}
    first = client.post("/packs/supply", json=wanted).json()
    clock.now += timedelta(minutes=5)
    assert client.post("/packs/supply", json=wanted).json() == first
    other = client.post("/packs/supply", json=PACK | {"serial": "S2", "transaction": "T-1"})
    assert (other.status_code, other.json()["soap"]) == (409, "NMVS_TE_TX_01")
    assert client.post("/packs/verify", json=PACK | {"serial": "S2"}).json()["verdict"] == "OK"
    assert raised(packs, clock) == []


@pytest.mark.parametrize("tills", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_of_many_parallel_supplies_of_one_pack_one_succeeds(client, packs, tills):
    answers = client.together([("POST", "/packs/supply", PACK)] * tills)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * (tills - 1)


def test_what_was_scanned_offline_is_replayed_late_and_its_alert_says_so(client, packs, clock):
    client.post("/packs/supply", json=PACK)
    early = (clock.now - timedelta(hours=5)).isoformat()
    said = client.post("/packs/supply", json=PACK | {"scanned": early, "manual": True}).json()
    (alert,) = raised(packs, clock)
    assert (alert.id, alert.late) == (said["alert"], True)
    with packs.read() as snapshot:
        *_, last = history(snapshot, GTIN, "S1")
    assert last.scanned == clock.now - timedelta(hours=5)
    assert last.record["request"]["manual"] is True


def test_the_status_query_never_alerts_counts_or_keeps(client, packs, clock):
    query = f"/packs/status?gtin={GTIN}&serial=S999&lot=A123&expiry=270531"
    said = client.get(query).json()
    assert (said["hub"], said["severity"]) == ("A3", 2)
    assert "alert" not in said
    assert raised(packs, clock) == []
    with packs.read() as snapshot:
        assert list(history(snapshot, GTIN, "S999")) == []


def test_a_recalled_lot_stops_at_once_and_without_an_alert(client, packs, clock):
    with packs.write(clock.now) as tx:
        set_lot_state(tx, GTIN, "A123", LotState.RECALLED, "particles", now=clock.now, by="qa")
    verdict = client.post("/packs/verify", json=PACK).json()
    assert (verdict["verdict"], verdict["reason"]) == ("STOP", "recalled")
    refused = client.post("/packs/supply", json=PACK)
    assert (refused.status_code, refused.json()["soap"]) == (409, "NMVS_FE_LOT_01")
    assert raised(packs, clock) == []


def test_caps_lock_and_a_lost_separator_are_recognised(client, packs, clock):
    caps = client.post("/packs/supply", json=PACK | {"serial": "s1"}).json()
    assert (caps["hub"], caps["cause"]) == ("A3", "caps-lock")
    glued = client.post("/packs/supply", json={"gtin": GTIN, "serial": "S117270531"}).json()
    assert (glued["hub"], glued["cause"]) == ("A3", "lost-separator")
    day = client.post("/packs/supply", json=PACK | {"expiry": "270501"}).json()
    assert (day["hub"], day["cause"]) == ("A52", "expiry-day")
    assert [one.hint.cause for one in raised(packs, clock)].count("caps-lock") == 1


def test_a_scanners_text_is_enough(client):
    text = f"]d201{GTIN}21S2\u001d10A123\u001d17270531"
    said = client.post("/packs/verify", json={"text": text}).json()
    assert (said["verdict"], said["serial"], said["expiry"]) == ("OK", "S2", "2027-05-31")


def test_roles_decide_who_may_export(client, packs, clock):
    refused = client.post("/packs/export", json=PACK)
    assert (refused.status_code, refused.json()["soap"]) == (403, "NMVS_FE_BR_01")
    with packs.write(clock.now) as tx:
        who = Who(
            client="till-1", role=ParticipantRole.WHOLESALER, location="W1", authorisation="W"
        )
        register(tx, who, by="admin")
    assert client.post("/packs/export", json=PACK).json()["state"] == "Exported"
    assert client.post("/packs/verify", json=PACK).json()["reason"] == "exported"


def test_every_decision_can_be_taken_again_years_later(client, packs, clock):
    client.post("/packs/supply", json=PACK)
    client.post("/packs/supply", json=PACK)
    client.post("/packs/undo", json=PACK)
    clock.now += timedelta(days=2000)
    with packs.read() as snapshot:
        done = list(history(snapshot, GTIN, "S1"))
        assert [one.result for one in done] == ["done", "already-in-state", "done"]
        for past in done:
            assert past.rules == shipped().sha256
            then, again = replay(snapshot, past)
            assert then == again


def test_guessing_is_answered_alike_and_stopped(client, packs, holder, clock):
    holder.caller = Caller("stranger", frozenset({"verify"}), "/414/0366666000014", "10.9.9.9")
    bodies = set()
    for wrong in ({"serial": "S77"}, {"lot": "B"}, {"expiry": "270530"}):
        answer = client.post("/packs/verify", json=PACK | wrong)
        said = answer.json()
        for name in ("serial", "lot", "expiry"):
            said.pop(name)  # what the caller sent itself
        assert said.pop("alert").count("-") == 5  # each has an alert of its own
        bodies.add(repr(said))
    assert len(bodies) == 1
    statuses = [
        client.post("/packs/verify", json=PACK | {"serial": f"X{n}"}).status_code for n in range(25)
    ]
    assert statuses == [200] * 19 + [429] * 6
    clock.now += timedelta(days=1)
    assert client.post("/packs/verify", json=PACK).json()["verdict"] == "OK"


WRONG = [
    ({}, 422, "gtin"),
    ({"gtin": "05901234123458", "serial": "S1"}, 422, "check digit"),
    ({"gtin": "x", "serial": "S1"}, 422, "digits"),
    ({"gtin": GTIN}, 422, "serial"),
    (PACK | {"serial": "x" * 21}, 422, "charset 82"),
    (PACK | {"serial": "a b"}, 422, "charset 82"),
    (PACK | {"lot": ""}, 422, "charset 82"),
    (PACK | {"expiry": "271301"}, 422, "month"),
    (PACK | {"expiry": "2027-02-30"}, 422, "day"),
    (PACK | {"scanned": "2026-11-22T12:00:00"}, 422, "zone"),
    (PACK | {"scanned": "2027-11-22T12:00:00Z"}, 422, "future"),
    (PACK | {"transaction": ""}, 422, "characters"),
    (PACK | {"reason": "x" * 501}, 422, "characters"),
    (PACK | {"undo_of": "supply"}, 422, "undo"),
    (PACK | {"colour": "blue"}, 400, "colour"),
    (PACK | {"serial": 7}, 400, "serial"),
    ({"text": "hello"}, 422, "neither GS1"),
    ({"text": "hello", "gtin": GTIN}, 422, "beside"),
    ([], 400, "object"),
]


@pytest.mark.parametrize(("body", "status", "word"), WRONG)
def test_every_wrong_field_is_named_and_nothing_is_changed(client, body, status, word):
    answer = client.post("/packs/supply", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in answer.json()["detail"]
    assert client.post("/packs/verify", json=PACK).json()["verdict"] == "OK"


def test_wrong_methods_types_sizes_and_callers(client, holder):
    assert client.get("/packs/supply").headers["allow"] == "POST"
    assert client.post("/packs/status").status_code == 405
    assert client.get("/packs/status?gtin=1&gtin=2").status_code == 400
    assert client.get("/packs/status?colour=blue").status_code == 400
    assert client.post("/packs/supply", content=b"{").status_code == 415
    typed = {"content-type": "application/json; charset=utf-8"}
    assert client.post("/packs/supply", content=b"{", headers=typed).status_code == 400
    assert client.post("/packs/supply", content=b"\xff", headers=typed).status_code == 400
    huge = b'"' + b"x" * VerificationSettings().body_bytes_max + b'"'
    assert client.post("/packs/supply", content=huge, headers=typed).status_code == 413
    holder.caller = Caller("", frozenset())
    assert client.post("/packs/supply", json=PACK).status_code == 401
    holder.caller = Caller("reader", frozenset({"query"}))
    assert client.post("/packs/supply", json=PACK).status_code == 403


def test_every_operation_has_its_route(client):
    for operation in CHANGES:
        assert client.post(f"/packs/{operation.value}", json=PACK).status_code in (200, 403, 409)


def test_every_hot_route_is_described_for_the_openapi_document():
    paths = hot_paths()
    assert {f"/packs/{one.value}" for one in CHANGES} <= set(paths)
    asked = paths["/verify/gtin/{gtin}/lot/{lot}/ser/{serial}"]["get"]["parameters"]
    assert {"exp", "reqGLN", "corrUUID", "linkType"} <= {one["name"] for one in asked}
