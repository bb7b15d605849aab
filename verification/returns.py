"""Saleable returns: scan, verify, decide, and keep the proof that the resale rests on.

DSCSA 582(c)(4)(D): a returned pack may be resold only after its identifier was verified. What could
not be verified waits; it is neither resold nor destroyed for a line that was down.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, select

from epcis.ledger.entry import LeafKind
from epcis.store.columns import microseconds, moment_of
from verification.history import subject
from verification.tables import saleable_return
from verification.verdict import Reason, Verdict, Word

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.store.database import Act, View
    from verification.vrs.ask import Heard


class Decision(StrEnum):
    """What becomes of a returned pack."""

    RESELL = "resell"
    WAIT = "wait"
    """Verified by nobody yet: keep it aside, the question is asked again for 24 hours."""
    QUARANTINE = "quarantine"
    """Suspect: start an investigation (582(c)(4)(A))."""
    SCRAP = "scrap"
    """Genuine, but not to be sold: expired or recalled."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A decided return with its proof."""

    id: str
    gtin: str
    serial: str
    at: datetime
    decision: Decision
    why: str


_SCRAP = (Reason.EXPIRED, Reason.RECALLED, Reason.WITHDRAWN)


def decide(own: Verdict, partner: Heard | None, *, we_sold_it: bool) -> tuple[Decision, str]:
    """Decide about a returned pack.

    `own` is our verdict, `partner` what the manufacturer answered (None where it was not asked),
    `we_sold_it` whether the pack is tied to a transaction of ours (582(g)(1)(F)).
    """
    ours = _by_ourselves(own, we_sold_it=we_sold_it)
    if ours is not None:
        return ours
    if partner is None or not partner.answered:
        return Decision.WAIT, partner.why_not if partner else "the manufacturer was not asked"
    theirs = _by_partner(partner)
    if theirs is not None:
        return theirs
    if own.word is not Word.OK:
        return Decision.WAIT, own.reason.value
    return Decision.RESELL, "verified"


def _by_ourselves(own: Verdict, *, we_sold_it: bool) -> tuple[Decision, str] | None:
    if own.reason in _SCRAP:
        return Decision.SCRAP, own.reason.value
    if own.word is Word.STOP:
        return Decision.QUARANTINE, own.reason.value
    return None if we_sold_it else (Decision.QUARANTINE, "not sold by us")


def _by_partner(partner: Heard) -> tuple[Decision, str] | None:
    if not partner.verified:
        return Decision.QUARANTINE, partner.reason or "not verified"
    if partner.info in ("Expired", "Recalled"):
        return Decision.SCRAP, partner.info
    if partner.info not in (None, "ExpirationExtended"):
        return Decision.QUARANTINE, partner.info
    return None


def keep(act: Act, own: Verdict, partner: Heard | None, *, we_sold_it: bool) -> Returned:
    """Decide and keep the decision with everything it rests on."""
    decision, why = decide(own, partner, we_sold_it=we_sold_it)
    asked = own.facts.asked
    proof = msgspec.json.encode(
        {"own": own.as_dict(), "partner": partner, "we_sold_it": we_sold_it, "why": why}
    )
    return_id = secrets.token_hex(12)
    act.connection.execute(
        insert(saleable_return).values(
            id=return_id,
            gtin=asked.gtin,
            serial=asked.serial,
            at_us=microseconds(act.now),
            decision=decision.value,
            proof=proof,
        )
    )
    act.log(
        LeafKind.PACK_OPERATION,
        msgspec.json.encode({"return": return_id, "decision": decision}),
        proof,
        subject=subject(asked.gtin, asked.serial),
    )
    return Returned(return_id, asked.gtin, asked.serial, act.now, decision, why)


def proof_for_resale(view: View, gtin: str, serial: str) -> tuple[Returned, dict[str, object]]:
    """The latest return of a pack and its proof, to show with the resale; LookupError if none."""
    table = saleable_return.c
    row = view.connection.execute(
        select(saleable_return)
        .where(table.gtin == gtin, table.serial == serial)
        .order_by(table.at_us.desc())
        .limit(1)
    ).first()
    if row is None:
        raise LookupError(f"no return of {gtin} {serial} was decided")
    proof = msgspec.json.decode(bytes(row.proof), type=dict[str, object])
    decided = Returned(
        row.id,
        row.gtin,
        row.serial,
        moment_of(row.at_us),
        Decision(row.decision),
        str(proof["why"]),
    )
    return decided, proof
