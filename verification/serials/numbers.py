"""The numbers at the places of a pool, and the places of numbers, many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from epcis.database.columns import pack_key
from epcis.database.raw_driver import RawDriver
from verification.serials.pool import PoolKind
from verification.serials.serial_tables import serial_imported
from verification.serials.template import PLACE, changing_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from epcis.database.transactions import Snapshot
    from verification.serials.pool import SerialPool

    Signs = npt.NDArray[np.uint8]

PORTION = 50_000
"""Numbers computed at a time: a few megabytes."""
_KEYS_AT_ONCE = 10_000
_SAME_KEYS = "SELECT key FROM item_key WHERE key"
_ANY_KEY = "SELECT 1 FROM item_key WHERE key >= ? AND key < ? LIMIT 1"


def serials_at(snapshot: Snapshot, pool: SerialPool, first: int, after: int) -> list[str]:
    """The numbers at places `first` to before `after`; SSCCs with their check digit."""
    if pool.kind is PoolKind.IMPORTED:
        table = serial_imported.c
        at = table.place.between(first, after - 1)
        rows = select(table.serial).where(table.pool == pool.id, at).order_by(table.place)
        return list(snapshot.connection.scalars(rows))
    if first >= after:
        return []
    signs = _signs(pool, first, after)
    width = signs.shape[1]
    text = signs.tobytes().decode("ascii")
    return [text[at : at + width] for at in range(0, len(text), width)]


def tails_at(snapshot: Snapshot, pool: SerialPool, first: int, after: int) -> dict[str, str]:
    """The further elements that imported numbers have, such as a crypto code, by number."""
    if pool.kind is not PoolKind.IMPORTED:
        return {}
    table = serial_imported.c
    rows = select(table.serial, table.tail).where(
        table.pool == pool.id, table.place.between(first, after - 1), table.tail != ""
    )
    return {row.serial: row.tail for row in snapshot.connection.execute(rows)}


def places_of(snapshot: Snapshot, pool: SerialPool, serials: Sequence[str]) -> dict[str, int]:
    """The places of those of the numbers that belong to a pool, granted or not."""
    if pool.template is None:
        table = serial_imported.c
        found: dict[str, int] = {}
        for portion in portions(serials, _KEYS_AT_ONCE):
            rows = select(table.serial, table.place).where(
                table.pool == pool.id, table.serial.in_(portion)
            )
            found |= {row.serial: row.place for row in snapshot.connection.execute(rows)}
        return found
    of_shape: dict[str, int] = {}
    for number in serials:
        value = pool.template.read(changing_part(pool.code, number, is_sscc=pool.is_sscc))
        if value is not None:
            of_shape[number] = value
    values = list(of_shape.values())
    if pool.kind is PoolKind.RANDOM:
        places = pool.permutation.mix(values, back=True)
    else:
        places = [value - pool.first for value in values]
    return {
        number: place
        for number, place in zip(of_shape, places, strict=True)
        if 0 <= place < pool.capacity
    }


def in_use(snapshot: Snapshot, pool: SerialPool, serials: Sequence[str]) -> set[str]:
    """Those of the numbers that some event names already."""
    driver = RawDriver(snapshot)
    start = "/00/" if pool.is_sscc else f"/01/{pool.code}/21/"
    # A packed key begins with its shape and code, so a code without items is one look.
    heads = {pack_key(start + sample)[: 1 if pool.is_sscc else 7] for sample in _SAMPLES}
    ends = (
        head[:-1] + bytes([head[-1] + 1]) if head[-1] < 255 else head + b"\xff" for head in heads
    )
    if not any(driver.one(_ANY_KEY, pair) for pair in zip(heads, ends, strict=True)):
        return set()
    found: set[str] = set()
    for portion in portions(serials, _KEYS_AT_ONCE):
        keys = {pack_key(start + number): number for number in portion}
        found |= {keys[bytes(key)] for (key,) in driver.all_in(_SAME_KEYS, sorted(keys))}
    return found


_SAMPLES = ("000000000000000018", "A")
"""One of each shape that keys of serials have: digits, and other characters."""


def portions(values: Iterable[str], size: int) -> Iterator[list[str]]:
    """The values in lists of at most `size`."""
    portion: list[str] = []
    for value in values:
        portion.append(value)
        if len(portion) == size:
            yield portion
            portion = []
    if portion:
        yield portion


def _signs(pool: SerialPool, first: int, after: int) -> Signs:
    """The characters of the numbers, one number a row."""
    import numpy as np  # few commands and routes need it

    template = pool.template
    assert template is not None, "only imported numbers have no template"
    radix = np.uint64(len(template.alphabet))
    letters = np.frombuffer(template.alphabet.encode(), np.uint8)
    numbers = np.arange(first + pool.first, after + pool.first, dtype=np.uint64)
    parts = [(numbers, template.places)]
    if pool.kind is PoolKind.RANDOM:
        left_places = template.places // 2
        size = np.uint64(pool.permutation.sizes[1])
        left, right = pool.permutation.halves(numbers // size, numbers % size)
        parts = [(left, left_places), (right, template.places - left_places)]
    columns: list[Signs] = []
    for part, width in parts:
        powers = (radix ** np.uint64(power) for power in reversed(range(width)))
        columns += [letters[(part // power % radix).astype(np.intp)] for power in powers]
    changing = iter(columns)
    rows = np.empty((after - first, len(template.text)), np.uint8)
    for at, sign in enumerate(template.text):
        rows[:, at] = next(changing) if sign == PLACE else ord(sign)
    return _with_sscc_frame(pool.code, rows) if pool.is_sscc else rows


def _with_sscc_frame(start: str, rows: Signs) -> Signs:
    """The start of SSCCs before their references, and the check digit behind."""
    import numpy as np  # as above

    head = np.tile(np.frombuffer(start.encode(), np.uint8), (len(rows), 1))
    digits = np.hstack([head, rows])
    values = digits.astype(np.int64) - ord("0")
    total = 3 * values[:, ::-2].sum(axis=1) + values[:, -2::-2].sum(axis=1)
    check = (-total % 10 + ord("0")).astype(np.uint8)
    return np.hstack([digits, check[:, None]])
