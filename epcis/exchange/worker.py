"""The work of exchange: collect, capture, acknowledge, send, and try again later.

All of a channel's work is done by one server at a time and in order; channels do not wait for each
other. Where a process dies, the next one begins from the rows: what was stored is captured once,
because capture stores nothing twice, and what was sent is sent again under the same id.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import orjson
import structlog
from sqlalchemy import select, union

from epcis import capture_job
from epcis.capture_job import AT_ONCE_BYTES_MAX, TooManyJobs
from epcis.capture_outcome import Behaviour, NewJob
from epcis.database.changes import Changes
from epcis.database.many_writers import is_first
from epcis.database.transactions import StoreAway, StoreFull
from epcis.exchange.channel import find_channel, list_channels
from epcis.exchange.exchange import Delivery
from epcis.exchange.exchange_tables import exchange_channel, exchange_message
from epcis.exchange.kinds import kind_of
from epcis.exchange.mailbox import (
    Direction,
    MessageRefused,
    MessageState,
    body_of,
    change,
    drop_body,
    find_message,
    is_document,
)
from epcis.store.payload import squeeze
from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from epcis.capture_job import Job
    from epcis.database.transactions import Snapshot
    from epcis.exchange.channel import Channel
    from epcis.exchange.exchange import Exchange
    from epcis.exchange.mailbox import ExchangeMessage
    from epcis.ledger.store import Store

CHANNELS_AT_ONCE: Final = 4
MESSAGES_PER_TURN: Final = 100
"""Messages of one channel before others get their turn."""
LOOK_S: Final = 1.0
"""How often folders are looked into, and messages that wait for their time."""
STORE_PAUSE_S: Final = 2.0
ATTEMPTS_MAX: Final = 12
"""Tries before a message is given up; with the pauses between them about a day."""
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(hours=4)
RECEIPT_DUE: Final = timedelta(hours=1)
"""A message whose receipt has not come by then is sent again under the same id."""

_log = structlog.get_logger(worker="exchange")


async def run_exchange(exchange: Exchange, stop: asyncio.Event) -> None:
    """Work until `stop` is set."""
    running: dict[str, asyncio.Task[bool]] = {}
    bell = asyncio.Event()
    with Changes(exchange.store) as changes:
        while not stop.is_set():
            bell.clear()
            mark = await changes.mark()
            pause_s = LOOK_S
            try:
                for name in await asyncio.to_thread(_with_work, exchange):
                    if name not in running and len(running) < CHANNELS_AT_ONCE:
                        work = asyncio.to_thread(serve_channel, exchange, name)
                        running[name] = asyncio.create_task(work, name=name)
                        running[name].add_done_callback(lambda _: bell.set())
            except (StoreFull, StoreAway) as fault:
                _log.warning("exchange waits", reason=str(fault))
                pause_s = STORE_PAUSE_S
            if not _reap(running):
                await changes.after(mark, bell, stop, at_latest_s=pause_s)
    await asyncio.gather(*running.values(), return_exceptions=True)


def _reap(running: dict[str, asyncio.Task[bool]]) -> bool:
    """Take out what is done and say what failed; whether any of it did something."""
    did = False
    for name in [name for name, task in running.items() if task.done()]:
        task = running.pop(name)
        fault = task.exception()
        if fault is None:
            did |= task.result()
        elif isinstance(fault, StoreFull | StoreAway):
            _log.warning("exchange waits", channel=name, reason=str(fault))
        else:
            _log.error("work of a channel failed; it goes on", channel=name, exc_info=fault)
    return did


def _with_work(exchange: Exchange) -> list[str]:
    """Channels with something to do now: a due message, or files to look for."""
    now, table = exchange.clock(), exchange_message.c
    with exchange.store.read() as snapshot:
        polled = [one.name for one in list_channels(snapshot) if kind_of(one).collect]
        due = union(
            select(table.channel).where(table.state == MessageState.RECEIVED.value),
            select(table.channel).where(table.state == MessageState.UNDERSTOOD.value),
            select(table.channel).where(
                table.state.in_((MessageState.WAITING.value, MessageState.DELIVERED.value)),
                table.next_try <= now,
            ),
        )
        waiting = snapshot.connection.scalars(
            select(exchange_channel.c.name).where(
                exchange_channel.c.ended.is_(None), exchange_channel.c.name.in_(due)
            )
        )
        return list(dict.fromkeys([*waiting, *polled]))


def serve_channel(exchange: Exchange, name: str) -> bool:
    """Do what a channel has to do now, unless another server is at it; whether anything was done.

    Raises StoreFull and StoreAway; what waits goes on waiting.
    """
    with _held(exchange.store, f"exchange-{name}") as is_ours:
        if not is_ours:
            return False
        with exchange.store.read() as snapshot:
            channel = find_channel(snapshot, name)
        if channel is None:
            return False
        collect = kind_of(channel).collect
        did = collect(exchange, channel) if collect else False
        did |= _take_in(exchange, channel)
        did |= _send_out(exchange, channel)
        return did


@contextmanager
def _held(store: Store, name: str) -> Iterator[bool]:
    """Keep other servers off a channel for the block; whether none was at it.

    The hold ends with its connection, so a server that dies leaves nothing behind.
    """
    if store.has_one_writer:
        yield True
        return
    with store.read() as snapshot:
        yield is_first(snapshot, name)


# --- in -------------------------------------------------------------------------------------------


def _take_in(exchange: Exchange, channel: Channel) -> bool:
    """Take received messages a step further; whether one went."""
    did = False
    for message in _in_state(exchange, channel, MessageState.RECEIVED):
        did |= _hand_to_capture(exchange, channel, message)
    for message in _in_state(exchange, channel, MessageState.UNDERSTOOD):
        with exchange.store.read() as snapshot:
            job = capture_job.job(snapshot, message.job, caller=None)
        if job is not None and job.finished is not None:
            _settle(exchange, channel, message, job)
            did = True
    return did


def _in_state(exchange: Exchange, channel: Channel, state: MessageState) -> list[ExchangeMessage]:
    table = exchange_message.c
    wanted = (
        select(table.id)
        .where(table.channel == channel.name, table.state == state.value)
        .order_by(table.id)
        .limit(MESSAGES_PER_TURN)
    )
    with exchange.store.read() as snapshot:
        numbers = snapshot.connection.scalars(wanted).all()
        return [one for number in numbers if (one := find_message(snapshot, number)) is not None]


def _hand_to_capture(exchange: Exchange, channel: Channel, message: ExchangeMessage) -> bool:
    """Open the capture job of a message, whose id stands in its row; whether there is room."""
    store, now = exchange.store, exchange.clock()
    with store.read() as snapshot:
        is_open = capture_job.job(snapshot, message.job, caller=None) is not None
    if not is_open:
        try:
            _open_job(exchange, channel, message, now)
        except TooManyJobs:
            return False
        except MessageRefused as refused:
            with store.write(now) as tx:
                change(tx, message.id, state=MessageState.SET_ASIDE, reason=str(refused))
            return True
    with store.write(now) as tx:
        change(tx, message.id, state=MessageState.UNDERSTOOD, understood=tx.now)
        # A crash before this commit finds the job open and comes here again.
    return True


def _open_job(
    exchange: Exchange, channel: Channel, message: ExchangeMessage, now: datetime
) -> None:
    """Capture a small message at once; a larger one gets a job of its own."""
    store, sender = exchange.store, f"channel {channel.name}"
    new = NewJob(message.job, Behaviour.PROCEED, message.media_type, sender, channel.party)
    if message.size_bytes <= AT_ONCE_BYTES_MAX:
        with store.read() as snapshot:
            small = b"".join(body_of(snapshot, message))
        capture_job.do_at_once(store, new, small, clock=exchange.clock, limits=exchange.limits)
        return
    body = capture_job.incoming(store, exchange.data_dir) / f"{message.job}.body"
    with store.read() as snapshot, body.open("wb") as file:
        for piece in body_of(snapshot, message):
            file.write(piece)
    capture_job.keep(body)
    capture_job.open_job(store, new, body, now=now)


def _settle(exchange: Exchange, channel: Channel, message: ExchangeMessage, job: Job) -> None:
    """Write down what capture made of a message, and tell its sender where that is still due."""
    counts = dict(job.events or {})
    is_kept = bool(job.success or counts.get("stored") or counts.get("duplicates"))
    state = MessageState.KEPT if is_kept else MessageState.SET_ASIDE
    reason = "" if job.success else str(job.errors[0].get("detail", "")) if job.errors else ""
    outcome = {"events": counts, "errors": list(job.errors), "findings": list(job.findings)}
    acknowledge = kind_of(channel).acknowledge
    if acknowledge:
        acknowledge(exchange, channel, message, {**business_receipt(message, state), **outcome})
    with exchange.store.write(exchange.clock()) as tx:
        more = {"acknowledged": tx.now} if acknowledge else {}
        change(
            tx,
            message.id,
            state=state,
            reason=reason,
            kept=tx.now if is_kept else None,
            outcome=squeeze(orjson.dumps(outcome)),
            **more,
        )
        if is_kept and is_document(tx, message.sha256):
            drop_body(tx, message.id)
        # A crash before this commit settles it again; the sender's receipt is written over.


def business_receipt(message: ExchangeMessage, state: MessageState) -> dict[str, object]:
    """The head of a receipt for the sender: which message, and whether it was kept."""
    return {
        "messageId": message.message_id,
        "fileName": message.file_name,
        "sha256": message.sha256,
        "state": state.value,
    }


# --- out ------------------------------------------------------------------------------------------


def _send_out(exchange: Exchange, channel: Channel) -> bool:
    """Send what is in line, in order, until one has to wait; whether one was tried."""
    _repeat_unreceipted(exchange, channel)
    did = False
    for are_receipts in (True, False):  # a receipt that cannot be delivered stops no message
        did |= _send_line(exchange, channel, are_receipts=are_receipts)
    return did


def _send_line(exchange: Exchange, channel: Channel, *, are_receipts: bool) -> bool:
    did = False
    for _ in range(MESSAGES_PER_TURN):
        with exchange.store.read() as snapshot:
            head = _head(snapshot, channel, are_receipts=are_receipts)
        now = exchange.clock()
        if head is None or head.next_try is None or head.next_try > now:
            return did
        did = True
        result = _try(exchange, channel, head)
        if note_delivery(exchange, head, result) is MessageState.WAITING:
            return did
    return did


def _head(snapshot: Snapshot, channel: Channel, *, are_receipts: bool) -> ExchangeMessage | None:
    """The oldest message in line, or the oldest receipt: nothing of its line overtakes it."""
    table = exchange_message.c
    wanted = (
        select(table.id)
        .where(table.channel == channel.name, table.state == MessageState.WAITING.value)
        .where(table.direction == Direction.OUT.value)
        .where(table.reply_to != "" if are_receipts else table.reply_to == "")
        .order_by(table.id)
        .limit(1)
    )
    number = snapshot.connection.scalar(wanted)
    return None if number is None else find_message(snapshot, number)


def _try(exchange: Exchange, channel: Channel, message: ExchangeMessage) -> Delivery:
    try:
        with exchange.store.read() as snapshot:
            body = exchange.spool.write(body_of(snapshot, message))
        with body.file:
            return kind_of(channel).deliver(exchange, channel, message, body)
    except Refused as refused:
        return Delivery(MessageState.DEAD, str(refused))
    except OSError as fault:
        return Delivery(MessageState.WAITING, f"{type(fault).__name__}: {fault}")


def note_delivery(
    exchange: Exchange, message: ExchangeMessage, result: Delivery, *, is_try: bool = True
) -> MessageState:
    """Write down what came of a try, or of a receipt that came later; the message's new state."""
    with exchange.store.write(exchange.clock()) as tx:
        current = find_message(tx, message.id)
        assert current is not None, "messages are never deleted"
        attempts = current.attempts + is_try
        is_settled = current.state in (MessageState.RECEIPTED, MessageState.DEAD)
        if is_settled and result.state is not MessageState.RECEIPTED:
            # Its receipt came before the answer to the try that it confirms, or came twice.
            change(tx, message.id, attempts=attempts)
            return current.state
        state, reason = result.state, result.reason
        if state is MessageState.WAITING and attempts >= ATTEMPTS_MAX:
            state, reason = MessageState.DEAD, f"given up after {attempts} tries: {reason}"
        columns = _columns(result, state, attempts, tx.now)
        change(tx, message.id, state=state, reason=reason, attempts=attempts, **columns)
        # A crash before this commit sends the message again: at least once, under the same id.
    if reason:
        _log.info("message not delivered", message=message.id, reason=reason, attempts=attempts)
    return state


def _columns(
    result: Delivery, state: MessageState, attempts: int, now: datetime
) -> dict[str, object]:
    columns: dict[str, object] = {"next_try": None}
    if result.mic:
        columns["mic"] = result.mic
    if result.receipt.content:
        columns |= {
            "receipt_type": result.receipt.media_type[:1000],
            "receipt": result.receipt.content,
        }
    if state is MessageState.WAITING:
        columns["next_try"] = now + pause_after(attempts)
    elif state in (MessageState.DELIVERED, MessageState.RECEIPTED):
        columns["delivered"] = now
        if state is MessageState.RECEIPTED:
            columns["receipted"] = now
        elif result.is_receipt_due:
            columns["next_try"] = now + RECEIPT_DUE
    return columns


def pause_after(attempts: int) -> timedelta:
    """How long a message rests after so many tries: twice as long each time, up to four hours.

    >>> [pause_after(n).total_seconds() for n in (1, 2, 3, 20)]
    [30.0, 60.0, 120.0, 14400.0]
    """
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 16)), LONGEST_PAUSE)


def _repeat_unreceipted(exchange: Exchange, channel: Channel) -> None:
    """Put messages in line again whose receipt is overdue; give up those repeated too often."""
    now = exchange.clock()
    for message in _in_state(exchange, channel, MessageState.DELIVERED):
        if message.next_try is None or message.next_try > now:
            continue
        is_dead = message.attempts >= ATTEMPTS_MAX
        state = MessageState.DEAD if is_dead else MessageState.WAITING
        with exchange.store.write(now) as tx:
            change(tx, message.id, state=state, reason="no receipt came", next_try=tx.now)
