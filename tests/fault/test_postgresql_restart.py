"""The database server goes away under load: senders are told to come back, nothing is lost."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from chain import pack, see
from databases import new_cluster

from epcis.capture import capture
from epcis.codec.document import write_event_json
from epcis.database.transactions import StoreAway
from epcis.fsck import fsck
from epcis.ledger.store import Store
from epcis.store.items import item
from schemas.gs1.epc import canonical_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
pytestmark = pytest.mark.postgresql


@pytest.fixture
def own_cluster():
    yield from new_cluster()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_is_told_as_away_and_the_pool_heals(own_cluster, mode):
    store = Store.open(own_cluster.new_database())
    store.create_all()
    kept, away, other = [], [], []
    stop, warm = threading.Event(), threading.Event()

    def send(sender):
        number = 0
        while not stop.is_set():
            number += 1
            epc = pack(f"{sender}x{number}")
            try:
                capture(store, write_event_json(see(number % 5000, [epc], "storing")), now=NOW)
                kept.append(epc)
            except StoreAway:
                away.append(epc)
                stop.wait(0.02)
            except Exception as fault:  # noqa: BLE001  # shown by the assertion below
                other.append(fault)
            if len(kept) > 20:
                warm.set()

    senders = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for sender in senders:
        sender.start()
    assert warm.wait(60)
    own_cluster.stop(mode)
    before = len(kept)
    own_cluster.start()
    healed = threading.Event()
    while len(kept) < before + 20 and not healed.wait(0.02):
        assert all(sender.is_alive() for sender in senders)
    stop.set()
    for sender in senders:
        sender.join()
    assert other == []
    assert away
    with store.read() as snapshot:
        assert all(item(snapshot, canonical_key(epc)) for epc in kept)
    assert list(fsck(store, now=NOW)) == []
    store.close()


def test_a_server_that_is_not_there_is_away(tmp_path):
    store = Store.open(f"postgresql://packtrail@/nothing?host={tmp_path}")
    with pytest.raises(StoreAway, match="cannot be reached"), store.read():
        pass
    with pytest.raises(StoreAway, match="cannot be reached"), store.write(NOW):
        pass
