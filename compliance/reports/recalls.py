"""Report sections about recalls: lot, reason, number of packs, who was notified, who answered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from compliance.recall.answers import count_answers, notices_of
from compliance.recall.record import list_recalls, packs_of, reach_now
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


PACKS_LISTED_MAX = 100_000
"""Packs of one recall in its report; the page `/recalls/{id}/packs` lists any number."""


def recall_sections(snapshot: Snapshot, one: RecallRecord, now: datetime) -> tuple[Section, ...]:
    """One recall: what it is, every holder with its packs, and every pack with its place."""
    return (
        _section(snapshot, [one], now),
        _holders(snapshot, one),
        _answers(snapshot, one),
        _packs(snapshot, one),
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
