"""More is asked than can be answered: some is refused at once, the rest is answered in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from compliance.service.overload import (
    AT_WORK_MAX,
    AT_WORK_MIN,
    GROW,
    QUICKEST_S_MAX,
    WINDOW_S,
    Workload,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def answered(load: Workload, clock: Clock, many: int, each_s: float) -> None:
    """So many requests at once, each answered after this time; then a window is over."""
    begun = [load.begin() for _ in range(many)]
    clock.now_s += each_s
    for one in begun:
        load.end(one)
    clock.now_s += WINDOW_S
    assert load.has_room


def test_a_burst_that_is_soon_answered_is_let_in():
    clock = Clock()
    load = Workload(clock)
    answered(load, clock, 500, QUICKEST_S_MAX / 2)
    assert load.limit == AT_WORK_MAX


def test_a_standing_queue_lets_fewer_in_and_quick_answers_more_again():
    clock = Clock()
    load = Workload(clock)
    for _ in range(20):
        answered(load, clock, load.limit, 4 * QUICKEST_S_MAX)
    assert load.limit == AT_WORK_MIN
    begun = [load.begin() for _ in range(AT_WORK_MIN)]
    assert not load.has_room
    for one in begun:
        load.end(one)
    for _ in range(AT_WORK_MAX // GROW):
        answered(load, clock, 3, QUICKEST_S_MAX / 2)
    assert load.limit == AT_WORK_MAX


def test_one_quick_answer_shows_that_nothing_stands_in_a_queue():
    clock = Clock()
    load = Workload(clock)
    slow = [load.begin() for _ in range(30)]
    clock.now_s += 60
    load.end(load.begin())
    for one in slow:
        load.end(one)
    clock.now_s += WINDOW_S
    assert load.has_room
    assert load.limit == AT_WORK_MAX


@pytest.fixture
async def client(store, settings, now) -> AsyncIterator[httpx.AsyncClient]:
    keys = Keys.open(settings.keys_folder)
    app = create_app(ServiceContext.of(settings, store, keys, lambda: now))
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        client.overload = app.overload
        yield client


QUESTION = {"gtin": "00355555678908", "serial": "S1"}


async def test_what_there_is_no_room_for_is_to_come_again_and_health_is_answered(client) -> None:
    client.overload.of_packs.limit = client.overload.others.limit = 0
    for answer in await asyncio.gather(
        client.post("/packs/verify", json=QUESTION),
        client.get("/epcis/events"),
        client.post("/epcis/capture", content=b"{}"),
    ):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "send it again" in answer.json()["detail"]
    page = await client.get("/stock", headers={"Accept": "text/html"})
    assert (page.status_code, "<html" in page.text) == (503, True)
    assert (await client.get("/health")).status_code == 200
    counted = (await client.get("/metrics")).text
    assert 'packtrail_answers_total{area="packs",method="POST",status="503"} 1.0' in counted


async def test_questions_about_packs_are_answered_while_all_else_is_refused(client) -> None:
    client.overload.others.limit = 0
    asked = await client.post("/packs/verify", json=QUESTION)
    assert asked.status_code == 200
    assert (await client.get("/epcis/events")).status_code == 503


async def test_whatever_comes_of_a_request_its_place_is_free_again(client) -> None:
    await asyncio.gather(
        client.post("/packs/verify", json=QUESTION),
        client.post("/packs/verify", content=b"no json"),
        client.get("/nowhere"),
        client.post("/epcis/capture", content=b"neither"),
        client.get("/"),
        client.get("/epcis/events", headers={"Authorization": "Bearer wrong"}),
    )
    assert (client.overload.of_packs.at_work, client.overload.others.at_work) == (0, 0)
