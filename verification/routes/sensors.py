"""The setting of each product for sensor reports, over HTTP."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request

from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.registry.sensor_rules import (
    NotProductOwnerError,
    SensorRuleRefusedError,
    end_rule,
    rule_of,
    rules,
    set_rule,
)
from verification.routes.national_common import owner_for

router = APIRouter(prefix="/verify/sensors", tags=["verification"])

Verifier = Annotated[Caller, Depends(needs("verify"))]
Recaller = Annotated[Caller, Depends(needs("recall"))]


@router.get("")
def sensor_rules(request: Request, caller: Verifier) -> object:  # JSON
    """What sensor reports mean for the packs of each product that has a rule of its own."""
    del caller
    with store_of(request).read() as snapshot:
        return msgspec.to_builtins(rules(snapshot))


@router.put("")
async def sensor_rule_set(request: Request, caller: Recaller) -> object:  # JSON
    """Set the rule of a product: its limits, or that its sensor reports are not looked at."""
    try:
        rule = rule_of(await request.body())
        with store_of(request).write(now_of(request)) as tx:
            set_rule(tx, rule, by=caller.name, owner=owner_for(tx, request, caller))
    except NotProductOwnerError as fault:
        raise Problem(403, "Not the owner", str(fault)) from None
    except SensorRuleRefusedError as fault:
        raise Problem(422, "Rule refused", str(fault)) from None
    return msgspec.to_builtins(rule)


@router.delete("/{gtin}")
def sensor_rule_end(request: Request, caller: Recaller, gtin: str) -> dict[str, bool]:
    """End the rule of a product; alarms count again, readings no longer."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            found = end_rule(tx, gtin, owner=owner_for(tx, request, caller))
    except NotProductOwnerError as fault:
        raise Problem(403, "Not the owner", str(fault)) from None
    if not found:
        raise Problem(404, "No such rule", f"product {gtin} has no rule for sensor reports")
    return {"ended": True}
