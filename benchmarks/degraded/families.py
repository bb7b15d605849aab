"""The 22 ways a code is damaged, in levels from harmless to hopeless; a seed draws them anew."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.degraded.label import Print, modules_of, pack_text, print_label
from benchmarks.degraded.photo import Shot, photograph

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

P, S = Print(), Shot()
NEAR = S.but(module_px=5)
PEENED = S.but(module_px=6)
SHADED = S.but(shadow=True)


def _around_grey(contrast: float) -> tuple[float, float]:
    return 128 - contrast / 2, 128 + contrast / 2


FAMILIES: dict[str, dict[float, tuple[Print, Shot]]] = {
    "pixels a module": {
        v: (P, S.but(module_px=v, blur=0.15)) for v in (1.3, 1.6, 2.0, 2.5, 3.0, 4.0)
    },
    "turned": {v: (P, S.but(turn_deg=v)) for v in (0, 15, 30, 45, 75, 137)},
    "tilted": {v: (P, S.but(tilt=v)) for v in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)},
    "blurred": {v: (P, NEAR.but(blur=v)) for v in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)},
    "moved": {v: (P, NEAR.but(motion=v)) for v in (0.5, 0.8, 1.1, 1.4, 1.7, 2.0)},
    "noise": {v: (P, NEAR.but(noise=v)) for v in (20, 40, 60, 80, 110, 140)},
    "contrast": {
        v: (
            P,
            S.but(black=_around_grey(v)[0], white=_around_grey(v)[1], noise=2.5, jpeg_quality=90),
        )
        for v in (60, 40, 25, 15, 10, 6)
    },
    "uneven light": {v: (P, S.but(slope=v)) for v in (0.4, 0.8, 1.1, 1.3, 1.5, 1.8)},
    "shadow": {1: (P, SHADED), 2: (P, SHADED.but(black=70, white=190, noise=5))},
    "ink bled": {v: (P.but(bleed=v), S) for v in (0.2, 0.35, 0.5, 0.65, 0.75, 0.85)},
    "ink shrunk": {v: (P.but(bleed=-v), S) for v in (0.2, 0.35, 0.5, 0.65, 0.75, 0.85)},
    "dots": {v: (P.but(dot=v, jitter=0.03), PEENED) for v in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)},
    "dots astray": {v: (P.but(dot=0.9, jitter=v), PEENED) for v in (0.05, 0.1, 0.15, 0.2)},
    "wrong modules": {v: (P.but(flipped=v), NEAR) for v in (0.01, 0.02, 0.04, 0.06, 0.08, 0.1)},
    "broken finder": {v: (P.but(broken_finder=v), NEAR) for v in (0.1, 0.2, 0.3, 0.4, 0.6, 0.8)},
    "scratched": {v: (P.but(scratches=v), NEAR) for v in (1, 2, 3, 4)},
    "dead nozzles": {v: (P.but(dead_nozzles=v), NEAR) for v in (1, 2, 3, 4)},
    "quiet zone": {v: (P.but(quiet_zone=v), NEAR) for v in (2, 1, 0.5, 0.25, 0)},
    "light on dark": {
        v: (P.but(light_on_dark=True), S.but(black=_around_grey(v)[0], white=_around_grey(v)[1]))
        for v in (150, 60, 30, 15)
    },
    "curved": {v: (P, NEAR.but(curve=v)) for v in (0.8, 1.2, 1.6, 2.0, 2.4)},
    "glare": {v: (P, NEAR.but(glare=v)) for v in (0.05, 0.1, 0.15, 0.2, 0.25)},
    "phone": {1: (P, S), 2: (P, S), 3: (P, S)},
}
"""Family -> level -> how it is printed and photographed; a phone's faults are drawn per picture."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One damaged code and its truth."""

    family: str
    level: float
    grey: npt.NDArray[np.uint8]
    data: bytes


def draw(seed: int, per_level: int, families: tuple[str, ...] = ()) -> Iterator[Sample]:
    """`per_level` pictures of every level of the families (all of them by default)."""
    for family in families or tuple(FAMILIES):
        for level, (fault, shot) in FAMILIES[family].items():
            for number in range(per_level):
                rng = _stream(seed, family, level, number)
                data, modules = modules_of(pack_text(rng))
                if family == "phone":
                    fault, shot = _phone(level, rng)  # noqa: PLW2901  # drawn for each picture
                grey = photograph(print_label(modules, fault, rng), shot, rng)
                yield Sample(family, level, grey, data)


def _stream(seed: int, family: str, level: float, number: int) -> np.random.Generator:
    """Random numbers that depend on nothing but the sample's name."""
    name = hashlib.sha256(f"{seed} {family} {level} {number}".encode()).digest()
    return np.random.default_rng(int.from_bytes(name[:8], "big"))


def _phone(level: float, rng: np.random.Generator) -> tuple[Print, Shot]:
    """A hurried shot with a telephone: a little of everything, more with each level."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def chance(share: float) -> bool:
        return bool(rng.random() < share)

    fault = Print(
        bleed=between(-0.25, 0.3) * (0.6 + 0.2 * level),
        flipped=between(0, 0.006 * level),
        dot=between(0.75, 1) if chance(0.3) else None,
        jitter=0.02 * level,
        scratches=int(chance(0.125 * level)),
        quiet_zone=1 if chance(0.25) else None,
        light_on_dark=chance(0.12),
    )
    shot = Shot(
        module_px=between(5 - level, 8 - level),
        turn_deg=between(-180, 180),
        tilt=between(0, 0.12 * level),
        blur=between(0.15, 0.2 + 0.1 * level),
        motion=between(0, 0.25 * level),
        noise=between(2, 4 + 5 * level),
        slope=between(0, 0.4 * level),
        black=between(20, 60 + 15 * level),
        white=between(215 - 30 * level, 235),
        glare=between(0.03, 0.05 * level) if chance(0.2) else 0,
        curve=between(0.3, 0.5 * level) if chance(0.25) else 0,
        jpeg_quality=int(between(60, 90)),
    )
    return fault, shot
