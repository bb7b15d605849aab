"""`/fmd/alerts`: alerts as those whom they concern see and work them."""

from __future__ import annotations

from datetime import datetime  # the framework reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request

from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.alerts import alert
from verification.alerts.alert import Status
from verification.alerts.concern import Viewer, alert_for
from verification.routes.national_common import body_as, who_stands

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from verification.alerts.alert import Alert

router = APIRouter(prefix="/fmd", tags=["national system"])

Verifier = Annotated[Caller, Depends(needs("verify"))]

LIST_DAYS_MAX = 31
"""Longest range that alerts are listed for."""


class AlertStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The next step of an alert."""

    status: Status
    reason: str = ""
    comment: str = ""


@router.get("/alerts")
def alert_list(
    request: Request,
    caller: Verifier,
    since: Annotated[datetime, Query()],
    until: Annotated[datetime, Query()],
    status: Status | None = None,
) -> list[dict[str, object]]:
    """Alerts of at most a month that concern the caller; to an administrator all."""
    if since.tzinfo is None or until.tzinfo is None or not 0 <= (until - since).days <= 31:
        raise Problem(400, "Range not valid", f"name a range of at most {LIST_DAYS_MAX} days, UTC")
    with store_of(request).read() as snapshot:
        viewer = viewer_of(snapshot, request, caller)
        found = alert.alerts(snapshot, since=since, until=until, only=viewer.sees, status=status)
        return [viewer.shown(snapshot, one) for one in list(found)]


@router.get("/alerts/{alert_id}")
def alert_one(request: Request, caller: Verifier, alert_id: str) -> dict[str, object]:
    """One alert that concerns the caller, with what was done about it."""
    with store_of(request).read() as snapshot:
        viewer = viewer_of(snapshot, request, caller)
        found = _found(snapshot, viewer, alert_id)
        steps = viewer.steps(snapshot, found)
        return {**viewer.shown(snapshot, found), "steps": steps}


@router.post("/alerts/{alert_id}/steps")
async def alert_step(request: Request, caller: Verifier, alert_id: str) -> dict[str, object]:
    """Take an alert that concerns the caller to its next status."""
    step = await body_as(request, AlertStep)
    try:
        with store_of(request).write(now_of(request)) as tx:
            viewer = viewer_of(tx, request, caller)
            _found(tx, viewer, alert_id)
            more = {"by": caller.name, "reason": step.reason, "comment": step.comment}
            moved = alert.move(tx, alert_id, step.status, **more)
            return viewer.shown(tx, moved)
    except alert.NotPossibleError as error:
        raise Problem(409, "Not possible", str(error)) from None


def viewer_of(snapshot: Snapshot, request: Request, caller: Caller) -> Viewer:
    """The caller as one who looks at alerts."""
    return Viewer(who_stands(snapshot, request, caller), "admin" in caller.scopes)


def _found(snapshot: Snapshot, viewer: Viewer, alert_id: str) -> Alert:
    found = alert_for(snapshot, viewer, alert_id)
    if found is None:
        raise Problem(404, "No such alert", f"there is no alert {alert_id[:40]} of yours")
    return found
