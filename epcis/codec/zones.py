"""Times that say their zone, as EPCIS 2.0 and JSON-LD demand and EPCIS 1.x does not.

A time without a zone is read by the event's offset, in writing as everywhere else; the time of a
document, which has none, in UTC. Standard: EPCIS 2.0 section 7.4.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from epcis.codec.required import says_zone
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from epcis.model import Event


def with_zones(event: Event) -> Event:
    """The event with a zone in each of its times; itself where all of them say theirs.

    >>> from epcis.model import ObjectEvent
    >>> late = ObjectEvent(
    ...     event_time="2026-01-05T10:00:00", event_time_zone_offset="-05:00", action="ADD"
    ... )
    >>> with_zones(late).event_time
    '2026-01-05T10:00:00-05:00'
    """
    declared = event.error_declaration
    if (
        _iszoned_text(event.event_time)
        and (event.record_time is None or _iszoned_text(event.record_time))
        and (declared is None or _iszoned_text(declared.declaration_time))
    ):
        return event
    zone = event.event_time_zone_offset or "Z"
    if declared is not None:
        time = zoned_text(declared.declaration_time, zone)
        declared = structs.replace(declared, declaration_time=time)
    record_time = event.record_time
    return structs.replace(
        event,
        event_time=zoned_text(event.event_time, zone),
        record_time=None if record_time is None else zoned_text(record_time, zone),
        error_declaration=declared,
    )


def creation_date(written: str, findings: list[Finding]) -> str:
    """A document's time with a zone; a finding where it had none.

    >>> creation_date("2026-01-05T10:00:00", [])
    '2026-01-05T10:00:00Z'
    """
    if _iszoned_text(written) or "T" not in written:
        return written
    findings.append(
        Finding(
            "document.creation-date-without-zone",
            Severity.WARNING,
            f"creationDate {written[:40]} has no time zone and was taken for UTC",
            "Have the sender write the zone.",
            Where(path="/EPCISDocument/@creationDate"),
        )
    )
    return zoned_text(written, "Z")


def _iszoned_text(time: str) -> bool:
    return time.endswith("Z") or says_zone(time)


def zoned_text(time: str, zone: str) -> str:
    """A written time with its zone; what is no date with a time of day stays as it is.

    >>> zoned_text("2026-01-05T10:00:00", "+01:00"), zoned_text("2026-01-05T10:00:00Z", "+01:00")
    ('2026-01-05T10:00:00+01:00', '2026-01-05T10:00:00Z')
    """
    return time if _iszoned_text(time) or "T" not in time else f"{time.strip()}{zone}"
