"""What was begun and not finished: interrupted bulks, open questions, returns that wait."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import structlog

from epcis.tls import trusted_authorities
from verification.fmd import bulk
from verification.returns import saleable_return
from verification.vrs.ask import Requester, ask_again
from verification.vrs.directory import DirectoryRefusedError, take_over_file

if TYPE_CHECKING:
    from epcis.clock import Clock
    from epcis.ledger.store import Store
    from verification.settings import VerificationSettings

PAUSE_S = 60.0
"""Between two looks for questions to be asked again."""
_log = structlog.get_logger(__name__)


async def run_unfinished(
    store: Store, clock: Clock, stop: asyncio.Event, settings: VerificationSettings
) -> None:
    """Resume bulks once, then ask partners again until `stop` is set."""
    await asyncio.to_thread(
        bulk.resume, store, clock, settings.rule_pack, settings.unknown_answers_a_day
    )
    async with httpx.AsyncClient(verify=trusted_authorities()) as http:
        requester = Requester(
            http,
            budget_s=settings.partner_budget_s,
            credentials=settings.credentials,
            holder=settings.wallet_holder,
            keys=settings.partner_keys,
        )
        directory = ""
        while not stop.is_set():
            directory = await asyncio.to_thread(_directory, store, clock, settings, directory)
            if await ask_again(store, requester, clock()):
                await asyncio.to_thread(_settle, store, clock, settings)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PAUSE_S)


def _directory(store: Store, clock: Clock, settings: VerificationSettings, known: str) -> str:
    """Take over the operator's directory file where it changed; a broken one is logged and left."""
    if settings.directory_file is None:
        return known
    try:
        return take_over_file(store, settings.directory_file, known, clock())
    except DirectoryRefusedError as refused:
        _log.warning("lookup directory not taken over", why=str(refused))
        return known


def _settle(store: Store, clock: Clock, settings: VerificationSettings) -> None:
    with store.write(clock()) as tx:
        saleable_return.settle(tx, settings.market, settings.rule_pack)
        # A crash before the commit leaves the returns waiting; the next answer settles them.
