"""The disk fills up while events come in: refused and told, nothing lost; with room it goes on."""

from __future__ import annotations

import os
import subprocess
import threading
from datetime import UTC, datetime

import pytest
from chain import pack, see

from epcis.capture import capture
from epcis.codec.document import write_event_json
from epcis.database.transactions import StoreFull
from epcis.fsck import fsck
from epcis.ledger.store import Store
from epcis.store.items import item
from schemas.gs1.epc import canonical_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def event(number):
    packs = [pack(f"{number}x{n}") for n in range(40)]
    return packs[0], write_event_json(see(number, packs, "storing"))


def fill(store, first=0):
    """Capture until the disk is full; what was acknowledged."""
    kept = []
    for number in range(first, first + 100_000):
        epc, body = event(number)
        try:
            capture(store, body, now=NOW)
        except StoreFull:
            return kept
        kept.append(epc)
    raise AssertionError("the disk never filled up")


def all_there(store, epcs):
    with store.read() as snapshot:
        return all(item(snapshot, canonical_key(epc)) for epc in epcs)


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 6 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_refuses_and_loses_nothing_and_room_lets_it_go_on(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2 << 20))
    store = Store.open(str(small_disk / "packtrail.db"))
    store.create_all()
    kept = fill(store)
    with pytest.raises(StoreFull):
        capture(store, event(200_000)[1], now=NOW)
    assert kept
    assert all_there(store, kept)
    ballast.unlink()
    more = fill(store, 300_000)
    assert more
    assert all_there(store, [*kept, *more])
    assert list(fsck(store, now=NOW)) == []
    store.close()


def test_a_database_at_its_limit_refuses_the_whole_group_and_goes_on_with_room(tmp_path):
    """The limit on pages gives SQLite's own 'full' without a special file system."""
    store = Store.open(str(tmp_path / "packtrail.db"))
    store.create_all()

    def limit(pages):
        with store.write(NOW) as tx:
            tx.driver.execute(f"PRAGMA max_page_count = {pages}")

    limit(1)  # SQLite keeps the limit at what there is already
    with store.read() as snapshot:
        pages = snapshot.driver.execute("PRAGMA page_count").fetchone()[0]
    limit(pages + 60)
    kept, refused, lock = [], [], threading.Lock()

    def send(first):
        for number in range(first, first + 60):
            epc, body = event(number)
            try:
                capture(store, body, now=NOW)
                told = kept
            except StoreFull:
                told = refused
            with lock:
                told.append(epc)

    senders = [threading.Thread(target=send, args=(n * 1000,)) for n in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert kept
    assert refused
    assert all_there(store, kept)
    with store.read() as snapshot:
        assert not any(item(snapshot, canonical_key(epc)) for epc in refused)
    limit(1 << 20)
    capture(store, event(90_000)[1], now=NOW)
    assert list(fsck(store, now=NOW)) == []
    store.close()
