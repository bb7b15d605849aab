"""Validate documents against the EPCIS schemas and explain in plain words what is wrong."""

from __future__ import annotations

from schemas.validate.compiled import (
    event_xml_schema,
    json_event_validator,
    json_validator,
    query_validator,
    xml_schema,
)
from schemas.validate.json_document import narrowed, validate_json
from schemas.validate.published import PublishedFilesMissingError
from schemas.validate.xml_document import validate_xml

__all__ = [
    "PublishedFilesMissingError",
    "event_xml_schema",
    "json_event_validator",
    "json_validator",
    "narrowed",
    "query_validator",
    "validate_json",
    "validate_xml",
    "xml_schema",
]
