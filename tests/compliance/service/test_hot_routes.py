"""The hot routes pass the gate, the limits, the headers and the counts that all others pass."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from msgspec.structs import replace

from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import Grant
from compliance.service.app import create_app
from compliance.service.context import ServiceContext

pytestmark = pytest.mark.anyio
GTIN = "00300010123455"
PACK = {"gtin": GTIN, "serial": "11"}
STATUS = f"/packs/status?gtin={GTIN}&serial=11"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def app(store, settings, now):
    app = create_app(
        ServiceContext.of(settings, store, Keys.open(settings.keys_folder), lambda: now)
    )
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app):
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_every_answer_names_the_newest_checkpoint(client) -> None:
    note = (await client.get("/log/checkpoint")).text
    named = " ".join(note.split("\n")[:3])
    for path in (STATUS, "/log/key", "/no/such/page"):
        assert (await client.get(path)).headers["packtrail-checkpoint"] == named


async def test_each_caller_gets_the_status_of_its_kind(client, store, now) -> None:
    assert (await client.request("GET", STATUS)).status_code == 404
    with store.write(now) as tx:
        key = access.new_key(tx, Grant("till", frozenset({"verify"})), now=now)
        reader = access.new_key(tx, Grant("reader", frozenset({"query"})), now=now)
    assert (await client.request("GET", STATUS)).status_code == 401
    for bearer, status in ((key, 404), (reader, 403), ("pt_x_y", 401), ("x", 401)):
        answer = await client.request("GET", STATUS, headers={"Authorization": f"Bearer {bearer}"})
        assert answer.status_code == status
    vrs = f"/verify/gtin/{GTIN}/lot/L/ser/1?reqGLN=0366666000014"
    for headers in ({}, {"Authorization": f"Bearer {key}"}, {"Authorization": "Bearer pt_x_y"}):
        for question in (vrs, "/checkConnectivity?gtin=1"):
            refused = await client.request("GET", question, headers=headers)
            assert refused.status_code in (400, 401)
            assert refused.content == b""
            assert "Content-Type" not in refused.headers
    assert (await client.request("POST", vrs)).status_code == 405
    assert (await client.request("GET", "/checkConnectivity")).status_code == 401


async def test_the_answer_has_the_headers_of_the_house(client) -> None:
    answer = await client.request("POST", "/packs/verify", json=PACK)
    assert answer.json()["verdict"] == "UNKNOWN"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_foreign_page_and_a_foreign_name_are_refused(client) -> None:
    foreign = {"Origin": "https://evil.example"}
    assert (
        await client.request("POST", "/packs/verify", json=PACK, headers=foreign)
    ).status_code == 403
    named = {"Host": "evil.example"}
    assert (
        await client.request("POST", "/packs/verify", json=PACK, headers=named)
    ).status_code == 421


async def test_a_body_has_its_limits(client, settings) -> None:
    told = {
        "Content-Length": str(settings.upload_bytes_max + 1),
        "Content-Type": "application/json",
    }
    assert (
        await client.request("POST", "/packs/verify", content=b"{", headers=told)
    ).status_code == 413


async def test_a_stalled_body_is_let_go(app, settings) -> None:
    async def receive():
        await asyncio.Event().wait()

    heard = []

    async def send(message):
        heard.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/packs/verify",
        "raw_path": b"/packs/verify",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 5),
    }
    hurry = replace(settings, body_deadline_s=0.05)
    context = app.state.context
    hurried = create_app(ServiceContext.of(hurry, context.store, context.keys, context.clock))
    await hurried(scope, receive, send)
    assert heard[0]["status"] == 408


async def test_answers_are_counted(client) -> None:
    for _ in range(3):
        await client.request("GET", STATUS)
    said = (await client.get("/metrics")).text
    assert 'packtrail_answers_total{area="packs",method="GET",status="404"} 3.0' in said
