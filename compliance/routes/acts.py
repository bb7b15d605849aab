"""`/acts/{kind}`: acts in the warehouse, one address for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from compliance.acts import do_act
from epcis.http_context import caller_of, now_of, store_of
from epcis.problem import Problem
from verification.acts.body import ActBody, act_request
from verification.acts.kinds import KINDS, ActKind, ActRule
from verification.acts.perform import ActContext
from verification.context import verification_settings_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

router = APIRouter(prefix="/acts", tags=["acts"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ActBody"}}},
    }
}
_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {"description": "Done: the event, and an answer for each scan"},
    409: {"description": "Refused, nothing was done: why, for each scan, and what to do"},
    422: {"description": "The body has wrong values: which, and what to do (RFC 9457)"},
}
_decoder = msgspec.json.Decoder(ActBody)


def _endpoint(kind: ActKind) -> Callable[[Request], Awaitable[Response]]:
    async def act(request: Request) -> Response:
        body = _body_of(await request.body())
        now = now_of(request)
        asked = act_request(kind, body, now)
        context = ActContext(caller_of(request), verification_settings_of(request))
        answer = await run_in_threadpool(do_act, store_of(request), asked, context, now)
        status = 200 if answer.done else 409
        return Response(msgspec.json.encode(answer), status, media_type="application/json")

    return act


def _body_of(content: bytes) -> ActBody:
    try:
        return _decoder.decode(content)
    except msgspec.ValidationError as fault:
        raise Problem(422, "Values not valid", f"the body has another form: {fault}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Problem(400, "Request not understood", f"the body is no JSON: {fault}") from None


def _add(kind: ActKind, rule: ActRule) -> None:
    router.add_api_route(
        f"/{kind.value}",
        _endpoint(kind),
        methods=["POST"],
        name=f"act {kind.value}",
        summary=rule.say,
        description=f"{rule.say}. The goods must be {rule.where.value}.",
        operation_id=f"act_{kind.value.replace('-', '_')}",
        responses=_ANSWERS,
        openapi_extra=_BODY,
        response_class=Response,
    )


for _kind, _rule in KINDS.items():
    _add(_kind, _rule)
