"""A code like those already read: its size is known, only its place and turn are sought."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from verification.image.locate import Hypothesis, evidence, stands_out
from verification.image.place import flattened
from verification.image.shape import DATA, Shape, shape_of
from verification.image.symbol import corners_of, size_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from verification.image.place import Levels
    from verification.image.sheet import Grey
    from verification.image.symbol import Mark

MODULE_PX = 2
"""Pixels a module is drawn with for the search."""
ANGLE_ERROR_MODULES = 0.2
"""How far a corner may be off when a turn lies between two that are tried."""
LOCAL_MODULES = 8


class SymbolKind(NamedTuple):
    """A shape and the size it is printed in."""

    shape: Shape
    module_px: float


def kinds_of(marks: list[Mark]) -> list[SymbolKind]:
    """The kinds of Data Matrix among the marks, the most frequent first."""
    sizes: dict[Shape, list[float]] = {}
    for mark in marks:
        size = size_of(mark)
        if size is not None:
            side = float(np.sqrt(cv2.contourArea(corners_of(mark.position))))
            pitch = side / float(np.sqrt(size[0] * size[1]))
            sizes.setdefault(shape_of(*size), []).append(pitch)
    often = Counter({shape: len(found) for shape, found in sizes.items()})
    return [SymbolKind(shape, float(np.median(sizes[shape]))) for shape, _ in often.most_common(2)]


def alike(grey: Grey, kind: SymbolKind, *, count: int) -> list[Hypothesis]:
    """The likeliest places of a code of one kind in a small picture, best first."""
    scale = MODULE_PX / kind.module_px
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    flat = flattened(small, LOCAL_MODULES * MODULE_PX, 0.27 * MODULE_PX)
    found: list[Hypothesis] = []
    for angle in _angles(kind.shape):
        matrix = _turned(flat, angle)
        side = round(float(np.hypot(*flat.shape)))
        straight = cv2.warpAffine(flat, matrix, (side, side))
        back = cv2.invertAffineTransform(matrix)
        found += _in_quarter_turns(np.clip(straight, -1, 1), kind.shape, back)
    found.sort(key=evidence, reverse=True)
    apart = [place for place in found[: 3 * count] if stands_out(flat, place)]
    return [place.scaled(1 / scale) for place in apart[:count]]


def _angles(shape: Shape) -> npt.NDArray[np.float64]:
    """Turns within a quarter, close enough together for the shape's size."""
    step = 2 * ANGLE_ERROR_MODULES / (max(shape.rows, shape.columns) / 2)
    return np.arange(0, np.pi / 2, step)


def _turned(flat: Levels, angle: float) -> npt.NDArray[np.float64]:
    """The map that turns a picture about its middle, with room for its corners."""
    height, width = flat.shape
    side = float(np.hypot(height, width))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(np.degrees(angle)), 1.0)
    matrix[:, 2] += ((side - width) / 2, (side - height) / 2)
    return np.asarray(matrix, np.float64)


def _in_quarter_turns(straight: Levels, shape: Shape, back: Levels) -> list[Hypothesis]:
    found = []
    for turn, template in enumerate(_templates(shape)):
        if template.shape[0] > straight.shape[0] or template.shape[1] > straight.shape[1]:
            continue
        weight = cv2.matchTemplate(straight, template, cv2.TM_CCORR)
        top, left = divmod(int(np.argmax(np.abs(weight))), weight.shape[1])
        high, wide = template.shape
        box = np.array([[left, top], [left + wide, top], [left + wide, top + high]], float)
        box = np.concatenate([box, [[left, top + high]]])
        corners = np.roll(box, turn, axis=0) @ back[:, :2].T + back[:, 2]
        likeness = float(weight[top, left]) / float(np.sqrt(len(shape.finder.weights)))
        found.append(Hypothesis(corners.astype(np.float32), shape, likeness))
    return found


@lru_cache(maxsize=16)
def _templates(shape: Shape) -> tuple[Levels, ...]:
    """The finder pattern in its four turns, as weights over pixels."""
    weights = np.zeros((shape.rows, shape.columns), np.float32)
    weights[shape.pattern != DATA] = shape.finder.weights
    cell = np.full((MODULE_PX, MODULE_PX), 1 / MODULE_PX**2, np.float32)
    drawn = np.kron(weights, cell)
    return tuple(np.ascontiguousarray(np.rot90(drawn, turn)) for turn in range(4))
