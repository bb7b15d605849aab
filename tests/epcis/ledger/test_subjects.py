"""What was asked about a pack is found again, however long the log has grown since."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from epcis.ledger import subjects
from epcis.ledger.entry import LeafKind
from epcis.ledger.sequencer import catch_up
from epcis.ledger.subjects import entries_about

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def about(number):
    return sha256(f"pack {number}".encode()).digest()


def ask_about(store, packs, kind=LeafKind.VERDICT):
    with store.write(NOW) as tx:
        for number in packs:
            tx.log(kind, b"{}", b"asked", subject=about(number))


@pytest.fixture
def short_runs(monkeypatch):
    """Runs so short that a test sees many."""
    monkeypatch.setattr(subjects, "BATCH_PLACES", 8)
    monkeypatch.setattr(subjects, "_NOTE", subjects._NOTE.replace("65536", "32"))
    monkeypatch.setattr(subjects, "RUN_PLACES", 32)


def test_entries_are_found_over_batches_runs_and_the_newest_places(store, short_runs):
    for start in range(0, 100, 7):
        ask_about(store, [*range(start, start + 7), 3])
        with store.write(NOW) as tx:
            tx.log(LeafKind.SETTING, b"{}", subject=about(3))
    catch_up(store, now=NOW)
    ask_about(store, [3, 1], LeafKind.PACK_OPERATION)
    with store.read() as snapshot:
        assert len(entries_about(snapshot, [about(3)])) == 17
        assert len(entries_about(snapshot, [about(1), about(2)])) == 3
        assert entries_about(snapshot, [about(999)]) == []
        assert entries_about(snapshot, []) == []
        found = entries_about(snapshot, [about(3)])
    assert found == sorted(set(found))


def test_many_subjects_are_found_as_few_are(store, short_runs, monkeypatch):
    ask_about(store, range(60))
    catch_up(store, now=NOW)
    wanted = [about(number) for number in range(50)]
    with store.read() as snapshot:
        one_by_one = entries_about(snapshot, wanted)
        monkeypatch.setattr(subjects, "SUBJECTS_ASKED_MAX", 10)
        assert entries_about(snapshot, wanted) == one_by_one
    assert len(one_by_one) == 50


def test_a_subject_that_only_begins_alike_is_another(store, short_runs):
    like = about(1)[:8] + bytes(24)
    with store.write(NOW) as tx:
        for _ in range(20):
            tx.log(LeafKind.VERDICT, b"{}", subject=like)
    ask_about(store, [1])
    catch_up(store, now=NOW)
    with store.read() as snapshot:
        assert len(entries_about(snapshot, [about(1)])) == 1
        assert len(entries_about(snapshot, [like])) == 20
