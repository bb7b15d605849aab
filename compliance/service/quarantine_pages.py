"""The page of quarantine: what is held, and the forms to hold and to release."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel

from compliance.quarantine.quarantine import (
    list_quarantines,
    place_quarantine,
    release_quarantine,
)
from compliance.quarantine.subject import QuarantineRefused, QuarantineSubject, SubjectKind
from compliance.service.pages import is_for_a_person, render
from epcis.http_context import Caller, needs, now_of, store_of

router = APIRouter(tags=["quarantine"])

MayHold = Annotated[Caller, Depends(needs("recall"))]


class QuarantineForm(BaseModel):
    """The form by which goods are held."""

    kind: str
    reason: str = ""
    gtin: str = ""
    lot: str = ""
    serial: str = ""
    serial_to: str = ""
    container: str = ""
    document: str = ""


@router.get("/quarantine")
def quarantine(request: Request) -> Response:
    """What is held, those in force first: a page for a browser, JSON for a program."""
    if is_for_a_person(request):
        return _board(request)
    now = now_of(request)
    with store_of(request).read() as snapshot:
        return JSONResponse([one.as_dict(now) for one in list_quarantines(snapshot)])


@router.post("/quarantine/board")
def hold(request: Request, caller: MayHold, form: Annotated[QuarantineForm, Form()]) -> Response:
    """Hold goods from the page."""
    fields = form.model_dump(exclude={"kind", "reason"})
    try:
        subject = QuarantineSubject.parse(form.kind, **fields)
        with store_of(request).write(now_of(request)) as tx:
            place_quarantine(tx, subject, reason=form.reason, by=caller.name)
    except QuarantineRefused as refused:
        return _board(request, str(refused), 422)
    return RedirectResponse("/quarantine", status_code=303)


@router.post("/quarantine/board/release")
def release(
    request: Request,
    caller: MayHold,
    number: Annotated[str, Form()],
    why: Annotated[str, Form()],
) -> Response:
    """Free goods from the page; by somebody other than who held them."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            release_quarantine(tx, number, why=why, by=caller.name)
    except QuarantineRefused as refused:
        return _board(request, str(refused), 409)
    return RedirectResponse("/quarantine", status_code=303)


def _board(request: Request, refused: str = "", status: int = 200) -> Response:
    with store_of(request).read() as snapshot:
        held = list_quarantines(snapshot)
    kinds = [kind.value for kind in SubjectKind]
    page = render(
        "quarantine.html", request, held=held, kinds=kinds, refused=refused, now=now_of(request)
    )
    page.status_code = status
    return page
