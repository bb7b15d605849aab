"""The judgement as a page for people: `docs/reference/judgement.md`, made from the code.

`scripts/make_reference.py` writes it, and a test says when it is out of date.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from schemas.dispositions import Condition
from verification.decision.act import CHANGES, Asked, PackAct, Who, Wish
from verification.decision.decide import CONFIRMABLE, decide
from verification.decision.facts import Facts, KnownPack
from verification.decision.rule_pack import shipped
from verification.decision.words import (
    OF_CONDITION,
    OF_STATE,
    Doubt,
    LotState,
    PackState,
    ProductState,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOW = datetime(2026, 1, 15, tzinfo=UTC)
_GOOD, _OVER = date(2027, 5, 31), date(2025, 12, 31)
_HERE = "/414/0000000000000"
_ASKED = Asked("05901234123457", "S1", "L1", _GOOD)
_EU = "2016/161 Art."

_STATE_SOURCES = {
    PackState.SUPPLIED: f"CBV dispensed, retail_sold; {_EU} 25",
    PackState.DESTROYED: f"CBV destroyed, disposed; {_EU} 22(c)",
    PackState.EXPORTED: f"{_EU} 22(a)",
    PackState.SAMPLE: f"{_EU} 22(d)",
    PackState.FREE_SAMPLE: f"{_EU} 41",
    PackState.LOCKED: "urn:packtrail:disp:locked; EMVS state Locked",
    PackState.STOLEN: f"CBV stolen; {_EU} 40(b)",
    PackState.CHECKED_OUT: f"CBV repackaging; {_EU} 16",
    PackState.DECOMMISSIONED: "CBV inactive, decommissioning",
    PackState.UNCOMMISSIONED: f"no commissioning recorded; {_EU} 33",
}
_CONDITION_SOURCES = {
    Condition.MISMATCH: "CBV mismatch_class, mismatch_instance, mismatch_quantity",
    Condition.NOT_SELLABLE: "CBV non_sellable_other",
    Condition.NOT_COMMISSIONED: "CBV encoded, reserved",
    Condition.CONDITION_UNKNOWN: "CBV unknown",
    Condition.RECALLED_HERE: "our own: a recall opened here, lifted by taking it back alone",
    Condition.QUARANTINED_HERE: "our own: a quarantine placed here, lifted by its release alone",
    Condition.QUARANTINED: "words of files beside the standard: quarantine, hold",
    Condition.SENSOR_ALARM: "EPCIS 2.0 sensorReport, ALARM_CONDITION",
    Condition.SEEN_AFTER_END: f"an event after the end; {_EU} 12",
    Condition.RETURNED_AFTER_END: "CBV returned after dispensed",
    Condition.LOT_CONFLICT: "two lots in ILMD, master data or upload; DSCSA 581(14)",
    Condition.EXPIRY_CONFLICT: "two expiry dates; DSCSA 581(14)",
    Condition.COMMISSIONED_TWICE: f"a second commissioning; {_EU} 4(d)",
}


class Situation(NamedTuple):
    """One fact about a pack that is fine besides, and where its meaning is laid down."""

    name: str
    source: str
    facts: Facts


def situations() -> Iterator[Situation]:
    """Every fact that the engine knows, each alone."""
    yield Situation("nothing against it", f"{_EU} 10, 11", _facts())
    unknown = Facts(_ASKED, None)
    yield Situation("serial number not known", f"{_EU} 11, 36(b)", unknown)
    yield Situation(
        "product not known", f"{_EU} 33", Facts(_ASKED, None, product_known=False, lot_known=False)
    )
    yield Situation(
        "a repository that may know it is silent",
        f"{_EU} 34",
        Facts(_ASKED, None, is_peer_silent=True),
    )
    yield Situation("another lot on record", f"{_EU} 36(b)", _facts(pack=_pack(lot="L2")))
    yield Situation(
        "another expiry on record", f"{_EU} 36(b)", _facts(pack=_pack(expiry=date(2027, 6, 30)))
    )
    yield Situation("no lot on record", "decision 0096", _facts(pack=_pack(lot=None)))
    yield Situation("no expiry on record", "decisions 0087, 0096", _facts(pack=_pack(expiry=None)))
    over = Facts(Asked("05901234123457", "S1", "L1", _OVER), _pack(expiry=_OVER))
    yield Situation("past its expiry", f"CBV expired; {_EU} 13(1)(c)", over)
    yield Situation(
        "illegitimate case", "DSCSA 581(8), 582(c)(4)(B)", _facts(doubt=Doubt.ILLEGITIMATE)
    )
    yield Situation("recalled range", "21 CFR 7.42", _facts(doubt=Doubt.RECALLED))
    yield Situation("suspect case", "DSCSA 581(21), 582(c)(4)(A)", _facts(doubt=Doubt.SUSPECT))
    yield Situation("quarantined here", "DSCSA 582(c)(4)(A)", _facts(doubt=Doubt.QUARANTINED))
    yield Situation("product withdrawn", f"{_EU} 40", _facts(product_state=ProductState.WITHDRAWN))
    for state in LotState:
        if state is not LotState.ACTIVE:
            yield Situation(f"lot {state.value}", f"{_EU} 40", _facts(lot_state=state))
    yield Situation("lot exempt from safety features", f"{_EU} 2; A74", _facts(exempt=True))
    for own in OF_STATE:
        yield Situation(f"state {own.value}", _STATE_SOURCES[own], _facts(pack=_pack(state=own)))
    yield Situation("marked stolen", f"{_EU} 40(b)", _facts(pack=_pack(stolen=True)))
    for condition in OF_CONDITION:
        source = _CONDITION_SOURCES.get(condition, f"CBV {condition.value}")
        yield Situation(f"condition {condition.value}", source, _condition(condition.value))
    reading = ("Temperature 11.5 CEL, above the limit",)
    yield Situation(
        "a sensor reading beyond the product's limits, or not comparable",
        "EPCIS 2.0 sensorReport; setting of the product",
        msgspec.structs.replace(_facts(), readings=reading),
    )
    yield Situation(
        "a disposition that nobody knows", "decision 0096", _condition("unknown_disposition:wet")
    )


def _pack(
    state: PackState = PackState.ACTIVE,
    lot: str | None = "L1",
    expiry: date | None = _GOOD,
    conditions: tuple[str, ...] = (),
    *,
    stolen: bool = False,
) -> KnownPack:
    return KnownPack(
        state,
        lot,
        expiry,
        conditions=conditions,
        since=_NOW - timedelta(hours=1),
        location=_HERE,
        authorisation=_HERE,
        stolen=stolen,
    )


def _facts(
    pack: KnownPack | None = None,
    *,
    doubt: Doubt | None = None,
    product_state: ProductState = ProductState.ACTIVE,
    lot_state: LotState = LotState.ACTIVE,
    exempt: bool = False,
) -> Facts:
    return Facts(
        _ASKED,
        pack or _pack(),
        doubt=doubt,
        product_state=product_state,
        lot_state=lot_state,
        exempt=exempt,
    )


def _condition(condition: str) -> Facts:
    state = PackState.ACTIVE
    if condition in (Condition.SEEN_AFTER_END, Condition.RETURNED_AFTER_END):
        state = PackState.SUPPLIED
    return _facts(pack=_pack(state=state, conditions=(condition,)))


def cell(facts: Facts, act: PackAct) -> str:
    """Whether the shipped rules and the core let a client that may do an act do it to a pack."""
    rules = shipped()
    role = min(rules.roles[act.value])
    who = Who(client="c", role=role, location=_HERE, authorisation=_HERE)
    asked = msgspec.structs.replace(facts, who=who)
    if decide(asked, Wish(act), rules, _NOW).may_proceed:
        return "yes"
    return "confirm" if decide(asked, Wish(act, confirmed=True), rules, _NOW).may_proceed else "no"


def page() -> str:
    """The whole page, Markdown."""
    confirmable = ", ".join(sorted(f"`{reason.value}`" for reason in CONFIRMABLE))
    acts = [act for act in CHANGES if act is not PackAct.PARTIAL_SUPPLY]
    head = ["What is known", "Verdict", "Reason", *(act.value for act in acts), "Source"]
    lines = [
        "# What is answered about a pack, and which acts go through",
        "",
        "<!-- Made by scripts/make_reference.py; do not edit by hand. -->",
        "",
        "Each row is a pack that is fine but for one fact. `yes`: the act goes through for a",
        "client whose role may do it, at the premises and in the time the law asks for.",
        "`confirm`: it is refused unless the caller sends `confirmed: true` with a `reason`",
        "(decision 0096). Of several facts the gravest gives the verdict, and an act goes through",
        f"only where all of them let it. A person may confirm: {confirmable}.",
        "`partial-supply` is judged as `supply`.",
        "A pack of an exempt lot may be supplied, and no act is recorded for it.",
        "",
        f"Rule pack: {shipped().title}. A country's pack may be stricter, never laxer.",
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
    ]
    for one in situations():
        judgement = decide(one.facts, Wish(PackAct.VERIFY), shipped(), _NOW)
        reasons = ", ".join(f"`{reason.value}`" for reason in judgement.reasons)
        cells = [cell(one.facts, act) for act in acts]
        row = [one.name, judgement.verdict.value, reasons, *cells, one.source]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"
