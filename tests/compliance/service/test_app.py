"""The application as a whole: headers, problems, scanning against the store, metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import select

from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import Grant
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from epcis.capture import capture
from verification.image.turns import PictureTurns
from verification.registry.pack_tables import alert

pytestmark = pytest.mark.anyio
GTIN = "00355555678908"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(store, settings, now) -> AsyncIterator[httpx.AsyncClient]:
    keys = Keys.open(settings.keys_folder)
    app = create_app(ServiceContext.of(settings, store, keys, lambda: now))
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


@pytest.fixture
def shipped(store, now, examples: Path) -> None:
    """The shipment of the pack is known."""
    file = examples / "shipment.xml"
    capture(store, file.read_bytes(), now=now)


async def test_pages_may_load_nothing_from_elsewhere(client) -> None:
    page = await client.get("/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_unknown_address_and_method_are_problems(client) -> None:
    for answer in (await client.get("/nowhere"), await client.delete("/health")):
        assert answer.status_code in (404, 405)
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_rival_readings_are_told_apart_by_what_the_store_knows(
    client, store, now, examples: Path
) -> None:
    file = examples / "shipment.xml"
    capture(store, file.read_bytes(), now=now)
    found = (await client.post("/packs/scan", json={"text": f"01{GTIN}21U117351031"})).json()
    best = found["symbols"][0]
    assert (best["serial"], best["expiry"]) == ("U1", "2035-10-31")
    assert "pack" in best["known"]
    assert len(found["symbols"]) > 1
    said = [{finding["code"] for finding in one["findings"]} for one in found["symbols"]]
    assert "scan.ambiguous" not in said[0]
    assert all("scan.ambiguous" in one for one in said[1:])
    # A person sees the card of the pack that the store proves, and no other.
    page = (await client.post("/scan-card", data={"text": f"01{GTIN}21U117351031"})).text
    assert page.count("<article") == 1


async def test_readings_that_nothing_tells_apart_raise_no_alert(
    client, store, now, examples: Path
) -> None:
    file = examples / "shipment.xml"
    capture(store, file.read_bytes(), now=now)
    page = (await client.post("/scan-card", data={"text": f"01{GTIN}219999817250327"})).text
    assert page.count("can be read in") > 1
    with store.read() as snapshot:
        assert snapshot.connection.execute(select(alert)).all() == []


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("/01/00355555678908/21/U1.json", "genuine"),
        ("/01/355555678908/21/U1.json", "genuine"),
        ("/01/00355555678908/10/L77/21/U1.json?17=351031", "genuine"),
        ("/01/00355555678908/10/B999/21/U1.json", "lot-differs"),
        ("/01/00355555678908/21/U1.json?17=260327", "expiry-differs"),
        ("/01/00355555678908/21/a%2Fb.json", "unknown-serial"),
    ],
)
@pytest.mark.usefixtures("shipped")
async def test_the_link_on_a_pack_leads_to_its_page(client, link, reason) -> None:
    card = (await client.get(link)).json()
    assert (card["gtin"], card["reason"]) == (GTIN, reason)


@pytest.mark.parametrize(
    "link",
    ["/01/00355555678907/21/U1", "/01/00355555678907", "/01/00355555678908/21/%00", "/01/x/21/1"],
)
async def test_an_address_that_names_nothing_is_no_page(client, link) -> None:
    refused = await client.get(link)
    assert refused.status_code == 404
    assert refused.json()["title"] == "Not the address of an identifier"


async def test_metrics_are_for_administrators_and_name_no_pack(client, store, now) -> None:
    await client.get(f"/01/{GTIN}/21/SECRET")
    told = (await client.get("/metrics")).text
    assert 'packtrail_answers_total{area="page"' in told
    assert "SECRET" not in told
    with store.write(now) as tx:
        key = access.new_key(tx, Grant("till", frozenset({"verify"})), now=now)
    refused = await client.get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert refused.status_code == 403


async def test_a_picture_that_finds_no_worker_is_to_come_again(store, settings, now) -> None:
    impatient = msgspec.structs.replace(settings, picture_timeout_s=0.01)
    context = ServiceContext.of(impatient, store, Keys.open(settings.keys_folder), lambda: now)
    app = create_app(replace(context, picture_turns=PictureTurns(0)))
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        answer = await client.post(
            "/packs/scan", content=b"any", headers={"Content-Type": "image/png"}
        )
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "2"
        assert "send it again" in answer.json()["detail"]


async def test_the_description_of_the_api_names_every_public_address(client) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    hot = ("/packs/verify", "/packs/supply", "/verify/gtin/{gtin}/lot/{lot}/ser/{serial}")
    own = ("/epcis/capture", "/epcis/events", "/packs/scan", "/recalls", "/log/checkpoint")
    for path in (*hot, *own):
        assert path in paths


async def test_a_dossier_is_asked_for_on_its_page(client, store, now, examples: Path) -> None:
    file = examples / "shipment.xml"
    capture(store, file.read_bytes(), now=now)
    said = {"kind": "lot", "gtin": GTIN, "lot": "L77"}
    asked = await client.post("/dossiers", data=said)
    assert asked.status_code == 303
    page = await client.get("/dossiers")
    assert "L77" in page.text
    wrong = await client.post("/dossiers", data={**said, "gtin": "1"})
    assert wrong.status_code == 422
    assert 'class="finding error"' in wrong.text


async def test_tills_get_a_signed_snapshot_for_when_the_line_is_down(client) -> None:
    snapshot = await client.get("/fmd/snapshot")
    assert snapshot.status_code == 200, snapshot.text
    assert set(snapshot.json()) == {"content", "sig"}
