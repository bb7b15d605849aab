"""What the server measures of itself is kept, added up, and told to an authority."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from prometheus_client import CollectorRegistry, Histogram

from compliance.reports.service_times import LONGER, times_between
from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from compliance.service.measured import Measured
from epcis.ledger.store import Store

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)


def test_counts_are_added_once_however_often_they_are_kept(store: Store) -> None:
    registry = CollectorRegistry()
    seconds = Histogram(
        "packtrail_answer_seconds", "as telemetry has it", ["area"], buckets=(0.01, 0.3, 1.0),
        registry=registry,
    )  # fmt: skip
    measured = Measured(registry)
    for took_s in (0.001, 0.002, 0.2, 5.0):
        seconds.labels("fmd").observe(took_s)
    measured.keep(store, lambda: NOW)
    measured.keep(store, lambda: NOW)
    seconds.labels("fmd").observe(0.004)
    measured.keep(store, lambda: NOW)
    with store.read() as snapshot:
        (day,) = times_between(snapshot, NOW.date(), NOW.date())
    assert day.counts == {10: 3, 300: 1, LONGER: 1}
    assert (day.answers, day.within(300)) == (5, 4)


@pytest.mark.anyio
async def test_a_server_keeps_its_counts_at_the_latest_when_it_stops(store, settings, now) -> None:
    app = create_app(
        ServiceContext.of(settings, store, Keys.open(settings.keys_folder), lambda: now)
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        asked = {"exp": "270531", "linkType": "verificationService", "reqGLN": "0355555000013"}
        await client.get("/verify/gtin/00355555678908/lot/L/ser/1", params=asked)
        await client.get("/health")
    with store.read() as snapshot:
        (day,) = times_between(snapshot, now.date(), now.date())
    assert (day.area, day.answers) == ("verify", 1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
