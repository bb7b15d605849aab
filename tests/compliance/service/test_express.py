"""The short way of the hot routes: the same gate, limits, headers and counters as the long way."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import Grant
from compliance.service.app import create_app
from compliance.service.express import Express
from compliance.service.parts import Parts

pytestmark = pytest.mark.anyio
GTIN = "00300010123455"
PACK = {"gtin": GTIN, "serial": "11"}
STATUS = f"/packs/status?gtin={GTIN}&serial=11"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def app(store, settings, now):
    app = create_app(Parts(settings, store, Keys.open(settings.keys_folder), lambda: now))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def ways(app):
    """A client of each way into the same application."""
    clients = [
        httpx.AsyncClient(
            transport=httpx.ASGITransport(way, client=("127.0.0.1", 5)), base_url="http://localhost"
        )
        for way in (Express(app), app)
    ]
    yield clients
    for client in clients:
        await client.aclose()


async def test_every_answer_names_the_newest_checkpoint_on_both_ways(ways) -> None:
    note = (await ways[1].get("/log/checkpoint")).text
    named = " ".join(note.split("\n")[:3])
    for way in ways:
        for path in (STATUS, "/log/key", "/no/such/page"):
            assert (await way.get(path)).headers["packtrail-checkpoint"] == named


async def both(ways, method, url, **more):
    """The answers of both ways, which must be alike; the one of the short way."""
    short, long = [await client.request(method, url, **more) for client in ways]
    assert short.status_code == long.status_code
    named = [one.headers.pop("packtrail-checkpoint", "") for one in (short, long)]
    assert named[0] == named[1] or "" in named  # the first one may be signed in between
    assert {**short.headers} == {**long.headers}
    assert short.content == long.content
    return short


async def test_both_ways_answer_alike_whoever_asks(ways, store, now) -> None:
    assert (await both(ways, "GET", STATUS)).status_code == 404
    with store.write(now) as tx:
        key = access.new_key(tx, Grant("till", frozenset({"verify"})), now=now)
        reader = access.new_key(tx, Grant("reader", frozenset({"query"})), now=now)
    assert (await both(ways, "GET", STATUS)).status_code == 401
    for bearer, status in ((key, 404), (reader, 403), ("pt_x_y", 401), ("x", 401)):
        answer = await both(ways, "GET", STATUS, headers={"Authorization": f"Bearer {bearer}"})
        assert answer.status_code == status
    vrs = f"/verify/gtin/{GTIN}/lot/L/ser/1?reqGLN=0366666000014"
    for headers in ({}, {"Authorization": f"Bearer {key}"}, {"Authorization": "Bearer pt_x_y"}):
        for question in (vrs, "/checkConnectivity?gtin=1"):
            refused = await both(ways, "GET", question, headers=headers)
            assert refused.status_code in (400, 401)
            assert refused.content == b""
            assert "Content-Type" not in refused.headers
    assert (await both(ways, "POST", vrs)).status_code == 405
    assert (await both(ways, "GET", "/checkConnectivity")).status_code == 401


async def test_the_answer_has_the_headers_of_the_house(ways) -> None:
    answer = await both(ways, "POST", "/packs/verify", json=PACK)
    assert answer.json()["verdict"] == "UNKNOWN"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_foreign_page_and_a_foreign_name_are_refused(ways) -> None:
    foreign = {"Origin": "https://evil.example"}
    assert (
        await both(ways, "POST", "/packs/verify", json=PACK, headers=foreign)
    ).status_code == 403
    named = {"Host": "evil.example"}
    assert (await both(ways, "POST", "/packs/verify", json=PACK, headers=named)).status_code == 421


async def test_a_body_has_its_limits(ways, settings) -> None:
    told = {
        "Content-Length": str(settings.upload_bytes_max + 1),
        "Content-Type": "application/json",
    }
    assert (
        await both(ways, "POST", "/packs/verify", content=b"{", headers=told)
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
    hurry = settings.model_copy(update={"body_deadline_s": 0.05})
    state = app.state
    hurried = create_app(Parts(hurry, state.store, state.keys, state.clock))
    await Express(hurried)(scope, receive, send)
    assert heard[0]["status"] == 408


async def test_answers_are_counted_on_both_ways(ways) -> None:
    for _ in range(3):
        await both(ways, "GET", STATUS)
    said = (await ways[0].get("/metrics")).text
    assert 'packtrail_answers_total{area="packs",method="GET",status="404"} 6.0' in said
