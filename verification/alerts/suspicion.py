"""The alert that a verification at the counter raises, where the rule pack wants one.

A verdict that a pack is not authentic is an alert like that of the national interfaces, with the
same id for all parties (2016/161 Art. 36(b)). A pack that is only stopped raises none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from verification.alerts import alert
from verification.decision.verdict import Reason
from verification.fmd.decide import decide
from verification.fmd.known import known_of
from verification.fmd.operation import Operation, PackRequest, Role
from verification.fmd.perform import hint_of
from verification.fmd.result import SPELLINGS

if TYPE_CHECKING:
    from epcis.ledger.store import Transaction
    from verification.decision.verdict import Asked
    from verification.fmd.cause import Hint
    from verification.fmd.operation import Who
    from verification.fmd.rulepack import RulePack

NOT_AUTHENTIC = frozenset({Reason.UNKNOWN_SERIAL, Reason.LOT_DIFFERS, Reason.EXPIRY_DIFFERS})
"""What may be a falsification; everything else is a pack that is known and stopped."""


class Suspicion(NamedTuple):
    """An alert that was raised, and what probably lies behind it."""

    alert: str
    hint: Hint


def suspicion_of(
    tx: Transaction, asked: Asked, who: Who, rules: RulePack, *, manual: bool
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
    known = known_of(tx, request, who.market)
    # Whether a pack is a suspected falsification does not hang on who scanned it.
    anybody = msgspec.structs.replace(who, role=Role.PHARMACY)
    outcome = decide(request, anybody, known, rules, tx.now)
    if not outcome.alert:
        return None
    hint = hint_of(tx, request, who, known, outcome)
    hub = SPELLINGS[outcome.result].hub
    raised = alert.raise_alert(
        tx, request, who, result=outcome.result, hub=hub, hint=hint, late=False
    )
    return Suspicion(raised, hint)
