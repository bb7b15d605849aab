"""The custody line: one drawing of who held a pack, in order, for page, report and dossier."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

STOPS_SHOWN_MAX = 8
_STEP_PX = 176
_MARGIN_PX = 88
_HEIGHT_PX = 92
_LETTERS_MAX = 22


@dataclass(frozen=True, slots=True)
class Stop:
    """A holder on the line, and the day the pack came to them."""

    name: str
    day: str


def custody_svg(stops: Sequence[Stop]) -> str:
    """The line as SVG, the present holder ringed; empty without stops.

    A long line keeps its first stop and its last ones and says how many are between.

    >>> custody_svg([Stop("Maker <1>", "2026-01-02")]).count("<circle")
    1
    >>> custody_svg([])
    ''
    """
    shown = _shortened(stops)
    if not shown:
        return ""
    width = 2 * _MARGIN_PX + _STEP_PX * (len(shown) - 1)
    label = escape(", then ".join(f"{stop.name} {stop.day}".strip() for stop in shown))
    parts = [
        '<svg class="custody" xmlns="http://www.w3.org/2000/svg" role="img"',
        f' viewBox="0 0 {width} {_HEIGHT_PX}" aria-label="Held by {label}">',
    ]
    if len(shown) > 1:
        parts.append(f'<line x1="{_MARGIN_PX}" y1="30" x2="{width - _MARGIN_PX}" y2="30"/>')
    for place, stop in enumerate(shown):
        parts += _drawn(stop, _MARGIN_PX + place * _STEP_PX, is_now=place == len(shown) - 1)
    return "".join([*parts, "</svg>"])


def _shortened(stops: Sequence[Stop]) -> list[Stop]:
    if len(stops) <= STOPS_SHOWN_MAX:
        return list(stops)
    hidden = len(stops) - STOPS_SHOWN_MAX + 1
    return [stops[0], Stop(f"… {hidden} more", ""), *stops[-(STOPS_SHOWN_MAX - 2) :]]


def _drawn(stop: Stop, x: int, *, is_now: bool) -> list[str]:
    name = stop.name if len(stop.name) <= _LETTERS_MAX else stop.name[: _LETTERS_MAX - 1] + "…"
    ring = ' class="now"' if is_now else ""
    return [
        f'<circle{ring} cx="{x}" cy="30" r="10"/>',
        f'<text x="{x}" y="60" text-anchor="middle">{escape(name)}</text>',
        f'<text class="quiet" x="{x}" y="78" text-anchor="middle">{escape(stop.day)}</text>',
    ]
