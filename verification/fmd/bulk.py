"""Many packs in one request: taken in at once, worked off part by part, answered when asked for.

A part and its answers are one transaction, so that a bulk that was interrupted goes on where it
stopped and no pack is done twice. Parts are done in their order where the bulk names a pack or a
client's transaction twice. Results can be fetched until they expire.
"""

from __future__ import annotations

import gc
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import exists, select, update

from epcis.database.columns import microseconds, moment_of
from verification.alerts.guessing import ANSWERS_A_DAY, GuessBudget, Guesser
from verification.decision.act import PackRequest, Who
from verification.fmd.perform import OperationAnswer, perform
from verification.registry.pack_tables import bulk, bulk_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction
    from verification.decision.rule_pack import RulePack

PART_PACKS = 500
WORKERS = 2
"""Parts under way at once on PostgreSQL: while the server writes one, the next is decided."""
KEPT_DAYS = 30
PACKS_A_SECOND = 5000
"""What the estimate of the finishing time assumes; nothing depends on it."""
WAITING_MAX = 64
"""Unfinished bulks of one client; the next one is refused."""


class TooManyError(Exception):
    """A bulk is larger than the rules allow, empty, or one too many waits."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a bulk is."""

    id: str
    client: str
    total: int
    done: int
    received: datetime
    expires: datetime
    finished: datetime | None

    @property
    def eta(self) -> datetime:
        """When it will probably be finished."""
        left = (self.total - self.done) / PACKS_A_SECOND
        return self.finished or self.received + timedelta(seconds=left + 1)


def submit(tx: Transaction, requests: Sequence[PackRequest], who: Who, rules: RulePack) -> str:
    """Take in a bulk; returns the id its results are fetched by. Raises `TooManyError`."""
    if not 1 <= len(requests) <= rules.bulk_items_max:
        raise TooManyError(
            f"a bulk has 1 to {rules.bulk_items_max} packs, this has {len(requests)}"
        )
    if len(list(unfinished(tx, client=who.client))) >= WAITING_MAX:
        raise TooManyError(f"{WAITING_MAX} bulks of yours are not finished; wait for one of them")
    bulk_id = secrets.token_hex(16)
    tx.connection.execute(
        bulk.insert().values(
            id=bulk_id,
            client=who.client,
            who=msgspec.json.encode(who).decode(),
            total=len(requests),
            done=0,
            received_us=microseconds(tx.now),
            expires_us=microseconds(tx.now + timedelta(days=KEPT_DAYS)),
        )
    )
    rows = [
        {
            "bulk": bulk_id,
            "part": part,
            "requests": msgspec.json.encode(
                [
                    msgspec.structs.replace(request, is_bulk=True)
                    for request in requests[start : start + PART_PACKS]
                ]
            ),
        }
        for part, start in enumerate(range(0, len(requests), PART_PACKS))
    ]
    tx.connection.execute(bulk_part.insert(), rows)
    return bulk_id


def work_off(
    store: Store,
    bulk_id: str,
    clock: Callable[[], datetime],
    rules: RulePack,
    answers_max: int = ANSWERS_A_DAY,
) -> None:
    """Perform every part that has no answers yet; safe to call again at any time.

    Of unknown serial numbers `answers_max` a day are answered, to a client at all doors together.
    """
    in_order = store.has_one_writer or _must_keep_order(store, bulk_id)

    def work_parts() -> None:
        while _work_off_part(store, bulk_id, clock, rules, answers_max, in_order=in_order):
            pass

    # Parts leave much to collect; all that was there before is not looked through each time.
    gc.freeze()
    try:
        with ThreadPoolExecutor(WORKERS, "bulk") as pool:
            workers = [pool.submit(work_parts) for _ in range(1 if in_order else WORKERS)]
        for one in workers:
            one.result()
    finally:
        gc.unfreeze()
    _finish(store, bulk_id, clock)


def _must_keep_order(store: Store, bulk_id: str) -> bool:
    """Whether what is left of a bulk names a pack or a client's transaction twice."""
    seen: list[object] = []
    with store.read() as snapshot:
        parts = snapshot.connection.execute(
            select(bulk_part.c.requests).where(
                bulk_part.c.bulk == bulk_id, bulk_part.c.answers.is_(None)
            )
        )
        for (requests,) in parts:
            for one in msgspec.json.decode(bytes(requests), type=list[_Named]):
                seen.append((one.code, one.serial))
                if one.transaction is not None:
                    seen.append(one.transaction)
    return len(set(seen)) < len(seen)


class _Named(msgspec.Struct):
    """Of a request, what no other one may touch at the same time."""

    code: str
    serial: str
    transaction: str | None = None


def _work_off_part(
    store: Store,
    bulk_id: str,
    clock: Callable[[], datetime],
    rules: RulePack,
    answers_max: int,
    *,
    in_order: bool,
) -> bool:
    """Perform the next part that nobody else performs; False where none is left."""
    with store.write(clock()) as tx:
        row = tx.connection.execute(
            select(bulk_part.c.part, bulk_part.c.requests)
            .where(bulk_part.c.bulk == bulk_id, bulk_part.c.answers.is_(None))
            .order_by(bulk_part.c.part)
            .limit(1)
            .with_for_update(skip_locked=not in_order)
        ).first()
        if row is None:
            return False
        text = tx.connection.execute(select(bulk.c.who).where(bulk.c.id == bulk_id)).scalar_one()
        who = msgspec.json.decode(text, type=Who)
        requests = msgspec.json.decode(bytes(row.requests), type=list[PackRequest])
        budget = GuessBudget(tx, [Guesser(who.client)], answers_max=answers_max)
        answers = perform(tx, [(request, who) for request in requests], rules, budget)
        tx.connection.execute(
            update(bulk_part)
            .where(bulk_part.c.bulk == bulk_id, bulk_part.c.part == row.part)
            .values(answers=msgspec.json.encode(answers))
        )
        tx.connection.execute(
            update(bulk).where(bulk.c.id == bulk_id).values(done=bulk.c.done + len(requests))
        )
        # A crash before the commit leaves the part undone, after it answered: never half.
    return True


def _finish(store: Store, bulk_id: str, clock: Callable[[], datetime]) -> None:
    """Mark a bulk as finished, unless somebody else still works on a part of it."""
    left = exists().where(bulk_part.c.bulk == bulk_id, bulk_part.c.answers.is_(None))
    with store.write(clock()) as tx:
        tx.connection.execute(
            update(bulk)
            .where(bulk.c.id == bulk_id, bulk.c.finished_us.is_(None), ~left)
            .values(finished_us=microseconds(tx.now))
        )


def unfinished(snapshot: Snapshot, *, client: str | None = None) -> Iterator[str]:
    """Ids of bulks that are not finished, oldest first; what to resume after a restart."""
    wanted = select(bulk.c.id).where(bulk.c.finished_us.is_(None)).order_by(bulk.c.received_us)
    if client is not None:
        wanted = wanted.where(bulk.c.client == client)
    yield from snapshot.connection.execute(wanted).scalars()


def progress(snapshot: Snapshot, bulk_id: str) -> Progress | None:
    """How far a bulk is; None where there is none with this id."""
    row = snapshot.connection.execute(select(bulk).where(bulk.c.id == bulk_id)).first()
    if row is None:
        return None
    return Progress(
        row.id,
        row.client,
        row.total,
        row.done,
        moment_of(row.received_us),
        moment_of(row.expires_us),
        moment_of(row.finished_us) if row.finished_us is not None else None,
    )


def answers_of(snapshot: Snapshot, bulk_id: str) -> Iterator[OperationAnswer]:
    """The answers of a bulk so far, in the order of its packs."""
    parts = snapshot.connection.execute(
        select(bulk_part.c.answers)
        .where(bulk_part.c.bulk == bulk_id, bulk_part.c.answers.is_not(None))
        .order_by(bulk_part.c.part)
    )
    for (answers,) in parts:
        yield from msgspec.json.decode(bytes(answers), type=list[OperationAnswer])


def resume(
    store: Store,
    clock: Callable[[], datetime],
    rules: RulePack,
    answers_max: int = ANSWERS_A_DAY,
) -> int:
    """Finish every bulk that an end of the server interrupted; returns how many there were."""
    with store.read() as snapshot:
        waiting = list(unfinished(snapshot))
    for bulk_id in waiting:
        work_off(store, bulk_id, clock, rules, answers_max)
    return len(waiting)
