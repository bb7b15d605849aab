"""Append entries to the log, in the same transaction as the data they are about.

With one writer (SQLite) an entry gets its place at once and the tree grows with it. Where many
write at a time (PostgreSQL), entries are stored without a place, and one sequencer
(`epcis.ledger.sequencer`) gives places to what is safely committed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import epcis.ledger.ledger_tables  # noqa: F401  # declares them, so that create_all makes them
from epcis.database.bulk_rows import Pieces, insert_in_order, insert_joined
from epcis.database.columns import microseconds
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import SALT_BYTES
from epcis.ledger.merkle import HASH_BYTES, Frontier
from epcis.ledger.subjects import note_subjects

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.ledger.entry import Commitment

TILE_WIDTH = 256
EVENTS_JOINED_MIN = 8
"""Entries of events that are stored by one statement; fewer are stored row by row."""
_LEVEL_BITS = 8

_PLACED = (
    "idx", "kind", "subject", "public_hash", "confidential_hash", "salt", "public",
    "confidential", "event", "record_time", "leaf",
)  # fmt: skip
_WAITING = (
    "kind", "subject", "public_hash", "confidential_hash", "salt", "public", "confidential",
    "event",
)  # fmt: skip
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
    """The head of the log: its size, the record time of its last entry, the tree's right edge."""

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


def append(tx: Snapshot, things: Sequence[Commitment], now: datetime) -> None:
    """Append commitments to the log, in order, inside a transaction, with the record time `now`.

    With one writer (SQLite) the transaction must hold the write lock already. A crash before the
    commit leaves neither the data nor its entries.
    """
    if not things:
        return
    if tx.has_one_writer:
        _append_in_line(tx, things, microseconds(now))
    else:
        rows = [(int(thing.kind), *thing[1:]) for thing in things]
        same = ("record_time", microseconds(now))
        insert_in_order(tx, "ledger_entry", _WAITING, rows, writer="txid", same=same)


def _append_in_line(tx: Snapshot, things: Sequence[Commitment], now_us: int) -> None:
    driver = RawDriver(tx)
    head = read_head(driver)
    time_us = max(now_us, head.record_time_us)
    leaves = [thing.leaf(time_us) for thing in things]
    if len(things) >= EVENTS_JOINED_MIN and all(thing.event is not None for thing in things):
        _insert_events(tx, things, leaves, head.size, time_us)
    else:
        rows = [
            (index, int(thing.kind), *thing[1:], time_us, leaf)
            for index, (thing, leaf) in enumerate(zip(things, leaves, strict=True), head.size)
        ]
        driver.insert("ledger_entry", _PLACED, rows)
    grow(driver, head, leaves, time_us)


def _insert_events(
    tx: Snapshot, things: Sequence[Commitment], leaves: Sequence[bytes], first: int, time_us: int
) -> None:
    """Insert the entries of events, which store no bytes, from place `first` on."""
    kinds, subjects, publics, confidentials, salts, _, _, events = zip(*things, strict=True)
    insert_joined(
        tx,
        "ledger_entry",
        places=("idx", first),
        same={"kind": int(kinds[0]), "record_time": time_us},
        numbers=("event", events),
        pieces={
            "subject": Pieces(HASH_BYTES, subjects),
            "public_hash": Pieces(HASH_BYTES, publics),
            "confidential_hash": Pieces(HASH_BYTES, confidentials),
            "salt": Pieces(SALT_BYTES, salts),
            "leaf": Pieces(HASH_BYTES, leaves),
        },
    )


def read_head(driver: RawDriver) -> Head:
    """The head of the log; the first call on an empty log gives it its name."""
    rows = driver.all(_HEAD)
    if not rows:
        driver.run(_NEW_HEAD, (f"packtrail/log/{secrets.token_hex(8)}", b""))
        rows = driver.all(_HEAD)
    return Head(rows[0][0], rows[0][1], bytes(rows[0][2]))


def grow(driver: RawDriver, head: Head, leaves: Sequence[bytes], record_time_us: int) -> None:
    """Append leaf hashes after `head`: write full tiles, subject runs and the new head.

    Raises LogForked where the head has moved since it was read.
    """
    tree = head.tree()
    made = tree.extend(leaves)
    for level, hashes in enumerate(made[::_LEVEL_BITS]):
        _extend_tiles(driver, level, head.size >> _LEVEL_BITS * level, hashes)
    moved = driver.run(
        _MOVE_HEAD,
        (tree.size, record_time_us, b"".join(tree.hashes), head.size, head.frontier),
    )
    if moved != 1:
        raise LogForked(f"the log no longer ends at {head.size} entries")
    note_subjects(driver, head.size, tree.size)


def _extend_tiles(driver: RawDriver, level: int, size: int, hashes: Sequence[bytes]) -> None:
    """Add hashes to the tiles of a level that has `size` hashes; of leaves, only full tiles."""
    number, held = divmod(size, TILE_WIDTH)
    if not level and held + len(hashes) < TILE_WIDTH:
        return
    row = [*_tile_so_far(driver, level, number, held), *hashes]
    for at in range(0, len(row), TILE_WIDTH):
        tile = row[at : at + TILE_WIDTH]
        if level or len(tile) == TILE_WIDTH:
            driver.run(_PUT_TILE, (level, number + at // TILE_WIDTH, b"".join(tile)))


def _tile_so_far(driver: RawDriver, level: int, number: int, held: int) -> list[bytes]:
    """The first `held` hashes of a tile; leaves of an unfinished tile come from the entries."""
    if not held:
        return []
    if not level:
        first = number * TILE_WIDTH
        return [bytes(row[0]) for row in driver.all(_TAIL, (first, first + held))]
    stored = bytes(driver.all(_TILE, (level, number))[0][0])
    return [stored[at : at + HASH_BYTES] for at in range(0, held * HASH_BYTES, HASH_BYTES)]
