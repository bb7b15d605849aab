"""What a dossier is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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


@dataclass(frozen=True, slots=True)
class Shipment:
    """The transaction information of one shipment: all events under a business document.

    >>> Shipment("urn:epcglobal:cbv:bt:0355555000013:D1").as_dict()["kind"]
    'shipment'
    """

    transaction: str
    """The business transaction as partners write it: order, invoice or despatch advice."""

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        return {"kind": "shipment", "transaction": self.transaction}


@dataclass(frozen=True, slots=True)
class RecallOf:
    """A recall: its entries, and the history of its lot."""

    id: str

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        return {"kind": "recall", "id": self.id}


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """What a user or partner did, was granted or refused, in a period of recording."""

    from_: datetime
    to: datetime
    who: str | None = None
    """Name of a user, key or partner; None is everybody."""

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        return {"kind": "audit trail", "who": self.who or "everybody", **_times(self)}


@dataclass(frozen=True, slots=True)
class Verifications:
    """The verification log: every question about a pack and its answer, in a period."""

    from_: datetime
    to: datetime

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        return {"kind": "verification log", **_times(self)}


@dataclass(frozen=True, slots=True)
class Inspection:
    """The packet for a DSCSA inspection: events, questions, recalls and cases of a period."""

    from_: datetime
    to: datetime

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        return {"kind": "dscsa inspection", **_times(self)}


@dataclass(frozen=True, slots=True)
class AuthorityReport:
    """The report an authority may ask of a repository: 2016/161 Art. 36(j) and 39."""

    from_: datetime
    to: datetime
    purpose: str = "39(a)"
    """Of 39(a) supervision, 39(b) reimbursement, 39(c) pharmacovigilance."""

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        return {"kind": "authority report", "purpose": self.purpose, **_times(self)}


Recorded: TypeAlias = AuditTrail | Verifications | Inspection | AuthorityReport
"""Selections by the time of recording."""
About: TypeAlias = Pack | Case | Lot | Shipment | RecallOf
"""Selections of the history of something."""
Selection: TypeAlias = About | Recorded | Period


def profile_for(selection: Selection) -> str:
    """The redaction profile of whom a dossier is for, where none was named.

    >>> profile_for(Pack("09521321000017", "A1"))
    'internal'
    """
    if isinstance(selection, Inspection):
        return "regulator-us"
    if isinstance(selection, AuthorityReport):
        return "regulator-eu" if selection.purpose == "39(a)" else "regulator-eu-39bc"
    return "internal"


def _times(selection: Recorded) -> dict[str, str]:
    return {"from": selection.from_.isoformat(), "to": selection.to.isoformat()}


def selection_from(said: Mapping[str, str]) -> Selection:
    """The selection that `as_dict` of one said.

    Raises ValueError where it says none.

    >>> selection_from(Lot("09521321000017", "L1").as_dict())
    Lot(gtin='09521321000017', lot='L1')
    """
    kind = said.get("kind", "")
    if kind in _ABOUT:
        made, names = _ABOUT[kind]
        missing = [name for name in names if not said.get(name)]
        if missing:
            raise ValueError(f"a dossier of kind {kind} needs {' and '.join(missing)}")
        return made(*(said[name] for name in names))
    if kind not in _RECORDED:
        known = ", ".join([*_ABOUT, *_RECORDED])
        raise ValueError(f"a dossier is of one of these kinds: {known}")
    times = (_time(said, "from"), _time(said, "to"))
    if times[0] >= times[1]:
        raise ValueError("'from' is earlier than 'to', which is no longer part of the dossier")
    if kind == "period":
        return Period(*times, by_record_time=said.get("by") == "record time")
    if kind == "audit trail":
        who = said.get("who")
        return AuditTrail(*times, who=None if who == "everybody" else who)
    if kind == "authority report":
        return AuthorityReport(*times, purpose=said.get("purpose", "39(a)"))
    return Verifications(*times) if kind == "verification log" else Inspection(*times)


_ABOUT: Final[dict[str, tuple[Callable[..., About], tuple[str, ...]]]] = {
    "pack": (Pack, ("gtin", "serial")),
    "case": (Case, ("sscc",)),
    "lot": (Lot, ("gtin", "lot")),
    "shipment": (Shipment, ("transaction",)),
    "recall": (RecallOf, ("id",)),
}
_RECORDED: Final = (
    "period", "audit trail", "verification log", "dscsa inspection", "authority report",
)  # fmt: skip


def _time(said: Mapping[str, str], name: str) -> datetime:
    try:
        time = datetime.fromisoformat(said.get(name, ""))
    except ValueError:
        raise ValueError(f"'{name}' is a time, as 2026-01-31T12:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
