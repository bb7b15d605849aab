"""Photographs drawn again as a hurried hand or a lamp would have spoilt them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

LAMPS = 3
"""Bright spots on a picture with glare."""


@dataclass(frozen=True)
class Damage:
    """What a photograph suffers."""

    blur_px: float = 0.0
    """Standard deviation of the blur."""
    tilt: float = 0.0
    """How far each corner may move, as a share of the picture's width."""
    glare: float = 0.0
    """Grey levels that the middle of a lamp's reflection adds."""

    def __str__(self) -> str:
        parts = [
            f"blur {self.blur_px:g} px" if self.blur_px else "",
            f"tilt {self.tilt:g}" if self.tilt else "",
            f"glare {self.glare:g}" if self.glare else "",
        ]
        return ", ".join(part for part in parts if part)


DAMAGES = (
    Damage(blur_px=0.8),
    Damage(blur_px=1.2),
    Damage(blur_px=1.6),
    Damage(tilt=0.04),
    Damage(tilt=0.08),
    Damage(tilt=0.12),
    Damage(glare=30),
    Damage(glare=60),
    Damage(blur_px=0.8, tilt=0.04, glare=30),
)


def drawn_again(grey: np.ndarray, damage: Damage, rng: np.random.Generator) -> np.ndarray:
    """The photograph with its damage; the same for the same random numbers."""
    if damage.tilt:
        grey = _tilted(grey, damage.tilt, rng)
    if damage.glare:
        grey = _under_lamps(grey, damage.glare, rng)
    return cv2.GaussianBlur(grey, (0, 0), damage.blur_px) if damage.blur_px else grey


def _tilted(grey: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    high, wide = grey.shape
    corners = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    moved = corners + rng.uniform(-share * wide, share * wide, (4, 2)).astype(np.float32)
    moved -= moved.min(0)
    size = tuple(int(side) + 1 for side in moved.max(0))
    change = cv2.getPerspectiveTransform(corners, moved)
    return cv2.warpPerspective(grey, change, size, borderMode=cv2.BORDER_REPLICATE)


def _under_lamps(grey: np.ndarray, levels: float, rng: np.random.Generator) -> np.ndarray:
    high, wide = grey.shape
    down, across = np.mgrid[:high, :wide]
    lit = grey.astype(np.float32)
    for _ in range(LAMPS):
        x, y, reach = rng.uniform(0, wide), rng.uniform(0, high), rng.uniform(0.1, 0.25) * wide
        lit += levels * np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * reach**2))
    return np.clip(lit, 0, 255).astype(np.uint8)
