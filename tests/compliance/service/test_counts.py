"""Counting the stock: what differs from the stock now, who saw it last, what closing records."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest
from typer.testing import CliRunner

from compliance.fsck import fsck
from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.cli import command_line
from compliance.service.context import ServiceContext
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
from verification.registry.history import history

pytestmark = pytest.mark.anyio
HTML = {"accept": "text/html"}
SCOPES = ("act", "supply", "destroy", "recall", "verify", "capture", "query", "admin")
SHELF_A, SHELF_B = f"{PLANT}.A-1", f"{PLANT}.B-7"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock(now):
    return Clock(now)


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


@pytest.fixture
def ben(store, now):
    """A second person with a scanner."""
    return signed(store, now, "ben", "act")


class Counting:
    """Somebody who counts."""

    def __init__(self, client, headers, number=""):
        self.client, self.headers, self.number = client, headers, number

    async def open(self, **more):
        answer = await self.client.post(
            "/counts", json={"place": PLANT, **more}, headers=self.headers
        )
        assert answer.status_code == 201, answer.text
        self.number = answer.json()["number"]
        return self

    async def ask(self, what, status=200, headers=None, **body):
        url = f"/counts/{self.number}/{what}"
        answer = await self.client.post(url, json=body, headers=headers or self.headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def scan(self, *scans, place="", headers=None):
        told = await self.ask("scans", headers=headers, scans=list(scans), place=place)
        return [one["is_new"] for one in told]

    async def look(self):
        answer = await self.client.get(f"/counts/{self.number}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def differs(self):
        """What differs: finding by key."""
        return {one["id"]: one["finding"] for one in (await self.look())["differs"]}


@pytest.fixture
def counting(client, hands):
    return Counting(client, hands.headers)


def state(store, thing):
    with store.read() as snapshot:
        return item(snapshot, key(thing) if isinstance(thing, int) else thing)


async def stocked(hands):
    """Four packs on shelf A, a case of three on shelf B."""
    await made(hands, range(1, 8))
    await hands.do("pack", map(pack, (5, 6, 7)), parent=sscc(1))
    await hands.do("move", map(pack, (1, 2, 3, 4)), SHELF_A)
    await hands.do("move", [sscc(1)], SHELF_B)


async def test_a_theft_is_found_and_the_record_says_who_saw_the_pack_last(
    hands, counting, store, clock
) -> None:
    await stocked(hands)
    clock.now += timedelta(hours=5)
    await counting.open()
    assert await counting.scan(pack(1), pack(2), pack(4), place=SHELF_A) == [True] * 3
    assert await counting.scan(sscc(1), place=SHELF_B) == [True]
    told = await counting.look()
    assert (told["expected"], told["asRecorded"]) == (8, 7)
    [missing] = told["differs"]
    assert (missing["id"], missing["finding"]) == (key(3), "missing")
    seen = missing["lastSeen"]
    assert (seen["place"], seen["step"], seen["by"]) == (
        f"/414/{PLANT}/254/A-1", "storing", "ann"
    )  # fmt: skip
    assert seen["at"] < told["at"]
    closed = await counting.ask("close", why="the shelf was open", stolen=[pack(3)])
    assert closed["state"] == "closed"
    [result] = closed["differs"]
    assert (result["finding"], bool(result["event"])) == ("stolen", True)
    assert state(store, 3).status == "stolen"
    listed = await counting.client.get("/counts/missing", headers=counting.headers)
    assert [(one["id"], one["state"], one["lastSeen"]["by"]) for one in listed.json()] == [
        (key(3), "stolen", "ann")
    ]
    with store.read() as snapshot:
        assert list(history(snapshot, GTIN, "P3")) == []  # the registry of packs was not asked
    assert list(fsck(store, now=clock.now)) == []


async def test_what_moves_while_the_count_goes_on_is_no_difference(
    hands, counting, store, clock
) -> None:
    await stocked(hands)
    clock.now += timedelta(hours=1)
    await counting.open()
    await counting.scan(pack(1), pack(2), place=SHELF_A)
    clock.now += timedelta(minutes=5)
    await hands.do("ship", [pack(1)], to=PHARMACY)  # counted, then shipped
    await hands.do("ship", [pack(3)], to=PHARMACY)  # shipped before anybody counted it
    await hands.do("move", [pack(4)], SHELF_B)  # moved between two shelves, seen by the move
    await made(hands, [9])  # made meanwhile
    await counting.scan(sscc(1), place=SHELF_B)
    assert (await counting.look())["differs"] == []
    await hands.do("hold", [pack(2)], reason="seal")  # paper only: nobody had it at hand
    await counting.ask("recount", why="shelf A again", place=SHELF_A)
    assert await counting.differs() == {key(2): "missing"}


async def test_each_kind_of_difference_is_named_and_what_can_be_adjusted_is(
    hands, counting, store, clock
) -> None:
    await stocked(hands)
    await made(hands, [20, 21, 22, 23])
    await hands.do("count-adjust", [pack(20)], reason="not found")
    await hands.do("destroy", [pack(21)], reason="wet")
    await hands.do("ship", [pack(22)], to=WAREHOUSE)
    await hands.do("ship", [pack(23)], to=PHARMACY)
    await hands.do("receive", [pack(22)], WAREHOUSE)
    clock.now += timedelta(hours=1)
    await counting.open()
    found = [pack(n) for n in (1, 2, 3, 4, 20, 21, 22, 23, 99)]
    await counting.scan(*found, pack(5), place=SHELF_A)
    assert await counting.differs() == {
        key(6): "missing",
        key(7): "missing",
        key(5): "on another shelf",
        key(20): "found again",
        key(21): "out of use",
        key(22): "recorded elsewhere",
        key(23): "recorded elsewhere",
        key(99): "not on record",
    }
    closed = await counting.ask("close", why="end of the year")
    adjusted = {one["id"]: bool(one["event"]) for one in closed["differs"]}
    assert adjusted == {
        key(6): True, key(7): True, key(5): True, key(20): True,
        key(21): False, key(22): False, key(23): False, key(99): False,
    }  # fmt: skip
    moved = state(store, 5)
    assert (moved.status, moved.location, moved.parent) == (
        "active", f"/414/{PLANT}/254/A-1", None
    )  # fmt: skip
    assert (state(store, 20).status, state(store, 6).status) == ("active", "lost")
    assert state(store, 21).status == "destroyed"
    await hands.do("pick", [pack(5), pack(20)])
    assert await hands.refused("ship", [pack(6)], to=PHARMACY)
    assert list(fsck(store, now=clock.now)) == []


async def test_an_opened_case_is_counted_pack_by_pack_and_a_closed_one_by_its_label(
    hands, counting, client, clock
) -> None:
    await stocked(hands)
    clock.now += timedelta(hours=1)
    await counting.open(place=f"{PLANT}.B")
    await counting.scan(sscc(1), place=SHELF_B)
    assert await counting.differs() == {}
    opened = await Counting(client, hands.headers).open(place=f"{PLANT}.B", opened=True)
    await opened.scan(sscc(1), pack(5), pack(6), place=SHELF_B)
    assert await opened.differs() == {key(7): "missing"}
    by_product = await Counting(client, hands.headers).open(gtin=GTIN)
    await by_product.scan(sscc(1), pack(1), pack(2), pack(3))
    assert await by_product.differs() == {key(4): "missing"}


async def test_a_blind_count_shows_nothing_until_it_is_finished_and_several_people_scan(
    hands, counting, ben, clock
) -> None:
    await stocked(hands)
    clock.now += timedelta(hours=1)
    await counting.open(blind=True)
    assert await counting.scan(pack(1), pack(2), place=SHELF_A) == [True, True]
    assert await counting.scan(pack(2), pack(3), place=SHELF_A, headers=ben) == [False, True]
    assert "differs" not in await counting.look()
    assert (await counting.look())["expected"] == 0
    early = await counting.ask("close", 409, why="x")
    assert "finish its scanning" in early["detail"]
    await counting.ask("finish")
    assert set(await counting.differs()) == {key(4), key(5), key(6), key(7), f"/00/{sscc(1)}"}
    late = await counting.ask("scans", 409, scans=[pack(4)])
    assert "recount" in late["detail"]
    await counting.ask("recount", why="shelf B was left out", headers=ben, place=SHELF_B)
    await counting.scan(sscc(1), place=SHELF_B, headers=ben)
    await counting.ask("finish")
    assert set(await counting.differs()) == {key(4)}


async def test_what_is_wrong_with_a_count_is_said(hands, counting, store) -> None:
    await stocked(hands)
    bad = await counting.client.post("/counts", json={"place": "x"}, headers=hands.headers)
    assert (bad.status_code, "13 digits" in bad.text) == (422, True)
    for body in ({"gtin": "1"}, {"nonsense": 1}, []):
        answer = await counting.client.post("/counts", json=body, headers=hands.headers)
        assert answer.status_code == 422, answer.text
    await counting.open(place=SHELF_A)
    far = await counting.ask("scans", 409, scans=[pack(1)], place=SHELF_B)
    assert "not within" in far["detail"]
    assert await counting.scan("?!") == [False]
    assert "why" in (await counting.ask("close", 409, why=" "))["detail"]
    odd = await counting.ask("close", 409, why="x", stolen=[sscc(1)])
    assert "is not missing" in odd["detail"]
    await counting.ask("cancel", why="fire drill")
    assert "cancelled" in (await counting.ask("close", 409, why="x"))["detail"]
    assert state(store, 1).status == "active"
    counting.number = "K-0"
    await counting.ask("finish", 404)


async def test_counting_on_the_page_and_by_command(hands, client, settings, store, clock) -> None:
    await stocked(hands)
    clock.now += timedelta(hours=1)
    headers = {**hands.headers, **HTML}
    wrong = await client.post("/counts/new", data={"place": "x"}, headers=headers)
    assert (wrong.status_code, "13 digits" in wrong.text) == (422, True)
    opened = await client.post("/counts/new", data={"place": PLANT}, headers=headers)
    assert opened.status_code == 303
    page = opened.headers["location"]
    number = page.rpartition("/")[2]

    async def send(**form):
        return await client.post(f"{page}/page", data=form, headers=headers)

    told = await send(deed="scan", scan=pack(1), place=SHELF_A)
    assert "Counted." in told.text
    assert f'value="{SHELF_A}"' in told.text  # the shelf stays for the next scan
    again = await send(deed="scan", scan=pack(1), place=SHELF_A)
    assert "Scanned before, by ann" in again.text
    at = ("--database", settings.database_url, "--now", clock.now.isoformat())
    run = CliRunner().invoke
    counts = command_line("counts")
    args = ["count", "scan", number, pack(2), pack(4), sscc(1)]
    assert run(counts, [*args, *at]).exit_code == 0
    shown = run(counts, ["count", "show", number, *at])
    assert "7 of 8 are as recorded" in shown.output
    assert re.search(rf"missing +{key(3)}", shown.output)
    listed = await client.get(page, headers=headers)
    assert "It was stolen" in listed.text
    assert "by ann" in listed.text
    refused = await send(deed="close", why="")
    assert (refused.status_code, "say why" in refused.text) == (422, True)
    done = run(counts, ["count", "close", number, "--why", "night shift", *at])
    assert (done.exit_code, "7 of 8 were as recorded" in done.output) == (0, True)
    assert state(store, 3).status == "lost"
    missing = run(counts, ["count", "missing", *at])
    assert f"{key(3)}  lost" in missing.output
    for url in ("/counts", page, "/counts/missing"):
        html = await client.get(url, headers=headers)
        assert html.status_code == 200, html.text
    second = run(counts, ["count", "open", "--place", PLANT, "--blind", *at])
    number = second.output.strip()
    for words in (
        ["count", "finish", number],
        ["count", "again", number, "--why", "once more"],
        ["count", "cancel", number, "--why", "enough"],
    ):
        assert run(counts, [*words, *at]).exit_code == 0
    assert run(counts, ["count", "close", number, "--why", "x", *at]).exit_code == 1
