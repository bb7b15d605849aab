"""What a thing is in, as one drawing: box within box, each leading to its own page."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_CELLS_MAX = 40
_CELLS_A_ROW = 10
_CELL_PX, _GAP_PX = 13, 4
_BOX_PX, _BETWEEN_PX, _TOP_PX = 196, 28, 34
_HEIGHT_PX = 154


@dataclass(frozen=True, slots=True)
class Container:
    """One container of the drawing, outermost first."""

    name: str
    """What kind of thing it is."""
    number: str
    """Its identifier, whose end is shown."""
    path: str
    """The address of its page."""
    packed: int
    """How many things are directly in it now."""
    place: int
    """Which of them leads to the thing of the page, counted from 0."""


def containment_svg(containers: Sequence[Container]) -> str:
    """The drawing as SVG; empty where the thing is in nothing.

    >>> containment_svg([Container("Case", "095213220000041997", "/00/1", 40, 3)]).count("<rect")
    41
    >>> containment_svg([])
    ''
    """
    if not containers:
        return ""
    width = len(containers) * (_BOX_PX + _BETWEEN_PX) - _BETWEEN_PX
    label = ", in ".join(f"{one.name} {one.number}" for one in reversed(containers))
    parts = [
        '<svg class="nest" xmlns="http://www.w3.org/2000/svg" role="group"',
        f' viewBox="0 0 {width} {_HEIGHT_PX}" aria-label="{escape(f"In {label}")}">',
    ]
    for turn, one in enumerate(containers):
        parts += _drawn(one, turn * (_BOX_PX + _BETWEEN_PX), has_inner=turn < len(containers) - 1)
    return "".join([*parts, "</svg>"])


def _drawn(one: Container, x: int, *, has_inner: bool) -> list[str]:
    end = f"…{one.number[-9:]}" if len(one.number) > 9 else one.number
    shown = min(one.packed, _CELLS_MAX)
    this = min(one.place, shown - 1)
    parts = [
        f'<a href="{escape(one.path)}" aria-label="{escape(f"{one.name} {one.number}")}">',
        f'<rect class="outer" x="{x}.5" y=".5" width="{_BOX_PX - 1}" height="{_HEIGHT_PX - 1}"',
        ' rx="8"/>',
        f'<text x="{x + 10}" y="20">{escape(one.name)}</text>',
        f'<text class="quiet" x="{x + _BOX_PX - 10}" y="20" text-anchor="end">{escape(end)}</text>',
    ]
    for cell in range(shown):
        left, top = _corner(x, cell)
        kind = "this" if cell == this else "pack"
        parts.append(
            f'<rect class="{kind}" x="{left}" y="{top}" width="{_CELL_PX}" height="{_CELL_PX}"'
            ' rx="2"/>'
        )
    more = f", {shown} drawn" if one.packed > shown else ""
    parts.append(
        f'<text class="quiet" x="{x + 10}" y="{_HEIGHT_PX - 12}">{one.packed:,} in it{more}</text>'
    )
    parts.append("</a>")
    if has_inner and shown:
        left, top = _corner(x, this)
        start, end_x = left + _CELL_PX, x + _BOX_PX + _BETWEEN_PX
        parts.append(
            f'<path class="zoom" d="M{start} {top}L{end_x} 8M{start} {top + _CELL_PX}'
            f'L{end_x} {_HEIGHT_PX - 8}"/>'
        )
    return parts


def _corner(x: int, cell: int) -> tuple[int, int]:
    row, column = divmod(cell, _CELLS_A_ROW)
    step = _CELL_PX + _GAP_PX
    return x + 12 + column * step, _TOP_PX + row * step
