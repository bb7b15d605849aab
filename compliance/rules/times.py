"""Rules T over the times of a file: order, range and plausibility."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from epcis.check.when import instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.rules.catalogue import Findings
    from compliance.rules.shipped_file import ShippedFile, ShippedStep
    from epcis.model import Header
    from schemas.finding import Finding

SKEW: Final = timedelta(minutes=5)
"""Tolerated difference between the clocks of two companies."""
YEAR: Final = timedelta(days=365)
_ALIKE_MIN: Final = 3
"""At least so many events with one time suggest that nobody measured it."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def judge_times(
    file: ShippedFile, header: Header, now: datetime | None, say: Findings
) -> Iterator[Finding]:
    """Check the times of all events together."""
    timed = [step for step in file.steps if step.at != _NEVER]
    yield from _order(timed, say)
    yield from _range(timed, header, now, say)
    yield from _alike(timed, say)


def _order(steps: list[ShippedStep], say: Findings) -> Iterator[Finding]:
    for before, after in pairwise(steps):
        if after.at < before.at:
            yield say.found(
                "T08",
                f"the event happened before the one it follows, {before.where.path}",
                "Let events stand in the order they happened.",
                after.where,
            )
            return


def _range(
    steps: list[ShippedStep], header: Header, now: datetime | None, say: Findings
) -> Iterator[Finding]:
    created = instant(header.creation_date) if header.creation_date else None
    latest = created or now
    for step in steps:
        if now is not None and step.at > now + SKEW:
            yield say.found(
                "T02",
                f"the event happens at {step.at.isoformat()}, which is still to come",
                "Check the sender's clock and time zone.",
                step.where,
            )
        elif latest is not None and latest - step.at > YEAR:
            yield say.found(
                "T03",
                f"the event happened {(latest - step.at).days} days before the file was made",
                "Check the year; for old stock such an old event is right.",
                step.where,
            )


def _alike(steps: list[ShippedStep], say: Findings) -> Iterator[Finding]:
    if len(steps) >= _ALIKE_MIN and len({step.at for step in steps}) == 1:
        yield say.found(
            "T10",
            f"all {len(steps)} events have the time {steps[0].at.isoformat()}",
            "Ask the sender for the times at which things happened.",
            steps[0].where,
        )
    seen: dict[tuple[str, datetime], ShippedStep] = {}
    for step in steps:
        for key in step.ids:
            first = seen.setdefault((key, step.at), step)
            if first is not step:
                yield say.found(
                    "T07",
                    f"{key} is in two events at {step.at.isoformat()}, here and {first.where.path}",
                    "One object cannot be in two events at once: check the times.",
                    step.where,
                )
                break
