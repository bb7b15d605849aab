"""`/returns/packs`: packs that customers send back, matched, verified, taken in and decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from compliance.returns.check import ReturnMatch, match_return
from compliance.returns.take_back import (
    ReturnTaken,
    ReturnWanted,
    repeated_return,
    set_aside,
    settle_returns,
    take_in_return,
)
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from epcis.store.effect import party_key
from verification.acts.kinds import ActKind
from verification.acts.perform import ActContext, with_place
from verification.acts.request import ActRequest
from verification.acts.scans import place_key, scanned_thing
from verification.context import verification_settings_of
from verification.decision.act import Asked
from verification.decision.many import is_pack, name_of
from verification.registry.history import pack_key
from verification.returns.sold import own_site
from verification.routes.partners import take_back

if TYPE_CHECKING:
    from verification.returns.saleable_return import Returned

router = APIRouter(prefix="/returns", tags=["returns"])

Worker = Annotated[Caller, Depends(needs("act"))]
_decoder = msgspec.json.Decoder(ReturnWanted)


@router.post("/packs")
async def return_pack(request: Request, caller: Worker) -> Response:
    """Take one returned pack back: match it, verify it, and restock, hold or scrap it."""
    try:
        wanted = _decoder.decode(await request.body())
    except msgspec.ValidationError as fault:
        raise Problem(422, "Values not valid", f"the body has another form: {fault}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Problem(400, "Request not understood", f"the body is no JSON: {fault}") from None
    asked = _asked(wanted, request)
    taken = await returned(request, caller, asked, wanted)
    return Response(msgspec.json.encode(taken), media_type="application/json")


@router.post("/settled")
def settled(request: Request, caller: Worker) -> list[dict[str, str]]:
    """Restock, hold or scrap the packs whose manufacturer has answered by now."""
    return [
        {"gtin": one.gtin, "serial": one.serial, "decision": one.decision.value}
        for one in settled_now(request, caller)
    ]


def settled_now(request: Request, caller: Caller) -> list[Returned]:
    """Do what was decided about returns that had waited."""
    context = ActContext(caller, verification_settings_of(request))
    with store_of(request).write(now_of(request)) as tx:
        return settle_returns(tx, context)


async def returned(
    request: Request, caller: Caller, asked: Asked, wanted: ReturnWanted
) -> ReturnTaken:
    """Match, verify, decide and take in one pack; raises `Problem` where it cannot be."""
    if fault := wanted.fault():
        raise Problem(422, "Values not valid", fault)
    settings = verification_settings_of(request)
    customer = _party("customer", wanted.customer)
    place = _place(wanted.place)
    context = ActContext(caller, settings)
    key = pack_key(asked.gtin, asked.serial)
    act = ActRequest(
        kind=ActKind.RETURN,
        client_id=wanted.client_id,
        scans=(key,),
        place=place,
        to=customer,
        orders=(wanted.order,) if wanted.order else (),
        reason=wanted.reason,
    )

    def match() -> ReturnTaken | None:
        """What became of a pack that is not taken in; None where it may be."""
        with store_of(request).write(now_of(request)) as tx:
            at = with_place(tx, act, context).place
            site = own_site(settings.responder_gln) or party_key(at)
            found = match_return(tx, asked, site, customer=customer, order=wanted.order)
            if (repeated := repeated_return(tx, act, found, caller)) is not None:
                return repeated
            if found.match is ReturnMatch.MATCHES:
                return None
            return set_aside(tx, key, found, by=caller.name)

    aside = await run_in_threadpool(match)
    if aside is not None:
        return aside
    decided, _, _ = await take_back(request, caller, asked, stored_well=wanted.stored_well)

    def take_in() -> ReturnTaken:
        with store_of(request).write(now_of(request)) as tx:
            placed = with_place(tx, act, context)
            site = own_site(settings.responder_gln) or party_key(placed.place)
            found = match_return(tx, asked, site, customer=customer, order=wanted.order)
            return take_in_return(tx, placed, found, decided, context)

    return await run_in_threadpool(take_in)


def _asked(wanted: ReturnWanted, request: Request) -> Asked:
    scan = scanned_thing(wanted.scan, now_of(request).date())
    if scan.refusal is not None or not is_pack(scan.key):
        what = scan.what or "it names a case: scan the packs in it one by one"
        raise Problem(422, "Values not valid", f"scan: {what}")
    if not scan.lot or scan.expiry is None:
        what = "the code tells no lot or no expiry: both are needed to verify a return"
        raise Problem(422, "Values not valid", f"scan: {what}")
    return Asked(*name_of(scan.key), scan.lot, scan.expiry)


def _party(name: str, text: str) -> str:
    try:
        return party_key(place_key(text)) if text.strip() else ""
    except ValueError as fault:
        raise Problem(422, "Values not valid", f"{name}: {fault}") from None


def _place(text: str) -> str:
    try:
        return place_key(text) if text.strip() else ""
    except ValueError as fault:
        raise Problem(422, "Values not valid", f"place: {fault}") from None
