"""Many codes in one picture: what was read tells how large the unread ones are, and what to seek.

A tote, a rack or a shelf shows many codes of one size. Where the picture is as busy as at the codes
that were read, at their size, another may lie: such spots are cut out and read by themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verification.image.symbol import corners_of

if TYPE_CHECKING:
    from verification.image.place import Corners, Levels
    from verification.image.sheet import Grey
    from verification.image.symbol import Mark

CODE_PX = 18
"""Side of a code, in pixels, when the page is searched for spots like it."""
FINER = 3
"""How much finer than that the alternation of dark and light is counted."""
CONTRAST_MIN = 8
"""Grey levels below the surroundings from which a pixel counts as dark."""
BUSY_MIN = 0.92
"""Share of the busyness of the least busy code read that makes a spot worth a look."""
LIKELY_MIN = 0.97
"""Share of the median busyness of the codes read that makes a spot worth the costly stages."""
PAGE_PER_CODE_MIN = 25
"""A page less than this many times the area of its codes has room for no more."""
SPOTS_MAX = 40
"""Spots looked at on one page."""
SPOTS_PER_SINGLE = 4
"""Spots looked at where only one code was read."""
APART = 0.75
"""Least distance of two spots, as a share of the code's side."""
MARGIN = 0.45
"""Surroundings cut out with a spot, as a share of the code's side."""


def code_side(marks: list[Mark]) -> float:
    """Median side, in pixels, of the two-dimensional codes among the marks; 0 without any."""
    sides = [
        math.sqrt(cv2.contourArea(corners_of(mark.position))) for mark in marks if mark.is_matrix
    ]
    return median(sides) if sides else 0.0


@dataclass(frozen=True, slots=True)
class Spot:
    """A part of a page that may hold another code."""

    box: tuple[int, int, int, int]
    """Left, top, right, bottom, in pixels of the page."""
    likely: bool
    """As busy as most codes that were read: worth the costly stages."""


def spots(grey: Grey, marks: list[Mark]) -> list[Spot]:
    """Spots that may hold another code, the busiest first."""
    side = code_side(marks)
    if side < 8 or grey.size < PAGE_PER_CODE_MIN * side * side:
        return []
    scale = min(1.0, CODE_PX / side)
    busy = busyness(grey, scale)
    reach = max(2, round(side * scale))
    read = [_at(busy, mark, scale) for mark in marks if mark.is_matrix]
    for mark in marks:
        _cover(busy, corners_of(mark.position) * scale, reach)
    allowed = SPOTS_MAX if len(marks) > 1 else SPOTS_PER_SINGLE
    likely = LIKELY_MIN * float(np.median(read))
    found = []
    half = side * (0.5 + MARGIN)
    for level, x, y in _peaks(busy, BUSY_MIN * min(read), reach, allowed):
        left, top = max(0, int(x / scale - half)), max(0, int(y / scale - half))
        right = min(grey.shape[1], int(x / scale + half) + 1)
        bottom = min(grey.shape[0], int(y / scale + half) + 1)
        found.append(Spot((left, top, right, bottom), level >= likely))
    return found


def busyness(grey: Grey, scale: float) -> Levels:
    """How often dark and light alternate around each pixel of the page drawn at `scale`."""
    small = grey
    if scale < 1:
        fine = scale * FINER
        small = cv2.resize(grey, None, fx=fine, fy=fine, interpolation=cv2.INTER_AREA)
    # Dark against the surroundings, whatever the contrast: large plain edges must not outweigh.
    around = CODE_PX * FINER // 2 | 1
    dark = cv2.adaptiveThreshold(
        cv2.blur(small, (3, 3)),
        255,
        cv2.ADAPTIVE_THRESH_MEAN_C,
        cv2.THRESH_BINARY,
        around,
        CONTRAST_MIN,
    )
    change = cv2.morphologyEx(dark, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8))
    if scale < 1:
        size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
        change = cv2.resize(change, size, interpolation=cv2.INTER_AREA)
    return cv2.blur(change, (CODE_PX * 3 // 4, CODE_PX * 3 // 4)).astype(np.float32)


def _at(busy: Levels, mark: Mark, scale: float) -> float:
    x, y = corners_of(mark.position).mean(0) * scale
    row = min(max(round(float(y)), 0), busy.shape[0] - 1)
    column = min(max(round(float(x)), 0), busy.shape[1] - 1)
    return float(busy[row, column])


def _cover(busy: Levels, corners: Corners, reach: int) -> None:
    """Take a code that was read, and half its size around, out of the search."""
    (left, top), (right, bottom) = corners.min(0), corners.max(0)
    edge = reach // 3
    cv2.rectangle(
        busy, (int(left) - edge, int(top) - edge), (int(right) + edge, int(bottom) + edge), 0, -1
    )


def _peaks(
    busy: Levels, needed: float, reach: int, allowed: int
) -> list[tuple[float, float, float]]:
    """Level, x, y of the busiest pixels above `needed`, well apart."""
    found: list[tuple[float, float, float]] = []
    for _ in range(allowed):
        _, most, _, (column, row) = cv2.minMaxLoc(busy)
        if most < needed:
            break
        found.append((float(most), float(column), float(row)))
        cv2.circle(busy, (column, row), max(2, round(reach * APART)), 0, -1)
    return found
