"""The report section about everything that may not be sold now, and is still at hand."""

from __future__ import annotations

from collections import Counter
from heapq import nsmallest
from typing import TYPE_CHECKING

from sqlalchemy import select

from compliance.reports.judged import JUDGED, against, counts
from compliance.reports.sheet import Section
from epcis.database.columns import moment_of
from verification.decision.decide import CONTRADICTIONS
from verification.decision.many import judge_all
from verification.decision.restrictions import ANYWHERE, current_restrictions
from verification.decision.words import (
    OF_DOUBT,
    Doubt,
    LotState,
    ProductState,
    Reason,
    Word,
    word_of,
)
from verification.registry.pack_tables import doubt, lot_state, product_market

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from verification.decision.many import JudgedPack
    from verification.decision.restrictions import Restrictions

ROWS_MAX = 2_000
_LEFT_TRADE = frozenset(
    {
        Reason.DISPENSED,
        Reason.DESTROYED,
        Reason.EXPORTED,
        Reason.SAMPLE,
        Reason.FREE_SAMPLE,
        Reason.CHECKED_OUT,
        Reason.DECOMMISSIONED,
    }
)
"""Reasons of a pack that left trade: it is not at hand, unless one of the next says otherwise."""
_STILL_SOUGHT = CONTRADICTIONS | {Reason.ILLEGITIMATE, Reason.SUSPECT, Reason.STOLEN}
_OF_LOT = {
    LotState.HELD: Reason.HELD,
    LotState.RECALLED: Reason.RECALLED,
    LotState.CLOSED: Reason.RECALLED,
}


def quarantine_section(snapshot: Snapshot, now: datetime) -> Section:
    """Products, lots and packs that are stopped now, and why: all packs by the one judgement.

    A pack that nothing speaks against but what a row of its lot, product or case says has no row of
    its own; the counts have it.
    """
    stops = current_restrictions(snapshot)
    counted: Counter[Word] = Counter()
    own_rows = 0

    def of_packs() -> Iterator[tuple[str, ...]]:
        nonlocal own_rows
        for one in judge_all(snapshot, now):
            if one.verdict is Word.OK or _has_left(one):
                continue
            counted[one.verdict] += 1
            if not _restricted_above(stops, one).issuperset(one.reasons):
                own_rows += 1
                yield one.gtin, one.lot, one.serial, one.verdict.value, against(one), "", ""

    above = sorted(_above_packs(snapshot))
    packs = nsmallest(ROWS_MAX, of_packs())
    return Section(
        title="Quarantine",
        sentences=("What may not be sold or dispensed, and has not left trade.", JUDGED),
        facts=counts(counted),
        columns=("GTIN", "lot", "serial", "verdict", "against it", "since", "case"),
        rows=(*above, *packs),
        rows_total=len(above) + own_rows,
    )


def _has_left(one: JudgedPack) -> bool:
    reasons = frozenset(one.reasons)
    return not _LEFT_TRADE.isdisjoint(reasons) and _STILL_SOUGHT.isdisjoint(reasons)


def _restricted_above(stops: Restrictions, one: JudgedPack) -> set[Reason]:
    """What rows of its product, lot or case say of a pack."""
    state = stops.lot(one.gtin, one.lot, ANYWHERE)
    restrictions = {_OF_LOT[state]} if state is not LotState.ACTIVE else set()
    if one.gtin in stops.withdrawn:
        restrictions.add(Reason.WITHDRAWN)
    suspected = stops.doubt(one.gtin, one.lot, one.serial)
    if suspected is not None:
        restrictions.add(OF_DOUBT[suspected])
    return restrictions


def _above_packs(snapshot: Snapshot) -> Iterator[tuple[str, ...]]:
    """A row for each open case, stopped lot and withdrawn product; packs that nobody saw too."""
    run = snapshot.connection.execute
    for one in run(select(doubt)):
        reason = OF_DOUBT[Doubt(one.kind)]
        yield one.gtin, one.lot, one.serial, *_reason_cells(reason, one.since_us), one.case_id
    for one in run(select(lot_state).where(lot_state.c.state != LotState.ACTIVE.value)):
        reason = _OF_LOT[LotState(one.state)]
        yield one.gtin, one.lot, "", *_reason_cells(reason, one.since_us, one.market), ""
    withdrawn = product_market.c.state == ProductState.WITHDRAWN.value
    for one in run(select(product_market).where(withdrawn)):
        yield one.code, "", "", *_reason_cells(Reason.WITHDRAWN, one.since_us, one.market), ""


def _reason_cells(reason: Reason, since_us: int, market: str = "") -> tuple[str, str, str]:
    """Verdict, reason with its market, and since when."""
    where = f" in {market}" if market else ""
    return word_of(reason).value, f"{reason.value}{where}", moment_of(since_us).isoformat()
