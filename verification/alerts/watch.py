"""Looks through the history of questions for anomalies, beside the requests.

A cursor says how far it got, in the act that keeps what was found, so a restart goes on where it
stopped. Looking only reads, in small portions and at most a quarter of the time; what is found is
written in one short act, each thing once.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import func, insert, or_, select, update

from epcis.database.columns import microseconds, moment_of
from epcis.store.event_tables import master_data, master_data_attribute
from verification.alerts.anomalies import Anomaly, of_client, of_pack
from verification.decision.restrictions import current_restrictions
from verification.registry.history import Past, history
from verification.registry.pack_tables import anomaly, anomaly_watch, bulk, pack_operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import RowMapping

    from epcis.clock import Clock
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction
    from verification.alerts.anomalies import AnomalyLimits, Coordinates
    from verification.settings import VerificationSettings

ROWS_A_LOOK_MAX = 500
"""Questions looked at in one portion."""
SETTLED_AFTER = timedelta(seconds=10)
"""Younger rows may still get an elder sister from an act under way in another process."""
REST = 3.0
"""Time of rest for each time of looking: a quarter of one core at most."""
LISTED_MAX = 1000
COMMENT_CHARACTERS_MAX = 500
_CURSOR = "questions"
_LATITUDE, _LONGITUDE = (f"urn:epcglobal:cbv:mda#{name}" for name in ("latitude", "longitude"))


class Looked(NamedTuple):
    """What one look came to."""

    rows: int
    found: int
    """Anomalies that were not known before."""


class Odd(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An anomaly as it is kept."""

    id: str
    at: datetime
    kind: str
    severity: str
    code: str
    serial: str
    client: str
    what: str
    hint: str
    closed: datetime | None = None
    closed_by: str | None = None
    comment: str | None = None


class NotOpenError(LookupError):
    """There is no open anomaly with this id."""


async def run_watch(
    store: Store, clock: Clock, stop: asyncio.Event, settings: VerificationSettings
) -> None:
    """Look again and again until `stop` is set."""
    while not stop.is_set():
        began_s = time.monotonic()
        looked = await asyncio.to_thread(look, store, clock(), settings.anomaly_limits)
        rest_s = REST * (time.monotonic() - began_s)
        if looked.rows < ROWS_A_LOOK_MAX:
            rest_s = settings.anomalies_every_s
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), rest_s)


def look(store: Store, now: datetime, limits: AnomalyLimits) -> Looked:
    """Look through the next portion of the history and keep what is odd about it."""
    with store.read() as snapshot:
        seen = _seen(snapshot)
        rows = _portion(snapshot, seen, now)
        found = list(_odd(snapshot, rows, limits)) if rows else []
    if not rows:
        return Looked(0, 0)
    with store.write(now) as tx:
        fresh = sum(_keep(tx, one) for one in found)
        _advance(tx, seen, rows[-1].id)
        # A crash before the commit looks at this portion again, and keeps each thing once.
    return Looked(len(rows), fresh)


def anomalies(
    snapshot: Snapshot, *, since: datetime, until: datetime, only_open: bool = False
) -> Iterator[Odd]:
    """Anomalies found in a range of time, newest first, at most `LISTED_MAX`."""
    table = anomaly.c
    wanted = select(anomaly).where(
        table.at_us >= microseconds(since), table.at_us < microseconds(until)
    )
    if only_open:
        wanted = wanted.where(table.closed_us.is_(None))
    rows = snapshot.connection.execute(wanted.order_by(table.at_us.desc()).limit(LISTED_MAX))
    yield from (_of_row(row) for row in rows.mappings())


def close(tx: Transaction, anomaly_id: str, *, by: str, comment: str) -> Odd:
    """Close an anomaly with what came of it; raises `NotOpenError` or ValueError."""
    if not 0 < len(comment) <= COMMENT_CHARACTERS_MAX:
        raise ValueError(f"say what came of it in 1 to {COMMENT_CHARACTERS_MAX} characters")
    here = (anomaly.c.id == anomaly_id, anomaly.c.closed_us.is_(None))
    done = tx.connection.execute(
        update(anomaly)
        .where(*here)
        .values(closed_us=microseconds(tx.now), closed_by=by, comment=comment)
    )
    if done.rowcount == 0:
        raise NotOpenError(f"there is no open anomaly {anomaly_id[:40]}")
    row = tx.connection.execute(select(anomaly).where(anomaly.c.id == anomaly_id)).mappings().one()
    return _of_row(row)


class _Row(NamedTuple):
    """One question or act, with its place in the order of all."""

    id: int
    past: Past


def _seen(snapshot: Snapshot) -> int:
    found = snapshot.connection.execute(
        select(anomaly_watch.c.seen).where(anomaly_watch.c.name == _CURSOR)
    ).scalar()
    return found or 0


def _portion(snapshot: Snapshot, seen: int, now: datetime) -> list[_Row]:
    """The next rows after the cursor that are settled, in order."""
    rows = (
        snapshot.connection.execute(
            select(pack_operation)
            .where(pack_operation.c.id > seen)
            .order_by(pack_operation.c.id)
            .limit(ROWS_A_LOOK_MAX)
        )
        .mappings()
        .all()
    )
    settled_us = microseconds(now - SETTLED_AFTER)
    settled = []
    for row in rows:
        if row["at_us"] > settled_us:
            break
        settled.append(_Row(row["id"], _past(row)))
    return settled


def _advance(tx: Transaction, seen: int, to: int) -> None:
    here = anomaly_watch.c.name == _CURSOR
    statement = update(anomaly_watch).where(here, anomaly_watch.c.seen == seen).values(seen=to)
    if tx.connection.execute(statement).rowcount == 0 and seen == 0:
        tx.connection.execute(insert(anomaly_watch).values(name=_CURSOR, seen=to))


def _odd(snapshot: Snapshot, rows: Sequence[_Row], limits: AnomalyLimits) -> Iterator[Anomaly]:
    where = _places(snapshot)
    premises = frozenset(
        row.location for row in current_restrictions(snapshot).participants.values()
    )
    for code, serial in sorted({(r.past.code, r.past.serial) for r in rows if r.past.location}):
        sightings = [_at_a_place(past, premises) for past in history(snapshot, code, serial)]
        yield from of_pack(sightings, where, limits)
    by_client = sorted(rows, key=lambda row: (row.past.client, row.past.location, row.id))
    for (client, place), own in groupby(by_client, lambda r: (r.past.client, r.past.location)):
        fresh = [row.past for row in _outside_bulks(snapshot, client, own)]
        if fresh:
            before = _before(snapshot, rows[0].id, client, place, limits.burst_requests)
            yield from of_client([*before, *fresh], limits)


def _at_a_place(past: Past, premises: frozenset[str]) -> Past:
    """The row, its location left out where it is no place but the name of a till."""
    is_place = past.location in premises or past.location.startswith("/414/")
    return past if is_place else replace(past, location="")


def _outside_bulks(snapshot: Snapshot, client: str, rows: Iterable[_Row]) -> list[_Row]:
    """Rows that are no part of a bulk: a bulk is many at once by intention."""
    own = list(rows)
    first_us, last_us = microseconds(own[0].past.at), microseconds(own[-1].past.at)
    table = bulk.c
    spans = snapshot.connection.execute(
        select(table.received_us, table.finished_us).where(
            table.client == client,
            table.received_us <= last_us,
            or_(table.finished_us.is_(None), table.finished_us >= first_us),
        )
    ).all()
    return [row for row in own if not any(_within(row.past, *span) for span in spans)]


def _within(past: Past, since_us: int, until_us: int | None) -> bool:
    at_us = microseconds(past.at)
    return since_us <= at_us and (until_us is None or at_us <= until_us)


def _before(snapshot: Snapshot, first: int, client: str, place: str, rows_max: int) -> list[Past]:
    """The client's latest rows before the portion: a burst or run may have begun there."""
    table = pack_operation.c
    rows = (
        snapshot.connection.execute(
            select(pack_operation)
            .where(table.client == client, table.location == place, table.id < first)
            .order_by(table.at_us.desc())
            .limit(rows_max)
        )
        .mappings()
        .all()
    )
    return [_past(row) for row in reversed(rows)]


def _past(row: RowMapping) -> Past:
    return Past(
        moment_of(row["at_us"]),
        moment_of(row["scanned_us"]) if row["scanned_us"] is not None else None,
        row["code"],
        row["serial"],
        row["operation"],
        row["result"],
        row["client"],
        row["location"],
        row["alert"],
        row["rules"],
        {},
    )


def _places(snapshot: Snapshot) -> dict[str, Coordinates]:
    """Where places are, as far as their master data says so."""
    table = master_data_attribute.c
    rows = snapshot.connection.execute(
        select(master_data.c.key, table.name, table.value)
        .join(
            master_data_attribute,
            (table.type == master_data.c.type) & (table.id == master_data.c.id),
        )
        .where(table.name.in_((_LATITUDE, _LONGITUDE)))
        .order_by(master_data.c.stated_at)
    )
    seen_at: dict[str, dict[str, float]] = {}
    for key, name, value in rows:
        with suppress(ValueError):
            seen_at.setdefault(key, {})[name] = float(value)
    whole = {key: one for key, one in seen_at.items() if len(one) == 2}
    return {key: (one[_LATITUDE], one[_LONGITUDE]) for key, one in whole.items()}


def _keep(tx: Transaction, one: Anomaly) -> bool:
    """Keep an anomaly, unless it is known; each change of the table is an entry of the log."""
    known = select(func.count()).select_from(anomaly).where(anomaly.c.id == one.id)
    if tx.connection.execute(known).scalar_one():
        return False
    tx.connection.execute(
        insert(anomaly).values(
            id=one.id,
            at_us=microseconds(tx.now),
            kind=one.finding.code,
            severity=one.finding.severity.value,
            code=one.code,
            serial=one.serial,
            client=one.client,
            what=one.finding.what,
            hint=one.finding.hint,
        )
    )
    return True


def _of_row(row: RowMapping) -> Odd:
    return Odd(
        id=row["id"],
        at=moment_of(row["at_us"]),
        kind=row["kind"],
        severity=row["severity"],
        code=row["code"],
        serial=row["serial"],
        client=row["client"],
        what=row["what"],
        hint=row["hint"],
        closed=moment_of(row["closed_us"]) if row["closed_us"] is not None else None,
        closed_by=row["closed_by"],
        comment=row["comment"],
    )
