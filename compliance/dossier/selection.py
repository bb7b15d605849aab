"""What a dossier is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Pack:
    """The history of one pack: its own events and those of what it was in.

    >>> Pack("09521321000017", "A1").as_dict()
    {'kind': 'pack', 'gtin': '09521321000017', 'serial': 'A1'}
    """

    gtin: str
    """GTIN-14."""
    serial: str

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        return {"kind": "pack", "gtin": self.gtin, "serial": self.serial}


@dataclass(frozen=True, slots=True)
class Case:
    """The history of a logistic unit and of what was in it."""

    sscc: str
    """SSCC, 18 digits."""

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        return {"kind": "case", "sscc": self.sscc}


@dataclass(frozen=True, slots=True)
class Lot:
    """The history of all packs of a lot."""

    gtin: str
    """GTIN-14."""
    lot: str

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        return {"kind": "lot", "gtin": self.gtin, "lot": self.lot}


@dataclass(frozen=True, slots=True)
class Period:
    """What happened from one time until before another.

    By event time, or by the time it was recorded: then the dossier also proves that nothing
    recorded in the period is missing.
    """

    from_: datetime
    to: datetime
    by_record_time: bool = False

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        return {
            "kind": "period",
            "from": self.from_.isoformat(),
            "to": self.to.isoformat(),
            "by": "record time" if self.by_record_time else "event time",
        }


Selection: TypeAlias = Pack | Case | Lot | Period
