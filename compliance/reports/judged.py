"""Report sections about what the records say of packs now: each by the one judgement.

A report counts and lists packs by `verification.decision.many` and by nothing else, so none can
say that a pack is fine where a verification says STOP.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import TYPE_CHECKING

from compliance.reports.sheet import Section
from verification.decision.many import judge_all, judge_packs
from verification.decision.words import Reason, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from verification.decision.many import JudgedPack, PackName

ROWS_MAX = 2_000
VERDICTS = {
    Word.OK: "may be supplied",
    Word.CHECK: "to be checked first",
    Word.STOP: "not to be supplied",
    Word.UNKNOWN: "not recorded here",
}
"""What each verdict says of a number of packs."""
JUDGED = "Each pack as a verification judges it when this is made; in any market, the gravest."


@dataclass(slots=True)
class PackCensus:
    """All packs on record, counted by the judgement; grows with products and lots, not packs."""

    states: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """By GTIN, state, verdict and gravest reason."""
    lots: dict[tuple[str, str], Counter[Word]] = field(default_factory=dict)
    """By GTIN and lot."""
    recalled: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Packs of a GTIN and lot that are recalled, by a recall, an upload or an event."""


def take_census(snapshot: Snapshot, now: datetime) -> PackCensus:
    """Count every pack on record."""
    census = PackCensus()
    for one in judge_all(snapshot, now):
        state = one.state.value if one.state is not None else ""
        census.states[one.gtin, state, one.verdict.value, one.reasons[0].value] += 1
        lot = (one.gtin, one.lot)
        census.lots.setdefault(lot, Counter())[one.verdict] += 1
        census.recalled[lot] += Reason.RECALLED in one.reasons
    return census


def judgement_section(judged: Iterable[JudgedPack]) -> Section:
    """What the records say now of some packs; the gravest come first, of each a row."""
    counted: Counter[Word] = Counter()

    def rows() -> Iterator[tuple[int, tuple[str, ...]]]:
        for one in judged:
            counted[one.verdict] += 1
            yield _GRAVEST_FIRST[one.verdict], _row(one)

    first = nsmallest(ROWS_MAX, rows())
    return Section(
        title="Judgement of packs",
        sentences=(JUDGED,),
        facts=counts(counted),
        columns=("GTIN", "lot", "serial", "state", "verdict", "against it"),
        rows=tuple(row for _, row in first),
        rows_total=counted.total(),
    )


_GRAVEST_FIRST = {Word.STOP: 0, Word.CHECK: 1, Word.UNKNOWN: 2, Word.OK: 3}


def _row(one: JudgedPack) -> tuple[str, ...]:
    state = one.state.value if one.state is not None else ""
    return one.gtin, one.lot, one.serial, state, one.verdict.value, against(one)


def against(one: JudgedPack) -> str:
    """Everything that speaks against a pack, gravest first; empty where nothing does."""
    return ", ".join(reason.value for reason in one.reasons if reason is not Reason.GENUINE)


def counts(counted: Counter[Word]) -> tuple[tuple[str, str], ...]:
    """How many packs there are, and how many of each verdict, as facts of a section."""
    return ("packs", str(counted.total())), *(
        (label, str(counted[word])) for word, label in VERDICTS.items()
    )


def verdicts_of(
    snapshot: Snapshot, packs: Iterable[PackName], now: datetime
) -> dict[PackName, str]:
    """The verdict on each of a few packs now, as reports show it."""
    judged = judge_packs(snapshot, dict.fromkeys(packs), now)
    return {(one.gtin, one.serial): one.verdict.value for one in judged}


def states_section(census: PackCensus) -> Section:
    """How many packs of each product are in which state, and what the judgement is on them."""
    rows = sorted((*key, str(packs)) for key, packs in census.states.items())
    counted: Counter[Word] = Counter()
    for (_, _, verdict, _), packs in census.states.items():
        counted[Word(verdict)] += packs
    return Section(
        title="States of packs",
        sentences=(JUDGED,),
        facts=counts(counted),
        columns=("GTIN", "state", "verdict", "gravest", "packs"),
        rows=tuple(rows[:ROWS_MAX]),
        rows_total=len(rows),
    )
