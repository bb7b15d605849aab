"""Stock is a view of what acts and files left: by place, lot, expiry, standing and owner."""

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
from epcis.database.raw_driver import RawDriver
from epcis.fsck.stock_groups import check_stock_groups
from epcis.store import stock as stock_view
from tests.compliance.service.hands import (
    GTIN,
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
from verification.registry.pack_registry import set_lot_state

pytestmark = pytest.mark.anyio
CLIENT, OTHER_CLIENT = "4012345000009", "4000001000005"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock(now):
    return Clock(now, step=timedelta(milliseconds=1))


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


async def stock(hands, **asked):
    answer = await hands.client.get("/stock", params=asked, headers=hands.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def totals(hands, **asked):
    """Items by standing, where there are any; the rows and the list one by one agree with them."""
    told = await stock(hands, **asked)
    counted = {}
    for row in told["rows"]:
        counted[row["standing"]] = counted.get(row["standing"], 0) + row["items"]
    assert counted == {name: items for name, items in told["totals"].items() if items}
    listed = {}
    for one in await one_by_one(hands, limit=3, **asked):
        listed[one["standing"]] = listed.get(one["standing"], 0) + 1
    assert listed == counted
    return counted


async def one_by_one(hands, **asked):
    """All pages of the list."""
    found, after = [], ""
    while after is not None:
        page = await hands.client.get(
            "/stock/items", params={**asked, "after": after}, headers=hands.headers
        )
        assert page.status_code == 200, page.text
        assert len(page.json()["items"]) <= asked.get("limit", 100)
        found += page.json()["items"]
        after = page.json()["next"]
    assert len({one["id"] for one in found}) == len(found)
    return found


async def test_stock_follows_every_act(hands, store, now) -> None:
    await made(hands, range(1, 9))
    assert await totals(hands, place=PLANT) == {"in stock": 8}
    await hands.do("pack", [pack(n) for n in range(1, 5)], parent=sscc(1))
    await hands.do("pack", [sscc(1)], parent=sscc(2))
    await hands.do("ship", [sscc(2)], to=WAREHOUSE)
    assert await totals(hands, place=PLANT, gtin=GTIN) == {"in stock": 4, "in transit": 4}
    assert await totals(hands, place=WAREHOUSE, gtin=GTIN) == {"in transit": 4}
    await hands.do("receive", [sscc(2)], WAREHOUSE, to=PLANT)
    await hands.do("move", [sscc(2)], f"{WAREHOUSE}.A-1")
    assert await totals(hands, place=PLANT) == {"in stock": 4}
    assert await totals(hands, place=f"{WAREHOUSE}.A-1", gtin=GTIN) == {"in stock": 4}
    assert await totals(hands, place=f"{WAREHOUSE}.A-1") == {"in stock": 6}, "case and pallet too"
    assert await totals(hands, place=f"{WAREHOUSE}.B-1") == {}
    await hands.do("unpack", [], f"{WAREHOUSE}.A-1", parent=sscc(2))
    await hands.do("unpack", [pack(1), pack(2)], f"{WAREHOUSE}.A-1", parent=sscc(1))
    await hands.do("move", [pack(1)], f"{WAREHOUSE}.B-1")
    await hands.do("supply", [pack(2)])
    await hands.do("destroy", [pack(3)], reason="wet")
    await hands.do("count-adjust", [pack(5)], result="missing", reason="count 7")
    assert await totals(hands, place=f"{WAREHOUSE}.B-1") == {"in stock": 1}
    assert await totals(hands, gtin=GTIN) == {"in stock": 5, "missing": 1}
    row = (await stock(hands, place=f"{WAREHOUSE}.B-1"))["rows"][0]
    assert row == {
        "place": f"/414/{WAREHOUSE}/254/B-1", "gtin": GTIN, "lot": "L1", "expiry": "2028-05-31",
        "standing": "in stock", "reasons": [], "owner": "", "custodian": f"/414/{WAREHOUSE}",
        "sender": "", "items": 1,
    }  # fmt: skip
    assert list(check_stock_groups(store, now=now)) == []


async def test_what_is_stopped_is_on_hold_and_never_in_stock(hands, store, clock, now) -> None:
    await made(hands, range(1, 5))
    await made(hands, [9], lot="L2", expiry="2026-06-30")
    await hands.do("hold", [pack(1)], reason="seal broken")
    await hands.do("inspect", [pack(2)], result="damaged")
    assert await totals(hands) == {"on hold": 2, "in stock": 3}
    assert {one["id"] for one in await one_by_one(hands, standing="on hold")} == {key(1), key(2)}
    with store.write(now) as tx:
        set_lot_state(tx, GTIN, "L1", LotState.RECALLED, "dirt", now=now, by="ann")
    assert await totals(hands) == {"on hold": 4, "in stock": 1}
    assert await totals(hands, expiresBefore="2026-07-01") == {"in stock": 1}
    clock.now += timedelta(days=29)
    assert await totals(hands, lot="L2") == {"in stock": 1}, "its last day is not over"
    clock.now += timedelta(days=1)
    assert await totals(hands, lot="L2") == {"expired": 1}


async def test_one_warehouse_holds_the_goods_of_several_clients(client, store, now, hands) -> None:
    await made(hands, range(1, 7))
    await hands.do("ship", [pack(n) for n in range(1, 7)], to=WAREHOUSE)
    for numbers, owner in (((1, 2, 3), CLIENT), ((4, 5), OTHER_CLIENT), ((6,), "")):
        await hands.do("receive", [pack(n) for n in numbers], WAREHOUSE, to=PLANT, owner=owner)
    assert await totals(hands, place=WAREHOUSE, owner=CLIENT) == {"in stock": 3}
    assert await totals(hands, place=WAREHOUSE) == {"in stock": 6}
    await hands.do("pack", [pack(1), pack(4)], WAREHOUSE, parent=sscc(1))
    await hands.do("move", [sscc(1)], f"{WAREHOUSE}.C-3")
    theirs = Hands(client, signed(store, now, "client", "query", party=f"/414/{CLIENT}"))
    mine = await one_by_one(theirs)
    assert [one["id"] for one in mine] == [key(1), key(2), key(3)]
    assert {one["owner"] for one in mine} == {f"/414/{CLIENT}"}
    assert {one["custodian"] for one in mine} == {f"/414/{WAREHOUSE}"}
    assert await totals(theirs, owner=OTHER_CLIENT) == {}
    stranger = Hands(client, signed(store, now, "stranger", "query", party=f"/414/{PHARMACY}"))
    assert await totals(stranger) == {}


async def test_pages_show_it_and_name_what_was_typed_wrong(client, hands) -> None:
    await made(hands, range(1, 4))
    html = {"accept": "text/html", **hands.headers}
    page = await client.get("/stock", params={"place": PLANT}, headers=html)
    assert page.status_code == 200
    assert "<strong>3</strong> in stock" in page.text
    listed = await client.get("/stock/items", params={"gtin": GTIN, "limit": 2}, headers=html)
    assert key(1) in listed.text
    assert 'rel="next"' in listed.text
    wrong = {
        "place": "123", "gtin": "123", "lot": "ü", "expiresBefore": "soon", "standing": "lost",
        "owner": "9521321000019",
    }  # fmt: skip
    for name, value in wrong.items():
        program = await client.get("/stock", params={name: value}, headers=hands.headers)
        assert program.status_code == 422
        assert name in program.json()["detail"]
        person = await client.get("/stock", params={name: value}, headers=html)
        assert person.status_code == 422
        assert name in person.text
    for after in ("x", "1", "1.", "-1.2", "9" * 20 + ".1"):
        asked = await client.get("/stock/items", params={"after": after}, headers=hands.headers)
        assert asked.status_code == 422


async def test_a_sites_stock_is_found_by_indexes_alone(hands, store) -> None:
    """Neither database reads the whole table of groups, however many there are."""
    await made(hands, range(1, 200))
    with store.read() as snapshot:
        driver = RawDriver(snapshot)
        if not driver.is_sqlite:
            driver.run("SET LOCAL enable_seqscan = off")
        counted = stock_view._COUNTED.format(
            states=stock_view._AT_SITE, bits=driver.bits_set("mask")
        )
        site = f"/414/{PLANT}"
        plans = {
            "by_state by_parent": plan(driver, counted, (site, site, site)),
            "by_lot": plan(driver, stock_view._GROUPS_OF_LOT, (1, 0, 100)),
            ("PRIMARY KEY" if driver.is_sqlite else "pkey"): plan(
                driver, stock_view._GROUPS, (0, 100)
            ),
        }
    for indexes, told in plans.items():
        for index in ["PRIMARY KEY"] if "KEY" in indexes else indexes.split():
            assert f"stock_group_{index}" in told or index in told, told
        assert "SCAN stock_group" not in told
        assert "Seq Scan on stock_group" not in told


def plan(driver, statement, values):
    """What the database is going to do, as one text."""
    explain = "EXPLAIN QUERY PLAN " if driver.is_sqlite else "EXPLAIN "
    return "\n".join(str(row[-1]) for row in driver.all(explain + statement, values))


def test_the_command_shows_the_same(database, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PACKTRAIL_DATA_DIR", str(tmp_path))
    run = CliRunner().invoke
    at = ["--database", database, "--place", PLANT]
    lot = ["--lot", "L1", "--expiry", "280531"]
    made_now = run(command_line("acts"), ["act", "commission", pack(1), pack(2), *lot, *at])
    assert made_now.exit_code == 0, made_now.output
    told = run(command_line("acts"), ["stock", *at, "--json"])
    assert json.loads(told.stdout)["totals"]["in stock"] == 2
    plain = run(command_line("acts"), ["stock", *at])
    assert "2 in stock" in plain.stdout
    listed = run(command_line("acts"), ["stock", "--items", "--json", *at])
    assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == [key(1), key(2)]
    assert key(1) in run(command_line("acts"), ["stock", "--items", *at]).stdout
    assert run(command_line("acts"), ["stock", "--gtin", "1"]).exit_code == 2


async def test_shipments_that_nobody_received_are_listed_with_their_age(hands, clock) -> None:
    await made(hands, range(1, 8))
    await hands.do("pack", map(pack, (1, 2, 3)), parent=sscc(1))
    await hands.do("ship", [sscc(1)], to=WAREHOUSE)
    await hands.do("ship", [pack(4), pack(5)], to=PHARMACY)
    await hands.do("ship", [pack(6)])
    clock.now += timedelta(days=3)
    await hands.do("ship", [pack(7)], to=WAREHOUSE)

    async def on_the_way(**asked):
        answer = await hands.client.get("/stock/transit", params=asked, headers=hands.headers)
        assert answer.status_code == 200, answer.text
        assert not answer.json()["is_cut"]
        return sorted(
            (one["receiver"], one["container"], one["packs"], one["days"], one["is_transfer"])
            for one in answer.json()["shipments"]
        )

    assert await on_the_way() == [
        ("", "", 1, 3, False),
        (f"/414/{PHARMACY}", "", 2, 3, False),
        (f"/414/{WAREHOUSE}", "", 1, 0, True),
        (f"/414/{WAREHOUSE}", f"/00/{sscc(1)}", 3, 3, True),
    ]
    await hands.do("receive", [sscc(1)], WAREHOUSE)
    assert await on_the_way(place=WAREHOUSE) == [(f"/414/{WAREHOUSE}", "", 1, 0, True)]
    html = {**hands.headers, "accept": "text/html"}
    page = await hands.client.get("/stock/transit", headers=html)
    assert "transfer" in page.text
    bad = await hands.client.get("/stock/transit", params={"place": "x"}, headers=html)
    assert bad.status_code == 422
