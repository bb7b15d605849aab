"""A US trading partner's day on the command line, with the example shipment."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hands import hand

GTIN = "00355555678908"
LOT = "L77"
PACK = "urn:epc:id:sgtin:0355555.067890.U1"
WHEN_FRESH, WHEN_EXPIRED = "2026-06-01", "2035-11-01"


@pytest.fixture
def shipment(examples: Path) -> Path:
    return examples / "shipment.xml"


@pytest.fixture(scope="module")
def first_capture(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The shipment captured once; each test works on a copy of what that left behind."""
    home = tmp_path_factory.mktemp("captured") / "home"
    file = examples / "shipment.xml"
    ran = hand({**os.environ, "PACKTRAIL_DATA_DIR": str(home)})("capture", file, "--json")
    assert ran.code == 0, ran.err
    return home, ran.json[0]


@pytest.fixture
def captured(first_capture: tuple[Path, dict], home: Path) -> dict:
    shutil.copytree(first_capture[0], home)
    return first_capture[1]


def test_a_shipment_is_captured_once(packtrail, shipment, captured) -> None:
    assert (captured["events"], captured["new"], captured["duplicates"]) == (7, 7, 0)
    again = packtrail("capture", shipment, "--json").json[0]
    assert (again["document"], again["new"], again["duplicates"]) == (captured["document"], 0, 7)


def test_a_pack_is_judged_by_what_was_captured(packtrail, captured) -> None:
    def asked(*words: str) -> tuple[str, str, int]:
        ran = packtrail("verify", *words, "--json")
        return ran.json["verdict"], ran.json["reason"], ran.code

    then = ("--now", WHEN_FRESH)
    whole = ("--lot", LOT, "--expiry", "351031")
    assert asked(GTIN, "U1", *whole, *then) == ("OK", "genuine", 0)
    assert asked(GTIN, "U1", *whole, "--now", WHEN_EXPIRED) == ("STOP", "expired", 1)
    assert asked(GTIN, "99", *whole, *then) == ("STOP", "unknown-serial", 1)
    assert asked(GTIN, "U1", "--lot", "B9", *then) == ("STOP", "lot-differs", 1)
    assert asked(GTIN, "U1", "--expiry", "260327", *then) == ("STOP", "expiry-differs", 1)
    assert asked("09506000134352", "11", *then) == ("UNKNOWN", "unknown-product", 2)


def test_the_answer_says_what_to_do_in_one_sentence(packtrail, captured) -> None:
    ran = packtrail("verify", GTIN, "U1", "--now", WHEN_FRESH)
    assert ran.out.startswith("OK")
    assert ran.out.strip().endswith(".")


def test_a_pack_is_traced_through_its_case_and_pallet(packtrail, captured) -> None:
    story = packtrail("trace", PACK, "--json").json
    steps = [event["bizStep"] for event in story["events"]]
    assert steps == ["commissioning", "packing", "packing", "shipping"]
    assert [stay["parent"] for stay in story["containment"]] == [
        "/01/10355555678905/21/C1",
        "/00/003555550000001232",
    ]
    assert story["holder"] == "0366666000014"


def test_a_case_shows_its_packs_and_a_lot_its_holders(packtrail, captured) -> None:
    case = packtrail("trace", "urn:epc:id:sgtin:0355555.167890.C1", "--json").json
    assert case["contents"] == [f"/01/{GTIN}/21/{serial}" for serial in ("U1", "U2")]
    lot = packtrail("trace", f"/01/{GTIN}/10/{LOT}", "--json").json
    assert [(h["gln"], h["packs"]) for h in lot["holders"]] == [("0366666000014", 4)]
    assert lot["holders"][0]["name"] == "Example Wholesale Corp"


def test_a_recall_stops_every_pack_from_that_moment_on(packtrail, captured) -> None:
    opened = packtrail(
        "recall", "open", GTIN, LOT, "--reason", "glass particles", "--json", "--now", WHEN_FRESH
    ).json
    assert len(opened["packs"]) == 4
    assert [h["packs"] for h in opened["holders"]] == [4]
    stopped = packtrail("verify", GTIN, "U4", "--now", WHEN_FRESH, "--json")
    assert (stopped.json["verdict"], stopped.json["reason"]) == ("STOP", "recalled")
    closed = packtrail("recall", "close", opened["id"], "--json").json
    assert closed["closed"]
    kept = packtrail("recall", "status", opened["id"], "--json").json
    assert len(kept["packs"]) == 4
    assert packtrail("verify", GTIN, "U4", "--now", WHEN_FRESH, "--json").json["verdict"] == "STOP"


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_an_export_proves_itself_without_us(packtrail, captured, tmp_path: Path) -> None:
    dossier, root = tmp_path / "pack.asice", tmp_path / "root.pem"
    assert packtrail("export", "--pack", GTIN, "U1", "-o", dossier).code == 0
    root.write_text(packtrail("keys", "root").out)
    assert packtrail("verify-export", dossier, "--trust", root).code == 0
    assert packtrail("verify-export", dossier).code == 2

    inside = tmp_path / "inside"
    shutil.unpack_archive(dossier, inside, "zip")
    checked = subprocess.run(
        "openssl cms -verify -cades -binary -inform DER -in META-INF/signature001.p7s"
        f" -content META-INF/ASiCManifest001.xml -CAfile {root} -purpose any -crl_check_all"
        " -out /dev/null && sha256sum --strict --quiet -c SHA256SUMS",
        shell=True,
        cwd=inside,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr

    data = bytearray(dossier.read_bytes())
    data[len(data) // 2] ^= 1
    dossier.write_bytes(data)
    assert packtrail("verify-export", dossier, "--trust", root).code == 1


def test_the_store_agrees_with_itself(packtrail, captured) -> None:
    assert packtrail("fsck").code == 0


def test_the_examples_in_json_are_captured_too(packtrail, shared: Path) -> None:
    files = sorted((shared / "epcis/examples/gs1-json").glob("*.json*"))
    ran = packtrail("capture", *files, "--json")
    assert ran.code == 0, ran.out
    assert all(report["events"] == report["new"] + report["duplicates"] for report in ran.json)
    assert sum(report["new"] for report in ran.json) > 20
    again = packtrail("capture", *files, "--json").json
    assert not any(report["new"] for report in again)


def test_a_keyboard_scanner_is_understood(packtrail) -> None:
    ran = packtrail("parse", "-", "--json", stdin=b"]d2010950600013435221A1\x1d1727053110L1\n")
    report = ran.json[0]
    assert ran.code == 0
    assert report["elements"] == {"01": "09506000134352", "21": "A1", "17": "270531", "10": "L1"}


def test_a_picture_gives_its_packs(packtrail, examples: Path) -> None:
    one, shelf = packtrail("scan", examples / "pack.png", examples / "shelf.png", "--json").json
    (symbol,) = one["symbols"]
    assert symbol["symbology"] == "GS1 DataMatrix"
    assert symbol["elements"] == {"01": GTIN, "21": "U1", "17": "351031", "10": LOT}
    assert sorted(symbol["serial"] for symbol in shelf["symbols"]) == ["U1", "U2", "U3", "U4"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"<a><b></a>", "line"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "DOCTYPE"),
        (b"<invoice/>", "invoice"),
        (b'{"type": "EPCISDocument", "epcisBody": {"eventList": [{"type": "PartyEvent"}]}}', ""),
        (b"just words", ""),
    ],
)
def test_a_bad_file_is_explained_and_changes_nothing(
    packtrail, tmp_path: Path, content: bytes, says: str
) -> None:
    file = tmp_path / "bad.xml"
    file.write_bytes(content)
    ran = packtrail("capture", file, "--json")
    assert ran.code == 1
    findings = ran.json[0]["findings"]
    assert findings
    assert all(finding["what"] and finding["hint"] for finding in findings)
    assert says in str(findings)
    assert ran.json[0]["new"] == 0


def test_a_wrong_gtin_or_time_is_wrong_usage(packtrail) -> None:
    wrong = packtrail("verify", "00300010123457", "11")
    assert wrong.code == 2
    assert "check digit" in wrong.err
    assert packtrail("verify", GTIN, "11", "--expiry", "251340").code == 2


@pytest.mark.parametrize(
    "wrong", [[""], ["a b"], ["x" * 21], ["ü"], ["11", "--lot", ""], ["11", "--lot", "A 1"]]
)
def test_what_no_pack_can_bear_is_wrong_usage_and_raises_no_alert(packtrail, captured, wrong):
    ran = packtrail("verify", GTIN, *wrong)
    assert ran.code == 2
    assert "GS1 charset 82" in ran.err
    assert packtrail("alerts", "list", "--json").json == []
