"""Rows in bulk on the plain drivers: prepared statements on SQLite, arrays and COPY on PostgreSQL.

The hot paths (capture, item, trace) speak to the database through a `RawDriver`; statements are
written once, with `?` for values.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from epcis.database.transactions import Snapshot

Row: TypeAlias = tuple[Any, ...]

VALUES_MAX = 500
"""Values in one IN list on SQLite; a fixed width, so that the statement is prepared once."""
FETCH_ROWS = 4000
COPY_ROWS_MIN = 8
"""Fewer rows go by INSERT, which needs no extra round trips."""
FENCED = frozenset({"event"})
"""Tables with row-level security, which PostgreSQL does not let COPY write to; see fence.py."""

_POSTGRESQL_TYPES = {
    "document": "int8", "seq": "int8", "txid": "int8", "position": "int4", "identity": "bytea",
    "hash": "bytea", "event_time": "int8", "record_time": "int8", "parent": "int8",
    "moment": "int8", "declared_error": "int8", "epcs": "int4", "payload": "bytea",
    "block": "int8", "role": "int2", "mask": "int8", "key": "bytea", "quantity": "float8",
    "relation": "int2", "id": "int8", "lot": "int4", "state_id": "int4", "age": "int8",
    "lead": "int8", "child": "int8", "since": "int8", "until": "int8", "voided": "bool",
    "word": "int8", "field": "int8", "number": "float8", "instant": "int8",
    "boolean_value": "bool", "time": "int8", "element_time": "int8", "start_time": "int8",
    "end_time": "int8", "archive": "int8", "value": "float8", "min_value": "float8",
    "max_value": "float8",
    "mean_value": "float8", "s_dev": "float8", "perc_rank": "float8", "perc_value": "float8",
}  # fmt: skip
"""PostgreSQL type of a column by its name; text where it is not listed."""
_KIND_OF_VALUE: dict[type, str] = {bytes: "bytea", int: "int8", str: "text"}


class RawDriver:
    """The plain driver's connection of a view or act."""

    __slots__ = ("_driver", "is_sqlite")

    def __init__(self, snapshot: Snapshot) -> None:
        self._driver = snapshot.driver
        self.is_sqlite = snapshot.is_sqlite

    def one(self, statement: str, values: Sequence[object] = ()) -> Row | None:
        """The first row, or None."""
        row: Row | None = self._run(statement, values).fetchone()
        return row

    def all(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of a short answer."""
        rows: list[Row] = self._run(statement, values).fetchall()
        return rows

    def stream(self, statement: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """The rows of a long answer, a piece at a time."""
        if self.is_sqlite:
            rows: Iterator[Row] = self._driver.execute(statement, values)
            return rows
        return self._stream(statement, values)

    def _stream(self, statement: str, values: Sequence[object]) -> Iterator[Row]:
        with self._driver.cursor(name="packtrail_stream", binary=True) as cursor:
            cursor.execute(for_postgresql(statement), values)
            while rows := cursor.fetchmany(FETCH_ROWS):
                yield from rows

    def run(self, statement: str, values: Sequence[object] = ()) -> int:
        """Execute, and say how many rows it touched."""
        touched: int = self._run(statement, values).rowcount
        return touched

    def all_in(self, statement: str, keys: Sequence[object], tail: str = "") -> list[Row]:
        """All rows where the column that ends `statement` is one of `keys`."""
        return self.all_in_with(statement, (), keys, tail)

    def all_in_with(
        self, statement: str, values: tuple[object, ...], keys: Sequence[object], tail: str = ""
    ) -> list[Row]:
        """As `all_in`, with `values` for the statement's own marks."""
        if not keys:
            return []
        if not self.is_sqlite:
            kind = _KIND_OF_VALUE[type(keys[0])]
            return self.all(f"{statement} = ANY({_array(kind)}){tail}", (*values, list(keys)))
        rows: list[Row] = []
        for at in range(0, len(keys), VALUES_MAX):
            piece = list(keys[at : at + VALUES_MAX])
            few = 1 << (len(piece) - 1).bit_length()
            width = min(few, VALUES_MAX)
            piece.extend([piece[-1]] * (width - len(piece)))
            rows += self._run(_in_list(statement, width, tail), (*values, *piece)).fetchall()
        return rows

    def insert(
        self, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[object]]
    ) -> None:
        """Add rows."""
        if not rows:
            return
        if self.is_sqlite:
            self._driver.executemany(_insert_of(table, columns), rows)
        elif len(rows) < COPY_ROWS_MIN or table in FENCED:
            arrays = [list(column) for column in zip(*rows, strict=True)]
            self._driver.execute(_insert_arrays(table, columns), arrays)
        else:
            self._copy(table, columns, rows)

    def run_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Execute once for each row."""
        if self.is_sqlite:
            self._driver.executemany(statement, rows)
            return
        with self._driver.cursor() as cursor:
            cursor.executemany(for_postgresql(statement), rows)

    def update(
        self,
        table: str,
        key: str,
        columns: tuple[str, ...],
        rows: Sequence[Sequence[object]],
    ) -> None:
        """Set `columns` in the rows whose `key` is the last value of each row."""
        if not rows:
            return
        if self.is_sqlite:
            changes = ", ".join(f"{column} = ?" for column in columns)
            self._driver.executemany(f"UPDATE {table} SET {changes} WHERE {key} = ?", rows)  # noqa: S608  # names are ours
            return
        names = (*columns, key)
        changes = ", ".join(f"{column} = v.{column}" for column in columns)
        arrays = ", ".join(_array(_kind(name)) for name in names)
        statement = (
            f"UPDATE {table} SET {changes} FROM unnest({arrays}) AS v({', '.join(names)})"  # noqa: S608  # names are ours
            f" WHERE {table}.{key} = v.{key}"
        )
        self._driver.execute(statement, [list(column) for column in zip(*rows, strict=True)])

    def next_numbers(self, table: str, column: str, count: int) -> list[int]:
        """Fresh numbers for `count` new rows, ascending."""
        if self.is_sqlite:
            newest = self.one(f"SELECT max({column}) FROM {table}")  # noqa: S608  # names are ours
            first = (newest[0] or 0) + 1 if newest else 1
            return list(range(first, first + count))
        numbers = f"SELECT nextval('{table}_{column}_seq') FROM generate_series(1, ?)"  # noqa: S608  # names are ours
        return [row[0] for row in self.all(numbers, (count,))]

    def next_blocks(self, count: int) -> list[int]:
        """Fresh blocks of 64 item ids, ascending."""
        if not self.is_sqlite:
            statement = "SELECT nextval('item_block') FROM generate_series(1, ?)"
            return [row[0] for row in self.all(statement, (count,))]
        newest = self.one("SELECT max(id) FROM item")
        assert newest is not None, "an aggregate has a row"
        first = 1 if newest[0] is None else (newest[0] >> 6) + 1
        return list(range(first, first + count))

    def _run(self, statement: str, values: Sequence[object]) -> Any:  # noqa: ANN401  # a driver's cursor
        if self.is_sqlite:
            return self._driver.execute(statement, values)
        return self._driver.execute(for_postgresql(statement), values)

    def _copy(self, table: str, columns: tuple[str, ...], rows: Iterable[Sequence[object]]) -> None:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with self._driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([_kind(column) for column in columns])
            for row in rows:
                copy.write_row(row)


@lru_cache(maxsize=256)
def for_postgresql(statement: str) -> str:
    """A statement with the marks of psycopg."""
    return statement.replace("?", "%s")


@lru_cache(maxsize=256)
def _insert_arrays(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(columns)
    arrays = ", ".join(_array(_kind(column)) for column in columns)
    return f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608  # names are ours


@lru_cache(maxsize=256)
def _in_list(statement: str, width: int, tail: str) -> str:
    return f"{statement} IN ({','.join('?' * width)}){tail}"


@lru_cache(maxsize=256)
def _insert_of(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  # names are ours


def _array(kind: str) -> str:
    """The mark of an array; bytes go as they are, which spares escaping each of them."""
    return f"%b::{kind}[]" if kind == "bytea" else f"%s::{kind}[]"


def _kind(column: str) -> str:
    return _POSTGRESQL_TYPES.get(column, "text")
