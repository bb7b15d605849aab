"""Writing into the log: part of every act's own transaction.

On SQLite there is one writer, so an entry gets its place at once and the tree grows in line. On
PostgreSQL many write at a time: entries are left without a place, and one sequencer
(`epcis.ledger.sequencer`) gives places to what is safely committed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec

import epcis.ledger.tables  # noqa: F401  # declares them, so that create_all makes them
from epcis.ledger.merkle import HASH_BYTES, Frontier, node_hash
from epcis.ledger.subjects import note_subjects
from epcis.store.columns import microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from epcis.ledger.entry import Commitment

TILE_WIDTH = 256
_LEVEL_BITS = 8

_INSERT_PLACED = (
    "INSERT INTO ledger_entry (idx, kind, subject, public_hash, confidential_hash, salt, public,"
    " confidential, event, record_time, leaf) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
)
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

    def run(self, statement: str, values: Sequence[object] = ()) -> int:
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
    """What `append` needs of an act (`epcis.store.database.Act`)."""

    @property
    def connection(self) -> Connection:
        """The connection, within its transaction."""

    @property
    def now(self) -> datetime:
        """The record time."""


def append(act: Transaction, things: Sequence[Commitment]) -> None:
    """Write things into the log, in order, inside the transaction of an act.

    On SQLite the transaction must hold the write lock already (BEGIN IMMEDIATE). A crash before
    the commit leaves neither the act nor its entries.
    """
    if not things:
        return
    writer = Writer(act.connection)
    if act.connection.dialect.name == "sqlite":
        _append_in_line(writer, things, microseconds(act.now))
    else:
        _leave_waiting(writer, things, microseconds(act.now))


def _append_in_line(writer: Writer, things: Sequence[Commitment], now_us: int) -> None:
    head = read_head(writer)
    time_us = max(now_us, head.record_time_us)
    leaves = [thing.leaf(time_us) for thing in things]
    writer.run_many(
        _INSERT_PLACED,
        [
            (
                index,
                int(thing.kind),
                thing.subject,
                thing.public_hash,
                thing.confidential_hash,
                thing.salt,
                thing.public,
                thing.confidential,
                thing.event,
                time_us,
                leaf,
            )
            for index, (thing, leaf) in enumerate(zip(things, leaves, strict=True), head.size)
        ],
    )
    grow(writer, head, leaves, time_us)


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
    for leaf in leaves:
        tree.append(leaf)
    _fill_tiles(writer, head.size, leaves)
    moved = writer.run(
        _MOVE_HEAD,
        (tree.size, record_time_us, b"".join(tree.hashes), head.size, head.frontier),
    )
    if moved != 1:
        raise LogForked(f"the log no longer ends at {head.size} entries")
    note_subjects(writer, head.size, tree.size)


def _fill_tiles(writer: Writer, size: int, leaves: Sequence[bytes]) -> None:
    """Store the leaf tiles that `leaves` complete; `size` leaves stand before them."""
    number, held = divmod(size, TILE_WIDTH)
    if held + len(leaves) < TILE_WIDTH:
        return
    begun = writer.rows(_TAIL, (number * TILE_WIDTH, size)) if held else []
    waiting = [bytes(row[0]) for row in begun]
    waiting.extend(leaves)
    roots: list[bytes] = []
    full = len(waiting) // TILE_WIDTH
    for nth in range(full):
        tile = waiting[nth * TILE_WIDTH : (nth + 1) * TILE_WIDTH]
        writer.run(_PUT_TILE, (0, number + nth, b"".join(tile)))
        roots.append(tile_root(tile))
    _raise_tiles(writer, 1, number, roots)


def _raise_tiles(writer: Writer, level: int, first: int, roots: Sequence[bytes]) -> None:
    """Put the roots of full tiles, from number `first` of the level below, into their level."""
    done = 0
    full_roots: list[bytes] = []
    number = first // TILE_WIDTH
    while done < len(roots):
        held = (first + done) % TILE_WIDTH
        tile = _tile_so_far(writer, level, number, held)
        taken = roots[done : done + TILE_WIDTH - held]
        tile.extend(taken)
        writer.run(_PUT_TILE, (level, number, b"".join(tile)))
        if len(tile) == TILE_WIDTH:
            full_roots.append(tile_root(tile))
        done += len(taken)
        number += 1
    if full_roots:
        _raise_tiles(writer, level + 1, first // TILE_WIDTH, full_roots)


def _tile_so_far(writer: Writer, level: int, number: int, held: int) -> list[bytes]:
    if not held:
        return []
    stored = bytes(writer.rows(_TILE, (level, number))[0][0])
    return [stored[at : at + HASH_BYTES] for at in range(0, held * HASH_BYTES, HASH_BYTES)]


def tile_root(hashes: Sequence[bytes]) -> bytes:
    """The root over the 256 hashes of a full tile."""
    row = list(hashes)
    for _ in range(_LEVEL_BITS):
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]
