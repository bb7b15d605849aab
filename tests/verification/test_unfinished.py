"""After a restart the server goes on where it was stopped."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from verification.fmd import bulk
from verification.fmd.operation import Operation, PackRequest, Who
from verification.fmd.rulepack import shipped
from verification.settings import VerificationSettings
from verification.unfinished import run_unfinished

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_an_interrupted_bulk_is_finished_at_the_next_start(packs, clock):
    wanted = [PackRequest(operation=Operation.SUPPLY, code="05901234123457", serial="S1")]
    with packs.write(NOW) as act:
        bulk_id = bulk.submit(act, wanted, Who(client="till-1", location="P1"), shipped())

    async def start_and_stop():
        stop = asyncio.Event()
        stop.set()
        await run_unfinished(packs, clock, stop, VerificationSettings())

    asyncio.run(start_and_stop())
    with packs.read() as view:
        assert bulk.progress(view, bulk_id).finished is not None
