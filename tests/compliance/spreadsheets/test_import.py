"""A warehouse moves to Packtrail: its products, its places and what stands on its shelves."""

from __future__ import annotations

import csv
import io
import random
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.spreadsheets.export import EXPORTS, write_sheet
from compliance.spreadsheets.intake import FINDINGS_MAX, SheetTerms, take_in
from compliance.spreadsheets.rows import read_rows
from compliance.spreadsheets.sheet_map import SheetMap, SheetRefused, shipped_maps
from compliance.spreadsheets.tables import TABLES, opening_stock
from epcis.fsck import fsck
from epcis.store.items import item
from epcis.store.masterdata import names_of
from schemas.finding import is_acceptable
from verification.decision.act import TO_VERIFY, Asked
from verification.decision.decide import decide
from verification.decision.facts import facts_of
from verification.decision.rule_pack import shipped
from verification.decision.words import Word

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GTIN, PLACE, SSCC = "09521321000018", "9521321000001", "095213210000000018"
STOCK = TABLES["stock"]
HEAD = ["gtin", "serial", "quantity", "lot", "expiry", "place", "container"]


def sheet(rows: list[list[str]], head: list[str] = HEAD, delimiter: str = ",") -> io.BytesIO:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([head, *rows])
    return io.BytesIO(text.getvalue().encode())


def pack(serial: str, **more: str) -> list[str]:
    values = {"gtin": GTIN, "lot": "L1", "expiry": "2028-05-31", "place": PLACE, **more}
    return [{**values, "serial": serial}.get(name, "") for name in HEAD]


def terms(how: SheetMap | None = None, **more) -> SheetTerms:
    return SheetTerms(how or SheetMap(), NOW, NOW, "warehouse", **more)


def said(report) -> list[tuple[int | None, str]]:
    return [(one.where.line, one.code) for one in report.findings]


def test_what_stands_on_the_shelves_is_there_afterwards_to_the_last_pack(store) -> None:
    rows = [pack(f"A{number}", container=SSCC) for number in range(3)]
    rows += [pack("B/1", lot="L2"), pack("", quantity="40", lot="L9")]
    report = take_in(store, STOCK, sheet(rows), terms())
    assert (report.rows, report.events, report.is_good) == (5, 4, True), report.findings
    with store.read() as snapshot:
        boxed, loose = item(snapshot, f"/01/{GTIN}/21/A0"), item(snapshot, f"/01/{GTIN}/21/B%2F1")
        facts = facts_of(snapshot, Asked(GTIN, "A0", "L1"))
    assert boxed is not None
    assert loose is not None
    assert (boxed.lot, boxed.expiry_text, boxed.top) == ("L1", "2028-05-31", f"/00/{SSCC}")
    assert (loose.lot, loose.location) == ("L2", f"/414/{PLACE}")
    assert decide(facts, TO_VERIFY, shipped(), NOW).verdict is Word.OK
    assert not [one for one in fsck(store, now=NOW) if not is_acceptable([one])]


def test_a_dry_run_says_the_same_and_writes_nothing(store) -> None:
    report = take_in(store, STOCK, sheet([pack("A1")]), terms(is_dry_run=True))
    assert (report.is_good, report.document, report.outcome) == (
        True,
        None,
        "all good, nothing written",
    )
    with store.read() as snapshot:
        assert item(snapshot, f"/01/{GTIN}/21/A1") is None


def test_one_wrong_row_keeps_all_of_them_out_and_each_is_named(store) -> None:
    rows = [
        pack("GOOD"),
        pack("A 1"),
        pack("A2", gtin="09521321000019"),
        pack("A3", expiry="31/05/28"),
        pack("A4", place=""),
        pack("GOOD"),
        pack("", container=SSCC, quantity="4"),
        pack(""),
        pack("A5", quantity="2"),
        pack("", quantity="-3"),
    ]
    report = take_in(store, STOCK, sheet(rows), terms())
    assert said(report) == [
        (3, "sheet.value-wrong"),
        (4, "sheet.value-wrong"),
        (5, "sheet.value-wrong"),
        (6, "sheet.value-missing"),
        (7, "sheet.repeated"),
        (8, "sheet.row-contradicts"),
        (9, "sheet.row-contradicts"),
        (10, "sheet.row-contradicts"),
        (11, "sheet.value-wrong"),
    ]
    assert report.document is None
    with store.read() as snapshot:
        assert item(snapshot, f"/01/{GTIN}/21/GOOD") is None


def test_the_same_sheet_again_finds_every_pack_known(store) -> None:
    assert take_in(store, STOCK, sheet([pack("A1"), pack("A2")]), terms()).is_good
    again = take_in(store, STOCK, sheet([pack("A1"), pack("A2"), pack("A3")]), terms())
    assert sorted(said(again)) == [(2, "sheet.known"), (3, "sheet.known")]
    with store.read() as snapshot:
        assert item(snapshot, f"/01/{GTIN}/21/A3") is None


@pytest.mark.parametrize("name", ["packs.csv", "packs.xlsx"])
def test_what_is_written_as_a_sheet_can_be_taken_in_elsewhere(store, tmp_path, name) -> None:
    """A serial number that begins as a formula does is written safely, and read back as it was."""
    rows = [pack("=A+1", container=SSCC), pack("B2", lot="L2")]
    assert take_in(store, STOCK, sheet(rows), terms()).is_good
    assert write_sheet(store, "packs", tmp_path / name) == 2
    with (tmp_path / name).open("rb") as source:
        back = {one.cells["serial"]: one.cells for one in read_rows(source, SheetMap(), HEAD)}
    assert set(back) == {"=A+1", "B2"}
    assert back["=A+1"]["container"] == SSCC
    assert (back["B2"]["lot"], back["B2"]["place"]) == ("L2", PLACE)


def test_expired_lots_are_taken_in_and_pointed_out(store) -> None:
    report = take_in(store, STOCK, sheet([pack("A1", expiry="2025-01-01")]), terms())
    assert said(report) == [(None, "sheet.expired")]
    assert report.document is not None


def test_an_excel_sheet_of_a_german_warehouse_is_read_by_its_map(store, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Deckblatt"
    page = book.create_sheet("Bestand")
    page.append(["Lagerliste vom 1. Juni"])
    page.append(["Artikel-EAN", "Seriennr.", "Charge", "Verfall", "Lager"])
    page.append([9521321000018, "Ä", "L1", datetime(2028, 5, 31), "Nord"])  # noqa: DTZ001
    page.append([9521321000018, 4711, "L1", "31.05.2028", "Nord"])
    path = tmp_path / "bestand.xlsx"
    book.save(path)
    how = SheetMap.parse(
        f"""
        sheet = "Bestand"
        header_row = 2
        dates = "%d.%m.%Y"
        [columns]
        gtin = "Artikel-EAN"
        serial = "Seriennr."
        lot = "Charge"
        expiry = "Verfall"
        place = "Lager"
        [values.place]
        Nord = "{PLACE}"
        """.encode(),
        "ours.toml",
    )
    with path.open("rb") as source:
        report = take_in(store, STOCK, source, terms(how))
    assert said(report) == [(3, "sheet.value-wrong")]
    assert "'Ä'" in report.findings[0].what


def test_products_and_places_become_master_data(store) -> None:
    products = sheet([["9521321000018", "Examplin 20 mg"]], ["gtin", "name"])
    assert take_in(store, TABLES["products"], products, terms()).is_good
    places = sheet([[PLACE, "Nord", "de"]], ["gln", "name", "country"], ";")
    assert take_in(store, TABLES["places"], places, terms()).is_good
    with store.read() as snapshot:
        assert names_of(snapshot, [f"/414/{PLACE}"]) == {f"/414/{PLACE}": "Nord"}
        (product,), (place,) = (
            list(EXPORTS[name].rows(snapshot)) for name in ("products", "places")
        )
    assert product == (GTIN, "Examplin 20 mg", "", "", "", "")
    assert place == (PLACE, "Nord", "", "", "", "DE")


def not_excel() -> bytes:
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w") as parts:
        parts.writestr("xl/workbook.xml", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')
    return text.getvalue()


@pytest.mark.parametrize(
    ("source", "how", "why"),
    [
        (b"", SheetMap(), "empty"),
        (b"\0\1\2", SheetMap(), "neither CSV nor Excel"),
        (b"PK\x03\x04 broken", SheetMap(), "no Excel file"),
        (not_excel(), SheetMap(), "DOCTYPE"),
        (b"a,b\n1,2\n", SheetMap(), "no heading"),
        (b"gtin,GTIN\n1,2\n", SheetMap(), "twice"),
        (b"gtin\n1\n", SheetMap(columns={"lot": "Charge"}), "no column 'Charge'"),
        (b"gtin\n1\n", SheetMap(columns={"colour": "x"}), "the map names colour"),
        (b"gtin\n\xff\xfe\n", SheetMap(), "not utf-8"),
        (b"gtin\n1\n", SheetMap(encoding="klingon"), "no such encoding"),
        (b"gtin\n1\n", SheetMap(delimiter="ab"), "one character"),
        (b"gtin\n" + b"9" * 2_000 + b"\n", SheetMap(), "more than 1000 characters"),
    ],
)
def test_what_is_no_sheet_is_refused_with_the_reason(store, source, how, why) -> None:
    with pytest.raises(SheetRefused, match=why):
        take_in(store, STOCK, io.BytesIO(source), terms(how))


@pytest.mark.parametrize(
    "text", [b"columns = 3", b"[columns", b"\xff", b"colour = 'red'", b"#" * (2 << 20)]
)
def test_a_map_that_cannot_be_read_is_refused(text: bytes) -> None:
    with pytest.raises(SheetRefused, match=r"ours\.toml"):
        SheetMap.parse(text, "ours.toml")


def test_a_sheet_full_of_faults_is_answered_in_bounded_length(store) -> None:
    rows = [pack(f"A {number}") for number in range(FINDINGS_MAX + 7)]
    report = take_in(store, STOCK, sheet(rows), terms())
    assert (len(report.findings), report.findings_left_out) == (FINDINGS_MAX, 7)
    assert not report.is_good


@pytest.mark.parametrize("name", shipped_maps())
def test_the_maps_that_come_with_us_name_columns_of_ours(name: str) -> None:
    how = SheetMap.read(name)
    source = sheet([["x"] * len(how.columns)], list(how.columns.values()))
    (row,) = read_rows(source, how, [one.name for one in STOCK.columns])
    assert set(row.cells) == set(how.columns)


@given(st.lists(st.sampled_from(["A1", "A2", "B1", "B2", "C1"]), unique=True), st.randoms())
def test_every_pack_of_a_sheet_stands_in_one_event(serials, order: random.Random) -> None:
    rows = [
        {"gtin": GTIN, "serial": one, "lot": one[0], "expiry": "2028-05-31", "place": PLACE}
        for one in serials
    ]
    order.shuffle(rows)
    named = Counter(
        epc for event in opening_stock(rows, "2026-06-01T12:00:00Z") for epc in event.epcs
    )
    assert named == Counter(f"https://id.gs1.org/01/{GTIN}/21/{one}" for one in serials)
