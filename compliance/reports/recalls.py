"""Report sections about recalls: lot, reason, number of packs, who was notified, who answered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from compliance.recall.answers import count_answers, notices_of
from compliance.recall.checks import CheckOutcome, checks_of
from compliance.recall.record import list_recalls, packs_of, reach_now
from compliance.recall.returned import ReturnOutcome, returned_packs, returns_of
from compliance.reports.sheet import Section
from epcis.trace import gln_of
from verification.decision.many import judge_packs, name_of
from verification.decision.words import Word

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.recall.record import RecallRecord
    from epcis.database.transactions import Snapshot


def recalls_section(snapshot: Snapshot, since: datetime, until: datetime, now: datetime) -> Section:
    """The recalls opened in a period."""
    return _section(
        snapshot, [one for one in list_recalls(snapshot) if since <= one.opened < until], now
    )


def lot_recalls_section(snapshot: Snapshot, gtin: str, lot: str, now: datetime) -> Section:
    """The recalls of a lot."""
    found = [one for one in list_recalls(snapshot) if (one.gtin, one.lot) == (gtin, lot)]
    return _section(snapshot, found, now)


SHOWN = tuple(one for one in ReturnOutcome if one is not ReturnOutcome.AGAIN)
PACKS_LISTED_MAX = 100_000
"""Packs of one recall in its report; the page `/recalls/{id}/packs` lists any number."""


def recall_sections(snapshot: Snapshot, one: RecallRecord, now: datetime) -> tuple[Section, ...]:
    """One recall: what it is, every holder with its packs, and every pack with its place."""
    return (
        _section(snapshot, [one], now),
        _holders(snapshot, one),
        _answers(snapshot, one),
        _checks(snapshot, one),
        _returns(snapshot, one),
        _packs(snapshot, one),
        _returned(snapshot, one),
    )


def _holders(snapshot: Snapshot, one: RecallRecord) -> Section:
    found = reach_now(snapshot, one).holders
    return Section(
        title="Holders of the recalled packs",
        columns=("GLN", "name", "packs", "at hand", "on the way", "supplied", "containers"),
        rows=tuple(
            (
                holder.gln or "unknown",
                holder.name or "",
                str(holder.packs),
                str(holder.reach.at_hand),
                str(holder.reach.on_the_way),
                str(holder.reach.supplied),
                str(holder.containers),
            )
            for holder in found
        ),
        rows_total=len(found),
    )


def _answers(snapshot: Snapshot, one: RecallRecord) -> Section:
    found = notices_of(snapshot, one.id)
    rows = []
    for notice in found:
        answer = notice.answer
        numbers = (
            (answer.received, answer.found, answer.quarantined, answer.returned, answer.destroyed)
            if answer
            else ()
        )
        rows.append(
            (
                notice.gln or "unknown",
                notice.sent.isoformat() if notice.sent else "not sent",
                str(notice.messages),
                answer.at.isoformat() if answer and answer.at else "no answer",
                answer.by if answer else "",
                *(map(str, numbers) if numbers else ("",) * 5),
                "" if notice.missing is None else str(notice.missing),
            )
        )
    return Section(
        title="Notices and their answers",
        columns=(
            "GLN", "sent", "messages", "answered", "by", "received", "found", "quarantined",
            "returned", "destroyed", "not found",
        ),
        rows=tuple(rows),
        rows_total=len(found),
    )  # fmt: skip


def _checks(snapshot: Snapshot, one: RecallRecord) -> Section:
    plan = checks_of(snapshot, one.id)
    return Section(
        title="Effectiveness checks",
        facts=(
            ("level (21 CFR 7.42(b)(3))", plan.level or "not planned"),
            ("holders to be checked", str(len(plan.checks))),
            *((outcome.value, str(plan.of(outcome))) for outcome in CheckOutcome),
        ),
        columns=("GLN", "name", "drawn", "checked", "by", "how", "outcome", "note"),
        rows=tuple(
            (
                check.gln,
                check.name,
                check.chosen.isoformat(),
                check.checked.isoformat() if check.checked else "not yet",
                check.by,
                check.how,
                check.outcome,
                check.note,
            )
            for check in plan.checks
        ),
        rows_total=len(plan.checks),
    )


def _returns(snapshot: Snapshot, one: RecallRecord) -> Section:
    found = returns_of(snapshot, one.id)
    return Section(
        title="Returned packs by holder",
        sentences=(
            "The holder's own count of returned packs beside the serial numbers that were scanned.",
        ),
        columns=(
            "GLN", "name", "packs", "says it returned", "accounted for", "difference",
            *(outcome.value for outcome in SHOWN),
        ),
        rows=tuple(
            (
                each.notice.gln or "unknown",
                each.notice.name or "",
                str(each.notice.packs),
                str(each.notice.answer.returned) if each.notice.answer else "no answer",
                str(each.accounted),
                "" if each.difference is None else str(each.difference),
                *(str(each.scanned[outcome]) for outcome in SHOWN),
            )
            for each in found
        ),
        rows_total=len(found),
    )  # fmt: skip


def _returned(snapshot: Snapshot, one: RecallRecord) -> Section:
    names = {each.id: each.gln or "unknown" for each in notices_of(snapshot, one.id)}
    rows = []
    total = 0
    for key, notice, outcome in returned_packs(snapshot, one.id):
        total += 1
        if total <= PACKS_LISTED_MAX:
            rows.append((key, names.get(notice, ""), outcome))
    return Section(
        title="Packs that came back",
        columns=("pack", "returned by", "outcome"),
        rows=tuple(rows),
        rows_total=total,
    )


def _packs(snapshot: Snapshot, one: RecallRecord) -> Section:
    rows = []
    total = 0
    for pack in packs_of(snapshot, one):
        total += 1
        if total <= PACKS_LISTED_MAX:
            holder = gln_of(pack.holder or "")
            arrived = pack.arrived.isoformat() if pack.arrived else "at the opening"
            rows.append((pack.key, pack.status, holder, pack.container or "", arrived))
    return Section(
        title="Recalled packs",
        facts=(
            ("packs at the opening", str(one.packs_at_opening)),
            ("SHA-256 of their keys, each with a line feed", one.list_sha256),
        ),
        columns=("pack", "status", "holder", "in", "came"),
        rows=tuple(rows),
        rows_total=total,
    )


def _section(snapshot: Snapshot, recalls: list[RecallRecord], now: datetime) -> Section:
    return Section(
        title="Recalls",
        columns=(
            "recall", "GTIN", "lot", "reason", "opened", "by", "closed", "packs", "packs now",
            "may be supplied", "to tell", "answered",
        ),
        rows=tuple(_row(snapshot, one, now) for one in recalls),
        rows_total=len(recalls),
    )  # fmt: skip


def _row(snapshot: Snapshot, one: RecallRecord, now: datetime) -> tuple[str, ...]:
    packs = (name_of(pack.key) for pack in packs_of(snapshot, one))
    verdicts = Counter(pack.verdict for pack in judge_packs(snapshot, packs, now))
    notified, answered = count_answers(snapshot, one.id)
    return (
        one.id,
        one.gtin,
        one.lot,
        one.reason,
        one.opened.isoformat(),
        one.opened_by,
        one.closed.isoformat() if one.closed else "open",
        str(one.packs),
        str(verdicts.total()),
        str(verdicts[Word.OK]),
        str(notified),
        str(answered),
    )
