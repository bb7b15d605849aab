"""In which time zone the days of this installation end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.clock import day_in

if TYPE_CHECKING:
    from datetime import date, datetime

    from epcis.database.transactions import Snapshot


class SiteZone:
    """Beside a database: the time zone of whoever runs this installation."""

    def __init__(self) -> None:
        self.name = "UTC"
        """In the IANA time zone database."""


def zone_of(snapshot: Snapshot) -> str:
    """The name of the site's time zone."""
    return snapshot.companions.one(SiteZone).name


def site_day(snapshot: Snapshot, moment: datetime) -> date:
    """The day that `moment` falls on where the site is."""
    return day_in(zone_of(snapshot), moment)
