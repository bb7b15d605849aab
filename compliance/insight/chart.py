"""A bar chart as SVG, that a page shows and a browser can save."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH_PX, ROW_PX, LABEL_PX, NUMBER_PX = 640, 26, 170, 80


def bar_chart(bars: Sequence[tuple[str, float]], title: str) -> str:
    """Horizontal bars with their labels and numbers; `title` is read by screen readers.

    >>> chart = bar_chart([("a<b", 2), ("c", 1)], "packs")
    >>> chart.count("<rect"), "a&lt;b" in chart, "<title>packs</title>" in chart
    (2, True, True)
    """
    most = max((length for _, length in bars), default=0) or 1
    room = WIDTH_PX - LABEL_PX - NUMBER_PX
    parts = []
    for place, (label, length) in enumerate(bars):
        top, wide = place * ROW_PX, round(room * max(length, 0) / most, 1)
        parts.append(
            f'<text x="{LABEL_PX - 8}" y="{top + 17}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{LABEL_PX}" y="{top + 4}" width="{wide}" height="{ROW_PX - 8}" rx="2"/>'
            f'<text x="{LABEL_PX + wide + 6}" y="{top + 17}">{length:g}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img"'
        f' viewBox="0 0 {WIDTH_PX} {max(len(bars), 1) * ROW_PX}" font-family="sans-serif"'
        f' font-size="13" fill="currentColor"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
