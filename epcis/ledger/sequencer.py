"""Giving places in the log to entries that many writers left without one, on PostgreSQL.

A transaction that commits late must not be passed over. So a round takes only entries whose writer
is older than every transaction still open (the snapshot's xmin): nothing can appear among them any
more. One sequencer works at a time; a second one finds the lock taken, and should the lock ever
fail, the head is moved only from where it was read, so the log cannot fork.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from epcis.database.columns import microseconds
from epcis.ledger.append import LogForked, Writer, grow, read_head
from epcis.ledger.entry import Entry, LeafKind

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.database.transactions import Snapshot, Store
    from epcis.http_context import Clock

ENTRIES_PER_ROUND_MAX = 50_000
PERIOD_S = 0.3
DELAY_PROMISED = timedelta(seconds=60)
DELAY_ALARM = timedelta(seconds=10)
_log = structlog.get_logger(__name__)
_LOCK = 0x7061636B747261
"""Key of the advisory lock: "packtra"."""

_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"
_WAITING = (
    "SELECT id, kind, subject, public_hash, confidential_hash, record_time FROM ledger_entry"
    " WHERE idx IS NULL AND txid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    " ORDER BY id LIMIT %s"
)
_PLACE = (
    "UPDATE ledger_entry AS e SET idx = u.idx, leaf = u.leaf, record_time = u.t"
    " FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[], %s::bigint[]) AS u(id, idx, leaf, t)"
    " WHERE e.id = u.id AND e.idx IS NULL"
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
    """One round: give places to what is safely committed; returns how many.

    Does nothing on SQLite, where entries have their place at once, and nothing while another
    sequencer works. A crash anywhere leaves the round undone as a whole.
    """
    if store.is_sqlite:
        return 0
    with store.write(now) as tx:
        writer = Writer(tx.connection)
        if not writer.rows(_TRY_LOCK, (_LOCK,))[0][0]:
            return 0
        return _round(writer, entries_max)


def _round(writer: Writer, entries_max: int) -> int:
    rows = writer.rows(_WAITING, (entries_max,))
    if not rows:
        return 0
    head = read_head(writer)
    placed: list[Placed] = []
    time_us = head.record_time_us
    for index, (id_, kind, subject, public, confidential, recorded_us) in enumerate(
        rows, head.size
    ):
        time_us = max(time_us, recorded_us)
        entry = Entry(LeafKind(kind), bytes(subject), bytes(public), bytes(confidential), time_us)
        placed.append(Placed(id_, index, entry.leaf(), time_us))
    touched = writer.run(
        _PLACE,
        (
            [one.id for one in placed],
            [one.index for one in placed],
            [one.leaf for one in placed],
            [one.time_us for one in placed],
        ),
    )
    if touched != len(placed):
        raise LogForked("another sequencer gave places to the same entries")
    grow(writer, head, [one.leaf for one in placed], time_us)
    return len(placed)


def catch_up(store: Store, *, now: datetime) -> None:
    """Rounds until nothing that can be placed is left; before an export or a checkpoint."""
    while sequence(store, now=now):
        pass


def delay(snapshot: Snapshot, *, now: datetime) -> timedelta:
    """How long the oldest entry has been waiting for its place; at most `DELAY_PROMISED`."""
    if snapshot.is_sqlite:
        return timedelta(0)
    oldest = Writer(snapshot.connection).rows(_OLDEST)[0][0]
    return timedelta(microseconds=max(0, microseconds(now) - oldest) if oldest is not None else 0)


def _watch(store: Store, now: datetime) -> None:
    """Raise the alarm where entries wait too long: an open transaction holds the log up."""
    with store.read() as snapshot:
        waiting = delay(snapshot, now=now)
    if waiting >= DELAY_ALARM:
        _log.error("entries wait for their place in the log", seconds=waiting.total_seconds())


async def run_sequencer(store: Store, clock: Clock, stop: asyncio.Event) -> None:
    """Rounds every `PERIOD_S` until `stop` is set; on SQLite it only waits."""
    while not stop.is_set():
        if not store.is_sqlite:
            await asyncio.to_thread(sequence, store, now=clock())
            await asyncio.to_thread(_watch, store, clock())
        try:
            await asyncio.wait_for(stop.wait(), PERIOD_S if not store.is_sqlite else None)
        except TimeoutError:
            continue
