"""The photographed side of a damaged code: geometry, optics, light and sensor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.degraded.label import MODULE_PX

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Light = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shot:
    """How a label is photographed; lengths in modules unless said otherwise."""

    module_px: float = 4.0
    turn_deg: float | None = None
    """None: held nearly straight."""
    tilt: float = 0.0
    """How much nearer one side is than the other."""
    curve: float = 0.0
    """Bend of the surface: label width over the vial's radius."""
    blur: float = 0.2
    motion: float = 0.0
    black: float = 40.0
    """Grey level of ink; white that of paper."""
    white: float = 215.0
    slope: float = 0.0
    """Unevenness of the light across the picture."""
    shadow: bool = False
    glare: float = 0.0
    """Diameter of a reflection, as a share of the picture."""
    noise: float = 3.0
    """Deviation of the sensor's noise, in grey levels."""
    jpeg_quality: int = 88

    def but(self, **changes: float | None) -> Shot:
        """The same shot with some things changed."""
        return replace(self, **changes)


def photograph(ink: Grey, shot: Shot, rng: np.random.Generator) -> Grey:
    """The picture a camera takes of a label."""
    seen = _bent(ink, shot.curve) if shot.curve else ink
    light = _projected(seen, shot, rng)
    if shot.blur:
        light = cv2.GaussianBlur(light, (0, 0), shot.blur * shot.module_px)
    if shot.motion:
        light = _moved(light, shot, rng)
    light = shot.black + (shot.white - shot.black) * light / 255
    light = _lit(light, shot, rng)
    light = light + rng.normal(0, shot.noise, light.shape)
    raw = np.clip(light, 0, 255).astype(np.uint8)
    packed = cv2.imencode(".jpg", raw, [cv2.IMWRITE_JPEG_QUALITY, shot.jpeg_quality])[1]
    return cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)


def _bent(ink: Grey, curve: float) -> Grey:
    """The label around a cylinder, seen from the front."""
    height, width = ink.shape
    radius = width / curve
    half = radius * np.sin(min(1.5, width / 2 / radius))
    across = np.arange(int(2 * half)) - half
    source = radius * np.arcsin(np.clip(across / radius, -1, 1)) + width / 2
    map_x = np.tile(source.astype(np.float32), (height, 1))
    map_y = np.repeat(np.arange(height, dtype=np.float32)[:, None], map_x.shape[1], 1)
    return cv2.remap(ink, map_x, map_y, cv2.INTER_LINEAR, borderValue=int(ink[0, 0]))


def _projected(ink: Grey, shot: Shot, rng: np.random.Generator) -> Light:
    height, width = ink.shape
    scale = shot.module_px / MODULE_PX
    side = max(60, int(np.hypot(height, width) * scale * 1.05) + 8)
    turn = np.deg2rad(rng.uniform(-6, 6) if shot.turn_deg is None else shot.turn_deg)
    box = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    seen = (box - [width / 2, height / 2]) @ spin * scale
    if shot.tilt:
        seen = _tilted(seen, shot.tilt, np.hypot(height, width) * scale / 2, rng)
    frame = cv2.getPerspectiveTransform(
        box.astype(np.float32), (seen + side / 2).astype(np.float32)
    )
    soft = cv2.GaussianBlur(ink.astype(np.float32), (0, 0), max(0.01, 0.31 / scale))
    return cv2.warpPerspective(soft, frame, (side, side), borderValue=float(ink[0, 0]))


def _tilted(seen: Light, tilt: float, reach: float, rng: np.random.Generator) -> Light:
    angle = rng.uniform(0, 2 * np.pi)
    toward = np.array([np.cos(angle), np.sin(angle)])
    beside = np.array([-np.sin(angle), np.cos(angle)])
    nearer = seen / (1 + tilt * (seen @ toward) / reach)[:, None]
    return np.outer(nearer @ toward, toward) * (1 - 0.35 * tilt) + np.outer(nearer @ beside, beside)


def _moved(light: Light, shot: Shot, rng: np.random.Generator) -> Light:
    length = max(1, round(shot.motion * shot.module_px * 4)) | 1
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    middle = (length / 2 - 0.5, length / 2 - 0.5)
    spin = cv2.getRotationMatrix2D(middle, rng.uniform(0, 180), 1)
    kernel = cv2.warpAffine(kernel, spin, (length, length))
    big = cv2.resize(light, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
    big = cv2.filter2D(big, -1, kernel / kernel.sum())
    return cv2.resize(big, light.shape[::-1], interpolation=cv2.INTER_AREA)


def _lit(light: Light, shot: Shot, rng: np.random.Generator) -> Light:
    side = light.shape[0]
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    toward = np.cos(angle) * x + np.sin(angle) * y
    if shot.slope:
        light = light * np.clip(1 + shot.slope * toward * 1.4, 0.04, 3)
    if shot.shadow:
        edge = 1 / (1 + np.exp(-80 * (toward + rng.normal(0, 0.1))))
        light = light * (1 - 0.7 * edge)
    if shot.glare:
        at_x, at_y = rng.normal(0, 0.12, 2)
        reach = 2 * (shot.glare / 2) ** 2
        light = light + 260 * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / reach)
    return light
