"""Rules L over lot and expiry in the events that commission packages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from compliance.rules.shipped_file import CBVMDA, is_sgtin
from epcis.lot_facts import fact_nodes, read_expiry
from schemas.finding import Where
from schemas.gs1 import ai

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.rules.catalogue import Findings
    from compliance.rules.shipped_file import ShippedFile, ShippedStep
    from epcis.model import Event
    from schemas.finding import Finding

SHORT: Final = timedelta(days=30)
LONG: Final = timedelta(days=3653)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d(?:Z|[+-]\d\d:\d\d)?")
"""A date of XML Schema, which may have a zone (XML Schema part 2, section 3.2.9)."""


def judge_lot(event: Event, step: ShippedStep, say: Findings) -> Iterator[Finding]:
    """Check lot and expiry of a commissioning event."""
    for node in fact_nodes(getattr(event, "ilmd", None) or ()):
        if node.namespace != CBVMDA:
            yield say.found(
                "L04",
                f"{node.name} is in the namespace '{node.namespace}'",
                f"Use {CBVMDA}.",
                _in(step),
            )
    if step.biz_step == "commissioning" and any(is_sgtin(key) for key in step.ids):
        lacking = [name for name, text in (("lot", step.lot), ("expiry", step.expiry)) if not text]
        if lacking:
            yield say.found(
                "L01",
                f"{len(step.ids)} packages are commissioned without {' and '.join(lacking)}",
                "Give cbvmda:lotNumber and cbvmda:itemExpirationDate in ilmd.",
                step.where,
            )
    if step.lot and not _is_lot(step.lot):
        yield say.found(
            "L11",
            f"'{step.lot}' is no lot number",
            "A lot has 1 to 20 characters of the GS1 set 82.",
            _in(step),
        )
    if step.expiry:
        yield from _expiry(step, say)


def _expiry(step: ShippedStep, say: Findings) -> Iterator[Finding]:
    day, odd = read_expiry(step.expiry)
    if day is not None and not day_as_written(step.expiry):
        yield say.found(
            "L03",
            f"the expiry '{step.expiry}' is {odd}",
            f"Write {day.isoformat()}: an expiry is a day without a time.",
            _in(step),
        )
    elif day is None:
        yield say.found(
            "L03",
            f"'{step.expiry}' is no day of the calendar",
            "Write it as 2027-05-31; for a whole month take its last day.",
            _in(step),
        )
    elif not SHORT <= day - step.at.date() <= LONG:
        yield say.found(
            "L08",
            f"the expiry {step.expiry} is {(day - step.at.date()).days} days after the event",
            "Check year and month.",
            _in(step),
        )


def day_as_written(text: str) -> bool:
    """Whether an expiry is written as a date of XML Schema.

    >>> day_as_written("2027-05-31"), day_as_written("270531")
    (True, False)
    """
    return _DAY.fullmatch(text.strip()) is not None


def _is_lot(lot: str) -> bool:
    identifier = ai.lookup("10")
    return identifier is None or identifier.accepts(lot)


def _in(step: ShippedStep) -> Where:
    return Where(line=step.where.line, path=f"{step.where.path}/extension/ilmd")


def judge_lots(file: ShippedFile, say: Findings) -> Iterator[Finding]:
    """Check that a lot of a product has one expiry throughout the file."""
    expiries: dict[tuple[str, str], str] = {}
    for step in file.steps:
        if not (step.lot and step.expiry):
            continue
        for gtin in {key[4:18] for key in step.ids if is_sgtin(key)}:
            first = expiries.setdefault((gtin, step.lot), step.expires)
            if first != step.expires:
                yield say.found(
                    "L05",
                    f"lot {step.lot} of GTIN {gtin} expires {first} and {step.expires}",
                    "A lot has one expiry: ask the sender which.",
                    _in(step),
                )
