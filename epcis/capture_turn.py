"""Whose capture job is next: turns between senders, and a way past large documents.

Each sender's oldest job stands in line; the sender who was served longest ago goes first. Of
several workers one takes only small documents, so that none waits behind a large one's hours.
Decision 0066.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from epcis.database.many_writers import is_first
from epcis.store.event_tables import capture_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import RowMapping

    from epcis.ledger.store import Store

CLAIMS_MAX: Final = 1000
"""How many jobs a worker tries to claim before it looks again."""
SENDERS_REMEMBERED_MAX: Final = 10_000
"""Senders whose last turn is remembered; beyond it all begin anew."""
SMALL_BYTES_MAX: Final = 8 * 1024 * 1024
"""Largest body, as received, that passes by larger ones."""
GONE_AFTER: Final = timedelta(days=1)
"""Age at which a job whose body no machine has is reported as lost."""


@dataclass(slots=True)
class _Turns:
    """Who has a job under way in this process, and who was served last."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    under_way: set[str] = field(default_factory=set)
    served: dict[str, int] = field(default_factory=dict)
    """Sender and the number of its last turn."""
    turn: int = 0

    def take(self, job: RowMapping) -> bool:
        """Take a job for a worker of this process; whether nobody else has it."""
        with self.lock:
            if job["id"] in self.under_way:
                return False
            self.under_way.add(job["id"])
            return True

    def give_back(self, job: RowMapping, *, was_served: bool) -> None:
        """The worker is done with it."""
        with self.lock:
            self.under_way.discard(job["id"])
            if was_served:
                if len(self.served) >= SENDERS_REMEMBERED_MAX:
                    self.served.clear()
                self.turn += 1
                self.served[job["caller"]] = self.turn

    def in_order(self, waiting: list[RowMapping]) -> list[RowMapping]:
        """The jobs as senders take turns; those a worker has are left out."""
        with self.lock:
            free = [one for one in waiting if one["id"] not in self.under_way]
            busy = {one["caller"] for one in waiting if one["id"] in self.under_way}
            served = dict(self.served)
        return sorted(
            free,
            key=lambda one: (one["caller"] in busy, served.get(one["caller"], 0), one["created"]),
        )


@contextmanager
def claimed(
    store: Store, now: datetime, *, size_bytes_max: int | None = None
) -> Iterator[RowMapping | None]:
    """The next job whose body is here, held so that no other worker or process takes it too.

    `size_bytes_max` leaves out larger bodies. None where nothing waits that may be taken.
    """
    turns = store.companions.one(_Turns)
    for job in turns.in_order(_waiting(store)):
        if not _fits(job, now, size_bytes_max) or not turns.take(job):
            continue
        served = False
        try:
            with _held(store, job) as is_ours:
                served = is_ours and _still_waits(store, job)
                if served:
                    yield job
                    return
        finally:
            turns.give_back(job, was_served=served)
    yield None


def _waiting(store: Store) -> list[RowMapping]:
    """The oldest jobs of each sender, some of each."""
    table = capture_job.c
    place = func.row_number().over(
        partition_by=table.caller, order_by=(table.created, table.id)
    ).label("place")  # fmt: skip
    lines = select(capture_job, place).where(table.running).subquery()
    statement = select(lines).order_by(lines.c.place, lines.c.created).limit(CLAIMS_MAX)
    with store.read() as snapshot:
        return list(snapshot.connection.execute(statement).mappings())


def _fits(job: RowMapping, now: datetime, size_bytes_max: int | None) -> bool:
    try:
        size_bytes = Path(job["body_path"]).stat().st_size
    except FileNotFoundError:
        return bool(
            now - job["created"] >= GONE_AFTER
        )  # else it lies on another machine of this service
    return size_bytes_max is None or size_bytes <= size_bytes_max


@contextmanager
def _held(store: Store, job: RowMapping) -> Iterator[bool]:
    """Keep other processes off the job for the block; whether none had it."""
    if store.has_one_writer:
        yield True
        return
    with store.read() as snapshot:
        yield is_first(snapshot, job["id"])


def _still_waits(store: Store, job: RowMapping) -> bool:
    """Whether nobody did it between our look at the line and our hold on it."""
    with store.read() as snapshot:
        waits = select(capture_job.c.running).where(capture_job.c.id == job["id"])
        return snapshot.connection.scalar(waits) is True
