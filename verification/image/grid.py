"""From a place to a message: modules sampled, patterns repainted, decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import zxingcpp

from verification.image.decoder import DATA_MATRIX, details
from verification.image.place import fit, homographies
from verification.image.shape import DATA

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from verification.image.place import Corners, Levels
    from verification.image.shape import Shape
    from verification.image.sheet import Grey

CELL_PX = 6
"""Pixels a module is drawn with when the place is straightened."""
EQUALISER_TURNS = 4
"""Turns of guessing and learning."""
FIT_TURNS = 2
"""Turns of reading and fitting the corners to what was read."""
PRODUCT_ROWS = 200
RIDGE = 0.0003
"""How strongly the equaliser is held back from learning noise."""


@dataclass(frozen=True, slots=True)
class Message:
    """A corrected message and the modules it stands in."""

    data: bytes
    text: str
    aim: str
    dark: npt.NDArray[np.bool_]
    unused_error_correction: float | None


def straightened(grey: Grey, corners: Corners, shape: Shape, margin: int = 1) -> Levels:
    """The place drawn straight: `CELL_PX` a module and `margin` modules around."""
    rows, columns = shape.rows + 2 * margin, shape.columns + 2 * margin
    unit = homographies(corners[None])[0].astype(np.float64)
    to_unit = np.array(
        [
            [1 / (CELL_PX * shape.columns), 0, (0.5 / CELL_PX - margin) / shape.columns],
            [0, 1 / (CELL_PX * shape.rows), (0.5 / CELL_PX - margin) / shape.rows],
            [0, 0, 1],
        ]
    )
    shift = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    return cv2.warpPerspective(
        grey.astype(np.float32),
        shift @ unit @ to_unit,
        (columns * CELL_PX, rows * CELL_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def cells(straight: Levels, reach: float) -> Levels:
    """Mean level of each module of a straightened place; `reach` is the share of the cell used."""
    inner = max(1, round(CELL_PX * reach))
    skip = (CELL_PX - inner) // 2
    rows, columns = straight.shape[0] // CELL_PX, straight.shape[1] // CELL_PX
    blocks = straight.reshape(rows, CELL_PX, columns, CELL_PX)
    levels: Levels = blocks[:, skip : skip + inner, :, skip : skip + inner].mean((1, 3))
    return levels


def decode_modules(dark: npt.NDArray[np.bool_], shape: Shape) -> Message | None:
    """What zxing-cpp makes of a grid of modules, after its finder and timing are repainted."""
    found = zxingcpp.read_barcodes(
        shape.repainted(dark),
        formats=DATA_MATRIX,
        is_pure=True,
        try_rotate=False,
        try_downscale=False,
        try_invert=False,
        binarizer=zxingcpp.Binarizer.BoolCast,
        text_mode=zxingcpp.TextMode.Plain,
    )
    for code in found:
        if code.valid and code.bytes:
            unused = details(code).get("UEC")
            return Message(bytes(code.bytes), code.text, code.symbology_identifier, dark, unused)
    return None


def read_grid(
    grey: Grey, flat: Levels, corners: Corners, shape: Shape, *, light_on_dark: bool
) -> Message | None:
    """The message of the symbol of `shape` at `corners`, or None.

    `flat` is `grey` freed of uneven light; on it the corners are fitted again to what was guessed.
    """
    tried: set[bytes] = set()
    seen_once: set[bytes] = set()
    for turn in range(FIT_TURNS):
        straight = straightened(grey, corners, shape)
        if light_on_dark:
            straight = 255 - straight
        for dark in guesses(straight, shape):
            key = dark[shape.pattern == DATA].tobytes()
            if key in tried:
                continue
            tried.add(key)
            message = decode_modules(dark, shape)
            if message is None:
                continue
            if message.data in seen_once or makes_sense(message):
                return message
            seen_once.add(message.data)
        if turn < FIT_TURNS - 1:
            guess = shape.template(_sparse(dark, shape))
            corners, _ = fit(flat, corners, guess, steps=(0.2, 0.1, 0.05))
    return None


def _sparse(dark: npt.NDArray[np.bool_], shape: Shape) -> npt.NDArray[np.int8]:
    """The patterns, and as many evenly spread data modules of a guess, for fitting."""
    guess = np.where(shape.pattern == DATA, dark, shape.pattern).astype(np.int8)
    data = np.flatnonzero(shape.pattern == DATA)
    wanted = max(1, int((shape.pattern != DATA).sum()))
    left_out = np.setdiff1d(data, data[:: max(1, len(data) // wanted)])
    guess.ravel()[left_out] = DATA
    return guess


def makes_sense(message: Message) -> bool:
    """Whether the message is a GS1 or ISO/IEC 15434 text without fault.

    Error correction of a small symbol takes chance for a message about once in a million grids;
    the grammar, with its check digits, or a second sampling that reads the same, rules that out.
    """
    from schemas.gs1.reading import read  # the words are needed for few pictures

    reading = read(message.aim + message.text)
    return reading.is_pack and reading.is_valid


def guesses(straight: Levels, shape: Shape) -> Iterator[npt.NDArray[np.bool_]]:
    """Grids of dark modules worth decoding, the likeliest and cheapest first."""
    for reach in (0.7, 1.0, 0.35):
        levels = cells(straight, reach)
        for threshold in thresholds(levels, shape):
            yield levels[1:-1, 1:-1] < threshold
    yield from equalised(straight, shape)


def thresholds(levels: Levels, shape: Shape) -> Iterator[Levels | float]:
    """Levels between dark and light: by the known modules, and by the neighbourhood."""
    inner = levels[1:-1, 1:-1]
    dark, light = inner[shape.pattern == 1], inner[shape.pattern == 0]
    yield (float(dark.mean()) + float(light.mean())) / 2
    low, high = envelope(levels)
    for share in (0.5, 0.65, 0.35, 0.58, 0.42, 0.75, 0.25):
        yield (low + share * (high - low))[1:-1, 1:-1]
    yield cv2.blur(levels, (9, 9))[1:-1, 1:-1]


def envelope(levels: Levels) -> tuple[Levels, Levels]:
    """Local darkest and lightest level of a grid, softened over a few modules."""
    around = np.ones((5, 5), np.uint8)
    low = cv2.GaussianBlur(cv2.erode(levels, around), (0, 0), 2)
    high = cv2.GaussianBlur(cv2.dilate(levels, around), (0, 0), 2)
    return low, high


def equalised(straight: Levels, shape: Shape) -> Iterator[npt.NDArray[np.bool_]]:
    """Grids freed of blur, motion, bleeding and shrinking ink.

    What a module's own level and its neighbours' say about the module is learnt from the modules
    that are known (finder, timing) and from the current guess of the others, and improved in turns.
    """
    seen = features(straight)
    known = shape.pattern.ravel()
    centre = cells(straight, 0.7)
    low, high = envelope(centre)
    guess = (centre < (low + high) / 2)[1:-1, 1:-1].ravel()
    for turn in range(EQUALISER_TURNS):
        wanted = np.where(known == DATA, guess, known == 1) * 2.0 - 1.0
        trust = np.where(known == DATA, 0.0 if turn == 0 else 1.0, 2.0)
        answer = _learn(seen, wanted, trust)
        previous, guess = guess, answer > 0
        for threshold in (0.2, -0.2, 0.0):
            yield (answer > threshold).reshape(shape.rows, shape.columns)
        if turn and np.array_equal(previous, guess):
            return


def _learn(seen: Levels, wanted: Levels, trust: Levels) -> Levels:
    """What the features say of each module, after ridge regression on `wanted`."""
    normal = np.diag(np.full(seen.shape[1], RIDGE * len(seen)))
    aim = np.zeros(seen.shape[1])
    # Small products stay in this thread; a large one would be shared out and wait for busy cores.
    for start in range(0, len(seen), PRODUCT_ROWS):
        part = slice(start, start + PRODUCT_ROWS)
        weighted = seen[part] * trust[part, None]
        normal += weighted.T @ seen[part]
        aim += wanted[part] @ weighted
    answer: Levels = seen @ np.linalg.solve(normal, aim)
    return answer


def features(straight: Levels) -> npt.NDArray[np.float64]:
    """What the equaliser sees of each module, one row a module: levels of it and its neighbours."""
    whole = cells(straight, 1.0)
    low, high = envelope(whole)
    middle, span = (low + high) / 2, np.maximum(high - low, 1e-3)
    columns: list[npt.NDArray[np.float64]] = []
    for levels, around in ((whole, 2), (cells(straight, 0.35), 1)):
        even = (levels - middle) / span
        padded = np.pad(even[1:-1, 1:-1], around, mode="edge")
        padded[around - 1 : 1 - around or None, around - 1 : 1 - around or None] = even
        rows, wide = even.shape[0] - 2, even.shape[1] - 2
        columns += [
            padded[dy : dy + rows, dx : dx + wide].ravel()
            for dy in range(2 * around + 1)
            for dx in range(2 * around + 1)
        ]
    columns.append(np.ones(columns[0].shape))
    return np.stack(columns, 1).astype(np.float64)
