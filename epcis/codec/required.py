"""What an event must say to be taken in, whatever its syntax.

An event has the required fields of its type, an event time that can be read, and one of the three
actions: everything after the codec relies on that. An event that lacks one of them is refused,
because its meaning would be guessed.
Standard: EPCIS 2.0 section 7.4.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from epcis.codec.refusal import EventRefused
from epcis.model import instant_of
from schemas.epcis.parts import ACTIONS
from schemas.finding import Severity, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epcis.codec.fields import EventShape
    from epcis.codec.refusal import FindingCollector


def require(
    shape: EventShape,
    values: Mapping[str, Any],  # fields hold texts, lists and records: one type each
    collector: FindingCollector,
    where: Where,
) -> None:
    """Raises EventRefused where the fields read from an event do not make one."""
    missing = [name for name in shape.required if shape.by_name[name].attribute not in values]
    if missing:
        raise EventRefused(
            "event.field-missing",
            f"{shape.name} has no {' and no '.join(missing)}",
            "Ask the sender for the event with this field; without it, it cannot be taken in.",
            where,
        )
    action = values.get("action")
    if action is not None and action not in ACTIONS.words:
        raise EventRefused(
            "event.action-unknown",
            f"{action[:40]!r} is no action, so it is not known what happened",
            f"Write {', '.join(ACTIONS.words)}, in capital letters.",
            _below(where, "action"),
        )
    require_time(values["event_time"], values.get("event_time_zone_offset"), collector, where)


def is_plain_instant(lexical: str) -> bool:
    """Whether a time says its zone and reads without doubt; the quick answer for most events.

    >>> is_plain_instant("2026-01-02T03:04:05Z"), is_plain_instant("2026-01-02T03:04:05")
    (True, False)
    """
    try:
        return datetime.fromisoformat(lexical).tzinfo is not None
    except ValueError:
        return False


def require_time(
    lexical: str, offset: str | None, collector: FindingCollector, where: Where
) -> None:
    """Raises EventRefused where an event time is no time; notes where it does not say its zone."""
    if is_plain_instant(lexical):
        return
    try:
        instant_of(lexical, offset)
    except (ValueError, OverflowError):
        raise EventRefused(
            "event.time-unreadable",
            f"{lexical[:40]!r} is not a date and time"
            if offset is None
            else f"{lexical[:40]!r} with the offset {offset[:10]!r} is not a date and time",
            "Write it as 2026-01-31T12:00:00+01:00.",
            _below(where, "eventTime"),
        ) from None
    if not says_zone(lexical):
        place = _below(where, "eventTime")
        collector.note(
            "event.time-without-zone",
            Severity.WARNING,
            f"the event time {lexical} has no time zone",
            "It is read by eventTimeZoneOffset; EPCIS 2.0 demands the zone in the time itself.",
            line=place.line,
            path=place.path,
        )


def says_zone(lexical: str) -> bool:
    """Whether a written time says its zone.

    >>> says_zone("2026-01-02T03:04:05-05:00"), says_zone("2026-01-02T03:04:05")
    (True, False)
    """
    clock = lexical.partition("T")[2]
    return clock.endswith(("Z", "z")) or "+" in clock or "-" in clock


def _below(where: Where, name: str) -> Where:
    return Where(line=where.line, path=f"{where.path or ''}/{name}")
