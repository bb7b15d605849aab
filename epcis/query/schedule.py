"""When a scheduled subscription runs: the cron-like query schedule of EPCIS 2.0 section 8.2.5.3.

Each field is a list of numbers and `[low-high]` ranges. A field left out means "any", except below
the finest field given: there it means the first, so that hour 1, minute 5 runs once a day at
01:05:00 and not sixty times. All times are UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

BOUNDS: Final = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "dayOfMonth": (1, 31),
    "month": (1, 12),
    "dayOfWeek": (1, 7),
}
"""Field of the schedule, finest first, and the numbers it may hold; dayOfWeek 1 is Monday."""
DAYS_AHEAD_MAX: Final = 366 * 41
"""A 29 February on a given day of the week comes back within 40 years, or never."""
_LENGTH_MAX: Final = 400
_COARSENESS: Final = {
    "second": 0,
    "minute": 1,
    "hour": 2,
    "dayOfMonth": 3,
    "dayOfWeek": 3,
    "month": 4,
}
_ELEMENT: Final = re.compile(r"(\d{1,2})|\[(\d{1,2})-(\d{1,2})\]")


class ScheduleError(ValueError):
    """A schedule that cannot be read or never comes due; the text says which field."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed schedule: the allowed numbers of each field.

    >>> schedule = Schedule.parse({"hour": "1", "minute": "5"})
    >>> schedule.after(datetime.fromisoformat("2026-03-01T01:05:00+00:00")).isoformat()
    '2026-03-02T01:05:00+00:00'
    >>> str(schedule)
    'minute=5 hour=1'
    """

    given: tuple[tuple[str, str], ...]
    """The fields as they were written, finest first."""
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def parse(cls, fields: Mapping[str, object]) -> Schedule:
        """The schedule of these fields; raises `ScheduleError` naming the field at fault."""
        unknown = [name for name in fields if name not in BOUNDS]
        if unknown:
            raise ScheduleError(f"a schedule has no field '{unknown[0]}'")
        given = {name: _text(name, fields[name]) for name in BOUNDS if name in fields}
        if not given:
            raise ScheduleError("the schedule names no field; give at least one, e.g. minute")
        allowed = {name: _allowed(name, text) for name, text in given.items()}
        for name in BOUNDS:
            allowed.setdefault(name, _unnamed(name, given))
        schedule = cls(
            tuple(given.items()),
            tuple(sorted(allowed["second"])),
            tuple(sorted(allowed["minute"])),
            tuple(sorted(allowed["hour"])),
            allowed["dayOfMonth"],
            allowed["month"],
            allowed["dayOfWeek"],
        )
        # A fixed day far from any leap-year exception, so that parsing needs no clock.
        schedule.after(datetime.fromisoformat("2025-01-01T00:00:00+00:00"))
        return schedule

    def __str__(self) -> str:
        return " ".join(f"{name}={text}" for name, text in self.given)

    def as_dict(self) -> dict[str, str]:
        """The fields as written, for answers and for the table."""
        return dict(self.given)

    def after(self, moment: datetime) -> datetime:
        """The first instant the schedule names that is later than `moment` (UTC).

        Raises `ScheduleError` where there is none, such as 30 February.
        """
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        for _ in range(DAYS_AHEAD_MAX):
            if self._names_day(day):
                found = self._first_time(day, start)
                if found is not None:
                    return found
            day += timedelta(days=1)
        raise ScheduleError(f"the schedule '{self}' names a day that never comes")

    def _names_day(self, day: datetime) -> bool:
        return (
            day.month in self.months and day.day in self.days and day.isoweekday() in self.weekdays
        )

    def _first_time(self, day: datetime, start: datetime) -> datetime | None:
        """The first named time of `day` that is not before `start`."""
        for hour in self.hours:
            if day + timedelta(hours=hour + 1) <= start:
                continue
            for minute in self.minutes:
                if day + timedelta(hours=hour, minutes=minute + 1) <= start:
                    continue
                for second in self.seconds:
                    candidate = day.replace(hour=hour, minute=minute, second=second)
                    if candidate >= start:
                        return candidate
        return None


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ScheduleError(f'{name} must be a text such as "5", "0,30" or "[1-5]"')
    return value.strip()


def _allowed(name: str, text: str) -> frozenset[int]:
    """The numbers a written field names.

    >>> sorted(_allowed("minute", "0,[10-12],30"))
    [0, 10, 11, 12, 30]
    """
    low, high = BOUNDS[name]
    if len(text) > _LENGTH_MAX:
        raise ScheduleError(f"{name} is longer than {_LENGTH_MAX} characters")
    numbers: set[int] = set()
    for element in text.split(","):
        match = _ELEMENT.fullmatch(element.strip())
        if match is None:
            raise ScheduleError(f"{name} '{element}' is neither a number nor a range like [1-5]")
        first = int(match[1] or match[2])
        last = int(match[1] or match[3])
        if not low <= first <= last <= high:
            raise ScheduleError(
                f"{name} '{element}' lies outside {low} to {high}, or runs backwards"
            )
        numbers.update(range(first, last + 1))
    return frozenset(numbers)


def _unnamed(name: str, given: Mapping[str, str]) -> frozenset[int]:
    """What a field that was left out allows: its first number below the finest one given."""
    low, high = BOUNDS[name]
    finest = min(_COARSENESS[field] for field in given)
    only_first = _COARSENESS[name] < finest and name != "dayOfWeek"
    return frozenset({low}) if only_first else frozenset(range(low, high + 1))
