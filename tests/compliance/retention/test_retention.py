"""What is over goes, what is held or asked for by law stays, and all of it is on record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from chain import GTIN, MAKER, PHARMACY, WHOLESALER, case, commission, pack, put, receive, ship
from msgspec.structs import replace
from sqlalchemy import func, insert, select

from compliance.duty_tables import browser_session
from compliance.recall.recall import open_recall
from compliance.retention.duty import Duty
from compliance.retention.hold import HoldRefused, Matter, list_holds, open_hold, release_hold
from compliance.retention.policy import RecordClass, RetentionPolicy, parse_policy
from compliance.retention.retention_tables import erasure
from compliance.service.migrate import open_migrated
from compliance.service.settings import Settings
from epcis.archive.deposit import ArchiveInterrupted
from epcis.archive.reading import files
from epcis.capture import capture, record
from epcis.codec.document import write_event_json
from epcis.fsck import fsck
from epcis.ledger.ledger_tables import ledger_entry
from epcis.ledger.register import subject_of
from epcis.model import QuantityElement
from epcis.query import search
from epcis.query.parameters import parse
from epcis.store import event_tables
from verification.registry.pack_tables import alert, alert_step, verification_request

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATER = datetime(2033, 1, 1, tzinfo=UTC)
FIRST, SECOND = [pack(n) for n in range(3)], [pack(n) for n in range(10, 13)]
STORY = [
    commission(0, FIRST, lot="L1"),
    commission(1, SECOND, lot="L2", expiry="2035-01-31"),
    put(2, case(1), FIRST),
    put(3, case(2), [case(1), *SECOND]),
    ship(4, [case(2)]),
    receive(5, [case(2)]),
    put(6, case(2), [case(1)], action="DELETE", where=WHOLESALER),
    ship(7, [case(1)], sender=WHOLESALER, receiver=PHARMACY),
    receive(8, SECOND[:1]),
]


@pytest.fixture
def store(tmp_path, database):
    opened = open_migrated(Settings(data_dir=tmp_path, database=database))
    with opened.write(NOW) as tx:
        record(tx, STORY)
    yield opened
    opened.close()


def duty(store, folder, policy=None, now=LATER):
    return Duty(
        store, policy or RetentionPolicy(), folder / "archive", folder / "exports", now, "tester"
    )


def run(store, folder, policy=None, now=LATER):
    return [line.as_dict() for line in duty(store, folder, policy, now).run(lambda *_: None)]


def planned(store, folder, policy=None, now=LATER):
    return [line.as_dict() for line in duty(store, folder, policy, now).plan()]


def line(lines, name, deed):
    return next(one for one in lines if (one["record"], one["deed"]) == (name, deed))


def hold(store, **matter):
    return open_hold(store, Matter.parse(**matter), reason="claim 7", by="ann", now=NOW)


def still_here(store):
    """0-based places in the story of events that are not archived."""
    with store.read() as snapshot:
        found = select(event_tables.event.c.seq).where(event_tables.event.c.archive.is_(None))
        return [seq - 1 for seq in sorted(snapshot.connection.scalars(found))]


@pytest.mark.parametrize(
    ("matter", "kept"),
    [
        ({"gtin": GTIN, "serial": "P0"}, [0, 2, 3, 4, 5, 6, 7]),
        ({"gtin": GTIN, "serial": "P11"}, [1, 3, 4, 5, 6]),
        ({"gtin": GTIN, "lot": "L2"}, [1, 3, 4, 5, 6, 8]),
        ({"gtin": GTIN}, list(range(9))),
        ({"gtin": GTIN, "lot": "L9"}, []),
        ({"party": PHARMACY}, [7]),
        ({"gtin": GTIN, "lot": "L2", "party": PHARMACY}, []),
        ({"since": datetime(2026, 3, 1, 8, 7, tzinfo=UTC)}, [7, 8]),
        ({"until": datetime(2026, 3, 1, 8, 2, tzinfo=UTC), "gtin": GTIN}, [0, 1]),
    ],
)
def test_a_hold_keeps_its_matter_and_all_it_was_ever_in(store, tmp_path, matter, kept):
    opened = hold(store, **matter)
    plan = planned(store, tmp_path)
    assert line(plan, "events", "archive")["entries"] == len(STORY) - len(kept)
    assert line(plan, "events", "archive")["held"] == ({opened.id: len(kept)} if kept else {})
    run(store, tmp_path)
    assert still_here(store) == kept
    release_hold(store, opened.id, why="settled", by="ann", now=LATER)
    run(store, tmp_path)
    assert still_here(store) == []
    assert list(fsck(store, now=LATER)) == []


def test_a_pack_of_two_lots_is_held_with_either_and_kept_for_the_later_expiry(store, tmp_path):
    with store.write(NOW) as tx:
        record(tx, [commission(9, FIRST[:1], lot="L9", expiry="2044-05-31")])
    opened = hold(store, gtin=GTIN, lot="L9")
    run(store, tmp_path)
    assert still_here(store) == [0, 2, 3, 4, 5, 6, 7, 9]
    release_hold(store, opened.id, why="settled", by="ann", now=LATER)
    run(store, tmp_path)
    assert still_here(store) == []
    by_law = parse_policy('[events]\narchive_after = "1 days"\nerase_after = "6 years"\n')
    kept = line(
        planned(store, tmp_path, by_law, datetime(2044, 12, 1, tzinfo=UTC)), "events", "erase"
    )
    assert kept["held"]


def test_a_recall_can_be_held_by_its_number(store, tmp_path):
    recalled = open_recall(store, GTIN, "L1", reason="glass", by="ann", now=NOW)
    hold(store, case_id=recalled.id)
    run(store, tmp_path)
    assert still_here(store) == [0, 2, 3, 4, 5, 6, 7]


def test_an_amount_of_a_held_lot_is_held(store, tmp_path):
    loose = QuantityElement(epc_class=f"https://id.gs1.org/01/{GTIN}/10/L5", quantity="7")
    with store.write(NOW) as tx:
        record(tx, [replace(receive(9, []), quantities=(loose,))])
    for matter in ({"gtin": GTIN, "lot": "L5"}, {"gtin": GTIN}):
        opened = hold(store, **matter)
        assert 9 in still_here(store)
        run(store, tmp_path)
        assert 9 in still_here(store)
        release_hold(store, opened.id, why="settled", by="ann", now=NOW)


def test_a_plan_counts_what_a_run_does_and_a_second_run_does_nothing(store, tmp_path):
    capture(store, write_event_json(receive(20, SECOND[1:])), now=NOW)
    hold(store, gtin=GTIN, serial="P0")
    plan = planned(store, tmp_path)
    assert planned(store, tmp_path) == plan
    done = run(store, tmp_path)

    def counts(lines):
        return [(one["record"], one["deed"], one["entries"], one["held"]) for one in lines]

    assert counts(done) == counts(plan)
    assert line(done, "documents", "archive")["entries"] == 1
    assert all(one["entries"] == 0 and not one["files"] for one in run(store, tmp_path))


@pytest.mark.parametrize(
    "matter",
    [
        {},
        {"lot": "L1"},
        {"serial": "1"},
        {"gtin": "123"},
        {"party": "1"},
        {"case_id": "none such"},
        {"gtin": GTIN, "lot": "x" * 21},
        {"since": LATER, "until": NOW},
    ],
)
def test_a_hold_that_says_nothing_is_refused(store, matter):
    with pytest.raises(HoldRefused):
        hold(store, **matter)
    with store.read() as snapshot:
        assert list_holds(snapshot) == []


def test_a_hold_is_released_once_and_its_record_stays(store):
    opened = hold(store, gtin=GTIN)
    released = release_hold(store, opened.id, why="settled", by="bob", now=LATER)
    assert (released.released_by, released.released_why) == ("bob", "settled")
    for name in (opened.id, "H-none"):
        with pytest.raises(HoldRefused):
            release_hold(store, name, why="again", by="bob", now=LATER)
    with store.read() as snapshot:
        assert list_holds(snapshot) == [released]
        said = snapshot.connection.scalars(
            select(ledger_entry.c.public).where(ledger_entry.c.kind == 11)
        ).all()
    assert [orjson.loads(one)["act"] for one in said] == ["hold-opened", "hold-released"]


SEVEN = parse_policy(
    '[events]\narchive_after = "1 year"\nerase_after = "7 years"\n'
    '[documents]\narchive_after = "1 year"\nerase_after = "7 years"\n'
)


def test_events_are_erased_by_file_and_not_before_their_packs_expired_a_year_ago(store, tmp_path):
    run(store, tmp_path, SEVEN, NOW + timedelta(days=400))
    too_early = planned(store, tmp_path, SEVEN, datetime(2034, 1, 1, tzinfo=UTC))
    assert line(too_early, "events", "erase")["held"] == {"expiry": len(STORY)}
    at = datetime(2036, 2, 1, tzinfo=UTC)
    opened = hold(store, gtin=GTIN, serial="P12")
    kept = line(run(store, tmp_path, SEVEN, at), "events", "erase")
    assert (kept["entries"], kept["held"][opened.id]) == (0, 5)
    release_hold(store, opened.id, why="settled", by="ann", now=at)
    assert line(run(store, tmp_path, SEVEN, at), "events", "erase")["entries"] == len(STORY)
    with store.read() as snapshot:
        assert [file.erased for file in files(snapshot)] == [at]
    assert not list((tmp_path / "archive").glob("*.parquet"))
    assert list(fsck(store, now=at)) == []
    assert line(run(store, tmp_path, SEVEN, at), "events", "erase")["entries"] == 0


def test_a_hold_opened_while_a_file_is_erased_stops_it(store, tmp_path, monkeypatch):
    run(store, tmp_path, SEVEN, NOW + timedelta(days=400))
    at = datetime(2036, 2, 1, tzinfo=UTC)
    over = Duty._files_over

    def then_held(self, snapshot, rule, after):
        found = over(self, snapshot, rule, after)
        hold(store, gtin=GTIN)
        return found

    monkeypatch.setattr(Duty, "_files_over", then_held)
    with pytest.raises(ArchiveInterrupted, match="hold"):
        run(store, tmp_path, SEVEN, at)
    assert len(list((tmp_path / "archive").glob("*.parquet"))) == 1


def test_traces_of_work_end_and_each_batch_has_its_certificate(store, tmp_path):
    days = [NOW - timedelta(days=1), LATER - timedelta(days=1)]
    with store.write(NOW) as tx:
        for number, day in enumerate(days):
            tx.connection.execute(
                insert(browser_session).values(
                    token_sha256=str(number), id=str(number), name="ann", scopes="query",
                    started_us=0, fresh_us=0, client="",
                    expires_us=int(day.timestamp() * 1_000_000),
                )
            )  # fmt: skip
    assert line(planned(store, tmp_path), "sessions", "erase")["entries"] == 1
    hold(store, gtin=GTIN)
    assert line(run(store, tmp_path), "sessions", "erase")["entries"] == 1
    with store.read() as snapshot:
        assert snapshot.connection.scalars(select(browser_session.c.token_sha256)).all() == ["1"]
        (said,) = snapshot.connection.execute(select(erasure)).all()
    assert (said.record, said.entries, said.by, len(said.digest)) == ("sessions", 1, "tester", 64)


def an_alert(number, lot, at=NOW, status="Closed", last=None):
    return {
        "id": f"A{number}", "at_us": int(at.timestamp() * 1_000_000), "hub": "", "result": "x",
        "code": GTIN, "serial": f"P{number}", "lot": lot, "client": "c", "location": "l",
        "cause": "c", "confidence": "low", "late": 0, "status": status, "market": "", "times": 1,
        "last_us": int((last or at).timestamp() * 1_000_000),
    }  # fmt: skip


def test_alerts_go_by_the_law_unless_open_or_held(store, tmp_path):
    rows = [an_alert(0, "L1"), an_alert(1, "L2"), an_alert(2, "L1", status="Active")]
    step = {"alert": "A0", "step": 1, "at_us": 0, "by": "b", "status": "Closed", "reason": "r",
            "comment": "c"}  # fmt: skip
    with store.write(NOW) as tx:
        tx.connection.execute(insert(alert), rows)
        tx.connection.execute(insert(alert_step), [step])
    policy = parse_policy('[alerts]\nerase_after = "6 years"\n')
    opened = hold(store, gtin=GTIN, lot="L2")
    done = line(run(store, tmp_path, policy), "alerts", "erase")
    assert (done["entries"], done["held"]) == (1, {opened.id: 1})
    with store.read() as snapshot:
        assert snapshot.connection.scalars(select(alert.c.id).order_by(alert.c.id)).all() == [
            "A1",
            "A2",
        ]
        assert snapshot.connection.scalar(select(func.count()).select_from(alert_step)) == 0
        left = snapshot.connection.scalars(
            select(ledger_entry.c.confidential)
            .where(ledger_entry.c.subject == subject_of(alert, ("A0",)))
            .order_by(ledger_entry.c.id)
        ).all()
    assert left[0] is None
    assert b'"row":null' in bytes(left[-1])
    assert list(fsck(store, now=LATER)) == []


def test_an_alert_that_went_on_is_kept_and_held_for_all_of_its_time(store, tmp_path):
    again = NOW + timedelta(days=365)
    with store.write(NOW) as tx:
        tx.connection.execute(insert(alert), [an_alert(0, "L1", last=again)])
    policy = parse_policy('[alerts]\nerase_after = "6 years"\n')
    assert line(run(store, tmp_path, policy), "alerts", "erase")["entries"] == 0
    after = again.replace(year=again.year + 7)
    for matter in (
        {"until": NOW + timedelta(days=1)},
        {"since": NOW + timedelta(days=9)},
        {"since": NOW + timedelta(days=9), "until": NOW + timedelta(days=10)},
    ):
        opened = hold(store, **matter)
        done = line(run(store, tmp_path, policy, after), "alerts", "erase")
        assert (done["entries"], done["held"]) == (0, {opened.id: 1})
        release_hold(store, opened.id, why="settled", by="ann", now=after)
    hold(store, since=again + timedelta(days=1))
    assert line(run(store, tmp_path, policy, after), "alerts", "erase")["entries"] == 1


def test_what_cannot_be_told_apart_is_held(store, tmp_path):
    row = {"corr_uuid": "u", "asked_us": 0, "due_us": 0, "tries": 1, "question": b"{}"}
    with store.write(NOW) as tx:
        tx.connection.execute(insert(verification_request), [row])
    policy = parse_policy('[verifications]\nerase_after = "6 years"\n')
    opened = hold(store, gtin=GTIN, lot="L9")
    assert line(run(store, tmp_path, policy), "verifications", "erase")["held"] == {opened.id: 1}
    release_hold(store, opened.id, why="settled", by="ann", now=NOW)
    assert line(run(store, tmp_path, policy), "verifications", "erase")["entries"] == 1


def test_every_class_of_record_can_be_planned_and_run(store, tmp_path):
    text = "".join(
        f'[{name}]\nerase_after = "20 years"\n' for name in RecordClass if name != "events"
    )
    policy = parse_policy(text)
    assert {one["record"] for one in planned(store, tmp_path, policy)} == set(RecordClass)
    run(store, tmp_path, policy)


def test_the_maker_sees_what_he_saw(store, tmp_path):
    def seen():
        with store.read() as snapshot:
            selection = search.Selection(party=f"/414/{MAKER}")
            page = search.page(snapshot, parse({}), selection, rows_max=50)
            return [one.event for one in page.events]

    before = seen()
    run(store, tmp_path)
    assert seen() == before
    assert len(before) == 5


def test_documents_wait_for_their_events(store, tmp_path):
    capture(store, write_event_json(receive(20, SECOND[1:])), now=NOW)
    policy = parse_policy('[events]\narchive_after = "never"\n')
    assert line(planned(store, tmp_path, policy), "documents", "archive")["entries"] == 0
    assert line(run(store, tmp_path, policy), "documents", "archive")["entries"] == 0


def test_an_alert_about_a_pack_with_two_lots_is_held_by_either(store, tmp_path):
    made = [commission(0, [pack(0)], lot="L1"), commission(1, [pack(0)], lot="L2")]
    with store.write(NOW) as tx:
        record(tx, [*made, commission(0, [pack(1)], lot="L1")])
        rows = [an_alert(number, "L1") for number in (0, 1)]
        tx.connection.execute(insert(alert), rows)
    policy = parse_policy('[alerts]\nerase_after = "6 years"\n')
    opened = hold(store, gtin=GTIN, lot="L2")
    done = line(run(store, tmp_path, policy), "alerts", "erase")
    assert (done["entries"], done["held"]) == (1, {opened.id: 1})
    with store.read() as snapshot:
        assert snapshot.connection.scalars(select(alert.c.id)).all() == ["A0"]
