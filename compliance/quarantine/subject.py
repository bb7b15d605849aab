"""What a quarantine is about, as a person names it, and the packs and containers that it means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from compliance.reports.transactions import shipment_events, things_shipped, things_within
from schemas.gs1.epc import canonical_key
from schemas.gs1.keys import Gtin
from schemas.refusal import Refused

if TYPE_CHECKING:
    from sqlalchemy import Row

    from epcis.database.transactions import Snapshot

LOT_CHARS_MAX = SERIAL_CHARS_MAX = 20
DOCUMENT_CHARS_MAX = 200
THINGS_MAX = 200_000
"""Most packs and containers that one quarantine names one by one."""


class QuarantineRefused(Refused):
    """The quarantine cannot be placed or released; the text says why and what to do."""


class SubjectKind(StrEnum):
    """What a quarantine may be about."""

    PRODUCT = "product"
    LOT = "lot"
    RANGE = "range"
    PACK = "pack"
    CASE = "case"
    PALLET = "pallet"
    SHIPMENT = "shipment"


CONTAINERS = frozenset({SubjectKind.CASE, SubjectKind.PALLET, SubjectKind.SHIPMENT})
"""Kinds that are held with everything inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineSubject:
    """What is held; `parse` makes it from a person's input.

    >>> QuarantineSubject.parse("lot", gtin="0355555678908", lot="L7").as_dict()
    {'kind': 'lot', 'gtin': '00355555678908', 'lot': 'L7'}
    """

    kind: SubjectKind
    gtin: str = ""
    """GTIN-14."""
    lot: str = ""
    serial: str = ""
    """The pack's, or the first one of a range."""
    serial_to: str = ""
    """The last one of a range."""
    key: str = ""
    """Canonical key of a case or pallet."""
    document: str = ""
    """Number or URI of the order, despatch advice or invoice of a shipment."""

    @classmethod
    def parse(
        cls,
        kind: str,
        *,
        gtin: str = "",
        lot: str = "",
        serial: str = "",
        serial_to: str = "",
        container: str = "",
        document: str = "",
    ) -> QuarantineSubject:
        """A subject from a person's input; raises QuarantineRefused, naming what is missing.

        `container` is a case or pallet as URN, Digital Link or the 18 digits of an SSCC.
        """
        try:
            made = cls(
                kind=SubjectKind(kind),
                gtin=str(Gtin.parse(gtin)) if gtin else "",
                lot=lot,
                serial=serial,
                serial_to=serial_to,
                key=_container_key(container) if container else "",
                document=document,
            )
        except ValueError as fault:
            raise QuarantineRefused(str(fault)) from None
        made.check()
        return made

    def check(self) -> None:
        """Raise QuarantineRefused where it does not say what it must, or says more."""
        given = {name for name in _MOST if getattr(self, name)}
        needed = _NEEDED[self.kind]
        if given != needed:
            names = " and ".join(sorted(_NAMES[name] for name in needed))
            raise QuarantineRefused(f"a quarantine of a {self.kind.value} needs its {names}, alone")
        for name, most in _MOST.items():
            if len(getattr(self, name)) > most:
                raise QuarantineRefused(f"{_NAMES[name]} has at most {most} characters")
        is_range = self.kind is SubjectKind.RANGE
        if is_range and (len(self.serial) != len(self.serial_to) or self.serial > self.serial_to):
            raise QuarantineRefused("a range goes from a serial to a later one of the same length")

    @classmethod
    def of_row(cls, row: Row[Any]) -> QuarantineSubject:  # the columns of a subject
        """The subject in a row of the table."""
        given = {name: getattr(row, name) for name in _MOST}
        return cls(kind=SubjectKind(row.kind), **given)

    def as_row(self) -> dict[str, str]:
        """Its columns."""
        return {"kind": self.kind.value, **{name: getattr(self, name) for name in _MOST}}

    def as_dict(self) -> dict[str, str]:
        """What it says, ready for JSON."""
        return {name: value for name, value in self.as_row().items() if value}

    def __str__(self) -> str:
        return " ".join(value for value in self.as_dict().values())


_MOST = {
    "gtin": 14,
    "lot": LOT_CHARS_MAX,
    "serial": SERIAL_CHARS_MAX,
    "serial_to": SERIAL_CHARS_MAX,
    "key": DOCUMENT_CHARS_MAX,
    "document": DOCUMENT_CHARS_MAX,
}
_NAMES = {
    "gtin": "GTIN",
    "lot": "lot",
    "serial": "serial number",
    "serial_to": "last serial number",
    "key": "identifier of the container",
    "document": "number of a document",
}
_NEEDED = {
    SubjectKind.PRODUCT: {"gtin"},
    SubjectKind.LOT: {"gtin", "lot"},
    SubjectKind.RANGE: {"gtin", "serial", "serial_to"},
    SubjectKind.PACK: {"gtin", "serial"},
    SubjectKind.CASE: {"key"},
    SubjectKind.PALLET: {"key"},
    SubjectKind.SHIPMENT: {"document"},
}


def _container_key(text: str) -> str:
    """The canonical key of a case or pallet; raises ValueError."""
    stripped = text.strip()
    digits = stripped if len(stripped) == 18 and stripped.isdigit() else ""
    key = f"/00/{digits}" if digits else canonical_key(stripped)
    if not key.startswith(("/00/", "/01/")) or (key.startswith("/01/") and "/21/" not in key):
        raise ValueError(f"'{text}' names no case or pallet: give an SSCC, or a GTIN with serial")
    return key


def things_in(snapshot: Snapshot, subject: QuarantineSubject) -> list[str]:
    """The canonical keys that a quarantine names one by one; none for a product, lot or range.

    Raises QuarantineRefused where nothing is known of a container or shipment.
    """
    if subject.kind is SubjectKind.SHIPMENT:
        events = shipment_events(snapshot, subject.document)
        found = set(things_shipped(snapshot, events))
        if not found:
            raise QuarantineRefused(f"no shipment is known under {subject.document}")
    elif subject.key:
        found = set(things_within(snapshot, subject.key))
        if not found:
            raise QuarantineRefused(f"no event names {subject.key}, so nothing can be held in it")
    else:
        return []
    if len(found) > THINGS_MAX:
        raise QuarantineRefused(
            f"{len(found)} packs are in it, at most {THINGS_MAX} can be held one by one:"
            " quarantine the lots"
        )
    return sorted(found)
