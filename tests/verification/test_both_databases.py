"""One day at the counter on each database: what SQL says must not depend on who runs it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from epcis.database.transactions import close_for_good
from epcis.http_context import Caller
from epcis.ledger.store import Store
from epcis.store.items import items_of_lot
from tests.verdicts import verify
from verification.alerts.alert import Status, alerts, move
from verification.decision.act import PackAct, PackRequest, ParticipantRole, Who
from verification.decision.facts import LOOK
from verification.decision.rule_pack import shipped
from verification.decision.words import Doubt, LotState, PackState
from verification.fmd import bulk
from verification.fmd.stop_upload import StateUpload, StopUpload, change_states, stop
from verification.fmd.upload import (
    Batch,
    Market,
    Product,
    repacks_of,
    upload_batch,
    upload_product,
)
from verification.registry.history import history
from verification.registry.pack_registry import set_doubt, set_lot_state
from verification.registry.participants import register

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GTIN = "05901234123457"
PACK = {"gtin": GTIN, "serial": "S1", "lot": "A123", "expiry": "270531"}
VRS = "?reqGLN=0366666000014&corrUUID=2f7f2f7e-5d0b-4a0e-9a34-7a9d6f0f3f10&exp=270531"


@pytest.fixture
def store(database):
    opened = Store.open(database)
    opened.create_all()
    yield opened
    opened.close()


def test_a_whole_day(client, packs, clock):
    assert client.post("/packs/verify", json=PACK).json()["verdict"] == "OK"
    answers = client.together([("POST", "/packs/supply", PACK)] * 40)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 39
    clock.now += timedelta(hours=1)
    assert client.post("/packs/undo", json=PACK).json()["state"] == "Active"
    wanted = PACK | {"transaction": "T-1"}
    first = client.post("/packs/supply", json=wanted).json()
    assert client.post("/packs/supply", json=wanted).json() == first
    found = client.get(f"/verify/gtin/{GTIN}/lot/A123/ser/S2{VRS}").json()["data"]
    assert found == {"verified": True}
    caps = client.post("/packs/supply", json=PACK | {"serial": "s2"}).json()
    assert caps["cause"] == "caps-lock"
    statuses = [
        client.get(f"/verify/gtin/{GTIN}/lot/A123/ser/X{number}{VRS}").status_code
        for number in range(18)
    ]
    assert statuses == [200] * 18
    with packs.write(clock.now) as tx:
        set_lot_state(tx, GTIN, "A123", LotState.RECALLED, "x", now=clock.now, by="qa")
        set_doubt(tx, GTIN, Doubt.SUSPECT, case_id="C", now=clock.now, serial="S3")
    said = client.post("/packs/verify", json=PACK | {"serial": "S3"}).json()
    assert (said["reason"], said["also"]) == ("recalled", ["suspect"])
    with packs.read() as snapshot:
        raised = list(alerts(snapshot, since=NOW, until=clock.now + timedelta(days=1)))
        assert sorted(one.count for one in raised) == [1, 39]  # one cause, one alert
        assert len(list(history(snapshot, GTIN, "S1"))) == 43
    with packs.write(clock.now) as tx:
        moved = move(tx, raised[0].id, Status.CLOSED, by="qa", reason="double scan")
    assert moved.status is Status.CLOSED


def test_a_bulk_goes_on_where_it_was_interrupted(packs, clock, put_pack):
    who = Who(client="till-1", role=ParticipantRole.PHARMACY, location="P1", authorisation="A1")
    serials = [f"B{number}" for number in range(bulk.PART_PACKS + 20)]
    with packs.write(NOW) as tx:
        for serial in serials:
            put_pack(tx, serial)
        wanted = [
            PackRequest(operation=PackAct.SUPPLY, code=GTIN, serial=serial) for serial in serials
        ]
        bulk_id = bulk.submit(tx, wanted, who, shipped())
    stopped_after = bulk.PART_PACKS
    ticks = iter([NOW] * 1)

    def clock_that_stops():
        return next(ticks)

    with pytest.raises(StopIteration):
        bulk.work_off(packs, bulk_id, clock_that_stops, shipped())
    with packs.read() as snapshot:
        assert bulk.progress(snapshot, bulk_id).done == stopped_after
        assert list(bulk.unfinished(snapshot)) == [bulk_id]
    assert bulk.resume(packs, clock, shipped()) == 1
    assert bulk.resume(packs, clock, shipped()) == 0
    bulk.work_off(packs, bulk_id, clock, shipped())
    with packs.read() as snapshot:
        results = [answer.result.value for answer in bulk.answers_of(snapshot, bulk_id)]
        assert results == ["done"] * len(serials)
        assert bulk.progress(snapshot, bulk_id).finished is not None
        assert list(bulk.unfinished(snapshot)) == []


def test_operations_of_one_bulk_see_what_was_done_before_them(packs, clock):
    who = Who(client="till-1", role=ParticipantRole.PHARMACY, location="P1", authorisation="A1")
    acts = [
        ("S1", PackAct.SUPPLY),
        ("S2", PackAct.EXPORT),
        ("S1", PackAct.SUPPLY),
        ("S1", PackAct.UNDO),
        ("S1", PackAct.SUPPLY),
        ("S9", PackAct.SUPPLY),
        ("S1", PackAct.VERIFY),
    ]
    wanted = [
        PackRequest(operation=operation, code=GTIN, serial=serial) for serial, operation in acts
    ]
    with packs.write(NOW) as tx:
        bulk_id = bulk.submit(tx, wanted, who, shipped())
    bulk.work_off(packs, bulk_id, clock, shipped())
    with packs.read() as snapshot:
        results = [answer.result.value for answer in bulk.answers_of(snapshot, bulk_id)]
        assert results == [
            "done", "not-allowed", "already-in-state", "done", "done", "serial-unknown",
            "not-to-supply",
        ]  # fmt: skip
        assert len(list(history(snapshot, GTIN, "S1"))) == 5
        assert verify(snapshot, GTIN, "S1", now=NOW).reason == "dispensed"


def test_a_pack_named_in_several_parts_is_dealt_with_in_their_order(packs, clock, monkeypatch):
    monkeypatch.setattr(bulk, "PART_PACKS", 1)
    who = Who(client="till-1", role=ParticipantRole.PHARMACY, location="P1", authorisation="A1")
    acts = [PackAct.SUPPLY, PackAct.UNDO] * 4
    wanted = [PackRequest(operation=operation, code=GTIN, serial="S1") for operation in acts]
    with packs.write(NOW) as tx:
        bulk_id = bulk.submit(tx, wanted, who, shipped())
    bulk.work_off(packs, bulk_id, clock, shipped())
    with packs.read() as snapshot:
        results = [answer.result.value for answer in bulk.answers_of(snapshot, bulk_id)]
    assert results == ["done"] * len(acts)


def test_a_transaction_id_under_two_packs_of_a_bulk_is_refused_for_the_second(
    packs, clock, put_pack, monkeypatch
):
    monkeypatch.setattr(bulk, "PART_PACKS", 1)
    who = Who(client="till-1", role=ParticipantRole.PHARMACY, location="P1", authorisation="A1")
    serials = [f"B{number}" for number in range(6)]
    with packs.write(NOW) as tx:
        for serial in serials:
            put_pack(tx, serial)
        wanted = [
            PackRequest(operation=PackAct.SUPPLY, code=GTIN, serial=serial, transaction="T-9")
            for serial in serials
        ]
        bulk_id = bulk.submit(tx, wanted, who, shipped())
    bulk.work_off(packs, bulk_id, clock, shipped())
    with packs.read() as snapshot:
        results = [answer.result.value for answer in bulk.answers_of(snapshot, bulk_id)]
    assert results == ["done"] + ["transaction-reused"] * 5


def test_one_transaction_id_sent_for_many_packs_at_once_is_used_once(client, packs, put_pack):
    with packs.write(NOW) as tx:
        for number in range(20):
            put_pack(tx, f"T{number}")
    asked = [
        ("POST", "/packs/supply", PACK | {"serial": f"T{number}", "transaction": "T-1"})
        for number in range(20)
    ]
    answers = client.together(asked)
    assert sorted(answer.json()["result"] for answer in answers) == (
        ["done"] + ["transaction-reused"] * 19
    )


def test_two_servers_that_take_up_one_bulk_do_every_pack_once(packs, clock, put_pack, monkeypatch):
    monkeypatch.setattr(bulk, "PART_PACKS", 3)
    who = Who(client="till-1", role=ParticipantRole.PHARMACY, location="P1", authorisation="A1")
    serials = [f"B{number}" for number in range(40)]
    with packs.write(NOW) as tx:
        for serial in serials:
            put_pack(tx, serial)
        wanted = [
            PackRequest(operation=PackAct.SUPPLY, code=GTIN, serial=serial) for serial in serials
        ]
        bulk_id = bulk.submit(tx, wanted, who, shipped())
    with ThreadPoolExecutor(2) as servers:
        for one in [servers.submit(bulk.resume, packs, clock, shipped()) for _ in range(2)]:
            one.result()
    with packs.read() as snapshot:
        done = bulk.progress(snapshot, bulk_id)
        assert (done.done, done.finished is not None) == (40, True)
        answers = list(bulk.answers_of(snapshot, bulk_id))
        assert [answer.serial for answer in answers] == serials
        assert {answer.result.value for answer in answers} == {"done"}
        assert [len(list(history(snapshot, GTIN, serial))) for serial in serials] == [1] * 40


def test_a_bulk_has_its_limits(packs):
    who = Who(client="till-1", role=ParticipantRole.PHARMACY)
    with packs.write(NOW) as tx, pytest.raises(bulk.TooManyError):
        bulk.submit(tx, [], who, shipped())


def test_queries_of_the_same_moment_each_get_their_own_pack(client, packs):
    serials = [f"S{number}" for number in range(1, 6)] * 8 + ["S77"]
    asked = [("GET", f"/packs/status?gtin={GTIN}&serial={serial}", None) for serial in serials]
    answers = client.together(asked)
    assert [answer.json()["serial"] for answer in answers] == serials
    assert [answer.status_code for answer in answers] == [200] * 40 + [404]


def test_guesses_that_come_together_are_answered_no_more_often_than_allowed(client, packs, holder):
    holder.caller = Caller("stranger", frozenset({"verify"}), "/414/0366666000014", "10.0.0.9")
    guesses = [
        ("GET", f"/verify/gtin/{GTIN}/lot/A123/ser/X{number}{VRS}", None) for number in range(100)
    ]
    answers = client.together(guesses)
    assert sorted(answer.status_code for answer in answers) == [200] * 20 + [403] * 80
    wrong = [("POST", "/packs/verify", PACK | {"serial": f"Y{number}"}) for number in range(100)]
    answers = client.together(wrong)
    assert [answer.status_code for answer in answers] == [429] * 100


@pytest.mark.postgresql
def test_what_was_planned_before_there_were_packs_does_not_read_all_of_them_later(postgresql):
    """A plan is kept for as long as its connection, and on the first day any plan is quick."""
    store = Store.open(postgresql.new_database())
    store.create_all()
    keys = ([b"\x01"], [GTIN], ["S7"])
    for statement in ("SELECT 1", "ANALYZE"):
        with store.write(NOW) as tx:
            tx.connection.exec_driver_sql(statement)
        own = store.own_connection()
        plan = own.exec_driver_sql("EXPLAIN " + LOOK.of_arrays, keys).scalars().all()
        close_for_good(own)
        assert any("pack_pkey" in step for step in plan)
        assert [step for step in plan if "Seq Scan on pack" in step] == []
    store.close()


def test_uploads_stops_and_alerts_hold_on_both(client, packs, clock, holder):
    made, twin = "H7K2M9Q4R8TX", "H7K2M9Q4R8TY"
    ireland = Market(country="IE", mah_name="Trail", mah_address="Road 1")
    product = Product(
        code="04150037528643",
        name="Trailol 20 mg",
        common_name="trailolum",
        form="tablet",
        strength="20 mg",
        pack_type="box",
        pack_size=30,
        markets=(ireland,),
    )
    maker = Who(client="maker", role=ParticipantRole.MAH, location="plant", authorisation="m")
    lot = Batch(
        code=product.code,
        lot="L1",
        expiry=NOW.date() + timedelta(days=900),
        markets=("IE",),
        serials=(made, twin),
        source=((product.code, "L0", 30),),
    )
    with packs.write(NOW) as tx:
        register(tx, maker, by="qa")
        register(tx, Who(client="till-1", role=ParticipantRole.PHARMACY, location="P1"), by="qa")
        assert upload_product(tx, product, maker).accepted
        for serials in ((made,), (made, twin)):
            one = msgspec.structs.replace(lot, serials=serials)
            assert upload_batch(tx, one, maker, shipped()).accepted
        assert repacks_of(tx, product.code, "L0") == [(product.code, "L1", 60)]
        wrong = StopUpload(code=product.code, lot="l1", reason="x")
        assert not stop(tx, wrong, maker).accepted
    with packs.read() as snapshot:
        assert len(list(items_of_lot(snapshot, product.code, "L1"))) == 2
    asked = {"gtin": product.code, "serial": "NOSUCHSERIAL", "lot": "L1"}
    for _ in range(2):
        alert = client.post("/packs/verify", json=asked).json()["alert"]
    holder.caller = Caller("maker", holder.caller.scopes, None, "")
    told = client.get(f"/fmd/alerts/{alert}").json()
    assert (told["count"], told["client"], told["steps"]) == (2, "", [])
    with packs.write(clock.now) as tx:
        assert stop(tx, StopUpload(code=product.code, lot="L1", reason="x"), maker).accepted
        stolen = StateUpload(
            code=product.code, lot="L1", serials=(made,), state=PackState.STOLEN, reason="x"
        )
        assert change_states(tx, stolen, maker, shipped()).stored == 1
    seen = client.post("/packs/verify", json={"gtin": product.code, "serial": made}).json()
    assert (seen["reason"], seen["also"]) == ("recalled", ["stolen"])
    late = {"gtin": product.code, "serial": twin, "scanned": NOW.isoformat()}
    holder.caller = Caller("till-1", holder.caller.scopes, None, "")
    assert client.post("/packs/supply", json=late).json()["result"] == "recalled"
