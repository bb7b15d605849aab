"""The pages of recalls: what is open, its approval, closing and taking back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from compliance.context import compliance_settings_of
from compliance.fields import GtinText, LotText
from compliance.recall.answers import notices_of
from compliance.recall.messages import hand_over, link_of
from compliance.recall.recall import (
    REASON_CHARS_MAX,
    RecallWanted,
    approve_recall,
    close_recall,
    start_recall,
    withdraw_recall,
)
from compliance.recall.record import find_recall, list_recalls
from compliance.recall.scope import RecallRefused, RecallScope
from compliance.service.pages import render
from epcis.http_context import Caller, caller_of, needs, now_of, store_of
from epcis.problem import Problem
from verification.context import verification_settings_of
from verification.registry.rights import company_behind, need_product, owns_product

if TYPE_CHECKING:
    from compliance.recall.record import RecallRecord

router = APIRouter(include_in_schema=False)

MayRecall = Annotated[Caller, Depends(needs("recall"))]
GtinField = Annotated[GtinText, Form()]
LotField = Annotated[LotText, Form()]
ReasonField = Annotated[str, Form(min_length=1, max_length=REASON_CHARS_MAX)]


@router.get("/recalls/board")
def recalls_board(request: Request) -> Response:
    """The recalls of the caller's products, open and closed; to the operator all."""
    return _board(request)


def recalls_shown(request: Request, *, only_open: bool = False) -> list[RecallRecord]:
    """The recalls that a caller is shown: its own products'; an operator's key sees all."""
    caller = caller_of(request)
    overlay = verification_settings_of(request).company_prefixes
    with store_of(request).read() as snapshot:
        company = company_behind(snapshot, caller)
        listed = list_recalls(snapshot, only_open=only_open)
        own = [one for one in listed if owns_product(snapshot, company, one.gtin, overlay)]
    # Whom a recall reaches is in events that its owner may not see.
    return own if company.is_operator else [replace(one, holders=()) for one in own]


@router.post("/recalls/open")
def open_recall(
    request: Request,
    caller: MayRecall,
    gtin: GtinField,
    lot: LotField,
    reason: ReasonField,
) -> Response:
    """Open a recall from the card of one of its packs."""
    _need_own(request, caller, gtin)
    try:
        wanted = RecallWanted(scope=RecallScope.parse(gtin=gtin, lot=lot), reason=reason)
        with store_of(request).write(now_of(request)) as tx:
            start_recall(tx, wanted, by=caller.name)
    except RecallRefused as refused:
        raise Problem(422, "Recall not opened", str(refused)) from None
    return RedirectResponse("/recalls/board", status_code=303)


@router.post("/recalls/board/link")
def make_link(
    request: Request, caller: MayRecall, number: Annotated[str, Form(max_length=40)]
) -> Response:
    """Make a link to answer a notice, and show it once."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            token = hand_over(tx, number, by=caller.name)
    except RecallRefused as refused:
        return _board(request, str(refused), 409)
    address = compliance_settings_of(request).public_address or str(request.base_url)
    return _board(request, link=link_of(address, token))


@router.post("/recalls/board/{act}")
def act_on_recall(
    request: Request,
    caller: MayRecall,
    act: Literal["approve", "close", "withdraw"],
    number: Annotated[str, Form(max_length=40)],
    why: Annotated[str, Form(max_length=REASON_CHARS_MAX)] = "",
) -> Response:
    """Approve, close or take back a recall from the page."""
    store, now = store_of(request), now_of(request)
    found = _found(request, number)
    _need_own(request, caller, found.gtin)
    try:
        if act == "close":
            close_recall(store, number, by=caller.name, now=now)
        else:
            with store.write(now) as tx:
                if act == "approve":
                    approve_recall(tx, number, by=caller.name)
                else:
                    withdraw_recall(tx, number, why=why, by=caller.name)
    except RecallRefused as refused:
        return _board(request, str(refused), 409)
    return RedirectResponse("/recalls/board", status_code=303)


def _found(request: Request, number: str) -> RecallRecord:
    with store_of(request).read() as snapshot:
        found = find_recall(snapshot, number)
    if found is None:
        raise Problem(404, "Not found", f"there is no recall {number}")
    return found


def _board(request: Request, refused: str = "", status: int = 200, link: str = "") -> Response:
    recalls = recalls_shown(request)
    with store_of(request).read() as snapshot:
        # Whom a recall reaches is in events that its owner may not see.
        notices = {one.id: notices_of(snapshot, one.id) for one in recalls if one.holders}
    page = render(
        "recalls.html",
        request,
        recalls=recalls,
        notices=notices,
        refused=refused,
        link=link,
        now=now_of(request),
    )
    page.status_code = status
    return page


def _need_own(request: Request, caller: Caller, gtin: str) -> None:
    with store_of(request).read() as snapshot:
        need_product(snapshot, caller, gtin, verification_settings_of(request).company_prefixes)
