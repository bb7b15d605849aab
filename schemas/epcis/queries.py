"""The parameters of a SimpleEventQuery in JSON, and the schedule of a subscription.

Standard: EPCIS 2.0 section 8.2.7.1 (query language) and 8.2.5.3 (schedules). Where the published
query schema and the published REST interface spell a parameter differently, both are accepted; the
page `docs/reference/schemas.md` lists them.

>>> "MATCH_epc" in query_schema()["properties"]
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from schemas.epcis.as_json import (
    DRAFT,
    JSON_EVENT_TYPES,
    document_schema,
    event_schema,
    list_of,
    plain_definitions,
    ref,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

Schema = dict[str, Any]

_FIELD: Final = "[a-z][a-zA-Z0-9]*:\\w+"
"""An extension field as the query's context names it: `prefix:local`."""
_UNIT: Final = "[A-Z0-9]{2,4}"
_EXTENSION_PLACES: Final = (
    "((INNER_)?(ILMD_|ERROR_DECLARATION_|SENSORELEMENT_|SENSORMETADATA_|SENSORREPORT_)?)"
)
_EXISTS_PLACES: Final = (
    "((INNER_)?(ILMD_|ERROR_DECLARATION_)?|SENSORELEMENT_|SENSORMETADATA_|SENSORREPORT_)"
)
_LOCATION_PLACES: Final = "(INNER_)?(readPoint|bizLocation)_"
_MEASURES: Final = "(value|minValue|maxValue|meanValue|sDev|percValue|quantity)"

_NUMBER: Final[Schema] = {"type": "number"}
_COUNT: Final[Schema] = {"type": "integer"}
_TEXTS: Final = list_of({"type": "string"})
_NUMBERS: Final = list_of(_NUMBER)
_TIME_OR_NUMBER: Final[Schema] = {"oneOf": [_NUMBER, ref("time")]}
_ANY_VALUE: Final[Schema] = {"oneOf": [_TEXTS, _NUMBER, ref("time")]}
_PRESENCE: Final[Schema] = {"type": ["integer", "boolean"]}
"""An integer in the query schema, a boolean in the REST interface; only its presence counts."""


def _each(names: Iterable[str], schema: Schema) -> dict[str, Schema]:
    return dict.fromkeys(names, schema)


def _times(*fields: str) -> dict[str, Schema]:
    return _each((f"{op}_{field}" for field in fields for op in ("GE", "LT")), ref("time"))


_LISTS_OF_URIS: Final = {
    "EQ": (
        "readPoint",
        "bizLocation",
        "transformationID",
        "eventID",
        "correctiveEventID",
        "deviceID",
        "dataProcessingMethod",
        "microorganism",
        "chemicalSubstance",
        "bizRules",
        "uriValue",
    ),
    "WD": ("readPoint", "bizLocation"),
    "MATCH": (
        "epc",
        "parentID",
        "inputEPC",
        "outputEPC",
        "anyEPC",
        "epcClass",
        "inputEPCClass",
        "outputEPCClass",
        "anyEPCClass",
    ),
}


def _named_parameters() -> dict[str, Schema]:
    kinds = {"anyOf": [{"enum": [kind.name for kind in JSON_EVENT_TYPES]}, ref("uri")]}
    dispositions = (
        "EQ_disposition",
        "EQ_persistentDisposition_set",
        "EQ_persistentDisposition_unset",
    )
    uris = (f"{op}_{field}" for op, fields in _LISTS_OF_URIS.items() for field in fields)
    comparisons = ("GE", "LT", "GT", "LE")
    return {
        "@context": ref("context"),
        "eventType": list_of(kinds),
        "EQ_action": list_of(ref("action")),
        "EQ_bizStep": list_of(ref("bizStep")),
        **_each(dispositions, list_of(ref("disposition"))),
        **_each(uris, list_of(ref("uri"))),
        **_times("eventTime", "recordTime", "time", "startTime", "endTime"),
        **_times("errorDeclarationTime", "errorDeclaration_Time"),
        "EQ_errorReason": list_of(ref("errorReason")),
        "EQ_type": list_of(ref("measurement")),
        **_each(("EQ_stringValue", "EQ_hexBinaryValue"), _TEXTS),
        "EQ_booleanValue": {"type": "boolean"},
        "EQ_quantity": {"anyOf": [_NUMBERS, _NUMBER]},
        **_each((f"{op}_quantity" for op in comparisons), _NUMBER),
        **_each((f"{op}_percRank" for op in comparisons), _NUMBER),
        **_each(("EXISTS_errorDeclaration", "EXISTS_sensorElementList"), _PRESENCE),
        "orderBy": {"type": "string"},
        "orderDirection": {"enum": ["ASC", "DESC"]},
        **_each(("eventCountLimit", "maxEventCount"), _COUNT),
    }


def _families() -> dict[str, Schema]:
    """Parameters whose names carry a type, a unit or a field."""
    return {
        "^EQ_(bizTransaction|source|destination)_[a-z][a-zA-Z0-9_]+$": list_of(ref("uri")),
        f"^EQ_{_EXTENSION_PLACES}{_FIELD}$": _ANY_VALUE,
        f"^EQ_{_LOCATION_PLACES}{_FIELD}$": _ANY_VALUE,
        f"^(GT|GE|LT|LE)_{_EXTENSION_PLACES}{_FIELD}$": _TIME_OR_NUMBER,
        f"^EXISTS_{_EXISTS_PLACES}{_FIELD}$": _PRESENCE,
        f"^HASATTR_({_FIELD}|\\w+)$": _TEXTS,
        "^EQ_?ATTR_\\w+_\\w+$": _ANY_VALUE,
        f"^EQ_(value|quantity)_{_UNIT}$": _NUMBERS,
        f"^(GT|GE|LT|LE)_{_MEASURES}_{_UNIT}$": _NUMBER,
    }


def query_schema() -> Schema:
    """The schema of the `query` of a named query; it allows no other members."""
    wanted = ("uri", "time", "context", "action", "bizStep", "disposition", "errorReason")
    plain = plain_definitions()
    return {
        "$schema": DRAFT,
        "$id": "urn:packtrail:schema:epcis-query-2.0",
        "title": "The parameters of an EPCIS 2.0 event query",
        "type": "object",
        "properties": _named_parameters(),
        "patternProperties": _families(),
        "additionalProperties": False,
        "definitions": {name: plain[name] for name in (*wanted, "measurement")},
    }


_SCHEDULE_RANGES: Final = {
    "second": "[1-5]?[0-9]",
    "minute": "[1-5]?[0-9]",
    "hour": "1?[0-9]|2[0-3]",
    "dayOfMonth": "[1-9]|[12][0-9]|3[01]",
    "month": "[1-9]|1[0-2]",
    "dayOfWeek": "[1-7]",
}


def schedule_schema() -> Schema:
    """The schema of a schedule: numbers and `[low-high]` ranges, separated by commas."""
    properties = {}
    for name, number in _SCHEDULE_RANGES.items():
        element = f"(({number})|\\[({number})-({number})\\])"
        properties[name] = {"type": "string", "pattern": f"^{element}(,{element})*$"}
    return {
        "$schema": DRAFT,
        "$id": "urn:packtrail:schema:epcis-schedule-2.0",
        "title": "When a subscription runs",
        "type": "object",
        "properties": properties,
    }


def json_files() -> dict[str, str]:
    """Every JSON Schema file by name, ready to be written below `schemas/json`.

    >>> sorted(json_files())
    ['epcis-2.0.json', 'epcis-event-2.0.json', 'epcis-query-2.0.json', 'epcis-schedule-2.0.json']
    """
    schemas = (document_schema(), event_schema(), query_schema(), schedule_schema())
    return {
        f"{schema['$id'].removeprefix('urn:packtrail:schema:')}.json": text_of(schema)
        for schema in schemas
    }
