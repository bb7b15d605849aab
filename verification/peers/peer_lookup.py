"""A pack that is not known here, as another repository answers for it: flagged, never a guess.

Peers are asked outside of any act. A peer that is silent makes "cannot tell" of an answer that
would else have been "unknown", and never an alert.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from epcis.database.autocommit_read import autocommit_read
from verification.decision.act import Asked, PackAct, PackRequest
from verification.decision.facts import Facts, KnownPack, day_of
from verification.decision.render import Verdict
from verification.decision.restrictions import current_restrictions
from verification.decision.sentences import SAY, SAY_RESULT
from verification.decision.words import Reason, Result
from verification.fmd.perform import OperationAnswer, query
from verification.fmd.result import SPELLINGS, soap_code
from verification.messages.wanted import HeardFromPeer, OperationWanted, Verification
from verification.peers.peers import PeerFound
from verification.registry.participants import who_is

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.database.transactions import Store
    from verification.messages.wanted import Wanted
    from verification.peers.peers import PeerAnswer, Peers
    from verification.settings import VerificationSettings

_PERHAPS = frozenset({Result.PRODUCT_UNKNOWN, Result.SERIAL_UNKNOWN, Result.LOT_AND_SERIAL_UNKNOWN})


async def maybe_elsewhere(
    wanted: Wanted, peers: Peers, store: Store, settings: VerificationSettings, now: datetime
) -> Wanted:
    """What a peer says of a pack that is not known here; else the request as it was."""
    if not isinstance(wanted, OperationWanted | Verification):
        return wanted
    request = _request(wanted)
    rules = settings.rule_pack
    with autocommit_read(store) as snapshot:
        who = who_is(current_restrictions(snapshot), wanted.caller, settings)
        here = query(snapshot, request, who, rules, now)
    may = rules.allows(who.role, request.operation, alerting=request.alerting)
    if not may or here.result not in _PERHAPS:
        return wanted
    heard = await peers.ask(request, change=request.operation is not PackAct.VERIFY)
    if heard.found is PeerFound.UNKNOWN:
        return wanted
    answer = _as_ours(here, request, heard)
    if isinstance(wanted, OperationWanted):
        return HeardFromPeer(request, wanted.caller, answer)
    return HeardFromPeer(request, wanted.caller, answer, verdict_of(answer, wanted.asked, heard))


def verdict_of(answer: OperationAnswer, asked: Asked, heard: PeerAnswer) -> Verdict:
    """A peer's answer as the person at the counter is told it."""
    pack = None
    if answer.state is not None:
        pack = KnownPack(state=answer.state, lot=answer.lot, expiry=day_of(answer.expiry))
    facts = Facts(asked=asked, pack=pack, intermarket=True)
    say = SAY[answer.reason].format(values="")
    peer = heard.peer or "silent"
    return Verdict(answer.word, answer.reason, say, facts, answer.also, peer=peer)


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
    )


def _as_ours(here: OperationAnswer, request: PackRequest, heard: PeerAnswer) -> OperationAnswer:
    """A peer's answer as one of ours, flagged; where a peer was silent, that it cannot be told."""
    if heard.found is PeerFound.SILENT or heard.said is None:
        silent = msgspec.structs.replace(here, reason=Reason.CANNOT_TELL, also=())
        result, said = Result.CANNOT_TELL, silent
    else:
        said = msgspec.convert(heard.said, type=OperationAnswer)
        result = said.result
    spelling = SPELLINGS[result]
    return msgspec.structs.replace(
        said,
        operation=request.operation,
        result=result,
        http=spelling.http,
        hub=spelling.hub,
        soap=soap_code(result, intermarket=True),
        rest=spelling.rest if result is Result.CANNOT_TELL else said.rest,
        say=SAY_RESULT.get(result, said.say),
        intermarket=True,
        transaction=request.transaction,
    )
