"""The shapes a Data Matrix comes in: ISO/IEC 16022 ECC 200 and ISO/IEC 21471 (DMRE)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_SQUARE_SIDES = {
    1: (10, 12, 14, 16, 18, 20, 22, 24, 26),
    2: (32, 36, 40, 44, 48, 52),
    4: (64, 72, 80, 88, 96, 104),
    6: (120, 132, 144),
}
"""Data regions per side -> modules per side, finder and timing included."""

_RECTANGLES = {
    1: ((8, 18), (12, 26)),
    2: (
        *((8, 32), (12, 36), (16, 36), (16, 48), (8, 48), (20, 36), (20, 44)),
        *((22, 48), (24, 48), (26, 40), (26, 48)),
    ),
    4: ((8, 64), (8, 80), (8, 96), (12, 64), (12, 88), (16, 64), (20, 64), (24, 64), (26, 64)),
    6: ((8, 120), (8, 144)),
}
"""Data regions along the long side -> (rows, columns)."""

DATA = -1
"""Value of a module of the pattern that carries data."""


@dataclass(frozen=True, slots=True)
class Template:
    """Modules whose colour is known or guessed, to be laid over a picture."""

    points: npt.NDArray[np.float32]
    """Centres (k, 2): x, y in the unit square."""
    weights: npt.NDArray[np.float32]
    """(k,): negative where dark, positive where light; they sum to zero, their squares to one."""
    rows: int
    columns: int


@dataclass(frozen=True)
class Shape:
    """One symbol size: its modules and its data regions."""

    rows: int
    columns: int
    regions_down: int
    regions_across: int

    @cached_property
    def pattern(self) -> npt.NDArray[np.int8]:
        """Rows by columns: 1 a dark finder or timing module, 0 a light one, -1 data.

        >>> print(shape_of(10, 10).pattern[0])
        [1 0 1 0 1 0 1 0 1 0]
        """
        high, wide = self.rows // self.regions_down, self.columns // self.regions_across
        region = np.full((high, wide), DATA, np.int8)
        region[0] = np.arange(wide) % 2 == 0
        region[:, -1] = np.arange(high) % 2 == 1
        region[:, 0] = 1
        region[-1] = 1
        return np.tile(region, (self.regions_down, self.regions_across))

    @cached_property
    def finder(self) -> Template:
        """What is known before anything is read: finder and timing modules."""
        return self.template(self.pattern)

    def template(self, modules: npt.NDArray[np.int8]) -> Template:
        """What a grid of modules (1 dark, 0 light, -1 not looked at) should look like."""
        row, column = np.nonzero(modules != DATA)
        dark = modules[row, column] == 1
        points = np.stack([(column + 0.5) / self.columns, (row + 0.5) / self.rows], 1)
        weights = np.where(dark, -1.0 / max(dark.sum(), 1), 1.0 / max((~dark).sum(), 1))
        weights /= np.linalg.norm(weights)
        return Template(
            points.astype(np.float32), weights.astype(np.float32), self.rows, self.columns
        )

    @cached_property
    def beside_finder(self) -> npt.NDArray[np.float32]:
        """Points (k, 2) just outside the two legs of the L, where the quiet zone begins."""
        row = (np.arange(self.rows) + 0.5) / self.rows
        column = (np.arange(self.columns) + 0.5) / self.columns
        left = np.stack([np.full_like(row, -0.6 / self.columns), row], 1)
        below = np.stack([column, np.full_like(column, 1 + 0.6 / self.rows)], 1)
        return np.concatenate([left, below]).astype(np.float32)

    def repainted(self, dark: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
        """The grid as a picture, one pixel a module and a quiet zone, its patterns made good."""
        whole = np.where(self.pattern == DATA, dark, self.pattern == 1)
        picture = np.full((self.rows + 2, self.columns + 2), 255, np.uint8)
        picture[1:-1, 1:-1][whole] = 0
        return picture


def _all_shapes() -> tuple[Shape, ...]:
    squares = [
        Shape(side, side, regions, regions)
        for regions, sides in _SQUARE_SIDES.items()
        for side in sides
    ]
    rectangles = [
        Shape(rows, columns, 1, regions)
        for regions, sizes in _RECTANGLES.items()
        for rows, columns in sizes
    ]
    return (*squares, *rectangles)


SHAPES = _all_shapes()
"""All 24 squares, the 6 rectangles of ISO/IEC 16022 and the 18 of ISO/IEC 21471."""


@lru_cache(maxsize=64)
def shape_of(rows: int, columns: int) -> Shape:
    """The shape with so many rows and columns.

    >>> shape_of(16, 36).regions_across
    2

    Raises:
        KeyError: no Data Matrix has this size.

    """
    for shape in SHAPES:
        if (shape.rows, shape.columns) == (rows, columns):
            return shape
    raise KeyError((rows, columns))
