"""Pools of serial numbers: of one GTIN, or of SSCCs that begin alike.

A random pool draws its numbers by a keyed permutation, a sequential one counts, an imported one has
a list that an authority, customer or ministry gave. Two pools of one code never share a number,
because their templates have none in common; so a number is issued once over all pools.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from epcis.database.columns import microseconds
from epcis.database.many_writers import one_at_a_time
from verification.serials.ff1 import Permutation
from verification.serials.serial_tables import serial_imported, serial_pool
from verification.serials.template import (
    GUESSES_MIN,
    PLACE,
    PLACES_MAX,
    SSCC_DIGITS,
    SerialsRefused,
    SerialTemplate,
    changing_part,
    checked_code,
)

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

KEY_BYTES = 32
REASON_CHARS_MAX = 1_000
PERSON_CHARS_MAX = 100
LISTED_MAX = 1_000
REFILL_PART = 10
"""A pool asks for more when a tenth of it is left, unless it names another number."""
DIGITS = "0123456789"


class PoolKind(StrEnum):
    """How a pool comes to its numbers."""

    RANDOM = "random"
    SEQUENTIAL = "sequential"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolWanted:
    """A pool to be opened."""

    code: str
    """GTIN, or with `is_sscc` the extension digit and GS1 Company Prefix."""
    kind: PoolKind = PoolKind.RANDOM
    is_sscc: bool = False
    template: str = PLACE * 12
    alphabet: str = DIGITS
    first: int = 0
    """The first number of a sequential pool."""
    capacity: int | None = None
    """Numbers that it may issue; as many as the rules allow where None."""
    refill_at: int | None = None
    """It asks for more once so many are left."""
    guessable_because: str = ""
    """Why numbers of a product may be guessable, such as a market without that rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialPool:
    """A pool as it stands."""

    id: str
    kind: PoolKind
    code: str
    is_sscc: bool
    template: SerialTemplate | None
    """None where the numbers were imported."""
    first: int
    capacity: int
    next: int
    """The first place that was never granted."""
    refill_at: int
    guessable_because: str
    secret: bytes
    opened_us: int
    by: str
    closed_us: int | None

    @property
    def remaining(self) -> int:
        """Numbers that were never granted."""
        return self.capacity - self.next

    @property
    def warning(self) -> str:
        """What somebody must do soon; empty where nothing is due."""
        if self.closed_us is not None or self.remaining > self.refill_at:
            return ""
        how = "import more" if self.kind is PoolKind.IMPORTED else "open another one"
        return f"pool {self.id} has {self.remaining} numbers left: {how}"

    @property
    def permutation(self) -> Permutation:
        """How a random pool mixes its places."""
        assert self.template is not None, "a random pool has a template"
        return Permutation(self.secret, len(self.template.alphabet), self.template.places)

    def as_dict(self) -> dict[str, object]:
        """The pool as `serials pool --json` and `/serials/pools` show it; never its key."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "code": self.code,
            "sscc": self.is_sscc,
            "template": self.template.text if self.template else "",
            "alphabet": self.template.alphabet if self.template else "",
            "capacity": self.capacity,
            "granted": self.next,
            "remaining": self.remaining,
            "refillAt": self.refill_at,
            "guessableBecause": self.guessable_because,
            "closed": self.closed_us is not None,
            "warning": self.warning,
        }


def open_pool(tx: Transaction, wanted: PoolWanted, *, by: str) -> SerialPool:
    """Open a pool. Raises SerialsRefused, saying which rule it breaks and what would be right."""
    code = checked_code(wanted.code, is_sscc=wanted.is_sscc)
    hold_code(tx, code)
    template = _template_of(wanted, code)
    capacity = _capacity(wanted, template)
    if template is not None:
        _share_nothing(tx, wanted, code, template, capacity)
    refill_at = wanted.refill_at
    pool_id = f"P-{tx.now:%Y%m%d}-{secrets.token_hex(4)}"
    tx.connection.execute(
        insert(serial_pool).values(
            id=pool_id,
            kind=wanted.kind.value,
            code=code,
            is_sscc=int(wanted.is_sscc),
            template=template.text if template else "",
            alphabet=template.alphabet if template else "",
            first=wanted.first,
            capacity=capacity,
            next=0,
            refill_at=capacity // REFILL_PART if refill_at is None else refill_at,
            guessable_because=wanted.guessable_because,
            secret=secrets.token_bytes(KEY_BYTES) if wanted.kind is PoolKind.RANDOM else b"",
            opened_us=microseconds(tx.now),
            by=by,
            closed_us=None,
        )
    )
    return need_pool(tx, pool_id)


def close_pool(tx: Transaction, pool_id: str) -> SerialPool:
    """Grant nothing of a pool any more; its numbers are never given to another one."""
    pool = need_pool(tx, pool_id)
    hold_code(tx, pool.code)
    tx.connection.execute(
        update(serial_pool)
        .where(serial_pool.c.id == pool_id, serial_pool.c.closed_us.is_(None))
        .values(closed_us=microseconds(tx.now))
    )
    return need_pool(tx, pool_id)


def hold_code(tx: Transaction, code: str) -> None:
    """Let no other transaction change or use the pools of a code until this one is over."""
    one_at_a_time(tx, f"serial pools of {code}")


def need_pool(snapshot: Snapshot, pool_id: str) -> SerialPool:
    """A pool by its number. Raises SerialsRefused where there is none."""
    wanted = select(serial_pool).where(serial_pool.c.id == pool_id)
    row = snapshot.connection.execute(wanted).mappings().first()
    if row is None:
        raise SerialsRefused(
            f"there is no pool {pool_id[:40]}; `packtrail serials pool` lists them"
        )
    return _of_row(row)


def pool_for(snapshot: Snapshot, code: str, count: int) -> SerialPool:
    """The oldest open pool of a GTIN or SSCC start that has `count` numbers left, or a refusal."""
    pools = pools_of(snapshot, code)
    for pool in pools:
        if pool.closed_us is None and pool.remaining >= count:
            return pool
    if not pools:
        raise SerialsRefused(f"there is no pool of {code[:40]}: open one first")
    left = max((one.remaining for one in pools if one.closed_us is None), default=0)
    raise SerialsRefused(f"no pool of {code} has {count} numbers left, the fullest has {left}")


def pools_of(snapshot: Snapshot, code: str) -> list[SerialPool]:
    """All pools of a code, the oldest first."""
    wanted = select(serial_pool).where(serial_pool.c.code == code)
    ordered = wanted.order_by(serial_pool.c.opened_us, serial_pool.c.id)
    return [_of_row(row) for row in snapshot.connection.execute(ordered).mappings()]


def list_pools(snapshot: Snapshot) -> list[SerialPool]:
    """Pools, the newest first; at most `LISTED_MAX`."""
    newest = select(serial_pool).order_by(serial_pool.c.opened_us.desc(), serial_pool.c.id)
    rows = snapshot.connection.execute(newest.limit(LISTED_MAX)).mappings()
    return [_of_row(row) for row in rows]


def _template_of(wanted: PoolWanted, code: str) -> SerialTemplate | None:
    if wanted.is_sscc:
        if wanted.kind is PoolKind.RANDOM:
            raise SerialsRefused("SSCCs are counted or imported: ask for a sequential pool")
        if wanted.kind is PoolKind.SEQUENTIAL:
            return SerialTemplate(PLACE * (SSCC_DIGITS - 1 - len(code)), DIGITS)
    if wanted.kind is PoolKind.IMPORTED:
        return None
    return SerialTemplate(wanted.template, wanted.alphabet)


def _capacity(wanted: PoolWanted, template: SerialTemplate | None) -> int:
    """How many numbers a pool may issue, by its shape and the rule on guessing."""
    if len(wanted.guessable_because) > REASON_CHARS_MAX:
        raise SerialsRefused(f"a reason has at most {REASON_CHARS_MAX} characters")
    if min(wanted.first, wanted.capacity or 0, wanted.refill_at or 0) < 0:
        raise SerialsRefused("first number, capacity and refill mark are not below 0")
    if template is None:
        return 0
    if wanted.kind is PoolKind.SEQUENTIAL:
        if not wanted.is_sscc and not wanted.guessable_because.strip():
            raise SerialsRefused(
                "serial numbers of a product that run in sequence can be guessed (2016/161 Art."
                " 4(b)): ask for a random pool, or say why they may be guessable"
            )
        most = min(template.space - wanted.first, PLACES_MAX)
        why = f"template {template.text!r} has {max(most, 0)} numbers from {wanted.first} on"
    else:
        if not template.is_wide_enough:
            raise SerialsRefused(
                f"template {template.text!r} has {template.space} numbers: too few to be drawn at"
                " random; give it more places or a larger alphabet"
            )
        most = min(template.unguessable_max, PLACES_MAX)
        why = (
            f"of {template.space} possible numbers at most {most} may be issued, so that a guess"
            f" hits one with less than 1 in {GUESSES_MIN} (2016/161 Art. 4(c))"
        )
    if not 0 < (wanted.capacity or most) <= most:
        raise SerialsRefused(f"{why}; give it more places or a larger alphabet")
    return wanted.capacity or most


def _share_nothing(
    tx: Transaction, wanted: PoolWanted, code: str, template: SerialTemplate, capacity: int
) -> None:
    """Raises SerialsRefused where a number could come from another pool of the code as well."""
    alike = select(serial_pool).where(serial_pool.c.is_sscc == int(wanted.is_sscc))
    if not wanted.is_sscc:
        alike = alike.where(serial_pool.c.code == code)
    for pool in map(_of_row, tx.connection.execute(alike).mappings()):
        if pool.template is None or not _codes_meet(pool, code):
            continue
        same = pool.code == code and pool.template == template
        if same and pool.kind is wanted.kind is PoolKind.SEQUENTIAL:
            end, other_end = wanted.first + capacity, pool.first + pool.capacity
            if wanted.first < other_end and pool.first < end:
                raise SerialsRefused(
                    f"pool {pool.id} has the numbers {pool.first} to {other_end - 1} already"
                )
        elif wanted.is_sscc or pool.template.may_share(template):
            raise SerialsRefused(
                f"pool {pool.id} has numbers like {pool.template.text!r} of {pool.code} already:"
                " give the new one another beginning or length"
            )
    imported = select(serial_imported.c.serial).where(serial_imported.c.code == code)
    for (number,) in tx.connection.execute(imported):
        if template.read(changing_part(code, number, is_sscc=wanted.is_sscc)) is not None:
            raise SerialsRefused(f"number {number} of that shape was imported already")


def _codes_meet(pool: SerialPool, code: str) -> bool:
    """Whether two codes can have a number in common: SSCC starts where one begins the other."""
    return pool.code == code or (
        pool.is_sscc and (pool.code.startswith(code) or code.startswith(pool.code))
    )


def _of_row(row: RowMapping) -> SerialPool:
    return SerialPool(
        id=row["id"],
        kind=PoolKind(row["kind"]),
        code=row["code"],
        is_sscc=bool(row["is_sscc"]),
        template=SerialTemplate(row["template"], row["alphabet"]) if row["template"] else None,
        first=row["first"],
        capacity=row["capacity"],
        next=row["next"],
        refill_at=row["refill_at"],
        guessable_because=row["guessable_because"],
        secret=row["secret"],
        opened_us=row["opened_us"],
        by=row["by"],
        closed_us=row["closed_us"],
    )
