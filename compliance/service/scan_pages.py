"""`/`: the page to scan on, and what a scan says about each pack, as a piece of any page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from compliance.service.cards import cards_of_scan
from compliance.service.context import service_context_of
from compliance.service.first_run import is_first_run
from compliance.service.pages import is_for_a_person, render
from compliance.service.recall_pages import recalls_shown
from compliance.service.scan_mode import ScanMode, modes_of
from compliance.service.scans import layout_of, scan_picture, scan_text
from epcis.http_context import Caller, caller_of, needs, now_of, store_of
from verification.context import verification_settings_of

if TYPE_CHECKING:
    from starlette.responses import Response

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request) -> Response:
    """The page to scan on; where nobody has set the installation up, the way to do that."""
    if is_for_a_person(request) and is_first_run(service_context_of(request)):
        return RedirectResponse("/first-run", status_code=303)
    return render(
        "scan.html",
        request,
        recalls=recalls_shown(request, only_open=True),
        modes=modes_of(caller_of(request)),
    )


@router.post("/scan-card")
async def scan_card(
    request: Request,
    caller: Annotated[Caller, Depends(needs("verify"))],
    text: Annotated[str, Form()] = "",
    mode: Annotated[ScanMode, Form()] = ScanMode.VERIFY,
    picture: UploadFile | None = None,
) -> Response:
    """What a scanned text or picture says about each pack in it, as a piece of the page."""
    if picture is not None and picture.size:
        scan = await scan_picture(request, await picture.read(), picture.filename)
    else:
        scan = scan_text(request.app, text, layout_of(request))
    found = await run_in_threadpool(
        cards_of_scan,
        store_of(request),
        scan,
        now=now_of(request),
        caller=caller,
        practice=verification_settings_of(request),
        mode=mode,
    )
    return render("answer.html", request, findings=found.findings, cards=found.cards)
