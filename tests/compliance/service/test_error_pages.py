"""Whoever refuses, a person sees a page that says what to do, and a program problem+json."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import Grant
from compliance.service.accounts import put_account
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from compliance.service.navigation import FIRST_PAGE
from compliance.service.pages import way_back

pytestmark = pytest.mark.anyio
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PASSWORD = "twelve letters and more"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(store, settings, now) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        ServiceContext.of(settings, store, Keys.open(settings.keys_folder), lambda: now)
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5), raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


REFUSALS = (
    ("GET", "/nowhere", {}, 404),
    ("DELETE", "/health", {}, 405),
    ("GET", "/01/09521321001015/21/%00", {}, 404),
    ("GET", "/alerts/XX-1", {}, 404),
    ("POST", "/recalls/open", {"data": {"gtin": "1"}}, 400),
    ("GET", "/epcis/events?MATCH_epc=x&nonsense=1", {}, 400),
    ("GET", "/epcis/events/none", {}, 404),
    ("POST", "/epcis/capture", {"content": b"<x/>", "headers": {"Content-Type": "a/b"}}, 415),
    ("GET", "/health", {"headers": {"Authorization": "Bearer pt_no_no"}}, 401),
    ("POST", "/quarantine/board", {"headers": {"Origin": "https://evil.example"}}, 403),
)


@pytest.mark.parametrize(("method", "path", "more", "status"), REFUSALS)
async def test_a_person_sees_a_page_and_a_program_a_problem(
    client, method, path, more, status
) -> None:
    headers = more.get("headers", {})
    rest = {key: value for key, value in more.items() if key != "headers"}
    page = await client.request(method, path, headers={**BROWSER, **headers}, **rest)
    told = await client.request(method, path, headers=headers, **rest)
    assert (page.status_code, told.status_code) == (status, status)
    assert "json" in told.headers["content-type"]
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1>" in page.text
    assert "Content-Security-Policy" in page.headers
    assert page.headers["Cache-Control"] == "private, no-store"


async def test_a_fault_of_ours_is_a_page_too(store, settings, now) -> None:
    app = create_app(
        ServiceContext.of(settings, store, Keys.open(settings.keys_folder), lambda: now)
    )
    store.engine.dispose()

    def broken(*_: object) -> None:
        raise RuntimeError("what nobody has thought of")

    store.read = broken  # type: ignore[method-assign]  # a fault as no caller can make it
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        page = await client.get("/recalls/board", headers=BROWSER)
        assert page.status_code == 500
        assert "A fault of ours" in page.text
        assert "Traceback" not in page.text
        assert "RuntimeError" not in page.text


async def test_a_piece_of_a_page_is_refused_as_a_card(client) -> None:
    headers = {"Accept": "text/html", "Packtrail-Piece": "card", "Origin": "https://evil.example"}
    card = await client.post("/scan-card", data={"text": "x"}, headers=headers)
    assert card.status_code == 403
    assert card.text.count('data-word="UNKNOWN"') == 1
    assert "NOT VERIFIED" in card.text
    assert "<html" not in card.text


async def test_who_is_not_signed_in_signs_in_and_comes_back(client, store, now) -> None:
    with store.write(now) as tx:
        put_account(tx, Grant.of_role("Ann", "manufacturer"), PASSWORD, by="test")
    asked = await client.get("/alerts?status=New", headers=BROWSER)
    assert asked.status_code == 401
    assert 'name="way" value="/alerts?status=New"' in asked.text
    form = {"name": "Ann", "password": PASSWORD, "way": "/alerts?status=New"}
    signed = await client.post("/sign-in", data=form, headers=BROWSER)
    assert (signed.status_code, signed.headers["location"]) == (303, "/alerts?status=New")
    wrong = await client.post("/sign-in", data={**form, "password": "no"}, headers=BROWSER)
    assert 'value="/alerts?status=New"' in wrong.text
    for path in ("/", "/alerts", "/nowhere", "/menu"):
        page = await client.get(path, headers=BROWSER)
        assert 'action="/sign-out"' in page.text, path


async def test_who_signs_in_is_led_to_no_other_site(client, store, now) -> None:
    with store.write(now) as tx:
        put_account(tx, Grant.of_role("Ann", "manufacturer"), PASSWORD, by="test")
    for way in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"):
        form = {"name": "Ann", "password": PASSWORD, "way": way}
        signed = await client.post("/sign-in", data=form, headers=BROWSER)
        own = FIRST_PAGE["manufacturer"]
        assert (signed.status_code, signed.headers["location"]) == (303, own), way


@given(st.text(max_size=40))
def test_the_way_back_stays_on_this_server(path: str) -> None:
    way = way_back(path)
    assert way.startswith("/")
    assert not way.startswith("//")
    assert "\\" not in way
    assert way.isprintable()


async def test_navigation_offers_what_the_caller_may_open(client, store, now) -> None:
    with store.write(now) as tx:
        grant = Grant("till", frozenset({"verify"}), "/414/9521323000016")
        key = access.new_key(tx, grant, now=now)
    headers = {**BROWSER, "Authorization": f"Bearer {key}"}
    menu = (await client.get("/menu", headers=headers)).text
    assert 'href="/alerts"' in menu
    assert 'href="/recalls/board"' not in menu
    assert 'href="/quarantine"' not in menu


async def test_texts_are_compressed_for_who_takes_it_and_heads_are_not(client) -> None:
    plain = await client.get("/static/packtrail.css", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    async with client.stream("GET", "/static/packtrail.css") as packed:
        raw = b"".join([part async for part in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    assert gzip.decompress(raw) == plain.content
    assert int(packed.headers["content-length"]) == len(raw) < len(plain.content) / 2
    refused = await client.get("/", headers={**BROWSER, "Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers
    head = await client.head("/static/packtrail.css")
    assert head.status_code == 200
    assert head.content == b""


async def test_the_page_to_scan_on_is_light(client) -> None:
    """What a phone loads before the first scan: page, style, script, icons."""
    total = 0
    for path in ("/", *(f"/static/{name}" for name in ("packtrail.css", "scan.js", "icons.svg"))):
        async with client.stream("GET", path, headers=BROWSER) as answer:
            total += sum([len(part) async for part in answer.aiter_raw()])
    assert total < 60_000, total
