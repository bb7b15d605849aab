"""What became of granted numbers: printed, voided, or returned unprinted; and how each one stands.

Whether a number was commissioned is not kept here: the events say so. None of these numbers is
ever granted again.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sqlalchemy import update

from verification.serials.grant import (
    IN_USE,
    VOID,
    SerialGrant,
    add_exceptions,
    grants_at,
    need_grant,
    places_in_state,
    spans_of,
)
from verification.serials.numbers import in_use, places_of, serials_at
from verification.serials.pool import (
    REASON_CHARS_MAX,
    hold_code,
    list_pools,
    need_pool,
    pools_of,
)
from verification.serials.serial_tables import serial_grant
from verification.serials.template import SerialsRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from verification.serials.pool import SerialPool

REPORTED_MAX = 100_000
"""Numbers in one report."""
_NAMED_MAX = 5


class SerialState(StrEnum):
    """How a number stands, before and after it is on a pack."""

    NOT_GRANTED = "not granted"
    GRANTED = "granted"
    PRINTED = "printed"
    RETURNED = "returned"
    VOID = "void"
    COMMISSIONED = "commissioned"
    IN_USE = "in use before it was granted"


_ON_A_PACK = frozenset({SerialState.COMMISSIONED, SerialState.IN_USE})


@dataclass(frozen=True, slots=True)
class SerialStanding:
    """How one number stands, and where it came from."""

    serial: str
    state: SerialState
    pool: str
    grant: str = ""
    line: str = ""

    @property
    def may_be_commissioned(self) -> bool:
        """Whether a line may put it on a pack now."""
        return self.state in (SerialState.GRANTED, SerialState.PRINTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReport:
    """What a line says about the numbers of a grant."""

    printed: int | None = None
    """So many of them are printed by now, from the first on."""
    void: tuple[str, ...] = ()
    """Numbers that are on no pack and never will be: misprints, rejects, destroyed labels."""
    return_rest: bool = False
    """Whether those that are not printed are returned."""
    reason: str = ""


def report_serials(
    tx: Transaction, grant_id: str, line_report: LineReport, *, by: str
) -> SerialGrant:
    """Take a line's report. Raises SerialsRefused where it contradicts what is recorded."""
    pool = need_pool(tx, need_grant(tx, grant_id).pool)
    hold_code(tx, pool.code)
    grant = need_grant(tx, grant_id)
    printed = grant.printed if line_report.printed is None else line_report.printed
    returned = grant.returned
    if printed < grant.printed:
        raise SerialsRefused(f"{grant.printed} numbers of {grant_id} were reported printed already")
    if printed > grant.count - returned:
        raise SerialsRefused(
            f"grant {grant_id} has {grant.count} numbers, of which {returned} were returned:"
            f" {printed} cannot be printed"
        )
    if line_report.return_rest:
        returned = grant.count - printed
    tx.connection.execute(
        update(serial_grant)
        .where(serial_grant.c.id == grant_id)
        .values(printed=printed, returned=returned)
    )
    if line_report.void:
        _void(tx, pool, grant, line_report, by)
    return need_grant(tx, grant_id)


def standings(snapshot: Snapshot, code: str, serials: Sequence[str]) -> dict[str, SerialStanding]:
    """How numbers of a GTIN or SSCC start stand; those of no pool of ours are left out."""
    found: dict[str, SerialStanding] = {}
    for pool in pools_of(snapshot, code):
        places = places_of(snapshot, pool, serials)
        if not places:
            continue
        used = in_use(snapshot, pool, list(places))
        grants = grants_at(snapshot, pool, list(places.values()))
        exceptions = {grant.id: _Exceptions(snapshot, grant) for grant in grants.values()}
        for number, place in places.items():
            grant = grants.get(place)
            where = ("", "")
            if grant is None:
                is_used = number in used
                state = SerialState.IN_USE if is_used else SerialState.NOT_GRANTED
            else:
                where = (grant.id, grant.line)
                state = _state(grant, exceptions[grant.id], place, is_used=number in used)
            found[number] = SerialStanding(number, state, pool.id, *where)
    return found


def unfit_numbers(snapshot: Snapshot, keys: Sequence[str]) -> dict[str, str]:
    """Of the keys of packs and cases, those whose number is of a pool of ours and may not be used.

    With how each one stands: not granted, returned or void. Numbers of others are left out.
    """
    by_code: dict[str, dict[str, str]] = {}
    for key in keys:
        if key.startswith("/01/"):
            by_code.setdefault(key[4:18], {})[unquote(key[22:])] = key
        elif key.startswith("/00/"):
            for code in _sscc_codes(snapshot):
                if key.startswith(code, 4):
                    by_code.setdefault(code, {})[key[4:]] = key
    found: dict[str, str] = {}
    for code, numbers in by_code.items():
        for one in standings(snapshot, code, list(numbers)).values():
            if not (one.may_be_commissioned or one.state in _ON_A_PACK):
                found[numbers[one.serial]] = one.state.value
    return found


def printed_numbers(snapshot: Snapshot, grant_id: str) -> list[str]:
    """The numbers of a grant that are printed, neither void nor in use. Raises SerialsRefused."""
    grant = need_grant(snapshot, grant_id)
    pool = need_pool(snapshot, grant.pool)
    found: list[str] = []
    numbered = 0
    void = set(places_in_state(snapshot, pool.id, grant.first, grant.after, VOID))
    before = set(places_in_state(snapshot, pool.id, grant.first, grant.after, IN_USE))
    for first, after in spans_of(grant):
        if numbered >= grant.printed:
            break
        numbers = serials_at(snapshot, pool, first, after)
        places = [place for place in range(first, after) if place not in before]
        places = places[: grant.printed - numbered]
        numbered += len(places)
        fit = [numbers[place - first] for place in places if place not in void]
        used = in_use(snapshot, pool, fit)
        found += [number for number in fit if number not in used]
    return found


def _sscc_codes(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(one.code for one in list_pools(snapshot) if one.is_sscc)


class _Exceptions:
    """The places of a grant that have rows of their own."""

    def __init__(self, snapshot: Snapshot, grant: SerialGrant) -> None:
        span = (grant.pool, grant.first, grant.after)
        self.in_use = places_in_state(snapshot, *span, IN_USE)
        self.void = frozenset(places_in_state(snapshot, *span, VOID))

    def was_in_use(self, place: int) -> bool:
        """Whether its number was found in use before the pool came to it."""
        at = bisect_left(self.in_use, place)
        return at < len(self.in_use) and self.in_use[at] == place


def _state(
    grant: SerialGrant, exceptions: _Exceptions, place: int, *, is_used: bool
) -> SerialState:
    if exceptions.was_in_use(place):
        return SerialState.IN_USE
    if place in exceptions.void:
        return SerialState.VOID
    if is_used:
        return SerialState.COMMISSIONED
    index = place - grant.first - bisect_left(exceptions.in_use, place)
    if index < grant.printed:
        return SerialState.PRINTED
    return SerialState.RETURNED if index >= grant.count - grant.returned else SerialState.GRANTED


def _void(
    tx: Transaction, pool: SerialPool, grant: SerialGrant, line_report: LineReport, by: str
) -> None:
    """Void numbers of a grant; those that are void already stay so."""
    if len(line_report.void) > REPORTED_MAX:
        raise SerialsRefused(f"a report names at most {REPORTED_MAX} numbers")
    if not line_report.reason.strip() or len(line_report.reason) > REASON_CHARS_MAX:
        raise SerialsRefused(f"say why numbers are void, in at most {REASON_CHARS_MAX} characters")
    places = places_of(tx, pool, line_report.void)
    left_out = set(places_in_state(tx, pool.id, grant.first, grant.after, IN_USE))
    _refuse_some(
        f"not of grant {grant.id}",
        [
            number
            for number in line_report.void
            if not grant.first <= places.get(number, -1) < grant.after or places[number] in left_out
        ],
    )
    used = in_use(tx, pool, line_report.void)
    _refuse_some(
        "commissioned already: void the pack, not its number",
        [number for number in line_report.void if number in used],
    )
    known = set(places_in_state(tx, pool.id, grant.first, grant.after, VOID))
    new = sorted(set(places.values()) - known)
    batch = f"V-{tx.now:%Y%m%d}-{secrets.token_hex(4)}"
    add_exceptions(tx, pool.id, new, state=VOID, batch=batch, by=by, reason=line_report.reason)


def _refuse_some(why: str, numbers: list[str]) -> None:
    if numbers:
        named = ", ".join(numbers[:_NAMED_MAX])
        more = f" and {len(numbers) - _NAMED_MAX} more" if len(numbers) > _NAMED_MAX else ""
        raise SerialsRefused(f"{named[:200]}{more}: {why}")
