"""Quarantine over HTTP, on its page and on the command line: one person holds, another frees."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from chain import GTIN, case, commission, pack, put
from typer.testing import CliRunner

from compliance.seal import Keys
from compliance.service.access import Grant, new_key
from compliance.service.app import create_app
from compliance.service.cli import command_line
from compliance.service.context import ServiceContext
from epcis.capture import record

PALLET = case(1)
SSCC = re.search(r"/00/(\d{18})", PALLET)[1]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stock(store, now):
    with store.write(now) as tx:
        record(tx, [commission(0, [pack(1), pack(2)]), put(1, PALLET, [pack(1)])])
    return store


@pytest.fixture
async def client(stock, settings, now):
    app = create_app(
        ServiceContext.of(settings, stock, Keys.open(settings.keys_folder), lambda: now)
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


def key_of(store, name, now):
    with store.write(now) as tx:
        secret = new_key(tx, Grant(name, frozenset({"query", "recall", "verify"})), now=now)
    return {"authorization": f"Bearer {secret}"}


async def verdict(client, serial, headers):
    pack = {"gtin": GTIN, "serial": serial, "lot": "L1"}
    answer = await client.post("/packs/verify", json=pack, headers=headers)
    return answer.json()["verdict"]


@pytest.mark.anyio
async def test_a_pallet_is_held_and_freed_over_http(client, stock, now) -> None:
    ann, bob = key_of(stock, "ann", now), key_of(stock, "bob", now)
    wanted = {"kind": "pallet", "container": SSCC, "reason": "wet"}
    held = await client.post("/quarantine", json=wanted, headers=ann)
    assert held.status_code == 201, held.text
    number = held.json()["id"]
    assert [await verdict(client, one, ann) for one in ("P1", "P2")] == ["CHECK", "OK"]
    shown = (await client.get(f"/quarantine/{number}", headers=ann)).json()
    assert len(shown["keys"]) == shown["things"] == 2
    assert [one["id"] for one in (await client.get("/quarantine", headers=ann)).json()] == [number]
    path, body = f"/quarantine/{number}/release", {"why": "dry"}
    assert (await client.post(path, json=body, headers=ann)).status_code == 409
    assert (await client.post(path, json=body, headers=bob)).status_code == 200
    assert await verdict(client, "P1", ann) == "OK"
    assert (await client.post("/quarantine/Q-1/release", json=body, headers=bob)).status_code == 404


@pytest.mark.anyio
async def test_what_cannot_be_held_is_a_problem_that_says_what_to_do(client) -> None:
    told = await client.post("/quarantine", json={"kind": "lot", "gtin": GTIN, "reason": "x"})
    assert told.status_code == 422
    assert "lot" in told.json()["detail"]


@pytest.mark.anyio
async def test_the_page_holds_and_shows_why_a_release_by_the_same_person_is_refused(client) -> None:
    form = {"kind": "pallet", "container": SSCC, "reason": "wet <b>box</b>"}
    assert (await client.post("/quarantine/board", data=form)).status_code == 303
    page = await client.get("/quarantine", headers={"accept": "text/html"})
    assert "wet &lt;b&gt;box" in page.text
    number = re.search(r'name="number" value="([^"]+)"', page.text)[1]
    again = await client.post("/quarantine/board/release", data={"number": number, "why": "dry"})
    assert again.status_code == 409
    assert "second person" in again.text


def test_the_commands_hold_list_and_release(stock, now, database, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PACKTRAIL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PACKTRAIL_DATABASE", database)

    def packtrail(*words):
        words = ("quarantine", *words, "--now", now.isoformat(timespec="seconds")[:19])
        return CliRunner().invoke(command_line("quarantine"), words)

    placed = packtrail("place", "pallet", "--container", SSCC, "--reason", "wet", "--by", "ann",
                       "--json")  # fmt: skip
    assert placed.exit_code == 0, placed.output
    [held] = json.loads(placed.stdout)
    assert held["id"] in packtrail("list").stdout
    own = packtrail("release", held["id"], "--why", "dry", "--by", "ann")
    assert own.exit_code == 1
    assert packtrail("release", held["id"], "--why", "dry", "--by", "bob").exit_code == 0
    assert packtrail("list").stdout == ""
    assert held["id"] in packtrail("list", "--all").stdout
