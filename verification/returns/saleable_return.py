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
from verification.decision.words import Reason, Word, word_of
from verification.registry.history import subject
from verification.registry.pack_tables import saleable_return
from verification.returns.sold import Sale  # noqa: TC001  # msgspec reads it
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
_FINE = frozenset({Reason.GENUINE, Reason.EXEMPT})
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


class ReturnProof(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a returned pack besides the verdicts on it."""

    sale: Sale | None
    """Its last shipment by us, as events prove it (582(g)(1)(F)); None where there is none."""
    is_own_product: bool = False
    """We are its manufacturer, and answer for it ourselves."""
    stored_well: bool | None = None
    """Whether the customer states that it was kept as its label says (GDP 6.3); None: not asked."""
    returned_before: bool = False
    """Its return was decided since that shipment, and it came back then."""


def decide_return(
    own: Verdict, partner: PartnerAnswer | None, known: ReturnProof
) -> tuple[Decision, str]:
    """Decide about a returned pack.

    `own` is our verdict, `partner` what the manufacturer answered (None where it was not asked).
    That the pack is recorded as returned is no news here.
    """
    ours = _by_ourselves(own, known)
    if ours is not None:
        return ours
    if known.is_own_product:
        accepted = _FINE
    elif partner is None or not partner.answered:
        return Decision.WAIT, partner.why_not if partner else "the manufacturer was not asked"
    else:
        theirs = _by_partner(partner)
        if theirs is not None:
            return theirs
        accepted = _SETTLED_BY_PARTNER
    open_ = [one for one in _reasons(own) if one not in accepted]
    return (Decision.WAIT, open_[0].value) if open_ else (Decision.RESELL, "verified")


def _by_ourselves(own: Verdict, known: ReturnProof) -> tuple[Decision, str] | None:
    gravest = _reasons(own)[0]
    if gravest in _SCRAP:
        return Decision.SCRAP, gravest.value
    if word_of(gravest) is Word.STOP:
        return Decision.QUARANTINE, gravest.value
    if known.sale is None:
        return Decision.QUARANTINE, "not sold by us"
    if known.returned_before:
        return Decision.QUARANTINE, "returned before"
    if known.stored_well is False:
        return Decision.QUARANTINE, "no storage statement"
    return None


def _reasons(own: Verdict) -> list[Reason]:
    """What speaks against a pack, gravest first, apart from that it came back."""
    found: list[Reason] = [one for one in (own.reason, *own.also) if one is not Reason.RETURNED]
    return found or [Reason.GENUINE]


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
    known: ReturnProof,
    question: str | None = None,
    follows: str | None = None,
) -> Returned:
    """Decide and keep the decision with everything it rests on."""
    decision, why = decide_return(own, partner, known)
    asked = own.facts.asked
    proof = msgspec.json.encode(
        {
            "asked": {"lot": asked.lot, "expiry": asked.expiry},
            "own": own.as_dict(),
            "partner": partner,
            **msgspec.to_builtins(known),
            "sold": known.sale is not None,
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
        known = ReturnProof(proof.sale, stored_well=proof.stored_well)
        more = {"question": row.question, "follows": row.id}
        settled.append(keep(tx, own, heard, known=known, **more))
    return settled


def was_returned_before(snapshot: Snapshot, gtin: str, serial: str, sale: Sale | None) -> bool:
    """Whether a return of a pack was decided since its last shipment, and it came back then."""
    if sale is None or sale.came_back is None:
        return False
    table = saleable_return.c
    rows = snapshot.connection.scalars(
        select(table.decision).where(
            table.gtin == gtin, table.serial == serial, table.at_us >= microseconds(sale.at)
        )
    )
    return any(one != Decision.WAIT.value for one in rows)


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
    sale: Sale | None = None
    stored_well: bool | None = None
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
