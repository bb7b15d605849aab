"""Rules over when an event happened and was declared wrong.

Standard: EPCIS 2.0 section 7.4.1; CBV 2.0 section 7.5 (error reasons).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from epcis.check.fault import error, warning
from epcis.model import instant_of
from schemas import cbv
from schemas.epcis.parts import OFFSET_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from epcis.check.fault import RuleFault
    from epcis.model import Event

_OFFSET: Final = re.compile(OFFSET_PATTERN)
_ZONED: Final = re.compile(r"(?:Z|[+-]\d\d:\d\d)\Z")


def instant(text: str, offset: str | None = None) -> datetime | None:
    """A written time as an instant; None where it is no time.

    >>> instant("yesterday") is None
    True
    """
    try:
        return instant_of(text, offset)
    except (ValueError, IndexError, OverflowError):
        return None


def happened_at_a_time(event: Event) -> Iterator[RuleFault]:
    """The event time is a point in time, and the local offset is one."""
    offset = event.event_time_zone_offset
    if not offset or not _OFFSET.match(offset):
        yield error(
            "offset-invalid",
            f"eventTimeZoneOffset '{offset or ''}' is no offset",
            "Write it as +01:00 or -05:00.",
            "eventTimeZoneOffset",
        )
        offset = None
    if instant(event.event_time, offset) is None:
        yield error(
            "time-unreadable",
            f"eventTime '{event.event_time}' is no time",
            "Write it as 2026-01-31T12:00:00+01:00.",
            "eventTime",
        )
    elif not _ZONED.search(event.event_time.strip()):
        yield warning(
            "time-without-zone",
            f"eventTime '{event.event_time}' has no time zone",
            "It is read by eventTimeZoneOffset; add Z or an offset.",
            "eventTime",
        )


def was_declared_wrong_properly(event: Event) -> Iterator[RuleFault]:
    """An error declaration says when, and points to corrections only where there are some."""
    declared = event.error_declaration
    if declared is None:
        return
    offset = event.event_time_zone_offset
    at = instant(declared.declaration_time, offset) if declared.declaration_time else None
    if at is None:
        yield error(
            "declaration-time-missing",
            "the error declaration does not say when it was made",
            "Give declarationTime.",
            "errorDeclaration",
        )
    reason = cbv.bare("er", declared.reason or "")
    if reason == "did_not_occur" and declared.corrective_event_ids:
        yield error(
            "correction-of-nothing",
            "an event that did not occur names corrective events",
            "Leave correctiveEventIDs out, or give the reason incorrect_data.",
            "errorDeclaration/correctiveEventIDs",
        )
    if event.event_id and event.event_id in (declared.corrective_event_ids or ()):
        yield error(
            "corrects-itself",
            "the event is named as its own correction",
            "Name the event that says it right.",
            "errorDeclaration/correctiveEventIDs",
        )
    happened = instant(event.event_time, event.event_time_zone_offset)
    if at is not None and happened is not None and at < happened:
        yield warning(
            "declared-before-event",
            "the event was declared wrong before it happened",
            "Check declarationTime and eventTime.",
            "errorDeclaration",
        )
