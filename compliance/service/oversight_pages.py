"""`/approvals`: what waits for a second person; `/reads`: who read one's data, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse

from compliance.service.approvals import approve, waiting
from compliance.service.pages import is_for_a_person, render
from compliance.service.purposes import reads
from epcis.http_context import caller_of, now_of, store_of
from verification.registry.rights import company_behind

if TYPE_CHECKING:
    from starlette.responses import Response

router = APIRouter(tags=["access"])


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
