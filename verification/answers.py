"""Answer what was asked in one round: verdicts, pack operations, partners' questions; one act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from verification import history
from verification.fmd.perform import Answer, perform
from verification.guessing import count_unknown, is_spent, veiled
from verification.participants import who_is
from verification.stops import current_stops
from verification.verdict import Asked, Reason, Verdict, verdict
from verification.verify import facts, keep_verdicts
from verification.vrs.respond import Response, respond

if TYPE_CHECKING:
    from epcis.desk import Caller
    from epcis.store.database import Act, View
    from verification.fmd.operation import PackRequest
    from verification.settings import VerificationSettings
    from verification.vrs.question import Question

_OWNER = "SELECT owner FROM product WHERE code = ?"
_OWNER_POSTGRESQL = _OWNER.replace("?", "%s")


@dataclass(frozen=True, slots=True)
class Verification:
    """A pack to be verified for a caller."""

    asked: Asked
    caller: Caller


@dataclass(frozen=True, slots=True)
class OperationWanted:
    """A pack operation that a caller wants."""

    request: PackRequest
    caller: Caller


@dataclass(frozen=True, slots=True)
class PartnerQuestion:
    """A trading partner's verification question."""

    question: Question
    caller: Caller
    credential: str = "not_checked"
    """What was found out about the requester's credential."""


@dataclass(frozen=True, slots=True)
class HeardFromPeer:
    """An operation on a pack that another repository answered for; it is only kept here."""

    request: PackRequest
    caller: Caller
    answer: Answer


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """No answer: the caller has guessed too often today and must prove who it is."""


@dataclass(frozen=True, slots=True)
class NotOurs:
    """No answer: this product is not answered for here."""


Wanted = Verification | OperationWanted | PartnerQuestion | HeardFromPeer
Told = Verdict | Answer | Response | BudgetSpent | NotOurs


def answer_round(act: Act, round_: list[Wanted], settings: VerificationSettings) -> list[Told]:
    """An answer for each request, in order; what was answered is kept in the act."""
    told: dict[int, Told] = {}
    operations: list[tuple[int, OperationWanted]] = []
    entries: list[history.Entry] = []
    for at, wanted in enumerate(round_):
        if isinstance(wanted, OperationWanted):
            operations.append((at, wanted))
        elif isinstance(wanted, HeardFromPeer):
            told[at] = wanted.answer
            entries.append(_peer_entry(wanted))
        elif _is_spent(act, wanted, settings):
            told[at] = BudgetSpent()
        elif isinstance(wanted, Verification):
            told[at] = _verify(act, wanted, settings)
        else:
            told[at] = _respond(act, wanted, settings, entries)
    if entries:
        history.keep(act, entries)
    verdicts = [
        (answer, wanted.caller.name, wanted.caller.party or "")
        for wanted, answer in ((round_[at], told[at]) for at in told)
        if isinstance(wanted, Verification) and isinstance(answer, Verdict)
    ]
    if verdicts:
        keep_verdicts(act, verdicts)
    if operations:
        stops = current_stops(act)
        requests = [(one.request, who_is(stops, one.caller, settings)) for _, one in operations]
        answers = perform(act, requests, settings.rule_pack)
        told.update(zip((at for at, _ in operations), answers, strict=True))
    return [told[at] for at in range(len(round_))]


def _verify(act: Act, wanted: Verification, settings: VerificationSettings) -> Verdict:
    answer = verdict(facts(act, wanted.asked, settings.market), act.now)
    if answer.reason is Reason.UNKNOWN_SERIAL:
        _count(act, wanted, wanted.asked.gtin, settings)
    return answer if owns(act, wanted.caller, wanted.asked.gtin) else veiled(answer)


def _respond(
    act: Act, wanted: PartnerQuestion, settings: VerificationSettings, entries: list[history.Entry]
) -> Response | NotOurs:
    question = wanted.question
    expiry = question.expiry.last_day if question.expiry else None
    known = facts(act, Asked(question.gtin, question.serial, question.lot, expiry))
    if not known.product_known:
        return NotOurs()
    response = respond(question, known, act.now, policy=settings.vrs_policy)
    if known.pack is None:
        _count(act, wanted, question.gtin, settings)
    entries.append(_entry(wanted, response))
    return response


def _entry(wanted: PartnerQuestion, response: Response) -> history.Entry:
    question = wanted.question
    result = response.reason or (response.info or "verified")
    record = msgspec.json.encode(
        {
            "question": {
                "corrUUID": question.corr_uuid,
                "gtin": question.gtin,
                "serial": question.serial,
                "lot": question.lot,
                "exp": question.expiry.text if question.expiry else None,
                "reqGLN": question.requester,
                "context": question.context,
                "ctrlPossessAtt": question.in_possession,
                "email": question.email,
                "telephone": question.telephone,
                "version": question.version,
            },
            "verified": response.verified,
            "reason": response.reason,
            "info": response.info,
            "rule": response.rule,
            "credential": wanted.credential,
        }
    )
    return history.Entry(
        question.gtin,
        question.serial,
        "vrs",
        str(result),
        wanted.caller.name,
        f"/414/{question.requester}",
        record,
        rules=None,
    )


def _peer_entry(wanted: HeardFromPeer) -> history.Entry:
    request, answer = wanted.request, wanted.answer
    return history.Entry(
        request.code,
        request.serial,
        request.operation.value,
        answer.result.value,
        wanted.caller.name,
        wanted.caller.party or "",
        msgspec.json.encode({"request": request, "peer": answer}),
        scanned=request.scanned,
        alert=answer.alert,
    )


def owns(view: View, caller: Caller, gtin: str) -> bool:
    """Whether a caller may learn what is recorded: the house itself, or the product's owner."""
    if caller.party is None:
        return True
    statement = _OWNER if view.is_sqlite else _OWNER_POSTGRESQL
    row = view.driver.execute(statement, (gtin,)).fetchone()
    return row is not None and row[0] == caller.party


def _client(wanted: Verification | PartnerQuestion) -> str:
    """Who is counted: behind one router's key stand many requesters."""
    if isinstance(wanted, PartnerQuestion):
        return f"{wanted.caller.name} {wanted.question.requester}"
    return wanted.caller.name


def _is_spent(
    act: Act, wanted: Verification | PartnerQuestion, settings: VerificationSettings
) -> bool:
    if isinstance(wanted, Verification) and wanted.caller.party is None:
        return False
    gtin = wanted.asked.gtin if isinstance(wanted, Verification) else wanted.question.gtin
    return is_spent(
        act,
        client=_client(wanted),
        gtin=gtin,
        address=wanted.caller.client,
        day=act.now.date().isoformat(),
        answers_max=settings.unknown_answers_a_day,
    )


def _count(
    act: Act,
    wanted: Verification | PartnerQuestion,
    gtin: str,
    settings: VerificationSettings,
) -> None:
    count_unknown(
        act,
        client=_client(wanted),
        gtin=gtin,
        address=wanted.caller.client,
        day=act.now.date().isoformat(),
        answers_max=settings.unknown_answers_a_day,
    )
