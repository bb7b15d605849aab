"""A file against what was known before it: earlier files, partners, licences, recalls and ends."""

from __future__ import annotations

import io
import json
import re
from datetime import date, timedelta

import pytest
from mistakes import (
    NOW,
    RIGHT,
    SHIP,
    SSCC,
    UNIT,
    UNITS,
    again,
    copied,
    drop,
    events,
    swap,
    with_event,
    without_event,
)
from sqlalchemy import insert
from typer.testing import CliRunner

from compliance.partners.licences import Licence as NewLicence
from compliance.partners.licences import LicenceKind, PartnerRole, enter_licence
from compliance.recall.recall import open_recall
from compliance.rules.catalogue import ELSEWHERE, RULES, RuleNeed
from compliance.rules.file import FileQuestion, asked_of, examine
from compliance.service.cli import command_line
from epcis.capture import capture
from verification.decision.restrictions import changed
from verification.decision.words import LotState
from verification.registry.pack_registry import set_lot_state
from verification.registry.pack_tables import exempt_lot

SELLER, BUYER = "0355555000013", "0366666000014"
GTIN = "00355555678908"


def later(text, day="2026-02-21"):
    return text.replace("2026-02-18T", f"{day}T").replace("2026-02-20T", f"{day}T")


def licence(store, gln, role=PartnerRole.WHOLESALER, valid_to=None):
    kind = (
        LicenceKind.REGISTRATION if role is PartnerRole.MANUFACTURER else LicenceKind.STATE_LICENCE
    )
    held = NewLicence(gln, "held", role, kind, "NJ", "1", date(2020, 1, 1), valid_to)
    with store.write(NOW) as tx:
        enter_licence(tx, held, by="quality")


def partners(store):
    licence(store, SELLER, PartnerRole.MANUFACTURER)
    licence(store, BUYER)


def codes(store, text, ours=frozenset()):
    with store.read() as snapshot:
        file = io.BytesIO(text.encode())
        question = FileQuestion("dscsa-r1.3", now=NOW)
        found = examine(file, asked_of(snapshot, file, question, ours)).findings
    return {finding.code for finding in found}


def rule(store, text, number, **how):
    return RULES[number].code in codes(store, text, **how)


SHIPPED_ONLY = without_event(*range(6))


def test_a_right_file_of_partners_on_record_has_nothing_against_it(store):
    partners(store)
    assert codes(store, RIGHT, frozenset({BUYER})) == set()


def test_a_shipment_of_goods_that_an_earlier_file_told_of_needs_no_second_telling(store):
    partners(store)
    capture(store, without_event(SHIP).encode(), now=NOW)
    assert codes(store, again(SHIPPED_ONLY)) <= {
        RULES["V09"].code, RULES["M15"].code, "dscsa.h12-guideline-version"
    }  # fmt: skip


def test_a_file_or_its_events_that_came_before_are_said_to_be_known(store):
    partners(store)
    capture(store, RIGHT.encode(), now=NOW)
    assert codes(store, RIGHT) == {RULES["D06"].code}
    assert codes(store, again(RIGHT)) == {RULES["D08"].code}
    assert rule(store, swap("OBSERVE", "OBSERVE ", RIGHT), "D07")


def test_a_file_for_somebody_else_is_named(store):
    partners(store)
    assert rule(store, RIGHT, "H03", ours=frozenset({"0377777000015"}))


def test_partners_without_a_licence_on_the_day_are_named(store):
    assert codes(store, RIGHT) == {RULES["P05"].code}
    licence(store, SELLER, PartnerRole.MANUFACTURER, date(2026, 2, 19))
    licence(store, BUYER, valid_to=date(2026, 2, 19))
    assert codes(store, RIGHT) == {RULES["H06"].code, RULES["S16"].code}


def test_a_product_that_our_records_describe_otherwise_is_named(store):
    partners(store)
    capture(store, RIGHT.encode(), now=NOW)
    assert rule(store, again(swap(">20 mg<", ">40 mg<")), "M12")


def test_a_number_given_twice_is_named(store):
    partners(store)
    capture(store, RIGHT.encode(), now=NOW)
    twice = codes(store, later(again(RIGHT)))
    assert {RULES["G07"].code, RULES["S23"].code} <= twice


def test_goods_sold_twice_or_by_somebody_who_has_them_not_are_named(store):
    partners(store)
    capture(store, RIGHT.encode(), now=NOW)
    sold = again(later(SHIPPED_ONLY))
    assert rule(store, sold, "S17")
    other = sold.replace("sgln:0355555", "sgln:0344444").replace(
        "bt:0355555000013", "bt:0344444000014"
    )
    assert rule(store, other, "S04")


def test_goods_in_a_case_that_an_earlier_file_filled_cannot_be_in_another(store):
    partners(store)
    capture(store, RIGHT.encode(), now=NOW)
    moved = copied(2, ("167890.C1", "167890.C9"), ("2026-02-18T12:10", "2026-02-21T12:10"))
    assert rule(store, again(with_event(moved, text=RIGHT)), "G04")


@pytest.mark.parametrize("state", [LotState.RECALLED, LotState.HELD])
def test_a_shipment_that_holds_a_stopped_lot_is_named_before_it_is_captured(store, state):
    partners(store)
    with store.write(NOW) as tx:
        set_lot_state(tx, GTIN, "L77", state, "particles", now=NOW, by="quality")
    assert rule(store, RIGHT, "S03")


def test_what_is_in_a_pallet_is_known_from_earlier_files(store):
    partners(store)
    capture(store, without_event(SHIP).encode(), now=NOW)
    open_recall(store, GTIN, "L77", reason="particles", by="quality", now=NOW)
    assert rule(store, again(SHIPPED_ONLY), "S03")


def test_a_pack_that_an_earlier_file_ended_cannot_be_shipped(store):
    partners(store)
    end = copied(
        UNITS, ("<action>ADD", "<action>DELETE"), ("bizstep:commissioning", "bizstep:destroying"),
        ("disp:active", "disp:destroyed"), ("2026-02-18T12:00:00", "2026-02-19T12:00:00"),
    )  # fmt: skip
    capture(store, with_event(end, after=5, text=without_event(SHIP)).encode(), now=NOW)
    assert rule(store, again(swap(SSCC, UNIT, SHIPPED_ONLY)), "S02")


def test_what_comes_back_without_a_sale_or_is_sold_again_unchecked_is_named(store):
    partners(store)
    returned = copied(
        SHIP, ("bizstep:shipping", "bizstep:receiving"), ("disp:in_transit", "disp:returned")
    )
    assert rule(store, SHIPPED_ONLY.replace(events(RIGHT)[SHIP], returned), "S19")
    capture(store, with_event(
        returned.replace("2026-02-20T14:30", "2026-02-20T15:30")).encode(), now=NOW)  # fmt: skip
    assert rule(store, again(later(SHIPPED_ONLY)), "S20")


def test_goods_that_were_handled_before_their_data_came_are_named(store):
    partners(store)
    early = copied(
        SHIP,
        ("bizstep:shipping", "bizstep:receiving"),
        ("disp:in_transit", "disp:in_progress"),
        ("02-20T14:30", "02-20T15:30"),
    )
    early = re.sub(r" *<(gs1ushc:dropShipment|extension|bizTransactionList)>.*?</\1>\n", "", early,
                   flags=re.DOTALL)  # fmt: skip
    capture(store, SHIPPED_ONLY.replace(events(RIGHT)[SHIP], early).encode(), now=NOW)
    assert rule(store, again(RIGHT), "S22")


def test_an_exempt_lot_is_told_with_its_shipment(store):
    partners(store)
    with store.write(NOW) as tx:
        tx.connection.execute(insert(exempt_lot).values(code=GTIN, lot="L77", market=""))
        changed(tx)
    assert rule(store, RIGHT, "S24")


def test_a_partner_who_sends_many_faulty_files_is_named(store):
    partners(store)
    for number in range(5):
        text = drop("<epc>urn:epc:id:sgtin:0355555.067890.U1</epc>", again(RIGHT, number))
        text = text.replace("2026-02-18T12:00:00Z", "never", 1)
        capture(store, text.encode(), now=NOW + timedelta(minutes=number))
    assert rule(store, again(RIGHT, 9), "P10")


def test_every_number_of_the_trades_list_is_a_rule_or_said_to_be_elsewhere():
    sizes = {
        "D": 13,
        "H": 14,
        "M": 15,
        "I": 12,
        "T": 11,
        "V": 14,
        "L": 12,
        "G": 15,
        "S": 24,
        "P": 10,
    }
    numbers = {f"{group}{n:02}" for group, size in sizes.items() for n in range(1, size + 1)}
    assert len(numbers) == 140
    assert numbers - RULES.keys() == ELSEWHERE.keys()
    assert all(rule.citation and rule.asks for rule in RULES.values())


def test_the_command_asks_a_database(tmp_path):
    file = tmp_path / "shipment.xml"
    file.write_text(RIGHT, encoding="utf-8")
    arguments = [str(file), "--profile", "dscsa-r1.3", "--now", "2026-02-21", "--json"]
    ended = CliRunner().invoke(
        command_line(), ["check", *arguments, "--against", str(tmp_path / "trail.db")]
    )
    [report] = json.loads(ended.stdout)
    assert {one["rule"] for one in report["findings"]} == {"P05"}
    assert all(one["citation"] for one in report["findings"])


TESTED = {
    "D06", "D07", "D08", "H03", "H06", "M12", "G07", "S03", "S04", "S16", "S19", "S20", "S22",
    "S23", "S24", "P05", "P10",
}  # fmt: skip


def test_every_rule_over_history_has_its_story():
    assert {r.id for r in RULES.values() if r.needs is RuleNeed.STORE} == TESTED
