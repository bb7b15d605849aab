"""Verify from captured events alone: the example shipment, and what becomes of its packs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from epcis.capture import capture, record
from epcis.model import Node, ObjectEvent
from verification.history import history
from verification.registry import (
    IrreversibleError,
    doubt_about,
    lot_standing,
    product_state,
    set_doubt,
    set_lot_state,
    set_product_state,
)
from verification.verdict import Asked, Doubt, LotState, ProductState, Reason, Word
from verification.verify import verify, verify_and_log

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

    from epcis.store.tables import item, lot

    with store.read() as view:
        rows = view.connection.execute(
            select(item.c.key, lot.c.code, lot.c.expiry).join(lot, lot.c.id == item.c.lot)
        ).all()
    key, code, expiry = next(row for row in rows if row.key.startswith("/01/") and row.expiry)
    _, _, gtin, _, serial = key.split("/")
    return Asked(gtin, serial, code, date.fromisoformat(expiry))


def test_a_shipped_pack_is_ok_in_date_and_expired_after_it(shipment):
    asked = some_pack(shipment)
    with shipment.read() as view:
        values = (asked.gtin, asked.serial, asked.lot, asked.expiry)
        assert verify(view, *values, now=BEFORE).word is Word.OK
        late = verify(view, *values, now=AFTER)
        assert (late.word, late.reason) == (Word.STOP, Reason.EXPIRED)
        unknown = verify(view, asked.gtin, "NO-SUCH", now=BEFORE)
        assert (unknown.word, unknown.reason) == (Word.STOP, Reason.UNKNOWN_SERIAL)
        other = verify(view, "05901234123457", "1", now=BEFORE)
        assert other.word is Word.UNKNOWN
        assert verify(view, *values[:2], "B", now=BEFORE).reason is Reason.LOT_DIFFERS
        day = date(2035, 11, 1)
        assert verify(view, *values[:3], day, now=BEFORE).reason is Reason.EXPIRY_DIFFERS


@pytest.mark.parametrize(
    ("step", "disposition", "reason"),
    [
        ("dispensing", "dispensed", Reason.DISPENSED),
        ("decommissioning", "inactive", Reason.DECOMMISSIONED),
        ("destroying", "destroyed", Reason.DESTROYED),
        (None, "stolen", Reason.STOLEN),
        ("holding", "recalled", Reason.RECALLED),
        ("holding", "damaged", Reason.LOCKED),
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
    with shipment.write(BEFORE) as act:
        record(act, [event])
    with shipment.read() as view:
        answer = verify(view, asked.gtin, asked.serial, asked.lot, asked.expiry, now=BEFORE)
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
    with shipment.write(BEFORE) as act:
        record(act, [event])
    with shipment.read() as view:
        assert verify(view, asked.gtin, asked.serial, now=BEFORE).word is not Word.OK


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
    with store.write(BEFORE) as act:
        record(act, [event])
    with store.read() as view:
        answer = verify(view, "09506000134352", "ODD", now=BEFORE)
    assert (answer.word, answer.reason) == (Word.CHECK, Reason.EXPIRY_NOT_RECORDED)


def test_a_logged_verdict_is_kept_with_its_entry_of_the_log(shipment):
    asked = some_pack(shipment)
    answer = verify_and_log(shipment, asked, now=BEFORE, client="till-1")
    with shipment.read() as view:
        (past,) = history(view, asked.gtin, asked.serial)
        assert past.result == answer.reason == "genuine"
        from sqlalchemy import text

        kinds = view.connection.execute(text("SELECT kind FROM ledger_entry")).scalars().all()
    assert kinds[-1] == 4


def test_a_recall_stops_the_lot_and_is_never_taken_back(shipment):
    asked = some_pack(shipment)
    with shipment.write(BEFORE) as act:
        for state in (LotState.HELD, LotState.RECALLED):
            set_lot_state(act, asked.gtin, asked.lot, state, "x", now=BEFORE, by="qa")
    with shipment.read() as view:
        assert verify(view, asked.gtin, asked.serial, now=BEFORE).reason is Reason.RECALLED
        assert lot_standing(view, asked.gtin, asked.lot).state is LotState.RECALLED
        assert lot_standing(view, asked.gtin, "other") is None
    with pytest.raises(IrreversibleError), shipment.write(BEFORE) as act:
        set_lot_state(act, asked.gtin, asked.lot, LotState.ACTIVE, "x", now=BEFORE, by="qa")
    with shipment.write(BEFORE) as act:
        set_lot_state(act, asked.gtin, asked.lot, LotState.CLOSED, "x", now=BEFORE, by="qa")
    with shipment.read() as view:
        assert verify(view, asked.gtin, asked.serial, now=BEFORE).reason is Reason.RECALLED


def test_a_recall_in_one_market_leaves_the_others(shipment):
    asked = some_pack(shipment)
    with shipment.write(BEFORE) as act:
        set_lot_state(
            act, asked.gtin, asked.lot, LotState.RECALLED, "x", now=BEFORE, by="q", market="IE"
        )
    with shipment.read() as view:
        here = verify(view, asked.gtin, asked.serial, now=BEFORE, market="IE")
        there = verify(view, asked.gtin, asked.serial, now=BEFORE, market="FI")
    assert (here.reason, there.reason) == (Reason.RECALLED, Reason.GENUINE)


def test_a_withdrawn_product_and_a_doubtful_pack_stop(shipment):
    asked = some_pack(shipment)
    with shipment.write(BEFORE) as act:
        set_doubt(act, asked.gtin, Doubt.SUSPECT, case_id="C1", now=BEFORE, lot=asked.lot)
    with shipment.read() as view:
        assert verify(view, asked.gtin, asked.serial, now=BEFORE).reason is Reason.SUSPECT
        assert doubt_about(view, asked.gtin, asked.serial, asked.lot) is Doubt.SUSPECT
    with shipment.write(BEFORE) as act:
        set_doubt(act, asked.gtin, None, case_id="C1", now=BEFORE, lot=asked.lot)
        withdrawn = ProductState.WITHDRAWN
        set_product_state(act, asked.gtin, withdrawn, "x", market="", now=BEFORE, by="mah")
    with shipment.read() as view:
        assert verify(view, asked.gtin, asked.serial, now=BEFORE).reason is Reason.WITHDRAWN
        assert product_state(view, asked.gtin) is ProductState.WITHDRAWN
        assert doubt_about(view, asked.gtin, asked.serial, asked.lot) is None
    active = ProductState.ACTIVE
    with pytest.raises(IrreversibleError), shipment.write(BEFORE) as act:
        set_product_state(act, asked.gtin, active, "x", market="", now=BEFORE, by="mah")


def test_an_operation_shows_in_the_packs_story(packs, client, clock):
    from epcis.store.items import item

    client.post("/packs/supply", json={"gtin": "05901234123457", "serial": "S1"})
    with packs.read() as view:
        state = item(view, "/01/05901234123457/21/S1")
    assert state.status == "dispensed"
    clock.now += timedelta(minutes=1)
    client.post("/packs/undo", json={"gtin": "05901234123457", "serial": "S1"})
    with packs.read() as view:
        assert item(view, "/01/05901234123457/21/S1").status == "active"
