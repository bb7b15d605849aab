"""The work that runs beside the requests: capture jobs, subscriptions, checkpoints.

Each worker is a coroutine that lives until `stop` is set. One that fails is logged and started
again after a pause: its own table says what is left to do, so nothing is lost by it.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import structlog

from compliance.dossier.jobs import run_exports
from compliance.outbound.content import OutboundTerms
from compliance.outbound.worker import run_outbound
from compliance.reader.reader import run_reader
from compliance.recall.messages import MailServer, NoticePost, run_notices
from compliance.recall.webhook import NoticeHooks
from compliance.seal.checkpoint import seal_log, stamp_checkpoint, stamp_is_due
from compliance.service.measured import keep_measured
from epcis.capture_job import run_jobs
from epcis.codec.document import DocumentLimits
from epcis.database.transactions import StoreAway, StoreFull
from epcis.exchange.worker import run_exchange
from epcis.ledger.sequencer import run_sequencer
from epcis.subscribe.delivery import run_subscriptions
from verification.alerts.watch import run_watch
from verification.answering.aside import run_aside
from verification.peers.unfinished import run_unfinished

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from compliance.service.context import ServiceContext
    from compliance.service.settings import Settings


RESTART_PAUSE_S = 5.0
STOP_DEADLINE_S = 10.0

Worker = tuple[str, "Callable[[asyncio.Event], Awaitable[None]]"]


@asynccontextmanager
async def background_work(context: ServiceContext, stop: asyncio.Event) -> AsyncIterator[None]:
    """Run every worker while the block runs; at its end they get `STOP_DEADLINE_S` to finish."""
    tasks = [
        asyncio.create_task(_keep_running(name, work, stop), name=name)
        for name, work in _workers(context)
    ]
    try:
        yield
    finally:
        stop.set()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_DEADLINE_S)
            for task in late:
                task.cancel()


def _workers(context: ServiceContext) -> list[Worker]:
    """Every worker of this application, by name."""
    settings, store, clock = context.settings, context.store, context.clock
    limits = DocumentLimits(events_max=settings.events_per_capture_max)
    private = settings.webhooks_to_private_addresses

    async def capture_jobs(stop: asyncio.Event) -> None:
        await run_jobs(
            store,
            clock,
            stop,
            limits=limits,
            data_dir=settings.data_dir,
            workers=settings.capture_workers,
        )

    async def subscriptions(stop: asyncio.Event) -> None:
        await run_subscriptions(
            store,
            clock,
            stop,
            private_allowed=private,
            company_prefixes=tuple(settings.company_prefixes),
        )

    async def outbox(stop: asyncio.Event) -> None:
        await run_reader(store, clock, stop)

    async def sequencer(stop: asyncio.Event) -> None:
        await run_sequencer(store, clock, stop)

    async def checkpoints(stop: asyncio.Event) -> None:
        await _sign_checkpoints(context, stop)

    async def exports(stop: asyncio.Event) -> None:
        folder, profiles = settings.exports_folder, settings.redaction_profiles
        await run_exports(store, context.keys, folder, clock, stop, profiles=profiles)

    async def unfinished(stop: asyncio.Event) -> None:
        await run_unfinished(store, clock, stop, context.verification)

    async def service_times(stop: asyncio.Event) -> None:
        await keep_measured(context.registry, store, clock, stop)

    async def anomalies(stop: asyncio.Event) -> None:
        await run_watch(store, clock, stop, context.verification)

    return [
        ("anomalies", anomalies),
        ("answers kept aside", partial(run_aside, store, context.answering.journal, clock)),
        ("service times", service_times),
        ("unfinished verification work", unfinished),
        ("exports", exports),
        ("capture jobs", capture_jobs),
        ("outbox", outbox),
        ("outbound", partial(run_outbound, store, clock, outbound_terms(settings))),
        ("notices of recalls", partial(run_notices, store, notice_post(settings), clock)),
        ("exchange", partial(run_exchange, context.exchange)),
        ("subscriptions", subscriptions),
        ("sequencer", sequencer),
        ("checkpoints", checkpoints),
    ]


def outbound_terms(settings: Settings) -> OutboundTerms:
    """How messages that rules ask for are written, under these settings."""
    return OutboundTerms(settings.owner_gln, tuple(settings.company_prefixes))


def notice_post(settings: Settings) -> NoticePost:
    """How notices of recalls are sent, under these settings."""
    mail = None
    if settings.mail_server:
        mail = MailServer(
            host=settings.mail_server,
            port=settings.mail_port,
            security=settings.mail_security,
            sender=settings.mail_sender,
            user=settings.mail_user,
            password=settings.mail_password,
        )
    hooks = NoticeHooks(settings.webhooks_to_private_addresses)
    return NoticePost(mail, settings.public_address, settings.mail_escalations, hooks)


async def _sign_checkpoints(context: ServiceContext, stop: asyncio.Event) -> None:
    """Sign the log at a steady pace, and have it stamped once a day where that is due."""
    while not stop.is_set():
        await asyncio.to_thread(_sign_checkpoint, context)
        try:
            await asyncio.wait_for(stop.wait(), context.settings.checkpoint_every_s)
        except TimeoutError:
            continue


def _sign_checkpoint(context: ServiceContext) -> None:
    store, keys, now = context.store, context.keys, context.clock()
    sealed = seal_log(store, keys, now=now)
    if stamp_is_due(store, now=now):
        stamp_checkpoint(store, keys, sealed, now=now)


async def _keep_running(
    name: str, work: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event
) -> None:
    log = structlog.get_logger(worker=name)
    while not stop.is_set():
        try:
            await work(stop)
        except (StoreAway, StoreFull) as fault:
            log.warning("worker waits for the database", reason=str(fault))
            await _rest(stop)
        except Exception:  # whatever it is, the other workers must go on
            log.exception("worker failed; it starts again", pause_s=RESTART_PAUSE_S)
            await _rest(stop)


async def _rest(stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), RESTART_PAUSE_S)
