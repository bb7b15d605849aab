"""Dossiers for regulators: signed exports that prove themselves without us.

`selection` says what one is about, `export` makes it, `verify` checks one.
"""

from compliance.dossier.export import Exported, export
from compliance.dossier.redaction import Profile
from compliance.dossier.refusal import CannotSeal, ExportRefused
from compliance.dossier.selection import (
    AuditTrail,
    AuthorityReport,
    Case,
    Inspection,
    Lot,
    Pack,
    Period,
    RecallOf,
    Selection,
    Shipment,
    Verifications,
)
from compliance.dossier.verify import Outcome, verify_export

__all__ = [
    "AuditTrail",
    "AuthorityReport",
    "CannotSeal",
    "Case",
    "ExportRefused",
    "Exported",
    "Inspection",
    "Lot",
    "Outcome",
    "Pack",
    "Period",
    "Profile",
    "RecallOf",
    "Selection",
    "Shipment",
    "Verifications",
    "export",
    "verify_export",
]
