"""One description, many files: schema files, event model and pages never drift apart."""

from __future__ import annotations

import runpy
from pathlib import Path

import msgspec
import pytest
from lxml import etree

from epcis import model
from schemas.epcis.as_xsd import xsd_files
from schemas.epcis.events import COMMON_FIELDS, EVENT_TYPES, event
from schemas.epcis.outline import homes, part_at, record_at
from schemas.epcis.queries import json_files, schedule_schema
from schemas.validate.compiled import OWN

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(("folder", "files"), [("xsd", xsd_files()), ("json", json_files())])
def test_the_schema_files_are_written_from_the_description(folder, files):
    shipped = {path.name: path.read_text(encoding="utf-8") for path in (OWN / folder).iterdir()}
    assert shipped == files, "run scripts/make_schemas.py"


def test_the_page_of_events_is_written_from_the_description():
    make = runpy.run_path(str(ROOT / "scripts" / "make_schemas.py"))
    for path, text in make["pages"]().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, "run scripts/make_schemas.py"


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.name)
def test_the_event_model_has_every_field_of_the_description(kind):
    held = {field.name for field in msgspec.structs.fields(getattr(model, kind.name))}
    described = {field.attribute for field in (*COMMON_FIELDS, *kind.fields)}
    assert described <= held


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.name)
def test_every_field_has_a_home_in_the_versions_that_know_its_event(kind):
    for field in kind.fields:
        assert bool(field.xml_1_2) or not kind.in_1_2 or field.xml_2_0
        assert bool(field.xml_2_0) == kind.in_2_0
        assert bool(field.json) == kind.in_2_0


def test_our_files_import_nothing_from_outside():
    for path in (OWN / "xsd").iterdir():
        for element in etree.parse(path).iter("{*}import"):
            assert (OWN / "xsd" / element.get("schemaLocation")).is_file()


def test_the_outline_knows_where_things_stand():
    assert homes("1.2")["ObjectEvent"]["sourceList"] == "extension"
    assert homes("2.0")["ObjectEvent"]["sourceList"] == ""
    assert homes("1.2")["TransformationEvent"]["ilmd"] == ""
    assert "AssociationEvent" not in homes("1.2")
    names = ("EPCISDocument", "EPCISBody", "EventList", "ObjectEvent", "epcList", "epc")
    assert part_at("1.2", names).most is None
    assert record_at("1.2", ("nothing",)) is None
    assert part_at("1.2", ("ObjectEvent", "nothing")) is None
    assert event("TransactionEvent").fields[0].xml_2_0.required


def test_schedules_are_numbers_and_ranges():
    import jsonschema_rs

    schedules = jsonschema_rs.Draft7Validator(schedule_schema())
    assert schedules.is_valid({"minute": "0,15,[30-45]", "dayOfWeek": "[1-5]"})
    for wrong in ({"minute": "60"}, {"hour": "24"}, {"dayOfWeek": "0"}, {"month": "[1-13]"}):
        assert not schedules.is_valid(wrong)
