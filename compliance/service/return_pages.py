"""`/returns`: scan what customers send back, and read what becomes of it.

Pages show what the same floors answer to programs; nothing is decided here.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from compliance.returns.take_back import ReturnWanted
from compliance.routes.returns import returned, settled_now
from compliance.service.pages import render
from compliance.service.scans import layout_of, scan_text
from epcis.http_context import Caller, caller_of, needs, now_of, store_of
from epcis.problem import Problem
from verification.acts.request import ID_CHARS_MAX, REASON_CHARS_MAX, SCAN_CHARS_MAX
from verification.decision.act import Asked
from verification.returns import saleable_return
from verification.scan import is_ambiguous

if TYPE_CHECKING:
    from starlette.responses import Response

    from compliance.returns.take_back import ReturnTaken

router = APIRouter(include_in_schema=False)

Worker = Annotated[Caller, Depends(needs("act"))]
LISTED_DAYS = 31
"""How far back the list goes."""
PLACE_CHARS_MAX = 60


class ReturnForm(BaseModel):
    """A returned pack, as the page sends it."""

    text: str = Field(default="", max_length=SCAN_CHARS_MAX)
    client_id: str = Field(default="", max_length=ID_CHARS_MAX)
    customer: str = Field(default="", max_length=PLACE_CHARS_MAX)
    order: str = Field(default="", max_length=ID_CHARS_MAX)
    place: str = Field(default="", max_length=PLACE_CHARS_MAX)
    reason: str = Field(default="", max_length=REASON_CHARS_MAX)
    stored_well: str = Field(default="", max_length=3)


@router.get("/returns")
def returns_page(request: Request) -> Response:
    """Packs that came back, what was decided, and the form to take one back."""
    return _page(request, ReturnForm())


@router.post("/returns")
async def return_taken(
    request: Request, caller: Worker, form: Annotated[ReturnForm, Form()]
) -> Response:
    """Match and verify a scanned pack, take it in, and say what becomes of it."""
    asked = await run_in_threadpool(_asked_of_scan, request, form.text)
    if isinstance(asked, str):
        return _page(request, form, fault=asked)
    wanted = ReturnWanted(
        client_id=form.client_id or secrets.token_hex(12),
        scan=form.text,
        stored_well=bool(form.stored_well),
        customer=form.customer,
        order=form.order,
        place=form.place,
        reason=form.reason,
    )
    try:
        taken = await returned(request, caller, asked, wanted)
    except Problem as problem:
        page = _page(request, form, fault=f"{problem.title}: {problem.detail}")
        page.status_code = problem.status
        return page
    return _page(request, form, taken=taken, asked=asked)


@router.post("/returns/page/settled")
def settled(request: Request, caller: Worker) -> Response:
    """Restock, hold or scrap the packs whose manufacturer has answered by now."""
    settled_now(request, caller)
    return RedirectResponse("/returns", status_code=303)


def _asked_of_scan(request: Request, text: str) -> Asked | str:
    """The pack in a scanned text, or the sentence that says why there is none."""
    readings = scan_text(request.app, text, layout_of(request)).readings
    reading = readings[0] if readings else None
    if reading is None or not (reading.is_valid and reading.gtin and reading.serial):
        return "This text names no pack: scan the 2D code again."
    if is_ambiguous(reading):
        return "This text can be read in several ways: scan the 2D code again, with separators."
    if reading.lot is None or reading.expiry is None:
        return "The code tells no lot or no expiry: both are needed to verify a return."
    return Asked(reading.gtin, reading.serial, reading.lot, reading.expiry)


def _page(
    request: Request,
    form: ReturnForm,
    *,
    taken: ReturnTaken | None = None,
    asked: Asked | None = None,
    fault: str = "",
) -> Response:
    caller = caller_of(request)
    since = now_of(request) - timedelta(days=LISTED_DAYS)
    with store_of(request).read() as snapshot:
        listed = saleable_return.returns_since(snapshot, since) if caller.party is None else []
    page = render(
        "returns.html",
        request,
        form=form,
        taken=taken,
        asked=asked,
        fault=fault,
        listed=listed,
        client_id=secrets.token_hex(12),
        may_act="act" in caller.scopes,
    )
    page.status_code = 422 if fault else 200
    return page
