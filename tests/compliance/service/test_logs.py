"""The server's log: one JSON object a line, of known fields, without secrets and packs."""

from __future__ import annotations

import ast
import json
import logging
import sqlite3

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from service import Service
from source import sources

from compliance.service.logs import (
    FIELDS,
    REPEATED_AFTER_S,
    Repeats,
    described_fault,
    masked,
    without_secrets,
)

SERIAL = "SERIALOFAPATIENT"
SECRETS = (
    "pt_00ff00ff00ff00ff_AbCdEf-123_xyz",
    "Bearer AbCdEf.123~xyz",
    "Basic QWxhZGRpbjpvcGVu",
    "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln",
    "https://ann:Hunter2@hooks.example/deliver?token=Hunter2",
    "password=Hunter2",
    '"client_secret": "Hunter2"',
    "-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----",
    "urn:epc:id:sgtin:0950600.013435.Hunter2",
    "/01/09506000134352/21/Hunter2",
    "/sign-in/Hunter2",
    "(01)09506000134352(21)Hunter2",
    "ann.lee@clinic.example",
    "0109506000134352",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_text_loses_credentials_packs_and_people_wherever_they_stand(secret):
    for text in (secret, f"before {secret} after", f"twice {secret} and {secret}"):
        said = masked(text)
        assert "[masked]" in said
        for word in ("Hunter2", "AbCdEf", "MIGH", "QWxh", "eyJ", "0950600", "ann.lee"):
            assert word not in said


@given(st.text(max_size=4_000))
def test_any_text_is_masked_and_bounded(text):
    assert len(masked(text)) <= 9 * 1_000


def test_every_line_in_the_source_has_known_fields_only():
    said = set()
    for tree in sources().values():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            of = node.func.value
            if isinstance(of, ast.Name) and of.id in {"_log", "log"}:
                said |= {one.arg for one in node.keywords}
            if node.func.attr in {"get_logger", "bind_contextvars"}:
                said |= {one.arg for one in node.keywords}
    assert {"worker", "request", "exc_info", "reason"} <= said
    assert said - {"exc_info"} <= set(FIELDS)


def test_what_a_driver_says_about_rows_is_not_in_the_line():
    database = sqlite3.connect(":memory:")
    try:
        database.execute(f"SELECT {SERIAL}")
    except sqlite3.Error:
        line = described_fault(None, "", {"exc_info": True})
    database.close()
    assert line["fault"] == ["OperationalError"]
    assert "because" not in line
    assert "test_logs.py" in line["stack"][-1]
    assert SERIAL not in json.dumps(line)


def test_a_number_of_ours_is_written_whole_and_anything_in_its_place_is_masked():
    number = "ab123456789012cd"  # by chance more digits in a row than a masked text may have
    assert without_secrets(None, "", {"request": number, "job": number}) == {
        "request": number,
        "job": number,
    }
    odd = without_secrets(None, "", {"job": "urn:epc:id:sgtin:0950600.013435.Hunter2"})
    assert "Hunter2" not in odd["job"]
    assert without_secrets(None, "", {"reason": number})["reason"] == "ab[masked]"


def test_a_cause_is_written_once_a_minute_with_its_number():
    now_s = 0.0
    repeats = Repeats(lambda: now_s)
    line = {"event": "worker failed", "level": "error", "worker": "outbox"}
    assert "repeated" not in repeats(None, "", dict(line))
    for _ in range(40):
        with pytest.raises(structlog.DropEvent):
            repeats(None, "", dict(line))
    assert repeats(None, "", line | {"worker": "exchange"})  # another cause is not held back
    now_s = REPEATED_AFTER_S
    assert repeats(None, "", dict(line))["repeated"] == 40


def test_a_server_in_trouble_logs_json_lines_without_secrets_or_packs(tmp_path):
    """A table is gone, so that every question is a fault with the serial in its parameters."""
    url = f"sqlite:///{tmp_path / 'packtrail.db'}"
    with Service(tmp_path, url, log_answers="true") as service:
        with sqlite3.connect(tmp_path / "packtrail.db") as database:
            database.execute("DROP TABLE item")
        database.close()
        pack = f"/epcis/epcs/urn:epc:id:sgtin:950600.0013435.{SERIAL}"
        page = [service.ask("GET", f"{pack}/state") for _ in range(30)]
        service.ask("GET", f"/packs/status?gtin=09506000134352&serial={SERIAL}")
        service.ask("POST", "/sign-in", b'{"name": "ann", "password": "Hunter2Hunter2"}')
        number = page[0][1]["packtrail-request"]
        key = service.key
    assert {one[0] for one in page} == {500}
    lines = [json.loads(line) for line in service.log.splitlines()]
    assert lines
    for line in lines:
        assert set(line) <= set(FIELDS)
    for secret in (SERIAL, "Hunter2", key, key.split("_", 2)[2], "9506000134352", "0013435"):
        assert secret not in service.log
    failed = [line for line in lines if line["event"] == "request failed"]
    assert any(line["request"] == number for line in failed)
    assert 1 <= len(failed) <= 4  # of thirty: one for each cause
    assert len([line for line in lines if line["level"] == "error"]) <= 8
    answered = [line for line in lines if line["event"] == "answered"]
    assert len(answered) >= 32
    assert {line["status"] for line in answered} >= {500}
    assert "/epcis/epcs/{epc:path}/state" in {line["route"] for line in answered}


def test_what_a_library_logs_is_a_line_of_the_same_kind(capsys):
    from compliance.service.logs import set_up_logging

    kept = logging.getLogger().handlers[:]
    try:
        set_up_logging("info")
        logging.getLogger("some.library").warning("no answer with password=%s", "Hunter2")
        logging.getLogger("some.library").info("chatter")
    finally:
        logging.getLogger().handlers[:] = kept
        structlog.reset_defaults()
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["level"], said["library"]) == ("warning", "some.library")
    assert said["event"] == "no answer with password=[masked]"
