"""The fields of Form FDA 3911 by edition, and those of them that a case accepts as input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS: Final = (
    ("report_type", "Type of report"),
    ("incident", "Incident number assigned by FDA"),
    ("initial_notification", "Date of initial notification to FDA"),
    ("illegitimate", "Date company determined product was illegitimate"),
    ("classification", "Classification of notification"),
    ("product_name", "Name of product as it appears on the label"),
    ("ingredients", "Primary ingredients"),
    ("drug_use", "Drug use"),
    ("drug_description", "Drug description"),
    ("strength", "Strength of drug"),
    ("dosage_form", "Dosage form"),
    ("quantity", "Quantity of drug (number and unit)"),
    ("ndc", "NDC number"),
    ("serial", "Serial number"),
    ("lot", "Lot number"),
    ("expiry", "Expiration date"),
    ("event", "Description of event or issue"),
    ("termination_reason", "If a request for termination: why notification is no longer needed"),
    ("other_reports", "Other submissions to FDA (BPDR, MedWatch 3500, 3500A, FAR, none, other)"),
    ("company", "Company name and address"),
    ("contact", "Contact information"),
)
_PLACE = ("place", "Geographic location of incident")
EDITIONS: Final[Mapping[str, tuple[tuple[int, str, str], ...]]] = {
    "2015": tuple(
        (number if number < 21 else 23, name, label)
        for number, (name, label) in enumerate(_FIELDS, 1)
    ),
    "2025-draft": tuple(
        (number if number < 22 else 24, name, label)
        for number, (name, label) in enumerate((*_FIELDS[:2], _PLACE, *_FIELDS[2:]), 1)
    ),
}
"""(number, name, label) of every field, by edition."""
FACTS: Final = tuple(
    name
    for name, _ in (*_FIELDS, _PLACE)
    if name not in {"report_type", "incident", "illegitimate", "event", "serial", "lot"}
)
"""Fields of the form that a case accepts as input; the others follow from the case itself."""
