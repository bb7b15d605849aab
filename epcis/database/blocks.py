"""Rows of a table with packed keys and ids in blocks of 64, found, added and changed by the block.

On SQLite the keys of a statement are one value, cut up by the database: binding each by itself
costs more than finding it. On PostgreSQL they are one value too, spread by `generate_series`.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, NamedTuple

from epcis.database.column_types import array_of, kind_of
from epcis.database.raw_driver import for_postgresql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epcis.database.raw_driver import RawDriver, Row

KEYS_AT_ONCE_MAX = 256


class NewRows(NamedTuple):
    """Rows with neighbouring ids that differ in their keys only."""

    first_id: int
    keys: Sequence[bytes]
    """All of one length."""
    state: Row
    """The values of the other columns."""


class ChangedRows(NamedTuple):
    """Rows of one block that are changed alike."""

    state: Row
    """The new values."""
    first_id: int
    last_id: int
    mask: int
    """Bit id % 64 is set for each row that changes; signed."""


class BlockTable:
    """A table with `id`, a unique packed `key` and columns of state; `keys` knows ids by keys."""

    def __init__(self, name: str, keys: str, state: tuple[str, ...]) -> None:
        self._name = name
        self._keys = keys
        self._state = state

    def find(self, hand: RawDriver, columns: str, keys: Sequence[bytes]) -> list[Row]:
        """These columns, `id` first, of the rows with these packed keys; locked for the act."""
        rows: list[Row] = []
        # In the order of the index, so that a page of a large one is needed once.
        for size, same_size in groupby(sorted(sorted(keys), key=len), len):
            alike = list(same_size)
            if not hand.is_sqlite:
                values = (b"".join(alike), size, size, len(alike))
                rows += hand.all(_find_spread(self._name, columns), values)
                continue
            for at in range(0, len(alike), KEYS_AT_ONCE_MAX):
                some = alike[at : at + KEYS_AT_ONCE_MAX]
                statement = _find_cut(self._name, self._keys, columns, _width(len(some)))
                rows += hand.all(statement, (b"".join(some), size, len(some)))
        return rows

    def add(self, hand: RawDriver, runs: Sequence[NewRows]) -> None:
        """Add rows."""
        if hand.is_sqlite:
            for run in runs:
                values = (b"".join(run.keys), len(run.keys[0]), len(run.keys), run.first_id)
                statement = _add_cut(self._name, self._state, _width(len(run.keys)))
                hand.run(statement, (*values, *run.state))
        elif runs:
            sizes = (len(run.keys) * len(run.keys[0]) for run in runs)
            rows = [
                (place, len(run.keys[0]), len(run.keys), run.first_id, *run.state)
                for run, place in zip(runs, accumulate(sizes, initial=1), strict=False)
            ]
            joined = b"".join(key for run in runs for key in run.keys)
            arrays = map(list, zip(*rows, strict=True))
            hand.run(_add_spread(self._name, self._state), (joined, *arrays))

    def change(self, hand: RawDriver, rows: Sequence[ChangedRows]) -> None:
        """Change rows."""
        told = [(*row.state, row.first_id, row.last_id, row.mask) for row in rows]
        if hand.is_sqlite:
            hand.run_many(_change_one(self._name, self._state), told)
        elif told:
            arrays = [list(column) for column in zip(*told, strict=True)]
            hand.run(_change_all(self._name, self._state), arrays)


def _width(count: int) -> int:
    """A number of rows that a statement is prepared for."""
    return 1 << (count - 1).bit_length()


def _counting(width: int) -> str:
    """A table with one column n that counts from 0."""
    return f"(SELECT column1 AS n FROM (VALUES {', '.join(f'({n})' for n in range(width))}))"  # noqa: S608  # numbers


@lru_cache(maxsize=64)
def _find_cut(table: str, keys: str, columns: str, width: int) -> str:
    return (
        f"SELECT {columns} FROM {_counting(width)} CROSS JOIN {table}"  # noqa: S608  # our own names
        f" ON n < ?3 AND id = (SELECT k.id FROM {keys} k WHERE k.key = substr(?1, n * ?2 + 1, ?2))"
    )


@lru_cache(maxsize=16)
def _find_spread(table: str, columns: str) -> str:
    return (
        f"SELECT {columns} FROM {table} WHERE key = ANY(ARRAY("  # noqa: S608  # our own names
        "SELECT substring(%b::bytea FROM n * %s + 1 FOR %s) FROM generate_series(0, %s - 1) AS n))"
        " ORDER BY id FOR UPDATE"
    )


@lru_cache(maxsize=64)
def _add_cut(table: str, state: tuple[str, ...], width: int) -> str:
    marks = ", ".join(f"?{number}" for number in range(5, 5 + len(state)))
    return (
        f"INSERT INTO {table} (id, key, {', '.join(state)})"  # noqa: S608  # our own names
        f" SELECT ?4 + n, substr(?1, n * ?2 + 1, ?2), {marks} FROM {_counting(width)} WHERE n < ?3"
    )


@lru_cache(maxsize=16)
def _add_spread(table: str, state: tuple[str, ...]) -> str:
    names = ", ".join(state)
    kinds = ("int4", "int4", "int4", "int8", *(kind_of(table, name) for name in state))
    return (
        f"INSERT INTO {table} (id, key, {names})"  # noqa: S608  # our own names
        " SELECT v.low + n, substring(%b::bytea FROM v.place + n * v.size FOR v.size),"
        f" {', '.join(f'v.{name}' for name in state)}"
        f" FROM unnest({', '.join(map(array_of, kinds))}) AS v(place, size, many, low, {names}),"
        " generate_series(0, v.many - 1) AS n"
    )


@lru_cache(maxsize=16)
def _change_one(table: str, state: tuple[str, ...]) -> str:
    return (
        f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in state)}"  # noqa: S608  # our own names
        " WHERE id BETWEEN ? AND ? AND ? & (CAST(1 AS BIGINT) << CAST(id & 63 AS INTEGER)) <> 0"
    )


@lru_cache(maxsize=16)
def _change_all(table: str, state: tuple[str, ...]) -> str:
    kinds = (*(kind_of(table, name) for name in state), "int8", "int8", "int8")
    return for_postgresql(
        f"UPDATE {table} SET {', '.join(f'{name} = v.{name}' for name in state)}"  # noqa: S608  # our own names
        f" FROM unnest({', '.join(map(array_of, kinds))}) AS v({', '.join(state)}, low, high, mask)"
        f" WHERE {table}.id BETWEEN v.low AND v.high"
        f" AND v.mask & (1::int8 << ({table}.id & 63)::int4) <> 0"
    )
