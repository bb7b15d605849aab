"""Report sections for a DSCSA inspection: verification requests, saleable returns, quarantine."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from compliance.reports.sheet import Section
from epcis.database.columns import microseconds, moment_of
from verification.decision.words import LotState
from verification.registry.pack_tables import (
    doubt,
    lot_state,
    saleable_return,
    verification_request,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot

ROWS_MAX = 2_000


def inspection_sections(
    snapshot: Snapshot, since: datetime, until: datetime
) -> tuple[Section, ...]:
    """Verification requests to partners, saleable returns, and what is in quarantine now."""
    return (
        requests_section(snapshot, since, until),
        returns_section(snapshot, since, until),
        quarantine_section(snapshot),
    )


def requests_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
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
    said = [_request(row) for row in rows]
    counted = Counter(row[-1] for row in said)
    return Section(
        title="Verification requests to partners",
        sentences=("A request is to be answered within 24 hours (582(b)(4)(C), (e)(4)(C)).",),
        facts=tuple((word, str(counted[word])) for word in ("verified", "not verified", "open")),
        columns=("request", "asked", "due", "GTIN", "serial", "lot", "tries", "outcome"),
        rows=tuple(said),
        rows_total=len(said),
    )


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


def returns_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
    """Saleable returns and how each was decided (582(c)(4)(D))."""
    table = saleable_return.c
    rows = snapshot.connection.execute(
        select(table.id, table.at_us, table.gtin, table.serial, table.decision)
        .where(table.at_us >= microseconds(since), table.at_us < microseconds(until))
        .order_by(table.at_us, table.id)
        .limit(ROWS_MAX)
    ).all()
    return Section(
        title="Saleable returns",
        columns=("return", "when", "GTIN", "serial", "decision"),
        rows=tuple(
            (one[0], moment_of(one[1]).isoformat(timespec="minutes"), *one[2:]) for one in rows
        ),
        rows_total=len(rows),
    )


def quarantine_section(snapshot: Snapshot) -> Section:
    """Packs and lots that are stopped now: suspect, illegitimate, held, recalled."""
    doubts = snapshot.connection.execute(select(doubt)).all()
    lots = snapshot.connection.execute(
        select(lot_state).where(lot_state.c.state != LotState.ACTIVE.value)
    ).all()
    rows = [
        (one.gtin, one.lot, one.serial, one.kind, moment_of(one.since_us).isoformat(), one.case_id)
        for one in doubts
    ]
    rows += [
        (one.gtin, one.lot, "", one.state, moment_of(one.since_us).isoformat(), "") for one in lots
    ]
    return Section(
        title="Quarantine",
        sentences=("What may not be sold or dispensed at the time of this report.",),
        columns=("GTIN", "lot", "serial", "state", "since", "case"),
        rows=tuple(sorted(rows)),
        rows_total=len(rows),
    )
