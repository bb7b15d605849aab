"""Who gets through the gate, and as whom."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from compliance.service import access
from compliance.service.access import Grant
from compliance.service.gate import SESSION_COOKIE, Admission, BodyBounds, BodyLimit, Gate
from compliance.service.sessions import SessionLimits, open_session

ANY = ["GET", "POST"]


async def who(request: Request) -> JSONResponse:
    await request.body()
    caller = request.state.caller
    return JSONResponse({"name": caller.name, "scopes": sorted(caller.scopes)})


@pytest.fixture
def client(store, settings, now):
    def make(**more):
        app = Starlette(routes=[Route("/", who, methods=ANY)])
        gate = Gate(app, admission=Admission(store, lambda: now, settings, **more))
        limited = BodyLimit(gate, bounds=BodyBounds(100, 0.2))
        transport = httpx.ASGITransport(limited, client=("127.0.0.1", 5))
        return httpx.AsyncClient(transport=transport, base_url="http://localhost")

    return make


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


pytestmark = pytest.mark.anyio


def key_for(store, now: datetime) -> str:
    with store.write(now) as tx:
        return access.new_key(tx, Grant("till", frozenset({"verify"})), now=now)


async def test_this_machine_may_do_all_until_the_first_key_is_made(client, store, now) -> None:
    async with client() as browser:
        assert (await browser.get("/")).json()["name"] == "local"
        key = key_for(store, now)
        assert (await browser.get("/")).json() == {"name": "", "scopes": []}
        with_key = await browser.get("/", headers={"Authorization": f"Bearer {key}"})
        assert with_key.json() == {"name": "till", "scopes": ["verify"]}


async def test_a_rebound_name_does_not_reach_an_open_server(client) -> None:
    async with client() as browser:
        refused = await browser.get("/", headers={"Host": "evil.example"})
        assert refused.status_code == 421


async def test_a_page_of_another_site_cannot_act(client) -> None:
    async with client() as browser:
        foreign = await browser.post("/", headers={"Origin": "https://evil.example"})
        own = await browser.post("/", headers={"Origin": "http://localhost"})
        assert (foreign.status_code, own.status_code) == (403, 200)


@pytest.mark.parametrize("value", ["Bearer nonsense", "Bearer pt_x_y", "Basic eDp5", "Bearer "])
async def test_bad_credentials_are_never_taken_for_none(client, value: str) -> None:
    async with client() as browser:
        refused = await browser.get("/", headers={"Authorization": value})
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")


async def test_below_epcis_a_refusal_comes_as_xml_to_who_asked_for_xml(client) -> None:
    bad = {"Authorization": "Bearer nonsense", "Accept": "application/xml"}
    async with client() as portal:
        refused = await portal.get("/epcis/events", headers=bad)
        elsewhere = await portal.get("/recalls", headers=bad)
    assert refused.status_code == elsewhere.status_code == 401
    assert refused.headers["Content-Type"] == "application/problem+xml"
    assert "<type>epcisException:SecurityException</type>" in refused.text
    assert elsewhere.headers["Content-Type"] == "application/problem+json"


async def test_a_session_cookie_names_its_owner(client, store, settings, now) -> None:
    with store.write(now) as tx:
        ann = Grant("ann", frozenset({"query"}))
        session = open_session(tx, ann, "127.0.0.1", SessionLimits.of(settings))
    async with client() as browser:
        browser.cookies.set(SESSION_COOKIE, session)
        assert (await browser.get("/")).json()["name"] == "ann"


async def test_too_large_a_body_is_refused_by_its_length_or_while_it_comes(client) -> None:
    async def chunks():
        for _ in range(30):
            yield b"0123456789"

    async with client() as browser:
        told = await browser.post("/", content=b"x" * 101)
        signed_without_entry = await browser.post("/", content=chunks())
    assert (told.status_code, signed_without_entry.status_code) == (413, 413)
    assert told.headers["GS1-EPCIS-Capture-File-Size-Limit"] == "100"


async def test_a_stalled_upload_is_let_go(store, settings) -> None:
    app = Starlette(routes=[Route("/", who, methods=ANY)])
    gate = Gate(app, admission=Admission(store, lambda: datetime.now(UTC), settings))
    sent: list[dict] = []

    async def receive() -> dict:
        import asyncio

        await asyncio.Event().wait()
        return {}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 5),
    }
    await BodyLimit(gate, bounds=BodyBounds(100, 0.05))(scope, receive, send)
    assert sent[0]["status"] == 408


async def test_only_a_trusted_proxy_says_where_a_request_comes_from(store, settings, now) -> None:
    seen = []
    for trusted in ((), ("127.0.0.0/8",)):
        gate = Admission(store, lambda: now, replace(settings, trusted_proxies=trusted))
        scope = {
            "type": "http",
            "method": "GET",
            "client": ("127.0.0.1", 5),
            "headers": [(b"host", b"localhost"), (b"x-forwarded-for", b"1.2.3.4, 203.0.113.9")],
        }
        seen.append(gate.admit(scope).caller.client)
    assert seen == ["127.0.0.1", "203.0.113.9"]
