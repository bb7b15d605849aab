"""The same history gives the same bytes: twice, later, and on either database."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from compliance.cases.cases import CaseKind, NewCase, open_case
from compliance.dossier import (
    AuthorityReport,
    EventPeriod,
    Inspection,
    LotHistory,
    Recipient,
    export,
)
from compliance.dossier.redaction import shipped
from compliance.partners.audits import plan_audit
from compliance.partners.licences import enter_licence, licence_from
from compliance.recall.recall import open_recall
from epcis.capture import capture, record
from epcis.ledger.store import Store
from tests.compliance.test_dossier import GTIN, NOW, STORY
from tests.compliance.test_duties import LICENCE
from tests.verdicts import verify_and_log
from verification.decision.act import Asked

SPAN = (NOW - timedelta(days=9000), NOW + timedelta(days=9000))
SAME = ("events.ndjson", "events.csv", "records.ndjson", "report.json", "manifest.json",
        "events.xlsx", "log/index.bin", "log/proof.bin")  # fmt: skip
SELECTIONS = {
    "recorded": (EventPeriod(*SPAN, by_record_time=True), "internal"),
    "lot": (LotHistory(GTIN, "L7"), "partner"),
    "inspection": (Inspection(*SPAN), "regulator-us"),
    "authority": (AuthorityReport(*SPAN), "regulator-eu"),
    "public": (EventPeriod(*SPAN), "public"),
}


def tell(store: Store, examples: Path) -> None:
    """A history with everything in it that dossiers tell of."""
    with store.write(NOW - timedelta(days=1)) as tx:
        record(tx, STORY)
        enter_licence(tx, licence_from(LICENCE), by="Ada")
        plan_audit(tx, NOW.date(), scope="all", auditor="TÜV", by="Ada")
        open_case(tx, NewCase(CaseKind.EXCEPTION, "overage", GTIN, "too many"), by="Ada")
    capture(
        store,
        (examples / "shipment.xml").read_bytes(),
        now=NOW - timedelta(hours=3),
    )
    for client, place in (("b-shop", "Ärzteweg"), ("A-shop", "dover"), ("a-shop", "Dover")):
        verify_and_log(store, Asked(GTIN, "101"), now=NOW, client=client, location=place)
    open_recall(store, GTIN, "L7", reason="wrong strength", by="Ada", now=NOW)


def members(store: Store, keys, path: Path, name: str) -> dict[str, bytes]:
    selection, profile = SELECTIONS[name]
    export(
        store, selection, path, keys, now=NOW, by="inspector", recipient=Recipient(shipped(profile))
    )
    with ZipFile(path) as archive:
        present = set(archive.namelist())
        return {one: archive.read(one) for one in (*SAME, "extracts.ndjson") if one in present}


@pytest.fixture
def no_chance(monkeypatch) -> None:
    """Salts and drawn numbers come out the same, however often a database asks for some."""

    def bytes_of(size: int) -> bytes:
        return hashlib.shake_128(b"no chance").digest(size)

    monkeypatch.setattr("os.urandom", bytes_of)
    monkeypatch.setattr("random._urandom", bytes_of)


@pytest.mark.postgresql
@pytest.mark.parametrize("name", sorted(SELECTIONS))
def test_both_databases_give_the_same_bytes(databases_told, keys, tmp_path, name):
    one, other = (
        members(store, keys, tmp_path / f"{number}.asice", name)
        for number, store in enumerate(databases_told)
    )
    assert one.keys() == other.keys()
    for member, content in one.items():
        assert content == other[member], member


@pytest.fixture
def databases_told(no_chance, postgresql, tmp_path, examples) -> Iterator[list[Store]]:
    """The same history in a file and in a PostgreSQL."""
    stores = []
    for url in (str(tmp_path / "one.db"), postgresql.new_database()):
        stores.append(Store.open(url))
        stores[-1].create_all()
        tell(stores[-1], examples)
    yield stores
    for store in stores:
        store.close()


@pytest.mark.parametrize("name", ["inspection", "lot", "public"])
def test_the_same_request_again_gives_the_same_bytes(store, keys, tmp_path, examples, name):
    tell(store, examples)
    first = members(store, keys, tmp_path / "one.asice", name)
    again = members(store, keys, tmp_path / "two.asice", name)
    # The first export is itself an entry of the log, so the proof is one of a larger tree.
    del first["log/proof.bin"], again["log/proof.bin"]
    assert first == again


def test_the_workbook_opens_and_holds_the_table_as_text(store, keys, tmp_path, examples):
    tell(store, examples)
    made = members(store, keys, tmp_path / "one.asice", "recorded")
    book = load_workbook(io.BytesIO(made["events.xlsx"]), read_only=True)
    rows = list(book["events"].iter_rows(values_only=True))
    lines = made["events.csv"].decode().count("\r\n")
    assert len(rows) == lines
    assert rows[0][:3] == ("log_index", "record_time", "event_time")
    cells = [cell for row in rows[1:] for cell in row if cell is not None]
    assert all(isinstance(cell, str) for cell in cells)
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert any(cell == "'=1+1" for cell in cells)
    book.close()
