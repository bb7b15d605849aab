"""Questions to trading partners over HTTP: the lookup directory, asking, and saleable returns."""

from __future__ import annotations

import uuid
from datetime import date, timedelta  # msgspec reads the annotations at run time
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.alerts.guessing import guessed_too_often
from verification.context import verification_context_of, verification_settings_of
from verification.decision.act import Asked
from verification.decision.render import Verdict
from verification.messages.pack_request import PackBody, asked_of
from verification.messages.wanted import Verification
from verification.registry.history import pack_key
from verification.registry.rights import share_prefix
from verification.returns import saleable_return
from verification.returns.saleable_return import Returned, ReturnProof, was_returned_before
from verification.returns.sold import last_sale, own_site
from verification.vrs import ask
from verification.vrs.ask import Outgoing, PartnerAnswer
from verification.vrs.directory import DirectoryRefusedError, hand_out, responders, take_over

router = APIRouter(tags=["verification"])

Verifier = Annotated[Caller, Depends(needs("verify"))]
Admin = Annotated[Caller, Depends(needs("admin"))]


class ReturnBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A returned pack as it was scanned; whether we sold it, events tell."""

    stored_well: bool | None = None
    """Whether the customer states that it was kept as its label says; None: not asked."""
    text: str | None = None
    """What a scanner typed, in place of the four values."""
    gtin: str | None = None
    serial: str | None = None
    lot: str | None = None
    expiry: str | None = None


@router.put("/verify/directory/{source}")
async def directory_put(request: Request, source: str) -> dict[str, int]:
    """Replace all entries of a source of the lookup directory."""
    content = await request.body()
    try:
        with store_of(request).write(now_of(request)) as tx:
            return {"entries": take_over(tx, content, source)}
    except DirectoryRefusedError as error:
        raise Problem(422, "Directory refused", str(error)) from None


@router.get("/verify/directory", response_class=Response)
def directory_get(request: Request) -> Response:
    """The lookup directory, as another installation can take it over."""
    with store_of(request).read() as snapshot:
        return Response(hand_out(snapshot), media_type="application/json")


@router.post("/packs/returns")
async def decide_return(request: Request, caller: Verifier) -> dict[str, object]:
    """Verify a returned pack here, at peers and at its manufacturer, decide, and keep the proof."""
    try:
        body = msgspec.json.decode(await request.body(), type=ReturnBody)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "Request not understood", str(error)) from None
    asked = asked_of(
        PackBody(
            text=body.text, gtin=body.gtin, serial=body.serial, lot=body.lot, expiry=body.expiry
        )
    )
    kept, own, heard = await take_back(request, caller, asked, stored_well=body.stored_well)
    return {"return": msgspec.to_builtins(kept), "own": own.as_dict(), "partner": _json(heard)}


async def take_back(
    request: Request, caller: Caller, asked: Asked, *, stored_well: bool | None
) -> tuple[Returned, Verdict, PartnerAnswer | None]:
    """Verify a returned pack everywhere, decide and keep: what the page and programs ask.

    The manufacturer is not asked about a product of our own: our records are the answer.
    """
    if asked.lot is None or asked.expiry is None:
        raise Problem(422, "Values not valid", "a return is verified with its lot and expiry too")
    own = await verification_context_of(request).answering.ask(Verification(asked, caller))
    if not isinstance(own, Verdict):
        raise guessed_too_often()
    settings = verification_settings_of(request)
    is_own = share_prefix(asked.gtin, settings.responder_gln, settings.company_prefixes)
    question, heard = (None, None) if is_own else await _ask_partner(request, asked)
    with store_of(request).write(now_of(request)) as tx:
        key = pack_key(asked.gtin, asked.serial)
        sale = last_sale(tx, key, own_site(settings.responder_gln))
        known = ReturnProof(
            sale,
            is_own_product=is_own,
            stored_well=stored_well,
            returned_before=was_returned_before(tx, asked.gtin, asked.serial, sale),
        )
        number = question.corr_uuid if question is not None else None
        kept = saleable_return.keep(tx, own, heard, known=known, question=number)
        # A crash before the commit leaves question and verdict kept, and the pack undecided.
    return kept, own, heard


@router.get("/packs/returns")
def return_list(
    request: Request,
    days: Annotated[int, Query(ge=1, le=366)] = 31,
    only_waiting: Annotated[bool, Query()] = False,  # noqa: FBT002  # a query parameter
) -> object:  # JSON
    """Returns of the last days and what was decided about them, newest first."""
    since = now_of(request) - timedelta(days=days)
    with store_of(request).read() as snapshot:
        return msgspec.to_builtins(
            saleable_return.returns_since(snapshot, since, only_waiting=only_waiting)
        )


@router.get("/packs/returns/{gtin}/{serial:path}")
def return_proof(request: Request, gtin: str, serial: str) -> dict[str, object]:
    """The latest decision about a returned pack and all it rests on; it goes with the resale."""
    try:
        with store_of(request).read() as snapshot:
            decided, proof = saleable_return.proof_for_resale(snapshot, gtin, serial)
    except LookupError as fault:
        raise Problem(404, "No such return", str(fault)) from None
    return {"return": msgspec.to_builtins(decided), "proof": proof}


@router.get("/verify/requests/{corr_uuid}")
def request_state(request: Request, corr_uuid: str) -> object:  # JSON
    """What is known by now of a question that was put to a partner."""
    with store_of(request).read() as snapshot:
        heard = ask.answer_of(snapshot, corr_uuid)
    if heard is None:
        raise Problem(404, "No such question", f"no question {corr_uuid[:40]} was asked")
    return _json(heard)


async def _ask_partner(request: Request, asked: Asked) -> tuple[Outgoing, PartnerAnswer]:
    """Put the question to whoever answers for the product, and keep what came of it."""
    settings = verification_settings_of(request)
    question = Outgoing(
        corr_uuid=str(uuid.uuid4()),
        gtin=asked.gtin,
        serial=asked.serial,
        lot=asked.lot or "",
        expiry=_printed(asked.expiry),
        requester=settings.answering_gln,
        context="dscsaSaleableReturn",
        in_possession=True,
    )
    with store_of(request).read() as snapshot:
        entries = responders(snapshot, asked.gtin, now_of(request), question.context)
    heard = await verification_context_of(request).connections.requester.ask(question, entries)
    with store_of(request).write(now_of(request)) as tx:
        ask.keep(tx, question, heard)
    return question, heard


def _printed(day: date | None) -> str:
    return day.strftime("%y%m%d") if day else ""


def _json(heard: PartnerAnswer | None) -> object:  # JSON
    return msgspec.to_builtins(heard)
