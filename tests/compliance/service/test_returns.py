"""Customers send packs back: matched with what was shipped to them, decided, put where it goes."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import msgspec
import pytest

from compliance.fsck import fsck
from compliance.quarantine.quarantine import list_quarantines
from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from epcis.capture import record
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
from tests.shipped_pack import shipping
from verification.decision.words import LotState
from verification.registry.pack_registry import set_lot_state

pytestmark = pytest.mark.anyio
SCOPES = ("act", "supply", "destroy", "recall", "verify", "capture", "query", "admin")
FOREIGN = "05901234123457"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock(now):
    return Clock(now)


@pytest.fixture
def settings(settings):
    """The operator is the plant, the manufacturer of its own products."""
    return msgspec.structs.replace(settings, owner_gln=PLANT)


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
    return Hands(client, signed(store, now, "ann", *SCOPES))


def printed(number, gtin=GTIN, lot="L1", expiry="280531"):
    return f"(01){gtin}(21)P{number}(17){expiry}(10){lot}"


class Returns:
    """Somebody who takes returns in."""

    def __init__(self, client, headers):
        self.client, self.headers, self.number = client, headers, 0

    async def post(self, scan, **more):
        self.number += 1
        body = {
            "clientId": f"r{self.number}",
            "scan": scan,
            "storedWell": True,
            "customer": PHARMACY,
            **more,
        }
        return await self.client.post("/returns/packs", json=body, headers=self.headers)

    async def take(self, scan, **more):
        """What a pack is to our shipments, and what was decided."""
        answer = await self.post(scan, **more)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        return told["match"], told["decision"]


@pytest.fixture
def returns(client, hands):
    return Returns(client, hands.headers)


def state(store, thing):
    with store.read() as snapshot:
        return item(snapshot, key(thing) if isinstance(thing, int) else thing)


async def sold(hands, *numbers, order="SO-1", to=PHARMACY):
    await hands.do("ship", map(pack, numbers), to=to, order=order)


async def test_a_pack_goes_back_to_the_shelf_only_where_everything_says_so(
    hands, returns, store, clock
) -> None:
    await made(hands, range(1, 7))
    await sold(hands, 1, 2, 3, 4)
    clock.now += timedelta(days=3)
    told = (await returns.post(printed(1), order="SO-1", reason="not needed")).json()
    assert (told["match"], told["decision"], told["sold_to"]) == (
        "matches", "resell", f"/414/{PHARMACY}"
    )  # fmt: skip
    assert told["orders"] == ["urn:packtrail:order:SO-1"]
    back = state(store, 1)
    assert (back.status, back.conditions, back.location) == ("active", (), f"/414/{PLANT}")
    await hands.do("pick", [pack(1)])
    assert await returns.take(printed(2), storedWell=False) == ("matches", "quarantine")
    assert await hands.refused("pick", [pack(2)]) == ["quarantined"]
    with store.write(clock.now) as tx:
        set_lot_state(tx, GTIN, "L1", LotState.RECALLED, "", now=clock.now, by="qa")
    assert await returns.take(printed(3)) == ("matches", "scrap")
    assert "non_conformant" in state(store, 3).conditions
    await hands.do("destroy", [pack(3)], reason="recalled")
    assert list(fsck(store, now=clock.now)) == []


async def test_what_is_no_return_of_ours_is_named_and_held(hands, returns, store, clock) -> None:
    await made(hands, range(1, 9))
    await sold(hands, 1, 2, 3, order="SO-1")
    await sold(hands, 4, to=WAREHOUSE)
    clock.now += timedelta(days=1)
    assert await returns.take(printed(5)) == ("never sold by us", None)
    assert await returns.take(printed(99)) == ("never sold by us", None)
    assert await returns.take(printed(4)) == ("sold to another customer", None)
    assert await returns.take(printed(1), order="SO-2") == ("sold with another order", None)
    assert await returns.take(printed(2, lot="L9")) == ("print and records differ", None)
    assert await returns.take(printed(1)) == ("matches", "resell")
    assert await returns.take(printed(1)) == ("came back before", None)
    with store.read() as snapshot:
        held = {one.subject.serial for one in list_quarantines(snapshot, only_open=True)}
    assert held == {"P5", "P99", "P4", "P2", "P1"}
    assert state(store, 3).status == "in_transit"
    assert await returns.take(printed(3)) == ("matches", "resell")


async def test_a_return_that_is_sent_twice_is_done_once(hands, returns, store, clock) -> None:
    await made(hands, [1])
    await sold(hands, 1)
    first = await returns.post(printed(1), clientId="same")
    again = await returns.post(printed(1), clientId="same")
    assert (first.json()["decision"], again.json()["decision"]) == ("resell", "resell")
    assert first.json()["event"] == again.json()["event"]
    assert state(store, 1).conditions == ()


async def test_a_pack_may_be_sold_and_come_back_once_more(hands, returns, clock) -> None:
    await made(hands, [1])
    for day in (1, 2):
        await sold(hands, 1, order=f"SO-{day}")
        clock.now += timedelta(days=1)
        assert await returns.take(printed(1), order=f"SO-{day}") == ("matches", "resell")
    await sold(hands, 1, to=WAREHOUSE)
    assert await returns.take(printed(1)) == ("sold to another customer", None)


async def test_another_companys_product_waits_for_its_manufacturer(
    hands, returns, packs, clock
) -> None:
    store = packs
    number = "H7K2M9Q4R8TX"
    of_packs = f"/01/{FOREIGN}/21/{number}"
    with store.write(clock.now) as tx:
        record(tx, [shipping(of_packs, clock.now, PLANT, PHARMACY)])
    scan = f"(01){FOREIGN}(21){number}(17)310531(10)A1"
    assert await returns.take(scan) == ("matches", "wait")
    assert state(store, of_packs).conditions == ("returned",)
    settled = await hands.client.post("/returns/settled", headers=hands.headers)
    assert settled.json() == []


async def test_returns_on_the_page(hands, client, store, clock) -> None:
    headers = {**hands.headers, "accept": "text/html"}
    await made(hands, [1, 2])
    await sold(hands, 1)
    page = (await client.get("/returns", headers=headers)).text
    assert "we_sold_it" not in page
    form = {
        "client_id": re.search(r'name="client_id" value="([^"]+)"', page)[1],
        "text": printed(1),
        "customer": PHARMACY,
        "order": "SO-1",
        "stored_well": "yes",
    }
    done = await client.post("/returns", data=form, headers=headers)
    assert 'data-decision="resell"' in done.text
    assert "order SO-1" in done.text
    other = form | {"client_id": "x", "text": printed(2)}
    refused = await client.post("/returns", data=other, headers=headers)
    assert 'data-decision="refused"' in refused.text
    assert "Never sold by us" in refused.text
    odd = await client.post("/returns", data=form | {"customer": "x"}, headers=headers)
    assert (odd.status_code, "13 digits" in odd.text) == (422, True)
    settled = await client.post("/returns/page/settled", headers=headers)
    assert settled.status_code == 303


async def test_what_is_wrong_with_a_return_is_said(hands, returns, client) -> None:
    for scan, say in (
        ("?!", "scan"),
        (sscc(1), "one by one"),
        (pack(1), "no lot or no expiry"),
    ):
        answer = await returns.post(scan)
        assert (answer.status_code, say in answer.text) == (422, True), answer.text
    for more in ({"customer": "1"}, {"place": "1"}, {"clientId": ""}, {"nonsense": 1}):
        answer = await returns.post(printed(1), **more)
        assert answer.status_code == 422, answer.text
    nothing = await client.post("/returns/packs", content=b"{", headers=hands.headers)
    assert nothing.status_code == 400
