"""`/epcis/queries/{name}/subscriptions`: webhooks; a WebSocket on `…/events` is its own module."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
from fastapi import Request
from fastapi.responses import Response

from epcis.codec.document import CbvFormat, EpcFormat
from epcis.http_context import now_of, settings_of, store_of
from epcis.query import named, paging
from epcis.query.schedule import Schedule, ScheduleError
from epcis.query.values import BadValue, moment
from epcis.routes.addresses import address
from epcis.routes.callers import MayQuery
from epcis.routes.described import (
    FORMATS,
    LIST_DESCRIBED,
    ONE_DESCRIBED,
    STATED,
    SUBSCRIPTION,
    body_described,
)
from epcis.routes.events import PAGING
from epcis.routes.negotiation import agree, agree_to_write, choice, discovery
from epcis.routes.pages import next_page, per_page
from epcis.routes.problems import not_found, refusal
from epcis.routes.queries import json_body, named_query
from epcis.routes.resources import refuse_parameters
from epcis.routes.routers import capable, new_router
from epcis.subscribe import subscription
from epcis.subscribe.destination import BadDestination, Destination, check
from epcis.subscribe.subscription import Subscription, TooManySubscriptions

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.http_context import Caller
    from epcis.query.named import NamedQuery
    from schemas.json_value import JsonObject

TOKEN_LENGTH_MAX = 1024
_MEMBERS = {
    "dest",
    "signatureToken",
    "initialRecordTime",
    "reportIfEmpty",
    "schedule",
    "stream",
    "@context",
}

router = new_router("subscriptions")


@router.post(
    "/queries/{query_name}/subscriptions",
    response_class=Response,
    status_code=201,
    openapi_extra=body_described(
        "dest, and stream or schedule", *STATED, *FORMATS, json=SUBSCRIPTION
    ),
)
async def subscribe(request: Request, query_name: str, caller: MayQuery) -> Response:
    """Have the results of a named query sent to a webhook, as they come or by schedule."""
    headers = agree_to_write(request)
    found = await asyncio.to_thread(named_query, request, caller, query_name)
    body = await json_body(request)
    if not isinstance(body, dict) or set(body) - _MEMBERS:
        raise refusal("ValidationException", f"the body must be an object of {sorted(_MEMBERS)}")
    _refuse_empty(body)
    _refuse_limits(found)
    made = _subscription(request, caller, found, body)
    await asyncio.to_thread(_keep, request, made)
    headers["Location"] = address(request, "queries", found.name, "subscriptions", made.id)
    return Response(
        orjson.dumps(subscription_object(made)),
        status_code=201,
        headers=headers,
        media_type="application/json",
    )


def _refuse_empty(body: JsonObject) -> None:
    for name in ("stream", "schedule"):
        if name in body and body[name] is None:
            raise refusal("SubscriptionControlsException", f"{name} is null; leave it out")


def _refuse_limits(found: NamedQuery) -> None:
    query = found.query
    if query.event_count_limit is not None or query.max_event_count is not None:
        raise refusal(
            "SubscriptionControlsException",
            "a query with eventCountLimit or maxEventCount cannot be subscribed to",
        )


def _subscription(
    request: Request, caller: Caller, found: NamedQuery, body: JsonObject
) -> Subscription:
    now = now_of(request)
    schedule = schedule_of(body.get("stream"), body.get("schedule"))
    initial = since(body.get("initialRecordTime"), now)
    return Subscription(
        id=subscription.new_id(),
        query=found.name,
        owner=caller.name,
        party=caller.party,
        dest=_dest(request, body.get("dest")),
        token=_token(body.get("signatureToken")),
        schedule=schedule,
        report_if_empty=_boolean(body.get("reportIfEmpty", False), "reportIfEmpty"),
        epc_format=choice(request, "GS1-EPC-Format", EpcFormat, EpcFormat.DIGITAL_LINK),
        cbv_format=choice(request, "GS1-CBV-XML-Format", CbvFormat, CbvFormat.NO_PREFERENCE),
        made=now,
        initial_record_time=initial,
        acknowledged_record_time=initial,
        due=schedule.after(now) if schedule else now,
    )


def schedule_of(stream: object, schedule: object) -> Schedule | None:
    """Exactly one of a stream and a schedule; None is the stream. Raises a 400 problem."""
    name = "SubscriptionControlsException"
    if (stream is None) == (schedule is None):
        raise refusal(name, "give either stream: true or a schedule, and not both")
    if schedule is None:
        if stream is not True:
            raise refusal(name, "stream can only be true")
        return None
    if not isinstance(schedule, dict):
        raise refusal(name, "schedule must be an object of second, minute, hour, …")
    try:
        return Schedule.parse(schedule)
    except ScheduleError as fault:
        raise refusal(name, str(fault)) from None


def since(stated: object, now: datetime) -> datetime:
    """The record time from which events are delivered; now where nothing is stated."""
    if stated is None:
        return now
    try:
        return moment(stated)
    except BadValue as fault:
        raise refusal("SubscriptionControlsException", f"initialRecordTime {fault}") from None


def _dest(request: Request, stated: object) -> str:
    allowed = settings_of(request).webhooks_to_private_addresses
    if not isinstance(stated, str):
        raise refusal("ValidationException", "dest must be the address of a webhook")
    try:
        destination = Destination.parse(stated)
        check(destination, private_allowed=allowed)
    except BadDestination as fault:
        raise refusal("ValidationException", f"dest {fault}") from None
    return str(destination)


def _token(stated: object) -> str | None:
    if stated is None:
        return None
    if (
        not isinstance(stated, str)
        or not 1 <= len(stated) <= TOKEN_LENGTH_MAX
        or not (stated.isascii() and stated.isprintable())
    ):
        raise refusal(
            "ValidationException",
            f"signatureToken must be 1 to {TOKEN_LENGTH_MAX} printable characters of ASCII",
        )
    return stated


def _boolean(stated: object, name: str) -> bool:
    if not isinstance(stated, bool):
        raise refusal("ValidationException", f"{name} must be true or false")
    return stated


def _keep(request: Request, made: Subscription) -> None:
    with store_of(request).write(now_of(request)) as tx:
        if named.get(tx, made.query, party=None) is None:
            raise refusal("NoSuchNameException", "the query was deleted meanwhile")
        try:
            subscription.add(tx, made)
        except TooManySubscriptions:
            raise refusal(
                "QueryTooComplexException", "the repository has as many subscriptions as it may"
            ) from None


def subscription_object(one: Subscription) -> dict[str, object]:
    """A subscription for JSON; its token is never shown."""
    shown: dict[str, object] = {
        "subscriptionID": one.id,
        "dest": one.dest,
        "createdAt": _written(one.made),
        "initialRecordTime": _written(one.initial_record_time),
        "minRecordTime": _written(_sent_up_to(one)),
        "epcFormat": one.epc_format.value,
    }
    if one.schedule is None:
        shown["stream"] = True
    else:
        shown["schedule"] = one.schedule.as_dict()
        shown["reportIfEmpty"] = one.report_if_empty
    if one.last_notified is not None:
        shown["lastNotifiedAt"] = _written(one.last_notified)
    if one.error is not None:
        shown["lastError"] = one.error
    if one.suspended:
        shown["suspended"] = True
    return shown


def _sent_up_to(one: Subscription) -> datetime:
    """The record time up to which it got events."""
    return max(one.initial_record_time, one.acknowledged_record_time)


def _written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@router.get(
    "/queries/{query_name}/subscriptions", response_class=Response, openapi_extra=LIST_DESCRIBED
)
def list_subscriptions(request: Request, query_name: str, caller: MayQuery) -> Response:
    """A page of the subscriptions to a named query."""
    refuse_parameters(request, *PAGING)
    agreement = agree(request)
    found = named_query(request, caller, query_name)
    rows_max, now = per_page(request), now_of(request)
    mark = paging.fingerprint(request.url.path, caller.name, caller.party)
    with store_of(request).read(party=caller.party) as snapshot:
        stated = request.query_params.get("nextPageToken")
        cursor = paging.read_token(snapshot, stated, mark, now) if stated is not None else None
        after = cursor.text() if cursor else None
        ones = subscription.of_query(
            snapshot, found.name, party=caller.party, rows_max=rows_max + 1, after=after
        )
    headers = dict(agreement.headers)
    if len(ones) > rows_max:
        last = ones[rows_max - 1].id
        headers |= next_page(request, paging.PageCursor(mark, paging.expiry(now), (last,)))
    body = orjson.dumps([subscription_object(one) for one in ones[:rows_max]])
    return Response(body, headers=headers, media_type="application/json")


def _of_address(
    request: Request, query_name: str, subscription_id: str, caller: Caller
) -> Subscription:
    found = named_query(request, caller, query_name)
    with store_of(request).read(party=caller.party) as snapshot:
        one = subscription.get(snapshot, subscription_id, party=caller.party)
    if one is None or one.query != found.name:
        raise not_found(f"no subscription '{subscription_id[:200]}' to this query")
    return one


@router.get(
    "/queries/{query_name}/subscriptions/{subscription_id}",
    response_class=Response,
    openapi_extra=ONE_DESCRIBED,
)
def show_subscription(
    request: Request, query_name: str, subscription_id: str, caller: MayQuery
) -> Response:
    """How a subscription stands: when it last got something, and what failed."""
    refuse_parameters(request)
    agreement = agree(request)
    body = orjson.dumps(
        subscription_object(_of_address(request, query_name, subscription_id, caller))
    )
    return Response(body, headers=agreement.headers, media_type="application/json")


@router.delete(
    "/queries/{query_name}/subscriptions/{subscription_id}",
    response_class=Response,
    status_code=204,
)
def unsubscribe(
    request: Request, query_name: str, subscription_id: str, caller: MayQuery
) -> Response:
    """End a subscription."""
    one = _of_address(request, query_name, subscription_id, caller)
    with store_of(request).write(now_of(request)) as tx:
        subscription.remove(tx, one.id)
    return Response(status_code=204)


@router.options(
    "/queries/{query_name}/subscriptions/{subscription_id}",
    response_class=Response,
    status_code=204,
)
def subscription_options(
    request: Request, query_name: str, subscription_id: str, caller: MayQuery
) -> Response:
    """What can be done with a subscription, and from which record time it gets events."""
    one = _of_address(request, query_name, subscription_id, caller)
    headers = {
        "Allow": "OPTIONS, DELETE, GET",
        **discovery(),
        "GS1-Query-Min-Record-Time": _written(_sent_up_to(one)),
    }
    return Response(status_code=204, headers=headers)


capable(router, "/queries/{query_name}/subscriptions", "GET, POST")
capable(
    router,
    "/queries/{query_name}/subscriptions/{subscription_id}",
    "GET, DELETE",
    is_described=False,
)
