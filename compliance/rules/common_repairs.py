"""Repairs that are the same in XML and in JSON-LD: they ask only where things stand in a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from compliance.rules.spans import Change, Edit
from compliance.rules.steps import ZONED
from epcis.check.when import instant
from schemas import cbv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Self

_OFFSET: Final = re.compile(r"[+-]\d\d:\d\d\Z")


class FilePart(Protocol):
    """An element of XML or a value of JSON, with its place in the file."""

    line: int
    start: int
    end: int

    @property
    def text(self) -> str:
        """What it says."""

    @property
    def children(self) -> Sequence[Self]:
        """What is directly inside."""

    def child(self, name: str) -> Self | None:
        """The first child of a name."""


PartT = TypeVar("PartT", bound=FilePart)


def step_of(event: FilePart) -> str:
    """The bare word of an event's business step; empty without one."""
    step = event.child("bizStep")
    return cbv.bare("bizstep", step.text.strip()) if step is not None else ""


def zone_written(
    events: Iterable[PartT], set_text: Callable[[PartT, str], Change]
) -> Iterator[Change]:
    """An event time without zone gets the zone that stands beside it."""
    for event in events:
        time, zone = event.child("eventTime"), event.child("eventTimeZoneOffset")
        if time is None or zone is None or ZONED.search(time.text.strip()):
            continue
        if _OFFSET.match(zone.text.strip()):
            yield set_text(time, time.text.strip() + zone.text.strip())


def ship_location_left_out(
    events: Iterable[PartT], removal: Callable[[PartT], Edit]
) -> Iterator[Change]:
    """Goods that are shipped are at no place."""
    for event in events:
        place = event.child("bizLocation")
        if place is not None and step_of(event) == "shipping":
            what = "bizLocation of the shipping event left out"
            yield Change(place.line, what, (removal(place),))


def in_order(
    data: bytes, lists: Iterable[PartT], time_of: Callable[[PartT], str | None]
) -> Iterator[Change]:
    """Let events stand in the order they happened; none is changed."""
    for events in lists:
        timed = [(time_of(one), number, one) for number, one in enumerate(events.children)]
        if any(time is None for time, _, _ in timed):
            continue
        ordered = sorted(timed, key=lambda one: (one[0], one[1]))
        edits = tuple(
            Edit(place.start, place.end, data[one.start : one.end])
            for place, (_, _, one) in zip(events.children, ordered, strict=True)
            if place is not one
        )
        if edits:
            yield Change(events.line, f"{len(edits)} events put in the order they happened", edits)


def moment_of_texts(time: FilePart | None, zone: FilePart | None) -> str | None:
    """When an event happened, so that texts sort by time; None where that cannot be read."""
    at = instant(time.text.strip(), zone.text if zone is not None else None) if time else None
    return at.isoformat(timespec="microseconds") if at is not None else None
