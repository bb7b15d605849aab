"""Alerts: one shared id for everybody who looks into it, and a case that is worked and closed.

An id names no person and no place: country, 80 random bits in four groups, a check character.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, select, update

from epcis.database.columns import microseconds, moment_of
from epcis.ledger.entry import LeafKind
from verification.fmd.cause import Cause, Hint
from verification.registry.pack_tables import alert, alert_step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement, RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from verification.decision.act import PackRequest, Who

COMMENT_CHARACTERS_MAX = 500
LISTED_MAX = 1000
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NO_COUNTRY = "XX"
_GROUPS, _GROUP_CHARACTERS = 4, 4
_CHECKS = _ALPHABET + "*~$=U"
"""Crockford's base 32 with its five further check characters."""


class Status(StrEnum):
    """Where the work on an alert stands."""

    NEW = "New"
    ACTIVE = "Active"
    UNDER_INVESTIGATION = "Under investigation"
    ESCALATED = "Escalated"
    CLOSED = "Closed"


_NEXT = {
    Status.NEW: frozenset(Status) - {Status.NEW},
    Status.ACTIVE: frozenset({Status.UNDER_INVESTIGATION, Status.ESCALATED, Status.CLOSED}),
    Status.UNDER_INVESTIGATION: frozenset({Status.ESCALATED, Status.CLOSED}),
    Status.ESCALATED: frozenset({Status.UNDER_INVESTIGATION, Status.CLOSED}),
    Status.CLOSED: frozenset({Status.ESCALATED}),
}


def next_of(status: Status) -> frozenset[Status]:
    """Where an alert may go from a status."""
    return _NEXT[status]


class NotPossibleError(Exception):
    """The alert does not exist, or cannot go to that status from where it is."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as everybody concerned sees it."""

    id: str
    at: datetime
    hub: str
    """Code of the European hub: A2, A3, A7, A24, A52, A68."""
    result: str
    code: str
    serial: str
    lot: str | None
    client: str
    location: str
    hint: Hint
    late: bool
    """Raised by a request that was sent long after it was scanned: the pack may be gone."""
    status: Status
    market: str
    """Country where the pack was scanned; empty where only one market is served."""
    count: int
    """How often the client met the same cause while the alert was open."""
    last: datetime

    def as_dict(self) -> dict[str, object]:
        """The alert, ready for JSON."""
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "hub": self.hub,
            "result": self.result,
            "code": self.code,
            "serial": self.serial,
            "lot": self.lot,
            "client": self.client,
            "location": self.location,
            "cause": self.hint.cause.value,
            "confidence": self.hint.confidence,
            "say": self.hint.say,
            "late": self.late,
            "status": self.status.value,
            "market": self.market,
            "count": self.count,
            "last": self.last.isoformat(),
        }


def new_id(market: str) -> str:
    """A new alert id; the check character finds any single mistyped character."""
    number = secrets.randbits(_GROUPS * _GROUP_CHARACTERS * 5)
    return _spelt(market or _NO_COUNTRY, number)


def _spelt(country: str, number: int) -> str:
    digits = []
    rest = number
    for _ in range(_GROUPS * _GROUP_CHARACTERS):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    text = "".join(reversed(digits))
    starts = range(0, len(text), _GROUP_CHARACTERS)
    groups = "-".join(text[at : at + _GROUP_CHARACTERS] for at in starts)
    return f"{country}-{groups}-{_CHECKS[number % len(_CHECKS)]}"


def raise_alert(
    tx: Transaction,
    request: PackRequest,
    who: Who,
    *,
    result: str,
    hub: str,
    hint: Hint,
    late: bool,
    known_as: str = "",
) -> str:
    """Open an alert inside the act, or count up the open one of the same cause; returns its id.

    `known_as` is the id that another repository gave the same alert: both sides look it up by one.
    """
    open_id = _open_id(tx, request, who, result, known_as)
    if open_id is not None:
        _count_up(tx, open_id)
        return open_id
    alert_id = known_as or new_id(who.market)
    tx.connection.execute(
        alert.insert().values(
            id=alert_id,
            at_us=microseconds(tx.now),
            hub=hub,
            result=result,
            code=request.code,
            serial=request.serial,
            lot=request.lot,
            client=who.client,
            location=who.location,
            cause=hint.cause.value,
            confidence=hint.confidence,
            late=int(late),
            status=Status.NEW.value,
            market=who.market,
            times=1,
            last_us=microseconds(tx.now),
        )
    )
    return alert_id


def _open_id(
    tx: Transaction, request: PackRequest, who: Who, result: str, known_as: str
) -> str | None:
    """The alert that is to count up: the one of that id, or this client's open one of the cause."""
    table = alert.c
    if known_as:
        wanted = select(table.id).where(table.id == known_as)
    else:
        wanted = select(table.id).where(
            table.code == request.code,
            table.serial == request.serial,
            table.client == who.client,
            table.result == result,
            table.status != Status.CLOSED.value,
        )
    open_id: str | None = tx.connection.execute(wanted.limit(1)).scalar()
    return open_id


def _count_up(tx: Transaction, alert_id: str) -> None:
    more = update(alert).where(alert.c.id == alert_id)
    tx.connection.execute(more.values(times=alert.c.times + 1, last_us=microseconds(tx.now)))


def alert_of(snapshot: Snapshot, alert_id: str) -> Alert | None:
    """The alert with this id."""
    row = (
        snapshot.connection.execute(select(alert).where(alert.c.id == alert_id)).mappings().first()
    )
    return _alert(row) if row is not None else None


def alerts(
    snapshot: Snapshot,
    *,
    since: datetime,
    until: datetime,
    only: ColumnElement[bool] | None = None,
    status: Status | None = None,
) -> Iterator[Alert]:
    """Alerts raised in a time range, newest first, at most `LISTED_MAX`; `only` some of them."""
    wanted = select(alert).where(
        alert.c.at_us >= microseconds(since), alert.c.at_us < microseconds(until)
    )
    if only is not None:
        wanted = wanted.where(only)
    if status is not None:
        wanted = wanted.where(alert.c.status == status.value)
    rows = snapshot.connection.execute(wanted.order_by(alert.c.at_us.desc()).limit(LISTED_MAX))
    yield from (_alert(row) for row in rows.mappings())


def move(
    tx: Transaction, alert_id: str, status: Status, *, by: str, reason: str = "", comment: str = ""
) -> Alert:
    """Take an alert to its next status; raises `NotPossibleError`.

    A reason is needed for every status but "Under investigation".
    """
    before = alert_of(tx, alert_id)
    if before is None:
        raise NotPossibleError(f"there is no alert {alert_id}")
    if status not in _NEXT[before.status]:
        raise NotPossibleError(f"an alert that is {before.status} cannot become {status}")
    if status not in (Status.UNDER_INVESTIGATION, Status.ACTIVE) and not reason:
        raise NotPossibleError(f"say the reason why the alert becomes {status}")
    if len(comment) > COMMENT_CHARACTERS_MAX:
        raise NotPossibleError(f"a comment has {COMMENT_CHARACTERS_MAX} characters at most")
    tx.connection.execute(update(alert).where(alert.c.id == alert_id).values(status=status.value))
    steps = select(func.count()).select_from(alert_step).where(alert_step.c.alert == alert_id)
    tx.connection.execute(
        alert_step.insert().values(
            alert=alert_id,
            step=tx.connection.execute(steps).scalar_one() + 1,
            at_us=microseconds(tx.now),
            by=by,
            status=status.value,
            reason=reason,
            comment=comment,
        )
    )
    tx.log(
        LeafKind.CASE,
        msgspec.json.encode({"alert": alert_id, "status": status, "reason": reason}),
        msgspec.json.encode({"by": by, "comment": comment}),
    )
    after = alert_of(tx, alert_id)
    assert after is not None, "it was there a statement ago"
    return after


def steps_of(snapshot: Snapshot, alert_id: str) -> list[dict[str, object]]:
    """What was done about an alert, in order."""
    rows = snapshot.connection.execute(
        select(alert_step).where(alert_step.c.alert == alert_id).order_by(alert_step.c.step)
    )
    return [
        {
            "at": moment_of(row.at_us).isoformat(),
            "by": row.by,
            "status": row.status,
            "reason": row.reason,
            "comment": row.comment,
        }
        for row in rows
    ]


def _alert(row: RowMapping) -> Alert:
    return Alert(
        row["id"],
        moment_of(row["at_us"]),
        row["hub"],
        row["result"],
        row["code"],
        row["serial"],
        row["lot"],
        row["client"],
        row["location"],
        Hint(Cause(row["cause"]), row["confidence"]),
        bool(row["late"]),
        Status(row["status"]),
        row["market"],
        row["times"],
        moment_of(row["last_us"]),
    )
