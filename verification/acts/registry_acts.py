"""Acts of the pack's registry on many packs: supply, undo, sample, destroy, export.

The registry's own operation does each (`verification.fmd.perform`); here it is only asked for many
at once, all or none. A pack that is refused is asked for all the same, so that what it alerts on
alerts; a refused operation changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.problem import Problem
from verification.acts.kinds import KINDS
from verification.acts.request import ActPackAnswer, ActRefusal
from verification.acts.sentences import say_refusal
from verification.decision.act import PackRequest
from verification.decision.decide import decide
from verification.decision.facts import facts_from, look
from verification.decision.many import is_pack, name_of
from verification.decision.words import Reason, Word
from verification.fmd.perform import perform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epcis.ledger.store import Transaction
    from verification.acts.request import ActRequest, ScannedThing
    from verification.alerts.guessing import GuessBudget
    from verification.decision.act import Who
    from verification.fmd.perform import OperationAnswer
    from verification.settings import VerificationSettings


def perform_by_registry(
    tx: Transaction,
    act: ActRequest,
    scanned: Sequence[ScannedThing],
    who: Who,
    settings: VerificationSettings,
    *,
    budget: GuessBudget | None = None,
) -> tuple[ActPackAnswer, ...]:
    """Do an act of the registry on every pack, or on none; an answer for each scan."""
    unfit = _unfit(scanned)
    requests = {one.key: _request(act, one) for one in scanned if one.key not in unfit}
    refused = _refused(tx, requests, who, settings)
    asked = refused if unfit or refused else list(requests)
    given = perform(tx, [(requests[key], who) for key in asked], settings.rule_pack, budget)
    answers = dict(zip(asked, given, strict=True))
    if not (unfit or refused) and any(one.http != 200 for one in given):
        # The registry knows more than the facts, as who owns a product: the act is undone whole.
        first = next(one for one in given if one.http != 200)
        raise Problem(409, "Act refused", f"{first.code} {first.serial}: {first.say} Nothing done.")
    return tuple(unfit.get(one.key) or _answer(one, answers.get(one.key)) for one in scanned)


def _unfit(scanned: Sequence[ScannedThing]) -> dict[str, ActPackAnswer]:
    """The answers to scans that name no pack, or name one twice."""
    found: dict[str, ActPackAnswer] = {}
    seen: set[str] = set()
    for one in scanned:
        refusal, what = one.refusal, one.what
        if refusal is None and not is_pack(one.key):
            refusal = ActRefusal.NOT_A_PACK
        if refusal is None and one.key in seen and not one.is_tag:
            refusal = ActRefusal.SCANNED_TWICE
        seen.add(one.key)
        if refusal is not None:
            found[one.key] = ActPackAnswer(
                id=one.key or one.scan,
                scan=one.scan,
                verdict=Word.UNKNOWN if one.refusal else Word.STOP,
                reason=refusal.value,
                say=say_refusal(refusal, what),
                done=False,
            )
    return found


def _request(act: ActRequest, scan: ScannedThing) -> PackRequest:
    operation = KINDS[act.kind].pack_act
    assert operation is not None, "an act of the registry has one"
    code, serial = name_of(scan.key)
    return PackRequest(
        operation=operation,
        code=code,
        serial=serial,
        lot=scan.lot or None,
        expiry=scan.expiry,
        reason=act.reason,
        confirmed=act.confirmed,
        customer=act.customer,
        scanned=act.time,
    )


def _refused(
    tx: Transaction, requests: dict[str, PackRequest], who: Who, settings: VerificationSettings
) -> list[str]:
    """The packs that the one judgement refuses."""
    stops, rows = look(tx, [(one.code, one.serial) for one in requests.values()])
    found = []
    for (key, one), row in zip(requests.items(), rows, strict=True):
        facts = facts_from(tx, one.asked, who, stops, row)
        if not decide(facts, one.wish, settings.rule_pack, tx.now).is_success:
            found.append(key)
    return found


def _answer(scan: ScannedThing, registry_answer: OperationAnswer | None) -> ActPackAnswer:
    if registry_answer is None:
        return ActPackAnswer(
            id=scan.key,
            scan=scan.scan,
            verdict=Word.OK,
            reason=ActRefusal.OTHERS_REFUSED.value,
            say=say_refusal(ActRefusal.OTHERS_REFUSED),
            done=False,
        )
    done = registry_answer.http == 200
    return ActPackAnswer(
        id=scan.key,
        scan=scan.scan,
        verdict=registry_answer.word,
        # Who may not do this learns that, whatever the pack is.
        reason=(
            registry_answer.result
            if registry_answer.reason is Reason.GENUINE and not done
            else registry_answer.reason
        ).value,
        say=registry_answer.say,
        done=done,
    )
