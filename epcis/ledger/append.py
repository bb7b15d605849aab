"""Writing into the log: part of every act's own transaction.

On SQLite there is one writer, so an entry gets its place at once and the tree grows in line. On
PostgreSQL many write at a time: entries are left without a place, and one sequencer
(`epcis.ledger.sequencer`) gives places to what is safely committed.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec

import epcis.ledger.ledger_tables  # noqa: F401  # declares them, so that create_all makes them
from epcis.database.columns import microseconds
from epcis.ledger.entry import SALT_BYTES
from epcis.ledger.merkle import HASH_BYTES, Frontier
from epcis.ledger.subjects import note_subjects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from epcis.ledger.entry import Commitment

TILE_WIDTH = 256
EVENTS_JOINED_MIN = 8
"""Entries of events that are handed to SQLite together; fewer are handed row by row."""
_LEVEL_BITS = 8
_NO_SALT = bytes(SALT_BYTES)

_INSERT_PLACED = (
    "INSERT INTO ledger_entry (idx, kind, subject, public_hash, confidential_hash, salt, public,"
    " confidential, event, record_time, leaf) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
)
# One statement for all entries of a batch: each row that the driver is handed costs more than
# SQLite needs to store it. Places, hashes and salts come joined, in pieces of a fixed length.
_INSERT_EVENTS = """
INSERT INTO ledger_entry (idx, kind, subject, public_hash, confidential_hash, salt, event,
 record_time, leaf)
SELECT :first + key, :kind, substr(:subjects, 32 * key + 1, 32),
 substr(:publics, 32 * key + 1, 32), substr(:confidentials, 32 * key + 1, 32),
 nullif(substr(:salts, 16 * key + 1, 16), zeroblob(16)), value, :time,
 substr(:leaves, 32 * key + 1, 32)
FROM json_each(:events) ORDER BY key
"""
_INSERT_WAITING = """
INSERT INTO ledger_entry (txid, kind, subject, public_hash, confidential_hash, salt, public,
 confidential, event, record_time)
SELECT pg_current_xact_id()::text::bigint, r.kind, decode(r.subject, 'base64'),
 decode(r.public_hash, 'base64'), decode(r.confidential_hash, 'base64'), decode(r.salt, 'base64'),
 decode(r.public, 'base64'), decode(r.confidential, 'base64'), r.event, %s
FROM ROWS FROM (json_to_recordset(%s::json) AS (kind smallint, subject text, public_hash text,
 confidential_hash text, salt text, public text, confidential text, event bigint))
 WITH ORDINALITY AS r(kind, subject, public_hash, confidential_hash, salt, public, confidential,
  event, place)
ORDER BY r.place
"""
_HEAD = "SELECT size, record_time, frontier FROM ledger_head WHERE tenant = 0"
_NEW_HEAD = (
    "INSERT INTO ledger_head (tenant, origin, size, record_time, frontier)"
    " VALUES (0, ?, 0, 0, ?) ON CONFLICT DO NOTHING"
)
_MOVE_HEAD = (
    "UPDATE ledger_head SET size = ?, record_time = ?, frontier = ?"
    " WHERE tenant = 0 AND size = ? AND frontier = ?"
)
_TAIL = "SELECT leaf FROM ledger_entry WHERE idx >= ? AND idx < ? ORDER BY idx"
_TILE = "SELECT hashes FROM ledger_tile WHERE level = ? AND number = ?"
_PUT_TILE = (
    "INSERT INTO ledger_tile (level, number, hashes) VALUES (?, ?, ?)"
    " ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes"
)


class LogForked(RuntimeError):  # noqa: N818  # a state of the log
    """Two writers gave the log two continuations; the later one must not be committed."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the log: how long it is, when its last entry was recorded, its right edge."""

    size: int
    record_time_us: int
    frontier: bytes
    """The hashes of `merkle.Frontier`, joined."""

    def tree(self) -> Frontier:
        """The tree, ready to grow."""
        hashes = [
            self.frontier[at : at + HASH_BYTES] for at in range(0, len(self.frontier), HASH_BYTES)
        ]
        return Frontier(self.size, hashes)


class Writer:
    """The plain driver's cursor of an act's transaction; both drivers speak through it."""

    __slots__ = ("_cursor", "_mark")

    def __init__(self, connection: Connection) -> None:
        driver = cast("Any", connection.connection.dbapi_connection)
        self._cursor = driver.cursor()
        self._mark = "?" if connection.dialect.name == "sqlite" else "%s"

    def run(self, statement: str, values: Sequence[object] | Mapping[str, object] = ()) -> int:
        """Execute and say how many rows it touched."""
        self._cursor.execute(statement.replace("?", self._mark), values)
        return cast("int", self._cursor.rowcount)

    def run_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Execute once for each row."""
        self._cursor.executemany(statement.replace("?", self._mark), rows)

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a short answer."""
        self._cursor.execute(statement.replace("?", self._mark), values)
        return cast("list[tuple[Any, ...]]", self._cursor.fetchall())


class Transaction(Protocol):
    """What `append` needs of an act (`epcis.database.transactions.Act`)."""

    @property
    def connection(self) -> Connection:
        """The connection, within its transaction."""

    @property
    def now(self) -> datetime:
        """The record time."""


def append(tx: Transaction, things: Sequence[Commitment]) -> None:
    """Write things into the log, in order, inside the transaction of an act.

    On SQLite the transaction must hold the write lock already (BEGIN IMMEDIATE). A crash before
    the commit leaves neither the act nor its entries.
    """
    if not things:
        return
    writer = Writer(tx.connection)
    if tx.connection.dialect.name == "sqlite":
        _append_in_line(writer, things, microseconds(tx.now))
    else:
        _leave_waiting(writer, things, microseconds(tx.now))


def _append_in_line(writer: Writer, things: Sequence[Commitment], now_us: int) -> None:
    head = read_head(writer)
    time_us = max(now_us, head.record_time_us)
    leaves = [thing.leaf(time_us) for thing in things]
    if len(things) >= EVENTS_JOINED_MIN and all(thing.event is not None for thing in things):
        _insert_events(writer, things, leaves, head.size, time_us)
    else:
        rows = [
            (index, int(thing.kind), *thing[1:], time_us, leaf)
            for index, (thing, leaf) in enumerate(zip(things, leaves, strict=True), head.size)
        ]
        writer.run_many(_INSERT_PLACED, rows)
    grow(writer, head, leaves, time_us)


def _insert_events(
    writer: Writer, things: Sequence[Commitment], leaves: Sequence[bytes], first: int, time_us: int
) -> None:
    """The entries of events, which keep no bytes, from place `first` on."""
    kinds, subjects, publics, confidentials, salts, _, _, events = zip(*things, strict=True)
    writer.run(
        _INSERT_EVENTS,
        {
            "first": first,
            "kind": int(kinds[0]),
            "subjects": b"".join(subjects),
            "publics": b"".join(publics),
            "confidentials": b"".join(confidentials),
            "salts": b"".join([salt or _NO_SALT for salt in salts]),
            "events": json.dumps(events),
            "time": time_us,
            "leaves": b"".join(leaves),
        },
    )


def _leave_waiting(writer: Writer, things: Sequence[Commitment], now_us: int) -> None:
    # As JSON the rows are read by the server, in C; as arrays the driver would write them one
    # element after the other.
    rows = msgspec.json.encode([thing._asdict() for thing in things]).decode()
    writer.run(_INSERT_WAITING, (now_us, rows))


def read_head(writer: Writer) -> Head:
    """The end of the log; an empty log gets its name at the first look."""
    rows = writer.rows(_HEAD)
    if not rows:
        writer.run(_NEW_HEAD, (f"packtrail/log/{secrets.token_hex(8)}", b""))
        rows = writer.rows(_HEAD)
    return Head(rows[0][0], rows[0][1], bytes(rows[0][2]))


def grow(writer: Writer, head: Head, leaves: Sequence[bytes], record_time_us: int) -> None:
    """Add leaf hashes behind `head`: tiles and notes of subjects that become full, the new head.

    Raises LogForked where the head has moved since it was read.
    """
    tree = head.tree()
    made = tree.extend(leaves)
    for level, hashes in enumerate(made[::_LEVEL_BITS]):
        _extend_tiles(writer, level, head.size >> _LEVEL_BITS * level, hashes)
    moved = writer.run(
        _MOVE_HEAD,
        (tree.size, record_time_us, b"".join(tree.hashes), head.size, head.frontier),
    )
    if moved != 1:
        raise LogForked(f"the log no longer ends at {head.size} entries")
    note_subjects(writer, head.size, tree.size)


def _extend_tiles(writer: Writer, level: int, size: int, hashes: Sequence[bytes]) -> None:
    """Put hashes into the tiles of a level in which `size` hashes stand; of leaves, full ones."""
    number, held = divmod(size, TILE_WIDTH)
    if not level and held + len(hashes) < TILE_WIDTH:
        return
    row = [*_tile_so_far(writer, level, number, held), *hashes]
    for at in range(0, len(row), TILE_WIDTH):
        tile = row[at : at + TILE_WIDTH]
        if level or len(tile) == TILE_WIDTH:
            writer.run(_PUT_TILE, (level, number + at // TILE_WIDTH, b"".join(tile)))


def _tile_so_far(writer: Writer, level: int, number: int, held: int) -> list[bytes]:
    """The first `held` hashes of a tile; leaves of one that is not full stand with the entries."""
    if not held:
        return []
    if not level:
        first = number * TILE_WIDTH
        return [bytes(row[0]) for row in writer.rows(_TAIL, (first, first + held))]
    stored = bytes(writer.rows(_TILE, (level, number))[0][0])
    return [stored[at : at + HASH_BYTES] for at in range(0, held * HASH_BYTES, HASH_BYTES)]
