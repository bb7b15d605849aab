"""Rules G15, M13 and M14 over cases: how many packages of which product a case of a GTIN holds.

The trade keeps the pack quantity in master data that no EPCIS file carries; what the cases of one
GTIN have in common within the file stands in for it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from compliance.rules.shipped_file import is_sgtin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.rules.catalogue import Findings
    from compliance.rules.shipped_file import ShippedFile, ShippedStep
    from schemas.finding import Finding

_Cases = dict[str, tuple[set[str], "ShippedStep"]]
"""Case -> what was packed into it, and the event that packed it last."""


def judge_packing(file: ShippedFile, say: Findings) -> Iterator[Finding]:
    """Compare the cases of each GTIN with each other."""
    by_gtin: dict[str, _Cases] = defaultdict(dict)
    for step in file.in_time():
        if step.biz_step != "packing" or step.action != "ADD" or not is_sgtin(step.parent):
            continue
        packages = {key for key in step.ids if is_sgtin(key)}
        before = by_gtin[step.parent[4:18]].get(step.parent)
        held = packages | before[0] if before is not None else packages
        by_gtin[step.parent[4:18]][step.parent] = (held, step)
    for gtin, cases in by_gtin.items():
        yield from _quantities(gtin, cases, say)
        yield from _products(gtin, cases, say)


def _quantities(gtin: str, cases: _Cases, say: Findings) -> Iterator[Finding]:
    counts = Counter(len(held) for held, _ in cases.values())
    usual = max(counts, key=lambda count: (counts[count], count))
    for case, (held, step) in cases.items():
        if len(held) < usual:
            yield say.found(
                "G15",
                f"{case} holds {len(held)} packages; cases of GTIN {gtin} hold {usual}",
                "Give a case that is not full an SSCC, or send the packages that are missing.",
                step.where,
            )
        elif len(held) > usual:
            yield say.found(
                "M13",
                f"{case} holds {len(held)} packages; cases of GTIN {gtin} hold {usual}",
                "Check the packing event: a package too many stands in it, or one of another case.",
                step.where,
            )


def _products(gtin: str, cases: _Cases, say: Findings) -> Iterator[Finding]:
    counts = Counter(key[4:18] for held, _ in cases.values() for key in held)
    if len(counts) < 2:
        return
    usual = max(counts, key=lambda product: (counts[product], product))
    for case, (held, step) in cases.items():
        others = sorted({key[4:18] for key in held} - {usual})
        if others:
            yield say.found(
                "M14",
                f"{case} holds GTIN {others[0]}; cases of GTIN {gtin} hold GTIN {usual}",
                "A case with a GTIN holds one product; mixed cases carry an SSCC.",
                step.where,
            )
