"""Report sections for a DSCSA inspection: verification requests, saleable returns, quarantine."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from compliance.reports.judged import verdicts_of
from compliance.reports.quarantine import quarantine_section
from compliance.reports.sheet import Section
from epcis.database.columns import microseconds, moment_of
from verification.registry.pack_tables import saleable_return, verification_request

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot

ROWS_MAX = 2_000


def inspection_sections(
    snapshot: Snapshot, since: datetime, until: datetime, now: datetime
) -> tuple[Section, ...]:
    """Verification requests to partners, saleable returns, and what is in quarantine now."""
    return (
        requests_section(snapshot, since, until, now),
        returns_section(snapshot, since, until, now),
        quarantine_section(snapshot, now),
    )


def requests_section(
    snapshot: Snapshot, since: datetime, until: datetime, now: datetime
) -> Section:
    """Verification requests to manufacturers and repackagers, who must answer within 24 hours."""
    table = verification_request.c
    rows = (
        snapshot.connection.execute(
            select(verification_request)
            .where(table.asked_us >= microseconds(since), table.asked_us < microseconds(until))
            .order_by(table.asked_us, table.corr_uuid)
            .limit(ROWS_MAX)
        )
        .mappings()
        .all()
    )
    rows_shown = [_request(row) for row in rows]
    counted = Counter(row[-1] for row in rows_shown)
    here = verdicts_of(snapshot, ((row[3], row[4]) for row in rows_shown), now)
    return Section(
        title="Verification requests to partners",
        sentences=("A request is to be answered within 24 hours (582(b)(4)(C), (e)(4)(C)).",),
        facts=tuple((word, str(counted[word])) for word in ("verified", "not verified", "open")),
        columns=(
            "request", "asked", "due", "GTIN", "serial", "lot", "tries", "outcome", "verdict now",
        ),
        rows=tuple((*row, here[row[3], row[4]]) for row in rows_shown),
        rows_total=len(rows_shown),
    )  # fmt: skip


def _request(row: RowMapping) -> tuple[str, ...]:
    asked = msgspec.json.decode(row["question"])
    answer = msgspec.json.decode(row["answer"]) if row["answer"] else {}
    outcome = "open"
    if answer.get("answered"):
        outcome = "verified" if answer.get("verified") else "not verified"
    return (
        row["corr_uuid"],
        moment_of(row["asked_us"]).isoformat(timespec="minutes"),
        moment_of(row["due_us"]).isoformat(timespec="minutes"),
        asked.get("gtin", ""),
        asked.get("serial", ""),
        asked.get("lot", ""),
        str(row["tries"]),
        outcome,
    )


def returns_section(snapshot: Snapshot, since: datetime, until: datetime, now: datetime) -> Section:
    """Saleable returns, how each was decided then (582(c)(4)(D)), and the verdict on it now."""
    table = saleable_return.c
    rows = snapshot.connection.execute(
        select(table.id, table.at_us, table.gtin, table.serial, table.decision)
        .where(table.at_us >= microseconds(since), table.at_us < microseconds(until))
        .order_by(table.at_us, table.id)
        .limit(ROWS_MAX)
    ).all()
    here = verdicts_of(snapshot, ((one.gtin, one.serial) for one in rows), now)
    return Section(
        title="Saleable returns",
        columns=("return", "when", "GTIN", "serial", "decision", "verdict now"),
        rows=tuple(
            (
                one.id,
                moment_of(one.at_us).isoformat(timespec="minutes"),
                one.gtin,
                one.serial,
                one.decision,
                here[one.gtin, one.serial],
            )
            for one in rows
        ),
        rows_total=len(rows),
    )
