"""`/epcis/events` and every other list of events: one question, one page, one answer.

`event_page` serves the events of `/events`, of each top-level resource, of named queries and the
effective view alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fastapi import Request
from fastapi.responses import Response

from epcis.http_context import Caller, now_of, store_of
from epcis.query import paging, search
from epcis.query.parameters import parse, piped
from epcis.routes.addresses import identifier
from epcis.routes.answers import document
from epcis.routes.callers import MayQuery
from epcis.routes.described import ONE_DESCRIBED, QUERY_ANSWER, events_described
from epcis.routes.negotiation import Agreement, agree
from epcis.routes.pages import next_page, per_page
from epcis.routes.problems import not_found, refusal
from epcis.routes.routers import capable, new_router

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.query.conditions import Query

PAGING: Final = ("perPage", "nextPageToken")
"""Parameters of a list that are not part of its query."""

router = new_router("events")


@dataclass(frozen=True, slots=True)
class EventsQuestion:
    """What is asked of the repository and by whom."""

    query: Query
    name: str
    """What the answer calls the query."""
    words: str
    """The question as text; with the path it tells one list from another."""
    selection: search.Selection


def asked(request: Request) -> dict[str, str]:
    """The query parameters of the address; raises 400 where one is given twice."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in found and found[name] != value:
            raise refusal("QueryParameterException", f"{name} is given twice")
        found[name] = value
    return found


def question(
    request: Request,
    agreement: Agreement,
    caller: Caller,
    *,
    fixed: Mapping[str, object] | None = None,
    effective: bool = False,
) -> EventsQuestion:
    """The question of an address: its parameters and what the path itself fixes."""
    given = asked(request)
    words = {name: value for name, value in given.items() if name not in PAGING}
    raw: dict[str, object] = {**piped(words)}
    for name, value in (fixed or {}).items():
        if name in raw:
            raise refusal("QueryParameterException", f"{name} is already fixed by the address")
        raw[name] = value
    return EventsQuestion(
        parse(raw, agreement.names),
        "SimpleEventQuery",
        repr(sorted((name, str(value)) for name, value in raw.items())),
        search.Selection(party=caller.party, effective=effective),
    )


def event_page(
    request: Request, agreement: Agreement, asked_for: EventsQuestion, caller: Caller
) -> Response:
    """One page of a question's answer, with the address of the next."""
    now = now_of(request)
    rows_max = per_page(request)
    mark = paging.fingerprint(
        request.url.path, asked_for.words, caller.name, caller.party, repr(agreement.names)
    )
    with store_of(request).read(party=caller.party) as snapshot:
        cursor = _cursor(snapshot, request, mark, now)
        page, remaining = _page(snapshot, asked_for, cursor, rows_max)
        top = cursor.top if cursor else asked_for.selection.top or search.newest(snapshot)
    headers = dict(agreement.headers)
    if page.after is not None and remaining != 0:
        following = paging.PageCursor(mark, paging.expiry(now), page.after, top, remaining)
        headers |= next_page(request, following)
    body = document(
        agreement,
        (one.written_for(agreement.syntax) for one in page.events),
        now,
        query_name=asked_for.name,
    )
    return Response(body, headers=headers, media_type=agreement.media_type)


def _cursor(
    snapshot: Snapshot, request: Request, mark: bytes, now: datetime
) -> paging.PageCursor | None:
    stated = request.query_params.get("nextPageToken")
    return None if stated is None else paging.read_token(snapshot, stated, mark, now)


def _page(
    snapshot: Snapshot, asked_for: EventsQuestion, cursor: paging.PageCursor | None, rows_max: int
) -> tuple[search.Page, int | None]:
    """A page, and how many rows of an eventCountLimit remain after it."""
    query = asked_for.query
    selection = asked_for.selection
    remaining = query.event_count_limit
    if cursor is not None:
        selection = replace(selection, top=cursor.top)
        remaining = cursor.remaining
    elif query.max_event_count is not None:
        search.refuse_if_too_many(snapshot, query, selection, query.max_event_count)
    if remaining is not None:
        rows_max = min(rows_max, remaining)
    page = search.page(
        snapshot, query, selection, rows_max=rows_max, after=cursor.after if cursor else None
    )
    return page, None if remaining is None else remaining - len(page.events)


@router.get(
    "/events",
    response_class=Response,
    responses=QUERY_ANSWER,
    openapi_extra=events_described("Events that match the query of the address, page by page."),
)
def events(request: Request, caller: MayQuery) -> Response:
    """Events that match the simple event query of the address, page by page."""
    agreement = agree(request)
    return event_page(request, agreement, question(request, agreement, caller), caller)


@router.get(
    "/effectiveEvents",
    response_class=Response,
    responses=QUERY_ANSWER,
    openapi_extra=events_described("Events that hold today, without those declared wrong."),
)
def effective_events(request: Request, caller: MayQuery) -> Response:
    """The same question over what holds today: without events that were declared wrong."""
    agreement = agree(request)
    asked_for = question(request, agreement, caller, effective=True)
    return event_page(request, agreement, asked_for, caller)


@router.get(
    "/events/{event_id:path}",
    response_class=Response,
    responses=QUERY_ANSWER,
    openapi_extra=ONE_DESCRIBED,
)
def event_by_id(request: Request, event_id: str, caller: MayQuery) -> Response:
    """The event with this id and, where it was declared wrong, the declarations."""
    del event_id  # decoded too often by then, see addresses
    agreement = agree(request)
    wanted = _whole_hash(request, identifier(request, "events"))
    with store_of(request).read(party=caller.party) as snapshot:
        found = search.by_id(snapshot, wanted, search.Selection(party=caller.party))
    if not found:
        raise not_found(f"no event with the id '{wanted[:200]}'")
    body = document(
        agreement, (one.written_for(agreement.syntax) for one in found), now_of(request)
    )
    return Response(body, headers=agreement.headers, media_type=agreement.media_type)


def _whole_hash(request: Request, wanted: str) -> str:
    """An `ni:` hash whose `?ver=` was sent unencoded and so arrived as a parameter."""
    version = request.query_params.get("ver")
    if wanted.startswith("ni:") and version is not None and "?" not in wanted:
        return f"{wanted}?ver={version}"
    return wanted


capable(router, "/effectiveEvents", "GET")
capable(router, "/events/{event_id:path}", "GET")
