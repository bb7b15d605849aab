"""In a shortage a lot may be used past its printed date: everywhere at once, and only that lot."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from epcis.http_context import Caller
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from verification.registry.pack_tables import batch

GTIN, LOT, SERIAL = "05901234123457", "A123", "S1"
LATER = datetime(2027, 8, 1, 12, tzinfo=UTC)
PACK = {"gtin": GTIN, "serial": SERIAL, "lot": LOT, "expiry": "270531"}
ONE = {"gtin": GTIN, "lot": LOT, "expiry": "2027-12-31", "reference": "Notice 2027/14"}
UUID = "2f7f2f7e-5d0b-4a0e-9a34-7a9d6f0f3f10"


@pytest.fixture
def desk(client, holder, everything):
    """The counter, asked by somebody who may extend."""
    holder.caller = everything
    return client


def asked(desk, expiry="270531"):
    more = f"exp={expiry}&linkType=verificationService&reqGLN=0366666000014&corrUUID={UUID}"
    return desk.get(f"/verify/gtin/{GTIN}/lot/{LOT}/ser/{SERIAL}?{more}").json()["data"]


def test_an_extended_lot_is_supplied_past_its_print(desk, clock):
    clock.now = LATER
    assert desk.post("/packs/verify", json=PACK).json()["reason"] == "expired"
    assert desk.post("/packs/supply", json=PACK).json()["result"] == "expired"
    assert asked(desk) == {"verified": True, "additionalInfo": "Expired"}
    assert desk.post("/verify/extensions", json=[ONE]).json() == {"extensions": 1}
    said = desk.post("/packs/verify", json=PACK).json()
    assert (said["verdict"], said["expiry_extended"]) == ("OK", "2027-12-31")
    assert asked(desk) == {"verified": True, "additionalInfo": "ExpirationExtended"}
    assert desk.post("/packs/supply", json=PACK).status_code == 200


def test_a_relabelled_pack_names_the_new_day(desk):
    desk.post("/verify/extensions", json=[ONE])
    for day in ("271231", "271200", "270531"):
        assert desk.post("/packs/verify", json=PACK | {"expiry": day}).json()["verdict"] == "OK"
        assert asked(desk, day)["verified"] is True
        status = desk.get(
            f"/packs/status?gtin={GTIN}&serial={SERIAL}&lot={LOT}&expiry={day}"
        ).json()
        assert status["result"] == "done"
    wrong = desk.post("/packs/verify", json=PACK | {"expiry": "271130"}).json()
    assert wrong["reason"] == "expiry-differs"
    assert asked(desk, "271130")["verificationFailureReason"] == "No_match_GTIN_Serial_Expiry"


def test_an_extension_ends_too(desk, clock):
    desk.post("/verify/extensions", json=[ONE])
    clock.now = datetime(2028, 1, 1, 12, tzinfo=UTC)
    assert desk.post("/packs/verify", json=PACK).json()["reason"] == "expired"
    clock.now = LATER
    assert desk.request("DELETE", f"/verify/extensions/{GTIN}/{LOT}").status_code == 200
    assert desk.request("DELETE", f"/verify/extensions/{GTIN}/{LOT}").status_code == 404
    assert desk.post("/packs/verify", json=PACK).json()["reason"] == "expired"
    assert desk.get("/verify/extensions").json() == []


def test_each_change_is_an_entry_of_the_log(desk, packs):
    later = {"expiry": "2028-01-31", "reference": "Notice 2027/20"}
    for one in (ONE, ONE | later):
        desk.post("/verify/extensions", json=[one])
    with packs.read() as snapshot:
        rows = snapshot.connection.execute(
            ledger_entry.select().where(ledger_entry.c.kind == int(LeafKind.REGISTER))
        )
        told = [json.loads(bytes(row.confidential))["row"] for row in rows]
    days = [row["expiry"] for row in told if row and "reference" in row]
    assert days == ["2027-12-31", "2028-01-31"]


WRONG = [
    ({"gtin": "05901234123458"}, "check digit"),
    ({"lot": ""}, "1 to 20"),
    ({"reference": ""}, "notice"),
    ({"expiry": "soon"}, "expiry"),
    ({"colour": 1}, "colour"),
]


@pytest.mark.parametrize(("more", "word"), WRONG)
def test_what_makes_no_sense_changes_nothing(desk, more, word):
    answer = desk.post("/verify/extensions", json=[ONE, ONE | more])
    assert (answer.status_code, word in answer.json()["detail"]) == (422, True), answer.json()
    assert desk.get("/verify/extensions").json() == []


def test_an_earlier_day_is_no_extension(desk, packs, clock):
    row = dict.fromkeys(("code", "lot", "expiry", "markets", "serial_shape", "owner"), "")
    numbers = dict.fromkeys(("product_version", "packs", "uploaded_us"), 1)
    with packs.write(clock.now - timedelta(days=1)) as tx:
        told = {"code": GTIN, "lot": LOT, "expiry": "2028-05-31"}
        tx.connection.execute(batch.insert().values(**row | numbers | told))
    answer = desk.post("/verify/extensions", json=[ONE])
    assert (answer.status_code, "recall it" in answer.json()["detail"]) == (422, True)


def test_only_who_may_recall_may_extend(client):
    assert client.post("/verify/extensions", json=[ONE]).status_code == 403


def test_only_the_owner_of_the_product_may_extend_it(client, holder, as_participant):
    scopes = frozenset({"recall", "verify"})
    as_participant("owner", "mah", authorisation="/414/5901234000009")
    as_participant("other", "mah", authorisation="/414/0366666000014")
    for name, status in (("other", 403), ("nobody", 403), ("owner", 200)):
        holder.caller = Caller(name, scopes, None, "10.0.0.1")
        assert client.post("/verify/extensions", json=[ONE]).status_code == status
    holder.caller = Caller("other", scopes, None, "10.0.0.1")
    assert client.request("DELETE", f"/verify/extensions/{GTIN}/{LOT}").status_code == 403
    assert client.get("/verify/extensions").json() == []
    holder.caller = Caller("owner", scopes, None, "10.0.0.1")
    assert client.get("/verify/extensions").json() == [ONE]
