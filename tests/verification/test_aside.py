"""While a large document is being stored (SQLite): packs are verified, and no record is lost."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

from epcis.database.journal import SideJournal
from epcis.database.transactions import WriterHeld
from epcis.fsck import fsck
from tests.verification.conftest import GTIN, NOW
from verification.answering.aside import journal_of, run_aside, take_in
from verification.registry.history import history
from verification.registry.pack_tables import unknown_answer

TOLD_S_MAX = 60


@contextmanager
def held(store):
    """A large act has the writer until the block ends."""
    begun, let_go = threading.Event(), threading.Event()

    def hold():
        with store.write(NOW, long=True):
            begun.set()
            assert let_go.wait(TOLD_S_MAX)

    thread = threading.Thread(target=hold)
    thread.start()
    assert begun.wait(TOLD_S_MAX)
    try:
        yield let_go
    finally:
        let_go.set()
        thread.join(TOLD_S_MAX)


def asked(client, serial: str):
    return client.post("/packs/verify", json={"gtin": GTIN, "serial": serial})


def past(store, serial: str):
    with store.read() as snapshot:
        return list(history(snapshot, GTIN, serial))


def journal_file(store):
    return store.file.with_suffix(".aside")


def test_a_genuine_pack_is_verified_at_once_and_its_record_follows(client, packs, clock):
    with held(packs):
        assert asked(client, "S1").json()["verdict"] == "OK"
        assert asked(client, "S2").json()["verdict"] == "OK"
        assert past(packs, "S1") == []
    journal = SideJournal(journal_file(packs))
    assert take_in(packs, journal, clock) == 2
    assert take_in(packs, journal, clock) == 0
    assert journal.is_empty
    for serial in ("S1", "S2"):
        (entry,) = past(packs, serial)
        assert (entry.operation, entry.result) == ("verify", "genuine")
        assert entry.at == NOW
    journal.close()
    assert list(fsck(packs, now=NOW)) == []
    assert journal_file(packs).stat().st_mode & 0o077 == 0


def test_what_has_to_be_counted_waits_for_the_writer(client, packs):
    async def story():
        with held(packs) as let_go:
            send = client.send
            body = {"gtin": GTIN, "serial": "NO-SUCH"}
            guess = asyncio.create_task(send("POST", "/packs/verify", json=body))
            sold = asyncio.create_task(
                send("POST", "/packs/supply", json={"gtin": GTIN, "serial": "S3"})
            )
            genuine = await send("POST", "/packs/verify", json={"gtin": GTIN, "serial": "S1"})
            assert genuine.json()["verdict"] == "OK"
            assert not guess.done()
            assert not sold.done()
            let_go.set()
            return await guess, await sold

    guess, sold = client._runner.run(story())
    assert guess.json()["verdict"] == "STOP"
    assert sold.status_code == 200
    with packs.read() as snapshot:
        counted = snapshot.connection.scalar(select(func.sum(unknown_answer.c.answers)))
    assert counted >= 1


def test_a_crash_after_they_were_taken_in_does_not_take_them_twice(client, packs, clock):
    with held(packs):
        asked(client, "S1")
    before_crash = SideJournal(journal_file(packs))
    before_crash.forget = lambda _last: None
    assert take_in(packs, before_crash, clock) == 1
    before_crash.close()
    after_start = journal_of(packs)
    assert not after_start.is_empty
    take_in(packs, after_start, clock)
    assert after_start.is_empty
    assert len(past(packs, "S1")) == 1
    after_start.close()


def test_what_a_crash_left_is_taken_in_at_the_start(client, packs, clock):
    with held(packs):
        asked(client, "S1")
    journal = journal_of(packs)

    async def story():
        stop = asyncio.Event()
        forget = journal.forget
        journal.forget = lambda last: (forget(last), loop.call_soon_threadsafe(stop.set))
        loop = asyncio.get_running_loop()
        await run_aside(packs, journal, clock, stop)

    asyncio.run(story())
    assert journal.is_empty
    assert len(past(packs, "S1")) == 1
    journal.close()


def test_what_a_crash_cut_off_is_dropped_and_all_before_it_is_kept(tmp_path):
    file = tmp_path / "journal"
    journal = SideJournal(file)
    journal.keep(1, b"first")
    whole = file.stat().st_size
    journal.keep(2, b"second")
    journal.close()
    written = file.read_bytes()
    for end in range(whole, len(written)):
        file.write_bytes(written[:end])
        after = SideJournal(file)
        assert [one.entries for one in after.oldest(9)] == [b"first"]
        after.keep(3, b"third")
        assert [(one.number, one.at_us) for one in after.oldest(9)] == [(1, 1), (2, 3)]
        after.close()


def test_an_emptied_journal_makes_place_for_a_new_one_that_all_see(tmp_path):
    one, other = SideJournal(tmp_path / "journal"), SideJournal(tmp_path / "journal")
    one.keep(1, b"first")
    first_id = other.id
    other.forget(1)
    assert one.oldest(9) == []
    assert one.id == other.id != first_id
    one.keep(2, b"second")
    assert [kept.entries for kept in other.oldest(9)] == [b"second"]
    one.close()
    other.close()


def test_an_act_that_does_not_wait_is_told_that_a_large_one_has_the_writer(packs):
    with held(packs):
        assert packs.is_held
        with pytest.raises(WriterHeld), packs.write(NOW, waits=False):
            pass
    assert not packs.is_held
    with packs.write(NOW, waits=False):
        pass
