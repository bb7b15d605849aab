"""`/dossiers`: ask for a dossier of any kind, watch it being made, fetch it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from compliance.dossier.jobs import list_jobs
from compliance.dossier.kinds import FIELDS, KINDS, selection_from
from compliance.routes.exports import all_profiles, order
from compliance.service.pages import render
from epcis.http_context import Caller, caller_of, needs, store_of
from epcis.problem import Problem
from schemas.gs1.keys import Gtin

router = APIRouter(include_in_schema=False)


@router.get("/dossiers")
def dossiers(request: Request) -> Response:
    """The dossiers that were asked for, and the form to ask for one."""
    return _page(request, "")


@router.post("/dossiers")
async def ask_for(
    request: Request, caller: Annotated[Caller, Depends(needs("export"))]
) -> Response:
    """Ask for a dossier by the form."""
    async with request.form(max_files=0, max_fields=20) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str) and value}
    try:
        if "gtin" in fields:
            fields["gtin"] = str(Gtin.parse(fields["gtin"]))
        profile = fields.pop("profile", "")
        await run_in_threadpool(order, request, caller, selection_from(fields), profile)
    except ValueError as fault:
        return _page(request, str(fault))
    except Problem as problem:
        return _page(request, problem.detail)
    return RedirectResponse("/dossiers", status_code=303)


def _page(request: Request, refusal: str) -> Response:
    party = caller_of(request).party
    with store_of(request).read() as snapshot:
        jobs = [job for job in list_jobs(snapshot) if party is None or job.party == party]
    busy = any(job.state in ("waiting", "running") for job in jobs)
    page = render(
        "dossiers.html",
        request,
        jobs=jobs,
        kinds=KINDS,
        fields=FIELDS,
        profiles=[] if party else all_profiles(request),
        busy=busy,
        refusal=refusal,
    )
    page.status_code = 422 if refusal else 200
    return page
