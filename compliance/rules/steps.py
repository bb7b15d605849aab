"""Rules V, and those of I and T over one event: its business step, form, ids and time."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from compliance.rules.shipped_file import GS1US, is_sgtin, is_sscc, named
from epcis.check.what import id_lists
from epcis.check.when import instant
from epcis.model import AggregationEvent, ObjectEvent
from schemas.finding import Severity, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.rules.catalogue import Findings
    from compliance.rules.shipped_file import ShippedStep
    from epcis.model import Event, Node
    from schemas.finding import Finding

FITTING: Final = {
    "commissioning": frozenset({"active"}),
    "packing": frozenset({"in_progress"}),
    "shipping": frozenset({"in_transit"}),
    "receiving": frozenset({"in_progress", "sellable_accessible", "sellable_not_accessible"}),
    "decommissioning": frozenset({"inactive"}),
    "destroying": frozenset({"destroyed"}),
    "dispensing": frozenset({"dispensed", "partially_dispensed", "retail_sold"}),
}
"""Dispositions that fit each business step."""
_STEPS_OF_RECALL: Final = frozenset(
    {
        "holding",
        "inspecting",
        "destroying",
        "decommissioning",
        "receiving",
        "shipping",
        "storing",
        "removing",
    }
)
_EXTENSIONS: Final = frozenset(
    {
        "dropShipment",
        "directPurchase",
        "directPurchaseStatement",
        "receivedDirectPurchaseFromPrevWhlsDist",
        "receivedDirectPurchaseFromPrevWhlsDistStatement",
        "prevReceivedinDirectPurchaseEPCs",
        "indirectPurchaseEPCs",
        "transactionDate",
    }
)
OWN_EXTENSIONS: Final = _EXTENSIONS | {
    "affirmTransactionStatement",
    "dscsaTransactionStatement",
    "epc",
    "guidelineVersion",
    "legalNotice",
}
"""All elements of the guideline, in events and in the header."""
ZONED: Final = re.compile(r"(?:Z|[+-]\d\d:\d\d)\Z")
DAY: Final = timedelta(days=1)


def judge_event(event: Event, step: ShippedStep, say: Findings) -> Iterator[Finding]:
    """Check one event by itself."""
    if not ZONED.search(event.event_time.strip()):
        yield say.found(
            "T01",
            f"eventTime '{event.event_time}' has no time zone",
            "Add Z or an offset; without it nobody knows the hour.",
            step.where,
        )
    yield from _names(event, step, say)
    yield from _disposition(step, say)
    if step.biz_step == "commissioning":
        yield from _commissioning(event, step, say)
    elif step.biz_step == "packing":
        yield from _packing(event, step, say)
    elif step.biz_step == "shipping":
        yield from _shipping(event, step, say)
    elif step.biz_step == "void_shipping":
        yield from _voiding(event, step, say)
    yield from _extensions(event.extensions, step, say)


def _names(event: Event, step: ShippedStep, say: Findings) -> Iterator[Finding]:
    for name, ids in id_lists(event):
        if len(set(ids)) < len(ids):
            yield say.found(
                "I07",
                f"{name} names an EPC more than once",
                "Keep each EPC once.",
                _in(step, name),
            )
    strangers = [key for key in step.ids if not (is_sgtin(key) or is_sscc(key))]
    if strangers:
        yield say.found(
            "I06",
            f"{strangers[0]} is neither an SGTIN nor an SSCC ({len(strangers)} of them)",
            "Packages are traced by SGTIN, logistic units by SSCC.",
            step.where,
        )
    levels = {"/00/" if is_sscc(key) else "/01/" for key in step.ids}
    if len(levels) > 1 and isinstance(event, ObjectEvent) and step.biz_step == "commissioning":
        yield say.found(
            "I11",
            "one event commissions SGTINs and SSCCs",
            "Send one event for each, since lot and expiry concern SGTINs alone.",
            step.where,
        )


def _disposition(step: ShippedStep, say: Findings) -> Iterator[Finding]:
    fitting = FITTING.get(step.biz_step)
    if fitting is not None and step.disposition not in fitting:
        yield say.found(
            "V03",
            f"{step.biz_step} leaves the disposition '{step.disposition or 'none given'}'",
            f"It fits {' or '.join(sorted(fitting))}.",
            _in(step, "disposition"),
        )
    if step.disposition == "recalled" and step.biz_step not in _STEPS_OF_RECALL:
        yield say.found(
            "V14",
            f"recalled goods pass through {step.biz_step or 'an unnamed step'}",
            "Hold, return or destroy them.",
            step.where,
        )


def _commissioning(event: Event, step: ShippedStep, say: Findings) -> Iterator[Finding]:
    lacks = _lacking(event, ObjectEvent, "ADD")
    if lacks:
        yield say.found(
            "V04",
            f"the commissioning event {' and '.join(lacks)}",
            "Commission with an ObjectEvent, action ADD, readPoint and bizLocation.",
            step.where,
        )


def _packing(event: Event, step: ShippedStep, say: Findings) -> Iterator[Finding]:
    lacks = _lacking(event, AggregationEvent, "ADD")
    if lacks:
        yield say.found(
            "V05",
            f"the packing event {' and '.join(lacks)}",
            "Pack with an AggregationEvent, action ADD, readPoint and bizLocation.",
            step.where,
        )


def _lacking(event: Event, kind: type, action: str) -> list[str]:
    found = type(event).__name__
    lacks = [] if isinstance(event, kind) else [f"is a {found}"]
    if getattr(event, "action", "") != action:
        lacks.append(f"has the action {getattr(event, 'action', 'of no kind')}")
    if event.read_point is None:
        lacks.append("has no readPoint")
    if event.biz_location is None:
        lacks.append("has no bizLocation")
    return lacks


def _shipping(event: Event, step: ShippedStep, say: Findings) -> Iterator[Finding]:
    if not isinstance(event, ObjectEvent):
        yield say.found(
            "V08",
            f"the shipment is reported by a {step.kind}",
            "Ship with an ObjectEvent over the outermost containers.",
            step.where,
        )
    if step.action != "OBSERVE":
        yield say.found(
            "V07",
            f"the shipping event has the action {step.action or 'of no kind'}",
            "Shipping observes objects: write OBSERVE.",
            _in(step, "action"),
        )
    if event.biz_location is not None:
        yield say.found(
            "V06",
            "the shipping event has a bizLocation",
            "Goods on the way are at no place: leave it out.",
            _in(step, "bizLocation"),
        )
    yield from _transaction_date(event, step, say)
    for node in event.extensions:
        if node.name == "dscsaTransactionStatement":
            yield say.found(
                "H11",
                "the transaction statement stands in an event",
                "Put it into the EPCISHeader.",
                step.where,
            )


def _transaction_date(event: Event, step: ShippedStep, say: Findings) -> Iterator[Finding]:
    text = next((node.text for node in named(event.extensions, "transactionDate")), None)
    if text is None:
        return
    at = instant(text.strip()[:10] + "T00:00:00", event.event_time_zone_offset)
    if at is None:
        yield say.found(
            "T11",
            f"transactionDate '{text}' is no day",
            "Write it as 2027-05-31: transaction information needs it, section 581(26)(G).",
            step.where,
            Severity.ERROR,
        )
    if at is not None and abs(step.at - at) > 2 * DAY:
        yield say.found(
            "T11",
            f"the goods were shipped more than a day after the transaction of {text}",
            "Both dates belong to the transaction information, section 581(26)(H).",
            step.where,
        )


def _voiding(event: Event, step: ShippedStep, say: Findings) -> Iterator[Finding]:
    if not (event.disposition and event.sources and event.destinations):
        yield say.found(
            "V13",
            "the voided shipment lacks its disposition or its parties",
            "Repeat disposition, sourceList and destinationList of the shipment.",
            step.where,
        )


def _extensions(nodes: tuple[Node, ...], step: ShippedStep, say: Findings) -> Iterator[Finding]:
    for node in nodes:
        if node.name in _EXTENSIONS and node.namespace != GS1US:
            yield say.found(
                "H13",
                f"{node.name} is in the namespace '{node.namespace}'",
                f"Use {GS1US}.",
                step.where,
            )
        elif node.namespace == GS1US and node.name not in (
            *_EXTENSIONS,
            "dscsaTransactionStatement",
        ):
            yield say.found(
                "V10",
                f"the guideline knows no {node.name}",
                "It is kept; nobody else may understand it.",
                step.where,
                Severity.INFO,
            )


def _in(step: ShippedStep, name: str) -> Where:
    return Where(line=step.where.line, path=f"{step.where.path}/{name}")
