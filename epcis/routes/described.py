"""What the OpenAPI document says of `/epcis` beyond the signatures: parameters, bodies, refusals.

Made from the table of query parameters, so that the description cannot fall behind it.
"""

from __future__ import annotations

import re
from typing import Final

from epcis.codec.document import CbvFormat, EpcFormat
from epcis.query.paging import PER_PAGE, PER_PAGE_MAX
from epcis.query.parameter_table import ACTIONS, FIXED, Parameter, Takes
from epcis.query.values import COUNT_MAX
from schemas.json_value import JsonObject, JsonValue

_CONTROL: Final = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f"
_WRITTEN: Final = rf"[^|{_CONTROL}]"
_TEXT: Final[JsonObject] = {
    "type": "string",
    "pattern": rf"^{_WRITTEN}*[^|\s{_CONTROL}]{_WRITTEN}*$",
}
_WORDS: Final[JsonObject] = {"type": "array", "minItems": 1, "items": _TEXT}
_TIME: Final[JsonObject] = {
    "type": "string",
    "description": "ISO 8601 with a zone; + is written %2B in an address.",
    "pattern": r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[-+](0[0-9]|1[0-3]):[0-5][0-9])$",
}
_NUMBER: Final[JsonObject] = {"type": "number", "minimum": -1e300, "maximum": 1e300}
_NUMBERS: Final[JsonObject] = {"type": "array", "minItems": 1, "items": _NUMBER}
_COUNT: Final[JsonObject] = {"type": "integer", "minimum": 1, "maximum": COUNT_MAX}
_BOOLEAN: Final[JsonObject] = {"type": "boolean"}
_FLAG: Final[JsonObject] = {"enum": [True, False, 1, 0, "true", "false", "1", "0", "", None]}
_AMOUNT: Final[JsonObject] = {
    **_NUMBER,
    "type": ["number", "string"],
    "pattern": r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$",
}
_LEAST: Final[JsonObject] = {
    "type": "string",
    "pattern": r"^([01](\.[0-9]{1,3}){0,2}|2(\.0){0,2})$",
}
_MOST: Final[JsonObject] = {
    "type": "string",
    "pattern": r"^([2-9]|[1-9][0-9]{1,3})(\.[0-9]{1,3}){0,3}$",
    "description": "1.2 as well, where the answer is to be XML.",
}

_PROBLEM: Final[JsonObject] = {
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
_QUERY_DOCUMENT: Final[JsonObject] = {
    "type": "object",
    "required": ["@context", "type", "schemaVersion", "epcisBody"],
    "properties": {"type": {"const": "EPCISQueryDocument"}},
}
_COLLECTION: Final[JsonObject] = {
    "type": "object",
    "required": ["@context", "type", "member"],
    "properties": {
        "type": {"const": "Collection"},
        "member": {"type": "array", "items": {"type": "string"}},
    },
}

REFUSED: Final[dict[int | str, JsonObject]] = {
    "default": {
        "description": "A problem (RFC 9457) under the standard's exception name.",
        "content": {
            "application/problem+json": {"schema": _PROBLEM},
            "application/problem+xml": {"schema": {"type": "string"}},
        },
    }
}
"""The refusal every route may answer with."""


def _answer(description: str, schema: JsonObject) -> dict[int | str, JsonObject]:
    media: JsonObject = {
        "application/json": {"schema": schema},
        "application/ld+json": {"schema": schema},
    }
    xml: JsonObject = {"schema": {"type": "string"}}
    content: JsonObject = {**media, "application/xml": xml, "text/xml": xml}
    return {200: {"description": description, "content": content}, **REFUSED}


QUERY_ANSWER: Final = _answer("Events, as an EPCISQueryDocument.", _QUERY_DOCUMENT)
COLLECTION_ANSWER: Final = _answer("Values or names of resources.", _COLLECTION)


_SOAP: Final[JsonObject] = {"text/xml": {"schema": {"type": "string"}}}
SOAP_ANSWER: Final[dict[int | str, JsonObject]] = {
    200: {
        "description": "The operation's result, wrapped as the question was.",
        "content": {**_SOAP, "application/soap+xml": {"schema": {"type": "string"}}},
    },
    "default": {
        "description": "An exception of the query interface, in an envelope a fault.",
        "content": {**_SOAP, "application/soap+xml": {"schema": {"type": "string"}}},
    },
}


_BY_VALUE: Final = {
    Takes.TEXTS: _WORDS,
    Takes.TIME: _TIME,
    Takes.NUMBER: _NUMBER,
    Takes.NUMBERS: _NUMBERS,
    Takes.FLAG: _BOOLEAN,
}


def _schema(parameter: Parameter) -> JsonObject:
    """The schema of a query parameter with a fixed name."""
    if parameter.choices:
        return {"type": "array", "minItems": 1, "items": {"enum": [*parameter.choices]}}
    return _BY_VALUE[parameter.takes]


def _member(parameter: Parameter) -> JsonObject:
    """The same parameter in a JSON query, where a list of one may be written without brackets."""
    schema = _schema(parameter)
    if schema is _BOOLEAN:
        return _FLAG
    if schema is _NUMBER:
        return _AMOUNT
    if schema.get("type") != "array":
        return schema
    one = _AMOUNT if schema is _NUMBERS else schema["items"]
    return {"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]}


def _parameter(name: str, schema: JsonObject, where: str = "query") -> JsonObject:
    parameter: JsonObject = {"name": name, "in": where, "required": False, "schema": schema}
    if schema.get("type") == "array":
        parameter |= {"style": "pipeDelimited", "explode": False}
    return parameter


FORMATS: Final = [
    _parameter("GS1-EPC-Format", {"enum": [one.value for one in EpcFormat]}, "header"),
    _parameter("GS1-CBV-XML-Format", {"enum": [one.value for one in CbvFormat]}, "header"),
]
VERSION_RANGE: Final = [
    _parameter(f"GS1-{standard}-{end}", schema, "header")
    for standard in ("EPCIS", "CBV")
    for end, schema in (("Min", _LEAST), ("Max", _MOST))
]
PAGED: Final = [
    _parameter(
        "perPage", {**_COUNT, "default": PER_PAGE, "description": f"{PER_PAGE_MAX} at most"}
    ),
    _parameter("nextPageToken", {"type": "string"}),
]


def events_described(what: str, *, without: str = "") -> JsonObject:
    """What a list of events is and takes; `without` the parameter its address fixes."""
    parameters = [_parameter(name, _schema(one)) for name, one in FIXED.items() if name != without]
    parameters += [_parameter(name, schema) for name, schema in _ORDER.items()]
    return {
        "description": f"{what} {_BEYOND_A_SCHEMA}",
        "parameters": [*PAGED, *VERSION_RANGE, *FORMATS, *parameters],
    }


_ORDER: Final[dict[str, JsonObject]] = {
    "orderBy": {"enum": ["eventTime", "recordTime"]},
    "orderDirection": {"enum": ["ASC", "DESC"]},
}
_BEYOND_A_SCHEMA: Final = (
    "Further parameters: `maxEventCount`, beyond which the answer is 413; `eventCountLimit`, only"
    " with `orderBy`; `orderBy` an extension field; and all whose names carry a type, a unit or a"
    " field (EPCIS 2.0 section 8.2.7.1), with prefixes from `GS1-Extensions`."
)


LIST_DESCRIBED: Final[JsonObject] = {"parameters": [*PAGED, *VERSION_RANGE, *FORMATS]}
ONE_DESCRIBED: Final[JsonObject] = {"parameters": [*VERSION_RANGE, *FORMATS]}


def path_described(path: str) -> JsonObject:
    """The description of the parameters in a path, for routes that do not name them."""
    return {"parameters": [*path_parameters(path)]}


def path_parameters(path: str) -> list[JsonObject]:
    """What the OpenAPI document says of each parameter in a path."""
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)(?::\w+)?}", path)
    ]


def _one_of(name: str, *values: str) -> JsonObject:
    return _parameter(name, {"enum": list(values)}, "header")


STATED: Final = [
    _one_of(f"GS1-{standard}-Version", "1.2", "1.2.0", "2.0", "2.0.0", "2.0.1")
    for standard in ("EPCIS", "CBV")
]
BEHAVIOUR: Final = _one_of("GS1-Capture-Error-Behaviour", "rollback", "proceed")


def body_described(description: str, *headers: JsonObject, **schemas: JsonObject) -> JsonObject:
    """The description of a request body: `json` and `xml`, each with its schema, and headers."""
    media = {
        "json": ("application/json", "application/ld+json"),
        "xml": ("application/xml", "text/xml"),
    }
    content: JsonObject = {
        one: {"schema": schema} for kind, schema in schemas.items() for one in media[kind]
    }
    body: JsonObject = {"required": True, "description": description, "content": content}
    return {"requestBody": body, "parameters": list(headers)}


_CONTEXT_PART: Final[list[JsonValue]] = [
    {"const": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"},
    {"type": "object", "description": "prefixes of your own"},
]
_CONTEXT: Final[JsonObject] = {
    "anyOf": [
        *_CONTEXT_PART,
        {"type": "array", "uniqueItems": True, "items": {"anyOf": _CONTEXT_PART}},
    ]
}
QUERY_DEFINITION: Final[JsonObject] = {
    "type": "object",
    "required": ["name", "query"],
    "additionalProperties": False,
    "properties": {
        "@context": {"description": "prefixes for the names of fields"},
        "name": {"type": "string", "pattern": r"^[^\s/?#%\u0000-\u001f\u007f]{1,200}$"},
        "query": {
            "type": "object",
            "description": "Parameters of the simple event query; those with a type, a unit or a"
            " field in their name too.",
            "additionalProperties": False,
            "properties": {
                "@context": {},
                **_ORDER,
                **{name: _member(one) for name, one in FIXED.items()},
            },
        },
    },
}


_SCHEDULE: Final[JsonObject] = {
    "type": "object",
    "description": "Numbers, lists of them, and ranges such as [1-5]; times are UTC.",
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {
        "second": {"type": "string", "pattern": "^[0-5]?[0-9]$"},
        "minute": {"type": "string", "pattern": "^[0-5]?[0-9]$"},
        "hour": {"type": "string", "pattern": "^(1?[0-9]|2[0-3])$"},
        "dayOfMonth": {"type": "string", "pattern": "^([1-9]|1[0-9]|2[0-8])$"},
        "month": {"type": "string", "pattern": "^([1-9]|1[0-2])$"},
        "dayOfWeek": {"type": "string", "pattern": "^[1-7]$"},
    },
}
SUBSCRIPTION: Final[JsonObject] = {
    "type": "object",
    "required": ["dest"],
    "properties": {
        "@context": {},
        "dest": {"type": "string", "pattern": r"^https://[a-z]{1,20}\.example/[a-z0-9]*$"},
        "signatureToken": {"type": ["string", "null"], "pattern": "^[ -~]{1,1024}$"},
        "initialRecordTime": {"anyOf": [_TIME, {"type": "null"}]},
        "reportIfEmpty": {"type": "boolean"},
        "stream": {"const": True},
        "schedule": _SCHEDULE,
    },
    "additionalProperties": False,
    "oneOf": [{"required": ["stream"]}, {"required": ["schedule"]}],
}
JSON_DOCUMENT: Final[JsonObject] = {
    "type": "object",
    "required": ["@context", "type", "schemaVersion", "creationDate", "epcisBody"],
    "properties": {
        "@context": _CONTEXT,
        "type": {"const": "EPCISDocument"},
        "schemaVersion": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)*$"},
        "creationDate": _TIME,
        "epcisBody": {
            "type": "object",
            "required": ["eventList"],
            "properties": {
                "eventList": {"type": "array", "description": "The job judges each event alone."}
            },
        },
    },
    "additionalProperties": False,
}
XML_DOCUMENT: Final[JsonObject] = {
    "type": "object",
    "xml": {
        "name": "EPCISDocument",
        "namespace": "urn:epcglobal:epcis:xsd:2",
        "prefix": "epcis",
    },
    "required": ["schemaVersion", "creationDate", "EPCISBody"],
    "properties": {
        "schemaVersion": {
            "type": "string",
            "pattern": r"^[0-9]{1,4}(\.[0-9]{1,4})?$",
            "xml": {"attribute": True},
        },
        "creationDate": {**_TIME, "xml": {"attribute": True}},
        "EPCISBody": {
            "type": "object",
            "properties": {"EventList": {"type": "object"}},
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
JSON_EVENT: Final[JsonObject] = {
    "type": "object",
    "required": ["@context", "type", "eventTime", "eventTimeZoneOffset", "action", "epcList"],
    "properties": {
        "@context": _CONTEXT,
        "type": {"const": "ObjectEvent"},
        "eventTime": _TIME,
        "eventTimeZoneOffset": {"type": "string", "pattern": "^[-+]0[0-9]:[0-5][0-9]$"},
        "action": {"enum": list(ACTIONS)},
        "epcList": {
            "type": "array",
            "uniqueItems": True,
            "items": {"type": "string", "format": "uri"},
        },
    },
    "additionalProperties": False,
}
"""One kind of event for an example; every event of the standard is taken."""
SOAP_MESSAGE: Final[JsonObject] = {
    "type": "object",
    "xml": {"name": "Poll", "namespace": "urn:epcglobal:epcis-query:xsd:1", "prefix": "epcisq"},
    "required": ["queryName", "params"],
    "properties": {
        "queryName": {"const": "SimpleMasterDataQuery"},
        "params": {
            "const": {
                "param": [
                    {"name": "includeAttributes", "value": "false"},
                    {"name": "includeChildren", "value": "false"},
                ]
            }
        },
    },
}
"""One operation for an example; the WSDL has all of them."""
