"""Make what rules ask for into messages, in order for each partner, and put them in line."""

from __future__ import annotations

import asyncio
import io
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from compliance.outbound.content import HeldBack, made_message
from epcis.database.many_writers import is_first
from epcis.database.transactions import StoreAway, StoreFull
from epcis.exchange.mailbox import MessageToSend, send
from epcis.exchange.outbound import (
    NO,
    OutboundKind,
    due_messages,
    hold_due,
    rules_of,
    take_due,
)
from epcis.exchange.spool import Region

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.outbound.content import MadeMessage, OutboundTerms
    from epcis.clock import Clock
    from epcis.database.transactions import Snapshot
    from epcis.exchange.outbound import DueMessage, OutboundRule
    from epcis.ledger.store import Store

LOOK_S: Final = 1.0
STORE_PAUSE_S: Final = 5.0
_log = structlog.get_logger(worker="outbound")


async def run_outbound(
    store: Store, clock: Clock, terms: OutboundTerms, stop: asyncio.Event
) -> None:
    """Work until `stop` is set."""
    while not stop.is_set():
        pause_s = 0.0
        try:
            if not await asyncio.to_thread(make_due, store, terms, clock()):
                pause_s = LOOK_S
        except (StoreFull, StoreAway) as fault:
            _log.warning("outbound waits", reason=str(fault))
            pause_s = STORE_PAUSE_S
        if pause_s:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_s)


def make_due(store: Store, terms: OutboundTerms, now: datetime) -> bool:
    """Make the oldest message of each channel that no other server is at; whether there was one."""
    did = False
    with store.read() as snapshot:
        channels = {one.channel for one in due_messages(snapshot, is_held=False)}
    for channel in sorted(channels):
        with store.read() as snapshot:
            if is_first(snapshot, f"outbound-{channel}"):
                did |= _make_next(store, snapshot, channel, terms, now)
    return did


def _make_next(
    store: Store, snapshot: Snapshot, channel: str, terms: OutboundTerms, now: datetime
) -> bool:
    due = due_messages(snapshot, channel=channel, is_held=False)
    if not due:
        return False
    rules = {one.sends: one for one in rules_of(snapshot, channel=channel)}
    rule = rules.get(due[0].sends)
    if rule is None:  # its channel ended
        with store.write(now) as tx:
            return take_due(tx, due[:1])
    some = _together(due, rule)
    try:
        made = made_message(snapshot, some, rule, terms, now)
    except HeldBack as held:
        with store.write(now) as tx:
            hold_due(tx, some, str(held))
        return True
    with store.write(now) as tx:
        # Whoever takes the rows out puts the message in line; a crash before leaves both undone.
        if take_due(tx, some):
            send(tx, _in_line(channel, made))
    return True


def _together(due: list[DueMessage], rule: OutboundRule) -> list[DueMessage]:
    """What goes as one message: one thing, or all shipments up to the next other thing."""
    if rule.sends is not OutboundKind.SHIPMENT or rule.style["one_shipment"] != NO:
        return due[:1]
    other = next((n for n, one in enumerate(due) if one.sends is not rule.sends), len(due))
    return due[:other]


def _in_line(channel: str, made: MadeMessage) -> MessageToSend:
    body = Region.whole(io.BytesIO(made.content))
    return MessageToSend(channel, made.message_id, body, made.file_name, made.media_type)
