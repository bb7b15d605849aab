"""From data to duty: what a captured file did to packs becomes a case, with nobody in between."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from mistakes import RIGHT, SHIP, UNITS, again, copied, events, swap, with_event, without_event
from sqlalchemy import select

from compliance.cases.cases import State, find_case, list_cases
from compliance.partners.licences import Licence as NewLicence
from compliance.partners.licences import LicenceKind, PartnerRole, enter_licence
from compliance.quarantine.quarantine import place_quarantine
from compliance.quarantine.subject import QuarantineSubject
from compliance.reader.problems import CATEGORY, CaseCause
from compliance.reader.reader import backlog, read_next
from compliance.recall.recall import open_recall
from compliance.recall.record import find_recall, packs_of
from epcis.capture import capture
from epcis.store.event_tables import outbox
from verification.alerts.alert import alerts

NOW = datetime(2026, 2, 22, tzinfo=UTC)
DAY = timedelta(days=1)
SELLER, GTIN = "0355555000013", "00355555678908"
SHIPPED_ONLY = without_event(*range(6))
DESTROYED = copied(
    UNITS, ("<action>ADD", "<action>DELETE"), ("bizstep:commissioning", "bizstep:destroying"),
    ("disp:active", "disp:destroyed"), ("2026-02-18T12:00:00", "2026-02-19T12:00:00"),
)  # fmt: skip


def read_all(store, now):
    rows = 0
    while read_next(store, now):
        rows += 1
    return rows


def told(store, text, now=NOW):
    capture(store, text.encode(), now=now)
    read_all(store, now)


def cases(store, only_open=True):
    with store.read() as snapshot:
        found = list_cases(snapshot)
    return [one for one in found if not only_open or one.state is not State.RESOLVED]


def causes(store):
    return sorted(one.category for one in cases(store))


def test_a_right_file_opens_no_case_and_leaves_nothing_to_do(store):
    told(store, RIGHT)
    assert cases(store) == []
    with store.read() as snapshot:
        assert backlog(snapshot).rows == 0


def test_each_capture_leaves_one_row_and_its_age_is_known(store):
    capture(store, RIGHT.encode(), now=NOW)
    capture(store, RIGHT.encode(), now=NOW + timedelta(hours=1))
    with store.read() as snapshot:
        assert backlog(snapshot) == (1, NOW)
    assert read_next(store, NOW)
    assert not read_next(store, NOW)


def test_a_shipment_of_a_recalled_lot_opens_one_case_however_often_it_is_told(store):
    open_recall(store, GTIN, "L77", reason="particles", by="quality", now=NOW)
    told(store, RIGHT)
    [case] = [one for one in cases(store) if one.gtin == GTIN]
    assert (case.category, case.lot, case.partner) == (
        CATEGORY[CaseCause.SHIPPED_STOPPED], "L77", SELLER
    )  # fmt: skip
    assert "recalled" in case.what
    later = again(SHIPPED_ONLY).replace("2026-02-20T14:30", "2026-02-21T14:30")
    told(store, later)
    with store.read() as snapshot:
        assert [step.act for step in find_case(snapshot, case.id).steps] == ["open", "note"]


@pytest.mark.parametrize("kind", ["pallet", "lot"])
def test_a_shipment_of_held_goods_opens_a_case(store, kind):
    told(store, without_event(SHIP))
    what = {"pallet": {"container": "003555550000001232"}, "lot": {"gtin": GTIN, "lot": "L77"}}
    with store.write(NOW) as tx:
        place_quarantine(tx, QuarantineSubject.parse(kind, **what[kind]), reason="wet", by="ann")
    told(store, again(SHIPPED_ONLY))
    assert any("quarantined" in one.what for one in cases(store))


def test_an_expired_pack_is_judged_as_of_its_shipment(store):
    told(store, swap("2035-10-31</cbvmda", "2026-02-19</cbvmda", times=-1))
    assert any("expired" in one.what for one in cases(store))
    assert CATEGORY[CaseCause.SHIPPED_STOPPED] in causes(store)


def test_a_destroyed_pack_that_is_shipped_opens_a_case_and_raises_its_alert_at_capture(store):
    told(store, with_event(DESTROYED, after=5, text=without_event(SHIP)))
    unit = swap("urn:epc:id:sscc:0355555.0000000123", "urn:epc:id:sgtin:0355555.067890.U1",
                SHIPPED_ONLY)  # fmt: skip
    told(store, again(unit))
    assert any("seen after end" in one.what for one in cases(store))
    with store.read() as snapshot:
        [raised] = alerts(snapshot, since=NOW - DAY, until=NOW + DAY)
    assert (raised.code, raised.serial) == (GTIN, "U1")


def test_a_pack_with_two_lots_raises_its_alert_at_capture(store):
    told(store, without_event(SHIP))
    other = again(without_event(*range(1, 7)).replace(">L77<", ">L78<").replace("12:00:", "12:01:"))
    told(store, other)
    assert any("conflict" in one.what or "twice" in one.what for one in cases(store))
    with store.read() as snapshot:
        assert {one.serial for one in alerts(snapshot, since=NOW - DAY, until=NOW + DAY)} == {
            "U1",
            "U2",
            "U3",
            "U4",
        }


def test_goods_without_data_make_a_case_that_the_late_file_closes_and_names(store):
    told(store, SHIPPED_ONLY)
    [case] = cases(store)
    assert case.category == CATEGORY[CaseCause.NO_DATA]
    told(store, again(without_event(SHIP), 2))
    assert cases(store) == []
    with store.read() as snapshot:
        steps = find_case(snapshot, case.id).steps
    assert steps[-1].act == State.RESOLVED
    assert re.search(r"recorded now: document [0-9a-f]{16}$", steps[-1].note)


def test_goods_shipped_twice_make_a_case_that_a_void_closes(store):
    told(store, RIGHT)
    told(store, again(SHIPPED_ONLY).replace("2026-02-20T14:30", "2026-02-20T16:30"))
    [case] = cases(store)
    assert "again" in case.what
    void = events(RIGHT)[SHIP].replace("bizstep:shipping", "bizstep:void_shipping")
    void = void.replace("2026-02-20T14:30", "2026-02-20T15:30")
    told(store, again(SHIPPED_ONLY, 3).replace(events(RIGHT)[SHIP], void))
    assert cases(store) == []


def test_a_faulty_file_makes_a_case_that_the_corrected_one_closes(store):
    told(store, swap("Statement>true<", "Statement>false<"))
    [case] = cases(store)
    assert (case.partner, "H09 (1)" in case.what) == (SELLER, True)
    told(store, again(swap(">20 mg<", "><"), 2))
    assert len(cases(store)) == 2
    told(store, again(RIGHT, 3))
    assert cases(store) == []


def test_an_unknown_product_waits_for_its_master_data(store):
    nothing = re.sub(r"<Vocabulary type=\"urn:epcglobal:epcis:vtype:EPCClass\">.*?</Vocabulary>\n",
                     "", RIGHT, flags=re.DOTALL)  # fmt: skip
    told(store, nothing)
    assert {one.gtin for one in cases(store)} == {GTIN, "10355555678905"}
    told(store, again(RIGHT))
    assert cases(store) == []


def test_a_seller_without_a_licence_on_that_day_makes_a_case(store):
    held = NewLicence(
        SELLER, "Example", PartnerRole.MANUFACTURER, LicenceKind.REGISTRATION, "FDA", "1",
        date(2020, 1, 1), date(2026, 2, 19),
    )  # fmt: skip
    with store.write(NOW) as tx:
        enter_licence(tx, held, by="quality")
    told(store, RIGHT)
    assert [one.partner for one in cases(store)] == [SELLER]


def test_a_reader_that_dies_before_its_act_is_over_repeats_nothing(store, monkeypatch):
    told(store, without_event(SHIP))
    open_recall(store, GTIN, "L77", reason="particles", by="quality", now=NOW)
    capture(store, again(SHIPPED_ONLY).encode(), now=NOW)
    with monkeypatch.context() as patched:
        patched.setattr("compliance.reader.reader.add_arrivals", _die)
        with pytest.raises(RuntimeError, match="power"):
            read_next(store, NOW)
    assert cases(store) == []
    assert read_all(store, NOW) == 1
    assert len(cases(store)) == 1


def _die(*_args, **_more):
    raise RuntimeError("power is gone")


def test_of_two_servers_that_read_one_row_only_one_writes(store, monkeypatch):
    open_recall(store, GTIN, "L77", reason="particles", by="quality", now=NOW)
    capture(store, RIGHT.encode(), now=NOW)
    from compliance.reader import reader

    judge = reader.deeds_of

    def judged_while_the_other_writes(snapshot, number, now):
        deeds = judge(snapshot, number, now)
        monkeypatch.setattr(reader, "deeds_of", judge)
        with store.write(now) as tx:
            tx.connection.execute(outbox.delete())
        return deeds

    monkeypatch.setattr(reader, "deeds_of", judged_while_the_other_writes)
    assert read_next(store, NOW)
    assert cases(store) == []
    with store.read() as snapshot:
        assert snapshot.connection.execute(select(outbox)).all() == []


def test_packs_of_a_recalled_lot_that_arrive_later_belong_to_the_recall(store, shared):
    late = (shared / "field-cases/dscsa/late.xml").read_bytes()
    now = datetime(2026, 11, 21, tzinfo=UTC)
    recall = open_recall(store, GTIN, "L99", reason="particles", by="quality", now=now)
    assert recall.packs == 0
    capture(store, late, now=now)
    read_all(store, now)
    with store.read() as snapshot:
        found = find_recall(snapshot, recall.id)
        listed = list(packs_of(snapshot, found))
    assert {pack.key[-5:] for pack in listed} == {"LATE1", "LATE2"}
    assert all(pack.arrived == now for pack in listed)
    assert found.packs == 2
    assert [(holder.gln, holder.packs) for holder in found.holders] == [("0366666000014", 2)]
