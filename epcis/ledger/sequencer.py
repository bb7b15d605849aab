"""Give places in the log to entries that many writers stored without one, on PostgreSQL.

A transaction that commits late must not be passed over. So a round takes only entries whose
transaction is older than every one still open (the snapshot's xmin): no others can appear among
them. One sequencer works at a time; a second one finds the lock taken. Should the lock ever fail,
the head moves only from the value that was read, so the log cannot fork.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from epcis.database.changes import Changes
from epcis.database.columns import microseconds
from epcis.database.many_writers import OLDEST_OPEN, is_first
from epcis.database.raw_driver import RawDriver
from epcis.ledger.append import LogForked, grow, read_head
from epcis.ledger.entry import LeafKind, LogEntry

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.clock import Clock
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store

ENTRIES_PER_ROUND_MAX = 50_000
PERIOD_S = 0.3
DELAY_PROMISED = timedelta(seconds=60)
DELAY_ALARM = timedelta(seconds=10)
_log = structlog.get_logger(__name__)
_WAITING = (
    "SELECT id, kind, subject, public_hash, confidential_hash, record_time FROM ledger_entry"  # noqa: S608  # our own names
    f" WHERE idx IS NULL AND txid < {OLDEST_OPEN} ORDER BY id LIMIT ?"
)
_OLDEST = "SELECT min(record_time) FROM ledger_entry WHERE idx IS NULL"


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry with its place."""

    id: int
    index: int
    leaf: bytes
    time_us: int


def sequence(store: Store, *, now: datetime, entries_max: int = ENTRIES_PER_ROUND_MAX) -> int:
    """One round: give places to the safely committed entries; returns how many.

    Does nothing with one writer (SQLite), whose entries have their place at once, and nothing
    while another sequencer works. A crash undoes the round as a whole.
    """
    if store.has_one_writer:
        return 0
    with store.write(now) as tx:
        return _round(RawDriver(tx), entries_max) if is_first(tx, "sequencer") else 0


def _round(driver: RawDriver, entries_max: int) -> int:
    waiting = driver.all(_WAITING, (entries_max,))
    if not waiting:
        return 0
    head = read_head(driver)
    placed: list[Placed] = []
    time_us = head.record_time_us
    for index, (id_, kind, subject, public, confidential, recorded_us) in enumerate(
        waiting, head.size
    ):
        time_us = max(time_us, recorded_us)
        entry = LogEntry(
            LeafKind(kind), bytes(subject), bytes(public), bytes(confidential), time_us
        )
        placed.append(Placed(id_, index, entry.leaf(), time_us))
    rows = [(one.index, one.leaf, one.time_us, one.id) for one in placed]
    touched = driver.update("ledger_entry", "id", ("idx", "leaf", "record_time"), rows, unset="idx")
    if touched != len(placed):
        raise LogForked("another sequencer gave places to the same entries")
    grow(driver, head, [one.leaf for one in placed], time_us)
    return len(placed)


def catch_up(store: Store, *, now: datetime) -> None:
    """Run rounds until no entry can be placed any more; before an export or a checkpoint."""
    while sequence(store, now=now):
        pass


def delay(snapshot: Snapshot, *, now: datetime) -> timedelta:
    """How long the oldest entry has been waiting for its place; at most `DELAY_PROMISED`."""
    if snapshot.has_one_writer:
        return timedelta(0)
    ((oldest,),) = RawDriver(snapshot).all(_OLDEST)
    return timedelta(microseconds=max(0, microseconds(now) - oldest) if oldest is not None else 0)


def _watch(store: Store, now: datetime) -> None:
    """Log an error where entries wait too long, because an open transaction holds them up."""
    with store.read() as snapshot:
        waiting = delay(snapshot, now=now)
    if waiting >= DELAY_ALARM:
        _log.error("entries wait for their place in the log", seconds=waiting.total_seconds())


async def run_sequencer(store: Store, clock: Clock, stop: asyncio.Event) -> None:
    """Rounds until `stop` is set, each after a change; where there is one writer it only waits."""
    if store.has_one_writer:
        await stop.wait()
        return
    with Changes(store) as changes:
        while not stop.is_set():
            mark = await changes.mark()
            await asyncio.to_thread(sequence, store, now=clock())
            await asyncio.to_thread(_watch, store, clock())
            await changes.after(mark, stop, look_s=PERIOD_S)
