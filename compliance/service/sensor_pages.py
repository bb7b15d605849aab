"""`/sensors`: the limits of sensor readings, by product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse

from compliance.service.pages import render
from epcis.http_context import Caller, needs
from epcis.problem import Problem
from epcis.units import UNITS
from schemas.cbv import standard_words
from schemas.gs1.keys import Gtin
from verification.decision.sensors import SensorLimit, SensorRule
from verification.registry.sensor_rules import SensorRuleRefusedError
from verification.routes.sensors import own_rules, put_rule, sensor_rule_end

if TYPE_CHECKING:
    from starlette.responses import Response

router = APIRouter(include_in_schema=False)

Verifier = Annotated[Caller, Depends(needs("verify"))]
Recaller = Annotated[Caller, Depends(needs("recall"))]


@router.get("/sensors")
def sensors_page(request: Request, caller: Verifier) -> Response:
    """The rules in force, and the form for a limit."""
    return _page(request, caller)


@router.post("/sensors")
def limit_from_page(
    request: Request,
    caller: Recaller,
    *,
    gtin: Annotated[str, Form()],
    measurement: Annotated[str, Form()] = "",
    unit: Annotated[str, Form()] = "",
    low: Annotated[str, Form()] = "",
    high: Annotated[str, Form()] = "",
    off: Annotated[bool, Form()] = False,
) -> Response:
    """Set one limit of a product, or switch its sensors off; its other limits stay."""
    try:
        code = str(Gtin.parse(gtin.strip()))
        before = next((one for one in own_rules(request, caller) if one.gtin == code), None)
        limit = SensorLimit(measurement, unit, low.strip() or None, high.strip() or None)
        put_rule(request, caller, _changed(before or SensorRule(code), limit, off=off))
    except (ValueError, SensorRuleRefusedError) as fault:
        return _page(request, caller, refused=str(fault), status=422)
    except Problem as problem:
        return _page(request, caller, refused=problem.detail, status=problem.status)
    return RedirectResponse("/sensors", 303)


@router.post("/sensors/{gtin}/end")
def end_from_page(request: Request, caller: Recaller, gtin: str) -> Response:
    """End the rule of a product; alarms count again, readings no longer."""
    sensor_rule_end(request, caller, gtin)
    return RedirectResponse("/sensors", 303)


def _changed(rule: SensorRule, limit: SensorLimit, *, off: bool) -> SensorRule:
    """The rule with a limit in place of the one of the same measurement."""
    if off:
        return SensorRule(rule.gtin, on=False)
    others = [one for one in rule.limits if one.measurement != limit.measurement]
    return msgspec.structs.replace(rule, on=True, limits=(*others, limit))


def _page(request: Request, caller: Caller, *, refused: str = "", status: int = 200) -> Response:
    page = render(
        "sensors.html",
        request,
        rules=own_rules(request, caller),
        measurements=standard_words("measurement"),
        units=sorted(UNITS),
        may_set="recall" in caller.scopes,
        refused=refused,
    )
    page.status_code = status
    return page
