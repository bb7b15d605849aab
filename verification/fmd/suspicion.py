"""The alert that a verification at the counter raises, where the rule pack wants one.

A verdict that a pack is not authentic is an alert like that of the national interfaces, with the
same id for all parties (2016/161 Art. 36(b)). A pack that is only stopped raises none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from verification.fmd import alert
from verification.fmd.decide import decide
from verification.fmd.known import known_of
from verification.fmd.operation import Operation, PackRequest
from verification.fmd.perform import hint_of
from verification.fmd.result import SPELLINGS
from verification.verdict import Reason

if TYPE_CHECKING:
    from epcis.store.database import Act
    from verification.fmd.cause import Hint
    from verification.fmd.operation import Who
    from verification.fmd.rulepack import RulePack
    from verification.verdict import Asked

NOT_AUTHENTIC = frozenset({Reason.UNKNOWN_SERIAL, Reason.LOT_DIFFERS, Reason.EXPIRY_DIFFERS})
"""What may be a falsification; everything else is a pack that is known and stopped."""


class Suspicion(NamedTuple):
    """An alert that was raised, and what probably lies behind it."""

    alert: str
    hint: Hint


def suspicion_of(
    act: Act, asked: Asked, who: Who, rules: RulePack, *, manual: bool
) -> Suspicion | None:
    """Raise the alert for a pack that was not confirmed; None where the law wants none."""
    request = PackRequest(
        operation=Operation.VERIFY,
        code=asked.gtin,
        serial=asked.serial,
        lot=asked.lot,
        expiry=asked.expiry,
        manual=manual,
    )
    known = known_of(act, request, who.market)
    outcome = decide(request, who, known, rules, act.now)
    if not outcome.alert:
        return None
    hint = hint_of(act, request, who, known, outcome)
    hub = SPELLINGS[outcome.result].hub
    raised = alert.raise_alert(
        act, request, who, result=outcome.result, hub=hub, hint=hint, late=False
    )
    return Suspicion(raised, hint)
