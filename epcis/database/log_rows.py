"""Many rows of one act in one statement, for the log: joined on SQLite, as JSON on PostgreSQL.

Each row that the driver is handed costs more than the database needs to store it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from epcis.database.column_types import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from epcis.database.transactions import Snapshot

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
    said = _encoder.encode([dict(zip(columns, row, strict=True)) for row in rows]).decode()
    tx.driver.execute(_in_order(table, columns, writer, same[0]), (same[1], said))


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
    told = zip(columns, kinds, strict=True)
    typed = ", ".join(f"{name} {'text' if kind == 'bytea' else kind}" for name, kind in told)
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
