"""The tables of insight; each is a pure function of a site's stock and movements."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from math import ceil, sqrt
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Final, NamedTuple

from compliance.insight.movements import MovedWay
from verification.stock import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from compliance.insight.movements import Movements
    from verification.stock import StockAnswer

LEAD_DAYS = 7
"""Days from an order to its arrival, where nobody says otherwise."""
DAYS_PER_WEEK = 7
SAFETY: Final = 1.65
"""Standard deviations kept in reserve: enough in 95 of 100 lead times of a normal demand."""
BARS_MAX = 12
_BUCKETS: Final = (("expired", 0), ("to 30 days", 31), ("to 90 days", 91), ("to 180 days", 181),
                   ("to a year", 366))  # fmt: skip
_LATER, _NOT_RECORDED = "later", "not recorded"


class SiteFigures(NamedTuple):
    """What is known of a site: its stock now, and what moved in a period."""

    stock: StockAnswer
    moved: Movements
    today: date
    lead_days: int = LEAD_DAYS


class InsightTable(NamedTuple):
    """A table with its chart."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float, ...], ...]
    bars: tuple[tuple[str, float], ...]
    """Label and length of each bar of the chart."""
    unit: str
    """What the bars count."""


class InsightKind(NamedTuple):
    """A table that can be asked for."""

    title: str
    explained: str
    """How its numbers come about, in words."""
    make: Callable[[SiteFigures], InsightTable]


def _here(figures: SiteFigures) -> Iterable[tuple[str, str, str, int]]:
    """GTIN, lot, expiry and packs of what is at the site, on hold or not."""
    packs: Counter[tuple[str, str, str]] = Counter()
    for row in figures.stock.rows:
        if row.gtin and row.standing not in (Standing.MISSING, Standing.IN_TRANSIT):
            packs[row.gtin, row.lot, row.expiry] += row.items
    return [(*key, count) for key, count in sorted(packs.items())]


def _packs_here(figures: SiteFigures) -> Counter[str]:
    packs: Counter[str] = Counter()
    for gtin, _, _, count in _here(figures):
        packs[gtin] += count
    return packs


def _packs_moved(figures: SiteFigures, direction: MovedWay) -> Counter[str]:
    packs: Counter[str] = Counter()
    for one in figures.moved.rows:
        if one.direction is direction:
            packs[one.gtin] += one.packs
    return packs


def _bars(lengths: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """The longest bars, the rest together as one."""
    longest = sorted((one for one in lengths if one[1]), key=lambda one: (-one[1], one[0]))
    rest = sum(length for _, length in longest[BARS_MAX:])
    return (*longest[:BARS_MAX], *((("others", rest),) if rest else ()))


def days_to_expiry(figures: SiteFigures) -> InsightTable:
    """How long the lots in stock last."""
    buckets = dict.fromkeys([name for name, _ in _BUCKETS] + [_LATER, _NOT_RECORDED], 0)
    rows: list[tuple[str | int, ...]] = []
    for gtin, lot, expiry, packs in _here(figures):
        left = (date.fromisoformat(expiry) - figures.today).days if expiry else None
        buckets[_bucket(left)] += packs
        rows.append((gtin, lot, expiry, "" if left is None else left, packs))
    rows.sort(key=lambda row: (row[3] == "", row[3], row))
    return InsightTable(
        ("GTIN", "lot", "expiry", "days left", "packs"),
        tuple(rows),
        tuple(buckets.items()),
        "packs",
    )


def _bucket(left: int | None) -> str:
    """Where a lot of so many days is counted; on its last day it is not expired.

    >>> _bucket(-1), _bucket(0), _bucket(31), _bucket(None)
    ('expired', 'to 30 days', 'to 90 days', 'not recorded')
    """
    if left is None:
        return _NOT_RECORDED
    return next((name for name, end in _BUCKETS if left < end), _LATER)


def stock_age(figures: SiteFigures) -> InsightTable:
    """How long ago the lots in stock last arrived."""
    arrived: dict[tuple[str, str], date] = {}
    for one in figures.moved.rows:
        if one.direction in (MovedWay.IN, MovedWay.BACK):
            arrived[one.gtin, one.lot] = max(one.day, arrived.get((one.gtin, one.lot), one.day))
    rows: list[tuple[str | int, ...]] = []
    ages: Counter[str] = Counter()
    for gtin, lot, _, packs in _here(figures):
        last = arrived.get((gtin, lot))
        age = (figures.today - last).days if last else figures.moved.days
        rows.append((gtin, lot, last.isoformat() if last else "before", age, packs))
        ages[gtin] += age * packs
    packs_of = _packs_here(figures)
    rows.sort(key=lambda row: (-int(row[3]), row))
    return InsightTable(
        ("GTIN", "lot", "last arrival", "days here", "packs"),
        tuple(rows),
        _bars((gtin, round(total / packs_of[gtin], 1)) for gtin, total in ages.items()),
        "days, mean of a pack",
    )


def slow_movers(figures: SiteFigures) -> InsightTable:
    """Products in stock by the day when one last went out."""
    last: dict[str, date] = {}
    for one in figures.moved.rows:
        if one.direction is MovedWay.OUT:
            last[one.gtin] = max(one.day, last.get(one.gtin, one.day))
    rows = sorted(
        (
            (
                gtin,
                last[gtin].isoformat() if gtin in last else "before",
                (figures.today - last[gtin]).days if gtin in last else figures.moved.days,
                packs,
            )
            for gtin, packs in _packs_here(figures).items()
        ),
        key=lambda row: (-row[2], row),
    )
    return InsightTable(
        ("GTIN", "last went out", "days since", "packs in stock"),
        tuple(rows),
        _bars((row[0], row[2]) for row in rows),
        "days since one went out",
    )


def turnover(figures: SiteFigures) -> InsightTable:
    """What went in and out, and how many days the stock lasts at that pace."""
    here = _packs_here(figures)
    came, went = (_packs_moved(figures, way) for way in (MovedWay.IN, MovedWay.OUT))
    rows = []
    for gtin in sorted({*here, *came, *went}):
        a_day = went[gtin] / figures.moved.days
        lasts = round(here[gtin] / a_day, 1) if a_day else ""
        rows.append((gtin, came[gtin], went[gtin], round(a_day, 2), here[gtin], lasts))
    return InsightTable(
        ("GTIN", "packs in", "packs out", "out a day", "packs in stock", "stock lasts days"),
        tuple(rows),
        _bars((row[0], row[2]) for row in rows),
        "packs out",
    )


def returned(figures: SiteFigures) -> InsightTable:
    """What came back, by product and lot, and its share of what went out."""
    packs: Counter[tuple[str, str]] = Counter()
    for one in figures.moved.rows:
        if one.direction is MovedWay.BACK:
            packs[one.gtin, one.lot] += one.packs
    went = _packs_moved(figures, MovedWay.OUT)
    rows = tuple(
        (gtin, lot, count, round(100 * count / went[gtin], 1) if went[gtin] else "")
        for (gtin, lot), count in sorted(packs.items(), key=lambda one: (-one[1], one[0]))
    )
    back = _packs_moved(figures, MovedWay.BACK)
    return InsightTable(
        ("GTIN", "lot", "packs back", "% of packs out"), rows, _bars(back.items()), "packs back"
    )


def shrinkage(figures: SiteFigures) -> InsightTable:
    """What was lost, stolen, destroyed or taken out of use, and what is missing now."""
    packs: Counter[tuple[str, str, str]] = Counter()
    for one in figures.moved.rows:
        if one.direction is MovedWay.LOST:
            packs[one.gtin, one.lot, one.what] += one.packs
    for row in figures.stock.rows:
        if row.gtin and row.standing is Standing.MISSING:
            packs[row.gtin, row.lot, "missing now"] += row.items
    rows = tuple(
        (gtin, lot, what, count)
        for (gtin, lot, what), count in sorted(packs.items(), key=lambda one: (-one[1], one[0]))
    )
    by_cause: Counter[str] = Counter()
    for (_, _, what), count in packs.items():
        by_cause[what.replace("_", " ")] += count
    return InsightTable(("GTIN", "lot", "cause", "packs"), rows, _bars(by_cause.items()), "packs")


def demand(figures: SiteFigures) -> InsightTable:
    """What goes out a week, and how many to order so that it lasts until more can arrive."""
    weeks = max(1, figures.moved.days // DAYS_PER_WEEK)
    first = figures.moved.until - timedelta(days=weeks * DAYS_PER_WEEK)
    by_week: dict[str, list[int]] = defaultdict(lambda: [0] * weeks)
    for one in figures.moved.rows:
        if one.direction is MovedWay.OUT and one.day >= first:
            by_week[one.gtin][(one.day - first).days // DAYS_PER_WEEK] += one.packs
    here = _packs_here(figures)
    rows = []
    for gtin, counts in sorted(by_week.items()):
        mean, spread = fmean(counts), pstdev(counts)
        point = reorder_point(mean, spread, figures.lead_days)
        rows.append(
            (gtin, round(mean, 1), round(spread, 1), point, here[gtin], max(0, point - here[gtin]))
        )
    return InsightTable(
        ("GTIN", "out a week", "spread", "reorder point", "packs in stock", "order now"),
        tuple(rows),
        _bars((row[0], row[5]) for row in rows),
        "packs to order",
    )


def reorder_point(a_week: float, spread: float, lead_days: int) -> int:
    """Packs that must be in stock or on order, so that they last until more arrive.

    The demand of the lead time, and `SAFETY` standard deviations of it in reserve. `a_week` and
    `spread` are the mean and the standard deviation of packs out in a week.

    >>> reorder_point(70, 0, 7), reorder_point(70, 10, 7), reorder_point(0, 0, 7)
    (70, 87, 0)
    """
    weeks = lead_days / DAYS_PER_WEEK
    return ceil(round(a_week * weeks + SAFETY * spread * sqrt(weeks), 6))


KINDS: Final[dict[str, InsightKind]] = {
    "expiry": InsightKind(
        "Days to expiry",
        "Packs in stock by lot and the days until expiry. A lot is not expired on its last day.",
        days_to_expiry,
    ),
    "age": InsightKind(
        "Age of the stock",
        "Days since packs of the lot last arrived here; 'before' is before the period.",
        stock_age,
    ),
    "slow": InsightKind(
        "Slow movers",
        "Products in stock, by the days since a pack was last shipped or handed out.",
        slow_movers,
    ),
    "turnover": InsightKind(
        "Turnover",
        "Packs in and out in the period. Stock lasts: packs in stock divided by packs out a day.",
        turnover,
    ),
    "returns": InsightKind(
        "Returns", "Packs received as returned goods, and their share of the packs out.", returned
    ),
    "shrinkage": InsightKind(
        "Shrinkage",
        "Packs found missing, stolen, destroyed or taken out of use, and those missing now.",
        shrinkage,
    ),
    "demand": InsightKind(
        "Demand and reorder",
        "Packs out in each full week of the period: mean and standard deviation. Reorder point: the"
        f" demand of the lead time and {SAFETY} standard deviations of it. Order now: what the"
        " stock lacks to that. Nothing else is in it: no season, no trend, no open order.",
        demand,
    ),
}
"""The tables by the word that asks for them."""
