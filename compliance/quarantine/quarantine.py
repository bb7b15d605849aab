"""Quarantine: goods that may not move or be sold until a second person releases them.

On a product, lot, serial range or pack it is a row that every look at a pack reads (`doubt`), so
that packs which arrive later are held too. On a case, pallet or shipment it is a lasting condition
of each thing inside, set by an event of ours: what is put in later is held while it is inside. Both
are the reason `quarantined` of the one judgement, so every door refuses at once. Placing and
releasing are EPCIS events, entries of the log, and for ever in the register (582(b)(4)(A)(i)).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import func, insert, select, update

from compliance.duty_tables import quarantine, quarantine_item
from compliance.quarantine.events import placing, releasing
from compliance.quarantine.subject import (
    CONTAINERS,
    QuarantineRefused,
    QuarantineSubject,
    things_in,
)
from compliance.warehouse.warehouse_tables import lot_inspection
from epcis.capture import record
from epcis.database.columns import microseconds, moment_of
from epcis.ledger.entry import LeafKind
from verification.decision.words import Doubt
from verification.registry.pack_registry import set_doubt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from sqlalchemy import Row

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

REASON_CHARS_MAX = 1_000
PERSON_CHARS_MAX = 100
REVIEW_DUE = timedelta(days=3)
"""Within this time whoever owns a quarantine decides, unless it names another one."""
LISTED_MAX = 1_000
ROWS_PER_INSERT = 5_000
EPCS_PER_EVENT = 5_000


@dataclass(frozen=True, slots=True)
class QuarantineRecord:
    """One quarantine, in force or released."""

    id: str
    subject: QuarantineSubject
    reason: str
    owner: str
    """Who decides about it."""
    placed: datetime
    placed_by: str
    due: datetime
    """By when the owner decides."""
    released: datetime | None
    released_by: str | None
    why: str
    """Why it was released; empty while it is in force."""
    things: int
    """Packs and containers that it named when it was placed; 0 for a product, lot or range."""

    def is_overdue(self, now: datetime) -> bool:
        """Whether it is in force beyond its time."""
        return self.released is None and now > self.due

    def as_dict(self, now: datetime) -> dict[str, object]:
        """The quarantine as `quarantine list --json` and `/quarantine` show it."""
        return {
            "id": self.id,
            "subject": self.subject.as_dict(),
            "reason": self.reason,
            "owner": self.owner,
            "placed": self.placed.isoformat(),
            "placedBy": self.placed_by,
            "due": self.due.isoformat(),
            "overdue": self.is_overdue(now),
            "released": self.released.isoformat() if self.released else None,
            "releasedBy": self.released_by,
            "why": self.why,
            "things": self.things,
        }


def place_quarantine(
    tx: Transaction,
    subject: QuarantineSubject,
    *,
    reason: str,
    by: str,
    owner: str = "",
    due: datetime | None = None,
) -> QuarantineRecord:
    """Hold goods from this transaction on. Raises QuarantineRefused."""
    _check(reason, owner or by)
    if due is not None and due <= tx.now:
        raise QuarantineRefused("the time to decide by has passed already")
    number = f"Q-{tx.now:%Y%m%d}-{secrets.token_hex(4)}"
    things = things_in(tx, subject)
    tx.connection.execute(
        insert(quarantine).values(
            id=number,
            **subject.as_row(),
            reason=reason,
            owner=owner or by,
            placed_us=microseconds(tx.now),
            placed_by=by,
            due_us=microseconds(due or tx.now + REVIEW_DUE),
            released_us=None,
            released_by=None,
            why="",
        )
    )
    for keys in _portions(things, ROWS_PER_INSERT):
        rows = [{"quarantine": number, "key": key} for key in keys]
        tx.connection.execute(insert(quarantine_item), rows)
    if subject.kind not in CONTAINERS:
        _doubt(tx, subject, Doubt.QUARANTINED, number)
    for keys in _portions(things, EPCS_PER_EVENT) if things else [[]]:
        record(tx, [placing(subject, number, keys, tx.now)])
    placed = _found(tx, number)
    _log(tx, "placed", placed, reason=reason, by=by)
    return placed


def release_quarantine(
    tx: Transaction, number: str, *, why: str, by: str, inspection: str = ""
) -> QuarantineRecord:
    """Free goods again, by somebody other than who held them. Raises QuarantineRefused.

    What another quarantine holds as well stays held. A lot that is under inspection, or that one
    rejected, is freed by the decision of an `inspection` alone.
    """
    before = _found(tx, number)
    if before.released is not None:
        raise QuarantineRefused(f"quarantine {number} was released already")
    if by == before.placed_by:
        raise QuarantineRefused(
            f"{by} placed quarantine {number}: a second person releases it (two-person rule)"
        )
    _check(why, by)
    inspected = select(lot_inspection.c.id, lot_inspection.c.state).where(
        lot_inspection.c.quarantine == number
    )
    row = tx.connection.execute(inspected).first()
    if row is not None and not inspection:
        what = "the lot is under" if row.state == "open" else "the lot was rejected by"
        raise QuarantineRefused(f"{what} inspection {row.id}: only an inspection releases it")
    tx.connection.execute(
        update(quarantine)
        .where(quarantine.c.id == number)
        .values(released_us=microseconds(tx.now), released_by=by, why=why)
    )
    subject = before.subject
    if subject.kind not in CONTAINERS:
        _doubt(tx, subject, None, number)
    free = _held_by_no_other(tx, number)
    # Two events of one time have no order, and the release must come second.
    at = max(tx.now, before.placed + timedelta(milliseconds=1))
    for keys in _portions(free, EPCS_PER_EVENT) if free else [[]]:
        record(tx, [releasing(subject, number, keys, at)])
    after = _found(tx, number)
    _log(tx, "released", after, reason=why, by=by)
    return after


def find_quarantine(snapshot: Snapshot, number: str) -> QuarantineRecord | None:
    """A quarantine by its number."""
    row = snapshot.connection.execute(select(quarantine).where(quarantine.c.id == number)).first()
    return None if row is None else _of_row(snapshot, row)


def list_quarantines(snapshot: Snapshot, *, only_open: bool = False) -> list[QuarantineRecord]:
    """Quarantines, those in force first, then the newest; at most `LISTED_MAX`."""
    is_released = quarantine.c.released_us.is_not(None)
    wanted = select(quarantine).order_by(is_released, quarantine.c.placed_us.desc())
    if only_open:
        wanted = wanted.where(quarantine.c.released_us.is_(None))
    rows = snapshot.connection.execute(wanted.limit(LISTED_MAX)).all()
    return [_of_row(snapshot, row) for row in rows]


def things_held(snapshot: Snapshot, number: str) -> Iterator[str]:
    """The canonical keys of the packs and containers that a quarantine named, sorted."""
    keys = select(quarantine_item.c.key).where(quarantine_item.c.quarantine == number)
    yield from snapshot.connection.scalars(keys.order_by(quarantine_item.c.key))


def _held_by_no_other(snapshot: Snapshot, number: str) -> list[str]:
    """What a quarantine named and no other one in force does."""
    others = (
        select(quarantine_item.c.key)
        .join(quarantine, quarantine.c.id == quarantine_item.c.quarantine)
        .where(quarantine.c.released_us.is_(None), quarantine.c.id != number)
    )
    free = select(quarantine_item.c.key).where(
        quarantine_item.c.quarantine == number, quarantine_item.c.key.not_in(others)
    )
    return list(snapshot.connection.scalars(free.order_by(quarantine_item.c.key)))


def _check(reason: str, person: str) -> None:
    if not reason.strip() or len(reason) > REASON_CHARS_MAX:
        raise QuarantineRefused(f"say why, in at most {REASON_CHARS_MAX} characters")
    if not person.strip() or len(person) > PERSON_CHARS_MAX:
        raise QuarantineRefused(f"name a person, in at most {PERSON_CHARS_MAX} characters")


def _doubt(tx: Transaction, of: QuarantineSubject, kind: Doubt | None, number: str) -> None:
    set_doubt(
        tx,
        of.gtin,
        kind,
        case_id=number,
        now=tx.now,
        lot=of.lot,
        serial=of.serial,
        serial_to=of.serial_to,
    )


def _found(snapshot: Snapshot, number: str) -> QuarantineRecord:
    found = find_quarantine(snapshot, number)
    if found is None:
        raise QuarantineRefused(f"there is no quarantine {number}")
    return found


def _of_row(snapshot: Snapshot, row: Row[Any]) -> QuarantineRecord:  # a row of quarantine
    counted = select(func.count()).where(quarantine_item.c.quarantine == row.id)
    return QuarantineRecord(
        id=row.id,
        subject=QuarantineSubject.of_row(row),
        reason=row.reason,
        owner=row.owner,
        placed=moment_of(row.placed_us),
        placed_by=row.placed_by,
        due=moment_of(row.due_us),
        released=moment_of(row.released_us) if row.released_us is not None else None,
        released_by=row.released_by,
        why=row.why,
        things=snapshot.connection.execute(counted).scalar_one(),
    )


def _portions(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    portion: list[str] = []
    for key in keys:
        portion.append(key)
        if len(portion) == size:
            yield portion
            portion = []
    if portion:
        yield portion


def _log(tx: Transaction, what: str, about: QuarantineRecord, *, reason: str, by: str) -> None:
    public = {"act": f"quarantine-{what}", "quarantine": about.id, **about.subject.as_dict()}
    details = {"reason": reason, "owner": about.owner, "by": by}
    tx.log(LeafKind.CASE, orjson.dumps(public), orjson.dumps(details))
