"""Statements on the plain drivers, each written once with `?` for values, for both databases.

The hot paths (capture, item, trace, verification) speak to the database through a `RawDriver`. What
the databases do in different ways (many rows at once, lists of values, fresh numbers) is a method
here; a statement is prepared or planned once for each text, so texts are few and fixed. What a
column is to the driver of PostgreSQL, the declared table says.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from sqlalchemy import BigInteger, Boolean, Float, Integer, LargeBinary, SmallInteger
from sqlalchemy.types import TypeDecorator

from epcis.database.bits import BITS_SET
from epcis.database.metadata import metadata
from epcis.database.register_guard import refuse_unlogged, register_written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Engine
    from sqlalchemy.types import TypeEngine

    from epcis.database.transactions import Snapshot

_KINDS: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (SmallInteger, "int2"),  # before the class it inherits from
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Float, "float8"),
    (Boolean, "bool"),
    (LargeBinary, "bytea"),
)


@lru_cache(maxsize=1024)
def kind_of(table: str, column: str) -> str:
    """PostgreSQL's name for the type of a declared column.

    Raises KeyError for a table or column that nobody declared.
    """
    declared = metadata.tables[table].columns[column].type
    kind = declared.impl_instance if isinstance(declared, TypeDecorator) else declared
    return next((name for one, name in _KINDS if isinstance(kind, one)), "text")


def array_of(kind: str) -> str:
    """The mark of an array; bytes go as they are, which spares escaping each of them."""
    return f"%b::{kind}[]" if kind == "bytea" else f"%s::{kind}[]"


Row: TypeAlias = tuple[Any, ...]

VALUES_MAX = 500
"""Values in one IN list on SQLite; a fixed width, so that the statement is prepared once."""
FETCH_ROWS = 4000
COPY_ROWS_MIN = 8
"""Fewer rows go by INSERT, which needs no extra round trips."""
FENCED = frozenset({"event"})
"""Tables with row-level security, which PostgreSQL does not let COPY write to."""

_KIND_OF_VALUE: dict[type, str] = {bytes: "bytea", int: "int8", str: "text"}
_encoder = msgspec.json.Encoder()


class RawDriver:
    """The plain driver's connection of a snapshot or transaction."""

    __slots__ = ("_driver", "is_sqlite")

    def __init__(self, snapshot: Snapshot) -> None:
        self._driver = snapshot.driver
        self.is_sqlite = snapshot.is_sqlite

    @property
    def has_one_writer(self) -> bool:
        """Whether acts write one after the other; else many write at a time."""
        return self.is_sqlite

    def bits_set(self, column: str) -> str:
        """The SQL for how many bits of a column of 64 are set."""
        return f"{BITS_SET}({column})" if self.is_sqlite else f"bit_count({column}::bit(64))"

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

    def all_in(
        self, statement: str, keys: Sequence[object], tail: str = "", *, lock: bool = False
    ) -> list[Row]:
        """All rows where the column that ends `statement` is one of `keys`.

        With `lock` no other act changes them before this one is over, where many write at a time.
        """
        return self.all_in_with(statement, (), keys, tail, lock=lock)

    def all_in_with(
        self,
        statement: str,
        values: tuple[object, ...],
        keys: Sequence[object],
        tail: str = "",
        *,
        lock: bool = False,
    ) -> list[Row]:
        """As `all_in`, with `values` for the statement's own marks."""
        if not keys:
            return []
        if not self.is_sqlite:
            kind = _KIND_OF_VALUE[type(keys[0])]
            # In one order, whatever the order of the keys, so that two acts never wait in a ring.
            tail += " ORDER BY 1 FOR UPDATE" if lock else ""
            return self.all(f"{statement} = ANY({array_of(kind)}){tail}", (*values, list(keys)))
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
        statement = _insert_of(table, columns)
        refuse_unlogged(statement)
        if self.is_sqlite:
            self._driver.executemany(statement, rows)
        elif len(rows) < COPY_ROWS_MIN or table in FENCED:
            arrays = [list(column) for column in zip(*rows, strict=True)]
            self._driver.execute(_insert_arrays(table, columns), arrays)
        else:
            self._copy(table, columns, rows)

    def insert_mixed(
        self,
        table: str,
        columns: tuple[str, ...],
        rows: Sequence[Sequence[object]],
        on_conflict: str = "",
    ) -> None:
        """Add rows of texts and numbers; `on_conflict` says in SQL what becomes of known ones.

        PostgreSQL gets them as one JSON, which the server reads in less time than the driver would
        need to write them one value after the other.
        """
        if not rows:
            return
        statement = _insert_of(table, columns, on_conflict)
        refuse_unlogged(statement)
        if self.is_sqlite:
            self._driver.executemany(statement, rows)
        else:
            encoded = _encoder.encode([dict(zip(columns, row, strict=True)) for row in rows])
            self._driver.execute(_insert_json(table, columns, on_conflict), (encoded.decode(),))

    def run_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Execute once for each row."""
        refuse_unlogged(statement)
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
        unset: str = "",
    ) -> int:
        """Set `columns` in the rows whose `key` is the last value of each row; how many it changed.

        With `unset` only where this column is still NULL.
        """
        if not rows:
            return 0
        one_by_one = _update_of(table, key, columns, unset)
        refuse_unlogged(one_by_one)
        if self.is_sqlite:
            done = self._driver.executemany(one_by_one, rows)
        else:
            arrays = [list(column) for column in zip(*rows, strict=True)]
            done = self._driver.execute(_update_arrays(table, key, columns, unset), arrays)
        changed: int = done.rowcount
        return changed

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

    def transaction_number(self) -> int:
        """The number of the transaction under way; 0 where one act writes after the other."""
        if self.is_sqlite:
            return 0
        row = self.one("SELECT pg_current_xact_id()::text::bigint")
        assert row is not None, "a transaction has a number"
        number: int = row[0]
        return number

    def _run(self, statement: str, values: Sequence[object] | Mapping[str, object]) -> Any:  # noqa: ANN401  # a driver's cursor
        if register_written(statement):  # a look into a cache, cheaper here than in a function
            refuse_unlogged(statement)
        if self.is_sqlite:
            return self._driver.execute(statement, values)
        return self._driver.execute(for_postgresql(statement), values)

    def _copy(self, table: str, columns: tuple[str, ...], rows: Iterable[Sequence[object]]) -> None:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with self._driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([kind_of(table, column) for column in columns])
            for row in rows:
                copy.write_row(row)


def store_at_once(words: Engine, statement: str, values: tuple[object, ...]) -> None:
    """Run a statement on connections that commit by themselves (`Database.words`)."""
    with words.connect() as connection:
        connection.exec_driver_sql(for_postgresql(statement), values)


@lru_cache(maxsize=1024)
def for_postgresql(statement: str) -> str:
    """A statement with the marks of psycopg."""
    return statement.replace("?", "%s")


@lru_cache(maxsize=256)
def _insert_arrays(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(columns)
    arrays = ", ".join(array_of(kind_of(table, column)) for column in columns)
    return f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608  # names are ours


@lru_cache(maxsize=256)
def _insert_json(table: str, columns: tuple[str, ...], on_conflict: str) -> str:
    names = ", ".join(columns)
    typed = ", ".join(f"{column} {kind_of(table, column)}" for column in columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {names}"  # noqa: S608  # names are ours
        f" FROM json_to_recordset(%s::json) AS r({typed}) {on_conflict}"
    )


@lru_cache(maxsize=256)
def _update_arrays(table: str, key: str, columns: tuple[str, ...], unset: str) -> str:
    names = (*columns, key)
    changes = ", ".join(f"{column} = v.{column}" for column in columns)
    arrays = ", ".join(array_of(kind_of(table, name)) for name in names)
    condition = f" AND {table}.{unset} IS NULL" if unset else ""
    return (
        f"UPDATE {table} SET {changes} FROM unnest({arrays}) AS v({', '.join(names)})"  # noqa: S608  # names are ours
        f" WHERE {table}.{key} = v.{key}{condition}"
    )


@lru_cache(maxsize=256)
def _update_of(table: str, key: str, columns: tuple[str, ...], unset: str) -> str:
    changes = ", ".join(f"{column} = ?" for column in columns)
    condition = f" AND {unset} IS NULL" if unset else ""
    return f"UPDATE {table} SET {changes} WHERE {key} = ?{condition}"  # noqa: S608  # names are ours


@lru_cache(maxsize=256)
def _in_list(statement: str, width: int, tail: str) -> str:
    return f"{statement} IN ({','.join('?' * width)}){tail}"


@lru_cache(maxsize=256)
def _insert_of(table: str, columns: tuple[str, ...], on_conflict: str = "") -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) {on_conflict}"  # noqa: S608  # names are ours


class ListQuestion:
    """A SELECT from `q`, a table of the things that are asked for, and what it joins.

    `q` has a column `n`, the place of each thing in the list, and the columns named here with their
    kinds (`text`, `bytea`, `int8`). The statement has one text for each number of things on SQLite
    and one in all on PostgreSQL, so that both keep it prepared.
    """

    def __init__(self, select: str, **kinds: str) -> None:
        self._select = select
        self._columns = tuple(kinds)
        arrays = ", ".join(map(array_of, kinds.values()))
        names = ", ".join(kinds)
        self.of_arrays = for_postgresql(
            f"WITH q({names}, n) AS (SELECT * FROM unnest({arrays}) WITH ORDINALITY) {select}"  # noqa: S608  # our own names
        )
        self._of_values = lru_cache(maxsize=256)(self._values)
        self._alone = self._values(1)

    def rows(self, snapshot: Snapshot, things: Sequence[Sequence[object]]) -> list[Row]:
        """The rows that answer for `things`, each with a value for every column."""
        if snapshot.is_sqlite:
            values = [value for thing in things for value in thing]
            found: list[Row] = snapshot.driver.execute(self._of_values(len(things)), values)
            return list(found)
        arrays = [list(column) for column in zip(*things, strict=True)]
        answered: list[Row] = snapshot.driver.execute(self.of_arrays, arrays).fetchall()
        return answered

    def row(self, snapshot: Snapshot, *thing: object) -> Row:
        """The one row that answers for one thing; as `rows` in fewer steps."""
        if not snapshot.is_sqlite:
            return self.rows(snapshot, [thing])[0]
        row: Row = snapshot.driver.execute(self._alone, thing).fetchone()
        return row

    def _values(self, things: int) -> str:
        marks = ", ".join("?" * len(self._columns))
        rows = ", ".join(f"({number}, {marks})" for number in range(things))
        return f"WITH q(n, {', '.join(self._columns)}) AS (VALUES {rows}) {self._select}"
