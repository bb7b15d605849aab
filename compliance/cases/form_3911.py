"""Form FDA 3911, drug notification: its fields by name, printed with the numbers of an edition.

The form's numbering changes between editions, so a case keeps facts by name and an edition says
the number of each. The edition of August 2015 is the default; the draft of 2025 adds the place of
the incident, which shifts the numbers after it. Fields 21 and 22 of the paper form belong to the
filer, who fills them in by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from compliance.cases.form_3911_fields import EDITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from compliance.cases.cases import CaseFile

REPORT_TYPES = ("Initial", "Follow-up", "Request for Termination")
_MASTER = {
    "product_name": "regulatedProductName",
    "strength": "strengthDescription",
    "dosage_form": "dosageFormType",
    "ndc": "additionalTradeItemIdentification",
}
"""The attribute of master data that fills a field left empty."""


class Filled(NamedTuple):
    """One field of a filled form."""

    number: int
    name: str
    label: str
    value: str
    """Empty where the case does not know it: to be filled in before the form is sent."""


def form_3911(
    case: CaseFile, master: Mapping[str, str], *, edition: str = "2015", report_type: str = ""
) -> tuple[Filled, ...]:
    """The form about a case, filled from the case and the product's master data.

    `master` are the product's attributes by their last word (`regulatedProductName`). Raises
    LookupError for an unknown edition or type of report.
    """
    if edition not in EDITIONS:
        raise LookupError(f"no edition '{edition}' of the form; there are {', '.join(EDITIONS)}")
    if report_type and report_type not in REPORT_TYPES:
        raise LookupError(f"a report is one of: {', '.join(REPORT_TYPES)}")
    facts = {
        **{name: master[word] for name, word in _MASTER.items() if word in master},
        "classification": case.category,
        **{name: value for name, value in case.facts.items() if value},
        "report_type": report_type or _report_type(case),
        "incident": case.incident,
        "illegitimate": case.illegitimate.date().isoformat() if case.illegitimate else "",
        "serial": case.serial,
        "lot": case.lot,
        "event": case.what,
    }
    if "initial_notification" not in facts:
        first = next((one.at for one in case.steps if one.act == "fda notified"), None)
        facts["initial_notification"] = first.date().isoformat() if first else ""
    if facts["report_type"] == "Request for Termination" and "termination_reason" not in facts:
        asked = [one.note for one in case.steps if one.act == "termination requested"]
        facts["termination_reason"] = asked[-1] if asked else ""
    return tuple(
        Filled(number, name, label, facts.get(name, ""))
        for number, name, label in EDITIONS[edition]
    )


def _report_type(case: CaseFile) -> str:
    """The report that is due next: the first, one more, or the request to end the notice."""
    if case.state in ("termination requested", "terminated"):
        return "Request for Termination"
    notified = any(step.act == "fda notified" for step in case.steps)
    return "Follow-up" if notified else "Initial"
