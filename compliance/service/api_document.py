"""What the framework leaves out of the OpenAPI document: summaries for people, and examples."""

from __future__ import annotations

import re

import msgspec

from compliance.service.api_examples import EXAMPLES, XML_EXAMPLES
from compliance.warehouse.orders import OrderWanted
from schemas.json_value import JsonObject, members_of, text_of

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})
_VOCABULARIES = {
    "eventTypes": "types of events",
    "bizSteps": "business steps",
    "dispositions": "dispositions",
    "bizLocations": "business locations",
    "readPoints": "read points",
}
_SENTENCE = re.compile(r"(.+?)(?:\.(?=\s|$)|:\s*$|$)", re.DOTALL)
SUMMARY_CHARACTERS_MAX = 160


def complete(document: JsonObject) -> None:
    """Give every operation a summary in words, and every body an example."""
    schemas = members_of(members_of(document["components"])["schemas"])
    _, components = msgspec.json.schema_components(
        [OrderWanted], ref_template="#/components/schemas/{name}"
    )
    schemas.update(components)
    for path, methods in members_of(document["paths"]).items():
        for method, operation in members_of(methods).items():
            if method in _METHODS:
                one = members_of(operation)
                _summarise(path, one)
                _exemplify(path, one)


def _summarise(path: str, operation: JsonObject) -> None:
    """The first sentence of the description, in place of the function's name."""
    last = path.removesuffix("/{value}").rpartition("/")[2]
    if path.startswith("/epcis/") and last in _VOCABULARIES and "description" not in operation:
        one = path.endswith("/{value}")
        things = _VOCABULARIES[last]
        says = f"What can be asked of one of the {things}" if one else f"The {things} seen here"
        operation["description"] = f"{says}."
    description = text_of(operation.get("description"))
    if description:
        found = _SENTENCE.match(description)
        first = " ".join((found[1] if found else description).split())
        operation["summary"] = first[:SUMMARY_CHARACTERS_MAX]


def _exemplify(path: str, operation: JsonObject) -> None:
    content = members_of(members_of(operation.get("requestBody")).get("content"))
    for kind, body in content.items():
        entry = members_of(body)
        if "example" in entry or "examples" in entry:
            continue
        if kind.endswith("json") and path in EXAMPLES:
            entry["example"] = EXAMPLES[path]
        elif kind.endswith("xml") and path in XML_EXAMPLES:
            entry["example"] = XML_EXAMPLES[path]
