"""Orders: what to take from where, mistakes named at the scan, and what may be shipped for one."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from compliance.fsck import fsck
from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.cli import command_line
from compliance.service.context import ServiceContext
from compliance.warehouse.pick import LotNeed, LotQuantity, ShelfCase, allot, pick_steps
from epcis.store.items import item
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
OLD, NEW = {"lot": "L1", "expiry": "2027-01-31"}, {"lot": "L2", "expiry": "2028-05-31"}
HTML = {"accept": "text/html"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(store, settings, now):
    keys = Keys.open(settings.keys_folder)
    app = create_app(ServiceContext.of(settings, store, keys, Clock(now)))
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


async def ordered(hands, number, *lines, **more):
    wanted = [dict(zip(("gtin", "packs", "lot"), line, strict=False)) for line in lines]
    body = {"number": number, "customer": PHARMACY, "site": PLANT, "lines": wanted, **more}
    answer = await hands.client.post("/orders", json=body, headers=hands.headers)
    assert answer.status_code == 201, answer.text


async def order(hands, number):
    asked = {"number": number}
    answer = await hands.client.get("/orders/list", params=asked, headers=hands.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def steps(hands, number):
    """The pick list: lot, case and packs of each step."""
    lines = (await order(hands, number))["pickList"]
    return [(one["lot"], one["case"][4:], one["packs"]) for line in lines for one in line["steps"]]


async def stocked(hands):
    """Lot L1 expires first: a case of four and two loose ones; L2: a case of five."""
    await made(hands, range(1, 7), **OLD)
    await made(hands, range(11, 16), **NEW)
    await hands.do("pack", map(pack, range(1, 5)), parent=sscc(1))
    await hands.do("pack", map(pack, range(11, 16)), parent=sscc(2))


async def test_an_order_is_picked_first_expiry_first_and_shipped_to_its_customer(hands) -> None:
    await stocked(hands)
    await ordered(hands, "SO-1", (GTIN, 8))
    assert await steps(hands, "SO-1") == [
        ("L1", sscc(1), 4), ("L1", "", 2), ("L2", sscc(2), 2)
    ]  # fmt: skip
    later = await hands.refused("pick", [sscc(2)], order="SO-1")
    assert later == ["earlier-expiry-first"]
    await hands.do("pick", [sscc(1), pack(5), pack(6)], order="SO-1")
    assert await steps(hands, "SO-1") == [("L2", sscc(2), 2)]
    await hands.do("unpack", [pack(11), pack(12)], parent=sscc(2))
    three = [pack(11), pack(12)]
    await hands.do("pick", three, order="SO-1")
    await hands.do("unpack", [pack(13)], parent=sscc(2))
    assert await hands.refused("pick", [pack(13)], order="SO-1") == ["more-than-ordered"]
    assert (await order(hands, "SO-1"))["lines"][0]["picked"] == 8
    assert await hands.refused("ship", [pack(13)], to=PHARMACY, order="SO-1") == ["not-picked"]
    wrong = await hands.refused("ship", [sscc(1)], to=WAREHOUSE, order="SO-1")
    assert wrong == ["wrong-customer"]
    await hands.do("pack", [sscc(1), pack(5), pack(6), *three], parent=sscc(9))
    await hands.do("ship", [sscc(9)], to=PHARMACY, order="SO-1")


async def test_what_is_picked_for_one_order_goes_to_no_other_until_that_is_cancelled(
    hands, client
) -> None:
    await stocked(hands)
    await ordered(hands, "SO-1", (GTIN, 2))
    await ordered(hands, "SO-2", (GTIN, 9))
    await hands.do("pick", [pack(5), pack(6)], order="SO-1")
    assert await hands.refused("pick", [pack(5)], order="SO-2") == ["for-another-order"]
    assert await hands.refused("ship", [pack(5)], to=PHARMACY, order="SO-2") == [
        "for-another-order"
    ]
    assert await hands.refused("ship", [pack(5)], to=PHARMACY) == ["for-another-order"]
    ended = {"number": "SO-1", "state": "cancelled"}
    no_reason = await client.post("/orders/end", json=ended, headers=hands.headers)
    assert no_reason.status_code == 409
    ended["why"] = "not paid"
    assert (await client.post("/orders/end", json=ended, headers=hands.headers)).status_code == 200
    await hands.do("pick", [pack(5)], order="SO-2")


async def test_wrong_product_lot_and_short_dated_goods_are_named_at_the_scan(hands) -> None:
    other = "09506000134352"
    await stocked(hands)
    await hands.do("commission", [pack(1, other)], **NEW)
    await ordered(hands, "SO-1", (GTIN, 3, "L2"))
    assert await hands.refused("pick", [pack(1, other)], order="SO-1") == ["not-ordered"]
    assert await hands.refused("pick", [pack(5)], order="SO-1") == ["wrong-lot"]
    await ordered(hands, "SO-2", (GTIN, 3), daysLeftMin=400)
    assert await hands.refused("pick", [pack(5)], order="SO-2") == ["too-short-dated"]
    assert [one[0] for one in await steps(hands, "SO-2")] == ["L2"]
    assert await hands.refused("pick", [pack(99)], order="SO-2") == ["not-on-record"]


async def test_a_lot_that_is_locked_leaves_every_pick_list_at_once(hands, store, now) -> None:
    await stocked(hands)
    await ordered(hands, "SO-1", (GTIN, 6))
    assert {one[0] for one in await steps(hands, "SO-1")} == {"L1"}
    with store.write(now) as tx:
        set_lot_state(tx, GTIN, "L1", LotState.RECALLED, "", now=now, by="qa")
    told = (await order(hands, "SO-1"))["pickList"][0]
    assert {one["lot"] for one in told["steps"]} == {"L2"}
    assert told["short"] == 1
    assert await hands.refused("pick", [pack(5)], order="SO-1") == ["recalled"]
    await hands.do("pick", [sscc(2)], order="SO-1")


async def test_an_earlier_order_keeps_what_it_was_promised(hands) -> None:
    await stocked(hands)
    await ordered(hands, "SO-1", (GTIN, 6), due="2026-06-02")
    await ordered(hands, "SO-2", (GTIN, 6), due="2026-07-01")
    assert [one[0] for one in await steps(hands, "SO-2")] == ["L2"]
    assert (await order(hands, "SO-2"))["pickList"][0]["short"] == 1


async def put_back(hands, number, *scans, place=f"{PLANT}.R-1", status=200, client_id="back 1"):
    body = {"clientId": client_id, "number": number, "scans": list(scans), "place": place}
    answer = await hands.client.post("/orders/put-back", json=body, headers=hands.headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_picked_pack_that_is_put_back_is_free_for_another_order(hands, store, now) -> None:
    await stocked(hands)
    await ordered(hands, "SO-1", (GTIN, 2))
    await ordered(hands, "SO-2", (GTIN, 6))
    await hands.do("pick", [pack(5), pack(6)], order="SO-1")
    other = await put_back(hands, "SO-2", pack(5), status=409)
    assert "not picked for order SO-2" in other["detail"]
    done = await put_back(hands, "SO-1", pack(5))
    assert done == await put_back(hands, "SO-1", pack(5))  # sent twice, done once
    with store.read() as snapshot:
        assert item(snapshot, key(5)).location == f"/414/{PLANT}/254/R-1"
    assert (await order(hands, "SO-1"))["lines"][0]["picked"] == 1
    assert await hands.refused("ship", [pack(5)], to=PHARMACY, order="SO-1") == ["not-picked"]
    await hands.do("pick", [pack(5)], order="SO-1")
    form = {"number": "SO-1", "client_id": "page", "scans": pack(5), "place": f"{PLANT}.R-2"}
    headers = {**hands.headers, **HTML}
    page = await hands.client.post("/orders/put-back/form", data=form, headers=headers)
    assert "Done: move, 1 scans." in page.text
    again = form | {"client_id": "again"}
    refused = await hands.client.post("/orders/put-back/form", data=again, headers=headers)
    assert (refused.status_code, "not picked for order" in refused.text) == (409, True)
    ended = {"number": "SO-1", "state": "closed"}
    await hands.client.post("/orders/end", json=ended, headers=hands.headers)
    late = await put_back(hands, "SO-1", pack(6), status=409, client_id="late")
    assert "is closed" in late["detail"]
    assert list(fsck(store, now=now)) == []


async def test_orders_on_the_page_and_by_command(hands, client, store, settings, tmp_path) -> None:
    headers = {**hands.headers, **HTML}
    await stocked(hands)
    form = {"number": "SO/7", "customer": PHARMACY, "site": PLANT, "lines": f"{GTIN} 3 L1"}
    assert (await client.post("/orders/new", data=form, headers=headers)).status_code == 303
    again = await client.post("/orders/new", data=form, headers=headers)
    assert (again.status_code, "SO/7 already" in again.text) == (422, True)
    bad = await client.post("/orders/new", data=form | {"lines": "x"}, headers=headers)
    assert (bad.status_code, "write GTIN, packs" in bad.text) == (422, True)
    assert "0 of 3" in (await client.get("/orders", headers=headers)).text
    page = await client.get("/orders/list", params={"number": "SO/7"}, headers=headers)
    assert f"out of case {sscc(1)}" in page.text or "loose" in page.text
    missing = await client.get("/orders/list", params={"number": "?"}, headers=hands.headers)
    assert missing.status_code == 404
    for body, status in (
        ({"number": "a"}, 422),
        ({"number": "a", "customer": "1", "lines": [{"gtin": GTIN, "packs": 1}]}, 422),
        ({"number": "a", "customer": PHARMACY, "lines": [{"gtin": "1", "packs": 1}]}, 422),
        ({"number": "a", "customer": PHARMACY, "lines": []}, 422),
    ):
        refused = await client.post("/orders", json=body, headers=hands.headers)
        assert refused.status_code == status, refused.text
        assert "problem+json" in refused.headers["content-type"]
    lines = tmp_path / "lines.csv"
    lines.write_text(f"gtin,packs,lot\n{GTIN},2,\n")
    at = ("--database", settings.database_url, "--now", "2026-06-01T12:00:00Z")
    run = CliRunner().invoke
    made_by_command = ["order", "import", "SO-8", str(lines), "--customer", PHARMACY]
    told = run(command_line("orders"), [*made_by_command, "--site", PLANT, *at])
    assert told.exit_code == 0, told.output
    told = run(command_line("orders"), ["order", "pick", "SO-8", *at])
    assert (told.exit_code, "lot L1" in told.output) == (0, True)
    back = ["order", "put-back", "SO-8", pack(5), "--place", f"{PLANT}.R-1", *at]
    told = run(command_line("orders"), back)
    assert (told.exit_code, "not picked for order SO-8" in told.output) == (1, True)
    told = run(command_line("orders"), ["order", "close", "SO-8", *at])
    assert "is closed" in told.output


_cases = st.lists(st.integers(1, 9), max_size=7)


@given(_cases, _cases, st.integers(0, 9), st.integers(1, 40))
def test_a_pick_list_takes_what_is_wanted_and_breaks_a_case_only_where_it_must(
    whole, mixed, loose, wanted
) -> None:
    shelves = [ShelfCase(f"W{at}", "A", packs, True) for at, packs in enumerate(whole)]
    shelves += [ShelfCase(f"M{at}", "A", packs) for at, packs in enumerate(mixed)]
    shelves += [ShelfCase("", "A", loose)] if loose else []
    found = pick_steps(shelves, wanted)
    assert sum(one.packs for one in found) == min(wanted, sum(one.packs for one in shelves))
    assert all(0 < one.packs <= one.case.packs for one in found)
    assert len({one.case.key for one in found}) == len(found)
    sums = {0}
    for packs in whole:
        sums |= {one + packs for one in sums}
    opened = [one for one in found if one.case.key and not one.is_whole_case]
    if any(wanted - loose <= one <= wanted for one in sums):
        assert not opened
    broken = [one for one in opened if one.case.is_whole]
    assert len(broken) <= 1


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9)), max_size=6, unique_by=lambda p: p[0]),
    st.lists(st.integers(0, 9), max_size=4),
)
def test_lots_are_given_out_once_and_the_first_expiry_first(stock, needs) -> None:
    lots = [LotQuantity(f"L{day}", f"2027-01-0{day}", packs) for day, packs in stock]
    found = allot(lots, [LotNeed(one) for one in needs])
    given_out = [lot for day, packs in sorted(stock) for lot in [f"L{day}"] * packs]
    taken = [one.lot for got in found for one in got for _ in range(one.packs)]
    assert taken == given_out[: sum(needs)]
