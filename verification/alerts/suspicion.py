"""The alert that a verification at the counter raises, where its judgement wants one.

It is an alert like that of the national interfaces, with the same id for all parties (2016/161
Art. 36(b)). A pack that is only stopped raises none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from verification.alerts import alert
from verification.decision.act import PackAct, PackRequest
from verification.fmd.perform import alerted_as, hint_of
from verification.fmd.result import SPELLINGS

if TYPE_CHECKING:
    from epcis.ledger.store import Transaction
    from verification.decision.decide import Judgement
    from verification.decision.facts import Facts
    from verification.fmd.cause import Hint


class Suspicion(NamedTuple):
    """An alert that was raised, and what probably lies behind it."""

    alert: str
    hint: Hint


def suspicion_of(tx: Transaction, facts: Facts, judgement: Judgement, *, manual: bool) -> Suspicion:
    """Raise the alert that a verification's judgement asks for."""
    asked, who = facts.asked, facts.who
    assert who is not None, "a verification has somebody who asks"
    request = PackRequest(
        operation=PackAct.VERIFY,
        code=asked.gtin,
        serial=asked.serial,
        lot=asked.lot,
        expiry=asked.expiry,
        manual=manual,
    )
    hint = hint_of(tx, request, facts, judgement)
    hub = SPELLINGS[judgement.result].hub
    raised = alert.raise_alert(
        tx, request, who, result=alerted_as(judgement), hub=hub, hint=hint, late=False
    )
    return Suspicion(raised, hint)
