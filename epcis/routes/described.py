"""What the OpenAPI document says of `/epcis` beyond the signatures: parameters, bodies, refusals.

Made from the table of query parameters, so that the description cannot fall behind it.
"""

from __future__ import annotations

from typing import Any, Final

from epcis.codec.document import CbvFormat, EpcFormat
from epcis.query.paging import PER_PAGE, PER_PAGE_MAX
from epcis.query.parameters import ACTIONS, EVENT_TYPES, FIXED
from epcis.query.values import COUNT_MAX

_TEXT: Final = {"type": "string", "minLength": 1, "pattern": r"^[^|\u0000-\u0020\u007f]+$"}
_WORDS: Final = {"type": "array", "minItems": 1, "items": _TEXT}
_TIME: Final = {"type": "string", "format": "date-time"}
_NUMBER: Final = {"type": "number"}
_COUNT: Final = {"type": "integer", "minimum": 1, "maximum": COUNT_MAX}
_BOOLEAN: Final = {"type": "boolean"}
_VERSION: Final = {"type": "string", "pattern": r"^[0-9]{1,6}(\.[0-9]{1,6}){0,7}$"}

_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "findings": {"type": "array", "items": {"type": "object"}},
    },
}
_QUERY_DOCUMENT: Final = {
    "type": "object",
    "required": ["@context", "type", "schemaVersion", "epcisBody"],
    "properties": {"type": {"const": "EPCISQueryDocument"}},
}
_COLLECTION: Final = {
    "type": "object",
    "required": ["@context", "type", "member"],
    "properties": {
        "type": {"const": "Collection"},
        "member": {"type": "array", "items": {"type": "string"}},
    },
}

REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "A problem (RFC 9457) under the standard's exception name.",
        "content": {
            "application/problem+json": {"schema": _PROBLEM},
            "application/problem+xml": {"schema": {"type": "string"}},
        },
    }
}
"""The refusal every route may answer with."""


def _answer(description: str, schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    media = {"application/json": {"schema": schema}, "application/ld+json": {"schema": schema}}
    xml: dict[str, Any] = {"schema": {"type": "string"}}
    content = {**media, "application/xml": xml, "text/xml": xml}
    return {200: {"description": description, "content": content}, **REFUSED}


QUERY_ANSWER: Final = _answer("Events, as an EPCISQueryDocument.", _QUERY_DOCUMENT)
COLLECTION_ANSWER: Final = _answer("Values or names of resources.", _COLLECTION)


_SOAP: Final = {"text/xml": {"schema": {"type": "string"}}}
SOAP_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The operation's result, wrapped as the question was.",
        "content": {**_SOAP, "application/soap+xml": {"schema": {"type": "string"}}},
    },
    "default": {
        "description": "An exception of the query interface, in an envelope a fault.",
        "content": {**_SOAP, "application/soap+xml": {"schema": {"type": "string"}}},
    },
}


def _schema(name: str) -> dict[str, Any]:
    """The schema of a query parameter with a fixed name."""
    special: dict[str, dict[str, Any]] = {
        "EQ_action": {"type": "array", "minItems": 1, "items": {"enum": list(ACTIONS)}},
        "eventType": {"type": "array", "minItems": 1, "items": {"enum": list(EVENT_TYPES)}},
        "EQ_booleanValue": _BOOLEAN,
        "EQ_quantity": {"type": "array", "minItems": 1, "items": _NUMBER},
        "EQ_percRank": {"type": "array", "minItems": 1, "items": _NUMBER},
    }
    if name in special:
        return special[name]
    if name.startswith("EXISTS_"):
        return _BOOLEAN
    if name.endswith(("Time", "_time")):
        return _TIME
    if name.endswith(("_quantity", "_percRank")):
        return _NUMBER
    return _WORDS


def _parameter(name: str, schema: dict[str, Any], where: str = "query") -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "in": where, "required": False, "schema": schema}
    if schema.get("type") == "array":
        told |= {"style": "pipeDelimited", "explode": False}
    return told


_FORMATS: Final = [
    _parameter("GS1-EPC-Format", {"enum": [one.value for one in EpcFormat]}, "header"),
    _parameter("GS1-CBV-XML-Format", {"enum": [one.value for one in CbvFormat]}, "header"),
]
VERSION_RANGE: Final = [
    _parameter(f"GS1-{standard}-{end}", _VERSION, "header")
    for standard in ("EPCIS", "CBV")
    for end in ("Min", "Max")
]
PAGED: Final = [
    _parameter(
        "perPage", {**_COUNT, "default": PER_PAGE, "description": f"{PER_PAGE_MAX} at most"}
    ),
    _parameter("nextPageToken", {"type": "string"}),
]


def events_described(*, without: str = "") -> dict[str, Any]:
    """The description of a list of events; `without` the parameter its address fixes."""
    parameters = [_parameter(name, _schema(name)) for name in FIXED if name != without]
    parameters += [
        _parameter("orderBy", {"enum": ["eventTime", "recordTime"]}),
        _parameter("orderDirection", {"enum": ["ASC", "DESC"]}),
        _parameter("maxEventCount", _COUNT),
    ]
    return {"parameters": [*PAGED, *VERSION_RANGE, *_FORMATS, *parameters]}


LIST_DESCRIBED: Final = {"parameters": [*PAGED, *VERSION_RANGE, *_FORMATS]}
ONE_DESCRIBED: Final = {"parameters": [*VERSION_RANGE, *_FORMATS]}


def body_described(
    description: str, *media_types: str, schema: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The description of a request body."""
    content = {one: {"schema": schema or {"type": "object"}} for one in media_types}
    return {"requestBody": {"required": True, "description": description, "content": content}}
