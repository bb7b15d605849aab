"""Acts that are whole or did not happen, and snapshots, on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, insert, select, text

from epcis.database.transactions import StoreAway
from epcis.ledger.entry import LeafKind
from epcis.ledger.store import Store
from epcis.store import event_tables

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def note(tx, subject):
    tx.connection.execute(
        insert(event_tables.lot).values(gtin="09521321000017", code=subject, expiry="")
    )


def noted(store):
    with store.read() as snapshot:
        return set(snapshot.connection.scalars(select(event_tables.lot.c.code)))


def test_an_act_that_fails_leaves_nothing_behind(store):
    with store.write(NOW) as tx:
        note(tx, "kept")
        tx.log(LeafKind.SETTING, b"kept")

    def failing():
        with store.write(NOW) as tx:
            note(tx, "lost")
            tx.log(LeafKind.SETTING, b"lost")
            raise KeyError("changed my mind")

    with pytest.raises(KeyError, match="changed my mind"):
        failing()
    assert noted(store) == {"kept"}
    with store.read() as snapshot:
        assert snapshot.connection.scalar(text("SELECT count(*) FROM ledger_entry")) == 1


def test_acts_of_many_threads_are_all_kept_and_failing_ones_fail_alone(store):
    def many(worker):
        for number in range(25):
            try:
                with store.write(NOW) as tx:
                    note(tx, f"{worker}-{number}")
                    assert number % 5 != 3
            except AssertionError:
                pass

    workers = [threading.Thread(target=many, args=(worker,)) for worker in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert noted(store) == {f"{w}-{n}" for w in range(6) for n in range(25) if n % 5 != 3}


def test_a_long_act_keeps_nobody_waiting_for_an_acknowledgement(store):
    begun, may_end = threading.Event(), threading.Event()

    def long():
        with store.write(NOW, long=True) as tx:
            note(tx, "long")
            begun.set()
            assert may_end.wait(20)

    with store.write(NOW) as tx:
        note(tx, "before")
        worker = threading.Thread(target=long)
        worker.start()
    assert noted(store) == {"before"}
    assert begun.wait(20)
    may_end.set()
    worker.join()
    assert noted(store) == {"before", "long"}


def test_a_snapshot_does_not_see_what_is_written_meanwhile(store):
    with store.read() as snapshot:
        count = select(func.count()).select_from(event_tables.lot)
        assert snapshot.connection.scalar(count) == 0
        with store.write(NOW) as tx:
            note(tx, "later")
        assert snapshot.connection.scalar(count) == 0
    assert noted(store) == {"later"}


def test_record_times_never_run_backwards(store):
    with store.write(NOW) as tx:
        assert tx.now == NOW
    with store.write(NOW - timedelta(days=1)) as tx:
        assert tx.now == NOW


def test_only_sqlite_and_postgresql_are_taken():
    with pytest.raises(ValueError, match="not on mysql"):
        Store.open("mysql://localhost/x")
    with pytest.raises(ValueError, match="needs a file"):
        Store.open("sqlite://")


def test_an_act_does_not_wait_for_ever_behind_a_large_document(tmp_path, monkeypatch):
    monkeypatch.setattr("epcis.database.transactions.WRITER_WAIT_S", 0.05)
    store = Store.open(str(tmp_path / "packtrail.db"))
    store.create_all()
    told = []

    def small():
        try:
            with store.write(NOW) as tx:
                note(tx, "small")
        except StoreAway as away:
            told.append(str(away))

    with store.write(NOW, long=True) as tx:
        note(tx, "large")
        worker = threading.Thread(target=small)
        worker.start()
        worker.join()
    assert told == ["a large document is being stored"]
    with store.write(NOW) as tx:
        note(tx, "next")
    assert noted(store) == {"large", "next"}
    store.close()
