"""Business days of the United States: weekdays that are no federal holiday (5 U.S.C. 6103)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_FIXED: Final = ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))
"""Month and day; on a Saturday the Friday before is free, on a Sunday the Monday after."""
_WEEKDAYS: Final = ((1, 0, 3), (2, 0, 3), (5, 0, -1), (9, 0, 1), (10, 0, 2), (11, 3, 4))
"""Month, weekday (Monday is 0), and which one of the month; -1 is the last."""
_SATURDAY: Final = 5


def holidays(year: int) -> frozenset[date]:
    """The days of a year on which federal offices are closed.

    >>> sorted(holidays(2026))[-2:]
    [datetime.date(2026, 11, 26), datetime.date(2026, 12, 25)]
    >>> date(2026, 7, 3) in holidays(2026)
    True
    """
    fixed = (_observed(date(at, month, day)) for at in (year, year + 1) for month, day in _FIXED)
    moving = (_which(year, *rule) for rule in _WEEKDAYS)
    return frozenset(one for one in (*fixed, *moving) if one.year == year)


def is_business_day(day: date) -> bool:
    """Whether offices are open on a day.

    >>> is_business_day(date(2026, 11, 26)), is_business_day(date(2026, 11, 27))
    (False, True)
    """
    return day.weekday() < _SATURDAY and day not in holidays(day.year)


def after_business_days(since: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same time of day, so many business days later, in a time zone.

    What comes on a day that is none counts from the first minute of the next one.

    >>> from datetime import UTC
    >>> from zoneinfo import ZoneInfo
    >>> friday = datetime(2026, 11, 27, 20, tzinfo=UTC)
    >>> after_business_days(friday, 1, ZoneInfo("America/New_York")).isoformat()
    '2026-11-30T15:00:00-05:00'
    """
    local = since.astimezone(zone)
    day, clock = local.date(), local.time()
    if not is_business_day(day):
        day, clock = _next(day), time()
    for _ in range(days):
        day = _next(day)
    return datetime.combine(day, clock, zone)


def _next(day: date) -> date:
    day += timedelta(days=1)
    while not is_business_day(day):
        day += timedelta(days=1)
    return day


def _observed(day: date) -> date:
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


def _which(year: int, month: int, weekday: int, number: int) -> date:
    """The first, second, … or last of a weekday in a month."""
    if number < 0:
        last = date(year, month + 1, 1) - timedelta(days=1)
        return last - timedelta(days=(last.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))
