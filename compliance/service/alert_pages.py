"""`/alerts`: what was not confirmed, and what is done about it.

Pages show what the same floors answer to programs; nothing is decided here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from compliance.partners.names import product_name
from compliance.service.pages import render
from epcis.http_context import Caller, caller_of, needs, now_of, store_of
from epcis.problem import Problem
from verification.alerts import alert, watch
from verification.alerts.alert import NotPossibleError, Status, next_of
from verification.alerts.concern import alert_for
from verification.decision.sentences import say_of
from verification.routes.national_alerts import viewer_of

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
