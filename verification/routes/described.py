"""The hot routes in the OpenAPI document, written by hand: the framework does not see them.

The body's schema is made from the type that decodes it, so that the two cannot part.
"""

from __future__ import annotations

import msgspec

from verification.acts.body import ActBody
from verification.decision.act import PackAct
from verification.messages.pack_request import PackBody

_SAYS = {
    PackAct.VERIFY: "Say whether a pack is genuine and sellable, and keep the answer",
    PackAct.UNDO: "Make a pack active again, where the law allows it",
}
_PROBLEM = {
    "description": "What is wrong, where, and what to do (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"type": "object"}}},
}
_ANSWER = {
    "description": "The answer: a word, its reason and what to do next",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


def hot_paths() -> dict[str, object]:
    """The path items of the routes that `HotRoutes` answers.

    >>> sorted(hot_paths())[0]
    '/checkConnectivity'
    """
    packs = {f"/packs/{one.value}": {"post": _operation(one)} for one in PackAct}
    return {
        **packs,
        "/packs/status": {"get": _status()},
        "/verify/gtin/{gtin}/lot/{lot}/ser/{serial}": {"get": _question()},
        "/checkConnectivity": {"get": _connectivity()},
    }


def hot_schemas() -> dict[str, object]:
    """The schemas that `hot_paths` refers to."""
    _, schemas = msgspec.json.schema_components(
        [PackBody, ActBody], ref_template="#/components/schemas/{name}"
    )
    return dict(schemas)


def _operation(operation: PackAct) -> dict[str, object]:
    word = operation.value.replace("-", " ")
    return {
        "tags": ["packs"],
        "operationId": f"packs_{operation.value}",
        "summary": _SAYS.get(operation, f"Take a pack out of trade: {word}"),
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PackBody"}}},
        },
        "responses": {"200": _ANSWER, **_refusals("400", "401", "403", "409", "413", "422")},
    }


def _status() -> dict[str, object]:
    names = ("gtin", "serial", "lot", "expiry")
    return {
        "tags": ["packs"],
        "operationId": "packs_status",
        "summary": "The state of a pack, without alert, count or record (2016/161 Art. 36(f))",
        "parameters": [_query(name, required=name in ("gtin", "serial")) for name in names],
        "responses": {"200": _ANSWER, **_refusals("400", "401", "403", "422")},
    }


def _question() -> dict[str, object]:
    steps = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in ("gtin", "lot", "serial")
    ]
    asked = [_query(name, required=True) for name in ("exp", "linkType", "reqGLN", "corrUUID")]
    more = [_query(name) for name in ("context", "ctrlPossessAtt", "email", "telephone")]
    version = {"name": "GS1US-Version", "in": "header", "schema": {"type": "string"}}
    empty = {status: {"description": "Refused, with an empty body"} for status in _QUESTION_REFUSED}
    return {
        "tags": ["verification"],
        "operationId": "verify_product_identifier",
        "summary": "A trading partner's question (GS1 lightweight messaging, release 1.3)",
        "parameters": [*steps, *asked, *more, version],
        "responses": {"200": _ANSWER, **empty},
    }


_QUESTION_REFUSED = ("400", "401", "403", "404", "405", "503")


def _connectivity() -> dict[str, object]:
    return {
        "tags": ["verification"],
        "operationId": "check_connectivity",
        "summary": "Whether questions about a product would be answered here",
        "parameters": [_query("gtin", required=True), _query("reqGLN", required=True)],
        "responses": {
            "200": _ANSWER,
            **{status: {"description": "Refused, with an empty body"} for status in ("401", "404")},
        },
    }


def _query(name: str, *, required: bool = False) -> dict[str, object]:
    return {"name": name, "in": "query", "required": required, "schema": {"type": "string"}}


def _refusals(*statuses: str) -> dict[str, object]:
    return dict.fromkeys(statuses, _PROBLEM)
