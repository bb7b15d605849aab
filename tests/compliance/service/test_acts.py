"""Acts in the warehouse over HTTP: each is an event, judged before it happens, or refused whole."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest
from typer.testing import CliRunner

from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.cli import command_line
from compliance.service.context import ServiceContext
from epcis.capture import record
from epcis.fsck.log import audit_log
from epcis.model import Node, ObjectEvent
from epcis.store.items import item
from epcis.trace import trace
from schemas.gs1.rfid import encode
from tests.compliance.service.hands import (
    GTIN,
    LOT,
    PHARMACY,
    PLANT,
    WAREHOUSE,
    Clock,
    Hands,
    key,
    made,
    pack,
    signed,
    sscc,
)
from verification.decision.words import LotState
from verification.registry.history import history
from verification.registry.pack_registry import set_lot_state

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock(now):
    return Clock(now)


@pytest.fixture
async def client(store, settings, clock):
    app = create_app(ServiceContext.of(settings, store, Keys.open(settings.keys_folder), clock))
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


@pytest.fixture
def hands(client, store, now):
    scopes = ("act", "supply", "destroy", "recall", "verify", "capture", "query", "admin")
    return Hands(client, signed(store, now, "ann", *scopes))


def state(store, number):
    with store.read() as snapshot:
        return item(snapshot, key(number) if isinstance(number, int) else number)


def undated(number):
    """An event that commissions a pack of lot L1 without saying its expiry."""
    lot = Node(namespace="urn:epcglobal:cbv:mda", name="lotNumber", children=("L1",))
    return ObjectEvent(
        event_time="2026-05-30T10:00:00Z",
        event_time_zone_offset="+00:00",
        action="ADD",
        biz_step="urn:epcglobal:cbv:bizstep:commissioning",
        disposition="urn:epcglobal:cbv:disp:active",
        epcs=(pack(number),),
        ilmd=(lot,),
    )


async def test_a_day_in_the_warehouse(hands, store) -> None:
    case = sscc(1)
    told = await made(hands, range(1, 9))
    assert told["event"].startswith("urn:uuid:")
    await hands.do("pack", [pack(n) for n in range(1, 5)], parent=case)
    await hands.do("ship", [case], to=WAREHOUSE, order="PO-1")
    assert state(store, 1).status == "in_transit"
    await hands.do("void", [case])
    assert (state(store, 1).status, state(store, 1).holder) == ("active", f"/414/{PLANT}")
    await hands.do("ship", [case], to=WAREHOUSE, order=["PO-1", "PO-2"])
    await hands.do("receive", [case, *map(pack, range(1, 5))], WAREHOUSE)
    assert state(store, 1).location == f"/414/{WAREHOUSE}"
    await hands.do("move", [case], f"{WAREHOUSE}.A-12")
    assert state(store, 2).location == f"/414/{WAREHOUSE}/254/A-12"
    await hands.do("unpack", [pack(1), pack(2)], WAREHOUSE, parent=case)
    await hands.do("pick", [pack(1), pack(2)], WAREHOUSE, order="SO-7")
    await hands.do("ship", [pack(1), pack(2)], WAREHOUSE, to=PHARMACY, order="SO-7")
    await hands.do("return", [pack(1)], WAREHOUSE, to=PHARMACY)
    back = state(store, 1)
    assert (back.status, back.location) == ("active", f"/414/{WAREHOUSE}")
    assert back.conditions == ("returned",)
    assert await hands.refused("pick", [pack(1)], WAREHOUSE) == ["returned"]
    await hands.do("inspect", [pack(1)], WAREHOUSE, result="conformant")
    await hands.do("pick", [pack(1)], WAREHOUSE)
    await hands.do("destroy", [pack(3)], reason="wet")
    await hands.do("decommission", [pack(5)], reason="label torn")
    assert [state(store, n).status for n in (2, 3, 5)] == [
        "in_transit", "destroyed", "decommissioned"
    ]  # fmt: skip
    with store.read() as snapshot:
        steps = [one.biz_step for one in trace(snapshot, pack(1)).events]
    assert list(audit_log(store)) == []
    assert steps == [
        "commissioning", "packing", "shipping", "void_shipping", "shipping", "receiving",
        "storing", "unpacking", "picking", "shipping", "receiving", "inspecting", "picking",
    ]  # fmt: skip


async def test_the_same_client_id_gets_the_same_answer_and_nothing_twice(hands, client, store):
    body = {"clientId": "one", "scans": [pack(1)], "place": PLANT, **LOT}
    client.headers.update(hands.headers)
    first = (await client.post("/acts/commission", json=body)).json()
    assert (await client.post("/acts/commission", json=body)).json() == first
    other = await client.post("/acts/commission", json=body | {"scans": [pack(2)]})
    assert other.status_code == 409
    assert other.headers["content-type"] == "application/problem+json"
    assert state(store, 2) is None
    wrong = {"clientId": "two", "scans": [pack(1)], "place": PLANT, **LOT}
    refused = await client.post("/acts/commission", json=wrong)
    assert refused.status_code == 409
    assert (await client.post("/acts/commission", json=wrong)).json() == refused.json()


async def test_a_serial_is_commissioned_once_whatever_the_lot(hands, store) -> None:
    await made(hands, [1])
    other = {"lot": "L2", "expiry": "2029-01-31"}
    again = await hands.refused("commission", [pack(1), pack(2)], **other)
    assert again == ["already-commissioned", "others-refused"]
    assert state(store, 1).lot == "L1"
    assert state(store, 2) is None


async def test_nothing_is_packed_or_shipped_before_it_is_commissioned(hands) -> None:
    assert await hands.refused("pack", [pack(1)], parent=sscc(1)) == ["not-on-record"]
    assert await hands.refused("ship", [pack(1)]) == ["not-on-record"]
    assert await hands.refused("ship", [sscc(1)]) == ["not-on-record"]


async def test_lot_and_serial_are_commissioned_together(hands, store) -> None:
    assert await hands.refused("commission", [pack(1)]) == ["lot-missing"]
    await hands.do("commission", [f"]d201{GTIN}1728053110L1\x1d21P1"])
    assert (state(store, 1).lot, state(store, 1).expiry_text) == ("L1", "2028-05-31")
    two_lots = [f"]d201{GTIN}1728053110L1\x1d21P2", f"]d201{GTIN}1728053110L9\x1d21P3"]
    assert await hands.refused("commission", two_lots) == ["others-refused", "lot-of-scan-differs"]


async def test_the_same_serial_twice_in_one_list_is_refused(hands) -> None:
    twice = [pack(1), f"(01){GTIN}(21)P1"]
    assert await hands.refused("commission", twice, **LOT) == ["others-refused", "scanned-twice"]


async def test_a_tag_that_a_reader_gives_many_times_is_one_pack(hands, store) -> None:
    uri = "urn:epc:id:sgtin:9521321.000001.77"
    tag = encode(uri)
    as_uri = f"urn:epc:tag:sgtin-96:0.{uri.removeprefix('urn:epc:id:sgtin:')}"
    await hands.do("commission", [tag, tag.lower(), as_uri], **LOT)
    assert state(store, f"/01/{GTIN}/21/77").status == "active"
    text = encode("urn:epc:id:sgtin:9521321.000001.A7")
    await hands.do("commission", [text], **LOT)
    assert state(store, f"/01/{GTIN}/21/A7").status == "active"


@pytest.mark.parametrize("kind", ["pack", "pick", "ship"])
async def test_stopped_goods_stay(hands, store, now, kind) -> None:
    more = {"parent": sscc(5)} if kind == "pack" else {}
    await made(hands, [1, 2, 3])
    await hands.do("hold", [pack(2)], reason="seal broken")
    with store.write(now) as tx:
        set_lot_state(tx, GTIN, "L1", LotState.RECALLED, "dirt", now=now, by="ann")
    refused = await hands.refused(kind, [pack(1), pack(2)], **more)
    assert refused == ["recalled", "recalled"]
    override = {"override": True, "reason": "back to the maker", **more}
    assert await hands.refused(kind, [pack(1), pack(2)], **override) == [
        "others-refused",
        "recalled",
    ]
    told = await hands.do(kind, [pack(1)], **override)
    assert told["packs"][0]["overridden"]
    assert told["packs"][0]["verdict"] == "STOP"


async def test_expired_stock_is_not_issued(client, store, hands, clock) -> None:
    await made(hands, [1], expiry="2026-06-30")
    clock.now += timedelta(days=40)
    assert await hands.refused("pick", [pack(1)]) == ["expired"]
    assert await hands.refused("ship", [pack(1)]) == ["expired"]
    assert await hands.refused("commission", [pack(2)], lot="O", expiry="2026-06-30") == ["expired"]
    await hands.do("destroy", [pack(1)], reason="expired")


async def test_an_override_needs_scope_and_reason_and_stands_in_the_log(
    client, store, now, hands
) -> None:
    await made(hands, [1])
    with store.write(now) as tx:
        set_lot_state(tx, GTIN, "L1", LotState.RECALLED, "dirt", now=now, by="ann")
    picker = Hands(client, signed(store, now, "picker", "act"))
    why = {"override": True, "reason": "back to the maker"}
    assert (await picker.ask("ship", [pack(1)], **why)).status_code == 403
    bare = await hands.ask("ship", [pack(1)], override=True)
    assert bare.status_code == 422
    assert "reason" in bare.json()["detail"]
    never = await hands.ask("unpack", [pack(1)], parent=sscc(1), **why)
    assert never.status_code == 422
    told = await hands.do("ship", [pack(1)], **why)
    with store.read() as snapshot:
        logged = [
            json.loads(bytes(row.public))
            for row in snapshot.connection.exec_driver_sql(
                "SELECT public FROM ledger_entry WHERE public IS NOT NULL"
            )
            if b'"act":"A-' in bytes(row.public)
        ]
    assert logged[-1]["act"] == told["act"]
    assert logged[-1]["overridden"] == ["recalled"]


async def test_a_pack_is_at_one_place_and_in_one_case(hands, store) -> None:
    await made(hands, [1, 2])
    assert await hands.refused("move", [pack(1)], f"{WAREHOUSE}.A") == ["not-here"]
    await hands.do("pack", [pack(1)], parent=sscc(1))
    assert await hands.refused("pack", [pack(1)], parent=sscc(2)) == ["in-a-case"]
    assert await hands.refused("ship", [pack(1)]) == ["in-a-case"]
    assert await hands.refused("unpack", [pack(2)], parent=sscc(1)) == ["not-in-parent"]
    assert await hands.refused("unpack", [], parent=sscc(2)) == ["not-on-record"]
    await hands.do("ship", [sscc(1)], to=WAREHOUSE)
    assert await hands.refused("ship", [sscc(1)], to=PHARMACY) == ["already-shipped"]
    assert await hands.refused("pick", [pack(1)]) == ["already-shipped"]
    assert await hands.refused("receive", [sscc(1)], PHARMACY) == ["sent-to-another"]
    await hands.do("receive", [sscc(1)], WAREHOUSE)
    assert await hands.refused("receive", [sscc(1)], WAREHOUSE) == ["already-here"]
    assert await hands.refused("void", [sscc(1)]) == ["not-shipped"]
    assert await hands.refused("receive", [pack(2)], WAREHOUSE) == ["not-shipped"]
    await hands.do("unpack", [], WAREHOUSE, parent=sscc(1))
    assert state(store, 1).parent is None


async def test_a_case_goes_whole_or_not_at_all(hands) -> None:
    twelve = [pack(n) for n in range(1, 13)]
    await made(hands, range(1, 14))
    await hands.do("pack", twelve, parent=sscc(1))
    eleven = await hands.ask("ship", [sscc(1), *twelve[:11]])
    assert eleven.status_code == 409
    told = eleven.json()
    assert told["missing"] == [key(12)]
    assert told["packs"][0]["reason"] == "contents-differ"
    assert await hands.refused("ship", twelve[:11], parent=sscc(1)) == ["contents-differ"] * 11
    strange = await hands.refused("ship", [*twelve, pack(13)], parent=sscc(1))
    assert strange[-1] == "not-in-parent"
    short = await hands.refused("pack", [pack(13)], parent=sscc(2), expect=12)
    assert short == ["count-differs"]
    await hands.do("ship", twelve, parent=sscc(1), expect=12)


async def test_what_is_refused_never_goes_along_in_its_case(hands) -> None:
    await made(hands, [1, 2])
    await hands.do("pack", [pack(1), pack(2)], parent=sscc(1))
    await hands.do("pack", [sscc(1)], parent=sscc(2))
    await hands.do("hold", [pack(2)], reason="seal broken")
    for kind in ("move", "pick", "ship"):
        assert await hands.refused(kind, [sscc(2)]) == ["content-refused"]


async def test_goods_are_not_shipped_to_the_site_that_ships_them(hands, store) -> None:
    await made(hands, [1])
    for to in (PLANT, f"{PLANT}.A-12"):
        answer = await hands.ask("ship", [pack(1)], to=to)
        assert answer.status_code == 422
        assert "move them within the site" in answer.json()["detail"]
    assert state(store, 1).status == "active"


async def test_a_case_goes_without_what_left_it(hands, store) -> None:
    await made(hands, [1, 2, 3])
    await hands.do("pack", [pack(1), pack(2), pack(3)], parent=sscc(1))
    await hands.do("decommission", [pack(1)], reason="crushed")
    await hands.do("count-adjust", [pack(2)], reason="count 7", result="missing")
    await hands.do("ship", [sscc(1)], to=WAREHOUSE)
    assert [state(store, n).status for n in (1, 2, 3)] == ["decommissioned", "lost", "in_transit"]


async def test_a_return_is_what_was_shipped_to_who_sends_it_back(hands) -> None:
    await made(hands, [1, 2])
    assert await hands.refused("return", [pack(1)]) == ["already-here"]
    await hands.do("ship", [pack(1)], to=WAREHOUSE)
    assert await hands.refused("return", [pack(1)], to=PHARMACY) == ["never-shipped-to-them"]
    assert await hands.refused("return", [pack(1)], PHARMACY) == ["never-shipped-from-here"]
    await hands.do("return", [pack(1)], to=WAREHOUSE)
    assert await hands.refused("return", [pack(1)], to=WAREHOUSE) == ["already-here"]


async def test_supply_and_undo_are_the_registrys(hands, client, store, clock) -> None:
    await made(hands, [1, 2])
    await hands.do("supply", [pack(1)])
    assert await hands.refused("ship", [pack(1)]) == ["dispensed"]
    both = await hands.refused("supply", [pack(1), pack(2)])
    assert both == ["dispensed", "others-refused"]
    assert state(store, 2).status == "active"
    assert await hands.refused("export", [pack(2)]) == ["not-allowed"]
    clock.now += timedelta(minutes=5)
    await hands.do("undo", [pack(1)])
    assert state(store, 1).status == "active"
    asked = {"gtin": GTIN, "serial": "P1", "lot": "L1"}
    assert (await client.post("/packs/verify", json=asked, headers=hands.headers)).json()[
        "verdict"
    ] == "OK"


async def test_a_person_who_checked_the_print_supplies_what_was_check(hands, store, now) -> None:
    with store.write(now) as tx:
        record(tx, [undated(1), undated(2)])
    printed = f"(01){GTIN}(21)P1(17)290531(10)L1"
    assert await hands.refused("supply", [printed]) == ["expiry-not-recorded"]
    unsaid = await hands.ask("supply", [printed], confirmed=True)
    assert unsaid.status_code == 422
    assert unsaid.json()["detail"] == "reason is missing"
    why = {"confirmed": True, "reason": "expiry read on the pack"}
    assert await hands.refused("supply", [pack(2)], **why) == ["expiry-not-recorded"]
    await hands.do("supply", [printed], customer="hospice", **why)
    assert state(store, 1).status == "dispensed"
    with store.read() as snapshot:
        *_, last = history(snapshot, GTIN, "P1")
    past = last.record["request"]
    assert (past["customer"], past["confirmed"], past["reason"]) == ("hospice", *why.values())


async def test_a_confirmation_and_a_customer_belong_to_the_acts_that_know_them(hands) -> None:
    for kind, more, field in (
        ("ship", {"confirmed": True, "reason": "x", "to": WAREHOUSE}, "confirmed"),
        ("destroy", {"customer": "hospice", "reason": "x"}, "customer"),
        ("supply", {"customer": "friend"}, "customer"),
    ):
        answer = await hands.ask(kind, [pack(1)], **more)
        assert answer.status_code == 422, answer.text
        assert field in answer.json()["detail"]


async def test_a_hold_is_released_by_a_second_person(hands, client, store, now) -> None:
    await made(hands, [1])
    await hands.do("hold", [pack(1)], reason="seal broken")
    assert await hands.refused("release", [pack(2)], reason="fine") == ["not-held"]
    alone = await hands.ask("release", [pack(1)], reason="fine")
    assert alone.status_code == 409
    assert "second person" in alone.json()["detail"]
    bob = Hands(client, signed(store, now, "bob", "recall"))
    await bob.do("release", [pack(1)], reason="seal replaced")
    await hands.do("pick", [pack(1)])


async def test_a_count_finds_what_is_missing_and_what_turns_up(hands, store) -> None:
    await made(hands, [1])
    await hands.do("count-adjust", [pack(1)], result="missing", reason="count 7")
    assert state(store, 1).status == "lost"
    assert await hands.refused("pick", [pack(1)]) == ["decommissioned"]
    await hands.do("count-adjust", [pack(1)], f"{PLANT}.B2", result="found", reason="behind B2")
    found = state(store, 1)
    assert (found.status, found.location) == ("active", f"/414/{PLANT}/254/B2")
    await hands.do("pick", [pack(1)])


async def test_kits_are_made_of_packs_and_new_serial_numbers(hands, store) -> None:
    await made(hands, [1, 2, 3])
    kit = {"outputs": [pack(11), pack(12)], "lot": "K1", "expiry": "2027-12-31"}
    used = await hands.refused("transform", [pack(1)], outputs=[pack(2)], lot="K1", expiry="271231")
    assert used == ["others-refused", "already-commissioned"]
    bare = await hands.refused("transform", [pack(1)], outputs=[pack(11)])
    assert bare == ["others-refused", "lot-missing"]
    await hands.do("hold", [pack(3)], reason="seal broken")
    held = await hands.refused("transform", [pack(1), pack(3)], **kit)
    assert held == ["others-refused", "quarantined", "others-refused", "others-refused"]
    told = await hands.do("transform", [pack(1), pack(2)], **kit)
    assert [one["id"] for one in told["packs"]] == [key(1), key(2), key(11), key(12)]
    assert [state(store, n).status for n in (1, 2, 11)] == ["consumed", "consumed", "active"]
    assert (state(store, 12).lot, state(store, 12).expiry_text) == ("K1", "2027-12-31")


async def test_bad_bodies_are_told_what_is_wrong(client) -> None:
    for body, field in (
        ({}, "clientId"),
        ({"clientId": "1", "scans": [], "place": PLANT}, "scans"),
        ({"clientId": "1", "scans": ["x"], "place": "123"}, "place"),
        ({"clientId": "1", "scans": ["x"], "place": PLANT, "colour": "red"}, "colour"),
        ({"clientId": "", "scans": ["x"], "place": PLANT}, "clientId"),
        ({"clientId": "1", "scans": "x", "place": PLANT}, "scans"),
        ({"clientId": "1", "scans": ["x"] * 20_001, "place": PLANT}, "scans"),
        ({"clientId": "1", "scans": ["x"], "place": PLANT, "time": "2099-01-01T00:00:00Z"}, "time"),
    ):
        answer = await client.post("/acts/ship", json=body)
        assert answer.status_code == 422, body
        assert answer.headers["content-type"] == "application/problem+json"
        assert field in answer.json()["detail"]
    assert (await client.post("/acts/ship", content=b"{")).status_code == 400
    assert (await client.post("/acts/juggle", json={})).status_code == 404
    no_place = await client.post("/acts/ship", json={"clientId": "9", "scans": [pack(1)]})
    assert no_place.status_code == 422
    assert "place" in no_place.json()["detail"].lower()


async def test_scans_that_name_no_pack_are_told_apart(hands) -> None:
    told = await hands.refused("ship", ["hello", f"01{GTIN}", sscc(1)[:-1] + "x"])
    assert told == ["not-readable", "no-serial", "not-readable"]


async def test_a_key_of_a_party_acts_at_its_own_sites_only(client, store, now, hands) -> None:
    await made(hands, [1])
    theirs = Hands(client, signed(store, now, "theirs", "act", party=f"/414/{PHARMACY}"))
    assert (await theirs.ask("move", [pack(1)], PLANT)).status_code == 403
    away = await theirs.ask("move", [pack(1)], PHARMACY)
    assert away.status_code == 409
    assert "/414/" not in away.text
    assert (await theirs.ask("commission", [pack(3)], PHARMACY, **LOT)).status_code == 403


async def test_an_act_sent_late_counts_from_its_own_time(hands, store, now) -> None:
    early = (now - timedelta(hours=2)).isoformat()
    await made(hands, [1], time=early)
    assert state(store, 1).last_event_time == now - timedelta(hours=2)
    await hands.do("move", [pack(1)], f"{PLANT}.A", time=(now - timedelta(hours=1)).isoformat())
    assert await hands.refused("move", [pack(1)], f"{PLANT}.B", time=early) == ["happened-since"]


def test_the_command_does_the_same(database, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PACKTRAIL_DATA_DIR", str(tmp_path))
    run = CliRunner().invoke
    at = ["--database", database, "--place", PLANT, "--json"]
    lot = ["--lot", "L1", "--expiry", "280531"]
    done = run(command_line("acts"), ["act", "commission", pack(1), pack(2), *lot, *at])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [one["id"] for one in told["packs"]] == [key(1), key(2)]
    piped = run(
        command_line("acts"), ["act", "pack", "-", "--parent", sscc(1), *at], input=f"{pack(1)}\n"
    )
    assert piped.exit_code == 0, piped.output
    again = run(command_line("acts"), ["act", "pack", pack(1), "--parent", sscc(2), *at])
    assert again.exit_code == 1
    assert json.loads(again.stdout)["packs"][0]["reason"] == "in-a-case"
    assert run(command_line("acts"), ["act", "juggle", *at]).exit_code == 2
    sold = [pack(2), "--confirmed", "--reason", "lot read", "--customer", "school", *at]
    supplied = run(command_line("acts"), ["act", "supply", *sold])
    assert supplied.exit_code == 0, supplied.output
