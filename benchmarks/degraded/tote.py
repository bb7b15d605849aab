"""A tote of packs photographed from above: many codes in one picture of 12 megapixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.degraded.label import (
    MARGIN_MODULES,
    MODULE_PX,
    Print,
    modules_of,
    pack_text,
    print_label,
)

if TYPE_CHECKING:
    import numpy.typing as npt

WIDTH_PX, HEIGHT_PX = 4000, 3000
ACROSS, DOWN = 8, 5


def draw_tote(seed: int, module_px: float) -> tuple[npt.NDArray[np.uint8], list[bytes]]:
    """40 packs lying as they fell, and the messages on them."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT_PX, WIDTH_PX), 90, np.float32)
    picture += cv2.resize(rng.normal(0, 12, (150, 200)).astype(np.float32), (WIDTH_PX, HEIGHT_PX))
    messages = []
    for row in range(DOWN):
        for column in range(ACROSS):
            centre = ((column + 0.5) * WIDTH_PX / ACROSS, (row + 0.5) * HEIGHT_PX / DOWN)
            messages.append(_lay_pack(picture, centre, module_px, rng))
    picture += rng.normal(0, 4, picture.shape)
    grey = np.clip(cv2.GaussianBlur(picture, (0, 0), 0.7), 0, 255).astype(np.uint8)
    packed = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
    return cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), messages


def _lay_pack(
    picture: npt.NDArray[np.float32],
    centre: tuple[float, float],
    module_px: float,
    rng: np.random.Generator,
) -> bytes:
    """Print one pack's face into the picture, turned and shaded by chance."""
    data, modules = modules_of(pack_text(rng), square=True)
    fault = Print(bleed=float(rng.uniform(-0.2, 0.25)))
    face = _with_words(print_label(modules, fault, rng), rng).astype(np.float32)
    scale = module_px / MODULE_PX
    frame = cv2.getRotationMatrix2D(
        (face.shape[1] / 2, face.shape[0] / 2), float(rng.uniform(0, 360)), scale
    )
    shift = rng.uniform(-25, 25, 2)
    frame[:, 2] += np.array(centre) + shift - (face.shape[1] / 2, face.shape[0] / 2)
    face = cv2.GaussianBlur(face, (0, 0), 0.31 / scale)
    black, white = rng.uniform(30, 70), rng.uniform(170, 230)
    left, top = (int(centre[0] - WIDTH_PX / ACROSS / 2), int(centre[1] - HEIGHT_PX / DOWN / 2))
    wide, high = WIDTH_PX // ACROSS, HEIGHT_PX // DOWN
    frame[:, 2] -= (left, top)
    seen = cv2.warpAffine(face, frame, (wide, high), borderValue=-1.0)
    part = picture[top : top + high, left : left + wide]
    inside = seen >= 0
    part[inside] = (black + (white - black) * seen / 255)[inside]
    return data


def _with_words(ink: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """The code on a pack's face, with lines of text beside it."""
    face = np.full((ink.shape[0] + 20 * MODULE_PX, ink.shape[1] + 20 * MODULE_PX), 255, np.uint8)
    top, left = 4 * MODULE_PX, 10 * MODULE_PX
    face[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    for line in range(3):
        words = "".join(rng.choice(list("LOT EXP 0123456789ABCDEF"), 22))
        baseline = top + ink.shape[0] + (line + 1) * 4 * MODULE_PX
        start = (MARGIN_MODULES * MODULE_PX, baseline)
        cv2.putText(face, words, start, cv2.FONT_HERSHEY_SIMPLEX, 1.8, 20, 5)
    return face
