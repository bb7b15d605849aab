"""Saleable returns: scan, verify, decide, and keep the proof that the resale rests on.

DSCSA 582(c)(4)(D): a returned pack may be resold only after its identifier was verified. What could
not be verified waits; it is neither resold nor destroyed for a line that was down.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime  # noqa: TC003  # msgspec reads the annotations at run time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import exists, insert, select

from epcis.database.columns import microseconds, moment_of
from epcis.ledger.entry import LeafKind
from verification.decision.act import TO_LOOK_UP, Asked, ParticipantRole, Who
from verification.decision.decide import decide
from verification.decision.facts import facts_of
from verification.decision.render import Verdict
from verification.decision.words import Reason, Word
from verification.registry.history import subject
from verification.registry.pack_tables import saleable_return
from verification.vrs.ask import answer_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, RowMapping, Select

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from verification.decision.rule_pack import RulePack
    from verification.vrs.ask import PartnerAnswer


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
    question: str | None = None
    """Correlation id of the question that was put to the manufacturer."""
    follows: str | None = None
    """Id of the decision that this one has settled."""


RETURNS_LISTED_MAX = 1000
_SCRAP = (Reason.EXPIRED, Reason.RECALLED, Reason.WITHDRAWN)
_SETTLED_BY_PARTNER = frozenset(
    {
        Reason.GENUINE,
        Reason.EXEMPT,
        Reason.UNKNOWN_PRODUCT,
        Reason.CANNOT_TELL,
        Reason.NOT_COMMISSIONED,
        Reason.LOT_NOT_RECORDED,
        Reason.EXPIRY_NOT_RECORDED,
    }
)
"""Gaps of our own records that the manufacturer's answer closes: it compares lot and expiry."""


def decide_return(
    own: Verdict, partner: PartnerAnswer | None, *, we_sold_it: bool
) -> tuple[Decision, str]:
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
    open_ = [one for one in (own.reason, *own.also) if one not in _SETTLED_BY_PARTNER]
    if open_:
        return Decision.WAIT, open_[0].value
    return Decision.RESELL, "verified"


def _by_ourselves(own: Verdict, *, we_sold_it: bool) -> tuple[Decision, str] | None:
    if own.reason in _SCRAP:
        return Decision.SCRAP, own.reason.value
    if own.word is Word.STOP:
        return Decision.QUARANTINE, own.reason.value
    return None if we_sold_it else (Decision.QUARANTINE, "not sold by us")


def _by_partner(partner: PartnerAnswer) -> tuple[Decision, str] | None:
    if not partner.verified:
        return Decision.QUARANTINE, partner.reason or "not verified"
    if partner.info in ("Expired", "Recalled"):
        return Decision.SCRAP, partner.info
    if partner.info not in (None, "ExpirationExtended"):
        return Decision.QUARANTINE, partner.info
    return None


def keep(
    tx: Transaction,
    own: Verdict,
    partner: PartnerAnswer | None,
    *,
    we_sold_it: bool,
    question: str | None = None,
    follows: str | None = None,
) -> Returned:
    """Decide and keep the decision with everything it rests on."""
    decision, why = decide_return(own, partner, we_sold_it=we_sold_it)
    asked = own.facts.asked
    proof = msgspec.json.encode(
        {
            "asked": {"lot": asked.lot, "expiry": asked.expiry},
            "own": own.as_dict(),
            "partner": partner,
            "we_sold_it": we_sold_it,
            "why": why,
        }
    )
    return_id = secrets.token_hex(12)
    tx.connection.execute(
        insert(saleable_return).values(
            id=return_id,
            gtin=asked.gtin,
            serial=asked.serial,
            at_us=microseconds(tx.now),
            decision=decision.value,
            proof=proof,
            question=question,
            follows=follows,
        )
    )
    tx.log(
        LeafKind.PACK_OPERATION,
        msgspec.json.encode({"return": return_id, "decision": decision}),
        proof,
        subject=subject(asked.gtin, asked.serial),
    )
    return Returned(return_id, asked.gtin, asked.serial, tx.now, decision, why, question, follows)


def settle(tx: Transaction, market: str, rules: RulePack) -> list[Returned]:
    """Decide again about every return that waits and whose question was answered meanwhile."""
    settled = []
    for row in tx.connection.execute(_waiting().limit(RETURNS_LISTED_MAX)).all():
        heard = answer_of(tx, row.question) if row.question else None
        if heard is None or not heard.answered:
            continue
        proof = msgspec.json.decode(bytes(row.proof), type=_Proof)
        asked = Asked(row.gtin, row.serial, proof.asked.lot, proof.asked.expiry)
        who = Who(client="", role=ParticipantRole.WHOLESALER, market=market)
        facts = facts_of(tx, asked, who)
        own = Verdict.of(decide(facts, TO_LOOK_UP, rules, tx.now), facts)
        more = {"question": row.question, "follows": row.id}
        settled.append(keep(tx, own, heard, we_sold_it=proof.we_sold_it, **more))
    return settled


def returns_since(
    snapshot: Snapshot, since: datetime, *, only_waiting: bool = False
) -> list[Returned]:
    """Decided returns, newest first, at most `RETURNS_LISTED_MAX`; settled ones by their last."""
    wanted = _waiting() if only_waiting else select(saleable_return).where(_is_last())
    rows = snapshot.connection.execute(
        wanted.where(saleable_return.c.at_us >= microseconds(since))
        .order_by(saleable_return.c.at_us.desc())
        .limit(RETURNS_LISTED_MAX)
    )
    return [_of_row(row) for row in rows.mappings()]


class _AskedThen(msgspec.Struct):
    """What was printed on the returned pack."""

    lot: str | None = None
    expiry: date | None = None


class _Proof(msgspec.Struct):
    """What a kept decision rests on, as far as it is needed to decide again."""

    why: str
    we_sold_it: bool
    asked: _AskedThen = msgspec.field(default_factory=_AskedThen)


def _is_last() -> ColumnElement[bool]:
    """Whether no later decision follows this one."""
    later = saleable_return.alias("later")
    return ~exists().where(later.c.follows == saleable_return.c.id)


def _waiting() -> Select[*tuple[Any, ...]]:  # all columns
    return select(saleable_return).where(
        saleable_return.c.decision == Decision.WAIT.value, _is_last()
    )


def _of_row(row: RowMapping) -> Returned:
    return Returned(
        row["id"],
        row["gtin"],
        row["serial"],
        moment_of(row["at_us"]),
        Decision(row["decision"]),
        msgspec.json.decode(bytes(row["proof"]), type=_Proof).why,
        row["question"],
        row["follows"],
    )


def proof_for_resale(
    snapshot: Snapshot, gtin: str, serial: str
) -> tuple[Returned, dict[str, object]]:
    """The latest return of a pack and its proof, to show with the resale; LookupError if none."""
    table = saleable_return.c
    row = (
        snapshot.connection.execute(
            select(saleable_return)
            .where(table.gtin == gtin, table.serial == serial)
            .order_by(table.at_us.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )
    if row is None:
        raise LookupError(f"no return of {gtin} {serial} was decided")
    return _of_row(row), msgspec.json.decode(bytes(row["proof"]), type=dict[str, object])
