"""Dossiers for regulators: signed exports that prove themselves without us.

`selection` says what one is about, `export` makes it, `verify` checks one.
"""

from compliance.dossier.export import Exported, export
from compliance.dossier.gather import Redaction
from compliance.dossier.refusal import ExportRefused
from compliance.dossier.selection import Case, Lot, Pack, Period, Selection
from compliance.dossier.verify import Outcome, verify_export

__all__ = [
    "Case",
    "ExportRefused",
    "Exported",
    "Lot",
    "Outcome",
    "Pack",
    "Period",
    "Redaction",
    "Selection",
    "export",
    "verify_export",
]
