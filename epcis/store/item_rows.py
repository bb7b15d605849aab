"""Rows of items, found, added and changed by the block.

Items that go through the same things together share one `Life`, so most statements here touch up
to 64 rows. On SQLite the keys of a statement are one value, cut up by the database: binding each
by itself costs more than finding it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from epcis.store.life import time_of_moment
from epcis.store.named import ids_of, signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from epcis.store.bulk import Hand, Row
    from epcis.store.lives import Life

COLUMNS = "id, key, lot, standing, parent, age, moment, moment + lead"
_KEYS_AT_ONCE_MAX = 256
_BY_KEY = f"SELECT {COLUMNS} FROM item WHERE key"  # noqa: S608  # our own names
_BY_ID = f"SELECT {COLUMNS} FROM item WHERE id"  # noqa: S608  # our own names
_LOCKED = " ORDER BY id FOR UPDATE"
_ADDED = ("id", "key", "lot", "standing", "parent", "age", "moment", "lead")
_CHANGE = (
    "UPDATE item SET lot = ?, standing = ?, parent = ?, age = ?, moment = ?, lead = ?"
    " WHERE id BETWEEN ? AND ? AND ? & (CAST(1 AS BIGINT) << CAST(id & 63 AS INTEGER)) <> 0"
)
_CHANGE_POSTGRESQL = """
UPDATE item SET lot = v.lot, standing = v.standing, parent = v.parent, age = v.age,
  moment = v.moment, lead = v.lead
FROM unnest(%s::int4[], %s::int4[], %s::int8[], %s::int8[], %s::int8[], %s::int8[], %s::int8[],
  %s::int8[], %s::int8[]) AS v(lot, standing, parent, age, moment, lead, low, high, mask)
WHERE item.id BETWEEN v.low AND v.high AND v.mask & (1::int8 << (item.id & 63)::int4) <> 0
"""


def rows_by_key(hand: Hand, keys: Sequence[bytes]) -> list[Row]:
    """The rows (`COLUMNS`) of the items with these packed keys; locked for the act."""
    if not hand.is_sqlite:
        return hand.all_in(_BY_KEY, keys, _LOCKED)
    rows: list[Row] = []
    for size, alike in groupby(sorted(keys, key=len), len):
        some = list(alike)
        for at in range(0, len(some), _KEYS_AT_ONCE_MAX):
            piece = some[at : at + _KEYS_AT_ONCE_MAX]
            width = min(1 << (len(piece) - 1).bit_length(), _KEYS_AT_ONCE_MAX)
            rows += hand.all(_find_of(width), (b"".join(piece), size, len(piece)))
    return rows


def rows_by_id(hand: Hand, ids: Sequence[int]) -> list[Row]:
    """The rows (`COLUMNS`) of the items with these ids; locked for the act."""
    return hand.all_in(_BY_ID, ids, "" if hand.is_sqlite else _LOCKED)


def add_rows(hand: Hand, lives: Sequence[Life], keys: Mapping[int, Sequence[bytes]]) -> None:
    """Add the rows of new items; `keys` are those of a block, by their place in it."""
    if hand.is_sqlite:
        for life in lives:
            _add_block(hand, life, keys[life.block])
        return
    rows = [
        (number, keys[life.block][number & 63], *_state(life))
        for life in lives
        for number in ids_of(life.block, life.mask)
    ]
    hand.insert("item", _ADDED, rows)


def change_rows(hand: Hand, lives: Sequence[Life]) -> None:
    """Change the rows of known items."""
    rows = [(*_state(life), *_span(life), signed(life.mask)) for life in lives]
    if hand.is_sqlite:
        hand.run_many(_CHANGE, rows)
    elif rows:
        hand.run(_CHANGE_POSTGRESQL, [list(column) for column in zip(*rows, strict=True)])


def _add_block(hand: Hand, life: Life, keys: Sequence[bytes]) -> None:
    low, high = _span(life)
    named = keys[low & 63 : (high & 63) + 1]
    size = len(named[0])
    if life.mask == ((1 << len(named)) - 1) << (low & 63) and all(len(k) == size for k in named):
        many = (low, *_state(life), b"".join(named), size, len(named))
        hand.run(_add_of(1 << (len(named) - 1).bit_length()), many)
        return
    for number in ids_of(life.block, life.mask):
        key = keys[number & 63]
        hand.run(_add_of(1), (number, *_state(life), key, len(key), 1))


def _state(life: Life) -> Row:
    age = time_of_moment(life.moment) - life.first
    return life.lot, life.standing, life.parent, age, life.moment, life.horizon - life.moment


def _span(life: Life) -> tuple[int, int]:
    """The first and the last id of a life's items."""
    first = life.block << 6
    return first + (life.mask & -life.mask).bit_length() - 1, first + life.mask.bit_length() - 1


@lru_cache(maxsize=16)
def _find_of(width: int) -> str:
    return (
        f"SELECT {COLUMNS} FROM {_counting(width)} CROSS JOIN item"  # noqa: S608  # our own names
        " ON n < ?3 AND key = substr(?1, n * ?2 + 1, ?2)"
    )


@lru_cache(maxsize=16)
def _add_of(width: int) -> str:
    return (
        "INSERT INTO item (id, key, lot, standing, parent, age, moment, lead)"  # noqa: S608  # our own names
        " SELECT ?1 + n, substr(?8, n * ?9 + 1, ?9), ?2, ?3, ?4, ?5, ?6, ?7"
        f" FROM {_counting(width)} WHERE n < ?10"
    )


def _counting(width: int) -> str:
    """A table with one column n that counts from 0."""
    return f"(SELECT column1 AS n FROM (VALUES {', '.join(f'({n})' for n in range(width))}))"  # noqa: S608  # numbers
