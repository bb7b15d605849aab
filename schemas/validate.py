"""Validators for EPCIS documents, compiled once: XML Schema by lxml, JSON Schema by jsonschema-rs.

The files are Packtrail's own (`schemas/xsd`, `schemas/json`); an operator who wants the published
ones names their folder as `published`.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs
from lxml import etree

if TYPE_CHECKING:
    JsonValidator = jsonschema_rs.Draft7Validator

OWN: Final = Path(__file__).resolve().parent
XML_VERSIONS: Final = ("1.2", "2.0")


@cache
def xml_schema(version: str, published: Path | None = None) -> etree.XMLSchema:
    """Documents, query documents, master data documents and query messages of one version.

    `version` is `1.2` (which also takes 1.0 and 1.1) or `2.0`.

    >>> xml_schema("1.2").validate(etree.XML("<EPCISDocument/>"))
    False
    """
    if published is not None:
        return etree.XMLSchema(_published_xsd(version, published))
    return etree.XMLSchema(file=str(OWN / "xsd" / f"all-{version}.xsd"))


@cache
def event_xml_schema(version: str, published: Path | None = None) -> etree.XMLSchema:
    """One event outside any document, its element without a namespace.

    >>> event_xml_schema("2.0").validate(etree.XML("<ObjectEvent/>"))
    False
    """
    if published is not None:
        return etree.XMLSchema(_published_event_xsd(version, published))
    return etree.XMLSchema(file=str(OWN / "xsd" / f"event-{version}.xsd"))


def _published_xsd(version: str, folder: Path) -> etree._Element:
    raise NotImplementedError


def _published_event_xsd(version: str, folder: Path) -> etree._Element:
    raise NotImplementedError


def _own_json(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((OWN / "json" / name).read_text(encoding="utf-8"))
    return loaded


@cache
def json_validator() -> JsonValidator:
    """EPCIS 2.0 documents, query documents and bare events in JSON-LD, formats checked.

    >>> json_validator().is_valid({"type": "ObjectEvent"})
    False
    """
    return jsonschema_rs.Draft7Validator(_own_json("epcis-2.0.json"), validate_formats=True)


@cache
def json_event_validator() -> JsonValidator:
    """One event inside a document, where `@context` stands on the document.

    >>> event = {"type": "ObjectEvent", "action": "ADD", "epcList": ["urn:x:y"],
    ...          "eventTime": "2026-01-02T03:04:05Z", "eventTimeZoneOffset": "+00:00"}
    >>> json_event_validator().is_valid(event)
    True
    """
    return jsonschema_rs.Draft7Validator(_own_json("epcis-event-2.0.json"), validate_formats=True)
