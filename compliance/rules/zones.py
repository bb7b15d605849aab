"""Rule T04: whether the time zone of an event agrees with itself and with the season of the place.

A site in Delaware is five hours behind UTC in November and four in July. A sender whose clock or
software has the wrong season reports times that are an hour off. A zone of another part of the
country is accepted: many companies report all sites in the zone of their headquarters, as GS1 US
does in its own example.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from compliance.rules.products import places_stated
from schemas.finding import Where
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.rules.catalogue import Findings
    from compliance.rules.shipped_file import ShippedFile
    from epcis.model import Header
    from schemas.finding import Finding

_EASTERN, _CENTRAL = "America/New_York", "America/Chicago"
_MOUNTAIN, _PACIFIC = "America/Denver", "America/Los_Angeles"
_STATES: Final = {
    _EASTERN: "CT DE DC FL GA IN KY MA MD ME MI NC NH NJ NY OH PA RI SC TN VA VT WV",
    _CENTRAL: "AL AR FL IA IL IN KS KY LA MI MN MO MS ND NE OK SD TN TX WI",
    _MOUNTAIN: "AZ CO ID KS MT ND NE NM NV OR SD TX UT WY",
    _PACIFIC: "CA ID NV OR WA",
    "America/Phoenix": "AZ",
    "America/Anchorage": "AK",
    "America/Adak": "AK",
    "Pacific/Honolulu": "HI",
    "America/Puerto_Rico": "PR VI",
    "Pacific/Guam": "GU MP",
    "Pacific/Pago_Pago": "AS",
}
"""The zones of the United States (49 CFR part 71) and the states that lie in them, wholly or in
part; the Navajo Nation in Arizona keeps Denver's daylight saving time."""
ZONES_OF_STATE: Final = {
    state: tuple(zone for zone, states in _STATES.items() if state in states.split())
    for states in _STATES.values()
    for state in states.split()
}
HALF_A_YEAR: Final = timedelta(days=182)
_OFFSET: Final = re.compile(r"(?P<sign>[+-])(?P<hours>\d\d):(?P<minutes>\d\d)\Z")


def judge_zones(file: ShippedFile, header: Header, say: Findings) -> Iterator[Finding]:
    """Find events whose zone contradicts their own time, or belongs to the other season."""
    states = {
        canonical_key(uri): facts.get("state", "")
        for uri, facts in places_stated(header)
        if facts.get("countryCode", "US") in ("US", "PR", "GU", "VI", "AS", "MP")
    }
    for step in file.steps:
        offset = offset_of(step.zone)
        if offset is None:
            continue
        written = offset_of(step.time_text)
        where = Where(line=step.where.line, path=f"{step.where.path}/eventTimeZoneOffset")
        if written is not None and written != offset:
            yield say.found(
                "T04",
                f"eventTime has the zone {step.time_text.strip()[-6:]}, eventTimeZoneOffset says"
                f" {step.zone}",
                "Write the same zone in both, that of the place where it happened.",
                where,
            )
            continue
        state = states.get(canonical_key(step.read_point), "")
        usual = offsets_in(state, step.at)
        in_half_a_year = offsets_in(state, step.at + HALF_A_YEAR)
        if offset in in_half_a_year - usual:
            yield say.found(
                "T04",
                f"eventTimeZoneOffset is {step.zone}; {step.read_point} had"
                f" {' or '.join(sorted(map(text_of, usual)))} at that season",
                "Check daylight saving time on the clock of the site.",
                where,
            )


def offset_of(text: str) -> timedelta | None:
    """The offset that a text ends with; None where it has none or says Z.

    >>> offset_of("2026-11-20T09:30:00-05:00")
    datetime.timedelta(days=-1, seconds=68400)
    >>> offset_of("2026-11-20T14:30:00Z") is None
    True
    """
    found = _OFFSET.search(text.strip())
    if found is None:
        return None
    size = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
    return -size if found["sign"] == "-" else size


def text_of(offset: timedelta) -> str:
    """An offset as EPCIS writes it.

    >>> text_of(timedelta(hours=-5))
    '-05:00'
    """
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def offsets_in(state: str, at: datetime) -> frozenset[timedelta]:
    """UTC offsets in force in a US state at a time; empty where the state is unknown.

    >>> from datetime import UTC
    >>> sorted(map(text_of, offsets_in("TN", datetime(2026, 11, 20, tzinfo=UTC))))
    ['-05:00', '-06:00']
    """
    return frozenset(
        at.astimezone(_zone(name)).utcoffset() or timedelta()
        for name in ZONES_OF_STATE.get(state, ())
    )


@lru_cache(maxsize=32)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
