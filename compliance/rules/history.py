"""Rules over what was known before a file: earlier files, partners, licences, holds and recalls.

What is shipped is weighed by the one judgement that every other door asks (`weigh`), as of the
time of the shipment; `RULE_OF_REASON` says which rule names each of its reasons.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from compliance.rules.header import HEADER, SBDH, gln_of
from compliance.rules.known import is_made, receiver, sender_and_instance
from compliance.rules.products import PRODUCT, gtin_of, products_stated
from compliance.rules.shipped_file import is_sgtin, is_sscc
from epcis.store.item_status import ItemStatus
from schemas.finding import Severity, Where
from verification.decision.words import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.partners.licences import Licence
    from compliance.rules.catalogue import Findings
    from compliance.rules.known import KnownBefore
    from compliance.rules.shipped_file import ShippedFile, ShippedStep, Trade
    from epcis.model import Header
    from schemas.finding import Finding

RULE_OF_REASON: Final = {
    Reason.ILLEGITIMATE: "S03",
    Reason.WITHDRAWN: "S03",
    Reason.RECALLED: "S03",
    Reason.SUSPECT: "S03",
    Reason.HELD: "S03",
    Reason.QUARANTINED: "S03",
    Reason.LOCKED: "S03",
    Reason.EXPIRED: "L07",
    Reason.LOT_CONFLICT: "S23",
    Reason.EXPIRY_CONFLICT: "S23",
    Reason.COMMISSIONED_TWICE: "S23",
    Reason.SEEN_AFTER_END: "S02",
    Reason.STOLEN: "S02",
    Reason.DISPENSED: "S02",
    Reason.DESTROYED: "S02",
    Reason.EXPORTED: "S02",
    Reason.SAMPLE: "S02",
    Reason.FREE_SAMPLE: "S02",
    Reason.CHECKED_OUT: "S02",
    Reason.DECOMMISSIONED: "S02",
    Reason.RETURNED: "S20",
    Reason.RETURNED_AFTER_END: "S20",
}
"""The rule that says of a shipped pack what the judgement has against it."""

_HINTS: Final = {
    "S02": "Hold the shipment and find out what it contains.",
    "S03": "Do not take it into stock: quarantine it, and ask who stopped it.",
    "L07": "Expired product may not be sold: stop the shipment.",
    "S20": "Verify the returned pack before it is sold again, and record that.",
    "S23": "One of two packs is false: quarantine it and ask its maker.",
}
YEAR: Final = timedelta(days=365)
FAULTY_SHARE_MAX: Final = 0.2
"""Share of a partner's documents that may be faulty."""
DOCUMENTS_MIN: Final = 5
"""Fewer documents of a partner tell nothing about it."""
MONTH: Final = timedelta(days=30)


def judge_history(
    file: ShippedFile, header: Header, known: KnownBefore, say: Findings
) -> Iterator[Finding]:
    """Compare a file with what was known before it; `known.gather` came first."""
    is_again = known.was_received() or known.is_known_whole()
    yield from _documents(header, known, say)
    yield from _parties(file, header, known, say)
    yield from _products(header, known, say)
    if is_again:
        return  # its own events are the history by now
    for step in file.in_time():
        if step.biz_step == "commissioning":
            yield from _commissioned(step, known, say)
        elif step.biz_step == "packing" and step.action == "ADD":
            yield from _packed(step, file, known, say)
        elif step.disposition == "returned":
            yield from _returned(step, file, known, say)
    by_where = {trade.where: trade for trade in file.trades}
    for step in file.in_time():
        if step.biz_step == "shipping" and step.where in by_where:
            yield from _shipped(step, by_where[step.where], file, known, say)


def _documents(header: Header, known: KnownBefore, say: Findings) -> Iterator[Finding]:
    if known.was_received():
        yield say.found(
            "D06",
            "the same bytes were received before",
            "Nothing is stored twice: send it again only if an answer is missing.",
        )
    elif known.is_known_whole():
        yield say.found(
            "D08",
            "every event of the file was captured before",
            "Check whether the right file was sent.",
        )
    sender, instance = sender_and_instance(header)
    if not sender:
        return
    theirs = [one for one in known.latest_documents() if one.sender == sender]
    if any(one.instance == instance and one.digest != known.digest for one in theirs if instance):
        yield say.found(
            "D07",
            f"{sender} sent another document with the InstanceIdentifier {instance} before",
            "Give each document a number of its own.",
            Where(path=f"{SBDH}/DocumentIdentification/InstanceIdentifier"),
        )
    recent = [one for one in theirs if theirs[0].received - one.received <= MONTH]
    faulty = sum(one.is_faulty for one in recent)
    if len(recent) >= DOCUMENTS_MIN and faulty > FAULTY_SHARE_MAX * len(recent):
        yield say.found(
            "P10",
            f"{faulty} of the last {len(recent)} documents of {sender} were faulty",
            "Go through the findings with the partner.",
            Where(path=f"{SBDH}/Sender"),
        )


def _parties(
    file: ShippedFile, header: Header, known: KnownBefore, say: Findings
) -> Iterator[Finding]:
    target = receiver(header)
    if known.ours and target and target not in known.ours:
        yield say.found(
            "H03",
            f"the file is for {target}, which is not us",
            "Send it back, or enter the GLN among our own.",
            Where(path=f"{SBDH}/Receiver/Identifier"),
        )
    sender, _ = sender_and_instance(header)
    unknown: set[str] = set()
    for trade in file.trades:
        seller, buyer = (
            gln_of(side.get("owning_party", "")) for side in (trade.sources, trade.destinations)
        )
        for rule, gln in {("H06", sender), ("H06", seller), ("S16", buyer)}:
            if not gln or gln in known.ours or gln in unknown:
                continue
            held = known.licences_of(gln)
            if held:
                yield from _authorized(rule, gln, trade, held, say)
                continue
            unknown.add(gln)
            yield say.found(
                "P05",
                f"{gln} is no partner on record: no licence of it was entered",
                "Enter its licence, or refuse the shipment.",
                trade.where,
            )


def _authorized(
    rule: str, gln: str, trade: Trade, held: list[Licence], say: Findings
) -> Iterator[Finding]:
    if trade.at is not None and not any(one.authorizes_on(trade.at.date()) for one in held):
        yield say.found(
            rule,
            f"{gln} held no licence that authorizes it on {trade.at.date().isoformat()}",
            "Only authorized partners may trade: ask for its licence before the goods move.",
            trade.where,
        )


def _products(header: Header, known: KnownBefore, say: Findings) -> Iterator[Finding]:
    for uri, stated in products_stated(header):
        ours = known.product(gtin_of(uri) or "")
        differing = [
            name
            for key, name in PRODUCT.items()
            if stated.get(key) and ours.get(key) and stated[key].strip() != ours[key].strip()
        ]
        if differing:
            yield say.found(
                "M12",
                f"{uri} differs from our own records in {', '.join(differing)}",
                "Find out which is right: transaction information is made from it.",
                Where(path=f"{HEADER}/VocabularyElement[@id='{uri}']"),
            )


def _commissioned(step: ShippedStep, known: KnownBefore, say: Findings) -> Iterator[Finding]:
    alive = [key for key in step.ids if key in known.things]
    reused = [key for key in alive if is_sscc(key)]
    reused = [key for key in reused if step.at - known.things[key].last_event_time < YEAR]
    twice = [key for key in alive if is_sgtin(key) and is_made(known.things[key])]
    if reused:
        yield say.found(
            "G07",
            f"{_first(reused)} is commissioned within a year of its last use",
            "An SSCC is not given again within a year: number the unit anew.",
            step.where,
        )
    if twice:
        yield say.found(
            "S23",
            f"{_first(twice)} was commissioned before, by an event of another file",
            _HINTS["S23"],
            step.where,
        )


def _packed(
    step: ShippedStep, file: ShippedFile, known: KnownBefore, say: Findings
) -> Iterator[Finding]:
    freed = {
        key
        for other in file.steps
        if other.kind == "AggregationEvent" and other.action == "DELETE" and other.at <= step.at
        for key in (*other.ids, other.parent)
    }
    inside = [
        key
        for key in step.ids
        if key in known.things
        and known.things[key].parent not in (None, step.parent)
        and key not in freed
        and known.things[key].parent not in freed
    ]
    if inside:
        yield say.found(
            "G04",
            f"{_first(inside)} is still in {known.things[inside[0]].parent}, by earlier files",
            "Unpack it there first, or find out where it is.",
            step.where,
        )


def _returned(
    step: ShippedStep, file: ShippedFile, known: KnownBefore, say: Findings
) -> Iterator[Finding]:
    sold = {key for trade in file.trades for key in trade.ids}
    unsold = [key for key in step.ids if key not in sold and key not in known.things]
    if unsold:
        yield say.found(
            "S19",
            f"{_first(unsold)} comes back and was never sold, as far as is known",
            "A return is accepted only with the transaction information of its sale.",
            step.where,
        )


def _shipped(
    step: ShippedStep, trade: Trade, file: ShippedFile, known: KnownBefore, say: Findings
) -> Iterator[Finding]:
    inside = list(_contents(step.ids, file, known))
    yield from _custody(step, trade, known, say)
    shipped = {
        key: (one.lot, one.expires)
        for one in file.steps
        if one.biz_step == "commissioning"
        for key in one.ids
    }
    packs = [(key, *shipped.get(key, ("", ""))) for key in inside if is_sgtin(key)]
    by_rule: dict[tuple[str, str], list[str]] = defaultdict(list)
    exempt: list[str] = []
    for key, reasons, facts in known.against(packs, step.at):
        if facts.exempt:
            exempt.append(key)
        for reason in reasons:
            if reason in RULE_OF_REASON and not (reason is Reason.EXPIRED and shipped.get(key)):
                by_rule[RULE_OF_REASON[reason], reason.value.replace("-", " ")].append(key)
    for (rule, word), keys in by_rule.items():
        yield say.found(
            rule, f"{_first(keys)}: {word}, by what was known before", _HINTS[rule], step.where
        )
    if exempt:
        yield say.found(
            "S24",
            f"{_first(exempt)} is of a lot that is exempt from the duties of serialization",
            "Keep the document of the exemption with the shipment.",
            step.where,
            Severity.INFO,
        )


def _contents(keys: tuple[str, ...], file: ShippedFile, known: KnownBefore) -> Iterator[str]:
    """Objects and all that is in them, by the file and by what was known before."""
    children: dict[str, set[str]] = defaultdict(set)
    for one in file.in_time():
        if one.kind == "AggregationEvent":
            (children[one.parent].update if one.action == "ADD"
             else children[one.parent].difference_update)(one.ids)  # fmt: skip
    seen = set(keys)
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        yield key
        inner = children.get(key) or known.inside(key)
        waiting += [one for one in inner if one not in seen]
        seen.update(inner)


def _custody(
    step: ShippedStep, trade: Trade, known: KnownBefore, say: Findings
) -> Iterator[Finding]:
    sellers = {gln_of(party) for party in trade.sources.values()}
    here = [known.things[key] for key in step.ids if key in known.things]
    on_the_way = [one for one in here if one.status is ItemStatus.IN_TRANSIT]
    again = [one.key for one in on_the_way if _gln(one.state.shipper) in sellers]
    others = [
        one.key
        for one in here
        if _gln(one.holder) and _gln(one.holder) not in sellers and one.key not in again
    ]
    late = [one.key for one in here if one.first_event_time > step.at]
    for rule, keys, what, hint in (
        ("S17", again, "was shipped already by the same seller, and nobody received it",
         "Void the first shipment, or receive the return."),
        ("S04", others, "is with somebody else than the seller, by what was known before",
         "Ask the seller how it got the goods before you pay for them."),
        ("S22", late, "was handled before this file stated where it comes from",
         "Ask the partner to send data before goods."),
    ):  # fmt: skip
        if keys:
            yield say.found(rule, f"{_first(keys)} {what}", hint, step.where)


def _gln(key: str) -> str:
    return key[5:18] if key.startswith(("/414/", "/417/")) else ""


def _first(keys: list[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{keys[0]} (and {len(keys) - 1} more)"
