"""Rules S over a shipping event: parties, ownership, locations and business documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from compliance.rules.catalogue import GuidelineRelease
from compliance.rules.header import gln_of
from compliance.rules.products import places_stated, products_stated
from compliance.rules.shipped_file import named
from schemas import cbv
from schemas.finding import Severity, Where
from schemas.gs1.content_rules import has_check_digit
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.rules.catalogue import Findings
    from compliance.rules.shipped_file import ShippedFile, ShippedStep, Trade
    from epcis.model import Event, Header, Node
    from schemas.finding import Finding

_DOCUMENT: Final = re.compile(r"urn:epcglobal:cbv:bt:(?P<gln>[^:]*):(?P<number>.+)\Z")
_ROLES: Final = ("owning_party", "location")
_YES_NO: Final = frozenset({"true", "false", "1", "0"})
_QUALIFIERS: Final = frozenset({"ENTIRELY_DIRECT", "PARTIALLY_DIRECT"})


def judge_trade(event: Event, step: ShippedStep, trade: Trade, say: Findings) -> Iterator[Finding]:
    """Check what a shipping event says about the change of ownership."""
    yield from _parties(trade, say)
    yield from _papers(event, step, trade, say)
    yield from _drop_shipment(event, step, trade, say)
    yield from _direct_purchase(event, step, say)
    yield from _left_from(step, trade, say)


def _parties(trade: Trade, say: Findings) -> Iterator[Finding]:
    for role, rule in zip(_ROLES, ("S05", "S06"), strict=True):
        for side, parties in (("source", trade.sources), ("destination", trade.destinations)):
            if not parties.get(role, "").strip():
                yield say.found(
                    rule,
                    f"the shipment names no {role} in its {side}List",
                    f"Add a {side} of type {cbv.urn('sdt', role)}.",
                    trade.where,
                )
    seller, buyer = trade.sources.get("owning_party"), trade.destinations.get("owning_party")
    places = [side for side in (trade.sources, trade.destinations) if side]
    if places and not any("owning_party" in side for side in places):
        yield say.found(
            "S07",
            "the shipment names places or holders, and no owner on either side",
            "Say who sells and who buys: the places alone do not tell.",
            trade.where,
        )
    if seller and buyer and canonical_key(seller) == canonical_key(buyer):
        yield say.found(
            "S08",
            f"{seller} ships to itself",
            "A move within one company is no transaction; send it without a statement.",
            trade.where,
        )
    for party in (seller, buyer):
        if party is not None and "/254/" in canonical_key(party):
            yield say.found(
                "I09",
                f"the owning party {party} has an extension",
                "Name the company, with the extension 0; docks belong to locations.",
                trade.where,
            )


def judge_sellers(file: ShippedFile, header: Header, say: Findings) -> Iterator[Finding]:
    """Check that a wholesaler declares how it bought the goods; their manufacturer need not.

    A seller counts as the manufacturer where the GTINs carry its company prefix or its name.
    """
    names = {gln_of(uri): facts.get("name", "") for uri, facts in places_stated(header)}
    makers = {
        _plain(facts["manufacturerOfTradeItemPartyName"])
        for _, facts in products_stated(header)
        if facts.get("manufacturerOfTradeItemPartyName")
    }
    prefixes = {head.split(":")[-1].split(".")[0] for head in file.heads if ":sgtin:" in head}
    for trade in file.trades:
        seller = trade.sources.get("owning_party", "")
        if trade.tells_direct_purchase or not seller.startswith("urn:epc:id:") or not prefixes:
            continue
        name = _plain(names.get(gln_of(seller), ""))
        is_named = any(name and (name in maker or maker in name) for maker in makers)
        if seller.split(":")[-1].split(".")[0] not in prefixes and not is_named:
            yield say.found(
                "S14",
                f"{seller} sells goods of another maker and does not say how it bought them",
                "A wholesaler adds gs1ushc:directPurchase, or states that it bought indirectly.",
                trade.where,
            )


def judge_advices(file: ShippedFile, say: Findings) -> Iterator[Finding]:
    """Check that shipments with one despatch advice go from one seller to one buyer."""
    first_of: dict[str, Trade] = {}
    for trade in file.trades:
        for advice in trade.advices:
            first = first_of.setdefault(advice, trade)
            if _ends(first) != _ends(trade):
                yield say.found(
                    "S11",
                    f"{advice} stands for two shipments to different parties",
                    "Give each shipment the number of its own despatch advice.",
                    trade.where,
                )


def _ends(trade: Trade) -> tuple[dict[str, str], dict[str, str]]:
    return trade.sources, trade.destinations


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _left_from(step: ShippedStep, trade: Trade, say: Findings) -> Iterator[Finding]:
    """Check that goods leave from a place of the seller, or from the named source location."""
    place = gln_of(step.read_point)
    own = {gln_of(party) for party in trade.sources.values()}
    others = {gln_of(party) for party in trade.destinations.values()} - own
    if place in others:
        yield say.found(
            "S25",
            f"the goods leave from {step.read_point}, a place of the receiving side",
            "Name the seller's own place as readPoint.",
            Where(line=step.where.line, path=f"{step.where.path}/readPoint"),
        )


def _papers(event: Event, step: ShippedStep, trade: Trade, say: Findings) -> Iterator[Finding]:
    kinds: dict[str, list[str]] = {}
    for paper in event.biz_transactions or ():
        kinds.setdefault(cbv.bare("btt", paper.type or ""), []).append(paper.id)
        yield from _paper_number(paper.id, step, say)
    strange = [kind for kind in kinds if not kind or _is_unknown(kind)]
    if strange:
        yield say.found(
            "S10",
            f"a business transaction is of the kind '{strange[0]}'"
            if strange[0]
            else "a business transaction does not say what it is",
            "Give its type, as urn:epcglobal:cbv:btt:po.",
            _papers_of(step),
        )
    lacking = [
        name for kind, name in (("po", "order"), ("desadv", "despatch advice")) if kind not in kinds
    ]
    if lacking:
        yield say.found(
            "S09",
            f"the shipment names no {' and no '.join(lacking)}",
            "Name them in bizTransactionList, qualified by the GLN of who wrote them.",
            _papers_of(step),
        )
    for kind, side, parties in (
        ("po", "buyer", trade.destinations),
        ("desadv", "seller", trade.sources),
    ):
        yield from _written_by(kinds.get(kind, []), side, parties, step, say)


def _is_unknown(kind: str) -> bool:
    """Whether a kind of paper is no word of the standard; partners' own URIs are their affair."""
    is_ours = ":" not in kind or kind.startswith(cbv.urn("btt", ""))
    return is_ours and not cbv.is_standard("btt", kind)


def _paper_number(paper: str, step: ShippedStep, say: Findings) -> Iterator[Finding]:
    parts = _DOCUMENT.match(paper)
    if parts is None or not parts["gln"].isdigit():
        return
    if len(parts["gln"]) != 13 or not has_check_digit(parts["gln"]):
        yield say.found(
            "I02",
            f"{paper} is qualified by {parts['gln']}, which is no GLN",
            "A GLN has 13 digits, the last of which checks the others.",
            _papers_of(step),
        )


def _written_by(
    papers: list[str], side: str, parties: dict[str, str], step: ShippedStep, say: Findings
) -> Iterator[Finding]:
    glns = {gln_of(party) for party in parties.values()}
    for paper in papers:
        parts = _DOCUMENT.match(paper)
        if glns and (parts is None or parts["gln"] not in glns):
            yield say.found(
                "S09",
                f"{paper} is not qualified by the {side}'s GLN",
                f"Write urn:epcglobal:cbv:bt:{min(glns)}:number.",
                _papers_of(step),
            )


def _papers_of(step: ShippedStep) -> Where:
    return Where(line=step.where.line, path=f"{step.where.path}/bizTransactionList")


def _drop_shipment(
    event: Event, step: ShippedStep, trade: Trade, say: Findings
) -> Iterator[Finding]:
    statements = [node.text.lower() for node in named(event.extensions, "dropShipment")]
    if not statements:
        yield say.found(
            "S12",
            "the shipping event does not say whether it is a drop shipment",
            "Add gs1ushc:dropShipment true or false after its <extension>.",
            step.where,
        )
        return
    if statements[0] not in _YES_NO:
        yield say.found(
            "S12", f"dropShipment is '{statements[0]}'", "Write true or false.", step.where
        )
    buyer, place = trade.destinations.get("owning_party"), trade.destinations.get("location")
    goes_to_buyer = place is None or (buyer is not None and gln_of(place) == gln_of(buyer))
    is_drop = statements[0] in ("true", "1")
    if is_drop and not goes_to_buyer and _prefix(place or "") == _prefix(buyer or ""):
        yield say.found(
            "S13",
            f"the drop shipment goes to {place}, a place of the buyer {buyer} itself",
            "Check who gets the goods: a drop shipment goes straight to somebody else.",
            step.where,
            Severity.WARNING,
        )
    if is_drop and goes_to_buyer:
        yield say.found(
            "S13",
            "the drop shipment goes to the buyer itself, or nowhere",
            "Name the dispenser who gets the goods as destination of type location.",
            step.where,
        )


def _prefix(party: str) -> str:
    """The company prefix of a party's URN; the text itself where it is none."""
    return party.rpartition(":")[2].partition(".")[0] if party.startswith("urn:") else party


def _direct_purchase(event: Event, step: ShippedStep, say: Findings) -> Iterator[Finding]:
    for node in named(event.extensions, "directPurchase"):
        qualifier = next((v for _, name, v in node.attributes if name == "qualifier"), "")
        if say.profile is GuidelineRelease.R1_3 and qualifier not in _QUALIFIERS:
            yield say.found(
                "S14",
                f"directPurchase has the qualifier '{qualifier}'",
                f"Write {' or '.join(sorted(_QUALIFIERS))}.",
                step.where,
            )
        if qualifier == "PARTIALLY_DIRECT":
            yield from _indirect(node, event, step, say)


def _indirect(node: Node, event: Event, step: ShippedStep, say: Findings) -> Iterator[Finding]:
    holders = [*named(node.children, "indirectPurchaseEPCs")]
    holders += named(event.extensions, "indirectPurchaseEPCs")
    epcs = [epc.text for holder in holders for epc in named(holder.children, "epc")]
    if not epcs:
        yield say.found(
            "S14",
            "a partially direct purchase does not list what was bought indirectly",
            "Add gs1ushc:indirectPurchaseEPCs.",
            step.where,
        )
    strangers = [epc for epc in epcs if canonical_key(epc) not in step.ids]
    if strangers:
        yield say.found(
            "S15",
            f"{strangers[0]} was bought indirectly and is not shipped by this event",
            "List EPCs of the shipment only.",
            step.where,
        )
