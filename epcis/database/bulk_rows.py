"""Many rows of one act in one statement: in blocks of 64 with packed keys, and for the log.

On SQLite the keys of a statement are one value, cut up by the database: binding each by itself, or
handing the driver each row, costs more than finding or storing it. On PostgreSQL they are one value
too, spread by `generate_series`, or one JSON.
"""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from epcis.database.raw_driver import array_of, for_postgresql, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from epcis.database.raw_driver import RawDriver, Row
    from epcis.database.transactions import Snapshot

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

    def find(self, driver: RawDriver, columns: str, keys: Sequence[bytes]) -> list[Row]:
        """These columns, `id` first, of the rows with these packed keys; locked for the act."""
        rows: list[Row] = []
        # In the order of the index, so that a page of a large one is needed once.
        for size, same_size in groupby(sorted(sorted(keys), key=len), len):
            alike = list(same_size)
            if not driver.is_sqlite:
                values = (b"".join(alike), size, size, len(alike))
                rows += driver.all(_find_spread(self._name, columns), values)
                continue
            for at in range(0, len(alike), KEYS_AT_ONCE_MAX):
                some = alike[at : at + KEYS_AT_ONCE_MAX]
                statement = _find_cut(self._name, self._keys, columns, _width(len(some)))
                rows += driver.all(statement, (b"".join(some), size, len(some)))
        return rows

    def add(self, driver: RawDriver, runs: Sequence[NewRows]) -> None:
        """Add rows."""
        if driver.is_sqlite:
            for run in runs:
                values = (b"".join(run.keys), len(run.keys[0]), len(run.keys), run.first_id)
                statement = _add_cut(self._name, self._state, _width(len(run.keys)))
                driver.run(statement, (*values, *run.state))
        elif runs:
            sizes = (len(run.keys) * len(run.keys[0]) for run in runs)
            rows = [
                (place, len(run.keys[0]), len(run.keys), run.first_id, *run.state)
                for run, place in zip(runs, accumulate(sizes, initial=1), strict=False)
            ]
            joined = b"".join(key for run in runs for key in run.keys)
            arrays = map(list, zip(*rows, strict=True))
            driver.run(_add_spread(self._name, self._state), (joined, *arrays))

    def change(self, driver: RawDriver, rows: Sequence[ChangedRows]) -> None:
        """Change rows."""
        changed_rows = [(*row.state, row.first_id, row.last_id, row.mask) for row in rows]
        if driver.is_sqlite:
            driver.run_many(_change_one(self._name, self._state), changed_rows)
        elif changed_rows:
            arrays = [list(column) for column in zip(*changed_rows, strict=True)]
            driver.run(_change_all(self._name, self._state), arrays)


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


_encoder = msgspec.json.Encoder()


class Pieces(NamedTuple):
    """The values of a column of bytes, all of one length; None where there is nothing."""

    size_bytes: int
    values: Sequence[bytes | None]


def insert_joined(
    tx: Snapshot,
    table: str,
    *,
    places: tuple[str, int],
    same: Mapping[str, int],
    numbers: tuple[str, Sequence[int]],
    pieces: Mapping[str, Pieces],
) -> None:
    """Add a row for each of `numbers`, where one act writes after the other.

    `places` are a column and the first of the numbers that ascend in it, `same` columns with one
    value in all rows, `pieces` columns of bytes.
    """
    statement = _joined(
        table,
        places[0],
        tuple(same),
        numbers[0],
        tuple((name, piece.size_bytes, None in piece.values) for name, piece in pieces.items()),
    )
    values: dict[str, object] = {places[0]: places[1], **same, numbers[0]: json.dumps(numbers[1])}
    for name, piece in pieces.items():
        nothing = bytes(piece.size_bytes)
        values[name] = b"".join([value or nothing for value in piece.values])
    tx.driver.execute(statement, values)


def insert_in_order(
    tx: Snapshot,
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[Sequence[object]],
    *,
    writer: str,
    same: tuple[str, int],
) -> None:
    """Add rows whose numbers ascend as they come, where many acts write at a time.

    `writer` is the column that gets the number of the transaction, `same` a column and its value.
    """
    encoded = _encoder.encode([dict(zip(columns, row, strict=True)) for row in rows]).decode()
    tx.driver.execute(_in_order(table, columns, writer, same[0]), (same[1], encoded))


@lru_cache(maxsize=64)
def _joined(
    table: str,
    place: str,
    same: tuple[str, ...],
    number: str,
    pieces: tuple[tuple[str, int, bool], ...],
) -> str:
    cuts = []
    for name, size, may_be_nothing in pieces:
        cut = f"substr(:{name}, {size} * key + 1, {size})"
        cuts.append(f"nullif({cut}, zeroblob({size}))" if may_be_nothing else cut)
    names = ", ".join((place, *same, number, *(name for name, _, _ in pieces)))
    values = ", ".join((f":{place} + key", *(f":{name}" for name in same), "value", *cuts))
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM json_each(:{number}) ORDER BY key"  # noqa: S608  # names are ours


@lru_cache(maxsize=64)
def _in_order(table: str, columns: tuple[str, ...], writer: str, same: str) -> str:
    kinds = [kind_of(table, column) for column in columns]
    typed_columns = zip(columns, kinds, strict=True)
    typed = ", ".join(
        f"{name} {'text' if kind == 'bytea' else kind}" for name, kind in typed_columns
    )
    values = ", ".join(
        f"decode(r.{name}, 'base64')" if kind == "bytea" else f"r.{name}"
        for name, kind in zip(columns, kinds, strict=True)
    )
    names = ", ".join(columns)
    return (
        f"INSERT INTO {table} ({writer}, {same}, {names})"  # noqa: S608  # names are ours
        f" SELECT pg_current_xact_id()::text::bigint, %s, {values}"
        f" FROM ROWS FROM (json_to_recordset(%s::json) AS ({typed})) WITH ORDINALITY"
        f" AS r({names}, place) ORDER BY r.place"
    )
