"""Rows of items, found, added and changed by the block.

Items that go through the same things together share one `Life`, so most statements here touch up
to 64 rows. On SQLite the keys of a statement are one value, cut up by the database: binding each
by itself costs more than finding it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from epcis.store.item_keys import enter_keys
from epcis.store.moments import time_of_moment
from epcis.store.named import ids_of, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from epcis.database.raw_driver import RawDriver, Row
    from epcis.store.item_states import Life

COLUMNS = "id, key, lot, state_id, parent, age, moment, moment + lead"
_KEYS_AT_ONCE_MAX = 256
_BY_ID = f"SELECT {COLUMNS} FROM item WHERE id"  # noqa: S608  # our own names
_LOCKED = " ORDER BY id FOR UPDATE"
_FIND_POSTGRESQL = f"""
SELECT {COLUMNS} FROM item WHERE key = ANY(ARRAY(
  SELECT substring(%b::bytea FROM n * %s + 1 FOR %s) FROM generate_series(0, %s - 1) AS n))
ORDER BY id FOR UPDATE
"""  # noqa: S608  # our own names
_ADD_POSTGRESQL = """
INSERT INTO item (id, key, lot, state_id, parent, age, moment, lead)
SELECT v.low + n, substring(%b::bytea FROM v.place + n * v.size FOR v.size),
  v.lot, v.state_id, v.parent, v.age, v.moment, v.lead
FROM unnest(%s::int8[], %s::int4[], %s::int4[], %s::int8[], %s::int8[], %s::int8[], %s::int8[],
  %s::int4[], %s::int4[], %s::int4[])
  AS v(low, lot, state_id, parent, age, moment, lead, place, size, many),
  generate_series(0, v.many - 1) AS n
"""
_CHANGE = (
    "UPDATE item SET lot = ?, state_id = ?, parent = ?, age = ?, moment = ?, lead = ?"
    " WHERE id BETWEEN ? AND ? AND ? & (CAST(1 AS BIGINT) << CAST(id & 63 AS INTEGER)) <> 0"
)
_CHANGE_POSTGRESQL = """
UPDATE item SET lot = v.lot, state_id = v.state_id, parent = v.parent, age = v.age,
  moment = v.moment, lead = v.lead
FROM unnest(%s::int4[], %s::int4[], %s::int8[], %s::int8[], %s::int8[], %s::int8[], %s::int8[],
  %s::int8[], %s::int8[]) AS v(lot, state_id, parent, age, moment, lead, low, high, mask)
WHERE item.id BETWEEN v.low AND v.high AND v.mask & (1::int8 << (item.id & 63)::int4) <> 0
"""


def rows_by_key(hand: RawDriver, keys: Sequence[bytes]) -> list[Row]:
    """The rows (`COLUMNS`) of the items with these packed keys; locked for the act."""
    rows: list[Row] = []
    # In the order of the index, so that a page of a large one is needed once.
    for size, same_size in groupby(sorted(sorted(keys), key=len), len):
        alike = list(same_size)
        if not hand.is_sqlite:
            rows += hand.all(_FIND_POSTGRESQL, (b"".join(alike), size, size, len(alike)))
            continue
        for at in range(0, len(alike), _KEYS_AT_ONCE_MAX):
            some = alike[at : at + _KEYS_AT_ONCE_MAX]
            rows += hand.all(_find_of(_width(len(some))), (b"".join(some), size, len(some)))
    return rows


def rows_by_id(hand: RawDriver, ids: Sequence[int]) -> list[Row]:
    """The rows (`COLUMNS`) of the items with these ids; locked for the act."""
    return hand.all_in(_BY_ID, ids, "" if hand.is_sqlite else _LOCKED)


def add_rows(hand: RawDriver, lives: Sequence[Life], keys: Mapping[int, Sequence[bytes]]) -> None:
    """Add the rows of new items; `keys` are those of a block, by their place in it."""
    runs = [(*run, _state(life)) for life in lives for run in _runs(life, keys[life.block])]
    if hand.is_sqlite:
        for low, named, state in runs:
            values = (low, *state, b"".join(named), len(named[0]), len(named))
            hand.run(_add_of(_width(len(named))), values)
        if lives:
            spans = [_span(life) for life in lives]
            enter_keys(hand, min(spans)[0], max(last for _, last in spans))
    elif runs:
        places = accumulate((len(named) * len(named[0]) for _, named, _ in runs), initial=1)
        rows = [
            (low, *state, place, len(named[0]), len(named))
            for (low, named, state), place in zip(runs, places, strict=False)
        ]
        joined = b"".join(key for _, named, _ in runs for key in named)
        hand.run(_ADD_POSTGRESQL, (joined, *map(list, zip(*rows, strict=True))))


def change_rows(hand: RawDriver, lives: Sequence[Life]) -> None:
    """Change the rows of known items."""
    rows = [(*_state(life), *_span(life), signed(life.mask)) for life in lives]
    if hand.is_sqlite:
        hand.run_many(_CHANGE, rows)
    elif rows:
        hand.run(_CHANGE_POSTGRESQL, [list(column) for column in zip(*rows, strict=True)])


def _runs(life: Life, keys: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Neighbours among the items of a life whose keys are of one size: first id, keys."""
    low, high = (number & 63 for number in _span(life))
    is_whole = life.mask >> low == (1 << high - low + 1) - 1
    if is_whole and len(set(map(len, keys[low : high + 1]))) == 1:
        yield (life.block << 6) + low, keys[low : high + 1]
        return
    for number in ids_of(life.block, life.mask):
        yield number, (keys[number & 63],)


def _state(life: Life) -> Row:
    age = time_of_moment(life.moment) - life.first
    return life.lot, life.state_id, life.parent, age, life.moment, life.horizon - life.moment


def _span(life: Life) -> tuple[int, int]:
    """The first and the last id of a life's items."""
    first = life.block << 6
    return first + (life.mask & -life.mask).bit_length() - 1, first + life.mask.bit_length() - 1


def _width(count: int) -> int:
    """A number of rows that a statement is prepared for."""
    return 1 << (count - 1).bit_length()


@lru_cache(maxsize=16)
def _find_of(width: int) -> str:
    return (
        f"SELECT {COLUMNS} FROM {_counting(width)} CROSS JOIN item"  # noqa: S608  # our own names
        " ON n < ?3 AND id = (SELECT k.id FROM item_key k WHERE k.key = substr(?1, n * ?2 + 1, ?2))"
    )


@lru_cache(maxsize=16)
def _add_of(width: int) -> str:
    return (
        "INSERT INTO item (id, key, lot, state_id, parent, age, moment, lead)"  # noqa: S608  # our own names
        " SELECT ?1 + n, substr(?8, n * ?9 + 1, ?9), ?2, ?3, ?4, ?5, ?6, ?7"
        f" FROM {_counting(width)} WHERE n < ?10"
    )


def _counting(width: int) -> str:
    """A table with one column n that counts from 0."""
    return f"(SELECT column1 AS n FROM (VALUES {', '.join(f'({n})' for n in range(width))}))"  # noqa: S608  # numbers
