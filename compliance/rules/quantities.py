"""Rules I06, G13 and L12 over the quantities of an event: goods without serials, and wrong counts.

Since 27 November 2023 only packages with serials change hands (582(g)(1)); a quantity of a class
may accompany the serials as their count, but never replace them.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from compliance.rules.shipped_file import is_sgtin
from schemas.finding import Where
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.rules.catalogue import Findings
    from compliance.rules.shipped_file import ShippedFile, ShippedStep
    from epcis.model import Event, QuantityElement
    from schemas.finding import Finding


def judge_quantities(event: Event, step: ShippedStep, say: Findings) -> Iterator[Finding]:
    """Check the quantity lists of one event against its EPC lists.

    Inputs and outputs are not checked: bulk goods in production have no serials yet.
    """
    lists = {
        "quantityList": getattr(event, "quantities", None) or (),
        "childQuantityList": getattr(event, "child_quantities", None) or (),
    }
    serials = Counter(key[4:18] for key in step.ids if is_sgtin(key))
    for name, quantities in lists.items():
        for one in quantities:
            yield from _quantity(one, serials, name, step, say)


def _quantity(
    one: QuantityElement, serials: Counter[str], name: str, step: ShippedStep, say: Findings
) -> Iterator[Finding]:
    where = Where(line=step.where.line, path=f"{step.where.path}/{name}")
    key = canonical_key(one.epc_class)
    gtin = key[4:18] if key.startswith("/01/") else ""
    if gtin not in serials:
        yield say.found(
            "I06",
            f"{one.epc_class} is named by quantity only, without serials",
            "Name each package by its SGTIN; only serialized packages may change hands.",
            where,
        )
    elif one.uom is None and _number(one.quantity) not in (None, Decimal(serials[gtin])):
        yield say.found(
            "G13",
            f"{one.quantity} of GTIN {gtin} are declared, {serials[gtin]} are named",
            "Count again: either serials are missing or the number is wrong.",
            where,
        )


def judge_units(file: ShippedFile, say: Findings) -> Iterator[Finding]:
    """Check that quantities of a product are given in one unit throughout the file."""
    for product, units in file.units.items():
        if len(units) > 1:
            names = " and ".join(sorted(unit or "pieces" for unit in units))
            yield say.found(
                "L12",
                f"quantities of {product} are given in {names}",
                "Tell them in one unit, or in pieces without a unit.",
                list(units.values())[-1],
            )


def _number(text: str | None) -> Decimal | None:
    """The declared number; None if absent, or no number, which another rule reports."""
    try:
        return Decimal(text) if text is not None else None
    except InvalidOperation:
        return None
