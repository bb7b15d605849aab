"""What an inspector reads about a shipment, and what its next owner gets."""

from __future__ import annotations

import base64
import csv
import io
import json
import random
import re
import subprocess
import zlib
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from benchmarks.shipment_files import BUYER, MAKER, Shipment, gln
from compliance.rules.file import FileQuestion, examine
from compliance.service.cli import command_line
from compliance.transactions.document import document_pieces
from compliance.transactions.information import TransactionRefused, transactions
from epcis.capture import capture
from epcis.codec.document import open_document
from epcis.store.event_tables import event

NOW = datetime(2026, 11, 21, tzinfo=UTC)
START = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)
"""The goods leave in the evening in Newark, which is the next day in UTC."""


def shipped(**parts) -> str:
    return Shipment(random.Random(4), start=START, **{"cases": 2, "packs": 3, **parts}).build()


def taken(store, *texts):
    for text in texts:
        capture(store, text.encode(), now=NOW, sender="partner")


def written(store, number, form, **how) -> bytes:
    with store.read() as snapshot:
        return b"".join(document_pieces(snapshot, number, form, **how))


def serials(text: str) -> set[str]:
    """The units of a file, by the file's own words."""
    return set(re.findall(rf"urn:epc:id:sgtin:{MAKER}\.0\d+\.(\d+)<", text))


def test_all_ten_facts_of_the_law_and_every_pack_are_told(store):
    text = shipped()
    taken(store, text)
    told = json.loads(written(store, "PO-0", "json"))
    [one] = told["shipments"]
    assert one["gaps"] == one["standing"] == one["exemptions"] == []
    [line] = one["products"]
    assert (line["name"], line["strength"], line["form"]) == ("Samplin", "5 mg", "CAPSULE")
    assert (line["ndc"], line["container_size"]) == ("55555-678-90", "90 capsules")
    assert (line["containers"], one["containers"]) == (6, 6)
    assert line["lot"] in text
    assert (one["transaction_date"], one["shipped"][:10]) == ("2026-11-20", "2026-11-20")
    assert one["shipped"].endswith("-05:00")
    assert (one["seller"]["name"], one["seller"]["gln"]) == ("Sample Labs", gln(MAKER))
    assert one["buyer"]["address"] == ["1 Main Street", "Newark, NJ 07101", "US"]
    assert {pack["serial"] for pack in one["packages"]} == serials(text)
    assert any("581(27)" in sentence for sentence in one["statement"])


@pytest.mark.parametrize("number", [
    "PO-0", "ASN-0", f"urn:epcglobal:cbv:bt:{gln(BUYER)}:PO-0", "{sscc}", "{urn}",
    f"{gln(MAKER)} 2026-11-20", f"{gln(BUYER)} 2026-11-20",
])  # fmt: skip
def test_a_shipment_is_found_by_the_number_people_know(store, number):
    text = shipped()
    taken(store, text)
    urn = re.findall(r"urn:epc:id:sscc:[\d.]+", text)[-1]
    body = "".join(urn.split(":")[-1].split("."))
    digits = body[7] + body[:7] + body[8:]
    total = sum(int(one) * (3, 1)[at % 2] for at, one in enumerate(digits))
    sscc = digits + str(-total % 10)
    with store.read() as snapshot:
        [found] = transactions(snapshot, number.format(sscc=sscc, urn=urn))
        assert found.containers == 6
        with pytest.raises(TransactionRefused, match="no shipment"):
            transactions(snapshot, f"{gln(MAKER)} 2026-11-21")


def test_the_same_shipment_gives_the_same_bytes_years_later(store, tmp_path):
    taken(store, shipped())
    before = {form: written(store, "PO-0", form) for form in ("json", "csv", "pdf", "xml")}
    other = Shipment(random.Random(9), start=START.replace(day=20)).build()
    taken(store, other.replace(":PO-0", ":PO-7").replace(":ASN-0", ":ASN-7"))
    for form, bytes_ in before.items():
        assert written(store, "PO-0", form) == bytes_, form


def test_the_table_has_a_line_for_each_pack_and_runs_no_formula(store):
    text = shipped().replace(">Samplin<", ">=HYPERLINK(1)<")
    taken(store, text)
    rows = list(csv.DictReader(io.StringIO(written(store, "PO-0", "csv").decode())))
    assert {row["serial"] for row in rows} == serials(text)
    assert {row["name"] for row in rows} == {"'=HYPERLINK(1)"}


def printed(pdf: bytes) -> list[str]:
    """The words on each page of a PDF, read without the program that wrote it."""
    streams = re.findall(rb"stream\r?\n(.*?)~>\r?\n?endstream", pdf, re.DOTALL)
    pages = [zlib.decompress(base64.a85decode(one)).decode("latin-1") for one in streams]
    return [" ".join(re.findall(r"\(((?:[^()\\]|\\.)*)\) Tj", page)) for page in pages]


def test_the_printed_document_has_pages_names_and_every_serial(store):
    text = shipped(cases=20, packs=40)
    taken(store, text)
    pages = printed(written(store, "PO-0", "pdf"))
    assert len(pages) > 2
    words = " ".join(pages)
    for expected in ("Samplin 5 mg CAPSULE", "Sample Labs", "Middle Trade", "2026-11-20"):
        assert expected in words
    assert serials(text) <= set(words.split())
    assert all(f"page {number}" in page for number, page in enumerate(pages, 1))


def test_what_became_of_a_shipment_stands_at_the_top(store):
    text = shipped()
    ship = re.search(r"<ObjectEvent>(?:(?!<ObjectEvent>).)*bizstep:shipping.*?</ObjectEvent>", text,
                     re.DOTALL)[0]  # fmt: skip
    void = ship.replace("bizstep:shipping", "bizstep:void_shipping").replace(
        "2026-11-20T", "2026-11-21T")  # fmt: skip
    taken(store, text)
    taken(store, re.sub(r"<EventList>.*</EventList>", f"<EventList>{void}</EventList>", text,
                        flags=re.DOTALL))  # fmt: skip
    told = json.loads(written(store, "PO-0", "json"))["shipments"][0]
    assert "VOIDED" in told["standing"][0]
    assert written(store, "PO-0", "csv").splitlines()[1].startswith(b'"THIS SHIPMENT WAS VOIDED')


@pytest.mark.parametrize("parts", [
    {}, {"lots": 2, "cases": 4}, {"pallet": False}, {"drop": True}, {"buyers": (BUYER, BUYER)},
    {"offset": "-08:00", "fractions": True},
])  # fmt: skip
def test_the_next_owner_gets_a_file_that_is_right_and_captures_again(store, parts):
    text = shipped(**parts)
    taken(store, text)
    file = written(store, "PO-0", "xml")
    answer = examine(file, FileQuestion("dscsa-r1.3", now=NOW))
    assert [str(one) for one in answer.findings] == []
    with store.read() as snapshot:
        [known] = transactions(snapshot, "PO-0")
        before = snapshot.connection.scalar(select(func.count()).select_from(event))
    assert answer.content.packs == known.containers
    receipt = capture(store, file, now=NOW, sender="again")
    assert receipt.refused == 0
    with store.read() as snapshot:
        assert snapshot.connection.scalar(select(func.count()).select_from(event)) == before
    assert {epc for one in open_document(file) for epc in getattr(one, "epcs", None) or ()} <= set(
        re.findall(r"urn:epc:id:[^<]+", text)
    )


def test_of_a_case_that_was_part_of_more_only_what_was_shipped_is_passed_on(store):
    """The events name four cases, two of which go to each buyer."""
    text = shipped(cases=4, pallet=False)
    cases = re.findall(rf"<parentID>(urn:epc:id:sgtin:{MAKER}\.1[^<]*)", text)
    ship = re.search(r"<epcList>((?:<epc>[^<]*</epc>){4})</epcList>", text)[0]
    taken(store, text.replace(ship, f"<epcList><epc>{cases[0]}</epc></epcList>"))
    file = written(store, "PO-0", "xml")
    answer = examine(file, FileQuestion("dscsa-r1.3", now=NOW))
    assert answer.content.packs == 3
    assert answer.is_fine, [str(one) for one in answer.findings]


def test_the_command_writes_signs_and_refuses_in_words(tmp_path):
    database = str(tmp_path / "trail.db")
    file = tmp_path / "s.xml"
    file.write_text(shipped(), encoding="utf-8")
    environment = {"PACKTRAIL_DATA_DIR": str(tmp_path), "PACKTRAIL_DATABASE": database}

    def run(*arguments):
        return CliRunner().invoke(command_line(), arguments, env=environment)

    assert run("capture", str(file)).exit_code == 0
    out = tmp_path / "shipment.pdf"
    ended = run("transaction", "PO-0", "-o", str(out))
    assert ended.exit_code == 0, ended.output
    assert out.read_bytes().startswith(b"%PDF")
    root = tmp_path / "root.pem"
    root.write_text(run("keys", "root").stdout)
    checked = subprocess.run(
        ["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in",
         f"{out}.p7s", "-content", str(out), "-CAfile", str(root), "-purpose", "any",
         "-out", "/dev/null"], capture_output=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    assert run("transaction", "PO-99", "-o", str(out)).exit_code == 1
    assert run("transaction", "PO-0", "-o", str(tmp_path / "s.doc")).exit_code == 2
