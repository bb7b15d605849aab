"""What the history of verifications gives away: clones, bursts, probing, packs that live on.

Pure: rows in, anomalies out. The rows are of one pack for `of_pack`, of one client at one place for
`of_client`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from math import asin, cos, radians, sin, sqrt
from typing import TYPE_CHECKING

from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from verification.registry.history import Past

EARTH_RADIUS_KM = 6371.0


@dataclass(frozen=True, slots=True)
class AnomalyLimits:
    """From where on something is odd."""

    speed_km_h_max: float = 900.0
    """Faster than a plane is impossible."""
    move_minutes_min: float = 30.0
    """Between two places of unknown distance."""
    burst_requests: int = 120
    burst_window_s: float = 60.0
    probe_run: int = 5
    """Neighbouring serial numbers in a row that are not known."""


DEFAULT_LIMITS = AnomalyLimits()
Coordinates = tuple[float, float]
"""Latitude and longitude, in degrees."""
_UNKNOWN = frozenset({"unknown-serial", "serial-unknown", "lot-and-serial-unknown",
                      "not-confirmed", "No_match_GTIN_Serial"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something odd, what it is about, and since when."""

    finding: Finding
    code: str
    serial: str
    """Empty where it is about a client."""
    client: str
    since: datetime

    @property
    def id(self) -> str:
        """The same for the same thing seen again; for a client, anew each day."""
        since = self.since if self.serial else self.since.date()
        parts = (self.finding.code, self.code, self.serial, self.client, since.isoformat())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def of_pack(
    rows: Sequence[Past],
    places: Mapping[str, Coordinates] | None = None,
    limits: AnomalyLimits = DEFAULT_LIMITS,
) -> list[Anomaly]:
    """What is odd about one pack's history, rows oldest first."""
    return [*_impossible_moves(rows, places or {}, limits), *_after_supply(rows)]


def of_client(rows: Sequence[Past], limits: AnomalyLimits = DEFAULT_LIMITS) -> list[Anomaly]:
    """What is odd about one client's questions, rows oldest first."""
    return [*_bursts(rows, limits), *_probing(rows, limits)]


def distance_km(one: Coordinates, other: Coordinates) -> float:
    """The way between two places over the earth's surface.

    >>> round(distance_km((53.35, -6.26), (60.17, 24.94)))
    2024
    """
    lat1, lon1, lat2, lon2 = map(radians, (*one, *other))
    arc = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(arc))


def _impossible_moves(
    rows: Iterable[Past], places: Mapping[str, Coordinates], limits: AnomalyLimits
) -> Iterator[Anomaly]:
    located = [row for row in rows if row.location]
    for before, after in pairwise(sorted(located, key=_when)):
        if before.location == after.location:
            continue
        time = _when(after) - _when(before)
        if time < _time_needed(before.location, after.location, places, limits):
            finding = Finding(
                "anomaly.two-places",
                Severity.ERROR,
                f"{after.code} {after.serial} was at {before.location} and {time} later at"
                f" {after.location}",
                "one of the two packs is a copy: quarantine both and investigate",
            )
            yield Anomaly(finding, after.code, after.serial, after.client, _when(after))


def _time_needed(
    one: str, other: str, places: Mapping[str, Coordinates], limits: AnomalyLimits
) -> timedelta:
    if one in places and other in places:
        return timedelta(hours=distance_km(places[one], places[other]) / limits.speed_km_h_max)
    return timedelta(minutes=limits.move_minutes_min)


def _after_supply(rows: Iterable[Past]) -> Iterator[Anomaly]:
    """Somebody else asks about a pack that has gone to a patient."""
    supplied: Past | None = None
    for row in rows:
        if row.operation in ("supply", "partial-supply") and row.result == "done":
            supplied = row if row.location else None
        elif row.operation == "undo" and row.result == "done":
            supplied = None
        elif supplied is not None and row.location not in ("", supplied.location):
            finding = Finding(
                "anomaly.after-supply",
                Severity.WARNING,
                f"{row.code} {row.serial} was supplied at {supplied.location} and asked about at"
                f" {row.location}",
                "ask both places for the pack",
            )
            yield Anomaly(finding, row.code, row.serial, row.client, supplied.at)
            return


def _bursts(rows: Sequence[Past], limits: AnomalyLimits) -> Iterator[Anomaly]:
    window = timedelta(seconds=limits.burst_window_s)
    start = 0
    for end, row in enumerate(rows):
        while row.at - rows[start].at > window:
            start += 1
        if end - start + 1 >= limits.burst_requests:
            finding = Finding(
                "anomaly.burst",
                Severity.WARNING,
                f"{row.client} asked {end - start + 1} times within {limits.burst_window_s:g} s",
                "ask the client whether a program runs wild or a key was stolen",
            )
            yield Anomaly(finding, "", "", row.client, row.at)
            return


def _probing(rows: Sequence[Past], limits: AnomalyLimits) -> Iterator[Anomaly]:
    """Serial numbers of a product one after the other, none of them known."""
    runs: dict[str, tuple[int, int | None]] = {}
    for row in rows:
        run, previous = runs.get(row.code, (0, None))
        number = int(row.serial) if row.serial.isdigit() and row.serial.isascii() else None
        unknown = row.result in _UNKNOWN
        neighbour = previous is not None and number is not None and abs(number - previous) == 1
        run = run + 1 if unknown and neighbour else int(unknown)
        runs[row.code] = (run, number if unknown else None)
        if run >= limits.probe_run:
            finding = Finding(
                "anomaly.probing",
                Severity.ERROR,
                f"{row.client} tries serial numbers of {row.code} one after the other",
                "block the key and ask its owner",
            )
            yield Anomaly(finding, row.code, "", row.client, row.at)
            return


def _when(row: Past) -> datetime:
    return row.scanned or row.at
