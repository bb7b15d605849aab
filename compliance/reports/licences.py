"""Evidence that trading partners were authorized when goods changed hands (FD&C Act 581(2))."""

from __future__ import annotations

from datetime import UTC, date
from typing import TYPE_CHECKING

from sqlalchemy import select

from compliance.partners.licences import licences
from compliance.reports.sheet import Section
from compliance.reports.transactions import owner_among
from epcis.database.columns import moment_of
from epcis.store.event_tables import event
from epcis.store.payload import unpack_outline
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from compliance.partners.licences import Licence
    from epcis.database.transactions import Snapshot

PARTNER_DAYS_MAX = 5_000
"""Most pairs of partner and day that are shown; the section states how many more there are."""
ROWS_PER_READ = 500


def partners_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
    """Every partner that sold or bought on a day, and by which licence it was authorized then."""
    days = _partner_days(snapshot, since, until)
    held: dict[str, list[Licence]] = {}
    for one in licences(snapshot, {gln for _, gln in days}):
        held.setdefault(one.gln, []).append(one)
    rows = [row for day, gln in days for row in _rows(day, gln, held.get(gln, ()))]
    doubtful = sum(row[-1] != "yes" for row in rows)
    return Section(
        title="Trading partners and their licences",
        sentences=(
            "Who sold or bought on which day, and by which licence it was authorized then.",
        ),
        facts=(
            ("partners and days", str(len(days))),
            ("of them not shown to be authorized", str(doubtful)),
        ),
        columns=(
            "day", "GLN", "holder", "role", "licence", "given by", "valid from", "valid to",
            "checked", "authorized",
        ),
        rows=tuple(rows[:PARTNER_DAYS_MAX]),
        rows_total=len(rows),
    )  # fmt: skip


def _partner_days(snapshot: Snapshot, since: datetime, until: datetime) -> list[tuple[date, str]]:
    """(day of shipping in UTC, GLN) of every seller and buyer, in order."""
    connection = snapshot.connection.execution_options(yield_per=ROWS_PER_READ)
    rows = connection.execute(
        select(event.c.event_time, event.c.payload).where(
            event.c.biz_step == "shipping", event.c.event_time >= since, event.c.event_time < until
        )
    )
    found: set[tuple[date, str]] = set()
    for time, payload in rows:
        outline = unpack_outline(payload)  # the parties of an archived event stay in the database
        for owner in (owner_among(outline.sources), owner_among(outline.destinations)):
            key = canonical_key(owner) if owner else ""
            if key.startswith(("/414/", "/417/")):
                found.add((time.astimezone(UTC).date(), key[5:18]))
    return sorted(found)


def _rows(day: date, gln: str, held: Iterable[Licence]) -> list[tuple[str, ...]]:
    """The licences that authorized a partner on a day, or one row that says why none did."""
    good = [one for one in held if one.authorizes_on(day)]
    if good:
        return [_row(day, gln, one, "yes") for one in good]
    latest = max(held, key=lambda one: one.valid_from, default=None)
    if latest is None:
        return [(day.isoformat(), gln, *[""] * 7, "NO: no licence on file")]
    return [_row(day, gln, latest, f"NO: {_why(latest, day)}")]


def _why(one: Licence, day: date) -> str:
    if one.valid_from > day:
        return f"not valid before {one.valid_from}"
    if one.ended and one.ended <= day:
        return f"ended on {one.ended}"
    if one.valid_to and one.valid_to < day:
        return f"expired on {one.valid_to}"
    return f"a {one.kind} authorizes no {one.role}"


def _row(day: date, gln: str, one: Licence, word: str) -> tuple[str, ...]:
    return (
        day.isoformat(),
        gln,
        one.name,
        one.role,
        f"{one.kind} {one.number}",
        one.authority,
        one.valid_from.isoformat(),
        one.valid_to.isoformat() if one.valid_to else "no end",
        moment_of(one.checked_us).date().isoformat(),
        word,
    )
