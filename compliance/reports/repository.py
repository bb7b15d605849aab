"""Report sections on a repository's own duties: speed, users, audits, and who read what.

Law: 2016/161 Art. 35(1)(f) and (g), 36(j), 37(b) and (e), 39.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import func, select

from compliance.duty_tables import api_key
from compliance.partners.audits import due_after, list_audits
from compliance.reports.service_times import LIMIT_MS, SHARE_MIN, times_between
from compliance.reports.sheet import Section
from epcis.database.columns import moment_of
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from verification.registry.pack_tables import participant

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.database.transactions import Snapshot

ROWS_MAX = 2_000
ROWS_PER_READ = 1_000


def repository_sections(
    snapshot: Snapshot, since: datetime, until: datetime
) -> tuple[Section, ...]:
    """All sections for an authority that supervises the repository itself."""
    return (
        speed_section(snapshot, since, until),
        users_section(snapshot),
        changes_section(snapshot, since, until),
        audits_section(snapshot),
    )


def speed_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
    """How long answers took on each day, and the share within the limit of the law."""
    found = times_between(snapshot, since.date(), until.date())
    answers = sum(one.answers for one in found)
    within = sum(one.within() for one in found)
    kept = "no answers were measured"
    if answers:
        kept = "yes" if within >= SHARE_MIN * answers else "NO"
    return Section(
        title="Speed of answers",
        sentences=(
            f"At least {SHARE_MIN:.0%} within {LIMIT_MS} ms on the server (Art. 35(1)(f)).",
        ),
        facts=(
            ("answers", str(answers)),
            (f"within {LIMIT_MS} ms", f"{within / answers:.2%}" if answers else "none"),
            ("is the limit kept?", kept),
        ),
        columns=("day", "area", "answers", "within 300 ms", "median ms", "95 % ms", "99 % ms"),
        rows=tuple(
            (
                one.day,
                one.area,
                str(one.answers),
                f"{one.within() / one.answers:.2%}",
                *(_limit(one.quantile_ms(share)) for share in (0.5, 0.95, 0.99)),
            )
            for one in found[:ROWS_MAX]
        ),
        rows_total=len(found),
    )


def _limit(limit_ms: int | None) -> str:
    return "longer than 10 s" if limit_ms is None else f"up to {limit_ms}"


def users_section(snapshot: Snapshot) -> Section:
    """Every user: role, organisation, since when, and who verified the identity."""
    known = {one.client: one for one in snapshot.connection.execute(select(participant))}
    rows = []
    for key in snapshot.connection.execute(select(api_key)):
        who = known.pop(key.name, None)
        rows.append(
            (
                key.name,
                who.role if who else "",
                who.location if who else (key.party or ""),
                who.authorisation if who else "",
                key.scopes,
                moment_of(key.created_us).date().isoformat(),
                moment_of(key.revoked_us or key.expires_us).date().isoformat()
                if key.revoked_us or key.expires_us
                else "",
                who.by if who else "",
            )
        )
    rows += [
        (name, one.role, one.location, one.authorisation, "", _day(one.since_us), "", one.by)
        for name, one in known.items()
    ]
    return Section(
        title="Users and their roles",
        facts=(("users", str(len({row[0] for row in rows}))),),
        columns=("who", "role", "place", "licence", "may", "since", "until", "by"),
        rows=tuple(sorted(rows)[:ROWS_MAX]),
        rows_total=len(rows),
    )


def _day(us: int) -> str:
    return moment_of(us).date().isoformat()


def changes_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
    """Changes of who may do what, sign-ins, and exports: each with its place in the log."""
    entry = ledger_entry.c
    connection = snapshot.connection.execution_options(yield_per=ROWS_PER_READ)
    kinds = (int(LeafKind.ACCESS), int(LeafKind.EXPORT))
    here = (
        entry.kind.in_(kinds),
        entry.record_time >= since,
        entry.record_time < until,
        entry.idx.is_not(None),
    )
    rows: list[tuple[str, ...]] = []
    counted: Counter[str] = Counter()
    wanted = select(entry.idx, entry.record_time, entry.public, entry.confidential)
    for one in connection.execute(wanted.where(*here).order_by(entry.idx)):
        fields = {**_json(one.public), **_json(one.confidential)}
        act = str(
            fields.get("act") or ("participant-registered" if "client" in fields else "other")
        )
        counted[act] += 1
        if len(rows) < ROWS_MAX:
            who = fields.get("name") or fields.get("client") or fields.get("key") or ""
            by = fields.get("by") or ""
            rows.append((str(one.idx), one.record_time.isoformat(), act, str(who), str(by)))
    return Section(
        title="Access, changes of users, and exports",
        facts=(
            ("acts", str(sum(counted.values()))),
            ("how often", ", ".join(f"{act} {n}" for act, n in sorted(counted.items())) or "none"),
        ),
        columns=("log entry", "when", "act", "who", "by"),
        rows=tuple(rows),
        rows_total=sum(counted.values()),
    )


def _json(part: bytes | None) -> dict[str, object]:
    try:
        fields = orjson.loads(part) if part else {}
    except orjson.JSONDecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}


def audits_section(snapshot: Snapshot) -> Section:
    """The planned and finished audits, and when the next one is due by law."""
    found = list_audits(snapshot)
    begun_at = snapshot.connection.scalar(select(func.min(ledger_entry.c.record_time)))
    due = "unknown: nothing is recorded yet"
    if begun_at is not None:
        done = [one.done for one in found if one.done]
        due = due_after(done, begun_at.date()).isoformat()
    return Section(
        title="Audits of the repository",
        sentences=("Every year in the first five years, every three years after (Art. 37(e)).",),
        facts=(("next audit due", due),),
        columns=("audit", "planned", "scope", "auditor", "done", "outcome"),
        rows=tuple(
            (
                one.id,
                one.planned.isoformat(),
                one.scope,
                one.auditor,
                one.done.isoformat() if one.done else "not yet",
                one.outcome,
            )
            for one in found
        ),
        rows_total=len(found),
    )
