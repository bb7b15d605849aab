"""Where a Data Matrix lies when no margin shows it: by the beat of its modules.

All edges of a code stand on one lattice. Its directions come from the gradients, its pitch and
phase from the spectrum of the edges; on the grid of cells so found, every shape is tried at every
cell and turn at once. Text, lines and other codes around it do not matter, and noise hardly.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verification.image.locate import Hypothesis, evidence, stands_out
from verification.image.shape import DATA, SHAPES

if TYPE_CHECKING:
    import numpy.typing as npt

    from verification.image.place import Levels
    from verification.image.shape import Shape

PITCH_PX_MIN = 2.2
"""Smallest pitch whose beat is looked for; smaller codes are enlarged first."""
PITCH_PX_MAX = 16.0
CELLS_MAX = 160
"""Cells per side of the grid that is searched."""
GRADIENTS_MAX = 40_000
"""Pixels whose gradients are asked for the directions; of larger pictures, evenly spread rows."""
WEIGHT_SURE = 6.5
"""Weight of evidence at which no weaker beat is tried."""
CHECKED_PER_PLACE = 5
"""Places checked for standing out from their ground, per place that is wanted."""
PEAKS = 4
"""Beats considered per direction."""
WEIGHT_MIN = 3.5
"""Least weight of evidence, in standard deviations, a place must have to be looked at."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The beat of the edges along one direction: first boundary and distance, in pixels."""

    pitch: float
    phase: float
    strength: float


@dataclass(frozen=True, slots=True)
class Found:
    """A shape found on the grid of cells: its top left cell, quarter turns, and evidence."""

    shape: Shape
    turn: int
    row: int
    column: int
    weight: float
    """In standard deviations; negative where light on dark."""


def directions(flat: Levels) -> tuple[float, float]:
    """Angles, in radians, of the two directions across which most edges lie."""
    step = 1 + flat.size // GRADIENTS_MAX
    gx = cv2.Sobel(flat, cv2.CV_32F, 1, 0)[::step]
    gy = cv2.Sobel(flat, cv2.CV_32F, 0, 1)[::step]
    # Doubling a direction's angle makes opposite edges agree, doubling again all four of a square.
    even, odd = gx * gx - gy * gy, 2 * gx * gy
    power = gx * gx + gy * gy + 1e-9
    four_even = float(((even * even - odd * odd) / power).sum())
    four_odd = float((2 * even * odd / power).sum())
    first = np.arctan2(four_odd, four_even) / 4
    return _own_angle(even, odd, power, first), _own_angle(even, odd, power, first + np.pi / 2)


def _own_angle(even: Levels, odd: Levels, power: Levels, near: float) -> float:
    """The mean angle of the edges within some degrees of `near`: a tilted code is no square."""
    for width in (0.35, 0.2):
        turned_even = even * np.cos(2 * near) + odd * np.sin(2 * near)
        inside = turned_even > power * np.cos(2 * width)
        turned_odd = odd * np.cos(2 * near) - even * np.sin(2 * near)
        near += float(np.arctan2(turned_odd[inside].sum(), turned_even[inside].sum() + 1e-9)) / 2
    return near


def straightening(shape: tuple[int, ...], first: float, second: float) -> npt.NDArray[np.float64]:
    """The 2 by 3 map that turns the two directions into x and y and keeps all of the picture."""
    axes = np.array([[np.cos(first), np.sin(first)], [np.cos(second), np.sin(second)]])
    height, width = shape[:2]
    box = np.array([[0, 0], [width, 0], [width, height], [0, height]], float) @ axes.T
    return np.concatenate([axes, -box.min(0)[:, None]], 1)


def beats(profile: npt.NDArray[np.float32]) -> list[Beat]:
    """The strongest beats in a profile of edge strength, one value a pixel."""
    level = profile - cv2.blur(profile[None], (31, 1))[0]
    padded = 1 << int(np.ceil(np.log2(len(level) * 8)))
    spectrum = np.fft.rfft(level * np.hanning(len(level)), padded)
    power = np.abs(spectrum)
    low, high = int(padded / PITCH_PX_MAX), int(padded / PITCH_PX_MIN)
    band = power[low:high]
    peak = np.nonzero((band[1:-1] > band[:-2]) & (band[1:-1] >= band[2:]))[0] + 1 + low
    strongest = peak[np.argsort(-power[peak])][:PEAKS]
    noise = float(np.median(band)) + 1e-9
    found = []
    for at in strongest:
        left, here, right = power[at - 1 : at + 2]
        shift = 0.5 * (left - right) / (left - 2 * here + right - 1e-12)
        pitch = padded / (at + shift)
        middle = len(level) / 2
        turns = np.arange(len(level)) - middle
        wave = np.exp(-2j * np.pi * turns / pitch)
        angle = np.angle((level * np.hanning(len(level)) * wave).sum())
        phase = (middle - angle / (2 * np.pi) * pitch) % pitch
        found.append(Beat(float(pitch), float(phase), float(here / noise)))
    return found


def lattice_hypotheses(flat: Levels, *, count: int) -> list[Hypothesis]:
    """The likeliest places of a symbol in a small, evenly lit picture, best first."""
    matrix = straightening(flat.shape, *directions(flat))
    corners = np.array([[0, 0], [flat.shape[1], 0], flat.shape[::-1], [0, flat.shape[0]]])
    extent = (corners @ matrix[:, :2].T + matrix[:, 2]).max(0)
    size = (int(np.ceil(extent[0])), int(np.ceil(extent[1])))
    straight = cv2.warpAffine(flat, matrix, size, flags=cv2.INTER_LINEAR)
    back = cv2.invertAffineTransform(matrix)
    across = np.square(np.diff(straight, axis=1)).sum(0)
    down = np.square(np.diff(straight, axis=0)).sum(1)
    hypotheses: list[Hypothesis] = []
    for x, y in _pairs(beats(across), beats(down)):
        hypotheses += [_hypothesis(found, x, y, back) for found in _search(_cells(straight, x, y))]
        if max(map(evidence, hypotheses), default=0) > WEIGHT_SURE:
            break
    hypotheses.sort(key=evidence, reverse=True)
    apart = (place for place in hypotheses[: CHECKED_PER_PLACE * count] if stands_out(flat, place))
    return list(islice(apart, count))


def _pairs(across: list[Beat], down: list[Beat]) -> list[tuple[Beat, Beat]]:
    pairs = [(x, y) for x in across for y in down if 0.75 < x.pitch / y.pitch < 1.33]
    pairs.sort(key=lambda pair: -pair[0].strength * pair[1].strength)
    return pairs[:3]


def _cells(straight: Levels, x: Beat, y: Beat) -> Levels:
    """Mean level of every cell of the lattice, limited to -1 to 1; no cells where none fits."""
    # A boundary between pixels i and i+1 shows in the difference at i: it lies at i + 1.
    columns = min(CELLS_MAX, int((straight.shape[1] - x.phase - 1) / x.pitch))
    rows = min(CELLS_MAX, int((straight.shape[0] - y.phase - 1) / y.pitch))
    if columns < 1 or rows < 1:
        return np.zeros((0, 0), np.float32)
    fine = 3
    map_x = x.phase + 1 + x.pitch * (np.arange(columns * fine) + 0.5) / fine - 0.5
    map_y = y.phase + 1 + y.pitch * (np.arange(rows * fine) + 0.5) / fine - 0.5
    grid_x, grid_y = np.meshgrid(map_x.astype(np.float32), map_y.astype(np.float32))
    drawn = cv2.remap(straight, grid_x, grid_y, cv2.INTER_LINEAR)
    grid: Levels = np.clip(drawn.reshape(rows, fine, columns, fine).mean((1, 3)), -1, 1)
    return grid


def _search(grid: Levels) -> list[Found]:
    """The places of the grid that look most like a finder pattern, one per shape and turn."""
    found = []
    for shape in SHAPES:
        for turn in range(4):
            template = np.ascontiguousarray(np.rot90(_weights(shape), turn))
            if template.shape[0] > grid.shape[0] or template.shape[1] > grid.shape[1]:
                continue
            weight = cv2.matchTemplate(grid, template, cv2.TM_CCORR)
            at = int(np.argmax(np.abs(weight)))
            row, column = divmod(at, weight.shape[1])
            if abs(weight[row, column]) > WEIGHT_MIN:
                found.append(Found(shape, turn, row, column, float(weight[row, column])))
    return found


def _weights(shape: Shape) -> Levels:
    weights = np.zeros((shape.rows, shape.columns), np.float32)
    weights[shape.pattern != DATA] = shape.finder.weights
    return weights


def _hypothesis(found: Found, x: Beat, y: Beat, back: Levels) -> Hypothesis:
    shape = found.shape
    rows, columns = (shape.rows, shape.columns)[:: 1 - 2 * (found.turn % 2)]
    left, top = x.phase + 1 + found.column * x.pitch, y.phase + 1 + found.row * y.pitch
    right, bottom = left + columns * x.pitch, top + rows * y.pitch
    box = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    corners = np.roll(box, found.turn, axis=0) @ back[:, :2].T + back[:, 2]
    likeness = found.weight / float(np.sqrt(len(shape.finder.weights)))
    return Hypothesis(corners.astype(np.float32), shape, likeness)
