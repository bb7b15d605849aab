"""Capture jobs: a small document is stored before the acknowledgement, a larger one behind it.

A job that waits is a row and a file; on PostgreSQL, which several servers share, the file is rows
as well. All are safe before the caller gets an answer, so a crash at any point leaves a job that is
taken up again, there by any server; capture stores nothing twice, so taking it up again is safe. A
small document and its finished job are one act.
Standard: EPCIS 2.0 section 8.1.3.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog
from sqlalchemy import func, insert, select, update

from epcis.capture_outcome import Behaviour, CaptureOutcome, JobBounds, NewJob, captured_for
from epcis.capture_turn import SMALL_BYTES_MAX, claimed
from epcis.codec.document import DocumentLimits
from epcis.database.changes import Changes
from epcis.database.columns import microseconds
from epcis.database.raw_driver import RawDriver
from epcis.database.transactions import StoreAway, StoreFull
from epcis.store.event_tables import capture_job
from epcis.store.lease import LEASE_S, end_old_leases
from epcis.store.payload import unsqueeze
from epcis.store.shared_file import drop_shared, share_file, shared_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import RowMapping

    from epcis.capture import Receipt
    from epcis.clock import Clock
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

LOOK_AGAIN_S: Final = 1.0
"""How often the worker looks for jobs that nobody rang for, such as another process's."""
RETRY_PAUSE_S: Final = 2.0
"""How long a job waits while the disk is full or the database is away."""
WORKERS: Final = 2
"""Jobs done at once where no setting says otherwise."""
JOBS_WAITING_MAX: Final = 10_000
"""Most jobs that may wait; beyond it callers are asked to come back."""

COUNTED_EVERY: Final = 256
"""Jobs opened between two counts of those that wait, which another process may have opened."""
AT_ONCE_BYTES_MAX: Final = 256 * 1024
"""Largest plain body that is captured before the answer."""
LEFT_OVER_S: Final = 3600.0
"""Age at which a body without a job is taken for left over."""

_DONE_COLUMNS: Final = (
    "id", "created", "behaviour", "media_type", "caller", "party",
    "finished", "running", "success", "errors",
)  # fmt: skip
_DONE: Final = (
    f"INSERT INTO capture_job ({', '.join(_DONE_COLUMNS)})"  # noqa: S608  # our own names
    f" VALUES ({', '.join('?' * len(_DONE_COLUMNS))})"
)
_log = structlog.get_logger(worker="capture")


class _Bells(list[asyncio.Event]):
    """What the workers of a store wait for; each rings when there is a new job."""


@dataclass(frozen=True, slots=True)
class Job:
    """A capture job as the caller sees it."""

    id: str
    created: datetime
    finished: datetime | None
    running: bool
    success: bool
    behaviour: Behaviour
    events: Mapping[str, int] | None = None
    """How many events were seen, and of these stored, refused and duplicates; None until then."""
    errors: tuple[dict[str, Any], ...] = ()
    """Problems (RFC 9457), one per fault."""
    findings: tuple[dict[str, Any], ...] = ()
    """What is odd about the events that were stored."""


@dataclass(slots=True)
class _Room:
    """How many jobs may still be opened; counted now and then, for counting reads the line."""

    left: int = 0
    until_count: int = 0

    def take(self, tx: Transaction) -> None:
        """Take a place for one job. Raises `TooManyJobs`."""
        if self.left <= 0 or self.until_count <= 0:
            some = (
                select(capture_job.c.id)
                .where(capture_job.c.running)
                .limit(JOBS_WAITING_MAX)
                .subquery()
            )
            waiting = tx.connection.scalar(select(func.count()).select_from(some)) or 0
            self.left, self.until_count = JOBS_WAITING_MAX - waiting, COUNTED_EVERY
        if self.left <= 0:
            raise TooManyJobs
        self.left -= 1
        self.until_count -= 1


class TooManyJobs(Exception):  # noqa: N818  # says what it is
    """More jobs wait than may; the document was not taken."""


def waiting_jobs(snapshot: Snapshot) -> int:
    """How many documents are not stored yet."""
    unfinished = select(func.count()).select_from(capture_job).where(capture_job.c.running)
    return int(snapshot.connection.scalar(unfinished) or 0)


def incoming(store: Store, data_dir: Path | None = None) -> Path:
    """The folder where bodies wait: beside a database file, else in `data_dir` or the spool."""
    database = store.engine.url.database
    if store.file is not None:
        folder = store.file.with_suffix(".incoming")
    elif data_dir is not None:
        folder = data_dir / "incoming"
    else:
        name = str(database or "database").replace("/", "_")
        folder = Path(tempfile.gettempdir()) / f"packtrail-{os.getuid()}-{name}.incoming"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def new_id() -> str:
    """An id for a job, not to be guessed."""
    return secrets.token_urlsafe(18)


def keep(path: Path) -> None:
    """Make a finished body survive a power cut: its bytes, then its name."""
    for target in (path, path.parent):
        handle = os.open(target, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def open_job(store: Store, new: NewJob, body: Path, *, now: datetime) -> None:
    """Make the job for a body that is safe on the disk. Raises `TooManyJobs`."""
    waiting: dict[str, object] = {"running": True, "success": True}
    waiting["body_bytes"] = body.stat().st_size
    with store.write(now) as tx:
        store.companions.one(_Room).take(tx)
        if tx.has_one_writer:
            waiting["body_path"] = str(body)
        else:
            with body.open("rb") as file:
                share_file(tx, shared_body(new.id), file)
        tx.connection.execute(insert(capture_job).values(new.row(now) | waiting))
        # A crash before the commit leaves a body without a job: the caller got no answer, and
        # `sweep` removes it. After the commit the job is done sooner or later.
    if not store.has_one_writer:
        body.unlink()


def do_at_once(
    store: Store, new: NewJob, body: bytes, *, clock: Clock, limits: DocumentLimits
) -> None:
    """Capture a small document; its finished job is part of the same act.

    Where nothing of the document is stored, its job says why. Raises StoreFull and StoreAway:
    there is neither document nor job then.
    """
    created, is_kept = clock(), False

    def keep(tx: Transaction, outcome: CaptureOutcome) -> None:
        nonlocal is_kept
        row = new.row(created) | outcome.columns(clock())
        RawDriver(tx).run(_DONE, [_plain(row[name]) for name in _DONE_COLUMNS])
        is_kept = True

    def beside(tx: Transaction, receipt: Receipt) -> None:
        keep(tx, CaptureOutcome.of_receipt(receipt))

    outcome = captured_for(store, new, lambda: BytesIO(body), JobBounds(clock, limits, beside))
    if not (is_kept and outcome.is_stored):
        with store.write(created) as tx:
            keep(tx, outcome)


def _plain(value: object) -> object:
    """A value as the driver takes it."""
    return microseconds(value) if isinstance(value, datetime) else value


def ring(store: Store) -> None:
    """Tell the workers of this process that there is a job; call it on their event loop."""
    for bell in store.companions.one(_Bells):
        bell.set()


def job(snapshot: Snapshot, job_id: str, *, caller: str | None) -> Job | None:
    """A job by its id, for the caller who opened it (None: for anyone)."""
    statement = select(capture_job).where(capture_job.c.id == job_id)
    if caller is not None:
        statement = statement.where(capture_job.c.caller == caller)
    row = snapshot.connection.execute(statement).mappings().first()
    return None if row is None else _job_of(row)


def jobs(
    snapshot: Snapshot, *, caller: str | None, after: tuple[datetime, str] | None, rows_max: int
) -> list[Job]:
    """Jobs, newest first, those after the one with this (created, id)."""
    table = capture_job.c
    statement = select(capture_job).order_by(table.created.desc(), table.id.desc()).limit(rows_max)
    if caller is not None:
        statement = statement.where(table.caller == caller)
    if after is not None:
        created, last = after
        statement = statement.where(
            (table.created < created) | ((table.created == created) & (table.id < last))
        )
    return [_job_of(row) for row in snapshot.connection.execute(statement).mappings()]


def _job_of(row: RowMapping) -> Job:
    outcome = orjson.loads(unsqueeze(row["errors"])) if row["errors"] else {}
    return Job(
        row["id"],
        row["created"],
        row["finished"],
        row["running"],
        row["success"],
        Behaviour(row["behaviour"]),
        outcome.get("events"),
        tuple(outcome.get("errors", ())),
        tuple(outcome.get("findings", ())),
    )


# --- doing jobs -----------------------------------------------------------------------------------


async def run_jobs(
    store: Store,
    clock: Clock,
    stop: asyncio.Event,
    *,
    limits: DocumentLimits | None = None,
    data_dir: Path | None = None,
    workers: int = WORKERS,
) -> None:
    """Do capture jobs until `stop` is set, each in a thread; senders take turns.

    Of several workers the first takes small documents only.
    """
    bounds = limits or DocumentLimits()
    await asyncio.to_thread(sweep, incoming(store, data_dir), store)
    await asyncio.to_thread(end_old_leases, store)
    sizes_max = [None] if workers == 1 else [SMALL_BYTES_MAX, *[None] * (workers - 1)]
    async with asyncio.TaskGroup() as crew:
        for size_bytes_max in sizes_max:
            do = partial(do_next, store, clock, bounds, size_bytes_max, data_dir=data_dir)
            crew.create_task(_work(store, stop, do))


async def _work(store: Store, stop: asyncio.Event, do: Callable[[], bool]) -> None:
    """One worker: job after job, and a rest where there is none."""
    bell = asyncio.Event()
    bells = store.companions.one(_Bells)
    bells.append(bell)
    try:
        with Changes(store) as changes:
            while not stop.is_set():
                bell.clear()
                mark = await changes.mark()
                try:
                    if await asyncio.to_thread(do):
                        continue
                except (StoreFull, StoreAway) as fault:
                    _log.warning("capture job waits", reason=str(fault))
                    await changes.after(mark, bell, stop, at_latest_s=RETRY_PAUSE_S)
                else:
                    await changes.after(mark, bell, stop, look_s=LOOK_AGAIN_S, at_latest_s=LEASE_S)
    finally:
        bells.remove(bell)


def do_next(
    store: Store,
    clock: Clock,
    limits: DocumentLimits,
    size_bytes_max: int | None = None,
    *,
    data_dir: Path | None = None,
) -> bool:
    """Do the next waiting job with a body of at most so many bytes; whether there was one.

    Raises StoreFull and StoreAway; the job waits on.
    """
    with claimed(store, clock(), size_bytes_max=size_bytes_max) as claim:
        if claim is None:
            return False
        row = claim.job
        with _body_here(store, row, data_dir) as body:
            outcome = _do(store, row, body, JobBounds(clock, limits))
            with store.write(clock()) as tx:
                if claim.lease.holds(tx):  # else another server does it again: nothing changes
                    _finish(tx, claim.id, outcome, clock())
                # A crash before this commit does the job again, which changes nothing.
    return True


@contextmanager
def _body_here(store: Store, row: RowMapping, data_dir: Path | None) -> Iterator[Path]:
    """The body of a job as a file of this machine; it goes when the job is done."""
    if row["body_path"] is not None:
        yield Path(row["body_path"])
        Path(row["body_path"]).unlink(missing_ok=True)
        return
    body = incoming(store, data_dir) / f"{row['id']}.{secrets.token_hex(4)}.part"
    try:
        with body.open("wb") as file:
            for part in shared_parts(store, shared_body(row["id"])):
                file.write(part)
        if not body.stat().st_size:
            body.unlink()  # which the job reports: there is no such document any more
        yield body
    finally:
        body.unlink(missing_ok=True)


def shared_body(job_id: str) -> str:
    """What the body of a job is called among the files that servers share."""
    return f"incoming/{job_id}"


def _do(store: Store, row: RowMapping, body: Path, bounds: JobBounds) -> CaptureOutcome:
    """Capture the body of a job that waits, and tell what came of it."""
    job = NewJob(
        row["id"], Behaviour(row["behaviour"]), row["media_type"], row["caller"], row["party"]
    )
    return captured_for(store, job, lambda: body.open("rb"), bounds)


def _finish(tx: Transaction, job_id: str, outcome: CaptureOutcome, now: datetime) -> None:
    done = outcome.columns(now) | {"body_path": None}
    tx.connection.execute(update(capture_job).where(capture_job.c.id == job_id).values(done))
    if not tx.has_one_writer:
        drop_shared(tx, shared_body(job_id))


def sweep(folder: Path, store: Store) -> None:
    """Remove old bodies without a waiting job: the caller hung up, or a crash came first."""
    with store.read() as snapshot:
        rows = snapshot.connection.scalars(select(capture_job.c.id).where(capture_job.c.running))
        waiting = set(rows)
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            is_old = time.time() - path.stat().st_mtime > LEFT_OVER_S
            if is_old and path.name.partition(".")[0] not in waiting:
                path.unlink()
