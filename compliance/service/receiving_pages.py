"""`/receive`: scan a delivery against its data, take in what matches, and follow what does not.

The scans so far travel with the form, so nothing is kept before somebody presses the button, and
two people at two docks do not meet.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request

from compliance.partners.names import party_name
from compliance.receiving.compare import compared
from compliance.receiving.expected import ReceivingRefused
from compliance.receiving.take_in import cases_about
from compliance.routes.receiving import NUMBER_CHARS_MAX, taken_in
from compliance.service.pages import render
from epcis.http_context import now_of, store_of
from epcis.problem import Problem
from verification.acts.request import SCAN_CHARS_MAX, SCANS_MAX

if TYPE_CHECKING:
    from fastapi.responses import HTMLResponse

    from compliance.cases.cases import CaseFile
    from compliance.receiving.take_in import TakenIn

router = APIRouter(include_in_schema=False)
MISSING_SHOWN_MAX = 200

Number = Annotated[str, Form(max_length=NUMBER_CHARS_MAX)]
Scans = Annotated[str, Form(max_length=SCAN_CHARS_MAX * SCANS_MAX)]


@router.get("/receive", response_model=None)
def receive(request: Request, number: str = "") -> HTMLResponse:
    """The form, and the delivery that was asked for."""
    return _page(request, number.strip()[:NUMBER_CHARS_MAX], [])


@router.post("/receive", response_model=None)
def scanned(
    request: Request,
    number: Number,
    scans: Scans = "",
    scan: Annotated[str, Form(max_length=SCAN_CHARS_MAX)] = "",
) -> HTMLResponse:
    """The delivery after one more scan."""
    return _page(request, number.strip(), _lines(scans, scan))


@router.post("/receive/take-in", response_model=None)
def take_in_(
    request: Request,
    number: Number,
    client_id: Annotated[str, Form(max_length=100)],
    scans: Scans = "",
) -> HTMLResponse:
    """Take the delivery in, and show what became of it."""
    lines = _lines(scans)
    try:
        taken = taken_in(request, number.strip(), lines, client_id)
    except ReceivingRefused as refused:
        return _page(request, number.strip(), lines, refused=str(refused))
    except Problem as problem:
        page = _page(request, number.strip(), lines, refused=f"{problem.title}: {problem.detail}")
        page.status_code = problem.status
        return page
    return _page(request, number.strip(), [], taken=taken)


def _lines(scans: str, more: str = "") -> list[str]:
    """The scans of a form: one a line, as a scanner typed them."""
    found = [line for line in scans.replace("\r\n", "\n").split("\n") if line.strip()]
    return [*found, more] if more.strip() else found


def _page(
    request: Request,
    number: str,
    scans: list[str],
    *,
    refused: str = "",
    taken: TakenIn | None = None,
) -> HTMLResponse:
    goods, found, seller = None, None, ""
    cases: tuple[CaseFile, ...] = ()
    if number:
        with store_of(request).read() as snapshot:
            try:
                goods, found = compared(snapshot, number, scans, now_of(request))
                keys = [*goods.packs, *(line.key for line in found.lines)]
                cases = tuple(cases_about(snapshot, keys))
                seller = party_name(snapshot, goods.seller) or goods.seller
            except ReceivingRefused as fault:
                refused = refused or str(fault)
    page = render(
        "receive.html",
        request,
        number=number,
        goods=goods,
        found=found,
        cases=taken.cases if taken is not None else cases,
        taken=taken,
        seller=seller,
        scans="\n".join(scans),
        refused=refused,
        client_id=secrets.token_hex(12),
        missing_shown=MISSING_SHOWN_MAX,
    )
    page.status_code = 422 if refused else 200
    return page
