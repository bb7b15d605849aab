"""`/as2`: where partners' AS2 servers bring messages and receipts (RFC 4130)."""

from __future__ import annotations

from contextlib import closing

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from compliance.context import exchange_of
from compliance.routes.exchange import spooled
from epcis.exchange.as2_inbound import NO_ROOM, As2Answer, As2Visit
from epcis.exchange.door_limit import DoorLimit
from epcis.http_context import caller_of

router = APIRouter(tags=["exchange"])


@router.post("/as2", response_class=Response)
async def take(request: Request) -> Response:
    """A message or receipt of a partner's AS2 server; who sent it is shown by its signature.

    The answer is the receipt (MDN), unless the sender wants it elsewhere or not at all.
    """
    exchange = exchange_of(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    visit = await run_in_threadpool(As2Visit, exchange, headers)
    refused = await run_in_threadpool(visit.refused_at_once)
    if refused is not None:
        return _response(refused)
    with DoorLimit.of(exchange.store).place(caller_of(request).client) as has_room:
        if not has_room:
            return _response(NO_ROOM)
        body = await spooled(request)
        with closing(body.file):
            return _response(await run_in_threadpool(visit.take, body))


def _response(answer: As2Answer) -> Response:
    return Response(answer.content, answer.status, headers=answer.headers)
