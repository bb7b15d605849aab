"""Verdicts on packs as the product gives them, for stories that ask for one on their way."""

from __future__ import annotations

from verification.answering.answers import verdict_entry
from verification.decision.act import TO_VERIFY, Asked, ParticipantRole, Who
from verification.decision.decide import decide
from verification.decision.facts import facts_of
from verification.decision.render import Verdict
from verification.decision.rule_pack import shipped
from verification.registry import history


def verdict(facts, now):
    """The verdict on facts, under the European rules."""
    return Verdict.of(decide(facts, TO_VERIFY, shipped(), now), facts)


def verify(snapshot, gtin, serial, lot=None, expiry=None, *, now, market=""):
    """The verdict on a pack of the store; reads only."""
    who = Who(client="test", role=ParticipantRole.PHARMACY, market=market)
    return verdict(facts_of(snapshot, Asked(gtin, serial, lot, expiry), who), now)


def verify_and_log(store, asked, *, now, client, location="", market=""):
    """Verify and keep the answer with its entry of the log: one act."""
    with store.write(now) as tx:
        who = Who(client=client, market=market)
        answer = verdict(facts_of(tx, asked, who), now)
        history.keep(tx, [verdict_entry(answer, client, location)])
    return answer
