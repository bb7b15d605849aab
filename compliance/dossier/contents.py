"""The content of a dossier that does not depend on who signs it and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from compliance.dossier.gather import Gathered
    from compliance.dossier.kinds import DossierSelection
    from compliance.dossier.redaction import Redactor
    from compliance.reports import Section
    from compliance.seal.checkpoint import SignedCheckpoint


@dataclass(frozen=True, slots=True)
class DossierContents:
    """What was collected for a dossier, in the files of `folder`."""

    selection: DossierSelection
    redactor: Redactor
    gathered: Gathered
    complete: range | None
    """The places in the log of which every entry is in the dossier."""
    sealed: SignedCheckpoint
    folder: Path
    sections: tuple[Section, ...]

    @property
    def asked(self) -> dict[str, str]:
        """What was asked for, as the recipient may read it."""
        return self.redactor.selection(self.selection.as_dict())

    @property
    def subject(self) -> str:
        """What was asked for in words: `pack 09521321000017 A1`."""
        return " ".join(self.asked.values())
