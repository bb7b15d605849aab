"""Checking, converting and hashing files on the command line, good ones and broken ones."""

from __future__ import annotations

import io
import json
import os
import threading
from typing import TYPE_CHECKING

import pytest

from benchmarks.documents import write_xml

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE_S = 60.0
"""How long a reader waits before the test fails."""
EVENT = {
    "type": "ObjectEvent",
    "eventTime": "2026-01-31T12:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "action": "ADD",
    "epcList": ["urn:epc:id:sgtin:0614141.107346.1"],
}


@pytest.fixture
def half_broken(tmp_path: Path) -> Path:
    """A document of two events, one without its time."""
    broken = {name: value for name, value in EVENT.items() if name != "eventTime"}
    document = {
        "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-02-01T12:00:00Z",
        "epcisBody": {"eventList": [broken, EVENT]},
    }
    path = tmp_path / "half.jsonld"
    path.write_text(json.dumps(document))
    return path


def test_a_file_that_is_converted_in_part_is_written_and_told(
    packtrail, half_broken: Path, tmp_path: Path
) -> None:
    out = tmp_path / "half.xml"
    ran = packtrail("convert", half_broken, "--to", "xml-2.0", "-o", out)
    assert ran.code == 1
    assert "event.field-missing" in ran.err
    assert out.read_text().count("<ObjectEvent>") == 1


def test_a_conversion_flows_into_a_pipe_and_does_not_take_its_place(
    packtrail, half_broken: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "line"
    os.mkfifo(pipe)
    taken: list[str] = []
    reader = threading.Thread(target=lambda: taken.append(pipe.read_text()), daemon=True)
    reader.start()
    ran = packtrail("convert", half_broken, "--to", "xml-2.0", "-o", pipe)
    reader.join(DEADLINE_S)
    assert ran.code == 1
    assert pipe.is_fifo()
    assert taken[0].count("<ObjectEvent>") == 1


def test_an_event_without_a_hash_is_told(packtrail, half_broken: Path) -> None:
    ran = packtrail("hash", half_broken)
    assert ran.code == 1
    assert ran.out.startswith("ni:///sha-256;")
    assert len(ran.out.splitlines()) == 1
    assert "event.field-missing" in ran.err
    ran = packtrail("hash", half_broken, "--json")
    assert ran.code == 1
    (report,) = ran.json
    assert len(report["hashes"]) == 1
    assert "event.field-missing" in {finding["code"] for finding in report["findings"]}
    assert packtrail("hash", half_broken, "--algorithm", "md5").code == 2


def test_the_same_shipment_hashes_alike_in_every_syntax(
    packtrail, examples, tmp_path: Path
) -> None:
    shipment = examples / "shipment.xml"
    hashes = packtrail("hash", shipment).out
    assert len(hashes.splitlines()) == 7
    for syntax in ("xml-2.0", "json-ld"):
        out = tmp_path / syntax
        assert packtrail("convert", shipment, "--to", syntax, "-o", out).code == 0
        assert packtrail("hash", out).out == hashes


def test_a_long_file_is_converted_on_all_cores(packtrail, tmp_path: Path) -> None:
    day = io.StringIO()
    write_xml(day, 1200)
    file = tmp_path / "day.xml"
    file.write_text(day.getvalue())
    assert file.stat().st_size > 4 * 2**20
    for processes in ("0", "1"):
        out = tmp_path / processes
        ran = packtrail(
            "convert", file, "--to", "json-ld", "-o", out, "--processes", processes, "--json"
        )
        assert (ran.code, ran.json["findings"]) == (0, [])
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()
