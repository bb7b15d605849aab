"""Read the log: its head, its nodes from tiles, its proofs."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from sqlalchemy import select

from epcis.database.raw_driver import RawDriver
from epcis.ledger.append import TILE_WIDTH, Head, read_head
from epcis.ledger.checkpoint import Checkpoint
from epcis.ledger.ledger_tables import ledger_entry, ledger_head, ledger_tile
from epcis.ledger.merkle import (
    HASH_BYTES,
    Frontier,
    consistency_proof,
    edge,
    inclusion_proof,
    multi_proof,
    node_hash,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from epcis.ledger.store import Transaction

TILES_KEPT_MAX = 64
"""Tiles held in memory while proofs are made, 16 KiB each with their inner nodes."""
_LEVEL_BITS = 8


class Tree:
    """The log in one snapshot; makes every proof from a few tiles."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tiles: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()
        self.tiles_read = 0
        head = connection.execute(
            select(ledger_head.c.origin, ledger_head.c.size, ledger_head.c.frontier)
        ).first()
        self.origin: str = head.origin if head else ""
        self.size: int = head.size if head else 0
        hashes = bytes(head.frontier) if head else b""
        pieces = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
        self._edge = dict(zip(edge(self.size), pieces, strict=True))

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """Name, size and root, now or when the log had `size` entries."""
        size = self.size if size is None else self._within(size)
        return Checkpoint(self.origin, size, Frontier.of(size, self.node).root())

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """The audit path of an entry, RFC 9162 section 2.1.3. Raises IndexError."""
        return inclusion_proof(index, self.size if size is None else self._within(size), self.node)

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """The proof that the log only grew from `old` to `new` entries. Raises IndexError."""
        return consistency_proof(old, self.size if new is None else self._within(new), self.node)

    def selection(self, indices: Iterable[int], size: int | None = None) -> Iterator[bytes]:
        """The multi-proof of many entries at once, ascending. Raises IndexError."""
        return multi_proof(indices, self.size if size is None else self._within(size), self.node)

    def leaf(self, index: int) -> bytes:
        """The leaf hash of one entry."""
        return self.node(0, index)

    def tile(self, level: int, number: int, width: int) -> bytes:
        """The first `width` hashes of a tile, joined: C2SP tlog-tiles. Raises IndexError."""
        available = (self.size >> _LEVEL_BITS * level) - number * TILE_WIDTH
        if not 0 < width <= min(TILE_WIDTH, available):
            raise IndexError("the log has no such tile")
        return b"".join(self._rows(level, number)[0][:width])

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree, `merkle.NodeSource`."""
        known = self._edge.get((level, index))
        if known is not None:
            return known
        tile_level, inner = divmod(level, _LEVEL_BITS)
        number, offset = divmod(index << inner, TILE_WIDTH)
        rows = self._rows(tile_level, number)
        return rows[inner][offset >> inner]

    def _within(self, size: int) -> int:
        if size > self.size:
            raise IndexError(f"the log has {self.size} entries, not yet {size}")
        return size

    def _rows(self, level: int, number: int) -> list[list[bytes]]:
        """A tile's hashes and all complete nodes above them inside the tile."""
        key = (level, number)
        rows = self._tiles.get(key)
        if rows is None:
            rows = self._tiles[key] = _pyramid(self._read(level, number))
            self.tiles_read += 1
            if len(self._tiles) > TILES_KEPT_MAX:
                self._tiles.popitem(last=False)
        else:
            self._tiles.move_to_end(key)
        return rows

    def _read(self, level: int, number: int) -> list[bytes]:
        stored = self._connection.scalar(
            select(ledger_tile.c.hashes).where(
                ledger_tile.c.level == level, ledger_tile.c.number == number
            )
        )
        if stored is not None:
            return [stored[at : at + HASH_BYTES] for at in range(0, len(stored), HASH_BYTES)]
        if level:
            raise IndexError("the log has no such tile")
        first = number * TILE_WIDTH
        return [
            bytes(leaf)
            for leaf in self._connection.scalars(
                select(ledger_entry.c.leaf)
                .where(ledger_entry.c.idx >= first, ledger_entry.c.idx < first + TILE_WIDTH)
                .order_by(ledger_entry.c.idx)
            )
        ]


def _pyramid(hashes: list[bytes]) -> list[list[bytes]]:
    rows = [hashes]
    for _ in range(_LEVEL_BITS - 1):
        below = rows[-1]
        rows.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
    return rows


def head_of(tx: Transaction) -> Head:
    """The head of the log, which gets its name at the first call."""
    return read_head(RawDriver(tx))
