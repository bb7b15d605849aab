"""A subscription as a value, and its row in the database."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import and_, delete, func, insert, or_, select, update

from epcis.codec.document import CbvFormat, EpcFormat, Syntax
from epcis.query.query_tables import subscription as table
from epcis.query.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

SUBSCRIPTIONS_MAX: Final = 10_000
"""Most subscriptions of one repository."""
RETRY_FIRST: Final = timedelta(seconds=5)
RETRY_MAX: Final = timedelta(hours=1)
ATTEMPTS_MAX: Final = 100
"""Failures in a row, some four days, after which a subscription is suspended."""


class SubscriptionTaken(Exception):  # noqa: N818  # says what it is
    """A subscription with this id exists already."""


class TooManySubscriptions(Exception):  # noqa: N818  # says what it is
    """The repository already has `SUBSCRIPTIONS_MAX` subscriptions."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Position of the last event the subscriber accepted, in order of arrival."""

    txid: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A standing query and the state of its delivery."""

    id: str
    query: str
    """Name of the query."""
    parameters: Mapping[str, Any] | None = None
    """Of a 1.2 subscription: its own parameters."""
    version: str = "2.0"
    owner: str
    party: str | None
    dest: str
    token: str | None = field(default=None, repr=False)
    schedule: Schedule | None = None
    """None: deliver whenever a new event matches."""
    report_if_empty: bool = False
    syntax: Syntax = Syntax.JSON_LD
    epc_format: EpcFormat = EpcFormat.DIGITAL_LINK
    cbv_format: CbvFormat = CbvFormat.NO_PREFERENCE
    made: datetime
    initial_record_time: datetime
    cursor: Arrival = field(default_factory=Arrival)
    acknowledged_record_time: datetime
    due: datetime
    attempts: int = 0
    last_notified: datetime | None = None
    error: str | None = None
    suspended: bool = False


def new_id() -> str:
    """An id for a subscription that nobody can guess."""
    return secrets.token_urlsafe(18)


def add(tx: Transaction, one: Subscription) -> None:
    """Store a subscription; raises `SubscriptionTaken` and `TooManySubscriptions`."""
    if tx.connection.execute(select(table.c.id).where(table.c.id == one.id)).first():
        raise SubscriptionTaken(one.id)
    if (tx.connection.scalar(select(func.count()).select_from(table)) or 0) >= SUBSCRIPTIONS_MAX:
        raise TooManySubscriptions
    tx.connection.execute(
        insert(table).values(
            id=one.id,
            query=one.query,
            parameters=None if one.parameters is None else orjson.dumps(one.parameters),
            version=one.version,
            owner=one.owner,
            party=one.party,
            dest=one.dest,
            token=one.token,
            schedule=one.schedule and orjson.dumps(one.schedule.as_dict()).decode(),
            report_if_empty=one.report_if_empty,
            syntax=one.syntax.value,
            epc_format=one.epc_format.value,
            cbv_format=one.cbv_format.value,
            made=one.made,
            initial_record_time=one.initial_record_time,
            acknowledged_txid=one.cursor.txid,
            acknowledged_seq=one.cursor.seq,
            acknowledged_record_time=one.acknowledged_record_time,
            due=one.due,
        )
    )


def get(snapshot: Snapshot, subscription_id: str, *, party: str | None) -> Subscription | None:
    """The subscription with this id; None where it is another party's."""
    statement = select(table).where(table.c.id == subscription_id)
    if party is not None:
        statement = statement.where(table.c.party == party)
    row = snapshot.connection.execute(statement).mappings().first()
    return None if row is None else _subscription_of(row)


def of_query(
    snapshot: Snapshot, query: str, *, party: str | None, rows_max: int, after: str | None = None
) -> list[Subscription]:
    """Subscriptions to a query, by id."""
    statement = select(table).where(table.c.query == query).order_by(table.c.id).limit(rows_max)
    if party is not None:
        statement = statement.where(table.c.party == party)
    if after is not None:
        statement = statement.where(table.c.id > after)
    return [_subscription_of(row) for row in snapshot.connection.execute(statement).mappings()]


def due(snapshot: Snapshot, now: datetime, newest: Arrival, rows_max: int) -> list[Subscription]:
    """Subscriptions that are due and may have new events, longest waiting first."""
    rows = table.c
    behind = or_(
        rows.acknowledged_txid < newest.txid,
        and_(rows.acknowledged_txid == newest.txid, rows.acknowledged_seq < newest.seq),
    )
    statement = (
        select(table)
        .where(rows.suspended.is_(False), rows.due <= now, or_(rows.schedule.is_not(None), behind))
        .order_by(table.c.due)
        .limit(rows_max)
    )
    return [_subscription_of(row) for row in snapshot.connection.execute(statement).mappings()]


def any_waits_for_time(snapshot: Snapshot) -> bool:
    """Whether any becomes due by the clock alone: by its schedule, or after a failed delivery."""
    by_itself = or_(table.c.schedule.is_not(None), table.c.attempts > 0)
    statement = select(table.c.id).where(table.c.suspended.is_(False), by_itself).limit(1)
    return snapshot.connection.scalar(statement) is not None


def remove(tx: Transaction, subscription_id: str) -> bool:
    """Delete a subscription; returns whether there was one."""
    gone = tx.connection.execute(delete(table).where(table.c.id == subscription_id))
    return gone.rowcount > 0


def acknowledge(
    tx: Transaction,
    one: Subscription,
    cursor: Arrival,
    record_time: datetime,
    *,
    notified: bool,
) -> None:
    """Move the cursor: everything up to it was accepted, or does not match the query."""
    values: dict[str, Any] = {
        "acknowledged_txid": cursor.txid,
        "acknowledged_seq": cursor.seq,
        "acknowledged_record_time": record_time,
        "attempts": 0,
        "error": None,
    }
    if notified:
        values["last_notified"] = tx.now
    tx.connection.execute(update(table).where(table.c.id == one.id).values(**values))


def look_again(tx: Transaction, one: Subscription, at: datetime) -> None:
    """Set the time of the subscription's next check."""
    tx.connection.execute(update(table).where(table.c.id == one.id).values(due=at))


def failed(
    tx: Transaction, one: Subscription, reason: str, now: datetime, *, for_good: bool
) -> None:
    """Record a failed delivery: retry at growing intervals, at last suspend the subscription."""
    attempts = one.attempts + 1
    tx.connection.execute(
        update(table)
        .where(table.c.id == one.id)
        .values(
            attempts=attempts,
            error=reason[:500],
            due=now + pause_after(attempts),
            suspended=for_good or attempts >= ATTEMPTS_MAX,
        )
    )


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many failures in a row.

    >>> pause_after(1).seconds, pause_after(3).seconds, pause_after(99) == RETRY_MAX
    (5, 20, True)
    """
    doublings: int = 2 ** min(attempts - 1, 20)
    return min(RETRY_FIRST * doublings, RETRY_MAX)


def _subscription_of(row: RowMapping) -> Subscription:
    return Subscription(
        id=row["id"],
        query=row["query"],
        parameters=None if row["parameters"] is None else orjson.loads(row["parameters"]),
        version=row["version"],
        owner=row["owner"],
        party=row["party"],
        dest=row["dest"],
        token=row["token"],
        schedule=Schedule.parse(orjson.loads(row["schedule"])) if row["schedule"] else None,
        report_if_empty=row["report_if_empty"],
        syntax=Syntax(row["syntax"]),
        epc_format=EpcFormat(row["epc_format"]),
        cbv_format=CbvFormat(row["cbv_format"]),
        made=row["made"],
        initial_record_time=row["initial_record_time"],
        cursor=Arrival(row["acknowledged_txid"], row["acknowledged_seq"]),
        acknowledged_record_time=row["acknowledged_record_time"],
        due=row["due"],
        attempts=row["attempts"],
        last_notified=row["last_notified"],
        error=row["error"],
        suspended=row["suspended"],
    )
