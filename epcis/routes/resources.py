"""The top-level resources: what kinds of values events hold, and the events of each value.

`/epcis/{eventTypes,epcs,bizSteps,bizLocations,readPoints,dispositions}`, EPCIS 2.0 section 12.6.
Beside the standard: `/epcis/epcs/{epc}/state`, what the repository knows of an item now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson
from fastapi import Request
from fastapi.responses import Response

from epcis.codec.document import EpcFormat
from epcis.codec.words import Words
from epcis.http_context import Caller, now_of, store_of
from epcis.query import paging, seen
from epcis.query.parameter_table import EVENT_TYPES, event_type
from epcis.query.partner_view import state_of_visible
from epcis.routes.addresses import identifier
from epcis.routes.answers import collection
from epcis.routes.callers import MayQuery
from epcis.routes.described import (
    COLLECTION_ANSWER,
    LIST_DESCRIBED,
    ONE_DESCRIBED,
    QUERY_ANSWER,
    events_described,
)
from epcis.routes.events import asked, event_page, question
from epcis.routes.negotiation import Agreement, agree, extensions
from epcis.routes.pages import next_page, per_page
from epcis.routes.problems import not_found, refusal
from epcis.routes.routers import capable, new_router
from epcis.store.items import StoredItem
from epcis.store.items import item as item_state
from schemas.cbv import bare
from schemas.gs1.digital_link import RESOLVER
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from epcis.database.transactions import Snapshot

TOP_LEVEL: Final = (
    "capture",
    "events",
    "queries",
    "eventTypes",
    "epcs",
    "bizSteps",
    "bizLocations",
    "readPoints",
    "dispositions",
)


@dataclass(frozen=True, slots=True)
class Resource:
    """A top-level resource whose values stand in a column of the events."""

    name: str
    parameter: str
    """The query parameter that asks for events of one value."""
    key: Callable[[str], str]
    """From a value in an address to how it is stored."""
    is_identifier: bool
    """Whether values are identifiers, given out in the agreed EPC format."""


RESOURCES: Final = (
    Resource("eventTypes", "eventType", event_type, is_identifier=False),
    Resource("bizSteps", "EQ_bizStep", lambda text: bare("bizstep", text), is_identifier=False),
    Resource(
        "dispositions", "EQ_disposition", lambda text: bare("disp", text), is_identifier=False
    ),
    Resource("bizLocations", "EQ_bizLocation", canonical_key, is_identifier=True),
    Resource("readPoints", "EQ_readPoint", canonical_key, is_identifier=True),
)

router = new_router("resources")


@router.get("/", response_class=Response, responses=COLLECTION_ANSWER, openapi_extra=ONE_DESCRIBED)
@router.get("", response_class=Response, include_in_schema=False)
def top_level(request: Request, _caller: MayQuery) -> Response:
    """The resources this repository has."""
    refuse_parameters(request)
    agreement = agree(request)
    return collection(agreement, list(TOP_LEVEL), {})


def refuse_parameters(request: Request, *allowed: str) -> None:
    """Refuse parameters that the address does not take."""
    for name in asked(request):
        if name not in allowed:
            raise refusal("QueryParameterException", f"'{name}' is not a parameter here")


def _list(resource: Resource, request: Request, caller: Caller) -> Response:
    """A page of the values events hold for this resource."""
    refuse_parameters(request, *_PAGING)
    agreement = agree(request)
    rows_max, now = per_page(request), now_of(request)
    mark = paging.fingerprint(request.url.path, caller.name, caller.party)
    with store_of(request).read(party=caller.party) as snapshot:
        stated = request.query_params.get("nextPageToken")
        cursor = paging.read_token(snapshot, stated, mark, now) if stated is not None else None
        after = cursor.text() if cursor else None
        found = seen.values(
            snapshot, resource.name, party=caller.party, after=after, rows_max=rows_max + 1
        )
        shown = found[:rows_max]
        members = [_given_out(snapshot, resource, one, agreement, caller) for one in shown]
    if resource.name == "eventTypes" and cursor is None and len(found) <= rows_max:
        members = _with_standard_types(members)
    headers = {}
    if len(found) > rows_max:
        headers = next_page(request, paging.PageCursor(mark, paging.expiry(now), (shown[-1],)))
    return collection(agreement, members, headers)


_PAGING: Final = ("perPage", "nextPageToken")


def _with_standard_types(members: list[str]) -> list[str]:
    """Event types seen, and those of the standard that may still come."""
    standard = [name for name in EVENT_TYPES if name != "QuantityEvent" and name not in members]
    return [*members, *standard]


def _given_out(
    snapshot: Snapshot, resource: Resource, value: str, agreement: Agreement, caller: Caller
) -> str:
    """A stored value as the caller wants it written."""
    if not resource.is_identifier or not value.startswith("/"):
        return value
    if agreement.options.epc_format is EpcFormat.AS_WRITTEN:
        event = seen.example(snapshot, resource.name, value, party=caller.party)
        place = None
        if event is not None:
            place = event.read_point if resource.name == "readPoints" else event.biz_location
        return place.id if place is not None else f"{RESOLVER}{value}"
    return written(value, agreement)


def written(key: str, agreement: Agreement) -> str:
    """A canonical key as a Digital Link or URN, as agreed; other identifiers as they are."""
    if not key.startswith("/"):
        return key
    return Words(agreement.options).epc(f"{RESOLVER}{key}")


def _one(resource: Resource, request: Request, caller: Caller) -> Response:
    """What there is about one value: its events; the published interface lets it be paged."""
    refuse_parameters(request, *_PAGING)
    agreement = agree(request)
    value = agreement.names.word(identifier(request, resource.name))
    _must_be_seen(resource, request, caller, value)
    return collection(agreement, ["events"], {})


def _events(resource: Resource, request: Request, caller: Caller) -> Response:
    """The events of one value; further query parameters narrow them."""
    agreement = agree(request)
    value = agreement.names.word(identifier(request, resource.name, "/events"))
    _must_be_seen(resource, request, caller, value)
    asked_for = question(
        request, agreement, caller, fixed={resource.parameter: [resource.key(value)]}
    )
    return event_page(request, agreement, asked_for, caller)


def _must_be_seen(resource: Resource, request: Request, caller: Caller, value: str) -> None:
    if resource.name == "eventTypes" and resource.key(value) in EVENT_TYPES:
        return
    with store_of(request).read(party=caller.party) as snapshot:
        if seen.is_seen(snapshot, resource.name, resource.key(value), party=caller.party):
            return
    raise not_found(f"no {resource.name} '{value[:200]}' in any event")


def _offer(resource: Resource) -> None:
    """Put the four addresses of a resource on the router."""

    def listing(request: Request, caller: MayQuery) -> Response:
        return _list(resource, request, caller)

    def events_of(request: Request, value: str, caller: MayQuery) -> Response:
        del value  # decoded too often by then, see addresses
        return _events(resource, request, caller)

    def one(request: Request, value: str, caller: MayQuery) -> Response:
        del value
        return _one(resource, request, caller)

    described = events_described(
        f"Events of one of the {resource.name}.", without=resource.parameter
    )
    for path, endpoint, answers, extra in (
        (f"/{resource.name}", listing, COLLECTION_ANSWER, LIST_DESCRIBED),
        (f"/{resource.name}/{{value:path}}/events", events_of, QUERY_ANSWER, described),
        (f"/{resource.name}/{{value:path}}", one, COLLECTION_ANSWER, ONE_DESCRIBED),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            response_class=Response,
            responses=answers,
            openapi_extra=extra,
            name=f"{endpoint.__name__} {resource.name}",
        )
        capable(router, path, "GET")


for _resource in RESOURCES:
    _offer(_resource)


@router.get(
    "/epcs", response_class=Response, responses=COLLECTION_ANSWER, openapi_extra=LIST_DESCRIBED
)
def epcs(request: Request, caller: MayQuery) -> Response:
    """A page of the items events name."""
    refuse_parameters(request, *_PAGING)
    agreement = agree(request)
    rows_max, now = per_page(request), now_of(request)
    mark = paging.fingerprint(request.url.path, caller.name, caller.party)
    with store_of(request).read(party=caller.party) as snapshot:
        stated = request.query_params.get("nextPageToken")
        cursor = paging.read_token(snapshot, stated, mark, now) if stated is not None else None
        after = cursor.number() if cursor else 0
        found = seen.item_keys(snapshot, party=caller.party, after=after, rows_max=rows_max + 1)
        shown = found[:rows_max]
        members = [_item_given_out(snapshot, *one, agreement, caller) for one in shown]
    headers = {}
    if len(found) > rows_max:
        headers = next_page(request, paging.PageCursor(mark, paging.expiry(now), (shown[-1][0],)))
    return collection(agreement, members, headers)


def _item_given_out(
    snapshot: Snapshot, number: int, key: str, agreement: Agreement, caller: Caller
) -> str:
    """An item's id as the caller wants it written."""
    if agreement.options.epc_format is EpcFormat.AS_WRITTEN:
        as_written = seen.item_as_written(snapshot, number, key, party=caller.party)
        if as_written is not None:
            return as_written
    return written(key, agreement)


@router.get(
    "/epcs/{epc:path}/events",
    response_class=Response,
    responses=QUERY_ANSWER,
    openapi_extra=events_described("The events that name an item, in whichever list."),
)
def epc_events(request: Request, epc: str, caller: MayQuery) -> Response:
    """The events that name an item, in whichever list."""
    del epc  # decoded too often by then, see addresses
    agreement = agree(request)
    value = _seen_epc(request, caller, "/events")
    asked_for = question(request, agreement, caller, fixed={"MATCH_anyEPC": [value]})
    return event_page(request, agreement, asked_for, caller)


@router.get("/epcs/{epc:path}/state", response_class=Response, openapi_extra=ONE_DESCRIBED)
def epc_state(request: Request, epc: str, caller: MayQuery) -> Response:
    """What the repository knows of an item now: lot, expiry, status, place, holder, container."""
    del epc
    refuse_parameters(request)
    agreement = agree(request)
    value = _seen_epc(request, caller, "/state")
    with store_of(request).read(party=caller.party) as snapshot:
        key, party = canonical_key(value), caller.party
        state = (
            item_state(snapshot, key) if party is None else state_of_visible(snapshot, key, party)
        )
    if state is None:
        raise not_found(f"nothing holds of '{value[:200]}': its events were declared wrong")
    body = orjson.dumps(_state_object(state, agreement))
    headers = {"GS1-EPC-Format": agreement.options.epc_format.value}
    return Response(body, headers=headers, media_type="application/json")


@router.get(
    "/epcs/{epc:path}",
    response_class=Response,
    responses=COLLECTION_ANSWER,
    openapi_extra=ONE_DESCRIBED,
)
def epc_resources(request: Request, epc: str, caller: MayQuery) -> Response:
    """What there is about one item: its events; the published interface lets it be paged."""
    del epc
    refuse_parameters(request, *_PAGING)
    agreement = agree(request)
    _seen_epc(request, caller, "")
    return collection(agreement, ["events"], {"Link": '<./state>; rel="describedby"'})


def _seen_epc(request: Request, caller: Caller, tail: str) -> str:
    """The EPC of the address; 404 where the caller may see no event that names it."""
    value = extensions(request).word(identifier(request, "epcs", tail))
    with store_of(request).read(party=caller.party) as snapshot:
        if not seen.item_is_seen(snapshot, canonical_key(value), party=caller.party):
            raise not_found(f"no event names '{value[:200]}'")
    return value


def _state_object(state: StoredItem, agreement: Agreement) -> dict[str, object]:
    """An item's state for JSON; identifiers in the agreed format, what is not known is null."""

    def place(key: str | None) -> str | None:
        return written(key, agreement) if key else None

    return {
        "epc": place(state.key),
        "status": state.status.value,
        "disposition": state.disposition or None,
        "conditions": list(state.conditions),
        "lot": state.lot or None,
        "expiry": state.expiry.isoformat() if state.expiry else None,
        "location": place(state.location),
        "holder": place(state.holder),
        "owner": place(state.owner),
        "parent": place(state.parent),
        "topContainer": place(state.top),
        "firstEventTime": state.first_event_time.isoformat().replace("+00:00", "Z"),
        "lastEventTime": state.last_event_time.isoformat().replace("+00:00", "Z"),
    }


capable(router, "/", "GET")
for _path in (
    "/epcs",
    "/epcs/{epc:path}/events",
    "/epcs/{epc:path}/state",
    "/epcs/{epc:path}",
):
    capable(router, _path, "GET")


@router.api_route(
    "/{path:path}",
    methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    include_in_schema=False,
)
def nothing(request: Request, path: str) -> Response:
    """Every address that the standard does not have; this one stands last."""
    raise not_found(
        f"there is nothing at '{path[:200]}'; GET {request.base_url}epcis/ says what is"
    )
