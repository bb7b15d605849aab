"""The printed side of a damaged code: what is on the pack, drawn at 16 pixels a module."""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import zxingcpp

if TYPE_CHECKING:
    import numpy.typing as npt

    Modules = npt.NDArray[np.bool_]
    Ink = npt.NDArray[np.uint8]

MODULE_PX = 16
MARGIN_MODULES = 6
SIGNS = np.array(list(string.ascii_uppercase + string.digits))


@dataclass(frozen=True, slots=True)
class Print:
    """What goes wrong when a code is printed; lengths in modules, shares from 0 to 1."""

    bleed: float = 0.0
    """Ink that spreads (positive) or shrinks (negative) by this much of a module."""
    dot: float | None = None
    """Diameter of inkjet or peened dots; None prints solid modules."""
    jitter: float = 0.0
    """Deviation of a dot from its place."""
    flipped: float = 0.0
    """Share of modules of the wrong colour."""
    broken_finder: float = 0.0
    """Share of one leg of the L that is missing."""
    scratches: int = 0
    dead_nozzles: int = 0
    quiet_zone: float | None = None
    """Clear margin before foreign text and lines begin; None: nothing is near."""
    light_on_dark: bool = False

    def but(self, **changes: float | None) -> Print:
        """The same print with some things changed."""
        return replace(self, **changes)


def pack_text(rng: np.random.Generator) -> str:
    """A bracketed element string as medicine packs carry it: GTIN, serial, expiry, lot."""
    digits = "0" + "".join(rng.choice(list("0123456789"), 12))
    total = sum(int(digit) * (3, 1)[at % 2] for at, digit in enumerate(digits))
    serial = "".join(rng.choice(SIGNS, rng.choice((8, 10, 12, 14, 16, 20))))
    lot = "".join(rng.choice(SIGNS, rng.integers(4, 11)))
    day = 0 if rng.random() < 0.6 else rng.integers(1, 29)
    expiry = f"{rng.integers(26, 32):02}{rng.integers(1, 13):02}{day:02}"
    gtin = f"(01){digits}{-total % 10}"
    if rng.random() < 0.4:
        return f"{gtin}(17){expiry}(10){lot}(21){serial}"
    return f"{gtin}(21){serial}(17){expiry}(10){lot}"


def modules_of(text: str, *, square: bool = False) -> tuple[bytes, Modules]:
    """The message a reader must give, and the code's modules, True where dark."""
    code = zxingcpp.create_barcode(text, zxingcpp.DataMatrix, gs1=True, forceSquare=square)
    return code.bytes, np.array(code.to_image(scale=1, add_quiet_zones=False)) < 128


def print_label(modules: Modules, fault: Print, rng: np.random.Generator) -> Ink:
    """The label, 0 ink to 255 paper, with `MARGIN_MODULES` of paper around the code."""
    modules = _misprinted(modules, fault, rng)
    ink = _dots(modules, fault, rng) if fault.dot else _solid(modules, fault)
    for _ in range(fault.scratches):
        _scratch(ink, modules.shape, rng)
    for _ in range(fault.dead_nozzles):
        top = int((MARGIN_MODULES + rng.uniform(0, modules.shape[0])) * MODULE_PX)
        ink[top : top + int(0.45 * MODULE_PX)] = 255
    if fault.quiet_zone is not None:
        _surround(ink, modules.shape, fault.quiet_zone, rng)
    return 255 - ink if fault.light_on_dark else ink


def _misprinted(modules: Modules, fault: Print, rng: np.random.Generator) -> Modules:
    modules = modules ^ (rng.random(modules.shape) < fault.flipped)
    rows = modules.shape[0]
    missing = round(fault.broken_finder * rows)
    if missing:
        start = rng.integers(0, max(1, rows - missing))
        if rng.random() < 0.5:
            modules[start : start + missing, 0] = False
        else:
            modules[-1, start : start + missing] = False
    return modules


def _paper(shape: tuple[int, ...]) -> Ink:
    size = [(side + 2 * MARGIN_MODULES) * MODULE_PX for side in shape]
    return np.full(size, 255, np.uint8)


def _solid(modules: Modules, fault: Print) -> Ink:
    ink = _paper(modules.shape)
    edge = MARGIN_MODULES * MODULE_PX
    big = np.repeat(np.repeat(modules, MODULE_PX, 0), MODULE_PX, 1)
    ink[edge : edge + big.shape[0], edge : edge + big.shape[1]][big] = 0
    reach = round(abs(fault.bleed) * MODULE_PX) | 1
    if fault.bleed:
        brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        ink = cv2.erode(ink, brush) if fault.bleed > 0 else cv2.dilate(ink, brush)
    return ink


def _dots(modules: Modules, fault: Print, rng: np.random.Generator) -> Ink:
    ink = _paper(modules.shape)
    for row, column in np.argwhere(modules):
        off = rng.normal(0, fault.jitter, 2)
        x, y = (np.array([column, row]) + MARGIN_MODULES + 0.5 + off) * MODULE_PX
        radius = (fault.dot or 1) * MODULE_PX / 2
        centre = (round(x * 16), round(y * 16))
        cv2.circle(ink, centre, round(radius * 16), 0, -1, cv2.LINE_AA, 4)
    return ink


def _scratch(ink: Ink, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    centre = np.array(ink.shape[::-1]) / 2 + rng.normal(0, shape[0] * MODULE_PX / 5, 2)
    angle = rng.uniform(0, np.pi)
    along = np.array([np.cos(angle), np.sin(angle)]) * ink.shape[1]
    ends = [tuple((centre + sign * along).astype(int).tolist()) for sign in (-1, 1)]
    colour = 255 if rng.random() < 0.7 else 0
    cv2.line(ink, ends[0], ends[1], colour, int(MODULE_PX * rng.uniform(0.4, 0.9)))


def _surround(ink: Ink, shape: tuple[int, ...], clear: float, rng: np.random.Generator) -> None:
    edge, gap = MARGIN_MODULES * MODULE_PX, int(clear * MODULE_PX)
    bottom, right = edge + shape[0] * MODULE_PX, edge + shape[1] * MODULE_PX
    for _ in range(6):
        words = "".join(rng.choice(SIGNS, 12))
        baseline = edge - gap - 2 if rng.random() < 0.5 else bottom + gap + 38
        start = (int(rng.integers(0, ink.shape[1] // 3)), baseline)
        cv2.putText(ink, words, start, cv2.FONT_HERSHEY_SIMPLEX, 1.4, 0, 4)
    for x in (edge - gap - 4, right + gap + 4):
        cv2.line(ink, (x, 0), (x, ink.shape[0]), 0, 6)
