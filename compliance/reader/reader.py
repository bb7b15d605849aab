"""The reader of the outbox: from a captured document to the cases it opens, updates and closes.

Each capture leaves a row in `outbox` in its own transaction. A row is judged from a snapshot, and
then taken out in the transaction that writes what was found: so a crash at any point repeats
nothing, and of two servers that judge the same row one finds it gone and writes nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
import structlog
from sqlalchemy import delete, func, insert, select

from compliance.cases.cases import (
    CaseKind,
    NewCase,
    Notice,
    State,
    open_case,
    take_step,
)
from compliance.duty_tables import case_file, case_item
from compliance.reader.alerts import raise_alerts
from compliance.reader.problems import (
    CATEGORY,
    OPEN_STATES,
    CaseCause,
    FoundProblem,
    cured,
    deeds_of,
)
from compliance.recall.arrivals import add_arrivals
from epcis.database.many_writers import is_first
from epcis.database.transactions import StoreAway, StoreFull
from epcis.store.event_tables import document, outbox

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import RowMapping

    from compliance.reader.problems import DocumentDeeds
    from epcis.clock import Clock
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

READER: Final = "reader"
"""Who opened, updated or closed a case, where the reader did."""
LOOK_S: Final = 1.0
"""Pause between two looks into an empty outbox, in seconds."""
STORE_PAUSE_S: Final = 5.0
CASES_LOOKED_AT_MAX: Final = 1_000
KEYS_PER_QUESTION: Final = 500
_log = structlog.get_logger(__name__)


class OutboxBacklog(NamedTuple):
    """How far the reader is behind."""

    rows: int
    oldest: datetime | None
    """Time of the capture that waits longest."""


def backlog(snapshot: Snapshot) -> OutboxBacklog:
    """What waits in the outbox."""
    rows, oldest = snapshot.connection.execute(
        select(func.count(), func.min(outbox.c.created)).select_from(outbox)
    ).one()
    return OutboxBacklog(rows, oldest)


async def run_reader(store: Store, clock: Clock, stop: asyncio.Event) -> None:
    """Read whatever is in the outbox until `stop` is set."""
    while not stop.is_set():
        pause_s = 0.0
        try:
            if not await asyncio.to_thread(read_next, store, clock()):
                pause_s = LOOK_S
        except (StoreFull, StoreAway) as fault:
            _log.warning("the reader waits", reason=str(fault))
            pause_s = STORE_PAUSE_S
        if pause_s:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_s)


def read_next(store: Store, now: datetime) -> bool:
    """Read the oldest row that no other server reads; whether there was one."""
    with store.read() as snapshot:
        waiting = select(outbox.c.id, outbox.c.document).order_by(outbox.c.id).limit(50)
        for row in snapshot.connection.execute(waiting).all():
            if not is_first(snapshot, f"outbox-{row.id}"):
                continue
            deeds = deeds_of(snapshot, row.document, now)
            with store.write(now) as tx:
                # Whoever takes the row out writes what it led to; the other one writes nothing.
                if tx.connection.execute(delete(outbox).where(outbox.c.id == row.id)).rowcount:
                    _write(tx, deeds)
            return True
    return False


def _write(tx: Transaction, deeds: DocumentDeeds) -> None:
    named = _name_of(tx, deeds.document)
    for problem in deeds.problems:
        open_or_note(tx, problem, named)
        if problem.cause is CaseCause.CONTRADICTION:
            raise_alerts(tx, problem.keys)
    add_arrivals(tx, deeds.keys, by=READER, named=named)
    close_what_is_cured(tx, deeds, named)


def open_or_note(tx: Transaction, problem: FoundProblem, named: str) -> None:
    """Open the case of a problem, or note in its open case that it was found again."""
    known = _open_case_of(tx, problem)
    if known is None:
        _open(tx, problem, named)
    else:
        _again(tx, known, problem, named)


def _name_of(tx: Transaction, number: int) -> str:
    """How a document is called in a case: by the digest of its bytes."""
    digest = tx.connection.scalar(select(document.c.sha256).where(document.c.id == number))
    return f"document {bytes(digest).hex()[:16]}" if digest else f"document {number}"


def _open_case_of(tx: Transaction, problem: FoundProblem) -> str | None:
    found = select(case_file.c.id).where(
        case_file.c.mark == problem.mark, case_file.c.state.in_(OPEN_STATES)
    )
    case_id: str | None = tx.connection.scalar(found.limit(1))
    return case_id


def _open(tx: Transaction, problem: FoundProblem, named: str) -> None:
    wanted = NewCase(
        CaseKind.EXCEPTION,
        CATEGORY[problem.cause],
        problem.gtin,
        f"{problem.what} ({named})",
        lot=problem.lot,
        partner=problem.partner,
        facts={"expiry": problem.expiry} if problem.expiry else {},
        mark=problem.mark,
    )
    opened = open_case(tx, wanted, by=READER)
    _keep_items(tx, opened.id, problem)


def _again(tx: Transaction, case_id: str, problem: FoundProblem, named: str) -> None:
    take_step(tx, case_id, Notice.NOTE, by=READER, note=f"again: {problem.what} ({named})")
    _keep_items(tx, case_id, problem)


def _keep_items(tx: Transaction, case_id: str, problem: FoundProblem) -> None:
    known = set(tx.connection.scalars(select(case_item.c.key).where(case_item.c.case == case_id)))
    rows = [{"case": case_id, "key": key} for key in problem.keys if key not in known]
    if rows:
        tx.connection.execute(insert(case_item), rows)


def close_what_is_cured(tx: Transaction, deeds: DocumentDeeds, named: str) -> None:
    """Close the reader's cases that this document cures, and say by what."""
    just_found = {problem.mark for problem in deeds.problems}
    for row in _cases_about(tx, deeds):
        if row["mark"] in just_found:
            continue
        keys = tuple(
            tx.connection.scalars(select(case_item.c.key).where(case_item.c.case == row["id"]))
        )
        cause = CaseCause[row["mark"].partition("|")[0]]
        expiry = orjson.loads(row["facts"]).get("expiry", "")
        about = FoundProblem(
            cause, row["partner"], row["gtin"], row["lot"], "", keys, expiry=expiry
        )
        if cause is CaseCause.FILE_FAULTY:
            why = "a file about the same goods breaks no rule" if deeds.is_clean else ""
        else:
            why = cured(tx, cause, about, tx.now)
        if why:
            take_step(tx, row["id"], State.RESOLVED, by=READER, note=f"{why}: {named}")


def _cases_about(tx: Transaction, deeds: DocumentDeeds) -> list[RowMapping]:
    """Open cases of the reader about things that a document names, or about no single thing."""
    is_open = (case_file.c.mark != "", case_file.c.state.in_(OPEN_STATES))
    has_items = select(case_item.c.case).where(case_item.c.case == case_file.c.id).exists()
    ids = set(tx.connection.scalars(select(case_file.c.id).where(*is_open, ~has_items)))
    keys = sorted(deeds.keys)
    for start in range(0, len(keys), KEYS_PER_QUESTION):
        some = keys[start : start + KEYS_PER_QUESTION]
        ids.update(
            tx.connection.scalars(
                select(case_item.c.case)
                .join(case_file, case_file.c.id == case_item.c.case)
                .where(*is_open, case_item.c.key.in_(some))
            )
        )
    wanted = sorted(ids)[:CASES_LOOKED_AT_MAX]
    found = select(case_file).where(case_file.c.id.in_(wanted))
    return list(tx.connection.execute(found).mappings())
