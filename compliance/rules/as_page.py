"""Writes the catalogue of rules as a documentation page.

>>> "| M02 |" in rules_page()
True
"""

from __future__ import annotations

from typing import Final

from compliance.rules.catalogue import ELSEWHERE, RULES, GuidelineRelease, RuleNeed
from compliance.rules.repairs import repairs

GROUPS: Final = {
    "D": "Document",
    "H": "Header",
    "M": "Master data",
    "I": "Identifiers",
    "T": "Time",
    "V": "Events and vocabulary",
    "L": "Lot and expiry",
    "G": "Aggregation",
    "S": "Shipment and ownership",
    "P": "Partner",
}
_HEAD: Final = """\
# Rules over US shipment files

What `packtrail check FILE --profile dscsa-r1.3` (or `dscsa-r1.2`) asks beyond EPCIS itself.
Written from `compliance/rules/catalogue.py` by `scripts/make_schemas.py`; every rule has at least
one mistake in `tests/compliance/rules` that triggers it.

Rules that need the file alone run always. Rules marked *store* compare the file with what was
captured before, and with the lists of partners, licences, holds and recalls; they run with
`--against DATABASE`. Where the file alone is looked at, what an earlier file may hold weighs as
a warning. A rule marked *mends* has a safe repair: `packtrail check FILE --fix OUT` makes it,
changes nothing else, and lists the changes.
"""
_ELSEWHERE: Final = """
## Numbers of the trade's list that are no rule here

| rule | where it is dealt with |
|---|---|
"""
_TABLE: Final = (
    "| rule | code | R1.3 | R1.2 | needs | mends | what it asks | follows |\n"
    "|---|---|---|---|---|---|---|---|\n"
)
_MENDED: Final = frozenset(repair.rule for repair in repairs("R1.3"))


def rules_page() -> str:
    """The page, in Markdown."""
    parts = [_HEAD]
    for letter, group in GROUPS.items():
        rows = [_row(rule_id) for rule_id in RULES if rule_id[0] == letter]
        parts += [f"\n## {group}\n\n", _TABLE, *rows]
    parts.append(_ELSEWHERE)
    parts += [f"| {rule} | {where} |\n" for rule, where in ELSEWHERE.items()]
    return "".join(parts)


def _row(rule_id: str) -> str:
    rule = RULES[rule_id]
    weights = (
        rule.weight(profile).value for profile in (GuidelineRelease.R1_3, GuidelineRelease.R1_2)
    )
    needs = "store" if rule.needs is RuleNeed.STORE else ""
    mends = "yes" if rule.id in _MENDED else ""
    cells = (rule.id, f"`{rule.code}`", *weights, needs, mends, rule.asks, rule.citation)
    return f"| {' | '.join(cells)} |\n"
