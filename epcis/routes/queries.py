"""`/epcis/queries`: named queries, their events, and giving page tokens back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import orjson
from fastapi import Request
from fastapi.responses import Response

from epcis.http_context import Caller, now_of, store_of
from epcis.query import named, paging, search
from epcis.query.paging import BadToken
from epcis.routes.addresses import address
from epcis.routes.callers import MayQuery
from epcis.routes.described import (
    LIST_DESCRIBED,
    ONE_DESCRIBED,
    QUERY_ANSWER,
    QUERY_DEFINITION,
    STATED,
    body_described,
)
from epcis.routes.events import PAGING, EventsQuestion, asked, event_page
from epcis.routes.negotiation import agree, agree_to_write, content_type, extensions
from epcis.routes.pages import next_page, per_page
from epcis.routes.problems import not_found, refusal
from epcis.routes.resources import refuse_parameters
from epcis.routes.routers import capable, new_router
from schemas.json_value import JsonObject, JsonValue, members_of

if TYPE_CHECKING:
    from epcis.query.named import NamedQuery

BODY_BYTES_MAX: Final = 1024 * 1024
"""Largest query or subscription body."""


router = new_router("queries")


async def json_body(request: Request) -> JsonValue:
    """The request's JSON body; raises 413, 415 or 400 problems."""
    content_type(request, json_only=True)
    body = bytearray()
    async for part in request.stream():
        body.extend(part)
        if len(body) > BODY_BYTES_MAX:
            raise refusal(
                "QueryTooComplexException", f"the body may have {BODY_BYTES_MAX} bytes at most"
            )
    try:
        value: JsonValue = orjson.loads(bytes(body))
    except orjson.JSONDecodeError as fault:
        raise refusal(
            "ValidationException", f"the body is no JSON: {fault.msg} at character {fault.pos}"
        ) from None
    return value


@router.post(
    "/queries",
    response_class=Response,
    status_code=201,
    openapi_extra=body_described("name and query", *STATED, json=QUERY_DEFINITION),
)
async def make_query(request: Request, caller: MayQuery) -> Response:
    """Keep a query under a name, to be asked and subscribed to by it."""
    headers = agree_to_write(request)
    body = await json_body(request)
    if not isinstance(body, dict) or set(body) - {"name", "query", "@context"}:
        raise refusal("QueryValidationException", "the body must be an object of name and query")
    name = named.check_name(body.get("name"))
    query = body.get("query")
    if isinstance(query, dict) and "@context" in body:
        query = {"@context": body["@context"], **query}
    prefixes: JsonObject = {**extensions(request).prefixes}
    if isinstance(query, dict) and prefixes:
        query = {**query, "@context": [prefixes, *_contexts(query)]}
    named.read_body(query)
    await asyncio.to_thread(_keep, request, caller, name, members_of(query))
    headers["Location"] = address(request, "queries", name)
    return Response(status_code=201, headers=headers)


def _contexts(query: JsonObject) -> list[JsonValue]:
    stated = query.get("@context")
    if stated is None:
        return []
    return stated if isinstance(stated, list) else [stated]


def _keep(request: Request, caller: Caller, name: str, query: JsonObject) -> None:
    with store_of(request).write(now_of(request)) as tx:
        try:
            named.add(tx, name, query, owner=caller.name, party=caller.party)
        except named.NameTaken:
            raise refusal(
                "ResourceAlreadyExistsException", f"there is a query '{name}' already"
            ) from None


@router.get("/queries", response_class=Response, openapi_extra=LIST_DESCRIBED)
def list_queries(request: Request, caller: MayQuery) -> Response:
    """A page of the named queries."""
    refuse_parameters(request, *PAGING)
    agreement = agree(request)
    rows_max, now = per_page(request), now_of(request)
    mark = paging.fingerprint(request.url.path, caller.name, caller.party)
    with store_of(request).read(party=caller.party) as snapshot:
        stated = request.query_params.get("nextPageToken")
        cursor = paging.read_token(snapshot, stated, mark, now) if stated is not None else None
        after = cursor.text() if cursor else None
        found = named.listing(snapshot, party=caller.party, rows_max=rows_max + 1, after=after)
    headers = dict(agreement.headers)
    if len(found) > rows_max:
        last = found[rows_max - 1].name
        headers |= next_page(request, paging.PageCursor(mark, paging.expiry(now), (last,)))
    members = [_query_object(one) for one in found[:rows_max]]
    return Response(orjson.dumps(members), headers=headers, media_type="application/json")


def _query_object(one: NamedQuery) -> dict[str, object]:
    return {"name": one.name, "query": one.body}


def named_query(request: Request, caller: Caller, name: str) -> NamedQuery:
    """The query of this name; 404 where there is none for this caller."""
    with store_of(request).read(party=caller.party) as snapshot:
        found = named.get(snapshot, name, party=caller.party)
    if found is None:
        raise refusal("NoSuchNameException", f"there is no query '{name[:200]}'")
    return found


@router.get("/queries/{query_name}", response_class=Response, openapi_extra=ONE_DESCRIBED)
def show_query(request: Request, query_name: str, caller: MayQuery) -> Response:
    """The definition of a named query."""
    refuse_parameters(request)
    agreement = agree(request)
    body = orjson.dumps(_query_object(named_query(request, caller, query_name)))
    return Response(body, headers=agreement.headers, media_type="application/json")


@router.delete("/queries/{query_name}", response_class=Response, status_code=204)
def drop_query(request: Request, query_name: str, caller: MayQuery) -> Response:
    """Forget a named query; its subscriptions end with it."""
    found = named_query(request, caller, query_name)
    with store_of(request).write(now_of(request)) as tx:
        named.remove(tx, found.name)
    return Response(status_code=204)


@router.get(
    "/queries/{query_name}/events",
    response_class=Response,
    responses=QUERY_ANSWER,
    openapi_extra=LIST_DESCRIBED,
)
def query_events(request: Request, query_name: str, caller: MayQuery) -> Response:
    """The events a named query finds, page by page; a WebSocket here subscribes instead."""
    refuse_parameters(request, *PAGING)
    agreement = agree(request)
    found = named_query(request, caller, query_name)
    asked_for = EventsQuestion(
        found.query,
        found.name,
        f"{found.made.isoformat()} {orjson.dumps(found.body).decode()}",
        search.Selection(party=caller.party),
    )
    return event_page(request, agreement, asked_for, caller)


@router.delete("/nextPageToken/{token}", response_class=Response, status_code=204)
def end_token(request: Request, token: str, _caller: MayQuery) -> Response:
    """Give a page token back: it cannot be followed any more."""
    asked(request)
    now = now_of(request)
    with store_of(request).write(now) as tx:
        try:
            paging.end_token(tx, token, now)
        except BadToken as fault:
            raise not_found(f"the token {fault}") from None
    return Response(status_code=204)


capable(router, "/queries", "GET, POST")
capable(router, "/queries/{query_name}", "GET, DELETE")
capable(router, "/queries/{query_name}/events", "GET")
capable(router, "/nextPageToken/{token}", "DELETE")
