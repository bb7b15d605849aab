"""The setting of each product for sensor reports, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Depends, Request

from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.context import verification_settings_of
from verification.registry.rights import company_behind, need_product, owns_product
from verification.registry.sensor_rules import (
    SensorRuleRefusedError,
    end_rule,
    rule_of,
    rules,
    set_rule,
)

if TYPE_CHECKING:
    from verification.decision.sensors import SensorRule

router = APIRouter(prefix="/verify/sensors", tags=["verification"])

Verifier = Annotated[Caller, Depends(needs("verify"))]
Recaller = Annotated[Caller, Depends(needs("recall"))]


@router.get("")
def sensor_rules(request: Request, caller: Verifier) -> object:  # JSON
    """What sensor reports mean for your products that have a rule; to the operator all."""
    return msgspec.to_builtins(own_rules(request, caller))


@router.put("")
async def sensor_rule_set(request: Request, caller: Recaller) -> object:  # JSON
    """Set the rule of a product: its limits, or that its sensor reports are not looked at."""
    try:
        rule = rule_of(await request.body())
        put_rule(request, caller, rule)
    except SensorRuleRefusedError as fault:
        raise Problem(422, "Rule refused", str(fault)) from None
    return msgspec.to_builtins(rule)


@router.delete("/{gtin}")
def sensor_rule_end(request: Request, caller: Recaller, gtin: str) -> dict[str, bool]:
    """End the rule of a product; alarms count again, readings no longer."""
    overlay = verification_settings_of(request).company_prefixes
    with store_of(request).write(now_of(request)) as tx:
        need_product(tx, caller, gtin, overlay)
        found = end_rule(tx, gtin)
    if not found:
        raise Problem(404, "No such rule", f"product {gtin} has no rule for sensor reports")
    return {"ended": True}


def own_rules(request: Request, caller: Caller) -> list[SensorRule]:
    """The rules of the caller's products, by product."""
    overlay = verification_settings_of(request).company_prefixes
    with store_of(request).read() as snapshot:
        company = company_behind(snapshot, caller)
        return [
            one for one in rules(snapshot) if owns_product(snapshot, company, one.gtin, overlay)
        ]


def put_rule(request: Request, caller: Caller, rule: SensorRule) -> None:
    """Set the rule of a product of the caller's; raises `Problem`, `SensorRuleRefusedError`."""
    overlay = verification_settings_of(request).company_prefixes
    with store_of(request).write(now_of(request)) as tx:
        need_product(tx, caller, rule.gtin, overlay)
        set_rule(tx, rule, by=caller.name)
