"""Verify from captured events alone: the example shipment, and what becomes of its packs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from epcis.capture import capture, record
from epcis.model import Node, ObjectEvent
from tests.verdicts import verify, verify_and_log
from verification.decision.act import Asked
from verification.decision.restrictions import current_restrictions
from verification.decision.words import Doubt, LotState, ProductState, Reason, Word
from verification.registry.history import history
from verification.registry.pack_registry import (
    IrreversibleError,
    product_state,
    set_doubt,
    set_lot_state,
    set_product_state,
)

BEFORE, AFTER = datetime(2026, 6, 1, tzinfo=UTC), datetime(2035, 11, 1, tzinfo=UTC)


@pytest.fixture
def shipment(store, examples):
    path = examples / "shipment.xml"
    receipt = capture(store, path.read_bytes(), now=BEFORE)
    assert receipt.new == 7
    return store


def some_pack(store):
    """GTIN, serial, lot and expiry of one unit of the captured shipment."""
    from sqlalchemy import select

    from epcis.store.event_tables import item, lot

    with store.read() as snapshot:
        rows = snapshot.connection.execute(
            select(item.c.key, lot.c.code, lot.c.expiry).join(lot, lot.c.id == item.c.lot)
        ).all()
    key, code, expiry = next(row for row in rows if row.key.startswith("/01/") and row.expiry)
    _, _, gtin, _, serial = key.split("/")
    return Asked(gtin, serial, code, date.fromisoformat(expiry))


def test_a_shipped_pack_is_ok_in_date_and_expired_after_it(shipment):
    asked = some_pack(shipment)
    with shipment.read() as snapshot:
        values = (asked.gtin, asked.serial, asked.lot, asked.expiry)
        assert verify(snapshot, *values, now=BEFORE).word is Word.OK
        late = verify(snapshot, *values, now=AFTER)
        assert (late.word, late.reason) == (Word.STOP, Reason.EXPIRED)
        unknown = verify(snapshot, asked.gtin, "NO-SUCH", now=BEFORE)
        assert (unknown.word, unknown.reason) == (Word.STOP, Reason.UNKNOWN_SERIAL)
        other = verify(snapshot, "05901234123457", "1", now=BEFORE)
        assert other.word is Word.UNKNOWN
        assert verify(snapshot, *values[:2], "B", now=BEFORE).reason is Reason.LOT_DIFFERS
        day = date(2035, 11, 1)
        assert verify(snapshot, *values[:3], day, now=BEFORE).reason is Reason.EXPIRY_DIFFERS


@pytest.mark.parametrize(
    ("step", "disposition", "reason"),
    [
        ("dispensing", "dispensed", Reason.DISPENSED),
        ("decommissioning", "inactive", Reason.DECOMMISSIONED),
        ("destroying", "destroyed", Reason.DESTROYED),
        (None, "stolen", Reason.STOLEN),
        ("holding", "recalled", Reason.RECALLED),
        ("holding", "damaged", Reason.DAMAGED),
    ],
)
def test_what_partners_report_of_a_pack_counts(shipment, step, disposition, reason):
    asked = some_pack(shipment)
    event = ObjectEvent(
        event_time="2026-05-30T10:00:00Z",
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        biz_step=f"urn:epcglobal:cbv:bizstep:{step}" if step else None,
        disposition=f"urn:epcglobal:cbv:disp:{disposition}",
        epcs=(f"https://id.gs1.org/01/{asked.gtin}/21/{asked.serial}",),
    )
    with shipment.write(BEFORE) as tx:
        record(tx, [event])
    with shipment.read() as snapshot:
        answer = verify(snapshot, asked.gtin, asked.serial, asked.lot, asked.expiry, now=BEFORE)
    assert answer.reason is reason
    assert answer.word is not Word.OK


@pytest.mark.parametrize("disposition", ["stolen", "recalled", "damaged"])
def test_what_is_reported_of_the_pallet_counts_for_the_packs_inside(shipment, disposition):
    asked = some_pack(shipment)
    event = ObjectEvent(
        event_time="2026-05-30T10:00:00Z",
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        disposition=f"urn:epcglobal:cbv:disp:{disposition}",
        epcs=("urn:epc:id:sscc:0355555.0000000123",),
    )
    with shipment.write(BEFORE) as tx:
        record(tx, [event])
    with shipment.read() as snapshot:
        assert verify(snapshot, asked.gtin, asked.serial, now=BEFORE).word is not Word.OK


def test_an_expiry_that_is_no_date_is_to_be_checked_not_an_error(store):
    lot = Node(namespace="urn:epcglobal:cbv:mda", name="lotNumber", children=("L1",))
    odd = Node(namespace="urn:epcglobal:cbv:mda", name="itemExpirationDate", children=("31/05/27",))
    event = ObjectEvent(
        event_time="2026-05-30T10:00:00Z",
        event_time_zone_offset="+00:00",
        action="ADD",
        biz_step="urn:epcglobal:cbv:bizstep:commissioning",
        disposition="urn:epcglobal:cbv:disp:active",
        epcs=("https://id.gs1.org/01/09506000134352/21/ODD",),
        ilmd=(lot, odd),
    )
    with store.write(BEFORE) as tx:
        record(tx, [event])
    with store.read() as snapshot:
        answer = verify(snapshot, "09506000134352", "ODD", now=BEFORE)
    assert (answer.word, answer.reason) == (Word.CHECK, Reason.EXPIRY_NOT_RECORDED)


def test_a_logged_verdict_is_kept_with_its_entry_of_the_log(shipment):
    asked = some_pack(shipment)
    answer = verify_and_log(shipment, asked, now=BEFORE, client="till-1")
    with shipment.read() as snapshot:
        (past,) = history(snapshot, asked.gtin, asked.serial)
        assert past.result == answer.reason == "genuine"
        from sqlalchemy import text

        kinds = snapshot.connection.execute(text("SELECT kind FROM ledger_entry")).scalars().all()
    assert kinds[-1] == 4


def test_a_recall_stops_the_lot_and_is_never_taken_back(shipment):
    asked = some_pack(shipment)
    with shipment.write(BEFORE) as tx:
        for state in (LotState.HELD, LotState.RECALLED):
            set_lot_state(tx, asked.gtin, asked.lot, state, "x", now=BEFORE, by="qa")
    with shipment.read() as snapshot:
        assert verify(snapshot, asked.gtin, asked.serial, now=BEFORE).reason is Reason.RECALLED
        stops = current_restrictions(snapshot)
        assert stops.lot(asked.gtin, asked.lot, "") is LotState.RECALLED
        assert stops.lot(asked.gtin, "other", "") is LotState.ACTIVE
    with pytest.raises(IrreversibleError), shipment.write(BEFORE) as tx:
        set_lot_state(tx, asked.gtin, asked.lot, LotState.ACTIVE, "x", now=BEFORE, by="qa")
    with shipment.write(BEFORE) as tx:
        set_lot_state(tx, asked.gtin, asked.lot, LotState.CLOSED, "x", now=BEFORE, by="qa")
    with shipment.read() as snapshot:
        assert verify(snapshot, asked.gtin, asked.serial, now=BEFORE).reason is Reason.RECALLED


def test_a_recall_in_one_market_leaves_the_others(shipment):
    asked = some_pack(shipment)
    with shipment.write(BEFORE) as tx:
        set_lot_state(
            tx, asked.gtin, asked.lot, LotState.RECALLED, "x", now=BEFORE, by="q", market="IE"
        )
    with shipment.read() as snapshot:
        here = verify(snapshot, asked.gtin, asked.serial, now=BEFORE, market="IE")
        there = verify(snapshot, asked.gtin, asked.serial, now=BEFORE, market="FI")
    assert (here.reason, there.reason) == (Reason.RECALLED, Reason.GENUINE)


def test_a_withdrawn_product_and_a_doubtful_pack_stop(shipment):
    asked = some_pack(shipment)
    with shipment.write(BEFORE) as tx:
        set_doubt(tx, asked.gtin, Doubt.SUSPECT, case_id="C1", now=BEFORE, lot=asked.lot)
    with shipment.read() as snapshot:
        assert verify(snapshot, asked.gtin, asked.serial, now=BEFORE).reason is Reason.SUSPECT
        stops = current_restrictions(snapshot)
        assert stops.doubt(asked.gtin, asked.lot, asked.serial) is Doubt.SUSPECT
    with shipment.write(BEFORE) as tx:
        set_doubt(tx, asked.gtin, None, case_id="C1", now=BEFORE, lot=asked.lot)
        withdrawn = ProductState.WITHDRAWN
        set_product_state(tx, asked.gtin, withdrawn, "x", market="", now=BEFORE, by="mah")
    with shipment.read() as snapshot:
        assert verify(snapshot, asked.gtin, asked.serial, now=BEFORE).reason is Reason.WITHDRAWN
        assert product_state(snapshot, asked.gtin) is ProductState.WITHDRAWN
        stops = current_restrictions(snapshot)
        assert stops.doubt(asked.gtin, asked.lot, asked.serial) is None
    active = ProductState.ACTIVE
    with pytest.raises(IrreversibleError), shipment.write(BEFORE) as tx:
        set_product_state(tx, asked.gtin, active, "x", market="", now=BEFORE, by="mah")


def test_an_operation_shows_in_the_packs_story(packs, client, clock):
    from epcis.store.items import item

    client.post("/packs/supply", json={"gtin": "05901234123457", "serial": "S1"})
    with packs.read() as snapshot:
        state = item(snapshot, "/01/05901234123457/21/S1")
    assert state.status == "dispensed"
    clock.now += timedelta(minutes=1)
    client.post("/packs/undo", json={"gtin": "05901234123457", "serial": "S1"})
    with packs.read() as snapshot:
        assert item(snapshot, "/01/05901234123457/21/S1").status == "active"
