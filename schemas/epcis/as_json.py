"""Writes the description of EPCIS documents as JSON Schema draft 7.

A validator must check formats: the standard tells an extension from a misspelt field by
`"format": "uri"` alone.

>>> document_schema()["$id"]
'urn:packtrail:schema:epcis-2.0'
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from schemas import cbv
from schemas.epcis.events import COMMON_FIELDS, EVENT_TYPES
from schemas.epcis.parts import ACTIONS, OFFSET_PATTERN, SENSOR_METADATA, SENSOR_REPORT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.epcis.events import EventType, Field, Needs

Schema = dict[str, Any]

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
JSON_EVENT_TYPES: Final = tuple(kind for kind in EVENT_TYPES if kind.in_2_0)
_URI: Final[Schema] = {"type": "string", "format": "uri"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_CBV_OWN: Final = "^(urn:epcglobal:cbv|https?://ns\\.gs1\\.org/cbv/)"
_GS1_OWN: Final = "^https?://(www\\.)?gs1\\.org/voc/"
_CONTEXT: Final[Schema] = {"anyOf": [_URI, {"type": "object"}]}


def text_of(schema: Schema) -> str:
    r"""A schema as the file that is shipped.

    >>> text_of({"type": "object"}).endswith("}\n")
    True
    """
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def ref(name: str) -> Schema:
    """A reference to a definition of the same file.

    >>> ref("uri")
    {'$ref': '#/definitions/uri'}
    """
    return {"$ref": f"#/definitions/{name}"}


def list_of(items: Schema, least: int = 0, *, unique: bool = False) -> Schema:
    """A list of like things.

    >>> list_of(ref("uri"), least=1)
    {'type': 'array', 'items': {'$ref': '#/definitions/uri'}, 'minItems': 1}
    """
    schema: Schema = {"type": "array", "items": items}
    if least:
        schema["minItems"] = least
    if unique:
        schema["uniqueItems"] = True
    return schema


def words_or_uri(kind: str) -> Schema:
    """A bare CBV word, or a URI for a word of another vocabulary."""
    vocabulary = cbv.VOCABULARIES[kind]
    own = _CBV_OWN if vocabulary.prefix == "cbv" else _GS1_OWN
    return {"anyOf": [{"enum": list(vocabulary.words)}, {**_URI, "not": {"pattern": own}}]}


def plain_definitions() -> dict[str, Schema]:
    """The definitions that documents and queries have in common."""
    return {
        "uri": _URI,
        "time": _TIME,
        "context": {"anyOf": [_URI, {"type": "object"}, list_of(_CONTEXT, unique=True)]},
        "action": {"enum": list(ACTIONS.words)},
        "bizStep": words_or_uri("bizstep"),
        "disposition": words_or_uri("disp"),
        "errorReason": words_or_uri("er"),
        "measurement": words_or_uri("measurement"),
        "alert": words_or_uri("alert"),
    }


def _named(known: Iterable[str]) -> Schema:
    """Property names: the known ones, and extensions, which are URIs or compact URIs."""
    return {"anyOf": [{"enum": list(known)}, _URI]}


def _record(
    properties: dict[str, Schema], required: Iterable[str] = (), *, extensible: bool = True
) -> Schema:
    closed = (
        {"propertyNames": _named(properties)} if extensible else {"additionalProperties": False}
    )
    needed = list(required)
    return {
        "type": "object",
        "properties": properties,
        **({"required": needed} if needed else {}),
        **closed,
    }


_ATTRIBUTE_TYPES: Final[dict[str, Schema]] = {
    "uri": ref("uri"),
    "time": ref("time"),
    "text": {"type": "string"},
    "double": {"type": "number"},
    "boolean": {"type": "boolean"},
    "hex": {"type": "string", "pattern": "^[A-Fa-f0-9]+$"},
}
_SENSOR_WORDS: Final = {"type": "measurement", "exception": "alert", "component": "component"}


def _sensor_definitions() -> dict[str, Schema]:
    metadata = {a.name: _ATTRIBUTE_TYPES[a.holds] for a in SENSOR_METADATA}
    report = {a.name: _ATTRIBUTE_TYPES[a.holds] for a in SENSOR_REPORT}
    report |= {name: ref(kind) for name, kind in _SENSOR_WORDS.items()}
    # JSON alone lets a report name its business rules.
    report["bizRules"] = ref("uri")
    element = {
        "sensorMetadata": ref("sensorMetadata"),
        "sensorReport": list_of(ref("sensorReport"), least=1),
    }
    return {
        "component": words_or_uri("comp"),
        "sensorMetadata": _record(metadata),
        "sensorReport": _record(report, ["type"]),
        "sensorElement": _record(element, ["sensorReport"]),
        "sensorElementList": list_of(ref("sensorElement")),
    }


def _entry(name: str, words: str, *, needs_type: bool) -> Schema:
    properties = {"type": words_or_uri(words), name: ref("uri")}
    return _record(properties, ["type", name] if needs_type else [name], extensible=False)


def _part_definitions() -> dict[str, Schema]:
    uris = list_of(ref("uri"))
    quantity = {
        "epcClass": ref("uri"),
        "quantity": {"type": "number"},
        "uom": {"type": "string", "pattern": "^[A-Z0-9]{2,3}$"},
    }
    declaration = {
        "declarationTime": ref("time"),
        "reason": ref("errorReason"),
        "correctiveEventIDs": uris,
    }
    some_dispositions = list_of(ref("disposition"), least=1, unique=True)
    transaction = _entry("bizTransaction", "btt", needs_type=False)
    return {
        "uriList": uris,
        "uniqueUriList": {**uris, "uniqueItems": True},
        "offset": {"type": "string", "pattern": OFFSET_PATTERN},
        "certificationInfo": {"anyOf": [uris, ref("uri")]},
        "errorDeclaration": _record(declaration, ["declarationTime"]),
        "persistentDisposition": {
            **_record({"set": some_dispositions, "unset": some_dispositions}, extensible=False),
            "minProperties": 1,
        },
        # Extensions of places cannot be distinguished from misspelt fields.
        "place": {"type": "object", "properties": {"id": ref("uri")}, "required": ["id"]},
        "bizTransactionList": list_of(transaction),
        "someBizTransactionList": list_of(transaction, least=1),
        "sourceList": list_of(_entry("source", "sdt", needs_type=True)),
        "destinationList": list_of(_entry("destination", "sdt", needs_type=True)),
        "quantityList": list_of(_record(quantity, ["epcClass"], extensible=False)),
        "ilmd": {"type": "object", "propertyNames": _URI},
        **_sensor_definitions(),
    }


def _field(field: Field) -> Schema:
    return {} if field.json == "any" else ref(field.json)


def _event(kind: EventType) -> Schema:
    fields = [field for field in (*COMMON_FIELDS, *kind.fields) if field.json]
    properties: dict[str, Schema] = {"@context": ref("context"), "type": {"const": kind.name}}
    properties |= {field.name: _field(field) for field in fields}
    schema = _record(properties, ["type", *(f.name for f in fields if f.json_required)])
    schema["anyOf"] = [_needs(needs) for needs in kind.what]
    if kind.ilmd_only_on_add:
        adds = {"properties": {"action": {"const": "ADD"}}}
        schema |= {"if": {"required": ["ilmd"]}, "then": adds}
    return schema


def _needs(needs: Needs) -> Schema:
    schema: Schema = {}
    if there := [*needs.some, *needs.has]:
        schema["required"] = there
    filled: Schema = {name: {"minItems": 1} for name in needs.some}
    if needs.action:
        filled["action"] = {"const": needs.action}
    if filled:
        schema["properties"] = filled
    return schema


def _extended_event() -> Schema:
    """An event type outside the standard: a URI names it, and only the common fields are known."""
    common = {field.name: _field(field) for field in COMMON_FIELDS}
    return {
        "type": "object",
        "properties": {"@context": ref("context"), "type": _URI, **common},
        "required": ["type", *(field.name for field in COMMON_FIELDS if field.json_required)],
    }


def _one_of_types(choices: dict[str, Schema], otherwise: Schema) -> Schema:
    """Selects the definition by the value of `type`, with one if/then for each."""
    schema = otherwise
    for name, chosen in reversed(choices.items()):
        is_it = {"properties": {"type": {"const": name}}}
        schema = {"if": is_it, "then": chosen, "else": schema}
    return schema


def _event_definitions() -> dict[str, Schema]:
    choices = {kind.name: ref(kind.name) for kind in JSON_EVENT_TYPES}
    return {
        **{kind.name: _event(kind) for kind in JSON_EVENT_TYPES},
        "ExtendedEvent": _extended_event(),
        "event": {
            "type": "object",
            "required": ["type"],
            **_one_of_types(choices, ref("ExtendedEvent")),
        },
        "eventList": list_of(ref("event")),
    }


def _master_data_definitions() -> dict[str, Schema]:
    def _loose(properties: dict[str, Schema], required: str) -> Schema:
        return {"type": "object", "properties": properties, "required": [required]}

    attribute = {"id": ref("uri"), "attribute": {"type": ["number", "string", "object"]}}
    element = {
        "id": ref("uri"),
        "attributes": list_of(_loose(attribute, "id")),
        "children": ref("uriList"),
    }
    vocabulary = {
        "type": ref("uri"),
        "vocabularyElementList": list_of(_loose(element, "id")),
    }
    return {"vocabularyList": list_of(_loose(vocabulary, "type"))}


def _document_definitions() -> dict[str, Schema]:
    master_data = {
        "type": "object",
        "properties": {"vocabularyList": ref("vocabularyList")},
    }
    lists = {"eventList": ref("eventList"), "vocabularyList": ref("vocabularyList")}
    results = {
        "queryName": {"type": "string"},
        "subscriptionID": {"type": "string"},
        "resultsBody": _record(lists, ["eventList"]),
    }
    head = {
        "@context": ref("context"),
        "id": ref("uri"),
        "type": {"type": "string"},
        "schemaVersion": {"type": "string", "pattern": "^\\d+(\\.\\d+)*$"},
        "creationDate": ref("time"),
    }
    document = head | {
        "instanceIdentifier": {"type": "string"},
        "sender": {"type": "string"},
        "receiver": {"type": "string"},
        "epcisHeader": _record({"epcisMasterData": master_data}),
        "epcisBody": {
            "type": "object",
            "properties": {"eventList": ref("eventList")},
            "required": ["eventList"],
        },
    }
    query_body = {"queryResults": _record(results, ["queryName", "resultsBody"])}
    query = head | {"epcisBody": _record(query_body, ["queryResults"])}
    return {
        "EPCISDocument": _record(
            document, ["@context", "type", "schemaVersion", "creationDate", "epcisBody"]
        ),
        "EPCISQueryDocument": _record(query, ["@context", "type", "epcisBody"]),
    }


def document_schema() -> Schema:
    """The schema of EPCIS 2.0 documents, query documents and single events in JSON-LD."""
    documents = _document_definitions()
    definitions = {
        **plain_definitions(),
        **_part_definitions(),
        **_event_definitions(),
        **_master_data_definitions(),
        **documents,
    }
    single_event = {"allOf": [ref("event"), {"required": ["@context"]}]}
    return {
        "$schema": DRAFT,
        "$id": "urn:packtrail:schema:epcis-2.0",
        "title": "EPCIS 2.0 documents, query documents and single events in JSON-LD",
        "type": "object",
        "required": ["type"],
        **_one_of_types({name: ref(name) for name in documents}, single_event),
        "definitions": definitions,
    }


def event_schema() -> Schema:
    """The schema of one event inside a document, where `@context` belongs to the document."""
    whole = document_schema()
    return {
        "$schema": DRAFT,
        "$id": "urn:packtrail:schema:epcis-event-2.0",
        "title": "One EPCIS 2.0 event in JSON-LD",
        **ref("event"),
        "definitions": whole["definitions"],
    }
