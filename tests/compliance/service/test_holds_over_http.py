"""Holds, the plan and the archive over HTTP; what a caller is told of an archived event."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from chain import GTIN, commission, pack

from compliance.retention.duty import Duty
from compliance.retention.policy import RetentionPolicy
from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import Grant
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from epcis.capture import record

pytestmark = pytest.mark.anyio
LATER = datetime(2033, 1, 1, tzinfo=UTC)
URNS = {"GS1-EPC-Format": "Always_EPC_URN"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(store, settings, now) -> AsyncIterator[httpx.AsyncClient]:
    with store.write(now) as tx:
        record(tx, [commission(0, [pack(1)])])
    app = create_app(
        ServiceContext.of(settings, store, Keys.open(settings.keys_folder), lambda: LATER)
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


async def test_a_hold_is_opened_seen_in_the_plan_and_released(client) -> None:
    asked = {"reason": "claim 7", "gtin": GTIN, "since": "2026-01-01T00:00:00Z"}
    opened = await client.post("/holds", json=asked)
    assert opened.status_code == 201
    hold = opened.json()["id"]
    plan = (await client.get("/retention")).json()["plan"]
    assert plan[0]["held"] == {hold: 1}
    assert [one["id"] for one in (await client.get("/holds")).json()] == [hold]
    for status in (200, 409):
        answer = await client.post(f"/holds/{hold}/release", json={"why": "settled"})
        assert answer.status_code == status
    assert (await client.get(f"/holds/{hold}")).json()["releasedWhy"] == "settled"
    assert (await client.get("/retention")).json()["plan"][0]["entries"] == 1


async def test_a_hold_that_says_nothing_is_a_problem(client) -> None:
    for body in (
        {},
        {"reason": "r"},
        {"reason": " ", "gtin": GTIN},
        {"reason": "r", "gtin": "1"},
        {"reason": "r", "lot": "L1"},
        {"reason": "r", "gtin": GTIN, "lot": "x" * 21},
        {"reason": "r", "since": "2026-01-01T00:00:00"},
        {"reason": "r", "case": "none such"},
        {"reason": "r" * 2001, "gtin": GTIN},
    ):
        answer = await client.post("/holds", json=body)
        assert answer.status_code in (400, 422), body
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert (await client.get("/holds")).json() == []


async def test_only_an_administrator_may(client, store, now) -> None:
    with store.write(now) as tx:
        grant = Grant("reader", frozenset({"query", "export"}))
        key = access.new_key(tx, grant, now=now)
    client.headers["Authorization"] = f"Bearer {key}"
    for method, path in (
        ("GET", "/holds"),
        ("POST", "/holds"),
        ("GET", "/holds/H-1"),
        ("POST", "/holds/H-1/release"),
        ("GET", "/retention"),
        ("GET", "/archive"),
    ):
        body = {"reason": "r", "why": "w"} if method == "POST" else None
        assert (await client.request(method, path, json=body)).status_code == 403


async def test_an_unknown_hold_is_not_found(client) -> None:
    assert (await client.get("/holds/H-none")).status_code == 404
    answer = await client.post("/holds/H-none/release", json={"why": "w"})
    assert answer.status_code == 404


async def test_an_archived_event_is_given_out_of_its_file_or_its_file_is_named(
    client, store, settings, tmp_path
) -> None:
    events = "/epcis/events?MATCH_anyEPC=" + pack(1)
    before = (await client.get(events)).json()["epcisBody"]
    folder = settings.archive_folder
    Duty(store, RetentionPolicy(), folder, tmp_path, LATER, "tester").run(lambda *_: None)
    (file,) = (await client.get("/archive")).json()
    assert (file["holds"], file["records"]) == ("events", 1)
    assert (await client.get(events)).json()["epcisBody"] == before
    event_id = before["queryResults"]["resultsBody"]["eventList"][0]["eventID"]
    assert (await client.get(f"/epcis/events/{event_id}")).status_code == 200
    shutil.move(folder, tmp_path / "tape")
    for path in (events, f"/epcis/events/{event_id}"):
        answer = await client.get(path)
        assert answer.status_code == 503
        assert file["name"] in answer.json()["detail"]
        assert "archived on 2033-01-01" in answer.json()["detail"]
    assert (await client.get("/01/09521321000018/21/P1.json")).status_code == 200


async def test_a_policy_that_cannot_be_used_is_said(client, settings, tmp_path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('[events]\nerase_after = "1 year"\n')
    msgspec.structs.force_setattr(settings, "retention_policy", path)
    answer = await client.get("/retention")
    assert answer.status_code == 503
    assert "retention.below-law" in {one["code"] for one in answer.json()["findings"]}
    path.unlink()
    assert (await client.get("/retention")).status_code == 503
