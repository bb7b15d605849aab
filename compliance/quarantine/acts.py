"""The acts `hold` and `release`: quarantines of what was scanned, all of it or nothing."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select

from compliance.duty_tables import quarantine
from compliance.quarantine.quarantine import place_quarantine, release_quarantine
from compliance.quarantine.subject import QuarantineRefused, QuarantineSubject
from epcis.http_context import need_scope
from epcis.problem import Problem
from verification.acts.kinds import KINDS, ActKind
from verification.acts.perform import log_act
from verification.acts.request import ActAnswer, ActPackAnswer, ActRefusal
from verification.acts.scans import scanned_thing
from verification.acts.sentences import say_refusal
from verification.decision.many import is_pack, name_of
from verification.decision.words import Reason, Word

if TYPE_CHECKING:
    from epcis.ledger.store import Transaction
    from verification.acts.perform import ActContext
    from verification.acts.request import ActRequest, ScannedThing


def perform_by_quarantine(tx: Transaction, act: ActRequest, context: ActContext) -> ActAnswer:
    """Place a quarantine of each thing that was scanned, or release the one that is in force.

    Raises `Problem` 409, with nothing done, where the rules of quarantines refuse one of them.
    """
    need_scope(context.caller, KINDS[act.kind].scope)
    scanned = [scanned_thing(one, tx.now.date(), context.recovered) for one in act.scans]
    refused = _refused(tx, act, scanned)
    by = context.caller.name
    try:
        answers = tuple(
            refused.get(at) or _done(tx, act, one, by=by, may=not refused)
            for at, one in enumerate(scanned)
        )
    except QuarantineRefused as fault:
        raise Problem(409, "Act refused", f"{fault}; nothing was done") from None
    number = f"A-{tx.now:%Y%m%d}-{secrets.token_hex(6)}"
    say = "Nothing was done: take what is refused out and send the rest as a new act."
    answer = ActAnswer(
        act=number,
        kind=act.kind,
        done=not refused,
        event=None,
        packs=answers,
        say=say if refused else f"Done: {act.kind.value}, {len(answers)} scans.",
    )
    log_act(tx, act, answer, by=by, overridden=())
    return answer


def _refused(
    tx: Transaction, act: ActRequest, scanned: list[ScannedThing]
) -> dict[int, ActPackAnswer]:
    """The answers to scans that cannot be held or released, by their place in the list."""
    found: dict[int, ActPackAnswer] = {}
    seen: set[str] = set()
    for at, one in enumerate(scanned):
        refusal = one.refusal
        if refusal is None and one.key in seen:
            refusal = ActRefusal.SCANNED_TWICE
        if refusal is None and act.kind is ActKind.RELEASE and not quarantines_of(tx, one.key):
            refusal = ActRefusal.NOT_HELD
        seen.add(one.key)
        if refusal is not None:
            say = say_refusal(refusal, one.what)
            found[at] = _answer(one, Word.UNKNOWN, refusal.value, say, done=False)
    return found


def _done(
    tx: Transaction, act: ActRequest, one: ScannedThing, *, by: str, may: bool
) -> ActPackAnswer:
    if not may:
        others = ActRefusal.OTHERS_REFUSED
        return _answer(one, Word.CHECK, others.value, say_refusal(others), done=False)
    if act.kind is ActKind.HOLD:
        held = place_quarantine(tx, _subject(one.key), reason=act.reason, by=by)
        say = f"In quarantine {held.id}: it may not be moved or sold until it is released."
        return _answer(one, Word.CHECK, Reason.QUARANTINED.value, say, done=True)
    for number in quarantines_of(tx, one.key):
        release_quarantine(tx, number, why=act.reason, by=by)
    return _answer(one, Word.OK, Reason.GENUINE.value, "Released from quarantine.", done=True)


def _subject(key: str) -> QuarantineSubject:
    if is_pack(key):
        gtin, serial = name_of(key)
        return QuarantineSubject.parse("pack", gtin=gtin, serial=serial)
    return QuarantineSubject.parse("case", container=key)


def quarantines_of(tx: Transaction, key: str) -> list[str]:
    """The quarantines that hold just this thing."""
    table = quarantine.c
    about = [table.key == key]
    if is_pack(key):
        gtin, serial = name_of(key)
        about = [table.gtin == gtin, table.serial == serial, table.serial_to == ""]
    wanted = select(table.id).where(table.released_us.is_(None), *about)
    return list(tx.connection.scalars(wanted.order_by(table.id)))


def _answer(
    one: ScannedThing, verdict: Word, reason: str, say: str, *, done: bool
) -> ActPackAnswer:
    return ActPackAnswer(
        id=one.key or one.scan,
        scan=one.scan,
        verdict=verdict,
        reason=reason,
        say=say,
        done=done,
    )
