"""Perform an act: look, judge, record its event and the entry of the log, in one transaction."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import msgspec

from epcis.exchange.outbound import OutboundKind, leave_due
from epcis.http_context import need_scope
from epcis.ledger.entry import LeafKind
from epcis.problem import Problem
from epcis.store.effect import party_key
from epcis.store.item_status import ItemStatus
from epcis.trace import gln_of
from verification.acts.event import event_of_act
from verification.acts.gather import ActFacts
from verification.acts.judge import ActJudgement, judge, together
from verification.acts.kinds import KINDS, OVERRIDE_SCOPE, ActKind, ActShape, Whereabouts
from verification.acts.numbers import issue_sscc, of_grant
from verification.acts.registry_acts import perform_by_registry
from verification.acts.request import ActAnswer, ActRefusal, ScannedThing
from verification.acts.scans import scanned_thing
from verification.alerts.guessing import GuessBudget
from verification.answering.answers import guesser_of
from verification.decision.restrictions import current_restrictions
from verification.registry.participants import place_of, who_is
from verification.registry.rights import company_of, need_product, share_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date, datetime

    from epcis.http_context import Caller
    from epcis.ledger.store import Transaction
    from schemas.gs1.reading import Reading
    from verification.acts.request import ActRequest, ActThing
    from verification.settings import VerificationSettings

LOGGED_REFUSALS_MAX = 1_000
"""Refused scans of one act that its entry of the log names."""
_NEXT = timedelta(microseconds=1)


class ActContext(NamedTuple):
    """For whom an act is performed, and under which settings."""

    caller: Caller
    settings: VerificationSettings
    recovered: Callable[[str], Reading | None] | None = None
    """Reads what a keyboard scanner spoiled."""


def perform_act(tx: Transaction, act: ActRequest, context: ActContext) -> ActAnswer:
    """Judge and, where nothing is refused, do one act whose event is made here.

    Raises `Problem` 403 for an act at another company's place or on another company's product, and
    422 for a shipment that goes nowhere.
    """
    act = with_place(tx, act, context)
    _need_way(act)
    _need_rights(act, context.caller)
    scanned = [scanned_thing(one, tx.now.date(), context.recovered) for one in act.scans]
    if KINDS[act.kind].pack_act is not None:
        return _by_registry(tx, act, scanned, context)
    left = 0
    if act.grant:
        scanned, left = of_grant(tx, act.grant)
    made = [scanned_thing(one, tx.now.date(), context.recovered) for one in act.outputs]
    act = _with_lot(act, made or scanned)
    facts = ActFacts(tx, act, context.settings.rule_pack, tx.now, context.settings.market)
    parent_key = _parent_key(act, tx.now.date(), context)
    keys = [one.key for one in scanned if one.key]
    made_keys = [one.key for one in made if one.key]
    things = facts.things([*keys, *([parent_key] if parent_key else [])])
    parent = things.get(parent_key) if parent_key else None
    if act.kind is ActKind.UNPACK and not scanned and parent is not None:
        scanned = _all_of(parent)
        things |= facts.things(one.key for one in scanned)
    if act.kind is ActKind.COMMISSION or made_keys:
        _need_products(tx, made_keys or keys, context)
    at = act.time or _after_all(tx.now, things)
    judgement = judge(act, scanned, things, parent, at, tells_places=context.caller.party is None)
    if act.kind is ActKind.TRANSFORM:
        judgement = together(judgement, _judge_made(tx, act, made, context, at))
    parts = _EventParts(at, parent_key, things, left, tuple(made_keys))
    return _finish(tx, act, judgement, parts, context.caller)


def _judge_made(
    tx: Transaction,
    act: ActRequest,
    made: list[ScannedThing],
    context: ActContext,
    at: datetime,
) -> ActJudgement:
    """Judge what a transformation makes: new serial numbers, of the lot that the act names."""
    new = msgspec.structs.replace(act, kind=ActKind.COMMISSION, expect=None, override=False)
    facts = ActFacts(tx, new, context.settings.rule_pack, tx.now, context.settings.market)
    return judge(new, made, facts.things(one.key for one in made if one.key), None, at)


def _by_registry(
    tx: Transaction, act: ActRequest, scanned: list[ScannedThing], context: ActContext
) -> ActAnswer:
    """An act that the registry of packs does, with events and history of its own."""
    caller, settings = context.caller, context.settings
    stops = current_restrictions(tx)
    who = who_is(stops, caller, settings)
    is_own = "admin" in caller.scopes and company_of(stops, caller).is_operator
    budget = None
    if not is_own:
        most = settings.unknown_answers_a_day
        budget = GuessBudget(tx, [guesser_of(caller)], answers_max=most)
    answers = perform_by_registry(tx, act, scanned, who, settings, budget=budget)
    judgement = ActJudgement(answers, all(one.done for one in answers))
    return _answer(tx, act, judgement, _MadeByAct(), caller)


def _with_lot(act: ActRequest, scanned: list[ScannedThing]) -> ActRequest:
    """The act with the lot and expiry of the first new pack, where the client gave none itself."""
    if act.kind not in (ActKind.COMMISSION, ActKind.TRANSFORM):
        return act
    first = next((one for one in scanned if one.lot or one.expiry), None)
    if first is None:
        return act
    return msgspec.structs.replace(act, lot=act.lot or first.lot, expiry=act.expiry or first.expiry)


def _parent_key(act: ActRequest, today: date, context: ActContext) -> str:
    """The key of the case or pallet that an act names; raises `Problem` 422 for another thing."""
    if not act.parent:
        return ""
    scan = scanned_thing(act.parent, today, context.recovered)
    if scan.refusal is not None:
        raise Problem(422, "Parent not readable", f"parent: {scan.what}")
    return scan.key


class _EventParts(NamedTuple):
    """What an event is made from besides the act."""

    at: datetime
    parent: str
    """Key of the case or pallet; empty where there is none, or it gets its number now."""
    things: Mapping[str, ActThing]
    left: int
    """Printed numbers of a grant that wait for the next act."""
    outputs: tuple[str, ...] = ()
    """Keys that a transformation makes."""


class _MadeByAct(NamedTuple):
    """What an answer says besides the judgement."""

    event: str | None = None
    parent: str = ""
    left: int = 0


def _finish(
    tx: Transaction, act: ActRequest, judgement: ActJudgement, parts: _EventParts, caller: Caller
) -> ActAnswer:
    event_id = None
    if judgement.may_proceed:
        if act.sscc_from:
            sscc = issue_sscc(tx, act.sscc_from, client_id=act.client_id, by=caller.name)
            parts = parts._replace(parent=sscc)
        event_id = _record(tx, act, judgement, parts)
    return _answer(tx, act, judgement, _MadeByAct(event_id, parts.parent, parts.left), caller)


def _answer(
    tx: Transaction,
    act: ActRequest,
    judgement: ActJudgement,
    made: _MadeByAct,
    caller: Caller,
) -> ActAnswer:
    """The answer, with its entry of the log."""
    number = f"A-{tx.now:%Y%m%d}-{secrets.token_hex(6)}"
    answer = ActAnswer(
        act=number,
        kind=act.kind,
        done=judgement.may_proceed,
        event=made.event,
        packs=judgement.answers,
        missing=judgement.missing,
        say=_say(act, judgement),
        parent=made.parent,
        left=made.left,
    )
    log_act(tx, act, answer, by=caller.name, overridden=judgement.overridden)
    return answer


def _record(tx: Transaction, act: ActRequest, judgement: ActJudgement, parts: _EventParts) -> str:
    from epcis.capture import record  # the readers of documents, which most callers do without

    event_id = f"urn:uuid:{uuid4()}"
    lost = any(
        thing.item is not None and thing.item.status is ItemStatus.LOST
        for thing in parts.things.values()
    )
    event = event_of_act(
        act,
        judgement.names,
        parts.parent,
        parts.at,
        event_id=event_id,
        outputs=parts.outputs,
        was_lost=lost and act.kind is ActKind.COUNT_ADJUST and act.result == "found",
    )
    record(tx, [event])
    if act.kind is ActKind.SHIP:
        partners = (gln_of(party_key(party)) for party in (act.to, act.owner) if party)
        leave_due(tx, OutboundKind.SHIPMENT, event_id, partners)
    return event_id


def log_act(
    tx: Transaction, act: ActRequest, answer: ActAnswer, *, by: str, overridden: tuple[str, ...]
) -> None:
    """Enter an act into the log: who did what, why, and what was overridden or refused."""
    refused = [[one.id, one.reason] for one in answer.packs if not one.done]
    public = {
        "act": answer.act,
        "kind": act.kind,
        "event": answer.event,
        "packs": len(answer.packs),
        "refused": len(refused),
        "overridden": overridden,
    }
    confidential = {
        "by": by,
        "clientId": act.client_id,
        "place": act.place,
        "to": act.to,
        "orders": act.orders,
        "reason": act.reason,
        "refused": refused[:LOGGED_REFUSALS_MAX],
    }
    tx.log(LeafKind.PACK_OPERATION, msgspec.json.encode(public), msgspec.json.encode(confidential))


def _all_of(parent: ActThing) -> list[ScannedThing]:
    """What is directly in a case of which everything is taken out."""
    kids = (one for one in parent.inside if one.item is not None and one.item.parent == parent.key)
    return [ScannedThing(one.key, one.key) for one in kids]


def _after_all(now: datetime, things: Mapping[str, ActThing]) -> datetime:
    """The time of an act: now, but after all that happened to its things.

    Two events of one moment have no order; and a partner's clock may be ahead of ours.
    """
    last = [
        one.item.last_event_time
        for thing in things.values()
        for one in (thing, *thing.inside)
        if one.item is not None
    ]
    return max([now, *(moment + _NEXT for moment in last)])


def _say(act: ActRequest, judgement: ActJudgement) -> str:
    if judgement.may_proceed:
        return f"Done: {act.kind.value}, {len(judgement.answers)} scans."
    fine = ActRefusal.OTHERS_REFUSED.value
    refused = sum(one.reason != fine for one in judgement.answers)
    if not judgement.answers:
        return "Nothing was done: nothing was scanned."
    return (
        f"Nothing was done: {refused} of {len(judgement.answers)} scans are refused. Take them out"
        " and send the rest as a new act."
    )


def _need_rights(act: ActRequest, caller: Caller) -> None:
    """Raises `Problem` 403 for a caller who may not do this act, here, or override anything."""
    rule = KINDS[act.kind]
    need_scope(caller, rule.scope)
    if act.override:
        need_scope(caller, OVERRIDE_SCOPE)
    party = caller.party
    if party is None or not act.place:
        return
    site = party_key(act.place)
    if site != party_key(party) and not share_prefix(f"0{site[5:]}", party_key(party)[5:]):
        raise Problem(
            403,
            "Not your place",
            f"{act.place} is not a place of {party}: give one of your own sites as 'place'",
            type="epcisException:SecurityException",
        )


def _need_products(tx: Transaction, keys: list[str], context: ActContext) -> None:
    """Raises `Problem` 403 where serial numbers of another company's product are put into use."""
    if context.caller.party is None:
        return
    for gtin in sorted({key[4:18] for key in keys if key.startswith("/01/")}):
        need_product(tx, context.caller, gtin, context.settings.company_prefixes)


def _need_way(act: ActRequest) -> None:
    """Goods are shipped to another site: who sends them to itself could never tell them apart."""
    if act.kind is ActKind.SHIP and act.to and party_key(act.to) == party_key(act.place):
        raise Problem(
            422,
            "Shipped to itself",
            "'to' is the site that ships: name who gets the goods, or move them within the site",
        )


def with_place(tx: Transaction, act: ActRequest, context: ActContext) -> ActRequest:
    """The act at its place: the one it names, else the caller's premises, else the operator's.

    Raises `Problem` 422 where none is known.
    """
    rule = KINDS[act.kind]
    if act.place or (rule.where is Whereabouts.ANYWHERE and rule.shape is not ActShape.SEEN):
        return act
    own = place_of(current_restrictions(tx), context.caller)
    if not own.startswith("/414/") and context.settings.responder_gln:
        own = f"/414/{context.settings.responder_gln}"
    if not own.startswith("/414/"):
        raise Problem(
            422,
            "Place missing",
            "say where it is done: give the GLN of the site, or of a place in it, as 'place'",
        )
    return msgspec.structs.replace(act, place=own)
