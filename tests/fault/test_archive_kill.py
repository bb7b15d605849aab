"""The process dies while it archives: what left the database is in a file, the rest is still there.

Either the rows or the verified file, never neither; the next run goes on as if nothing happened.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chain import case, commission, pack, put, receive, see, ship
from sqlalchemy import select

from epcis.archive.reading import Shelves, files
from epcis.capture import capture, record
from epcis.codec.document import write_event_json
from epcis.database.raw_driver import RawDriver
from epcis.fsck import fsck
from epcis.store import event_tables
from tests.fault.archivist import archive, erase_all

ARCHIVIST = Path(__file__).with_name("archivist.py")
SEED = int(os.environ.get("PACKTRAIL_SEED", "20261122"))
NOW = datetime(2026, 6, 1, tzinfo=UTC)
PACKS = [pack(n) for n in range(30)]
MONTH = 60 * 24 * 31
STORY = [
    commission(0, PACKS),
    put(1, case(1), PACKS),
    ship(2, [case(1)]),
    receive(3, [case(1)]),
    *(see(MONTH * n + 5, PACKS[n : n + 1], "storing") for n in range(6)),
]


@pytest.fixture
def old(store):
    with store.write(NOW) as tx:
        record(tx, STORY)
    for n in range(3):
        capture(store, write_event_json(see(20 + n, PACKS[n : n + 1], "storing")), now=NOW)
    return store


def archivist(store, folder, point):
    """The process, which died at the point."""
    process = begun(store, folder, point)
    process.communicate()
    assert process.returncode == -9


def begun(store, folder, point):
    url = store.engine.url.render_as_string(hide_password=False)
    return subprocess.Popen(
        [sys.executable, str(ARCHIVIST), url, str(folder), point],
        stdout=subprocess.PIPE,
        text=True,
    )


def contents(store):
    with store.read() as snapshot:
        shelves = Shelves(RawDriver(snapshot))
        rows = snapshot.connection.execute(
            select(event_tables.event.c.seq, event_tables.event.c.payload).order_by(
                event_tables.event.c.seq
            )
        )
        return [shelves.event(row.seq, row.payload) for row in rows]


@pytest.mark.parametrize(
    "point",
    [
        "events looked at",
        "events written",
        "settled",
        "events archived",
        "documents written",
        "documents archived",
    ],
)
def test_killed_at_any_point_nothing_is_lost_and_the_next_run_ends_it(old, tmp_path, point):
    before = contents(old)
    archivist(old, tmp_path, point)
    assert contents(old) == before
    assert list(fsck(old, now=NOW)) == []
    archive(old, tmp_path)
    assert contents(old) == before
    assert list(fsck(old, now=NOW)) == []
    with old.read() as snapshot:
        named = {file.name for file in files(snapshot)}
    assert {path.name for path in tmp_path.glob("*.parquet") if path.name[0] != "."} == named


def test_killed_between_an_erasure_and_its_file_the_next_run_takes_the_file(old, tmp_path):
    archive(old, tmp_path)
    archivist(old, tmp_path, "unlink")
    assert [finding.code for finding in fsck(old, now=NOW)] == ["archive.not-destroyed"]
    erase_all(old)
    assert list(fsck(old, now=NOW)) == []
    assert not list(tmp_path.glob("events-*"))


def rounds_of_killing(store, folder, rounds):
    before, dice, pause = contents(store), random.Random(SEED), threading.Event()
    for number in range(rounds):
        process = begun(store, folder, "never")
        assert process.stdout.readline() == "ready\n"
        pause.wait(dice.uniform(0, 0.3))
        process.kill()
        process.wait()
        process.stdout.close()
        assert contents(store) == before, f"round {number}, seed {SEED}"
        assert list(fsck(store, now=NOW)) == [], f"round {number}, seed {SEED}"


def test_killed_at_random_moments(old, tmp_path):
    rounds_of_killing(old, tmp_path, 2)


@pytest.mark.endurance
def test_killed_at_random_moments_for_long(old, tmp_path):
    rounds_of_killing(old, tmp_path, 60)
