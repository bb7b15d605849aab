"""The page to scan on: every scan speaks, a second scan is one, and acts are done once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import Grant
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from compliance.service.scan_mode import SAME_SCAN
from compliance.service.settings import Settings
from epcis.capture import capture
from verification.registry.pack_tables import alert, pack_operation

pytestmark = pytest.mark.anyio
GTIN, LOT = "05901234123457", "A1"
TEXT = f"]d201{GTIN}21{{}}\x1d1731053110{LOT}"
SERIAL = "H7K2M9Q4R8TX"
PACK = TEXT.format(SERIAL)
UNKNOWN_PACK = TEXT.format("NOBODYSERIAL")


class Clock:
    """A clock that the test turns."""

    def __init__(self, now) -> None:
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock(now) -> Clock:
    return Clock(now)


@pytest.fixture
async def client(packs, settings, clock) -> AsyncIterator[httpx.AsyncClient]:
    keys = Keys.open(settings.keys_folder)
    app = create_app(ServiceContext.of(settings, packs, keys, clock))
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


def raised(store) -> list[tuple[str, int]]:
    """Every alert on record, and how often it was met."""
    with store.read() as snapshot:
        rows = snapshot.connection.execute(select(alert.c.id, alert.c.times))
        return [(row.id, row.times) for row in rows]


async def scan(client: httpx.AsyncClient, text: str, **more: str) -> str:
    answer = await client.post("/scan-card", data={"text": text, **more})
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "could not be read"),
        ("hello", "could not be read"),
        ("]C100095213220000041990", "could not be read"),
        ("(00)095213220000041997", "case or pallet"),
        ("]C100095213220000041997", "case or pallet"),
        ("(414)9521323000016", "names no pack"),
        ("4006381333931", "names no single pack"),
        ("x" * 9000, "could not be read"),
    ],
)
async def test_what_is_no_pack_speaks_as_loudly_as_a_verdict(client, text, says) -> None:
    html = await scan(client, text)
    assert re.findall(r'data-word="(\w+)"', html) == ["UNKNOWN"]
    assert says in html
    assert 'role="alert"' in html


async def test_a_good_scan_carries_no_warning(client) -> None:
    for text in (PACK, PACK.removeprefix("]d2"), PACK.replace("\x1d", "|")):
        html = await scan(client, text)
        assert 'class="finding' not in html.split('class="verdict"')[0]
        assert "symbology" not in html


async def test_a_mismatch_shows_both_sides_and_marks_the_difference(client) -> None:
    html = await scan(client, f"]d201{GTIN}21{SERIAL}\x1d1732063010A7")
    assert 'data-word="STOP"' in html
    assert re.search(r"<td><code>A1</code></td><td><code>A<mark>7</mark></code>", html)
    row = re.search(r"Expiry.*?<code>(.*?)</code>.*?<code>(.*?)</code>", html, re.DOTALL)
    assert row
    assert row[1] == "31 May 2031"
    assert row[2] == "<mark>30 June 2032</mark>"
    same = await scan(client, PACK)
    assert "compare" not in same


async def test_who_may_not_learn_the_record_is_not_shown_it(client, packs, now) -> None:
    with packs.write(now) as tx:
        grant = Grant("till", frozenset({"verify"}), "/414/9521323000016")
        key = access.new_key(tx, grant, now=now)
    answer = await client.post(
        "/scan-card",
        data={"text": f"]d201{GTIN}21{SERIAL}\x1d1732063010A7"},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert 'data-word="STOP"' in answer.text
    assert "<mark>" not in answer.text
    assert f">{LOT}<" not in answer.text


async def test_the_same_pack_scanned_twice_is_one_scan(client, packs, clock) -> None:
    first = await scan(client, UNKNOWN_PACK)
    number = re.search(r'href="/alerts/([^"]+)"', first)
    assert number
    clock.now += timedelta(seconds=5)
    second = await scan(client, UNKNOWN_PACK)
    assert number[1] in second
    assert "scanned a moment ago" in second
    assert raised(packs) == [(number[1], 1)]

    clock.now += SAME_SCAN + timedelta(seconds=1)
    third = await scan(client, UNKNOWN_PACK)
    assert "scanned a moment ago" not in third
    assert raised(packs) == [(number[1], 2)]


async def test_a_closed_alert_is_not_raised_anew_by_the_same_scan(client, packs, clock) -> None:
    number = re.search(r'href="/alerts/([^"]+)"', await scan(client, UNKNOWN_PACK))
    assert number
    step = {"status": "Closed", "reason": "scanner", "comment": "cap lock"}
    await client.post(f"/alerts/{number[1]}", data=step)
    clock.now += timedelta(seconds=3)
    assert number[1] in await scan(client, UNKNOWN_PACK)
    assert raised(packs) == [(number[1], 1)]


async def test_an_alert_is_confirmed_and_an_ok_is_not(client) -> None:
    assert "data-confirm" in await scan(client, UNKNOWN_PACK)
    assert "data-confirm" not in await scan(client, PACK)
    assert "data-confirm" not in await scan(client, "hello")


async def test_supply_and_undo_act_once_and_say_so(client, packs, clock) -> None:
    supplied = await scan(client, PACK, mode="supply")
    assert 'data-word="OK"' in supplied
    assert "data-done" in supplied
    assert "Supplied:" in supplied
    clock.now += timedelta(seconds=2)
    again = await scan(client, PACK, mode="supply")
    assert 'data-word="OK"' in again
    assert "changed nothing" in again
    assert raised(packs) == []
    assert 'data-word="STOP"' in await scan(client, PACK)

    clock.now += timedelta(seconds=2)
    undone = await scan(client, PACK, mode="undo")
    assert 'data-word="OK"' in undone
    assert "Taken back:" in undone
    assert 'data-word="OK"' in await scan(client, PACK)
    clock.now += timedelta(seconds=2)
    assert "Supplied: the pack has left the stock. Hand it over.<" in await scan(
        client, PACK, mode="supply"
    )


async def test_a_pack_that_must_not_be_supplied_is_not(client) -> None:
    refused = await scan(client, UNKNOWN_PACK, mode="supply")
    assert 'data-word="STOP"' in refused
    assert "data-done" not in refused
    late = await scan(client, PACK, mode="undo")
    assert "data-done" not in late


async def test_modes_are_those_of_the_caller(client, packs, now) -> None:
    with packs.write(now) as tx:
        key = access.new_key(tx, Grant("look", frozenset({"verify"})), now=now)
    looks = {"Authorization": f"Bearer {key}"}
    page = await client.get("/", headers={**looks, "Accept": "text/html"})
    assert 'value="supply"' not in page.text
    refused = await client.post("/scan-card", data={"text": PACK, "mode": "supply"}, headers=looks)
    assert refused.status_code == 403


async def test_a_reading_in_doubt_is_never_acted_on(client) -> None:
    doubtful = f"01{GTIN}21{SERIAL}1731053110{LOT}".replace(SERIAL, "S110X1721")
    html = await scan(client, doubtful, mode="supply")
    assert "data-done" not in html


CASE, SHIPPED = "(00)003555550000001232", "(01)00355555678908(21)U1"
BUYER = "0366666000014"


@pytest.fixture
async def buyer(packs, settings, clock, examples) -> AsyncIterator[httpx.AsyncClient]:
    """The counter of the wholesaler to whom the example shipment goes."""
    capture(packs, (examples / "shipment.xml").read_bytes(), now=clock.now)
    own = Settings(data_dir=settings.data_dir, database=settings.database, owner_gln=BUYER)
    app = create_app(ServiceContext.of(own, packs, Keys.open(own.keys_folder), clock))
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


async def test_a_case_is_received_by_one_scan_and_a_second_scan_changes_nothing(buyer) -> None:
    first = await scan(buyer, CASE, mode="receive")
    assert 'data-word="OK"' in first
    assert "data-done" in first
    assert "Received" in first
    state = (await buyer.get("/epcis/epcs/urn:epc:id:sscc:0355555.0000000123/state")).json()
    assert state["status"] == "active"
    assert await scan(buyer, CASE, mode="receive") == first
    told = (await buyer.get("/00/003555550000001232.json")).json()
    assert [line["what"] for line in told["timeline"] if "received" in line["what"]] == [
        "Example Wholesale Corp received it."
    ]


async def test_what_was_never_shipped_here_is_not_received(buyer) -> None:
    card = await scan(buyer, PACK, mode="receive")
    assert "data-done" not in card
    assert 'data-word="OK"' not in card


async def test_a_return_that_nobody_sent_out_is_refused_aloud(buyer) -> None:
    card = await scan(buyer, SHIPPED, mode="return")
    assert "data-done" not in card
    assert 'data-word="OK"' not in card


async def test_a_mode_asks_for_its_scope(buyer, packs, clock) -> None:
    with packs.write(clock.now) as tx:
        key = access.new_key(tx, Grant("till", frozenset({"verify"})), now=clock.now)
    headers = {"Authorization": f"Bearer {key}"}
    sent = {"text": CASE, "mode": "receive"}
    refused = await buyer.post("/scan-card", data=sent, headers=headers)
    assert refused.status_code == 403
    page = (await buyer.get("/", headers={**headers, "Accept": "text/html"})).text
    assert 'value="receive"' not in page


async def test_a_scan_kept_without_a_line_and_sent_twice_is_done_once(client, packs, clock) -> None:
    late = {"mode": "supply", "scanned": "2026-06-01T13:00:00Z", "scan_id": "browser-7"}
    clock.now += timedelta(hours=3)
    first = await scan(client, PACK, **late)
    assert 'data-word="OK"' in first
    clock.now += timedelta(hours=2)
    again = await scan(client, PACK, **late)
    assert 'data-word="OK"' in again
    with packs.read() as snapshot:
        assert not snapshot.connection.execute(select(alert)).all()
        scanned = snapshot.connection.execute(select(pack_operation.c.scanned_us)).scalars().all()
    assert 1780318800000000 in scanned
