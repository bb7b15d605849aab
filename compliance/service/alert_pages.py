"""`/alerts`: what was not confirmed, and what is done about it; `/returns`: packs that came back.

Pages show what the same floors answer to programs; nothing is decided here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from compliance.partners.names import product_name
from compliance.service.pages import render
from compliance.service.scans import layout_of, scan_text
from epcis.http_context import Caller, caller_of, needs, now_of, store_of
from epcis.problem import Problem
from verification.alerts import alert, watch
from verification.alerts.alert import NotPossibleError, Status, next_of
from verification.alerts.concern import alert_for
from verification.decision.act import Asked
from verification.decision.sentences import say_of
from verification.returns import saleable_return
from verification.routes.national_alerts import viewer_of
from verification.routes.partners import take_back
from verification.scan import is_ambiguous

if TYPE_CHECKING:
    from starlette.responses import Response


router = APIRouter(include_in_schema=False)

Verifier = Annotated[Caller, Depends(needs("verify"))]
LISTED_DAYS = 31
"""How far back the lists go."""


class StepForm(BaseModel):
    """The next step of an alert, as its form sends it."""

    status: str
    reason: str = Field(default="", max_length=100)
    comment: str = ""


@router.get("/alerts")
def alerts_page(request: Request, status: str = "") -> Response:
    """Alerts of the last month that concern the caller; to an administrator all, and anomalies."""
    caller, now = caller_of(request), now_of(request)
    since = now - timedelta(days=LISTED_DAYS)
    wanted = Status(status) if status in set(Status) else None
    until = now + timedelta(seconds=1)
    with store_of(request).read() as snapshot:
        viewer = viewer_of(snapshot, request, caller)
        span = {"since": since, "until": until}
        listed = list(alert.alerts(snapshot, **span, only=viewer.sees, status=wanted))
        found = [viewer.veiled(snapshot, one) for one in listed]
        odd = list(watch.anomalies(snapshot, **span, only_open=True)) if _is_admin(caller) else []
    return render(
        "alerts.html", request, alerts=found, odd=odd, statuses=list(Status), chosen=wanted
    )


@router.get("/alerts/{alert_id}")
def alert_page(request: Request, alert_id: str) -> Response:
    """One alert: what happened, the probable cause, what was done, and the next step."""
    return _alert_page(request, alert_id, "")


@router.post("/alerts/{alert_id}")
def alert_step(
    request: Request,
    caller: Verifier,
    alert_id: str,
    step: Annotated[StepForm, Form()],
) -> Response:
    """Take an alert to its next status."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            if alert_for(tx, viewer_of(tx, request, caller), alert_id) is None:
                raise _no_alert(alert_id)
            more = {"by": caller.name, "reason": step.reason, "comment": step.comment}
            alert.move(tx, alert_id, Status(step.status), **more)
    except (NotPossibleError, ValueError) as refused:
        return _alert_page(request, alert_id, str(refused))
    return RedirectResponse(f"/alerts/{alert_id}", status_code=303)


@router.post("/alerts/anomalies/{anomaly_id}")
def anomaly_closed(
    request: Request,
    caller: Annotated[Caller, Depends(needs("admin"))],
    anomaly_id: str,
    comment: Annotated[str, Form()],
) -> Response:
    """Close an anomaly with what came of it."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            watch.close(tx, anomaly_id, by=caller.name, comment=comment)
    except (LookupError, ValueError) as refused:
        raise Problem(422, "Not closed", str(refused)) from None
    return RedirectResponse("/alerts", status_code=303)


@router.get("/returns")
def returns_page(request: Request) -> Response:
    """Packs that came back, what was decided, and the form to take one back."""
    return _returns_page(request)


@router.post("/returns")
async def return_taken(
    request: Request,
    caller: Verifier,
    text: Annotated[str, Form()],
    we_sold_it: Annotated[str, Form()] = "",
) -> Response:
    """Verify a scanned pack here, at peers and at its manufacturer, and say what becomes of it."""
    asked = await run_in_threadpool(_asked_of_scan, request, text)
    if isinstance(asked, str):
        return _returns_page(request, fault=asked)
    kept, own, heard = await take_back(request, caller, asked, we_sold_it=bool(we_sold_it))
    return _returns_page(request, answer={"kept": kept, "own": own, "heard": heard})


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


def _returns_page(
    request: Request, *, answer: dict[str, object] | None = None, fault: str = ""
) -> Response:
    since = now_of(request) - timedelta(days=LISTED_DAYS)
    own = caller_of(request).party is None
    with store_of(request).read() as snapshot:
        listed = saleable_return.returns_since(snapshot, since) if own else []
    return render("returns.html", request, answer=answer, fault=fault, listed=listed)


def _alert_page(request: Request, alert_id: str, refusal: str) -> Response:
    caller = caller_of(request)
    with store_of(request).read() as snapshot:
        viewer = viewer_of(snapshot, request, caller)
        known = alert_for(snapshot, viewer, alert_id)
        if known is None:
            raise _no_alert(alert_id)
        steps = viewer.steps(snapshot, known)
        found = viewer.veiled(snapshot, known)
        product = product_name(snapshot, found.code)
    return render(
        "alert.html",
        request,
        alert=found,
        says=say_of(found.result),
        steps=steps,
        product=product,
        choices=sorted(next_of(found.status)),
        refusal=refusal,
    )


def _no_alert(alert_id: str) -> Problem:
    """Said of an alert that is not the caller's as of one that is not there."""
    return Problem(404, "No such alert", f"there is no alert {alert_id[:40]} of yours")


def _is_admin(caller: Caller) -> bool:
    return "admin" in caller.scopes
