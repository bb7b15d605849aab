"""How many mistakes in shipment files are named by their rule, how often a right file is blamed.

The truth is made here: right files of several kinds, grown from nothing but their numbers, and
copies of them with one fault each (`rule_faults`), by the name of the rule that must find it.

    python -m benchmarks.rules [--seed 1] [--show]
"""

from __future__ import annotations

import argparse
import random
from dataclasses import replace
from datetime import UTC, datetime

from benchmarks.rule_faults import FAULTS
from benchmarks.shipment_files import Shipment, kinds, variants
from compliance.rules.catalogue import RULE_OF_CODE
from compliance.rules.file import check_file
from schemas.finding import Severity

HEAVY = (Severity.ERROR, Severity.CRITICAL)
GOAL_PERCENT = 97
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def check(text, profile="dscsa-r1.3"):
    return check_file(text.encode(), profile, now=NOW)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="name what was missed or blamed")
    options = parser.parse_args()
    clean = blamed = 0
    for name, shipment in kinds(options.seed):
        profile = "dscsa-r1.2" if shipment.release == "R1.2" else "dscsa-r1.3"
        for variant, text in variants(name, shipment.build()):
            found = check(text, profile)
            heavy = [one for one in found if one.severity in HEAVY]
            clean, blamed = clean + 1, blamed + bool(heavy)
            if options.show and found:
                print("right file", variant, [str(one) for one in found])
    faults = named = 0
    base = Shipment(random.Random(options.seed), cases=3)
    for number, (rule, put) in enumerate(FAULTS):
        right = replace(base, draw=random.Random(f"{options.seed}/{number}")).build()
        found = check(put(right))
        faults += 1
        is_named = any(f.code in RULE_OF_CODE and RULE_OF_CODE[f.code].id == rule for f in found)
        named += is_named
        if options.show and not is_named:
            print("missed", rule, number, sorted({one.code for one in found}))
    share = 100 * named / faults
    print(f"right files: {clean}")
    print(f"right files blamed: {blamed}")
    print(f"faults: {faults}")
    print(f"faults named by their rule: {share:.1f} %")
    return 0 if not blamed and share >= GOAL_PERCENT else 1


if __name__ == "__main__":
    raise SystemExit(main())
