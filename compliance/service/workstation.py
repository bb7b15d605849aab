"""`/workstation`: teach this workstation's keyboard by scanning one code.

What the workstation writes for the code's known characters is its layout. It is kept in a cookie of
the browser, because it belongs to the computer that the scanner is plugged into.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from compliance.service.pages import render
from compliance.service.scans import LAYOUT_COOKIE, layout_of
from verification.scan import calibrate, calibration_text

if TYPE_CHECKING:
    from starlette.responses import Response as AnyResponse

    from verification.scan import Layout

router = APIRouter(include_in_schema=False)

DAYS_KEPT = 365
_MODULE_PX = 5


@router.get("/workstation")
def workstation(request: Request) -> AnyResponse:
    """The code to scan, and what this browser knows of its keyboard."""
    return render("workstation.html", request, layout=_layout_context(layout_of(request)), fault="")


@router.post("/workstation")
def calibrated(
    request: Request,
    text: Annotated[str, Form(max_length=400)],
) -> AnyResponse:
    """Learn the layout from what was typed for the code."""
    try:
        layout = calibrate(text)
    except ValueError as fault:
        context = _layout_context(layout_of(request))
        return render("workstation.html", request, layout=context, fault=str(fault))
    answer = RedirectResponse("/workstation", status_code=303)
    answer.set_cookie(
        LAYOUT_COOKIE,
        base64.urlsafe_b64encode(str(layout).encode()).decode(),
        max_age=DAYS_KEPT * 86400,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/workstation/forget")
def forgotten() -> AnyResponse:
    """Forget what was learnt."""
    answer = RedirectResponse("/workstation", status_code=303)
    answer.delete_cookie(LAYOUT_COOKIE)
    return answer


@router.get("/workstation/code.svg")
def code() -> Response:
    """The calibration code: every character of GS1 charset 82 and one separator."""
    import zxingcpp

    drawn = zxingcpp.create_barcode(calibration_text(), zxingcpp.DataMatrix, forceSquare=True)
    svg = drawn.to_svg(scale=_MODULE_PX, add_quiet_zones=True)
    return Response(svg, media_type="image/svg+xml")


def _layout_context(layout: Layout | None) -> dict[str, object] | None:
    """What the page says of a layout: which characters come otherwise, and the separator."""
    if layout is None:
        return None
    true = calibration_text().replace("\x1d", "")
    both = zip(true, layout.typed, strict=True)
    changed = [f"{wanted} as {came}" for wanted, came in both if wanted != came]
    return {"changed": changed, "keeps_separator": bool(layout.separator)}
