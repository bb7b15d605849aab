"""The alert about packs whose records contradict each other, raised when the document came.

One of two packs is false, so whoever owns the product hears of it without anybody having asked
(2016/161 Art. 36(b); FD&C Act 582(c)(4)(A)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from verification.alerts.suspicion import suspicion_of
from verification.decision.act import TO_VERIFY, Asked, ParticipantRole, Who
from verification.decision.decide import decide
from verification.decision.facts import facts_of
from verification.decision.many import is_pack, name_of
from verification.decision.rule_pack import shipped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.ledger.store import Transaction

ALERTS_MAX: Final = 200
"""Packs of one problem that get an alert of their own; its case names all of them."""
_CAPTURE: Final = Who(client="capture", role=ParticipantRole.WHOLESALER)
"""Who asked, for the alert: the capture of a partner's document."""


def raise_alerts(tx: Transaction, keys: Iterable[str]) -> int:
    """Raise an alert for each pack that its judgement asks for; how many there are."""
    raised = 0
    for key in keys:
        if raised >= ALERTS_MAX or not is_pack(key):
            continue
        facts = facts_of(tx, Asked(*name_of(key)), _CAPTURE)
        judgement = decide(facts, TO_VERIFY, shipped(), tx.now)
        if judgement.alert:
            suspicion_of(tx, facts, judgement, manual=False)
            raised += 1
    return raised
