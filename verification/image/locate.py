"""Where a Data Matrix may lie: dense, blocky areas of a picture, as four-cornered places."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from verification.image.place import fit, flattened, levels_at
from verification.image.shape import SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from verification.image.place import Corners, Levels
    from verification.image.shape import Shape
    from verification.image.sheet import Grey

CLOSING_PX = 7
"""Gaps up to this are closed to make one blob of a code; with the scales, 1.5 to 20 px a module."""
SIDE_PX_MIN = 9
"""Shortest side of a blob, in pixels of its scale."""
LOCAL_PX = 51
"""Reach of the local mean, in pixels of the scale."""
LONGEST_PX = 2000
"""Longest side of a page as it is searched, in pixels."""
STANDS_OUT_MIN = 0.3
"""How far, from the legs' level to that of the light modules, the ground beside them must be."""
SAME_WITHIN_MODULES = 0.7
"""Two places closer than this, in modules, are one."""
BLOBS_MAX = 16
"""Dense areas looked at per size of the page, largest first."""
SOFTEN_PX = 1.0
FLOOR_SHARE = 0.3
"""How much of the page's mean variance is added to the local one: plain paper must stay plain."""
PITCH_PX_MIN = 1.2
"""Modules smaller than this cannot be distinguished."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A shape at a place, and how much it looks like it; negative where light on dark."""

    corners: Corners
    shape: Shape
    likeness: float

    def scaled(self, factor: float) -> Hypothesis:
        """The same place in a picture `factor` times as large."""
        return Hypothesis(self.corners * factor, self.shape, self.likeness)


@dataclass(frozen=True, slots=True)
class ScaledPage:
    """A page at one size, freed of uneven light."""

    flat: Levels
    scale: float
    """Pixels of the view per pixel of the page."""

    @classmethod
    def of(cls, grey: Grey, scale: float) -> ScaledPage:
        """The page reduced to `scale`."""
        small = grey
        if scale < 1:
            small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return cls(flattened(small, LOCAL_PX, SOFTEN_PX, FLOOR_SHARE), scale)

    def blobs(self) -> list[Corners]:
        """Bounding quadrilaterals, in pixels of the page, of the dense areas, largest first."""
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (CLOSING_PX, CLOSING_PX))
        found: list[tuple[float, Corners]] = []
        for polarity in (1, -1):
            dark = (polarity * self.flat < -0.35).astype(np.uint8)
            solid = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, kernel)
            solid = cv2.morphologyEx(solid, cv2.MORPH_OPEN, kernel)
            outlines, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            for outline in outlines:
                found += _quads_of(outline)
        found.sort(key=lambda entry: -entry[0])
        return [corners / self.scale for _, corners in found[:BLOBS_MAX]]

    def hypotheses(self, corners: Corners, *, count: int) -> list[Hypothesis]:
        """The likeliest shapes and turns at a place of the page, best first."""
        found = hypotheses(self.flat, corners * self.scale, count=count)
        return [h.scaled(1 / self.scale) for h in found]


# Points of any number type, as OpenCV gives them.
def _quads_of(outline: npt.NDArray[Any]) -> Iterator[tuple[float, Corners]]:
    box = cv2.minAreaRect(outline)
    width, height = box[1][0] + 1, box[1][1] + 1
    short, long = min(width, height), max(width, height)
    if short < SIDE_PX_MIN or long > 20 * short:
        return
    area = cv2.contourArea(outline)
    if area < 0.5 * width * height:
        return
    corners = cv2.boxPoints((box[0], (width, height), box[2])).astype(np.float32)
    yield area, corners + 0.5
    bent = four_corners(outline)
    if bent is not None:
        yield area * 0.99, bent + 0.5


def four_corners(outline: npt.NDArray[Any]) -> Corners | None:  # as above
    """The outline's hull reduced to four corners, clockwise on the page, or None."""
    hull = cv2.convexHull(outline)
    length = cv2.arcLength(hull, closed=True)
    for share in (0.02, 0.03, 0.045, 0.06, 0.08):
        simple = cv2.approxPolyDP(hull, share * length, closed=True)
        if len(simple) == 4:
            corners = simple[:, 0].astype(np.float32)
            first, second = corners[1] - corners[0], corners[2] - corners[1]
            turn = first[0] * second[1] - first[1] * second[0]
            return corners if turn > 0 else corners[::-1].copy()
        if len(simple) < 4:
            return None
    return None


def hypotheses(flat: Levels, corners: Corners, *, count: int) -> list[Hypothesis]:
    """The `count` likeliest shapes and turns at a place, best first."""
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    wide, high = float(sides[0] + sides[2]) / 2, float(sides[1] + sides[3]) / 2
    found: list[Hypothesis] = []
    for first, (across, down) in enumerate(((wide, high), (high, wide))):
        able = fitting_shapes(round(across), round(down))
        if not able:
            continue
        templates = _together(able)
        places = np.stack([np.roll(corners, -turn, axis=0) for turn in (first, first + 2)])
        scores = templates.likeness(flat, places)
        found += [
            Hypothesis(place, SHAPES[number], float(score))
            for place, row in zip(places, scores, strict=True)
            for number, score in zip(able, row, strict=True)
        ]
    found.sort(key=evidence, reverse=True)
    return found[:count]


@lru_cache(maxsize=4096)
def fitting_shapes(across_px: int, down_px: int) -> tuple[int, ...]:
    """Which of `SHAPES` could fill a place so wide and high with modules nearly square."""
    able = []
    for number, shape in enumerate(SHAPES):
        x, y = across_px / shape.columns, down_px / shape.rows
        if min(x, y) >= PITCH_PX_MIN and 0.72 < x / y < 1.4:
            able.append(number)
    return tuple(able)


@dataclass(frozen=True, slots=True)
class Templates:
    """The finder patterns of several shapes, to be laid over one place in one go."""

    points: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    starts: npt.NDArray[np.intp]
    sizes: npt.NDArray[np.float32]

    def likeness(self, flat: Levels, places: Corners) -> Levels:
        """How much each place (n, 4, 2) looks like each shape (k): (n, k)."""
        levels = levels_at(flat, places, self.points)
        total = np.add.reduceat(levels, self.starts, axis=1)
        square = np.add.reduceat(levels * levels, self.starts, axis=1)
        product = np.add.reduceat(levels * self.weights, self.starts, axis=1)
        spread: Levels = product / (
            np.sqrt(np.maximum(square - total * total / self.sizes, 0)) + 1e-6
        )
        return spread


@lru_cache(maxsize=256)
def _together(numbers: tuple[int, ...]) -> Templates:
    finders = [SHAPES[number].finder for number in numbers]
    sizes = [len(finder.weights) for finder in finders]
    return Templates(
        np.concatenate([finder.points for finder in finders]),
        np.concatenate([finder.weights for finder in finders]),
        np.cumsum([0, *sizes[:-1]]),
        np.array(sizes, np.float32),
    )


def evidence(hypothesis: Hypothesis) -> float:
    """How strongly a place speaks for itself, in standard deviations of chance.

    A larger shape has more modules that could have disagreed: the same likeness says more.
    """
    return abs(hypothesis.likeness) * math.sqrt(len(hypothesis.shape.finder.weights))


def scales_for(grey: Grey) -> tuple[float, ...]:
    """The sizes a page is searched at: modules of 1.5 to 20 px make blobs at one of them."""
    scale = min(1.0, LONGEST_PX / max(grey.shape))
    scales = [scale]
    while min(grey.shape) * scale > 60 and len(scales) < 3:
        scale /= 2
        scales.append(scale)
    return tuple(scales)


def places_seen(grey: Grey, doubts: list[Corners]) -> list[Hypothesis]:
    """Likely places on a page: where zxing-cpp saw a symbol it could not read, and dense blobs."""
    views = [ScaledPage.of(grey, scale) for scale in scales_for(grey)]
    found = [h for corners in doubts for h in views[0].hypotheses(corners, count=2)]
    for view in views:
        for corners in view.blobs():
            found += view.hypotheses(corners, count=2)
    return found


def same_place(one: Hypothesis, other: Hypothesis) -> bool:
    """Whether two hypotheses say the same: shape, and corners within a module."""
    if one.shape is not other.shape:
        return False
    pitch = float(np.linalg.norm(one.corners[1] - one.corners[0])) / one.shape.columns
    return float(np.abs(one.corners - other.corners).max()) < SAME_WITHIN_MODULES * pitch


def fitted(
    flat: Levels,
    hypothesis: Hypothesis,
    *,
    steps: tuple[float, ...] = (0.5, 0.25, 0.12, 0.06),
    rounds_max: int = 8,
) -> Hypothesis:
    """The hypothesis with its corners moved to where it looks best."""
    finder = hypothesis.shape.finder
    corners, score = fit(flat, hypothesis.corners, finder, steps=steps, rounds_max=rounds_max)
    return Hypothesis(corners, hypothesis.shape, score)


def stands_out(flat: Levels, place: Hypothesis) -> bool:
    """Whether what lies beside the legs of the L is unlike them.

    White paper beside a code passes for the solid legs of a light-on-dark code; but such a code
    stands on dark ground.
    """
    finder = place.shape.finder
    points = np.concatenate([finder.points, place.shape.beside_finder])
    levels = levels_at(flat, place.corners[None], points)[0]
    inside, beside = levels[: len(finder.points)], levels[len(finder.points) :]
    dark, light = inside[finder.weights < 0].mean(), inside[finder.weights > 0].mean()
    share = (beside.mean() - dark) / (light - dark or 1.0)
    return bool(share > STANDS_OUT_MIN)
