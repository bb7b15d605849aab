"""Take a returned pack in, and do what was decided about it: restock, hold or scrap.

The pack is taken in by the act `return`, so it is in stock and not for sale. What the decision says
follows in the same transaction; a pack whose manufacturer did not answer waits, and is settled
when the answer has come.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from compliance.quarantine.acts import quarantines_of
from compliance.quarantine.quarantine import place_quarantine
from compliance.quarantine.subject import QuarantineSubject
from compliance.returns.check import SUSPECT, ReturnMatch
from epcis.problem import Problem
from epcis.store.items import item
from schemas.dispositions import Condition
from verification.acts.kinds import ActKind
from verification.acts.once import event_of_client, once, record_client
from verification.acts.perform import perform_act
from verification.acts.request import ID_CHARS_MAX, REASON_CHARS_MAX, ActRequest
from verification.decision.many import name_of
from verification.registry.history import pack_key
from verification.returns.saleable_return import Decision, proof_for_resale, returns_since

if TYPE_CHECKING:
    from compliance.returns.check import MatchedReturn
    from epcis.database.transactions import Snapshot
    from epcis.http_context import Caller
    from epcis.ledger.store import Transaction
    from verification.acts.perform import ActContext
    from verification.acts.request import ActAnswer
    from verification.returns.saleable_return import Returned

SETTLED_WITHIN = timedelta(days=31)
"""How long a decision about a return that waited is looked for."""
_RESULT = {Decision.RESELL: "conformant", Decision.SCRAP: "non_conformant"}


class ReturnWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The JSON of `POST /returns/packs`: one pack that a customer sends back."""

    client_id: str
    """Your own id of this return; sent again, nothing is done twice."""
    scan: str
    stored_well: bool
    """The customer states that it was kept as its label says (GDP 6.3)."""
    customer: str = ""
    """GLN of who sends it back."""
    order: str = ""
    """Number or URI of the order it was sold with."""
    place: str = ""
    """GLN or GLN.PLACE where it is taken in; default: your own site."""
    reason: str = ""
    """Why it comes back."""

    def fault(self) -> str:
        """What is wrong with its texts; empty where nothing is."""
        if not 0 < len(self.client_id) <= ID_CHARS_MAX:
            return f"clientId has 1 to {ID_CHARS_MAX} characters"
        if len(self.order) > ID_CHARS_MAX or len(self.reason) > REASON_CHARS_MAX:
            return f"order has {ID_CHARS_MAX}, reason {REASON_CHARS_MAX} characters at most"
        return ""


class ReturnTaken(msgspec.Struct, frozen=True):
    """What became of a returned pack."""

    id: str
    """Canonical key."""
    match: ReturnMatch
    say: str
    decision: Decision | None
    """None where it was not taken in."""
    why: str = ""
    event: str | None = None
    """Of the act `return`."""
    sold_at: str = ""
    """ISO 8601, of its shipment."""
    sold_to: str = ""
    """Canonical GLN key."""
    orders: tuple[str, ...] = ()


def set_aside(tx: Transaction, key: str, matched: MatchedReturn, *, by: str) -> ReturnTaken:
    """Do not take a pack in; hold it where it is suspect."""
    if matched.match in SUSPECT:
        _hold(tx, key, f"returned, and {matched.match.value}", by=by)
    return _taken(key, matched, None)


def take_in_return(
    tx: Transaction,
    act: ActRequest,
    matched: MatchedReturn,
    decided: Returned,
    context: ActContext,
) -> ReturnTaken:
    """Take a pack in by the act `return`, and do what was decided.

    A pack that was taken in before by that act alone is decided only.

    Raises `Problem` 409 where the act is refused; then nothing was done.
    """
    key = pack_key(decided.gtin, decided.serial)
    known = item(tx, key)
    if known is not None and known.location and Condition.RETURNED.value in known.conditions:
        _follow(tx, key, decided, known.location, context)
        return _taken(key, matched, decided)

    def work() -> ActAnswer:
        answer = perform_act(tx, act, context)
        if answer.done:
            _follow(tx, key, decided, act.place, context)
        return answer

    answer = once(tx, act, context.caller, work)
    if not answer.done:
        raise Problem(409, "Return refused", f"{answer.packs[0].say} Nothing was done.")
    return _taken(key, matched, decided, answer.event)


def repeated_return(
    snapshot: Snapshot, act: ActRequest, matched: MatchedReturn, caller: Caller
) -> ReturnTaken | None:
    """What became of the same return when it was sent before; None where it was not."""
    event = event_of_client(snapshot, caller, act.client_id)
    if event is None:
        return None
    [key] = act.scans
    decided, _ = proof_for_resale(snapshot, *name_of(key))
    same = matched._replace(match=ReturnMatch.MATCHES, say="it was taken in by this request before")
    return _taken(key, same, decided, event)


def settle_returns(tx: Transaction, context: ActContext) -> list[Returned]:
    """Do what was decided about packs that had waited for their manufacturer; those it did."""
    done: list[Returned] = []
    for one in returns_since(tx, tx.now - SETTLED_WITHIN):
        if one.follows is None or one.decision is Decision.WAIT:
            continue
        key = pack_key(one.gtin, one.serial)
        known = item(tx, key)
        if known is None or Condition.RETURNED.value not in known.conditions or not known.location:
            continue
        if quarantines_of(tx, key):
            continue
        _follow(tx, key, one, known.location, context)
        done.append(one)
    return done


def _follow(tx: Transaction, key: str, decided: Returned, place: str, context: ActContext) -> None:
    """The act or quarantine that a decision asks for."""
    if decided.decision is Decision.QUARANTINE:
        _hold(tx, key, f"returned: {decided.why}", by=context.caller.name)
    result = _RESULT.get(decided.decision)
    if result is None:
        return
    act = ActRequest(
        kind=ActKind.INSPECT,
        client_id=f"return {secrets.token_hex(12)}",
        scans=(key,),
        place=place,
        result=result,
        reason=f"return {decided.id}: {decided.why}",
    )
    answer = perform_act(tx, act, context)
    if not answer.done:
        raise Problem(409, "Return refused", f"{answer.packs[0].say} Nothing was done.")
    record_client(tx, act, answer, context.caller)


def _hold(tx: Transaction, key: str, reason: str, *, by: str) -> None:
    if quarantines_of(tx, key):
        return
    gtin, serial = name_of(key)
    subject = QuarantineSubject.parse("pack", gtin=gtin, serial=serial)
    place_quarantine(tx, subject, reason=reason, by=by)


def _taken(
    key: str, matched: MatchedReturn, decided: Returned | None, event: str | None = None
) -> ReturnTaken:
    sale = matched.sale
    return ReturnTaken(
        id=key,
        match=matched.match,
        say=matched.say,
        decision=decided.decision if decided is not None else None,
        why=decided.why if decided is not None else "",
        event=event,
        sold_at=sale.at.isoformat() if sale is not None else "",
        sold_to=sale.customer if sale is not None else "",
        orders=sale.orders if sale is not None else (),
    )
