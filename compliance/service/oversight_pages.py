"""`/approvals`: what waits for a second person; `/purpose`, `/reads`: why who reads whose data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse

from compliance.service.approvals import approve, waiting
from compliance.service.cookies import cookie_in
from compliance.service.pages import is_for_a_person, render, way_back
from compliance.service.purposes import (
    CHARACTERS_MAX,
    CHARACTERS_MIN,
    COOKIE,
    is_purpose,
    own_reads,
    reads,
)
from epcis.http_context import caller_of, now_of, store_of
from verification.registry.rights import company_behind

if TYPE_CHECKING:
    from starlette.responses import Response

router = APIRouter(tags=["access"])

PURPOSE_KEPT_S = 12 * 3600
"""How long a browser keeps the purpose that was named in it."""


@router.get("/approvals", response_model=None)
def approvals(request: Request) -> Response:
    """What waits for a second person in your company; a page, or JSON for programs."""
    with store_of(request).read() as snapshot:
        found = waiting(snapshot, caller_of(request), now_of(request))
    if is_for_a_person(request):
        return render("approvals.html", request, waiting=found)
    return JSONResponse([one.as_dict() for one in found])


@router.post("/approvals/{approval_id}/approve", response_model=None)
def approved(request: Request, approval_id: str) -> Response:
    """Approve what another person asked for; that person then repeats the request."""
    with store_of(request).write(now_of(request)) as tx:
        done = approve(tx, approval_id, caller_of(request))
    if is_for_a_person(request):
        return RedirectResponse("/approvals", status_code=303)
    return JSONResponse(done.as_dict())


@router.get("/reads", response_model=None)
def purposes(request: Request) -> Response:
    """Who read data of your company, or of everybody, under a purpose; newest first."""
    with store_of(request).read() as snapshot:
        return JSONResponse(reads(snapshot, company_behind(snapshot, caller_of(request))))


@router.get("/regulator", include_in_schema=False)
def regulator_page(request: Request) -> Response:
    """Where an authority or auditor begins: why they read, what they may see, what they read."""
    caller = caller_of(request)
    with store_of(request).read() as snapshot:
        read = own_reads(snapshot, caller)
    named = cookie_in(dict(request.scope["headers"]), COOKIE) or ""
    return render("regulator.html", request, purpose=unquote(named), read=read)


@router.get("/purpose", include_in_schema=False)
def purpose_form(request: Request, back: str = "/") -> Response:
    """The form to say why one reads what belongs to others."""
    named = cookie_in(dict(request.scope["headers"]), COOKIE) or ""
    values = {"say": "", "back": way_back(back), "purpose": unquote(named)}
    return render("purpose.html", request, **values)


@router.post("/purpose", include_in_schema=False)
def purpose_named(
    request: Request,
    purpose: Annotated[str, Form(max_length=1_000)],
    back: Annotated[str, Form(max_length=2_000)] = "/",
) -> Response:
    """Keep the purpose in this browser, until it is closed or the day is over."""
    back = way_back(back)
    if not is_purpose(purpose):
        say = f"Write {CHARACTERS_MIN} to {CHARACTERS_MAX} characters."
        page = render("purpose.html", request, say=say, back=back, purpose=purpose)
        page.status_code = 422
        return page
    answer = RedirectResponse(back, status_code=303)
    answer.set_cookie(
        COOKIE,
        quote(purpose.strip()),
        max_age=PURPOSE_KEPT_S,
        httponly=True,
        samesite="strict",
        secure=bool(request.state.client_uses_tls),
    )
    return answer
