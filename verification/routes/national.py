"""The national system's front office: participants, logins, must-verify list, snapshots."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request

from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.alerts import guessing
from verification.decision.act import Who
from verification.fmd import upload
from verification.fmd.login import RefusedError, end_login, set_login
from verification.offline import offline_snapshot
from verification.registry.participants import faults_of, register
from verification.routes.national_common import body_as, converted, participant_of

router = APIRouter(prefix="/fmd", tags=["national system"])

Verifier = Annotated[Caller, Depends(needs("verify"))]
Admin = Annotated[Caller, Depends(needs("admin"))]


@router.put("/participants/{client}")
async def participant(request: Request, caller: Admin, client: str) -> dict[str, object]:
    """Put down the role, premises, licence and market of a client."""
    body = await body_as(request, dict[str, Any])
    who = converted({**body, "client": client}, Who)
    faults = list(faults_of(who))
    if faults:
        raise Problem(422, "Participant refused", "; ".join(faults))
    with store_of(request).write(now_of(request)) as tx:
        register(tx, who, by=caller.name)
    return dict(msgspec.to_builtins(who))


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A first password, and the client that the login stands for."""

    password: str
    client: str
    party: str | None = None


@router.put("/logins/{login}/{user}")
async def login_put(request: Request, caller: Admin, login: str, user: str) -> dict[str, object]:
    """Give a user of the SOAP family a first password; it must be changed at first use (G445)."""
    body = await body_as(request, Login)
    try:
        with store_of(request).write(now_of(request)) as tx:
            set_login(
                tx,
                login,
                user,
                body.password,
                client=body.client,
                party=body.party,
                by=caller.name,
            )
    except RefusedError as refused:
        raise Problem(422, "Login refused", refused.what) from None
    return {"login": login, "user": user, "client": body.client}


@router.delete("/logins/{login}/{user}")
def login_delete(request: Request, login: str, user: str) -> dict[str, bool]:
    """End a login at once."""
    with store_of(request).write(now_of(request)) as tx:
        if not end_login(tx, login, user):
            raise Problem(404, "No such login", f"there is no user {user[:40]} of {login[:40]}")
    return {"ended": True}


@router.post("/participants/{client}/step-up")
def step_up(request: Request, caller: Admin, client: str) -> dict[str, object]:
    """Renew a client's budget of unknown serial numbers, after its identity was confirmed."""
    with store_of(request).write(now_of(request)) as tx:
        guessing.step_up(tx, client=client, by=caller.name)
    return {"client": client, "renewed": True}


@router.get("/must-verify")
def must_verify(
    request: Request, caller: Verifier, code: str, supplier: str, market: str
) -> dict[str, bool]:
    """Whether packs from a supplier must be verified on receipt (Art. 20(b))."""
    with store_of(request).read() as snapshot:
        participant_of(snapshot, request, caller)
        held = upload.held_product(snapshot, code)
    return {"must_verify": held is None or upload.must_verify(held.details, supplier, market)}


@router.get("/snapshot")
def snapshot(request: Request) -> object:  # a response
    """The signed snapshot of stopped packs and lots, for tills without a line."""
    return offline_snapshot.response(request)
