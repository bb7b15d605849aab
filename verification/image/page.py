"""One page, stage after stage: plain, filters, places in a crowd, own grid."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from schemas.finding import Finding, Severity
from verification.image.alike import SymbolKind, alike, kinds_of
from verification.image.budget import TimeBudget
from verification.image.crowd import spots
from verification.image.decoder import (
    DATA_MATRIX,
    WANTED,
    decode,
    decode_with_doubts,
    name_of,
)
from verification.image.dmtx import read_with_libdmtx
from verification.image.filters import SMALL_PAGE_FILTERS, Filter, filters_for
from verification.image.grid import read_grid
from verification.image.lattice import lattice_hypotheses
from verification.image.locate import (
    Hypothesis,
    evidence,
    fitted,
    places_seen,
    same_place,
    stands_out,
)
from verification.image.place import flattened, without_shadow
from verification.image.quality import rated
from verification.image.second_opinion import confirmed, contradicted, last_resort
from verification.image.sheet import Sheet
from verification.image.symbol import Mark, corners_of, quad_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import zxingcpp

    from verification.image.limits import PictureLimits
    from verification.image.place import Corners
    from verification.image.sheet import Grey

cv2.setNumThreads(1)  # one picture, one core: many pictures are read by many processes

PITCH_PX_WANTED = (2.5, 7.0)
"""Places are enlarged or reduced so that a module has so many pixels when it is sampled."""
LIKENESS_MIN = 0.3
"""Least likeness to a finder pattern, after fitting, that is worth sampling."""
EVIDENCE_STRONG = 6.5
"""Evidence of a place, after fitting, that leaves little doubt."""
WELL_PRINTED = 0.8
"""Likeness of a well-printed symbol; a small one cannot give more evidence than its pattern."""
SHARE_STRONG = 1.0
"""Share of such evidence a place needs to be read before costlier places are sought."""
CONTRAST_MIN = 4
"""Grey levels between the darkest and the lightest pixel of a page that may hold a code."""
SIDE_PX_MIN = 12
"""Smallest side of a page that can hold a code."""
SHARE_WEAK = 0.55
"""Share of such evidence below which a place is not read at all."""
EVIDENCE_SHARE = 0.8
"""Places with less than this share of the best place's evidence are not read."""
FITTED_PER_ROUND = 8
READ_PER_ROUND = 3
INSET_MODULES = 0.5
LATTICE_SIDE_PX = 700
"""Longest side of the page as its lattice is sought."""


def marks_on(
    sheet: Sheet, limits: PictureLimits, budget: TimeBudget | None = None
) -> tuple[list[Mark], list[Finding]]:
    """Every symbol on one page that some stage reads, and what was refused.

    `budget` is the time left for the picture; by default the page has all that the limits allow.
    """
    if not has_contrast(sheet.grey):
        return [], []
    budget = budget or TimeBudget(limits.time_s)
    found, doubts = decode_with_doubts(sheet.grey, page=sheet.page)
    if not found:
        found = hard_to_read(sheet, doubts, limits, budget)
    elif doubts:
        found += doubted(sheet, found, doubts, limits, budget)
    if found:
        found += overlooked(sheet, found, limits, budget)
    agreed, findings = without_conflicts(found)
    refused = contradicted(sheet.grey, agreed)
    findings += [_conflict(mark) for mark in refused]
    agreed = [mark for mark in agreed if mark not in refused]
    return rated(sheet.grey, agreed[: limits.symbols_max]), findings


def has_contrast(grey: Grey) -> bool:
    """Whether anything stands out from the page: a blank one holds no code."""
    darkest, lightest, _, _ = cv2.minMaxLoc(grey)
    return lightest - darkest >= CONTRAST_MIN


def hard_to_read(
    sheet: Sheet, doubts: list[Corners], limits: PictureLimits, budget: TimeBudget
) -> list[Mark]:
    """What the costlier stages read on a page on which zxing-cpp reads nothing, cheapest first."""
    # Several places of doubt are several codes: a filter that helps one must not hide the others.
    crowd = doubts if len(doubts) > 1 else []
    stages: tuple[Callable[[], list[Mark]], ...] = (
        lambda: doubted(sheet, [], crowd, limits, budget),
        lambda: filtered(sheet, budget=budget),
        lambda: repaired(sheet, doubts, limits, budget),
        lambda: last_resort(sheet.grey, sheet.page),
        lambda: read_with_libdmtx(sheet, limits.libdmtx_ms) if limits.libdmtx_ms else [],
    )
    for stage in budget.while_left(stages):
        if found := stage():
            return found
    return []


def doubted(
    sheet: Sheet,
    found: list[Mark],
    doubts: list[Corners],
    limits: PictureLimits,
    budget: TimeBudget,
) -> list[Mark]:
    """Symbols at places where zxing-cpp saw one beside those that it read."""
    free = [corners for corners in doubts if not any(covers(mark, corners) for mark in found)]
    marks: list[Mark] = []
    for corners in budget.while_left(free[: limits.doubts_max]):
        margin = 0.3 * float(np.linalg.norm(corners[2] - corners[0]))
        left, top = np.maximum(corners.min(0) - margin, 0).astype(int).tolist()
        right, bottom = (corners.max(0) + margin).astype(int).tolist()
        box = (left, top, right, bottom)
        marks += cut_out(sheet, box, deep=True, limits=limits, budget=budget)
    return marks


def overlooked(
    sheet: Sheet, found: list[Mark], limits: PictureLimits, budget: TimeBudget
) -> list[Mark]:
    """Symbols at spots that look like those found."""
    marks: list[Mark] = []
    likely = spots(sheet.grey, found)
    kinds = kinds_of(found) if likely else []
    for number, spot in enumerate(budget.while_left(likely)):
        deep = len(found) > 1 and spot.likely and number < limits.spots_repaired_max
        marks += cut_out(sheet, spot.box, deep=deep, limits=limits, kinds=kinds, budget=budget)
    return marks


def cut_out(
    sheet: Sheet,
    box: tuple[int, int, int, int],
    *,
    deep: bool,
    limits: PictureLimits,
    budget: TimeBudget,
    kinds: Iterable[SymbolKind] = (),
) -> list[Mark]:
    """The symbols in a small part of the page, in coordinates of the page."""
    left, top, right, bottom = box
    part = Sheet(sheet.page, np.ascontiguousarray(sheet.grey[top:bottom, left:right]))
    if min(part.grey.shape) < SIDE_PX_MIN:
        return []
    found, doubts = decode_with_doubts(part.grey, page=sheet.page, formats=DATA_MATRIX)
    found = found or filtered(part, DATA_MATRIX, SMALL_PAGE_FILTERS)
    if not found and deep:
        similar = (place for kind in kinds for place in alike(part.grey, kind, count=3))
        found = repaired(part, doubts, limits, budget, similar)
    return [mark.moved(left, top) for mark in found]


def covers(mark: Mark, corners: Corners) -> bool:
    """Whether the middle of a place lies inside a mark."""
    x, y = corners.mean(0).tolist()
    return cv2.pointPolygonTest(corners_of(mark.position), (x, y), measureDist=False) >= 0


def without_conflicts(found: list[Mark]) -> tuple[list[Mark], list[Finding]]:
    """Each symbol once; two different messages at one place are both refused."""
    kept: list[Mark] = []
    refused: list[Mark] = []
    for mark in found:
        middle = corners_of(mark.position)
        rivals = [
            other
            for other in kept
            if mark.is_matrix
            and other.is_matrix
            and (covers(other, middle) or covers(mark, corners_of(other.position)))
        ]
        if not rivals:
            kept.append(mark)
        elif any(other.data != mark.data for other in rivals):
            refused += [mark, *rivals]
            kept = [other for other in kept if other not in rivals]
    return kept, [_conflict(mark) for mark in refused]


def _conflict(mark: Mark) -> Finding:
    x, y = mark.position[0]
    return Finding(
        "image.conflict",
        Severity.ERROR,
        f"two readings of the code at {x}, {y} on page {mark.page + 1} differ: neither is taken",
        "Take a sharper picture of this code alone.",
    )


def filtered(
    sheet: Sheet,
    formats: zxingcpp.BarcodeFormats = WANTED,
    filters: tuple[Filter, ...] | None = None,
    budget: TimeBudget | None = None,
) -> list[Mark]:
    """What the first filter that helps lets zxing-cpp read.

    Bars have one check digit, which a filter that shifts an edge satisfies once in ten times: they
    are believed only where another filter or another decoder reads the same number.
    """
    bars: list[Mark] = []
    steps = filters or filters_for(sheet.grey)
    for step in budget.while_left(steps) if budget else steps:
        found = decode(
            step.apply(sheet.grey),
            stage="filter",
            page=sheet.page,
            scale=step.scale,
            formats=formats if step.for_bars else DATA_MATRIX,
        )
        matrices = [mark for mark in found if mark.is_matrix]
        again = [mark for mark in found if not mark.is_matrix and is_among(mark, bars)]
        if matrices or again:
            return matrices + again
        bars += [mark for mark in found if not mark.is_matrix]
    return confirmed(sheet.grey, bars) if agree(bars) else []


def is_among(mark: Mark, others: list[Mark]) -> bool:
    """Whether another stage read the same number in the same symbology."""
    return any(mark.data == other.data and mark.symbology == other.symbology for other in others)


def agree(bars: list[Mark]) -> bool:
    """Whether no two stages read different numbers at one place."""
    return without_conflicts([replace(mark, symbology="QR Code") for mark in bars])[1] == []


def repaired(
    sheet: Sheet,
    doubts: list[Corners],
    limits: PictureLimits,
    budget: TimeBudget,
    similar: Iterable[Hypothesis] = (),
) -> list[Mark]:
    """The symbol our own grid reads, at the likeliest places first."""
    if min(sheet.grey.shape) < SIDE_PX_MIN:
        return []
    read: list[Hypothesis] = []
    pool: list[Hypothesis] = []
    for candidates, share_min in budget.while_left(candidate_rounds(sheet.grey, doubts, similar)):
        pool += [settled(sheet.grey, h) for h in likeliest(candidates, FITTED_PER_ROUND)]
        best = max(map(evidence, pool), default=0.0)
        for place in budget.while_left(likeliest(pool, READ_PER_ROUND)):
            needed = max(EVIDENCE_SHARE * best, min(EVIDENCE_STRONG, _most(place)) * share_min)
            if evidence(place) < needed or any(same_place(place, other) for other in read):
                continue
            read.append(place)
            mark = read_place(sheet, place)
            if mark is not None:
                return [mark]
            if len(read) >= limits.candidates_max:
                return []
    return []


def _most(place: Hypothesis) -> float:
    """The evidence a well-printed symbol of this shape gives."""
    return WELL_PRINTED * float(np.sqrt(len(place.shape.finder.weights)))


def candidate_rounds(
    grey: Grey, doubts: list[Corners], similar: Iterable[Hypothesis]
) -> Iterator[tuple[list[Hypothesis], float]]:
    """Places to look at, in rounds of rising cost, and the share of evidence they must show."""
    yield places_seen(grey, doubts), SHARE_STRONG
    if found := list(similar):
        yield found, SHARE_STRONG
    yield lattice_places(grey), SHARE_WEAK


def likeliest(found: list[Hypothesis], count: int) -> list[Hypothesis]:
    """The best `count` hypotheses, no two of them the same."""
    best: list[Hypothesis] = []
    for hypothesis in sorted(found, key=evidence, reverse=True):
        if len(best) == count:
            break
        if not any(same_place(hypothesis, other) for other in best):
            best.append(hypothesis)
    return best


def lattice_places(grey: Grey) -> list[Hypothesis]:
    """Places found by the beat of their modules, in pixels of the page."""
    scale = min(1.0, LATTICE_SIDE_PX / max(grey.shape))
    small = grey
    if scale < 1:
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = lattice_hypotheses(flattened(without_shadow(small), 41, 0.8, 0.3), count=6)
    return [h.scaled(1 / scale) for h in found]


def settled(grey: Grey, hypothesis: Hypothesis) -> Hypothesis:
    """The hypothesis fitted coarsely, enough to tell the true from the chance."""
    crop, corners, scale, offset = _cropped(grey, hypothesis)
    pitch = float(np.linalg.norm(corners[1] - corners[0])) / hypothesis.shape.columns
    flat = flattened(crop, 9 * pitch, 0.4 * pitch)
    here = Hypothesis(corners, hypothesis.shape, hypothesis.likeness)
    place = fitted(flat, here, steps=(0.5, 0.25), rounds_max=5)
    if not stands_out(flat, place):
        return Hypothesis(hypothesis.corners, hypothesis.shape, 0.0)
    return Hypothesis(place.corners / scale + offset, place.shape, place.likeness)


def read_place(sheet: Sheet, hypothesis: Hypothesis) -> Mark | None:
    """The symbol of the supposed shape at the supposed place, or None."""
    shape = hypothesis.shape
    crop, corners, scale, offset = _cropped(sheet.grey, hypothesis)
    pitch = float(np.linalg.norm(corners[1] - corners[0])) / shape.columns
    flat = flattened(crop, 9 * pitch, 0.4 * pitch)
    place = fitted(flat, Hypothesis(corners, shape, hypothesis.likeness))
    if abs(place.likeness) < LIKENESS_MIN:
        return None
    inverse = place.likeness < 0
    for corners in (place.corners, inset(place)):
        message = read_grid(crop, flat, corners, shape, light_on_dark=inverse)
        if message is not None:
            break
    if message is None:
        return None
    return Mark(
        symbology=name_of("Data Matrix", message.aim),
        aim=message.aim,
        data=message.data,
        raw=message.text,
        position=quad_of(corners / scale + offset),
        page=sheet.page,
        stage="grid",
        version=f"{shape.rows}x{shape.columns}",
        unused_error_correction=message.unused_error_correction,
    )


def inset(place: Hypothesis) -> Corners:
    """The place with its timing sides drawn in.

    Ink that bled draws a fit outward there, to where no neighbour darkens the light modules.
    """
    right = (place.corners[1] - place.corners[0]) / place.shape.columns * INSET_MODULES
    down = (place.corners[3] - place.corners[0]) / place.shape.rows * INSET_MODULES
    inward = np.stack([down, down - right, -right, np.zeros_like(down)])
    return place.corners + inward.astype(np.float32)


def _cropped(grey: Grey, hypothesis: Hypothesis) -> tuple[Grey, Corners, float, Corners]:
    """The surroundings of a place at a good size; page = crop / scale + offset."""
    corners, shape = hypothesis.corners, hypothesis.shape
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    pitch = float((sides[0] + sides[2]) / shape.columns + (sides[1] + sides[3]) / shape.rows) / 4
    margin = 3 * pitch + 2
    left, top = np.maximum(np.floor(corners.min(0) - margin), 0).astype(int)
    right, bottom = np.ceil(corners.max(0) + margin).astype(int)
    crop = grey[top:bottom, left:right]
    scale = 1.0
    if pitch < PITCH_PX_WANTED[0]:
        scale = 2.0
        crop = cv2.resize(crop, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    elif pitch > PITCH_PX_WANTED[1]:
        scale = 6.0 / pitch
        size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
        crop = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    moved = ((corners - (left, top)) * scale).astype(np.float32)
    return crop, moved, scale, np.array((left, top), np.float32)
