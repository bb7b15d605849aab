"""Checkpoints that others saw: stored, compared with this log, and an alarm raised on a fork.

If somebody was shown another history than everybody else, their checkpoint is inconsistent with
the present log. Only a checkpoint with this log's own signature is accepted, so nobody can raise a
false alarm.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from epcis.ledger.checkpoint import Checkpoint, LogKey, Note, NoteRefused
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_key, ledger_witness
from epcis.ledger.tree import Tree

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

NOTES_PER_WITNESS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class CheckpointSeen:
    """A checkpoint somebody saw, and whether it fits this log."""

    checkpoint: Checkpoint
    agrees: bool


def log_keys(snapshot: Snapshot) -> list[LogKey]:
    """The public keys that checkpoints of this log were ever signed with."""
    rows = snapshot.connection.execute(select(ledger_key.c.name, ledger_key.c.public_key))
    return [LogKey(row.name, row.public_key[0], bytes(row.public_key[1:])) for row in rows]


def take_witness(tx: Transaction, note: str, witness: str) -> CheckpointSeen:
    """Store a checkpoint that `witness` saw and compare it with the log.

    A checkpoint larger than the log is a fork too: the log signed these entries and lost them.
    Raises NoteRefused for what is not a checkpoint signed by this log.
    """
    seen = Note.parse(note).checkpoint(log_keys(tx))
    tree = Tree(tx.connection)
    if seen.origin != tree.origin:
        raise NoteRefused(f"this log is called {tree.origin}, not {seen.origin}")
    agrees = seen.size <= tree.size and tree.checkpoint(seen.size).root == seen.root
    earlier = select(func.count()).where(ledger_witness.c.witness == witness)
    if agrees and (tx.connection.scalar(earlier) or 0) >= NOTES_PER_WITNESS_MAX:
        return CheckpointSeen(seen, agrees)
    tx.connection.execute(
        insert(ledger_witness).values(
            size=seen.size,
            root=seen.root,
            witness=witness,
            announced_at=tx.now,
            agrees=int(agrees),
            note=note,
        )
    )
    if not agrees:
        details = {"act": "fork", "witness": witness, "size": seen.size, "root": seen.root.hex()}
        tx.log(LeafKind.SETTING, json.dumps(details, sort_keys=True).encode())
    return CheckpointSeen(seen, agrees)


def forks(snapshot: Snapshot) -> list[tuple[str, int]]:
    """(witness, size) of every checkpoint that does not fit this log: must be empty."""
    rows = snapshot.connection.execute(
        select(ledger_witness.c.witness, ledger_witness.c.size)
        .where(ledger_witness.c.agrees == 0)
        .order_by(ledger_witness.c.id)
    )
    return [(row.witness, row.size) for row in rows]
