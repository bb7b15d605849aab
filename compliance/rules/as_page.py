"""Writes the catalogue of rules as a documentation page.

>>> "| M02 |" in rules_page()
True
"""

from __future__ import annotations

from typing import Final

from compliance.rules.catalogue import RULES, GuidelineRelease

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
_ELSEWHERE: Final = """
## What the profile `epcis` says already

These rules of the trade hold for every EPCIS file, so their findings have the codes of EPCIS.

| rule | codes |
|---|---|
| D01 well-formed | `xml.malformed`, `json.malformed`, `document.encoding` |
| D02 no entities | `xml.doctype-subset` |
| D03 version, D12 another message | `document.version-unknown`, `xml.not-epcis`, `json.not-epcis` |
| D04, V01 schema | `xml.…`, `json.…` |
| D05 limits | `document.too-large`, `document.too-many-events` |
| D10 creation date | `document.created-before-events`, `document.created-in-future` |
| I01, I03 EPC grammar | `event.id-malformed` |
| V02 vocabulary | `event.word-unknown`, `event.word-of-cbv-1` |
| V11, V12 event ids | `event.corrects-itself`, `document.event-id-repeated` |
| G01, G02 parent and children | `event.parent-missing`, `event.children-missing` |

## What one file cannot tell

Duplicates and replays (D06-D08), partners and licences (H03, H06, S16), local master data (M08,
M12-M14), label against data (I05, I12), site time zones (T04), earlier documents (G07, G13, S04,
S11, S17 across files, S18-S20, S22, S23), holds and recalls (S03), waivers (S24), pack quantities
(G15, L12), unclear owners beyond S05 (S07): these need the store, the partner list or the stock.
"""
_TABLE: Final = "| rule | code | R1.3 | R1.2 | what it asks |\n|---|---|---|---|---|\n"


def rules_page() -> str:
    """The page, in Markdown."""
    parts = [_HEAD]
    for letter, group in GROUPS.items():
        rows = [_row(rule_id) for rule_id in RULES if rule_id[0] == letter]
        parts += [f"\n## {group}\n\n", _TABLE, *rows]
    parts.append(_ELSEWHERE)
    return "".join(parts)


def _row(rule_id: str) -> str:
    rule = RULES[rule_id]
    weights = (
        rule.weight(profile).value for profile in (GuidelineRelease.R1_3, GuidelineRelease.R1_2)
    )
    return f"| {rule.id} | `{rule.code}` | {' | '.join(weights)} | {rule.asks} |\n"
