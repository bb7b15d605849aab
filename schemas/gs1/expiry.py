"""Dates on packs: YYMMDD with the GS1 century window, and months without a day."""

from __future__ import annotations

import calendar
from datetime import date
from functools import lru_cache
from typing import Final

DAYS_CACHED_MAX: Final = 4096
"""Most written dates that are cached; packs of one lot share theirs."""


def full_year(two_digits: int, today: date | None = None) -> int:
    """The four-digit year that a two-digit one stands for.

    It lies at most 49 years back and 50 years ahead of this year
    (General Specifications section 7.12).

    >>> full_year(27, date(2026, 1, 1)), full_year(77, date(2026, 1, 1))
    (2027, 1977)
    >>> full_year(76, date(2026, 1, 1)), full_year(20, date(2069, 1, 1))
    (2076, 2020)
    """
    this_year = _year_of(today)
    century, own = divmod(this_year, 100)
    difference = two_digits - own
    if difference >= 51:
        century -= 1
    elif difference <= -50:
        century += 1
    return century * 100 + two_digits


def expiry_date(yymmdd: str, today: date | None = None) -> date | None:
    """The last day of use, the month's last where the day is 00; None where the text is no date.

    >>> expiry_date("270200", date(2026, 1, 1)), expiry_date("270230", date(2026, 1, 1))
    (datetime.date(2027, 2, 28), None)
    """
    return _day(yymmdd, _year_of(today))


def _year_of(today: date | None) -> int:
    # The only use of a clock in this package: the century changes once in many years, and a
    # caller that must control it passes `today`.
    return (today or date.today()).year  # noqa: DTZ011  # a century needs no time zone


@lru_cache(maxsize=DAYS_CACHED_MAX)
def _day(yymmdd: str, this_year: int) -> date | None:
    if len(yymmdd) != 6 or not (yymmdd.isascii() and yymmdd.isdigit()):
        return None
    year = full_year(int(yymmdd[:2]), date(this_year, 1, 1))
    month, day = int(yymmdd[2:4]), int(yymmdd[4:])
    if not 1 <= month <= 12:
        return None
    last = calendar.monthrange(year, month)[1]
    return date(year, month, day or last) if day <= last else None
