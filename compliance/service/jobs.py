"""The work that runs beside the requests: capture jobs, subscriptions, checkpoints.

Each worker is a coroutine that lives until `stop` is set. One that fails is logged and started
again after a pause: its own table says what is left to do, so nothing is lost by it.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from epcis.capture_job import run_jobs
from epcis.codec.document import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from compliance.service.app import Parts

RESTART_PAUSE_S = 5.0
STOP_DEADLINE_S = 10.0

Worker = tuple[str, "Callable[[asyncio.Event], Awaitable[None]]"]


@asynccontextmanager
async def background_work(parts: Parts, stop: asyncio.Event) -> AsyncIterator[None]:
    """Run every worker while the block runs; at its end they get `STOP_DEADLINE_S` to finish."""
    tasks = [
        asyncio.create_task(_keep_running(name, work, stop), name=name)
        for name, work in _workers(parts)
    ]
    try:
        yield
    finally:
        stop.set()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_DEADLINE_S)
            for task in late:
                task.cancel()


def _workers(parts: Parts) -> list[Worker]:
    """Every worker of this application, by name."""
    limits = Limits(events_max=parts.settings.events_per_capture_max)

    async def capture_jobs(stop: asyncio.Event) -> None:
        await run_jobs(parts.store, parts.clock, stop, limits=limits)

    return [("capture jobs", capture_jobs)]


async def _keep_running(
    name: str, work: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event
) -> None:
    log = structlog.get_logger(worker=name)
    while not stop.is_set():
        try:
            await work(stop)
        except Exception:  # whatever it is, the other workers must go on
            log.exception("worker failed; it starts again", pause_s=RESTART_PAUSE_S)
            try:
                await asyncio.wait_for(stop.wait(), RESTART_PAUSE_S)
            except TimeoutError:
                continue
