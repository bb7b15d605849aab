"""Numbers that others made: an authority, a customer, or a ministry's emission service.

Each line of a list is a serial number, or a GS1 text that names the product and the serial number
(and what else is to be printed with it, such as a crypto key and code in (91) and (92)).
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import insert, select, update

from schemas.gs1.content_rules import has_check_digit
from schemas.gs1.element_string import bracketed
from schemas.gs1.reading import read
from verification.serials.guessable import SERIALS_MAX, TEXT_82, serial_faults
from verification.serials.numbers import in_use, portions
from verification.serials.pool import PoolKind, SerialPool, hold_code, need_pool, pools_of
from verification.serials.serial_tables import serial_imported, serial_pool
from verification.serials.template import GUESSES_MIN, SSCC_DIGITS, SerialsRefused, changing_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from epcis.ledger.store import Transaction

LINE_CHARS_MAX: Final = 400
_NAMED_MAX = 5
_ROWS_AT_ONCE = 5_000


class ImportedNumber(NamedTuple):
    """One number of a list."""

    serial: str
    tail: str = ""
    """Further elements, with brackets."""


def read_numbers(lines: Iterable[str], pool: SerialPool) -> list[ImportedNumber]:
    """The numbers of a list, one a line; empty lines are passed over. Raises SerialsRefused.

    The text of a line is as a scanner sends it, with brackets, or the bare number.
    """
    found: list[ImportedNumber] = []
    for at, line in enumerate(lines, 1):
        text = line.strip("\r\n ")
        if not text:
            continue
        if len(text) > LINE_CHARS_MAX:
            raise SerialsRefused(f"line {at}: longer than {LINE_CHARS_MAX} characters")
        if len(found) == SERIALS_MAX:
            raise SerialsRefused(f"a list has at most {SERIALS_MAX} numbers")
        try:
            found.append(_sscc(text, pool) if pool.is_sscc else _serial(text, pool))
        except ValueError as fault:
            raise SerialsRefused(f"line {at}: {fault}") from None
    if not found:
        raise SerialsRefused("the list has no numbers")
    return found


def import_serials(tx: Transaction, pool_id: str, numbers: Sequence[ImportedNumber]) -> SerialPool:
    """Add the numbers to an imported pool, all or none. Raises SerialsRefused, naming some."""
    hold_code(tx, need_pool(tx, pool_id).code)
    pool = need_pool(tx, pool_id)
    if pool.kind is not PoolKind.IMPORTED or pool.closed_us is not None:
        raise SerialsRefused(f"pool {pool_id} takes no imported numbers: open one of that kind")
    texts = [one.serial for one in numbers]
    _refuse_repeats(tx, pool, texts)
    if not pool.is_sscc and not pool.guessable_because.strip():
        for _, what, _ in serial_faults(texts, pool.capacity, GUESSES_MIN):
            raise SerialsRefused(what)
    batch = f"L-{tx.now:%Y%m%d}-{secrets.token_hex(4)}"
    rows = (
        {
            "pool": pool.id,
            "place": place,
            "code": pool.code,
            "serial": one.serial,
            "tail": one.tail,
            "batch": batch,
        }
        for place, one in enumerate(numbers, pool.capacity)
    )
    for start in range(0, len(numbers), _ROWS_AT_ONCE):
        some = [row for row, _ in zip(rows, numbers[start : start + _ROWS_AT_ONCE], strict=False)]
        tx.connection.execute(insert(serial_imported), some)
    capacity = pool.capacity + len(numbers)
    tx.connection.execute(
        update(serial_pool).where(serial_pool.c.id == pool.id).values(capacity=capacity)
    )
    return replace(pool, capacity=capacity)


def _refuse_repeats(tx: Transaction, pool: SerialPool, texts: Sequence[str]) -> None:
    """Refuse numbers that came before, from anywhere."""
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            raise SerialsRefused(f"number {text} is in the list twice")
        seen.add(text)
    for portion in portions(texts, _ROWS_AT_ONCE):
        wanted = select(serial_imported.c.serial).where(
            serial_imported.c.code == pool.code, serial_imported.c.serial.in_(portion)
        )
        _refuse("imported already", list(tx.connection.scalars(wanted)))
    for other in pools_of(tx, pool.code):
        if other.template is not None:
            template = other.template
            like = [
                text
                for text in texts
                if template.read(changing_part(pool.code, text, is_sscc=pool.is_sscc)) is not None
            ]
            _refuse(f"of the shape that pool {other.id} issues", like)
    _refuse("on packs already", sorted(in_use(tx, pool, texts)))


def _refuse(why: str, numbers: Sequence[str]) -> None:
    if numbers:
        named = ", ".join(numbers[:_NAMED_MAX])
        raise SerialsRefused(f"{len(numbers)} numbers are {why}, such as {named}")


def _sscc(text: str, pool: SerialPool) -> ImportedNumber:
    digits = text.removeprefix("(00)")
    if len(digits) != SSCC_DIGITS or not digits.isdigit() or not has_check_digit(digits):
        raise ValueError(f"{text[:40]!r} is no SSCC")
    if not digits.startswith(pool.code):
        raise ValueError(f"SSCC {digits} does not begin with {pool.code}")
    return ImportedNumber(digits)


def _serial(text: str, pool: SerialPool) -> ImportedNumber:
    if TEXT_82.match(text) and not text.startswith("("):
        return ImportedNumber(text)
    reading = read(text)
    elements = dict(reading.elements)
    gtin, serial = elements.pop("01", ""), elements.pop("21", "")
    if not serial or not TEXT_82.match(serial):
        raise ValueError(f"{text[:60]!r} is neither a serial number nor a GS1 text with (01), (21)")
    if gtin != pool.code:
        raise ValueError(f"{text[:60]!r} is of product {gtin or 'none'}, the pool of {pool.code}")
    return ImportedNumber(serial, bracketed(tuple(elements.items())) if elements else "")
