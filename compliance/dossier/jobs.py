"""Dossiers requested over HTTP: made one after the other, in the order of the requests.

Each request is a row; a job that was interrupted, even by a crash, continues where it stopped. Of
several servers on one database one makes it, under a lease, and all of them hand it out.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import delete, func, insert, select, update

from compliance.dossier.dossier_tables import export_job
from compliance.dossier.export import Recipient, export
from compliance.dossier.kinds import selection_from
from compliance.dossier.redaction import find_profile
from compliance.dossier.refusal import ExportRefused
from epcis.database.changes import Changes
from epcis.store.lease import LEASE_S, leased
from epcis.store.shared_file import drop_shared, share_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import RowMapping

    from compliance.dossier.kinds import DossierSelection
    from compliance.seal.keys import Keys
    from epcis.clock import Clock
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction
    from epcis.store.lease import Lease

WAITING_MAX = 100
"""Dossiers that may wait; further ones are refused."""
LISTED_MAX = 500
LOOK_EVERY_S = 0.5
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ExportJob:
    """A requested dossier."""

    id: str
    selection: dict[str, str]
    redaction: str
    """Name of the redaction profile."""
    party: str | None
    by: str
    asked: datetime
    state: str
    """waiting, running, ready or refused."""
    done: int
    total: int
    finished: datetime | None
    sha256: str | None
    error: str | None

    def as_dict(self) -> dict[str, object]:
        """The job as `/exports/{id}` shows it."""
        return {
            "id": self.id,
            "selection": self.selection,
            "profile": self.redaction,
            "by": self.by,
            "asked": self.asked.isoformat(),
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "finished": self.finished.isoformat() if self.finished else None,
            "sha256": self.sha256,
            "error": self.error,
        }


def ask(
    tx: Transaction, selection: DossierSelection, *, by: str, profile: str, party: str | None
) -> ExportJob:
    """Request a dossier. Raises ExportRefused where too many wait already."""
    waiting = select(func.count()).where(export_job.c.state.in_(("waiting", "running")))
    if (tx.connection.scalar(waiting) or 0) >= WAITING_MAX:
        raise ExportRefused(f"{WAITING_MAX} dossiers wait already; ask again later")
    job_id = f"D-{tx.now:%Y%m%d}-{secrets.token_hex(6)}"
    tx.connection.execute(
        insert(export_job).values(
            id=job_id,
            selection=json.dumps(selection.as_dict()),
            redaction=profile,
            party=party,
            by=by,
            asked=tx.now,
            state="waiting",
            done=0,
            total=0,
        )
    )
    return _job(tx, job_id)


def find_job(snapshot: Snapshot, job_id: str) -> ExportJob | None:
    """A job by its id."""
    row = (
        snapshot.connection.execute(select(export_job).where(export_job.c.id == job_id))
        .mappings()
        .first()
    )
    return None if row is None else _of_row(row)


def list_jobs(snapshot: Snapshot) -> list[ExportJob]:
    """The newest jobs, newest first."""
    rows = snapshot.connection.execute(
        select(export_job).order_by(export_job.c.asked.desc(), export_job.c.id).limit(LISTED_MAX)
    )
    return [_of_row(row) for row in rows.mappings()]


def forget(tx: Transaction, job_id: str, folder: Path) -> None:
    """Remove a job and its file."""
    tx.connection.execute(delete(export_job).where(export_job.c.id == job_id))
    drop_finished(tx, job_id, folder)


def drop_finished(tx: Transaction, job_id: str, folder: Path) -> None:
    """Remove the dossier of a job, wherever it is kept."""
    file_of(folder, job_id).unlink(missing_ok=True)
    if not tx.has_one_writer:
        drop_shared(tx, shared_dossier(job_id))


def file_of(folder: Path, job_id: str) -> Path:
    """Path of the dossier of a job: while it is made, and with one writer when it is finished."""
    return folder / f"{job_id}.asice"


def shared_dossier(job_id: str) -> str:
    """What a finished dossier is called among the files that servers on one database share."""
    return f"exports/{job_id}"


async def run_exports(
    store: Store,
    keys: Keys,
    folder: Path,
    clock: Clock,
    stop: asyncio.Event,
    *,
    profiles: Path | None = None,
) -> None:
    """Make the dossiers that wait, until `stop` is set; `profiles` holds the operator's own."""
    make = partial(make_next, store, keys, folder, clock, stop, profiles=profiles)
    with Changes(store) as changes:
        while not stop.is_set():
            mark = await changes.mark()
            if not await asyncio.to_thread(make):
                await changes.after(mark, stop, look_s=LOOK_EVERY_S, at_latest_s=LEASE_S)


def make_next(
    store: Store,
    keys: Keys,
    folder: Path,
    clock: Clock,
    stop: asyncio.Event | None = None,
    *,
    profiles: Path | None = None,
) -> bool:
    """Make the dossier that waits longest; returns whether there was one.

    A job that is still `running` and that no server has was interrupted, and comes first.
    """
    is_open = export_job.c.state.in_(("waiting", "running"))
    with store.read() as snapshot:
        waiting = snapshot.connection.scalars(
            select(export_job.c.id)
            .where(is_open)
            .order_by(export_job.c.state, export_job.c.asked, export_job.c.id)
        ).all()
    for job_id in waiting:
        with leased(store, f"export {job_id}") as lease:
            if lease is None:
                continue
            with store.read() as snapshot:
                job = find_job(snapshot, job_id)
            if job is None or job.state not in ("waiting", "running"):
                continue
            workshop = _Workshop(store, keys, folder, clock, profiles)
            return workshop.make(job, lease, stop)
    return False


@dataclass(frozen=True, slots=True)
class _Workshop:
    """Where dossiers are made, and with what."""

    store: Store
    keys: Keys
    folder: Path
    clock: Clock
    profiles: Path | None

    def make(self, job: ExportJob, lease: Lease, stop: asyncio.Event | None) -> bool:
        """Make one; whether it is finished."""
        _note(self.store, job.id, self.clock, state="running")
        path = file_of(self.folder, job.id)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            made = export(
                self.store,
                selection_from(job.selection),
                path,
                self.keys,
                now=job.asked,
                by=job.by,
                recipient=Recipient(find_profile(job.redaction, self.profiles), job.party),
                progress=_progress(self.store, job.id, self.clock, stop),
            )
        except _Stopped:
            return False
        except (ExportRefused, OSError) as fault:
            _log.warning("a dossier was not made", job=job.id, why=str(fault))
            fields = {"state": "refused", "error": str(fault), "finished": self.clock()}
            _note(self.store, job.id, self.clock, **fields)
            return True
        with self.store.write(self.clock()) as tx:
            if not lease.holds(tx):
                return True  # this server was too slow: another one makes it
            if not tx.has_one_writer:
                with path.open("rb") as file:
                    share_file(tx, shared_dossier(job.id), file)
            done = made.events + made.records
            fields = {"state": "ready", "done": done, "sha256": made.sha256, "finished": tx.now}
            _set(tx, job.id, fields)
        if not self.store.has_one_writer:
            path.unlink()
        return True


class _Stopped(BaseException):
    """The service is stopping; the job continues after the next start."""


def _progress(
    store: Store, job_id: str, clock: Clock, stop: asyncio.Event | None
) -> Callable[[int, int], None]:
    last = -1

    def tell(done: int, total: int) -> None:
        nonlocal last
        if stop is not None and stop.is_set():
            raise _Stopped
        percent = 100 * done // total if total else 100
        if percent != last:
            last = percent
            _note(store, job_id, clock, done=done, total=total)

    return tell


def _note(store: Store, job_id: str, clock: Clock, **values: object) -> None:
    with store.write(clock()) as tx:
        _set(tx, job_id, values)


def _set(tx: Transaction, job_id: str, values: Mapping[str, object]) -> None:
    tx.connection.execute(update(export_job).where(export_job.c.id == job_id).values(**values))


def _job(snapshot: Snapshot, job_id: str) -> ExportJob:
    return _of_row(
        snapshot.connection.execute(select(export_job).where(export_job.c.id == job_id))
        .mappings()
        .one()
    )


def _of_row(row: RowMapping) -> ExportJob:
    return ExportJob(**{**row, "selection": json.loads(row["selection"])})
