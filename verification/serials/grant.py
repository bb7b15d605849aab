"""Grants: numbers handed to a line, once each, and the same ones to whoever asks again.

A grant is a committed span of places in its pool. It is committed before the first number is sent,
so a line or server that fails on the way loses nothing: it asks with its request id again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import insert, select, update

from epcis.database.columns import microseconds, moment_of
from epcis.database.many_writers import one_at_a_time
from verification.serials.numbers import PORTION, in_use, places_of, serials_at
from verification.serials.pool import SerialPool, hold_code, need_pool, pool_for
from verification.serials.serial_tables import serial, serial_grant, serial_pool
from verification.serials.template import SerialsRefused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

COUNT_MAX: Final = 1_000_000
"""Numbers in one grant."""
TEXT_CHARS_MAX: Final = 100
IN_USE: Final = "in-use"
VOID: Final = "void"
LISTED_MAX: Final = 1_000
_ROWS_PER_INSERT = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantWanted:
    """Numbers that a line asks for."""

    source: str
    """A pool, or a GTIN or SSCC start, which takes its oldest pool that has enough."""
    count: int
    request_id: str
    """The line's own; the same one gets the same numbers."""
    line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialGrant:
    """Numbers that were handed to a line."""

    id: str
    pool: str
    request_id: str
    line: str
    first: int
    """The first place in the pool."""
    after: int
    """The place after the last one."""
    count: int
    printed: int
    """So many are printed, from the first on."""
    returned: int
    """So many came back unprinted, at the end."""
    at: datetime
    by: str

    def as_dict(self) -> dict[str, object]:
        """The grant as `/serials/grants` shows it, without its numbers."""
        return {
            "id": self.id,
            "pool": self.pool,
            "requestId": self.request_id,
            "line": self.line,
            "count": self.count,
            "printed": self.printed,
            "returned": self.returned,
            "at": self.at.isoformat(),
            "by": self.by,
        }


def grant_serials(tx: Transaction, wanted: GrantWanted, *, by: str) -> SerialGrant:
    """Grant numbers, or find the grant that this request got before. Raises SerialsRefused."""
    _check(wanted)
    one_at_a_time(tx, f"serial request {wanted.request_id}")
    before = _by_request(tx, wanted.request_id)
    if before is not None:
        sources = (before.pool, need_pool(tx, before.pool).code)
        if wanted.source not in sources or (before.count, before.line) != (
            wanted.count,
            wanted.line,
        ):
            raise SerialsRefused(
                f"request {wanted.request_id} got {before.count} numbers of pool {before.pool}"
                " already: ask for others under a new request id"
            )
        return before
    pool = _held_pool(tx, wanted)
    if pool.closed_us is not None:
        raise SerialsRefused(f"pool {pool.id} was closed")
    grant_id = f"G-{tx.now:%Y%m%d}-{secrets.token_hex(4)}"
    after = _take(tx, pool, wanted.count, grant_id, by)
    tx.connection.execute(update(serial_pool).where(serial_pool.c.id == pool.id).values(next=after))
    tx.connection.execute(
        insert(serial_grant).values(
            id=grant_id,
            pool=pool.id,
            request_id=wanted.request_id,
            line=wanted.line,
            first=pool.next,
            after=after,
            count=wanted.count,
            printed=0,
            returned=0,
            at_us=microseconds(tx.now),
            by=by,
        )
    )
    return need_grant(tx, grant_id)


def need_grant(snapshot: Snapshot, grant_id: str) -> SerialGrant:
    """A grant by its number. Raises SerialsRefused where there is none."""
    wanted = select(serial_grant).where(serial_grant.c.id == grant_id)
    row = snapshot.connection.execute(wanted).mappings().first()
    if row is None:
        raise SerialsRefused(f"there is no grant {grant_id[:40]}")
    return _of_row(row)


def list_grants(snapshot: Snapshot, pool_id: str = "") -> list[SerialGrant]:
    """Grants, of one pool where it is named, the newest first; at most `LISTED_MAX`."""
    wanted = select(serial_grant).order_by(serial_grant.c.at_us.desc(), serial_grant.c.first.desc())
    if pool_id:
        wanted = wanted.where(serial_grant.c.pool == pool_id)
    rows = snapshot.connection.execute(wanted.limit(LISTED_MAX)).mappings()
    return [_of_row(row) for row in rows]


def grants_at(snapshot: Snapshot, pool: SerialPool, places: list[int]) -> dict[int, SerialGrant]:
    """The grants that hold these places of a pool, by place."""
    found: dict[int, SerialGrant] = {}
    known: list[SerialGrant] = []
    table = serial_grant.c
    for place in sorted(places):
        if not known or not known[-1].first <= place < known[-1].after:
            wanted = select(serial_grant).where(
                table.pool == pool.id, table.first <= place, table.after > place
            )
            row = snapshot.connection.execute(wanted).mappings().first()
            if row is None:
                continue
            known.append(_of_row(row))
        found[place] = known[-1]
    return found


def spans_of(grant: SerialGrant) -> Iterator[tuple[int, int]]:
    """The places of a grant in portions: the first place, and the one after the last."""
    for first in range(grant.first, grant.after, PORTION):
        yield first, min(first + PORTION, grant.after)


def serials_between(snapshot: Snapshot, pool: SerialPool, first: int, after: int) -> list[str]:
    """The granted numbers from place `first` to before `after`; the same ones each time."""
    numbers = serials_at(snapshot, pool, first, after)
    left_out = set(places_in_state(snapshot, pool.id, first, after, IN_USE))
    if not left_out:
        return numbers
    places = range(first, after)
    return [one for at, one in zip(places, numbers, strict=True) if at not in left_out]


def places_in_state(
    snapshot: Snapshot, pool_id: str, first: int, after: int, state: str
) -> list[int]:
    """The places from `first` to before `after` that have a row with this state, ascending."""
    table = serial.c
    wanted = select(table.place).where(
        table.pool == pool_id, table.place.between(first, after - 1), table.state == state
    )
    return list(snapshot.connection.scalars(wanted.order_by(table.place)))


def _held_pool(tx: Transaction, wanted: GrantWanted) -> SerialPool:
    """The pool to take from, which no other transaction uses until this one is over."""
    if wanted.source.isdigit():
        hold_code(tx, wanted.source)
        return pool_for(tx, wanted.source, wanted.count)
    hold_code(tx, need_pool(tx, wanted.source).code)
    return need_pool(tx, wanted.source)  # as the one before us left it


def _check(wanted: GrantWanted) -> None:
    if not 1 <= wanted.count <= COUNT_MAX:
        raise SerialsRefused(f"a grant has 1 to {COUNT_MAX} numbers")
    if not wanted.request_id.strip() or len(wanted.request_id) > TEXT_CHARS_MAX:
        raise SerialsRefused(f"a request id has 1 to {TEXT_CHARS_MAX} characters")
    if len(wanted.line) > TEXT_CHARS_MAX:
        raise SerialsRefused(f"the name of a line has at most {TEXT_CHARS_MAX} characters")


def _take(tx: Transaction, pool: SerialPool, count: int, batch: str, by: str) -> int:
    """Pass over `count` numbers that nobody uses; the place after the last one."""
    place, wanted = pool.next, count
    while wanted:
        after = min(place + min(wanted, PORTION), pool.capacity)
        if after == place:
            raise SerialsRefused(
                f"pool {pool.id} has {pool.remaining} numbers left, {count} were asked for"
            )
        numbers = serials_at(tx, pool, place, after)
        used = in_use(tx, pool, numbers)
        places = sorted(places_of(tx, pool, sorted(used)).values())
        add_exceptions(tx, pool.id, places, state=IN_USE, batch=batch, by=by, reason="")
        wanted -= after - place - len(used)
        place = after
    return place


def add_exceptions(
    tx: Transaction,
    pool_id: str,
    places: list[int],
    *,
    state: str,
    batch: str,
    by: str,
    reason: str,
) -> None:
    """Give places of a pool rows of their own."""
    at_us = microseconds(tx.now)
    for start in range(0, len(places), _ROWS_PER_INSERT):
        rows = [
            {
                "pool": pool_id,
                "place": place,
                "state": state,
                "batch": batch,
                "at_us": at_us,
                "by": by,
                "reason": reason,
            }
            for place in places[start : start + _ROWS_PER_INSERT]
        ]
        tx.connection.execute(insert(serial), rows)


def _by_request(snapshot: Snapshot, request_id: str) -> SerialGrant | None:
    wanted = select(serial_grant).where(serial_grant.c.request_id == request_id)
    row = snapshot.connection.execute(wanted).mappings().first()
    return None if row is None else _of_row(row)


def _of_row(row: RowMapping) -> SerialGrant:
    return SerialGrant(
        id=row["id"],
        pool=row["pool"],
        request_id=row["request_id"],
        line=row["line"],
        first=row["first"],
        after=row["after"],
        count=row["count"],
        printed=row["printed"],
        returned=row["returned"],
        at=moment_of(row["at_us"]),
        by=row["by"],
    )
