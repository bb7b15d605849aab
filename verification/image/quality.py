"""A look at the print of a symbol that was read: advisory, a verifier it does not replace.

The parts follow ISO/IEC 15415 (symbol contrast, axial non-uniformity, unused error correction) and
the quiet zone of the symbology; a camera that nobody calibrated cannot give the grades themselves.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from verification.image.place import levels_at
from verification.image.shape import shape_of
from verification.image.symbol import Quality, corners_of, size_of

if TYPE_CHECKING:
    from verification.image.place import Corners, Levels
    from verification.image.shape import Shape
    from verification.image.sheet import Grey
    from verification.image.symbol import Mark

RATED_MAX = 60
"""Symbols of one page that are rated."""
GRADES = "ABCD"
CONTRAST_GRADES = (0.70, 0.55, 0.40, 0.20)
AXIAL_GRADES = (0.06, 0.08, 0.10, 0.12)
UNUSED_GRADES = (0.62, 0.50, 0.37, 0.25)
QUIET_GRADES = (0.90, 0.75, 0.60, 0.40)
"""Least (greatest for axial) values of grades A to D; the first three after ISO/IEC 15415."""


def rated(grey: Grey, marks: list[Mark]) -> list[Mark]:
    """The marks with a look at the print of each Data Matrix among the first of them."""
    return [
        replace(mark, quality=rate(grey, mark)) if number < RATED_MAX else mark
        for number, mark in enumerate(marks)
    ]


def rate(grey: Grey, mark: Mark) -> Quality | None:
    """How well a Data Matrix is printed; None for other symbols."""
    size = size_of(mark)
    if size is None:
        return None
    shape = shape_of(*size)
    corners = corners_of(mark.position)
    contrast, quiet = contrast_and_quiet_zone(grey, corners, shape)
    axial = axial_nonuniformity(corners, shape)
    unused = mark.unused_error_correction
    grades = [
        _grade(contrast, CONTRAST_GRADES),
        _grade(-axial, tuple(-limit for limit in AXIAL_GRADES)),
        _grade(quiet, QUIET_GRADES),
    ]
    if unused is not None:
        grades.append(_grade(unused, UNUSED_GRADES))
    return Quality(round(contrast, 3), round(axial, 3), unused, round(quiet, 3), max(grades))


def contrast_and_quiet_zone(grey: Grey, corners: Corners, shape: Shape) -> tuple[float, float]:
    """Symbol contrast and clear quiet zone, both as shares from 0 to 1.

    Contrast is the difference of the light and dark finder and timing modules over the grey scale.
    The quiet zone is the part of the ring, one module wide, as clear as the light modules.
    """
    finder = shape.finder
    points = np.concatenate([finder.points, _ring(shape)])
    levels = levels_at(grey, corners[None], points)[0].astype(np.float32)
    inside, ring = levels[: len(finder.points)], levels[len(finder.points) :]
    dark = finder.weights < 0
    light_level, dark_level = _middle(inside[~dark]), _middle(inside[dark])
    share = (ring - dark_level) / (light_level - dark_level or 1.0)
    return abs(light_level - dark_level) / 255, float((share > 0.5).mean())


def axial_nonuniformity(corners: Corners, shape: Shape) -> float:
    """How much a module's width differs from its height, as a share of their mean."""
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    wide = float(sides[0] + sides[2]) / 2 / shape.columns
    high = float(sides[1] + sides[3]) / 2 / shape.rows
    return abs(wide - high) / max((wide + high) / 2, 1e-6)


def _middle(levels: Levels) -> float:
    """The median, without the care for NaN that costs more than the rest of the rating."""
    return float(np.sort(levels)[len(levels) // 2])


@lru_cache(maxsize=64)
def _ring(shape: Shape) -> Levels:
    across = (np.arange(-1, shape.columns + 1) + 0.5) / shape.columns
    down = (np.arange(shape.rows) + 0.5) / shape.rows
    above, below = -0.6 / shape.rows, 1 + 0.6 / shape.rows
    left, right = -0.6 / shape.columns, 1 + 0.6 / shape.columns
    sides = [
        np.stack([across, np.full_like(across, above)], 1),
        np.stack([across, np.full_like(across, below)], 1),
        np.stack([np.full_like(down, left), down], 1),
        np.stack([np.full_like(down, right), down], 1),
    ]
    ring: Levels = np.concatenate(sides).astype(np.float32)
    return ring


def _grade(value: float, limits: tuple[float, ...]) -> str:
    """Grade of a value by the least values of A to D.

    >>> _grade(0.6, CONTRAST_GRADES), _grade(0.1, CONTRAST_GRADES)
    ('B', 'F')
    """
    return next((grade for grade, limit in zip(GRADES, limits, strict=True) if value >= limit), "F")
