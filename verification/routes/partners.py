"""Questions to trading partners over HTTP: the lookup directory, asking, and saleable returns."""

from __future__ import annotations

import uuid
from datetime import date  # msgspec reads the annotations at run time
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from epcis.desk import Caller, Problem, needs, now_of, store_of
from verification import returns
from verification.lines import lines_of
from verification.routes.wanted import PackBody, asked_of
from verification.settings import settings_of
from verification.verdict import Asked, verdict
from verification.verify import facts
from verification.vrs import ask
from verification.vrs.ask import Heard, Outgoing
from verification.vrs.directory import DirectoryRefusedError, hand_out, responders, take_over

router = APIRouter(tags=["verification"])

Verifier = Annotated[Caller, Depends(needs("verify"))]
Admin = Annotated[Caller, Depends(needs("admin"))]


class ReturnBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A returned pack as it was scanned, and whether it is tied to a sale of ours."""

    gtin: str
    serial: str
    lot: str
    expiry: str
    we_sold_it: bool


@router.put("/verify/directory/{source}")
async def directory_put(request: Request, caller: Admin, source: str) -> dict[str, int]:
    """Replace all entries of a source of the lookup directory."""
    del caller
    content = await request.body()
    try:
        with store_of(request).write(now_of(request)) as act:
            return {"entries": take_over(act, content, source)}
    except DirectoryRefusedError as error:
        raise Problem(422, "Directory refused", str(error)) from None


@router.get("/verify/directory", response_class=Response)
def directory_get(request: Request, caller: Verifier) -> Response:
    """The lookup directory, as another installation can take it over."""
    del caller
    with store_of(request).read() as view:
        return Response(hand_out(view), media_type="application/json")


@router.post("/packs/returns")
async def saleable_return(request: Request, caller: Verifier) -> dict[str, Any]:
    """Verify a returned pack here and at its manufacturer, decide, and keep the proof."""
    del caller
    try:
        body = msgspec.json.decode(await request.body(), type=ReturnBody)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "Request not understood", str(error)) from None
    asked = asked_of(PackBody(gtin=body.gtin, serial=body.serial, lot=body.lot, expiry=body.expiry))
    heard = await _ask_partner(request, asked)
    market = settings_of(request.app.state).market
    with store_of(request).write(now_of(request)) as act:
        own = verdict(facts(act, asked, market), act.now)
        kept = returns.keep(act, own, heard, we_sold_it=body.we_sold_it)
    return {"return": msgspec.to_builtins(kept), "own": own.as_dict(), "partner": _json(heard)}


@router.get("/verify/requests/{corr_uuid}")
def request_state(request: Request, caller: Verifier, corr_uuid: str) -> Any:  # noqa: ANN401  # JSON
    """What is known by now of a question that was put to a partner."""
    del caller
    with store_of(request).read() as view:
        heard = ask.answer_of(view, corr_uuid)
    if heard is None:
        raise Problem(404, "No such question", f"no question {corr_uuid[:40]} was asked")
    return _json(heard)


async def _ask_partner(request: Request, asked: Asked) -> Heard:
    """Put the question to whoever answers for the product, and keep what came of it."""
    settings = settings_of(request.app.state)
    question = Outgoing(
        corr_uuid=str(uuid.uuid4()),
        gtin=asked.gtin,
        serial=asked.serial,
        lot=asked.lot or "",
        expiry=_printed(asked.expiry),
        requester=settings.responder_gln,
        context="dscsaSaleableReturn",
        in_possession=True,
    )
    with store_of(request).read() as view:
        entries = responders(view, asked.gtin, now_of(request), question.context)
    heard = await lines_of(request.app.state).requester.ask(question, entries)
    with store_of(request).write(now_of(request)) as act:
        ask.keep(act, question, heard)
    return heard


def _printed(day: date | None) -> str:
    return day.strftime("%y%m%d") if day else ""


def _json(heard: Heard) -> Any:  # noqa: ANN401  # JSON
    return msgspec.to_builtins(heard)
