"""Dossiers for regulators: signed exports that anybody can check without Packtrail.

`kinds` lists what a dossier can be about, `export` makes one, `verify` checks one.
"""

from compliance.dossier.export import Exported, Recipient, export
from compliance.dossier.kinds import (
    AuditTrail,
    AuthorityReport,
    Case,
    DossierSelection,
    EventPeriod,
    Inspection,
    LotHistory,
    Pack,
    RecallOf,
    Shipment,
    Verifications,
)
from compliance.dossier.redaction import RedactionProfile
from compliance.dossier.refusal import CannotSeal, ExportRefused
from compliance.dossier.verify import VerifiedDossier, verify_export

__all__ = [
    "AuditTrail",
    "AuthorityReport",
    "CannotSeal",
    "Case",
    "DossierSelection",
    "EventPeriod",
    "ExportRefused",
    "Exported",
    "Inspection",
    "LotHistory",
    "Pack",
    "RecallOf",
    "Recipient",
    "RedactionProfile",
    "Shipment",
    "Verifications",
    "VerifiedDossier",
    "export",
    "verify_export",
]
