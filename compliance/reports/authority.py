"""Report sections for a national authority (2016/161 Art. 36(j), 37 and 39).

They show whether each participant, manufacturer and marketing authorisation holder fulfils its
duties, and, for reimbursement and pharmacovigilance, what was supplied.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import and_, case, func, select

from compliance.reports.sheet import Section
from epcis.database.columns import microseconds, moment_of
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from verification.alerts.alert import Status, alerts, steps_of
from verification.decision.restrictions import current_restrictions
from verification.decision.words import LotState, Result, Word
from verification.registry.pack_tables import batch, pack_operation, participant, product

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.reports.judged import PackCensus
    from epcis.database.transactions import Snapshot
    from verification.decision.restrictions import Restrictions

ROWS_MAX = 2_000
ROWS_PER_READ = 1_000
_DAY_US = 86_400_000_000
_LATE_US = 60 * 1_000_000
_RECALLED = (LotState.RECALLED, LotState.CLOSED)
_DECOMMISSIONS = ("supply", "partial-supply", "destroy", "export", "sample", "free-sample")


def participants_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
    """Each wholesaler and person supplying the public: whether connected, and how it verifies."""
    row = pack_operation.c
    done = and_(row.operation.in_(_DECOMMISSIONS), row.result == Result.DONE.value)
    typed = _typed_by_hand(snapshot, since, until)
    found = snapshot.connection.execute(
        select(
            row.client,
            func.count(),
            func.sum(case((row.operation == "verify", 1), else_=0)),
            func.sum(case((done, 1), else_=0)),
            func.sum(case((row.operation == "undo", 1), else_=0)),
            func.sum(case((row.at_us - row.scanned_us > _LATE_US, 1), else_=0)),
            func.count(row.alert),
            func.max(row.at_us),
        )
        .where(row.at_us >= microseconds(since), row.at_us < microseconds(until))
        .group_by(row.client)
    ).all()
    counted = {one[0]: one[1:] for one in found}
    known = {one.client: one for one in snapshot.connection.execute(select(participant))}
    rows = []
    for client in sorted({*counted, *known}):
        who, numbers = known.get(client), counted.get(client)
        rows.append(
            (
                client,
                who.role if who else "not registered",
                who.location if who else "",
                who.authorisation if who else "",
                who.market if who else "",
                *(map(str, numbers[:6]) if numbers else ["0"] * 6),
                str(typed[client]),
                f"{1000 * numbers[5] / numbers[0]:.1f}" if numbers else "",
                moment_of(numbers[6]).isoformat(timespec="minutes") if numbers else "never",
            )
        )
    silent = sum(one[5] == "0" for one in rows)
    return Section(
        title="Compliance of participants",
        facts=(("participants", str(len(rows))), ("without any operation", str(silent))),
        columns=(
            "who", "role", "place", "licence", "market", "operations", "verified",
            "decommissioned", "undone", "late", "alerts", "typed", "alerts in 1,000", "last",
        ),
        rows=tuple(rows[:ROWS_MAX]),
        rows_total=len(rows),
    )  # fmt: skip


class _Typed(msgspec.Struct):
    """The fields of a log entry that show who typed a pack's number instead of scanning it."""

    client: str


def _typed_by_hand(snapshot: Snapshot, since: datetime, until: datetime) -> Counter[str]:
    """How often each client typed numbers by hand; only the entries of the log record it."""
    entry = ledger_entry.c
    rows = snapshot.connection.execution_options(yield_per=ROWS_PER_READ).scalars(
        select(entry.confidential).where(
            entry.kind.in_((int(LeafKind.VERDICT), int(LeafKind.PACK_OPERATION))),
            entry.record_time >= since,
            entry.record_time < until,
            entry.confidential.is_not(None),
        )
    )
    return Counter(
        msgspec.json.decode(row, type=_Typed).client for row in rows if b'"manual":true' in row
    )


def lots_section(snapshot: Snapshot, census: PackCensus) -> Section:
    """Each lot of each holder: uploaded before release, recalled where, and what may be sold."""
    owners = {one.code: one.name for one in snapshot.connection.execute(select(product))}
    stops = current_restrictions(snapshot)
    found = snapshot.connection.execute(
        select(batch).order_by(batch.c.uploaded_us.desc(), batch.c.code, batch.c.lot)
    ).all()
    rows = []
    for one in found:
        uploaded = moment_of(one.uploaded_us)
        judged = census.lots.get((one.code, one.lot), Counter())
        rows.append(
            (
                one.code,
                owners.get(one.code, "not uploaded"),
                one.owner,
                one.lot,
                one.markets,
                str(judged.total()),
                str(judged[Word.OK]),
                uploaded.isoformat(timespec="minutes"),
                one.released or "not given",
                _is_in_time(uploaded, one.released),
                _recalled_in(stops, census, (one.code, one.lot)),
            )
        )
    return Section(
        title="Uploads of manufacturers and marketing authorisation holders",
        facts=(
            ("lots", str(len(rows))),
            ("uploaded after release", str(sum(one[9] == "NO" for one in rows))),
            ("of products without master data", str(sum(one[1] == "not uploaded" for one in rows))),
        ),
        columns=(
            "GTIN", "product", "held by", "lot", "markets", "packs", "may be supplied", "uploaded",
            "released", "before release", "recalled in",
        ),
        rows=tuple(rows[:ROWS_MAX]),
        rows_total=len(rows),
    )  # fmt: skip


def _recalled_in(stops: Restrictions, census: PackCensus, lot: tuple[str, str]) -> str:
    """The markets of a lot's recall; where there is none, how many packs are recalled by events."""
    states = stops.lots.get((lot[0], ""), {}) | stops.lots.get(lot, {})
    markets = [place or "everywhere" for place, state in states.items() if state in _RECALLED]
    if not markets and census.recalled[lot]:
        return f"{census.recalled[lot]} packs, by their events"
    return ", ".join(sorted(markets))


def _is_in_time(uploaded: datetime, released: str | None) -> str:
    """Whether a lot was uploaded by the day of its release, in a word."""
    if released is None:
        return "not given"
    return "yes" if uploaded.date().isoformat() <= released else "NO"


def alerts_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
    """Potential falsifications: what was found, where, and how long it took to close."""
    rows = []
    hours: list[float] = []
    for one in alerts(snapshot, since=since, until=until):
        closed = next(
            (str(s["at"]) for s in reversed(steps_of(snapshot, one.id)) if s["status"] == "Closed"),
            "",
        )
        is_closed = one.status is Status.CLOSED
        if is_closed and closed:
            hours.append((type(one.at).fromisoformat(closed) - one.at).total_seconds() / 3600)
        rows.append(
            (
                one.id,
                one.at.isoformat(timespec="minutes"),
                one.hub,
                one.code,
                one.lot or "",
                one.serial,
                one.client,
                one.location,
                one.hint.cause.value,
                one.status.value,
                closed if is_closed else "",
            )
        )
    rows.sort(key=lambda row: (row[1], row[0]))
    open_ = sum(row[9] != Status.CLOSED.value for row in rows)
    return Section(
        title="Potential falsifications",
        facts=(
            ("alerts", str(len(rows))),
            ("still open", str(open_)),
            ("hours to close, middle of all", f"{_middle(hours):.1f}" if hours else "none closed"),
        ),
        columns=(
            "alert", "when", "code", "GTIN", "lot", "serial", "who", "place", "likely cause",
            "state", "closed",
        ),
        rows=tuple(rows),
        rows_total=len(rows),
    )  # fmt: skip


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def supplied_section(snapshot: Snapshot, since: datetime, until: datetime) -> Section:
    """Packs supplied of each product on each day: for reimbursement and pharmacovigilance."""
    row = pack_operation.c
    day = row.at_us - row.at_us % _DAY_US
    found = snapshot.connection.execute(
        select(row.code, day, row.operation, func.count())
        .where(
            row.at_us >= microseconds(since),
            row.at_us < microseconds(until),
            row.operation.in_(("supply", "partial-supply", "undo")),
            row.result == Result.DONE.value,
        )
        .group_by(row.code, day, row.operation)
    ).all()
    rows = sorted(
        (one[0], moment_of(one[1]).date().isoformat(), one[2], str(one[3])) for one in found
    )
    totals = Counter(dict.fromkeys(("supply", "partial-supply", "undo"), 0))
    for one in found:
        totals[one[2]] += one[3]
    return Section(
        title="Packs supplied",
        facts=tuple((f"packs: {name}", str(number)) for name, number in sorted(totals.items())),
        columns=("GTIN", "day", "operation", "packs"),
        rows=tuple(rows[:ROWS_MAX]),
        rows_total=len(rows),
    )
