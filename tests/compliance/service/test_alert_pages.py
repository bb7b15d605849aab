"""A pharmacist's pages besides scanning: alerts and returns, over the whole application."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import Grant
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from verification.decision.act import ParticipantRole, Who
from verification.registry.participants import register

pytestmark = pytest.mark.anyio
GTIN, LOT = "05901234123457", "A1"
SERIAL, LOWER = "H7K2M9Q4R8TX", "h7k2m9q4r8tx"
TEXT = f"]d201{GTIN}21{{}}\x1d1731053110{LOT}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(packs, settings, now) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        ServiceContext.of(settings, packs, Keys.open(settings.keys_folder), lambda: now)
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


async def raised(client, serial=LOWER):
    card = await client.post("/scan-card", data={"text": TEXT.format(serial)})
    assert "STOP" in card.text
    found = re.search(r"/alerts/(XX-[^\"]+)", card.text)
    assert found, card.text
    return found[1]


async def test_a_scan_that_is_not_confirmed_becomes_an_alert_that_is_worked(client) -> None:
    alert = await raised(client)
    listed = await client.get("/alerts")
    assert alert in listed.text
    assert "caps lock" in listed.text
    page = await client.get(f"/alerts/{alert}")
    assert "Caps lock was on" in page.text
    assert "Trailol 20 mg" in page.text
    bare = await client.post(f"/alerts/{alert}", data={"status": "Closed"})
    assert "say the reason" in bare.text
    step = {"status": "Closed", "reason": "scanner", "comment": "caps lock taped over"}
    done = await client.post(f"/alerts/{alert}", data=step)
    assert (done.status_code, done.headers["location"]) == (303, f"/alerts/{alert}")
    assert "caps lock taped over" in (await client.get(f"/alerts/{alert}")).text
    assert alert in (await client.get("/alerts?status=Closed")).text
    assert alert not in (await client.get("/alerts?status=New")).text


async def test_an_unknown_alert_and_a_wrong_step_are_told(client) -> None:
    assert (await client.get("/alerts/none")).status_code == 404
    alert = await raised(client)
    wrong = await client.post(f"/alerts/{alert}", data={"status": "Hello"})
    assert "not a valid Status" in wrong.text
    long = {"status": "Closed", "reason": "x", "comment": "x" * 501}
    assert "500 characters" in (await client.post(f"/alerts/{alert}", data=long)).text


async def test_an_alert_is_worked_by_those_it_concerns(client, packs, now) -> None:
    alert = await raised(client)
    with packs.write(now) as tx:
        verify = frozenset({"verify"})
        keys = {name: access.new_key(tx, Grant(name, verify), now=now) for name in ("other", "m")}
        register(
            tx,
            Who(client="m", role=ParticipantRole.MAH, location="plant", authorisation="m"),
            by="qa",
        )
    other, owner = ({"Authorization": f"Bearer {keys[name]}"} for name in ("other", "m"))
    assert (await client.get(f"/alerts/{alert}", headers=other)).status_code == 404
    refused = await client.post(f"/alerts/{alert}", data={"status": "Active"}, headers=other)
    assert refused.status_code == 404
    assert alert not in (await client.get("/alerts", headers=other)).text
    assert alert in (await client.get("/alerts", headers=owner)).text
    page = await client.get(f"/alerts/{alert}", headers=owner)
    assert "Next step" in page.text
    worked = await client.post(f"/alerts/{alert}", data={"status": "Active"}, headers=owner)
    assert worked.status_code == 303
    assert (await client.get("/alerts")).status_code == 401


async def test_a_pack_page_alone_raises_no_alert(client) -> None:
    page = await client.get(f"/01/{GTIN}/21/{LOWER}")
    assert "STOP" in page.text
    assert "None in the last month" in (await client.get("/alerts")).text
