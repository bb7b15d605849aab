"""The company that runs this installation: what kind it is, who it is, and how files reach it.

The first run in the browser, the page of settings and `packtrail site` write it; navigation, times
on pages, letters and the start of the server read it. A setting of the environment goes before it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from sqlalchemy import delete, insert, select

from compliance.duty_tables import access_lock, site_profile
from epcis.database.columns import microseconds
from epcis.database.site_zone import SiteZone
from epcis.store.event_tables import document
from schemas.gs1.keys import Gln
from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epcis.database.transactions import Database, Snapshot
    from epcis.ledger.store import Transaction

NAME_CHARACTERS_MAX = 100
LICENCE_CHARACTERS_MAX = 100


class CompanyKind(StrEnum):
    """What a company is in the supply of medicines."""

    US_PHARMACY = "us-pharmacy"
    EU_PHARMACY = "eu-pharmacy"
    WHOLESALER = "wholesaler"
    MANUFACTURER = "manufacturer"
    AUTHORITY = "authority"


class FileWay(StrEnum):
    """How files of partners reach a company."""

    BROWSER = "browser"
    FOLDER = "folder"
    HTTPS = "https"
    AS2 = "as2"


class SiteRefusedError(Refused):
    """A company's profile cannot be used; the text names the value and the reason."""


class SiteProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The company as its operator describes it.

    >>> SiteProfile(kind=CompanyKind.EU_PHARMACY, name="Linden", country="FI").checked().zone.key
    'UTC'
    """

    kind: CompanyKind
    name: str
    gln: str = ""
    """GLN-13; empty where the company has none."""
    licence: str = ""
    """Number of its own licence or authorisation, as letters give it."""
    country: str = ""
    """ISO 3166-1 alpha-2."""
    time_zone: str = "UTC"
    """Name in the IANA time zone database, in which pages show times and expiry days end."""
    files: FileWay = FileWay.BROWSER

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that pages show times in."""
        return ZoneInfo(self.time_zone)

    def checked(self) -> SiteProfile:
        """The same, trimmed. Raises `SiteRefusedError`."""
        name, licence = self.name.strip(), self.licence.strip()
        if not name or len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
            raise SiteRefusedError(f"a company's name has 1 to {NAME_CHARACTERS_MAX} characters")
        if len(licence) > LICENCE_CHARACTERS_MAX or not (licence.isprintable() or not licence):
            raise SiteRefusedError(f"a licence has at most {LICENCE_CHARACTERS_MAX} characters")
        country = self.country.strip().upper()
        if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
            raise SiteRefusedError("a country is its two letters, as FI or US")
        if self.time_zone not in available_timezones():
            raise SiteRefusedError(
                f"'{self.time_zone[:60]}' is no time zone: use a name such as Europe/Helsinki"
            )
        changes = {"name": name, "licence": licence, "country": country, "gln": _gln(self.gln)}
        return msgspec.structs.replace(self, **changes)


def profile_from(given: Mapping[str, object]) -> SiteProfile:
    """A profile from a form or file. Raises `SiteRefusedError`.

    >>> profile_from({"kind": "wholesaler", "name": "Meridian", "gln": "9521322000017"}).gln
    '9521322000017'
    >>> profile_from({"kind": "bakery", "name": "Meridian"})
    Traceback (most recent call last):
    compliance.site.SiteRefusedError: Invalid enum value 'bakery' - at `$.kind`
    """
    try:
        return msgspec.convert(dict(given), SiteProfile).checked()
    except msgspec.ValidationError as fault:
        raise SiteRefusedError(str(fault)) from None


def _gln(text: str) -> str:
    if not text.strip():
        return ""
    try:
        return str(Gln.parse(text))
    except ValueError as fault:
        raise SiteRefusedError(f"GLN: {fault}") from None


def site_of(snapshot: Snapshot) -> SiteProfile | None:
    """The company; None before it is entered."""
    row = snapshot.connection.execute(select(site_profile)).first()
    if row is None:
        return None
    kept = {field: getattr(row, field) for field in SiteProfile.__struct_fields__}
    return msgspec.convert(kept, SiteProfile)


def put_site(tx: Transaction, profile: SiteProfile, *, by: str) -> None:
    """Keep who the company is; `profile` was checked."""
    tx.connection.execute(delete(site_profile))
    row = msgspec.to_builtins(profile) | {"by": by, "changed_us": microseconds(tx.now)}
    tx.connection.execute(insert(site_profile).values(id=1, **row))
    tx.companions.one(SiteZone).name = profile.time_zone


def follow_site(store: Database) -> None:
    """Let the days of a store that was opened end in the site's time zone."""
    with store.read() as snapshot:
        site = site_of(snapshot)
    if site is not None:
        store.companions.one(SiteZone).name = site.time_zone


def is_untouched(snapshot: Snapshot) -> bool:
    """Whether nobody has a credential, nothing was captured and no company is entered."""
    tables = (access_lock, site_profile, document)
    return not any(
        snapshot.connection.execute(select(next(iter(table.primary_key))).limit(1)).first()
        for table in tables
    )
