"""`/reference/api`: every operation for programs, readable without a script; `/health/page`.

Both show what stands elsewhere too: the API is described in `/openapi.json`, and the checks are
those of `packtrail doctor`.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from fastapi import APIRouter, Request

from compliance.service.context import service_context_of
from compliance.service.pages import render
from epcis.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.responses import Response

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
    told: Mapping[str, Any]  # JSON of any shape
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
    described = request.app.openapi()
    found = sorted(_operations(described), key=lambda one: (one.tag, one.path, one.method))
    if not operation:
        tags = [(tag, list(ones)) for tag, ones in groupby(found, lambda one: one.tag)]
        return render("api.html", request, tags=tags, version=described["info"]["version"])
    one = next((one for one in found if one.name == operation), None)
    if one is None:
        raise Problem(404, "No such operation", f"the API has no operation '{operation[:100]}'")
    shown = {
        "operation": one,
        "parameters": one.told.get("parameters", []),
        "bodies": _bodies(one.told.get("requestBody", {})),
        "answers": [
            (status, answer.get("description", ""), _bodies(answer))
            for status, answer in sorted(one.told.get("responses", {}).items())
        ],
        "schemas": _schemas(described, one.told),
    }
    return render("api_operation.html", request, **shown)


def _operations(described: Mapping[str, Any]) -> Iterator[ApiOperation]:
    for path, methods in described["paths"].items():
        for method in _METHODS:
            if method in methods:
                told = methods[method]
                tag = (told.get("tags") or ["other"])[0]
                name = told.get("operationId") or f"{method} {path}"
                summary = told.get("summary") or name
                yield ApiOperation(tag, name, method.upper(), path, summary, told)


def _bodies(told: Mapping[str, Any]) -> list[ApiBody]:
    return [_body(kind, content) for kind, content in told.get("content", {}).items()]


def _body(kind: str, content: Mapping[str, Any]) -> ApiBody:
    examples = [one.get("value") for one in content.get("examples", {}).values()]
    example = content.get("example", examples[0] if examples else None)
    if example is not None:
        text = example if isinstance(example, str) else _pretty(example)
        return ApiBody(kind, text, is_example=True)
    return ApiBody(kind, _pretty(content.get("schema", {})), is_example=False)


def _schemas(described: Mapping[str, Any], told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The schemas that an operation names, and those that they name."""
    known = described.get("components", {}).get("schemas", {})
    waiting, found = _named(told), dict[str, str]()
    while waiting and len(found) < SCHEMAS_SHOWN_MAX:
        name = waiting.pop(0)
        if name in known and name not in found:
            found[name] = _pretty(known[name])
            waiting += _named(known[name])
    return list(found.items())


def _named(told: Any) -> list[str]:  # noqa: ANN401  # JSON of any shape
    if isinstance(told, dict):
        own = [told["$ref"].removeprefix(_SCHEMAS)] if isinstance(told.get("$ref"), str) else []
        return own + [name for value in told.values() for name in _named(value)]
    return [name for value in told for name in _named(value)] if isinstance(told, list) else []


def _pretty(told: object) -> str:
    return orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()


@router.get("/health/page")
def health_page(request: Request) -> Response:
    """What this server has and lacks, and what follows from it: `packtrail doctor` as a page."""
    from compliance.service.doctor import examine  # only who looks here waits for its libraries

    checks = examine(service_context_of(request).settings)
    return render("health.html", request, checks=sorted(checks, key=lambda one: one.well))
