"""`/fmd/intermarket`: what another market's repository asks for its own clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.context import verification_settings_of
from verification.decision.rule_pack import RulePackRefusedError, of_operator
from verification.peers.intermarket import (
    InterMarketRequest,
    NotEntitledError,
    Origin,
    answer_abroad,
    client_abroad,
)
from verification.registry.rights import need_act
from verification.routes.national_common import body_as, participant_of

if TYPE_CHECKING:
    from verification.decision.rule_pack import RulePack
    from verification.settings import VerificationSettings

router = APIRouter(prefix="/fmd", tags=["national system"])

Verifier = Annotated[Caller, Depends(needs("verify"))]


@router.post("/intermarket", response_class=Response)
async def intermarket(request: Request, caller: Verifier) -> Response:
    """One operation on one pack, judged as in the market where it was made; for repositories."""
    wanted = await body_as(request, InterMarketRequest)
    need_act(caller, wanted.request.operation)
    body = await run_in_threadpool(_answered, request, caller, wanted)
    return Response(body, media_type="application/json")


def _answered(request: Request, caller: Caller, wanted: InterMarketRequest) -> bytes:
    store, settings = store_of(request), verification_settings_of(request)
    with store.read() as snapshot:
        repository = participant_of(snapshot, request, caller)
    try:
        who = client_abroad(repository, wanted.origin)
    except NotEntitledError as fault:
        raise Problem(403, "Not allowed", str(fault)) from None
    rules = _rules_of(wanted.origin, settings)
    answer = answer_abroad(store, wanted.request, who, rules, now_of(request))
    return msgspec.json.encode(answer)


def _rules_of(origin: Origin, settings: VerificationSettings) -> RulePack:
    """The rule pack of the market that asks, where we have it, else ours."""
    try:
        return of_operator(origin.rules, settings.rules_folder, settings.rules_keys)
    except RulePackRefusedError:
        return settings.rule_pack
