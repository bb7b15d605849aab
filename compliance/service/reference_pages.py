"""`/reference/api`: every operation for programs, readable without a script; `/health/page`.

Both show what stands elsewhere too: the API is described in `/openapi.json`, and the checks are
those of `packtrail doctor`.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import orjson
from fastapi import APIRouter, Request

from compliance.service.context import service_context_of
from compliance.service.pages import render
from epcis.problem import Problem
from schemas.json_value import entries_of, members_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.responses import Response

    from schemas.json_value import JsonObject, JsonValue

router = APIRouter(include_in_schema=False)

SCHEMAS_SHOWN_MAX = 20
"""Schemas shown under one operation; the rest stands in `/openapi.json`."""
_METHODS = ("get", "post", "put", "patch", "delete", "options", "head")
_SCHEMAS = "#/components/schemas/"


class ApiOperation(NamedTuple):
    """One operation of the API, as the page shows it."""

    tag: str
    name: str
    method: str
    path: str
    summary: str
    described: JsonObject
    """The operation in the words of OpenAPI."""


class ApiBody(NamedTuple):
    """What is sent or answered in one form."""

    kind: str
    """Media type."""
    text: str
    """An example where there is one, else the schema, as JSON."""
    is_example: bool


@router.get("/reference/api")
def api_reference(request: Request, operation: str = "") -> Response:
    """The list of operations, or one of them with all that it takes and answers."""
    document: JsonObject = request.app.openapi()
    found = sorted(_operations(document), key=lambda one: (one.tag, one.path, one.method))
    if not operation:
        tags = [(tag, list(ones)) for tag, ones in groupby(found, lambda one: one.tag)]
        version = members_of(document["info"])["version"]
        return render("api.html", request, tags=tags, version=version)
    one = next((one for one in found if one.name == operation), None)
    if one is None:
        raise Problem(404, "No such operation", f"the API has no operation '{operation[:100]}'")
    responses = members_of(one.described.get("responses"))
    shown = {
        "operation": one,
        "parameters": entries_of(one.described.get("parameters")),
        "bodies": _bodies(one.described.get("requestBody")),
        "answers": [
            (status, text_of(members_of(answer).get("description")) or "", _bodies(answer))
            for status, answer in sorted(responses.items())
        ],
        "schemas": _schemas(document, one.described),
    }
    return render("api_operation.html", request, **shown)


def _operations(document: JsonObject) -> Iterator[ApiOperation]:
    for path, methods in members_of(document["paths"]).items():
        for method in _METHODS:
            if one := members_of(members_of(methods).get(method)):
                tags = entries_of(one.get("tags"))
                tag = str(tags[0]) if tags else "other"
                name = text_of(one.get("operationId")) or f"{method} {path}"
                summary = text_of(one.get("summary")) or name
                yield ApiOperation(tag, name, method.upper(), path, summary, one)


def _bodies(answer: JsonValue) -> list[ApiBody]:
    content = members_of(members_of(answer).get("content"))
    return [_body(kind, members_of(one)) for kind, one in content.items()]


def _body(kind: str, content: JsonObject) -> ApiBody:
    examples = members_of(content.get("examples")).values()
    first = next((members_of(one).get("value") for one in examples), None)
    example = content.get("example", first)
    if example is not None:
        text = example if isinstance(example, str) else _pretty(example)
        return ApiBody(kind, text, is_example=True)
    return ApiBody(kind, _pretty(content.get("schema", {})), is_example=False)


def _schemas(document: JsonObject, described: JsonObject) -> list[tuple[str, str]]:
    """The schemas that an operation names, and those that they name."""
    known = members_of(members_of(document.get("components")).get("schemas"))
    waiting, found = _named(described), dict[str, str]()
    while waiting and len(found) < SCHEMAS_SHOWN_MAX:
        name = waiting.pop(0)
        if name in known and name not in found:
            found[name] = _pretty(known[name])
            waiting += _named(known[name])
    return list(found.items())


def _named(value: JsonValue) -> list[str]:
    if isinstance(value, dict):
        named = text_of(value.get("$ref"))
        own = [named.removeprefix(_SCHEMAS)] if named else []
        return own + [name for inner in value.values() for name in _named(inner)]
    return [name for inner in entries_of(value) for name in _named(inner)]


def _pretty(value: JsonValue) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


@router.get("/health/page")
def health_page(request: Request) -> Response:
    """What this server has and lacks, and what follows from it: `packtrail doctor` as a page."""
    from compliance.service.doctor import examine  # only who looks here waits for its libraries

    checks = examine(service_context_of(request).settings)
    return render("health.html", request, checks=sorted(checks, key=lambda one: one.well))
