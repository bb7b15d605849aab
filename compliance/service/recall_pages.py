"""`/recalls/board`: recalls of the caller's products, and the form that opens one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse

from compliance.fields import GtinText, LotText
from compliance.recall import recall
from compliance.service.pages import render
from epcis.http_context import Caller, caller_of, needs, now_of, store_of
from epcis.problem import Problem
from verification.context import verification_settings_of
from verification.registry.rights import company_behind, need_product, owns_product

if TYPE_CHECKING:
    from starlette.responses import Response

router = APIRouter(include_in_schema=False)

GtinField = Annotated[GtinText, Form()]
LotField = Annotated[LotText, Form()]


@router.get("/recalls/board")
def recalls_board(request: Request) -> Response:
    """The recalls of the caller's products, open and closed; to the operator all."""
    return render("recalls.html", request, recalls=recalls_shown(request))


def recalls_shown(request: Request, *, only_open: bool = False) -> list[recall.LotRecall]:
    """The recalls that a caller is shown: its own products'; an operator's key sees all."""
    caller = caller_of(request)
    overlay = verification_settings_of(request).company_prefixes
    with store_of(request).read() as snapshot:
        company = company_behind(snapshot, caller)
        listed = recall.list_recalls(snapshot, only_open=only_open)
        own = [one for one in listed if owns_product(snapshot, company, one.gtin, overlay)]
    # Whom a recall reaches is in events that its owner may not see.
    return own if company.is_operator else [replace(one, holders=()) for one in own]


@router.post("/recalls/open")
def open_recall(
    request: Request,
    caller: Annotated[Caller, Depends(needs("recall"))],
    gtin: GtinField,
    lot: LotField,
    reason: Annotated[str, Form(min_length=1, max_length=recall.REASON_CHARS_MAX)],
) -> Response:
    """Open a recall from the card of one of its packs."""
    with store_of(request).read() as snapshot:
        need_product(snapshot, caller, gtin, verification_settings_of(request).company_prefixes)
    try:
        recall.open_recall(
            store_of(request), gtin, lot, reason=reason, by=caller.name, now=now_of(request)
        )
    except recall.RecallRefused as refused:
        raise Problem(422, "Recall not opened", str(refused)) from None
    return RedirectResponse("/recalls/board", status_code=303)
