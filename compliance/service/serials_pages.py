"""`/serials`: pools of serial numbers, what is left of each, and the newest grants."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from compliance.service.pages import render
from epcis.http_context import Caller, needs, now_of, store_of
from verification.serials.grant import COUNT_MAX, GrantWanted, grant_serials, list_grants
from verification.serials.pool import PoolKind, PoolWanted, list_pools, open_pool
from verification.serials.template import ALPHABETS, PLACES_MAX, SerialsRefused

router = APIRouter(include_in_schema=False)

Line = Annotated[Caller, Depends(needs("capture"))]
GRANTS_SHOWN = 50


class PoolForm(BaseModel):
    """The form by which a pool is opened."""

    code: str
    kind: PoolKind = PoolKind.RANDOM
    sscc: bool = False
    template: str = "#" * 12
    alphabet: str = "digits"
    first: int = Field(default=0, ge=0, le=PLACES_MAX)
    guessable_because: str = ""


class GrantForm(BaseModel):
    """The form by which numbers are asked for."""

    source: str
    count: int = Field(ge=1, le=COUNT_MAX)
    request_id: str
    line: str = ""


@router.get("/serials")
def serials(request: Request) -> Response:
    """Pools and grants, and the forms for new ones."""
    return _page(request)


@router.post("/serials/open")
def pool_form(request: Request, caller: Line, form: Annotated[PoolForm, Form()]) -> Response:
    """Open a pool from the page."""
    fields = form.model_dump(exclude={"sscc", "alphabet"})
    alphabet = ALPHABETS.get(form.alphabet, form.alphabet)
    try:
        with store_of(request).write(now_of(request)) as tx:
            wanted = PoolWanted(is_sscc=form.sscc, alphabet=alphabet, **fields)
            open_pool(tx, wanted, by=caller.name)
    except SerialsRefused as refused:
        return _page(request, str(refused))
    return RedirectResponse("/serials", status_code=303)


@router.post("/serials/ask")
def grant_form(request: Request, caller: Line, form: Annotated[GrantForm, Form()]) -> Response:
    """Grant numbers from the page; the list is then fetched from the grant's row."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            grant_serials(tx, GrantWanted(**form.model_dump()), by=caller.name)
    except SerialsRefused as refused:
        return _page(request, str(refused))
    return RedirectResponse("/serials", status_code=303)


def _page(request: Request, refused: str = "") -> Response:
    with store_of(request).read() as snapshot:
        pools, grants = list_pools(snapshot), list_grants(snapshot)[:GRANTS_SHOWN]
    page = render(
        "serials.html",
        request,
        pools=pools,
        grants=grants,
        kinds=[kind.value for kind in PoolKind],
        alphabets=list(ALPHABETS),
        refused=refused,
    )
    page.status_code = 422 if refused else 200
    return page
