"""Reports say what inspectors ask, in the layout they ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pypdfium2 import PdfDocument

from compliance.recall.recall import open_recall
from compliance.reports import Report, Section
from compliance.reports.custody import custody_section
from compliance.reports.printing import ROWS_MAX, print_report
from compliance.reports.questions import (
    daily_section,
    pack_questions_section,
    questions_section,
)
from compliance.reports.recalls import recalls_section
from compliance.reports.transactions import (
    shipment_events,
    shipped_between,
    transaction_sections,
)
from epcis.capture import capture, record
from epcis.ledger.store import Store
from tests.compliance.test_dossier import GTIN, NOW, STORY
from tests.verdicts import verify_and_log
from verification.decision.act import Asked

LONG = (NOW - timedelta(days=30), NOW + timedelta(days=30))
ALL_TIME = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture
def busy(store: Store) -> Store:
    with store.write(NOW - timedelta(days=1)) as tx:
        record(tx, STORY)
    for serial in ("101", "101", "999"):
        verify_and_log(store, Asked(GTIN, serial), now=NOW, client="pharmacy", location="Dover")
    open_recall(store, GTIN, "L7", reason="wrong strength", by="Ada", now=NOW)
    return store


def test_questions_are_counted_by_place_and_answer(busy: Store):
    with busy.read() as snapshot:
        section = questions_section(snapshot, *LONG)
        daily = daily_section(snapshot, *LONG)
        pack = pack_questions_section(snapshot, GTIN, "101")
    assert ("operations", "3") in section.facts
    assert {row[0] for row in section.rows} == {"Dover"}
    assert sum(int(row[4]) for row in section.rows) == 3
    assert daily.rows == (("Dover", NOW.date().isoformat(), "3"),)
    assert len(pack.rows) == 2


def test_nothing_asked_is_said_too(busy: Store):
    with busy.read() as snapshot:
        section = questions_section(snapshot, LONG[1], LONG[1] + timedelta(days=1))
    assert ("alerts", "0 (none asked)") in section.facts
    assert section.rows == ()


def test_recalls_name_reason_and_packs(busy: Store):
    with busy.read() as snapshot:
        (row,) = recalls_section(snapshot, *LONG, NOW).rows
    assert row[1:4] == (GTIN, "L7", "wrong strength")
    assert row[6:10] == ("open", "10", "10", "0")


def test_custody_of_a_pack_is_told_in_order(busy: Store):
    with busy.read() as snapshot:
        section = custody_section(snapshot, f"/01/{GTIN}/21/101")
    assert section.title == "Custody"
    assert section.facts[0][0] == "held by now"


def test_a_shipment_lists_transaction_information_through_cases(store: Store, examples):
    """The example shipment: packs inside cases on a pallet, and the seller's statement."""
    example = examples / "shipment.xml"
    capture(store, example.read_bytes(), now=NOW)
    with store.read() as snapshot:
        information, statement = transaction_sections(
            snapshot, shipped_between(snapshot, *ALL_TIME)
        )
    said = dict(information.facts)
    assert said["from"].endswith("GLN 0355555000013")
    assert said["to"].endswith("GLN 0366666000014")
    by_gtin = {row[0]: dict(zip(information.columns, row, strict=True)) for row in information.rows}
    pack = by_gtin["00355555678908"]
    assert (pack["lot"], pack["containers"]) == ("L77", "4")
    assert all(pack[name] for name in ("name", "strength", "form", "NDC", "container size"))
    assert any("affirmTransactionStatement" in one for one in statement.sentences)


def test_a_shipment_without_statement_says_so(busy: Store):
    with busy.read() as snapshot:
        information, statement = transaction_sections(
            snapshot, shipped_between(snapshot, *ALL_TIME)
        )
    assert dict(information.facts)["from"] == "not given"
    assert information.rows[0][-1] == "5"
    assert "no transaction statement" in statement.sentences[0]


def test_a_printed_report_escapes_what_it_prints_and_says_what_it_left_out():
    rows = tuple((f"<b>{n}</b>", "x" * 500) for n in range(ROWS_MAX + 7))
    section = Section("Rows & more", columns=("a", "b"), rows=rows, rows_total=len(rows))
    report = Report("A <report>", NOW, "Ada & Bo", (section,))
    pdf = print_report(report)
    assert pdf == print_report(report)
    pages = PdfDocument(pdf)
    text = "".join(page.get_textpage().get_text_range() for page in pages)
    assert "A <report>" in text
    assert "<b>3</" in text
    assert "and 7 more rows" in text
    pages.close()


def shipment_of(store: Store, shared, name: str, number: str):
    capture(store, (shared / "field-cases/dscsa" / name).read_bytes(), now=NOW)
    with store.read() as snapshot:
        seqs = shipment_events(snapshot, number)
        return transaction_sections(snapshot, seqs, with_packs=True)


def test_both_dates_and_the_direct_purchase_belong_to_transaction_information(store, shared):
    name = "ti-transaction-date-direct-purchase.xml"
    information, packages, _ = shipment_of(store, shared, name, "PO-8841")
    said = dict(information.facts)
    assert said["date of transaction"] == "2026-11-20"
    assert said["date of shipment"] == "2026-11-23 22:30 -05:00"
    assert said["drop shipment"] == "no"
    assert said["direct purchase"].startswith("partially direct: The wholesale distributor")
    assert said["not bought directly"] == "urn:epc:id:sgtin:0355555.067890.S2"
    assert {row[1] for row in packages.rows} == {"S1", "S2"}
    assert information.sentences == ()


def test_a_voided_shipment_says_so_at_the_top(store, shared):
    shipment = shared / "epcis/examples/dscsa/minimal-r1.3-shipment.xml"
    capture(store, shipment.read_bytes(), now=NOW)
    information, packages, _ = shipment_of(store, shared, "void.xml", "ASN-5512")
    assert information.sentences == ("THIS SHIPMENT WAS VOIDED on 2026-11-22 14:30 UTC.",)
    assert packages.rows_total == len(packages.rows) > 0


@pytest.mark.parametrize(
    "number",
    [
        "PO-8841",
        "urn:epcglobal:cbv:bt:0366666000014:PO-8841",
        "ASN-5512",
        "003555550000001232",
        "urn:epc:id:sscc:0355555.0000000123",
        "0366666000014 2026-11-20",
    ],
)
def test_a_shipment_is_found_by_what_people_call_it(store, shared, number):
    example = shared / "epcis/examples/dscsa/minimal-r1.3-shipment.xml"
    capture(store, example.read_bytes(), now=NOW)
    with store.read() as snapshot:
        found = transaction_sections(snapshot, shipment_events(snapshot, number))
        assert shipment_events(snapshot, "PO-0") == []
        assert shipment_events(snapshot, "0366666000014 yesterday") == []
    assert [section.title for section in found] == [
        "Transaction information", "Transaction statement"
    ]  # fmt: skip
