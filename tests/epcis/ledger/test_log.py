"""What happens in an act stands in the log, in order, and cannot be taken back unseen."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from msgspec import structs
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from compliance.seal.checkpoint import seal_log, stamp_checkpoint
from epcis.capture import record
from epcis.database.raw_driver import RawDriver
from epcis.fsck import fsck
from epcis.fsck.log import audit_log
from epcis.ledger import sequencer
from epcis.ledger.append import LogForked, grow, read_head
from epcis.ledger.checkpoint import Checkpoint
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from epcis.ledger.merkle import (
    check_consistency,
    leaf_hash,
    root_from_inclusion,
    root_from_multi_proof,
    root_of,
)
from epcis.ledger.sequencer import catch_up, delay, sequence
from epcis.ledger.store import Store
from epcis.ledger.tree import Tree
from epcis.store.digest import event_digest
from tests.epcis.ledger.conftest import NOW, shipped, tell


def leaves(store: Store) -> list[bytes]:
    with store.read() as snapshot:
        return [
            bytes(leaf)
            for leaf in snapshot.connection.scalars(
                select(ledger_entry.c.leaf).order_by(ledger_entry.c.idx)
            )
        ]


def test_every_act_grows_the_tree_by_its_entries(told: Store):
    stored = leaves(told)
    assert len(stored) == 330
    with told.read() as snapshot:
        tree = Tree(snapshot.connection)
        assert tree.checkpoint() == Checkpoint(tree.origin, 330, root_of(stored))
        for size in (0, 1, 255, 256, 257, 329):
            assert tree.checkpoint(size).root == root_of(stored[:size])


def test_an_act_that_fails_leaves_nothing_in_the_log(told: Store):
    def fail() -> None:
        with told.write(NOW) as tx:
            tx.log(LeafKind.SETTING, b"{}")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    catch_up(told, now=NOW)
    assert len(leaves(told)) == 330


def test_proofs_convince_whoever_kept_a_checkpoint(told: Store):
    stored = leaves(told)
    with told.read() as snapshot:
        tree = Tree(snapshot.connection)
        for index in (0, 17, 255, 256, 329):
            path = tree.inclusion(index)
            assert root_from_inclusion(stored[index], index, 330, path) == root_of(stored)
        for old in (1, 100, 256, 300):
            check_consistency(
                old, root_of(stored[:old]), 330, root_of(stored), tree.consistency(old)
            )
        chosen = [3, 4, 5, 200, 290]
        proof = tree.selection(iter(chosen))
        shown = [(index, stored[index]) for index in chosen]
        assert root_from_multi_proof(shown, 330, proof) == root_of(stored)


def test_a_tile_of_the_log_is_what_its_leaves_give(told: Store):
    stored = leaves(told)
    with told.read() as snapshot:
        tree = Tree(snapshot.connection)
        assert tree.tile(0, 0, 256) == b"".join(stored[:256])
        assert tree.tile(0, 1, 74) == b"".join(stored[256:])
        assert tree.tile(1, 0, 1) == root_of(stored[:256])
        for level, number, width in ((0, 1, 75), (0, 2, 1), (1, 0, 2), (2, 0, 1), (0, 0, 0)):
            with pytest.raises(IndexError):
                tree.tile(level, number, width)


@pytest.mark.parametrize("count", [1, 7, 8, 700])
def test_events_of_one_act_stand_in_the_log_in_their_order(store: Store, count: int):
    events = [shipped(serial) for serial in range(count)]
    open_events = [structs.replace(event, biz_transactions=None) for event in events[::3]]
    events[::3] = open_events
    with store.write(NOW) as tx:
        record(tx, events)
    catch_up(store, now=NOW)
    with store.read() as snapshot:
        entry = ledger_entry.c
        rows = snapshot.connection.execute(
            select(entry.subject, entry.kind, entry.event, entry.salt).order_by(entry.idx)
        ).all()
        tree = Tree(snapshot.connection)
        full = [tree.tile(0, number, 256) for number in range(count // 256)]
    assert [row.subject for row in rows] == [event_digest(event) for event in events]
    assert {row.kind for row in rows} == {LeafKind.EVENT}
    assert [row.event for row in rows] == sorted(row.event for row in rows)
    assert [row.salt is None for row in rows] == [
        event.biz_transactions is None for event in events
    ]
    assert len({row.salt for row in rows if row.salt}) == count - len(open_events)
    assert b"".join(full) == b"".join(leaves(store)[: 256 * len(full)])
    assert list(fsck(store, now=NOW)) == []


def test_the_clock_going_back_does_not_take_the_log_back(told: Store):
    tell(told, range(300, 302), now=NOW - timedelta(days=400))
    with told.read() as snapshot:
        times = list(
            snapshot.connection.scalars(
                select(ledger_entry.c.record_time).order_by(ledger_entry.c.idx)
            )
        )
    assert times == sorted(times)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET public = NULL, idx = idx + 1000 WHERE idx = 3",
        "UPDATE ledger_entry SET record_time = 0 WHERE idx = 3",
        "DELETE FROM ledger_entry WHERE idx = 3",
    ],
)
def test_the_database_itself_refuses_to_change_an_entry(told: Store, statement: str):
    with pytest.raises(DBAPIError, match="never"), told.write(NOW) as tx:
        tx.connection.execute(text(statement))


def test_erasing_a_salt_erases_the_content_and_the_proof_stands(told: Store):
    with told.write(NOW) as tx:
        tx.connection.execute(
            text("UPDATE ledger_entry SET salt = NULL, confidential = NULL WHERE kind = 9")
        )
    assert list(audit_log(told)) == []


def test_a_sound_log_passes_the_audit_and_tells_progress(told: Store):
    seen: list[tuple[str, int]] = []
    assert list(audit_log(told, progress=lambda what, count: seen.append((what, count)))) == []
    assert ("log entries", 330) in seen


OF_ENTRY = "WHERE seq = (SELECT event FROM ledger_entry WHERE idx = {})"
TAMPERINGS = {
    "an altered public part": (1, "UPDATE ledger_entry SET public = '{}' WHERE idx = 1"),
    "an altered secret": (12, "UPDATE ledger_entry SET confidential = '{}' WHERE idx = 12"),
    "a flipped leaf": (40, "UPDATE ledger_entry SET leaf = subject WHERE idx = 40"),
    "a back-dated entry": (50, "UPDATE ledger_entry SET record_time = 1 WHERE idx = 50"),
    "a deleted entry": (60, "DELETE FROM ledger_entry WHERE idx = 60"),
    "a deleted last entry": (329, "DELETE FROM ledger_entry WHERE idx = 329"),
    "a deleted event": (70, "DELETE FROM event " + OF_ENTRY.format(70)),
    "a damaged payload": (81, "UPDATE event SET payload = hash " + OF_ENTRY.format(81)),
    "an event with another payload": (
        80,
        "UPDATE event SET payload = (SELECT payload FROM event ORDER BY seq LIMIT 1) "
        + OF_ENTRY.format(80),
    ),
}


@pytest.mark.parametrize("deed", TAMPERINGS)
def test_the_audit_names_the_place_of(falsify, told: Store, deed: str):
    place, statement = TAMPERINGS[deed]
    falsify(statement)
    found = list(audit_log(told))
    assert found
    assert found[0].where.path == f"/log/{place}"


def test_swapped_entries_are_found_at_both_places(falsify, told: Store):
    falsify(
        "UPDATE ledger_entry SET idx = -1 WHERE idx = 20",
        "UPDATE ledger_entry SET idx = 20 WHERE idx = 21",
        "UPDATE ledger_entry SET idx = 21 WHERE idx = -1",
    )
    places = {finding.where.path for finding in audit_log(told)}
    assert {"/log/20", "/log/21"} <= places


@pytest.mark.parametrize(
    ("deed", "word"),
    [
        ("UPDATE event SET biz_step = 'receiving' WHERE seq = 5", "biz_step"),
        ("UPDATE event SET event_time = event_time - 1 WHERE seq = 5", "event_time"),
        ("UPDATE event SET read_point = 'elsewhere' WHERE seq = 5", "read_point"),
        ("UPDATE event SET record_time = record_time + 1 WHERE seq = 5", "recorded later"),
        ("DELETE FROM event_word WHERE seq = 5", "event_word"),
        ("DELETE FROM event_epc WHERE seq = 5", "items"),
        ("INSERT INTO event_party (party, seq, relation) VALUES ('/414/1', 5, 2)", "event_party"),
    ],
)
def test_fsck_sees_a_change_in_any_row_of_an_event(falsify, told: Store, deed: str, word: str):
    assert list(fsck(told, now=NOW)) == []
    falsify(deed)
    assert any(word in finding.what for finding in fsck(told, now=NOW))


@pytest.mark.parametrize(
    "deed",
    [
        "UPDATE ledger_checkpoint SET note = replace(note, 'packtrail', 'packtrial')",
        "UPDATE ledger_checkpoint SET timestamp = root",
        "UPDATE ledger_head SET origin = 'other'",
        "UPDATE ledger_head SET record_time = record_time + 1",
        "UPDATE ledger_key SET public_key = key_id",
    ],
)
def test_the_audit_sees_a_change_in_what_was_signed(falsify, told: Store, keys, deed: str):
    sealed = seal_log(told, keys, now=NOW)
    stamp_checkpoint(told, keys, sealed, now=NOW)
    assert list(audit_log(told)) == []
    falsify(deed)
    assert list(audit_log(told))


def test_an_event_slipped_in_past_the_log_is_found(falsify, told: Store):
    copied = (
        "txid, document, position, event_id, type, action, event_time, record_time, moment, epcs,"
        " payload"
    )
    falsify(
        f"INSERT INTO event (identity, hash, {copied}) SELECT "
        f"(SELECT subject FROM ledger_entry WHERE idx = 1), hash, {copied}"
        " FROM event ORDER BY seq LIMIT 1"
    )
    assert "log.event-unlogged" in {finding.code for finding in audit_log(told)}


def test_a_rewritten_log_is_caught_by_a_checkpoint_somebody_kept(told: Store):
    with told.read() as snapshot:
        kept = Tree(snapshot.connection).checkpoint(300)
    with told.write(NOW) as tx:  # the forger appends honestly, but to another history
        driver = RawDriver(tx)
        head = read_head(driver)
        grow(driver, head, [leaf_hash(b"forged")], head.record_time_us)
    with told.read() as snapshot:
        tree = Tree(snapshot.connection)
        assert tree.checkpoint(300) == kept
    assert "log.head-differs" in {finding.code for finding in audit_log(told)}


def test_two_writers_of_the_head_never_fork_the_log(told: Store):
    with told.write(NOW) as tx:
        driver = RawDriver(tx)
        stale = read_head(driver)
        grow(driver, stale, [leaf_hash(b"first")], stale.record_time_us)
        with pytest.raises(LogForked):
            grow(driver, stale, [leaf_hash(b"second")], stale.record_time_us)


@pytest.mark.postgresql
def test_a_transaction_held_open_across_a_round_is_not_passed_over(postgresql):
    store = Store.open(postgresql.new_database())
    store.create_all()
    with store.write(NOW) as late:
        late.log(LeafKind.SETTING, b'{"late":1}')
        late.enter_log()
        with store.write(NOW + timedelta(seconds=1)) as early:
            early.log(LeafKind.SETTING, b'{"early":1}')
        assert sequence(store, now=NOW) == 0
        with store.read() as snapshot:
            assert delay(snapshot, now=NOW + timedelta(seconds=12)) >= sequencer.DELAY_ALARM
    assert sequence(store, now=NOW) == 2
    assert len(leaves(store)) == 2
    assert list(audit_log(store)) == []
    with store.read() as snapshot:
        assert delay(snapshot, now=NOW + timedelta(days=1)) == timedelta(0)
    store.close()


@pytest.mark.postgresql
def test_two_sequencers_and_many_writers_make_one_log(postgresql):
    store = Store.open(postgresql.new_database())
    store.create_all()
    writers, acts = 4, 25
    done = threading.Event()

    def write(number: int) -> None:
        for act_number in range(acts):
            with store.write(NOW) as tx:
                tx.log(LeafKind.SETTING, b'{"writer":%d,"act":%d}' % (number, act_number))

    def place() -> None:
        while not done.is_set():
            sequence(store, now=NOW, entries_max=7)

    sequencers = [threading.Thread(target=place) for _ in range(2)]
    hands = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in (*sequencers, *hands):
        thread.start()
    for thread in hands:
        thread.join()
    done.set()
    for thread in sequencers:
        thread.join()
    catch_up(store, now=NOW)
    assert len(leaves(store)) == writers * acts
    assert list(audit_log(store)) == []
    store.close()


def test_tables_and_guards_can_be_asked_for_again(tmp_path):
    store = Store.open(str(tmp_path / "twice.db"))
    store.create_all()
    store.create_all()
    with store.write(NOW) as tx:
        tx.log(LeafKind.SETTING, b"{}")
    with pytest.raises(DBAPIError, match="never"), store.write(NOW) as tx:
        tx.connection.execute(text("DELETE FROM ledger_entry WHERE idx = 0"))
    store.close()
