"""Whether the times of an event can be read, which everything after the codec relies on."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from epcis.model import instant_of
from schemas.finding import Severity

if TYPE_CHECKING:
    from epcis.codec.refusal import FindingCollector


def is_plain_instant(lexical: str) -> bool:
    """Whether a time says its zone and reads without doubt; the quick answer for most events.

    >>> is_plain_instant("2026-01-02T03:04:05Z"), is_plain_instant("2026-01-02T03:04:05")
    (True, False)
    """
    try:
        return datetime.fromisoformat(lexical).tzinfo is not None
    except ValueError:
        return False


def has_usable_time(
    lexical: str, offset: str | None, gathering: FindingCollector, *, line: int | None, path: str
) -> bool:
    """Whether an event time stands for an instant; notes what is wrong with it, or doubtful."""
    if is_plain_instant(lexical):
        return True
    try:
        instant_of(lexical, offset)
    except (ValueError, OverflowError):
        gathering.note(
            "event.time-unreadable",
            Severity.ERROR,
            f"{lexical[:40]!r} is not a date and time"
            if offset is None
            else f"{lexical[:40]!r} with the offset {offset[:10]!r} is not a date and time",
            "Write it as 2026-01-31T12:00:00+01:00.",
            line=line,
            path=f"{path}/eventTime",
        )
        return False
    if not _says_zone(lexical):
        gathering.note(
            "event.time-without-zone",
            Severity.WARNING,
            f"the event time {lexical} has no time zone",
            "It is read by eventTimeZoneOffset; EPCIS 2.0 demands the zone in the time itself.",
            line=line,
            path=f"{path}/eventTime",
        )
    return True


def _says_zone(lexical: str) -> bool:
    clock = lexical.partition("T")[2]
    return clock.endswith(("Z", "z")) or "+" in clock or "-" in clock
