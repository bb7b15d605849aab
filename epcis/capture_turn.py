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

from sqlalchemy import func, literal_column, select

from epcis.store.event_tables import capture_job
from epcis.store.lease import leased

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement, RowMapping, Select

    from epcis.ledger.store import Store
    from epcis.store.lease import Lease

DEPTHS: Final = (8, 1000)
"""How many jobs of each sender a worker looks at: few, and where none of them may be taken, more.

A backlog however long costs a worker no more than these.
"""
LINES_MAX: Final = 1000
"""Senders among whom a worker chooses."""
SENDERS_REMEMBERED_MAX: Final = 10_000
"""Senders whose last turn is remembered; beyond it all begin anew."""
SMALL_BYTES_MAX: Final = 8 * 1024 * 1024
"""Largest body, as received, that passes by larger ones."""
GONE_AFTER: Final = timedelta(days=1)
"""Age at which a job whose body is not on the disk is reported as lost."""


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


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job that nobody else does meanwhile."""

    job: RowMapping
    """Its row in `capture_job`."""
    lease: Lease

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.job["id"])


@contextmanager
def claimed(
    store: Store, now: datetime, *, size_bytes_max: int | None = None
) -> Iterator[ClaimedJob | None]:
    """The next job, leased so that no other worker or server takes it too.

    `size_bytes_max` leaves out larger bodies. None where nothing waits that may be taken.
    """
    turns = store.companions.one(_Turns)
    for job in _in_line(store, turns):
        if not _fits(job, now, size_bytes_max) or not turns.take(job):
            continue
        served = False
        try:
            with leased(store, f"capture {job['id']}") as lease:
                if lease is not None and _still_waits(store, job):
                    served = True
                    yield ClaimedJob(job, lease)
                    return
        finally:
            turns.give_back(job, was_served=served)
    yield None


def _in_line(store: Store, turns: _Turns) -> Iterator[RowMapping]:
    """The waiting jobs as senders take turns; deeper in the line only where it is asked on."""
    for depth in DEPTHS:
        waiting = _waiting(store, depth)
        yield from turns.in_order(waiting)
        if len(waiting) < depth:  # that was every job of every sender
            return


def _waiting(store: Store, depth: int) -> list[RowMapping]:
    """The oldest jobs of each sender, so many of each at most."""
    table = capture_job.c
    found: list[RowMapping] = []
    with store.read() as snapshot:
        for sender in snapshot.connection.scalars(_SENDERS).all():
            oldest = (
                select(capture_job)
                .where(_RUNNING, table.caller == sender)
                .order_by(table.created, table.id)
                .limit(depth)
            )
            found.extend(snapshot.connection.execute(oldest).mappings())
    return found


_RUNNING: Final[ColumnElement[bool]] = literal_column("running")
"""As the index of waiting jobs says it; `running = 1`, as SQLite reads it, would not find it."""


def _senders() -> Select[str]:
    """The senders of waiting jobs, by leaps through their index: not all jobs are read."""
    line = select(func.min(capture_job.c.caller).label("caller")).where(_RUNNING)
    walk = line.cte("sender", recursive=True)
    further = (
        select(func.min(capture_job.c.caller))
        .where(_RUNNING, capture_job.c.caller > walk.c.caller)
        .scalar_subquery()
    )
    walk = walk.union_all(select(further).where(walk.c.caller.is_not(None)))
    return select(walk.c.caller).where(walk.c.caller.is_not(None)).limit(LINES_MAX)


_SENDERS: Final = _senders()


def _fits(job: RowMapping, now: datetime, size_bytes_max: int | None) -> bool:
    if job["body_path"] is not None and not Path(job["body_path"]).exists():
        return bool(now - job["created"] >= GONE_AFTER)  # it may come back with its disk
    return size_bytes_max is None or (job["body_bytes"] or 0) <= size_bytes_max


def _still_waits(store: Store, job: RowMapping) -> bool:
    """Whether nobody did it between our look at the line and our hold on it."""
    with store.read() as snapshot:
        waits = select(capture_job.c.running).where(capture_job.c.id == job["id"])
        return snapshot.connection.scalar(waits) is True
