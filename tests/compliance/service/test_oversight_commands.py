"""Alerts, anomalies, extensions, directory and snapshots by the command line."""

from __future__ import annotations

import json
from datetime import date

import pytest
from typer.testing import CliRunner

from compliance.service.cli import command_line
from verification.decision.act import ParticipantRole, Who
from verification.decision.rule_pack import shipped
from verification.fmd.upload import Batch, Market, Product, upload_batch, upload_product

GTIN, LOT, SERIAL = "05901234123457", "A1", "H7K2M9Q4R8TX"
NOW = ["--now", "2026-06-01T12:00:00"]
PAST = ["--now", "2031-06-15"]
ENTRY = {
    "gtin": GTIN,
    "base_url": "https://maker.example/verify",
    "responder_gln": "0355555000013",
    "valid_from": "2026-01-01T00:00:00Z",
}


@pytest.fixture
def database(request):
    """These commands are tried on the embedded database; what they call is tested on both."""
    del request
    return ""


@pytest.fixture
def run(settings, store, now):
    """Runs a command in this process, on a store with one uploaded pack."""
    maker = Who(client="maker", role=ParticipantRole.MAH, location="plant", authorisation="m")
    told = {"mah_name": "Trail", "mah_address": "Road 1", "manufacturer_address": "Road 2"}
    product = Product(
        code=GTIN,
        name="Trailol 20 mg",
        common_name="trailolum",
        form="tablet",
        strength="20 mg",
        pack_type="box",
        pack_size=30,
        markets=(Market(country="FI", **told),),
    )
    batch = Batch(code=GTIN, lot=LOT, expiry=date(2031, 5, 31), markets=("FI",), serials=(SERIAL,))
    with store.write(now) as tx:
        upload_product(tx, product, maker)
        assert upload_batch(tx, batch, maker, shipped()).accepted
    environment = {"PACKTRAIL_DATA_DIR": str(settings.data_dir), "PACKTRAIL_DATABASE": ""}

    def command(*words):
        return CliRunner().invoke(command_line(), [str(word) for word in words], env=environment)

    return command


def test_an_alert_is_listed_and_closed(run):
    asked = run("verify", GTIN, SERIAL.lower(), "--lot", LOT, *NOW)
    assert asked.exit_code == 1
    assert "Caps lock" in asked.stdout
    (one,) = json.loads(run("alerts", "list", "--json", *NOW).stdout)
    assert one["id"] in asked.stdout
    assert run("alerts", "move", one["id"], "Closed", *NOW).exit_code == 1
    assert run("alerts", "move", one["id"], "Hello", *NOW).exit_code == 1
    done = run("alerts", "move", one["id"], "Closed", "--reason", "caps lock", *NOW)
    assert (done.exit_code, "Closed" in done.stdout) == (0, True)
    assert one["id"] in run("alerts", "list", "--status", "Closed", *NOW).stdout
    assert json.loads(run("alerts", "list", "--status", "New", "--json", *NOW).stdout) == []
    assert run("alerts", "list", "--status", "Old", *NOW).exit_code == 1


def test_probing_is_found_listed_and_closed(run):
    for number in range(1000, 1006):
        run("verify", GTIN, number, *NOW)
    later = ["--now", "2026-06-01T12:05:00"]
    assert json.loads(run("anomalies", "look", "--json", *later).stdout) == {
        "questions": 6,
        "found": 1,
    }
    listed = run("anomalies", "list", "--json", *later)
    (odd,) = json.loads(listed.stdout)
    assert (listed.exit_code, odd["kind"]) == (1, "anomaly.probing")
    assert run("anomalies", "close", odd["id"], "--comment", "a test", *later).exit_code == 0
    assert run("anomalies", "close", odd["id"], "--comment", "a test", *later).exit_code == 1
    assert run("anomalies", "list", *later).exit_code == 0


def test_a_lot_is_extended(run, tmp_path):
    assert run("verify", GTIN, SERIAL, *PAST).exit_code == 1
    file = tmp_path / "extensions.json"
    one = {"gtin": GTIN, "lot": LOT, "expiry": "2031-12-31", "reference": "Notice 1"}
    file.write_text(json.dumps([one]))
    assert run("extensions", "import", file).exit_code == 0
    assert json.loads(run("extensions", "list", "--json").stdout) == [one]
    assert run("verify", GTIN, SERIAL, *PAST).exit_code == 0
    assert run("extensions", "end", GTIN, LOT).exit_code == 0
    assert run("extensions", "end", GTIN, LOT).exit_code == 1
    file.write_text("{")
    assert run("extensions", "import", file).exit_code == 1


def test_a_directory_goes_in_and_out(run, tmp_path):
    file = tmp_path / "directory.json"
    file.write_text(json.dumps([ENTRY]))
    assert run("directory", "import", file, "--source", "hub").exit_code == 0
    (out,) = json.loads(run("directory", "export").stdout)
    assert out["base_url"] == ENTRY["base_url"]
    file.write_text(json.dumps([ENTRY | {"base_url": "http://far.example"}]))
    refused = run("directory", "import", file, "--source", "hub")
    assert (refused.exit_code, "https" in refused.stderr) == (1, True)
    assert json.loads(run("returns", "list", "--json").stdout) == []
    assert run("returns", "proof", GTIN, SERIAL).exit_code == 1


def test_a_till_without_a_line_asks_its_snapshot(run, tmp_path):
    run("recall", "open", GTIN, "BAD", "--confirm", "BAD", "--reason", "test", *NOW)
    file, key = tmp_path / "till.snapshot", tmp_path / "house.pem"
    assert run("snapshot", "make", "-o", file, *NOW).exit_code == 0
    key.write_text(run("snapshot", "key").stdout)
    trusted = ["--key", key]
    told = json.loads(run("snapshot", "check", file, *trusted, *NOW, "--json").stdout)
    assert (told["fresh"], told["stopped_lots"]) == (True, 1)
    free = run("snapshot", "ask", file, GTIN, SERIAL, "--lot", LOT, *trusted, *NOW)
    assert (free.exit_code, "Not among the stopped packs" in free.stdout) == (0, True)
    assert run("snapshot", "ask", file, GTIN, "X", "--lot", "BAD", *trusted, *NOW).exit_code == 1
    old = ["--now", "2026-06-05"]
    assert run("snapshot", "ask", file, GTIN, SERIAL, *trusted, *old).exit_code == 2
    assert run("snapshot", "check", file, *trusted, *old).exit_code == 2
    file.write_bytes(file.read_bytes().replace(b"A", b"B", 1))
    assert run("snapshot", "check", file, *trusted, *NOW).exit_code == 1
    key.write_text("no key")
    assert run("snapshot", "check", file, *trusted, *NOW).exit_code == 1


def test_limits_of_sensor_readings_are_set_listed_and_ended(run):
    limits = ("--limit", "Temperature 2 8 CEL", "--limit", "RelativeHumidity - 60 P1")
    told = run("sensors", "set", GTIN, *limits)
    assert told.stdout == (
        f"{GTIN}  alarms; Temperature 2 to 8 CEL; RelativeHumidity up to 60 P1\n"
    )
    (rule,) = json.loads(run("sensors", "list", "--json").stdout)
    assert rule["limits"][1] == {"measurement": "RelativeHumidity", "unit": "P1", "high": "60"}
    assert run("sensors", "set", GTIN, "--off").exit_code == 0
    assert run("sensors", "list").stdout == f"{GTIN}  not looked at\n"
    for wrong in (
        "Temperature 2 8",
        "Temperature 9 8 CEL",
        "Warmth 2 8 CEL",
        "Temperature - - CEL",
    ):
        assert run("sensors", "set", GTIN, "--limit", wrong).exit_code == 1
    assert run("sensors", "end", GTIN).exit_code == 0
    assert run("sensors", "end", GTIN).exit_code == 1
