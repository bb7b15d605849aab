"""What tells the time, and which day it is where."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

Clock: TypeAlias = Callable[[], datetime]
"""Gives the current time, in UTC."""


def day_in(zone: str, moment: datetime) -> date:
    """The day that `moment` falls on in a time zone.

    >>> late = datetime(2031, 5, 31, 22, 30, tzinfo=UTC)
    >>> day_in("UTC", late).isoformat(), day_in("Europe/Helsinki", late).isoformat()
    ('2031-05-31', '2031-06-01')
    """
    return moment.astimezone(UTC if zone == "UTC" else ZoneInfo(zone)).date()
