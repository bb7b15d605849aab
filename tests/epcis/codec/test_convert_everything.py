"""What `convert` writes of any published or field document, our own reader takes in."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

import epcis.tables  # noqa: F401  # so that create_all makes them
from epcis.capture import capture
from epcis.check import check
from epcis.codec.document import DocumentRefused, Syntax, convert, open_document
from epcis.hash import event_hash, value_prefixes
from epcis.ledger.store import Store
from schemas.finding import is_acceptable

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SUFFIXES = {".xml", ".json", ".jsonld"}
COMPACT_VALUES = {
    "SensorDataExample6.jsonld",
    "SensorDataExample7.jsonld",
    "SensorDataExample8.jsonld",
    "TransformationEvent_with_userExtensions.json",
    "TransformationEvent_with_userExtensions.xml",
}
"""Files with values like `example:blending`, which are names in JSON-LD and text in XML."""
SAME_FAULT = {
    "json.value": {"event.id-no-uri", "json.value", "xml.value"},
    "json.word-unknown": {"event.word-unknown"},
    "json.field-unknown": {"xml.element-unknown"},
    "xml.element-unknown": {"json.field-unknown"},
    "event.word-unknown": {"json.word-unknown"},
    "event.what-missing": {"json.what-missing"},
}
"""An error of one syntax and the errors of the source that say the same of it."""


def documents(shared):
    for folder in (shared / "epcis/examples", shared / "field-cases"):
        yield from (path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES)


def hashes(data):
    reader = open_document(data)
    return [event_hash(e, namespaces=value_prefixes(reader.header, e)) for e in reader]


def errors(data):
    return {f.code for f in check(data) if not is_acceptable([f])}


@pytest.mark.parametrize("syntax", Syntax)
def test_what_is_written_has_the_same_events_and_no_errors_of_its_own(shared, syntax):
    converted = 0
    for path in documents(shared):
        data = path.read_bytes()
        out = io.BytesIO()
        try:
            findings = convert(data, out, syntax)
        except DocumentRefused:
            assert errors(data), path.name
            continue
        converted += 1
        written = out.getvalue()
        if path.name not in COMPACT_VALUES:
            assert hashes(written) == hashes(data), path.name
        known = errors(data) | {f.code for f in findings if not is_acceptable([f])}
        for code in errors(written) - known:
            assert SAME_FAULT.get(code, set()) & known, (path.name, code)
    assert converted > 100


@pytest.mark.parametrize("syntax", Syntax)
def test_what_is_written_is_captured_and_every_event_of_it_is_counted(shared, syntax, tmp_path):
    captured = 0
    for number, path in enumerate(documents(shared)):
        data, out = path.read_bytes(), io.BytesIO()
        try:
            convert(data, out, syntax)
        except DocumentRefused:
            assert errors(data), path.name
            continue
        store = Store.open(f"sqlite:///{tmp_path / f'{number}.db'}")
        store.create_all()
        try:
            receipt = capture(store, out.getvalue(), now=NOW)
        finally:
            store.close()
        assert receipt.refused == 0 or errors(data), (path.name, receipt.findings)
        counted = receipt.new + receipt.duplicates + receipt.refused
        assert counted == len(hashes(data)), (path.name, receipt)
        captured += 1
    assert captured > 100
