"""Writes the catalogue of rules as a page for people.

>>> "| M02 |" in rules_page()
True
"""

from __future__ import annotations

from typing import Final

from compliance.rules.catalogue import RULES, Profile

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
}
_HEAD: Final = """\
# Rules over US shipment files

What `packtrail check FILE --profile dscsa-r1.3` (or `dscsa-r1.2`) asks beyond EPCIS itself.
Written from `compliance/rules/catalogue.py` by `scripts/make_schemas.py`; every rule has at least
one mistake in `tests/compliance/rules` that triggers it.

One file cannot tell everything. Rules over what happened before it (an EPC commissioned by somebody
else, master data kept elsewhere) weigh as warnings where the file alone is looked at. Rules that
need a partner list, a licence register, earlier files or stock are not part of this check.
"""
_TABLE: Final = "| rule | code | R1.3 | R1.2 | what it asks |\n|---|---|---|---|---|\n"


def rules_page() -> str:
    """The page, in Markdown."""
    parts = [_HEAD]
    for letter, group in GROUPS.items():
        rows = [_row(rule_id) for rule_id in RULES if rule_id[0] == letter]
        parts += [f"\n## {group}\n\n", _TABLE, *rows]
    return "".join(parts)


def _row(rule_id: str) -> str:
    rule = RULES[rule_id]
    weights = (rule.weight(profile).value for profile in (Profile.R1_3, Profile.R1_2))
    return f"| {rule.id} | `{rule.code}` | {' | '.join(weights)} | {rule.asks} |\n"
