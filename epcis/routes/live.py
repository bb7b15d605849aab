"""A WebSocket on `/epcis/queries/{name}/events`: results as they come, or by schedule.

Each message is an EPCISQueryDocument. A WebSocket has no acknowledgement: who must not miss an
event asks again from `initialRecordTime`, or uses a webhook (EPCIS 2.0 section 12.6.2).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from epcis.codec.document import EpcFormat
from epcis.database.transactions import StoreAway
from epcis.http_context import caller_of, now_of, problem_response, settings_of, store_of
from epcis.problem import Problem
from epcis.query import named
from epcis.query.values import BadValue, flag
from epcis.routes.problems import problem_of, refusal
from epcis.routes.subscriptions import schedule_of, since
from epcis.subscribe.delivery import results
from epcis.subscribe.news import News, latest
from epcis.subscribe.subscription import Subscription, new_id

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.ledger.store import Store
    from epcis.query.conditions import Query

CONNECTIONS_MAX: Final = 256
"""Most WebSockets open at once in one process."""
LOOK_S: Final = 0.25
"""How often an open stream looks for new events."""
SEND_TIMEOUT_S: Final = 30.0
"""How long a subscriber may take to accept a message before it is let go."""
_PARAMETERS: Final = ("stream", "initialRecordTime", "reportIfEmpty")
_SCHEDULE: Final = ("second", "minute", "hour", "dayOfMonth", "month", "dayOfWeek")
_POLICY_VIOLATION: Final = 1008
_TRY_AGAIN: Final = 1013

router = APIRouter(prefix="/epcis", tags=["subscriptions"])
_open: set[WebSocket] = set()


@dataclass(frozen=True, slots=True)
class _LiveSubscriber:
    """One subscriber with an open web socket."""

    socket: WebSocket
    query: Query
    one: Subscription

    @property
    def store(self) -> Store:
        return store_of(self.socket)

    def now(self) -> datetime:
        return now_of(self.socket)


@router.websocket("/queries/{query_name}/events")
async def live(socket: WebSocket, query_name: str) -> None:
    """Subscribe for as long as the connection holds."""
    try:
        subscriber = await asyncio.to_thread(_admitted, socket, query_name)
    except Exception as fault:  # what is no refusal of ours goes on upwards
        problem = problem_of(fault)
        if problem is None:
            raise
        await _deny(socket, problem)
        return
    _open.add(socket)
    try:
        begins = subscriber.one.initial_record_time.isoformat().encode()
        await socket.accept(headers=[(b"gs1-query-min-record-time", begins)])
        await _until_hung_up(socket, _tell(subscriber))
    finally:
        _open.discard(socket)


def _admitted(socket: WebSocket, query_name: str) -> _LiveSubscriber:
    """Check who asks for what; raises what `problem_of` understands."""
    caller = caller_of(socket)
    if "query" not in caller.scopes:
        raise refusal("SecurityException", "this needs the scope 'query'")
    if len(_open) >= CONNECTIONS_MAX:
        raise Problem(503, "Try again", "too many subscribers are connected")
    given = dict(socket.query_params)
    for name in given:
        if name not in (*_PARAMETERS, *_SCHEDULE):
            raise refusal("SubscriptionControlsException", f"'{name}' is not a parameter here")
    store = store_of(socket)
    with store.read(party=caller.party) as snapshot:
        found = named.get(snapshot, query_name, party=caller.party)
    if found is None:
        raise refusal("NoSuchNameException", f"there is no query '{query_name[:200]}'")
    now = now_of(socket)
    fields = {name: value for name, value in given.items() if name in _SCHEDULE}
    stream = _flag(given["stream"], "stream") if "stream" in given else None
    schedule = schedule_of(stream, fields or None)
    initial = since(given.get("initialRecordTime"), now)
    return _LiveSubscriber(
        socket,
        found.query,
        Subscription(
            id=new_id(),
            query=found.name,
            owner=caller.name,
            party=caller.party,
            dest="",
            schedule=schedule,
            report_if_empty=_flag(given.get("reportIfEmpty", "false"), "reportIfEmpty"),
            epc_format=_format(socket.headers.get("gs1-epc-format")),
            made=now,
            initial_record_time=initial,
            acknowledged_record_time=initial,
            due=schedule.after(now) if schedule else now,
        ),
    )


def _flag(text: str, name: str) -> bool:
    try:
        return flag(text)
    except BadValue as fault:
        raise refusal("SubscriptionControlsException", f"{name} {fault}") from None


def _format(stated: str | None) -> EpcFormat:
    try:
        return EpcFormat(stated) if stated else EpcFormat.DIGITAL_LINK
    except ValueError:
        raise refusal("NotAcceptableException", "GS1-EPC-Format is not a format") from None


async def _deny(socket: WebSocket, problem: Problem) -> None:
    """Refuse before the connection is one; with the problem where the server can send it."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(problem_response(problem))
    else:
        await socket.close(_POLICY_VIOLATION, problem.detail[:100])


async def _until_hung_up(socket: WebSocket, telling: object) -> None:
    """Tell until the subscriber hangs up or is too slow, or the server stops."""
    teller = asyncio.ensure_future(cast("asyncio.Future[None]", telling))
    listener = asyncio.ensure_future(_listen(socket))
    try:
        await asyncio.wait({teller, listener}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (teller, listener):
            task.cancel()
        for task in (teller, listener):
            with suppress(asyncio.CancelledError, WebSocketDisconnect):
                await task
        if socket.application_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(_TRY_AGAIN)


async def _listen(socket: WebSocket) -> None:
    """Wait for the subscriber to hang up; what it says is not listened to."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return


async def _tell(subscriber: _LiveSubscriber) -> None:
    one = subscriber.one
    while True:
        began = subscriber.now()  # a time that comes due while a message is sent is not skipped
        if one.due > began:
            await asyncio.sleep(LOOK_S)
            continue
        try:
            news = await asyncio.to_thread(_news, subscriber, one)
        except StoreAway:
            await asyncio.sleep(StoreAway.retry_after_s)
            continue
        if news.events or (one.report_if_empty and one.schedule is not None):
            body = await asyncio.to_thread(_document, subscriber, one, news)
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await subscriber.socket.send_text(body)
        one = _moved(one, news, began)
        if news.is_all and one.schedule is None:
            await asyncio.sleep(LOOK_S)


def _moved(one: Subscription, news: News, now: datetime) -> Subscription:
    if news.is_all and one.schedule is not None:
        return replace(one, cursor=news.up_to, due=one.schedule.after(now))
    return replace(one, cursor=news.up_to)


def _news(subscriber: _LiveSubscriber, one: Subscription) -> News:
    return latest(subscriber.store, lambda _: subscriber.query, one)


def _document(subscriber: _LiveSubscriber, one: Subscription, news: News) -> str:
    events = [found.written_for(one.syntax) for found in news.events]
    prefixes = settings_of(subscriber.socket).company_prefixes
    return results(one, events, subscriber.now(), company_prefixes=prefixes).decode()
