"""What was begun and not finished: interrupted bulks, questions that partners left open."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx

from verification.fmd import bulk
from verification.vrs.ask import Requester, ask_again

if TYPE_CHECKING:
    from epcis.desk import Clock
    from epcis.store.database import Store
    from verification.settings import VerificationSettings

PAUSE_S = 60.0
"""Between two looks for questions to be asked again."""


async def run_unfinished(
    store: Store, clock: Clock, stop: asyncio.Event, settings: VerificationSettings
) -> None:
    """Resume bulks once, then ask partners again until `stop` is set."""
    await asyncio.to_thread(bulk.resume, store, clock, settings.rule_pack)
    async with httpx.AsyncClient() as http:
        requester = Requester(http, credentials=settings.credentials)
        while not stop.is_set():
            await ask_again(store, requester, clock())
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PAUSE_S)
