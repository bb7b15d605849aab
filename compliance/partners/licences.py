"""Licences of trading partners: evidence that a partner was authorized when goods changed hands.

Law on who may trade and by which licence: FD&C Act 581(2), 582(b)(3), (c)(3), (d)(3) and (e)(3).
Every change of a licence is an entry of the log. A licence that ends early is marked, never
removed, so it can always be shown whether it was valid on a given day.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import insert, select, update

from compliance.duty_tables import partner_licence
from epcis.database.columns import microseconds, moment_of
from epcis.ledger.entry import LeafKind
from schemas.gs1.keys import Gln
from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

TEXT_CHARACTERS_MAX = 200
NUMBER_CHARACTERS_MAX = 100
SOURCE_CHARACTERS_MAX = 1_000
LISTED_MAX = 10_000


class PartnerRole(StrEnum):
    """The role in which a partner is authorized; each has its own paragraph in 581(2)."""

    MANUFACTURER = "manufacturer"
    REPACKAGER = "repackager"
    WHOLESALER = "wholesaler"
    DISPENSER = "dispenser"
    LOGISTICS = "3pl"


class LicenceKind(StrEnum):
    """Kind of licence."""

    REGISTRATION = "registration"
    """Of an establishment with FDA, section 510."""
    STATE_LICENCE = "state licence"
    FEDERAL_LICENCE = "federal licence"
    """Under section 583 or 584."""
    DEA = "DEA registration"
    CREDENTIAL = "ATP credential"
    """A verifiable credential of a trusted issuer."""


AUTHORIZES = {
    PartnerRole.MANUFACTURER: {LicenceKind.REGISTRATION, LicenceKind.CREDENTIAL},
    PartnerRole.REPACKAGER: {LicenceKind.REGISTRATION, LicenceKind.CREDENTIAL},
    PartnerRole.WHOLESALER: {
        LicenceKind.STATE_LICENCE,
        LicenceKind.FEDERAL_LICENCE,
        LicenceKind.CREDENTIAL,
    },
    PartnerRole.DISPENSER: {LicenceKind.STATE_LICENCE, LicenceKind.CREDENTIAL},
    PartnerRole.LOGISTICS: {
        LicenceKind.STATE_LICENCE,
        LicenceKind.FEDERAL_LICENCE,
        LicenceKind.CREDENTIAL,
    },
}
"""The licences that authorize each role (581(2)); a DEA registration alone authorizes nobody."""


class LicenceRefused(Refused):
    """The licence cannot be entered or ended; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Licence:
    """One licence of one partner; days are inclusive.

    >>> held = Licence("0366666000014", "South", PartnerRole.WHOLESALER, LicenceKind.STATE_LICENCE,
    ...     "NJ Department of Health", "5003", date(2026, 1, 1), date(2026, 12, 31))
    >>> held.authorizes_on(date(2026, 12, 31)), held.authorizes_on(date(2027, 1, 1))
    (True, False)
    """

    gln: str
    """GLN-13 of the partner."""
    name: str
    role: PartnerRole
    kind: LicenceKind
    authority: str
    """Who issued it."""
    number: str
    valid_from: date
    valid_to: date | None = None
    """Last day; None where it has no end."""
    ended: date | None = None
    """Date of revocation or suspension: the first day on which it was no longer valid."""
    source: str = ""
    """Where and how it was checked."""
    id: str = ""
    checked_us: int = 0
    by: str = ""

    def is_valid_on(self, day: date) -> bool:
        """Whether it was valid on a day."""
        begun = self.valid_from <= day
        running = self.valid_to is None or day <= self.valid_to
        return begun and running and (self.ended is None or day < self.ended)

    def authorizes_on(self, day: date) -> bool:
        """Whether it made its holder an authorized trading partner on a day."""
        return self.kind in AUTHORIZES[self.role] and self.is_valid_on(day)

    def as_dict(self) -> dict[str, object]:
        """The licence as `licence list --json` and `/partners/licences` show it."""
        fields = {name: value for name, value in asdict(self).items() if name != "checked_us"}
        days = {
            name: fields[name].isoformat() if fields[name] else None
            for name in ("valid_from", "valid_to", "ended")
        }
        return {**fields, **days, "checked": moment_of(self.checked_us).isoformat()}


def licence_from(fields: dict[str, str]) -> Licence:
    """The licence from the text fields of a form or file.

    Raises LicenceRefused, naming the field.
    """
    try:
        made = Licence(
            gln=Gln.parse(fields.get("gln", "")).number,
            name=fields.get("name", ""),
            role=PartnerRole(fields.get("role", "")),
            kind=LicenceKind(fields.get("kind", "")),
            authority=fields.get("authority", ""),
            number=fields.get("number", ""),
            valid_from=date.fromisoformat(fields.get("valid_from", "")),
            valid_to=date.fromisoformat(fields["valid_to"]) if fields.get("valid_to") else None,
            source=fields.get("source", ""),
        )
    except ValueError as fault:
        raise LicenceRefused(str(fault)) from None
    for name, most in _LIMITS.items():
        value = getattr(made, name)
        if not value.strip() and name != "source":
            raise LicenceRefused(f"'{name}' is missing")
        if len(value) > most:
            raise LicenceRefused(f"'{name}' has {len(value)} characters, at most {most}")
    if made.valid_to and made.valid_to < made.valid_from:
        raise LicenceRefused("the licence ends before it begins")
    return made


_LIMITS = {
    "name": TEXT_CHARACTERS_MAX,
    "authority": TEXT_CHARACTERS_MAX,
    "number": NUMBER_CHARACTERS_MAX,
    "source": SOURCE_CHARACTERS_MAX,
}


def enter_licence(tx: Transaction, wanted: Licence, *, by: str) -> Licence:
    """Store a licence that the caller has just checked."""
    row = {
        "id": f"L-{secrets.token_hex(6)}",
        "gln": wanted.gln,
        "name": wanted.name,
        "role": wanted.role.value,
        "kind": wanted.kind.value,
        "authority": wanted.authority,
        "number": wanted.number,
        "valid_from": wanted.valid_from.isoformat(),
        "valid_to": wanted.valid_to.isoformat() if wanted.valid_to else None,
        "ended": None,
        "source": wanted.source,
        "checked_us": microseconds(tx.now),
        "by": by,
    }
    tx.connection.execute(insert(partner_licence).values(**row))
    _log(tx, "licence-entered", row, by)
    return _of_row(row)


def end_licence(tx: Transaction, licence_id: str, day: date, *, by: str) -> Licence:
    """Mark a licence as no longer valid from a day on. Raises LicenceRefused."""
    table = partner_licence.c
    here = table.id == licence_id
    row = tx.connection.execute(select(partner_licence).where(here)).mappings().first()
    if row is None:
        raise LicenceRefused(f"there is no licence {licence_id}")
    if row["ended"] is not None:
        raise LicenceRefused(f"licence {licence_id} ended on {row['ended']} already")
    tx.connection.execute(update(partner_licence).where(here).values(ended=day.isoformat()))
    ended = {**row, "ended": day.isoformat()}
    _log(tx, "licence-ended", ended, by)
    return _of_row(ended)


def licences(snapshot: Snapshot, glns: Iterable[str] | None = None) -> list[Licence]:
    """The licences of some partners, or of all: by partner, oldest first."""
    wanted = select(partner_licence)
    if glns is not None:
        wanted = wanted.where(partner_licence.c.gln.in_(sorted(glns)))
    rows = snapshot.connection.execute(wanted.limit(LISTED_MAX)).mappings()
    found = [_of_row(dict(row)) for row in rows]
    return sorted(found, key=lambda one: (one.gln, one.valid_from, one.id))


def _of_row(row: dict[str, Any]) -> Licence:  # a row of partner_licence by column
    days = {
        name: date.fromisoformat(row[name]) if row[name] else None for name in ("valid_to", "ended")
    }
    return Licence(
        gln=row["gln"],
        name=row["name"],
        role=PartnerRole(row["role"]),
        kind=LicenceKind(row["kind"]),
        authority=row["authority"],
        number=row["number"],
        valid_from=date.fromisoformat(row["valid_from"]),
        valid_to=days["valid_to"],
        ended=days["ended"],
        source=row["source"],
        id=row["id"],
        checked_us=row["checked_us"],
        by=row["by"],
    )


def _log(tx: Transaction, what: str, row: Mapping[str, object], by: str) -> None:
    public = {"act": what, "licence": row["id"], "gln": row["gln"], "role": row["role"]}
    details = {"number": row["number"], "authority": row["authority"], "by": by}
    tx.log(LeafKind.CASE, orjson.dumps(public), orjson.dumps(details))
