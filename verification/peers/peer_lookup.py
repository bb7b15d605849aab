"""A pack that is not known here, as another repository answers for it: flagged, never a guess.

Peers are asked outside of any transaction. A peer that is silent makes "cannot tell" of an answer
that would else have been "unknown", and never an alert. A peer that knows the product and not the
serial number raises the alert of a possible falsification; both sides keep it under one id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from epcis.database.autocommit_read import autocommit_read
from verification.decision.act import (
    CHANGES,
    TAKING_OUT,
    Asked,
    PackAct,
    PackRequest,
    ParticipantRole,
)
from verification.decision.facts import Facts, KnownPack, day_of
from verification.decision.render import Verdict
from verification.decision.restrictions import current_restrictions
from verification.decision.sentences import SAY, SAY_RESULT
from verification.decision.words import WEIGHT, LotState, ProductState, Reason, Result
from verification.fmd.perform import OperationAnswer, is_answered, query
from verification.fmd.result import SPELLINGS, rest_code, soap_code
from verification.messages.wanted import OperationWanted, RecordedAnswer, Verification
from verification.peers.intermarket import origin_of
from verification.peers.peers import PeerFound
from verification.registry.participants import who_is

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.ledger.store import Store
    from verification.decision.act import Who
    from verification.decision.restrictions import Restrictions
    from verification.messages.wanted import Wanted
    from verification.peers.peers import PeerAnswer, Peers
    from verification.settings import VerificationSettings

_PERHAPS = frozenset({Result.PRODUCT_UNKNOWN, Result.SERIAL_UNKNOWN, Result.LOT_AND_SERIAL_UNKNOWN})
_ALERTING = frozenset(
    {
        Result.SERIAL_UNKNOWN,
        Result.LOT_AND_SERIAL_UNKNOWN,
        Result.LOT_DIFFERS,
        Result.EXPIRY_DIFFERS,
    }
)
"""What a verification at a peer may raise an alert for; it is then asked again, aloud."""


async def maybe_elsewhere(
    wanted: Wanted, peers: Peers, store: Store, settings: VerificationSettings, now: datetime
) -> Wanted:
    """What a peer says of a pack that is not known here; else the request as it was."""
    if not isinstance(wanted, OperationWanted | Verification):
        return wanted
    request = _request(wanted)
    rules = settings.rule_pack
    with autocommit_read(store) as snapshot:
        stops = current_restrictions(snapshot)
        who = who_is(stops, wanted.caller, settings)
        if is_answered(snapshot, request, who):
            return wanted
        if isinstance(wanted, Verification) and who.role is ParticipantRole.UNREGISTERED:
            # Whether a pack is genuine may be asked by anybody whom the gate let in.
            who = msgspec.structs.replace(who, role=settings.operator_role)
        here = query(snapshot, request, who, rules, now)
    may = rules.allows(who.role, request.operation, alerting=request.alerting)
    if not may or here.result not in _PERHAPS:
        return wanted
    origin, until_s = origin_of(who, rules), peers.deadline_s()
    heard = await peers.find(request, origin, until_s)
    if heard.found is PeerFound.UNKNOWN:
        return wanted
    against = _against_here(stops, who, heard)
    is_refused = bool(against) and request.operation in _TO_TRADE
    if not is_refused and _is_to_perform(request, heard):
        heard = await peers.perform(heard.peer, request, origin, until_s)
    answer = _as_ours(here, request, heard, against)
    if is_refused:
        answer = _refused(answer, against[0])
    if isinstance(wanted, OperationWanted):
        return RecordedAnswer(request, wanted.caller, answer)
    return RecordedAnswer(request, wanted.caller, answer, verdict_of(answer, wanted.asked, heard))


def verdict_of(answer: OperationAnswer, asked: Asked, heard: PeerAnswer) -> Verdict:
    """A peer's answer as the person at the counter reads it."""
    pack = None
    if answer.state is not None:
        pack = KnownPack(state=answer.state, lot=answer.lot, expiry=day_of(answer.expiry))
    facts = Facts(asked=asked, pack=pack, intermarket=True)
    return Verdict(
        answer.word,
        answer.reason,
        SAY[answer.reason].format(values=""),
        facts,
        answer.also,
        alert=answer.alert,
        cause=answer.cause_say,
        peer=heard.peer or "silent",
    )


def _request(wanted: OperationWanted | Verification) -> PackRequest:
    if isinstance(wanted, OperationWanted):
        return wanted.request
    asked = wanted.asked
    return PackRequest(
        operation=PackAct.VERIFY,
        code=asked.gtin,
        serial=asked.serial,
        lot=asked.lot,
        expiry=asked.expiry,
        manual=wanted.manual,
        alerting=wanted.alerting,
    )


_TO_TRADE = frozenset(CHANGES) - TAKING_OUT
"""Acts that a recall or a withdrawal in our own market forbids, whatever the other market says."""


def _against_here(stops: Restrictions, who: Who, heard: PeerAnswer) -> tuple[Reason, ...]:
    """What our own market says against a pack that another market knows, gravest first."""
    answer = heard.answer
    if answer is None:
        return ()
    found = []
    if stops.product(answer.code, who.market) is ProductState.WITHDRAWN:
        found.append(Reason.WITHDRAWN)
    if stops.lot(answer.code, answer.lot, who.market) in (LotState.RECALLED, LotState.CLOSED):
        found.append(Reason.RECALLED)
    return tuple(sorted(found, key=WEIGHT.__getitem__))


def _is_to_perform(request: PackRequest, heard: PeerAnswer) -> bool:
    """Whether the peer is asked again, this time to act or to raise its alert."""
    if heard.answer is None:
        return False
    alerts = request.alerting and heard.answer.result in _ALERTING
    return alerts or request.operation is not PackAct.VERIFY


def _as_ours(
    here: OperationAnswer, request: PackRequest, heard: PeerAnswer, against: tuple[Reason, ...]
) -> OperationAnswer:
    """A peer's answer as one of ours, flagged; where a peer was silent, that nobody can tell."""
    if heard.answer is None:
        silent = msgspec.structs.replace(here, reason=Reason.CANNOT_TELL, also=())
        return _spelt(silent, request, Result.CANNOT_TELL)
    answer = heard.answer
    if against:
        all_reasons = {answer.reason, *answer.also, *against} - {Reason.GENUINE}
        reasons = sorted(all_reasons, key=WEIGHT.__getitem__)
        answer = msgspec.structs.replace(answer, reason=reasons[0], also=tuple(reasons[1:]))
    return _spelt(answer, request, answer.result)


def _refused(answer: OperationAnswer, reason: Reason) -> OperationAnswer:
    result = Result.WITHDRAWN if reason is Reason.WITHDRAWN else Result.RECALLED
    rest = rest_code(result, answer.operation, answer.state)
    return msgspec.structs.replace(
        answer,
        result=result,
        http=SPELLINGS[result].http,
        hub=SPELLINGS[result].hub,
        soap=soap_code(result, intermarket=True),
        rest=rest,
        say=SAY_RESULT[result],
    )


def _spelt(answer: OperationAnswer, request: PackRequest, result: Result) -> OperationAnswer:
    spelling = SPELLINGS[result]
    return msgspec.structs.replace(
        answer,
        operation=request.operation,
        result=result,
        http=spelling.http,
        hub=spelling.hub,
        soap=soap_code(result, intermarket=True),
        rest=spelling.rest if result is Result.CANNOT_TELL else answer.rest,
        say=SAY_RESULT.get(result, answer.say),
        intermarket=True,
        transaction=request.transaction,
    )
