"""Sequencers die in the middle of their rounds, two at a time: the log neither forks nor gaps."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from epcis.fsck.log import audit_log
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from epcis.ledger.merkle import check_consistency
from epcis.ledger.sequencer import catch_up
from epcis.ledger.store import Store
from epcis.ledger.tree import Tree

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROUNDS = int(os.environ.get("PACKTRAIL_KILL_ROUNDS", "4"))
ACTS_PER_ROUND = 60
SEQUENCERS = 2
PROGRAM = Path(__file__).parent / "sequencing.py"
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.postgresql


def sequencer(database: str) -> subprocess.Popen[bytes]:
    """A process that is giving places when this returns."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), database],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def write(store: Store, kill_after: int, killed: subprocess.Popen[bytes]) -> None:
    """Acts one after the other; after so many of them somebody pulls the plug."""
    for number in range(ACTS_PER_ROUND):
        with store.write(NOW) as tx:
            for entry in range(3):
                tx.log(LeafKind.SETTING, b"%d.%d" % (number, entry))
        if number == kill_after:
            killed.kill()


def test_two_sequencers_killed_in_mid_round_leave_one_log_without_gaps(postgresql):
    database = postgresql.new_database()
    store = Store.open(database)
    store.create_all()
    chance = random.Random(20261122)
    held = []
    for _ in range(ROUNDS):
        processes = [sequencer(database) for _ in range(SEQUENCERS)]
        hands = [
            threading.Thread(target=write, args=(store, chance.randrange(ACTS_PER_ROUND), process))
            for process in processes
        ]
        for hand in hands:
            hand.start()
        for hand, process in zip(hands, processes, strict=True):
            hand.join()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        with store.read() as snapshot:
            held.append(Tree(snapshot.connection).checkpoint())
    catch_up(store, now=NOW)
    assert list(audit_log(store)) == []
    with store.read() as snapshot:
        tree = Tree(snapshot.connection)
        waiting = select(func.count()).where(ledger_entry.c.idx.is_(None))
        assert snapshot.connection.scalar(waiting) == 0
        assert tree.size == ROUNDS * SEQUENCERS * ACTS_PER_ROUND * 3
        for seen in held:
            proof = tree.consistency(seen.size) if seen.size else []
            check_consistency(seen.size, seen.root, tree.size, tree.checkpoint().root, proof)
    store.close()
