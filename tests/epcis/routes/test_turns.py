"""Capture jobs of several senders: each has its turn, small ones pass, none is done twice."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from repository import eventually, new_repository, repository_over, serving

from epcis import capture_job, capture_turn
from epcis.capture_outcome import Behaviour, CaptureOutcome, NewJob
from epcis.capture_turn import claimed
from epcis.codec.document import DocumentLimits
from epcis.store.shared_file import PART_BYTES, shared_parts, shared_size_bytes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def queue(store, job_id: str, caller: str, *, minute: int = 0, size_bytes: int = 10) -> None:
    body = capture_job.incoming(store) / f"{job_id}.body"
    body.write_bytes(b" " * size_bytes)
    new = NewJob(job_id, Behaviour.ROLLBACK, "application/json", caller, None)
    capture_job.open_job(store, new, body, now=NOW + timedelta(minutes=minute))


def order_of_work(store, **bounds) -> list[str]:
    """The ids of the jobs in the order in which one worker does them."""
    done = []
    while True:
        with claimed(store, NOW, **bounds) as job:
            if job is None:
                return done
            done.append(job.id)
            with store.write(NOW) as tx:
                capture_job._finish(tx, job.id, CaptureOutcome.of_refusal([], 0), NOW)


def test_a_sender_of_many_does_not_make_one_of_few_wait(store):
    for number in range(5):
        queue(store, f"many-{number}", "wholesaler", minute=number)
    queue(store, "few-0", "pharmacy", minute=10)
    queue(store, "few-1", "pharmacy", minute=11)
    done = order_of_work(store)
    assert done[:4] == ["many-0", "few-0", "many-1", "few-1"]
    assert done[4:] == ["many-2", "many-3", "many-4"]


def test_a_sender_with_a_job_under_way_lets_others_go_first(store):
    for number in range(3):
        queue(store, f"many-{number}", "wholesaler", minute=number)
    queue(store, "few-0", "pharmacy", minute=10)
    with claimed(store, NOW) as first, claimed(store, NOW) as second, claimed(store, NOW) as third:
        assert [first.id, second.id, third.id] == ["many-0", "few-0", "many-1"]


def test_the_worker_for_small_documents_leaves_large_ones_alone(store):
    queue(store, "large", "a", size_bytes=2000)
    queue(store, "small", "b", minute=1)
    assert order_of_work(store, size_bytes_max=1000) == ["small"]
    assert order_of_work(store) == ["large"]


def test_a_job_is_had_by_one_worker_at_a_time_and_again_after_it_failed(store):
    queue(store, "one", "a")

    def fail() -> None:
        with claimed(store, NOW) as job, claimed(store, NOW) as other:
            assert other is None
            raise RuntimeError(job.id)

    with pytest.raises(RuntimeError):
        fail()
    with claimed(store, NOW) as job:
        assert job.id == "one"


def test_a_job_done_by_another_process_meanwhile_is_not_done_again(store, monkeypatch):
    queue(store, "one", "a")
    seen = capture_turn._waiting(store, 32)
    assert order_of_work(store) == ["one"]
    monkeypatch.setattr(capture_turn, "_waiting", lambda *_: seen)
    with claimed(store, NOW) as job:
        assert job is None


def test_a_body_that_is_not_on_the_disk_is_waited_for_a_day(tmp_path):
    store = new_repository(tmp_path).store
    queue(store, "elsewhere", "a")
    (capture_job.incoming(store) / "elsewhere.body").unlink()
    with claimed(store, NOW) as job:
        assert job is None
    with claimed(store, NOW + capture_turn.GONE_AFTER) as job:
        assert job.id == "elsewhere"
    store.close()


@pytest.mark.postgresql
def test_a_body_waits_in_the_database_that_servers_share(postgresql, tmp_path):
    from epcis.ledger.store import Store

    address = postgresql.new_database()
    one, other = Store.open(address), Store.open(address)
    one.create_all()
    queue(one, "job", "a", size_bytes=2 * PART_BYTES + 1)
    assert not (capture_job.incoming(one) / "job.body").exists()
    name = capture_job.shared_body("job")
    assert b"".join(shared_parts(other, name)) == b" " * (2 * PART_BYTES + 1)
    assert capture_job.do_next(other, lambda: NOW, DocumentLimits(), data_dir=tmp_path)
    with one.read() as snapshot:
        assert not capture_job.job(snapshot, "job", caller="a").running
        assert shared_size_bytes(snapshot, name) is None
    assert list((tmp_path / "incoming").iterdir()) == []
    one.close()
    other.close()


@pytest.mark.postgresql
def test_a_small_document_is_stored_while_a_large_one_is_under_way(postgresql, monkeypatch):
    """On PostgreSQL, where acts do not wait for each other."""
    from epcis.ledger.store import Store

    store = Store.open(postgresql.new_database())
    store.create_all()
    let_go, begun = threading.Event(), threading.Event()
    do = capture_job._do

    def slow_for_large(store, row, body, bounds):
        if row.id == "large":
            begun.set()
            assert let_go.wait(60)
        return do(store, row, body, bounds)

    monkeypatch.setattr(capture_job, "_do", slow_for_large)
    monkeypatch.setattr(capture_job, "SMALL_BYTES_MAX", 1000)
    queue(store, "large", "a", size_bytes=2000)
    with serving(repository_over(store)) as house, house.client() as client:
        assert begun.wait(60)
        queue(store, "small", "b", minute=1)
        eventually(lambda: not client.get("/epcis/capture/small").json()["running"])
        assert client.get("/epcis/capture/large").json()["running"]
        let_go.set()
        eventually(lambda: not client.get("/epcis/capture/large").json()["running"])
    store.close()


def test_one_worker_alone_takes_documents_of_any_size(tmp_path):
    repository = new_repository(tmp_path)
    queue(repository.store, "large", "a", size_bytes=capture_turn.SMALL_BYTES_MAX + 1)
    assert capture_job.do_next(repository.store, repository.clock, DocumentLimits())
    repository.store.close()


def test_a_long_line_is_not_read_to_find_who_is_next(store, monkeypatch):
    """A worker reads the first few of each sender; beyond them only where none may be taken."""
    monkeypatch.setattr(capture_turn, "DEPTHS", (2, 1000))
    for number in range(6):
        queue(store, f"many-{number}", "wholesaler", minute=number, size_bytes=2000)
    queue(store, "behind-them", "wholesaler", minute=9)
    queue(store, "few-0", "pharmacy", minute=10)
    names = [one.id for one in capture_turn._waiting(store, 2)]
    assert names == ["few-0", "many-0", "many-1"]
    assert order_of_work(store, size_bytes_max=1000) == ["few-0", "behind-them"]
    assert order_of_work(store) == [f"many-{number}" for number in range(6)]
