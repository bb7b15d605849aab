"""Where a Data Matrix lies: four corners, fitted until finder and timing pattern stand out best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from verification.image.shape import Template
    from verification.image.sheet import Grey

    Corners = npt.NDArray[np.float32]
    """(4, 2): x, y of top left, top right, bottom right, bottom left, in pixels."""
    Levels = npt.NDArray[Any]
    """Levels, float32, rows by columns. The stubs of OpenCV tell no element type."""


SHADOW_EDGE_PX = 9
"""Reach of the lightest level: wider than a module, narrower than a shadow."""
DARKEST_LIGHT = 30
"""Light below this grey level is darkness; it is not amplified further."""


def homographies(corners: Corners) -> npt.NDArray[np.float32]:
    """The projections (n, 3, 3) that take the unit square to each of `corners` (n, 4, 2).

    The closed form for a square: no linear system is solved.
    """
    p0, p1, p2, p3 = (corners[:, i].astype(np.float64) for i in range(4))
    d1, d2, s = p1 - p2, p3 - p2, p0 - p1 + p2 - p3
    area = d1[:, 0] * d2[:, 1] - d2[:, 0] * d1[:, 1]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    g = (s[:, 0] * d2[:, 1] - d2[:, 0] * s[:, 1]) / area
    h = (d1[:, 0] * s[:, 1] - s[:, 0] * d1[:, 1]) / area
    matrix = np.empty((len(corners), 3, 3), np.float32)
    matrix[:, :2, 0] = p1 - p0 + g[:, None] * p1
    matrix[:, :2, 1] = p3 - p0 + h[:, None] * p3
    matrix[:, :2, 2] = p0
    matrix[:, 2, 0], matrix[:, 2, 1], matrix[:, 2, 2] = g, h, 1
    return matrix


def levels_at(image: Levels, corners: Corners, points: npt.NDArray[np.float32]) -> Levels:
    """Grey levels (n, k) of `image` at `points` (k, 2) of the unit square under `corners`."""
    matrix = homographies(corners)
    x, y = points[:, 0], points[:, 1]
    mapped = matrix[:, :, 0, None] * x + matrix[:, :, 1, None] * y + matrix[:, :, 2, None]
    w = np.where(np.abs(mapped[:, 2]) < 1e-6, 1e-6, mapped[:, 2])
    return cv2.remap(
        image,
        mapped[:, 0] / w - 0.5,
        mapped[:, 1] / w - 0.5,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def likeness(image: Levels, corners: Corners, template: Template) -> Levels:
    """How much each place (n, 4, 2) looks like `template`.

    A correlation: 1 the perfect pattern, 0 anything, -1 the perfect pattern printed light on dark.
    """
    levels = levels_at(image, corners, template.points)
    levels = levels - levels.mean(1, keepdims=True)
    found: Levels = (levels @ template.weights) / (np.sqrt((levels * levels).sum(1)) + 1e-6)
    return found


def _moves() -> npt.NDArray[np.float32]:
    """The moves a fit tries, (n, 4, 2) in modules: corners, edges, the whole, larger, turned."""
    moves = []
    for corner in range(4):
        for axis in range(2):
            move = np.zeros((4, 2))
            move[corner, axis] = 1
            moves.append(move)
    for edge in ((0, 1), (1, 2), (2, 3), (3, 0)):
        for axis in range(2):
            move = np.zeros((4, 2))
            move[list(edge), axis] = 1
            moves.append(move)
    for axis in range(2):
        move = np.zeros((4, 2))
        move[:, axis] = 1
        moves.append(move)
    moves.append(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.7)
    moves.append(np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]]) * 0.7)
    tried = np.array(moves)
    return np.concatenate([tried, -tried]).astype(np.float32)


MOVES = _moves()


def fit(
    image: Levels,
    corners: Corners,
    template: Template,
    *,
    steps: tuple[float, ...] = (0.5, 0.25, 0.12, 0.06),
    rounds_max: int = 8,
) -> tuple[Corners, float]:
    """Corners moved, in steps of modules, to where they look most like `template`; the likeness.

    Works for either polarity: the sign of the likeness is kept.
    """
    best = corners.astype(np.float32)
    score = float(likeness(image, best[None], template)[0])
    sign = 1.0 if score >= 0 else -1.0
    right = (best[1] - best[0] + best[2] - best[3]) / (2 * template.columns)
    down = (best[3] - best[0] + best[2] - best[1]) / (2 * template.rows)
    moves = MOVES @ np.stack([right, down])
    for step in steps:
        for _ in range(rounds_max):
            tried = best[None] + step * moves
            scores = likeness(image, tried, template)
            at = int(np.argmax(sign * scores))
            if sign * scores[at] <= sign * score + 1e-4:
                break
            best, score = tried[at], float(scores[at])
    return best, score


def flattened(grey: Grey, around_px: float, soften_px: float, floor_share: float = 0.04) -> Levels:
    """Grey levels freed of uneven light: local mean 0, local deviation 1.

    `around_px` is the reach that counts as local, `soften_px` the blur that hides sensor noise.
    """
    levels: Levels = grey.astype(np.float32)
    if soften_px > 0.2:
        levels = cv2.GaussianBlur(levels, (0, 0), soften_px)
    size = max(3, round(around_px)) | 1
    mean = cv2.blur(levels, (size, size))
    variance = cv2.blur(levels * levels, (size, size)) - mean * mean
    floor = floor_share * float(np.mean(np.maximum(variance, 0))) + 1e-3
    return (levels - mean) / np.sqrt(np.maximum(variance, 0) + floor)


def without_shadow(grey: Grey) -> Levels:
    """Grey levels as shares, 0 to 255, of the lightest level near each pixel."""
    near = np.ones((SHADOW_EDGE_PX, SHADOW_EDGE_PX), np.uint8)
    light = cv2.blur(cv2.dilate(grey, near), (SHADOW_EDGE_PX, SHADOW_EDGE_PX))
    return grey.astype(np.float32) * (255.0 / np.maximum(light, DARKEST_LIGHT))
