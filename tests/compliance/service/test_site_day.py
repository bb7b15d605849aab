"""An expiry day ends where the site is, at every door, whatever the day is in Greenwich."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import httpx
import msgspec
import pytest

from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from compliance.service.migrate import open_migrated
from compliance.site import CompanyKind, SiteProfile, put_site
from tests.compliance.service.hands import PLANT, Clock
from tests.doors import SELLING, VERIFYING, PrintedPack
from verification.decision.many import judge_product
from verification.decision.words import Reason
from verification.offline.offline_snapshot import OfflineSnapshot, SnapshotContent, take

GTIN = "05901234123457"
PACK = PrintedPack(GTIN, "H7K2M9Q4R8TX", "A1", date(2031, 5, 31))
NEED_MORE = {
    "POST /packs/returns", "POST /returns", "POST /returns/packs", "POST /fmd/soap",
    "GET /fmd/product/{scheme}/{code}/pack/{serial}",
}  # fmt: skip
"""Doors that judge with the same facts, but want a sale or a registered participant first."""
MIDNIGHTS = [
    ("Europe/Helsinki", datetime(2031, 5, 31, 20, 30, tzinfo=UTC), False),
    ("Europe/Helsinki", datetime(2031, 5, 31, 21, 30, tzinfo=UTC), True),
    ("America/Los_Angeles", datetime(2031, 6, 1, 6, 30, tzinfo=UTC), False),
    ("America/Los_Angeles", datetime(2031, 6, 1, 7, 30, tzinfo=UTC), True),
]


class InThisProcess(httpx.BaseTransport):
    """Asks an application without a socket."""

    def __init__(self, app, runner: asyncio.Runner) -> None:
        self._inner = httpx.ASGITransport(app, client=("127.0.0.1", 5))
        self._runner = runner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            answer = await self._inner.handle_async_request(request)
            raw = b"".join([part async for part in answer.aiter_raw()])
            return httpx.Response(answer.status_code, headers=answer.headers, content=raw)

        return self._runner.run(ask())


def at_site(store, settings, zone, now):
    """The store as whoever opens it next finds it, in a site of this zone."""
    profile = SiteProfile(
        kind=CompanyKind.EU_PHARMACY, name="Linden", country="FI", time_zone=zone, gln=PLANT
    )
    with store.write(now) as tx:
        put_site(tx, profile.checked(), by="ann")
    return open_migrated(settings)


@pytest.mark.parametrize(("zone", "at", "is_over"), MIDNIGHTS)
def test_a_pack_is_good_to_the_end_of_its_day_where_the_site_is(
    packs, settings, zone, at, is_over
) -> None:
    store = at_site(packs, settings, zone, at)
    context = ServiceContext.of(settings, store, Keys.open(settings.keys_folder), Clock(at))
    app = create_app(context)
    doors = {name: ask for name, ask in VERIFYING.items() if name not in NEED_MORE}
    doors["POST /packs/supply"] = SELLING["POST /packs/supply"]
    with asyncio.Runner() as runner:
        http = httpx.Client(transport=InThisProcess(app, runner), base_url="http://localhost")
        answers = {name: ask(http, PACK) for name, ask in doors.items()}
        http.close()
        runner.run(context.close())
    assert {one.passed for one in answers.values()} == {not is_over}, "\n".join(
        map(str, answers.items())
    )
    store.close()


@pytest.mark.parametrize(("zone", "at", "is_over"), MIDNIGHTS)
def test_lists_and_the_offline_snapshot_end_the_day_there_too(
    packs, settings, zone, at, is_over
) -> None:
    store = at_site(packs, settings, zone, at)
    with store.read() as snapshot:
        (judged,) = judge_product(snapshot, GTIN, at, market="")
        content = msgspec.json.decode(take(snapshot, at), type=SnapshotContent)
    assert (Reason.EXPIRED in judged.reasons) is is_over
    stopped = OfflineSnapshot(content).stops(GTIN, "H7K2M9Q4R8TX", "A1", at, PACK.expiry)
    assert (stopped == "expired") is is_over
    store.close()
