"""`/`: the page to scan on, and what a scan says about each pack, as a piece of any page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, RedirectResponse

from compliance.service.cards import cards_of_scan
from compliance.service.context import service_context_of
from compliance.service.first_run import is_first_run
from compliance.service.pages import is_for_a_person, render
from compliance.service.recall_pages import recalls_shown
from compliance.service.scan_mode import ActOfScan, LateScan, ScanMode, modes_of
from compliance.service.scans import layout_of, scan_picture, scan_text
from epcis.http_context import Caller, caller_of, needs, now_of, store_of
from verification.context import verification_settings_of

if TYPE_CHECKING:
    from starlette.responses import Response

router = APIRouter(include_in_schema=False)

_STATIC = Path(__file__).parent / "static"


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
    *,
    text: Annotated[str, Form()] = "",
    mode: Annotated[ScanMode, Form()] = ScanMode.VERIFY,
    picture: UploadFile | None = None,
    scanned: Annotated[datetime | None, Form()] = None,
    scan_id: Annotated[str, Form(max_length=60)] = "",
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """What a scanned text or picture says about each pack in it, as a piece of the page.

    A scan that was kept while the line was down says when it was `scanned`, and its `scan_id`.
    """
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
        does=ActOfScan(mode, _late(scanned, scan_id, now_of(request)), reason),
    )
    return render("answer.html", request, findings=found.findings, cards=found.cards)


def _late(scanned: datetime | None, scan_id: str, now: datetime) -> LateScan | None:
    """When a kept scan was made; a browser's clock that goes ahead counts as now."""
    if scanned is None or not scan_id.isprintable() or not scan_id:
        return None
    at = scanned if scanned.tzinfo else scanned.replace(tzinfo=UTC)
    return LateScan(min(at.astimezone(UTC), now), scan_id)


@router.get("/offline")
def offline_page(request: Request) -> Response:
    """The page that a browser keeps for the time without a line: it knows nothing by itself."""
    shell = {"places": (), "may_jump": False, "may_verify": True, "caller": None}
    return render("offline.html", request, modes=[], **shell)


@router.get("/service-worker.js")
def service_worker() -> Response:
    """The script that answers in the browser while the line is down; its scope is all pages."""
    return FileResponse(_STATIC / "service-worker.js", media_type="text/javascript")
