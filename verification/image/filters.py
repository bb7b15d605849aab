"""Whole-picture filters that let zxing-cpp see more, chosen by what each adds per millisecond."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from verification.image.sheet import Grey


class Filter(NamedTuple):
    """One way to look at a page again: what is done to the grey levels, and the change of scale."""

    name: str
    apply: Callable[[Grey], Grey]
    scale: float
    for_bars: bool = True
    """Whether bar codes gain from it, too."""


def even_light(grey: Grey) -> Grey:
    """Softened and cut at the local mean: noise, faint ink, uneven light, inkjet dots."""
    soft = cv2.GaussianBlur(grey, (0, 0), 1.2)
    return cv2.adaptiveThreshold(
        soft, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, blockSize=61, C=4
    )


def thinner_ink(grey: Grey) -> Grey:
    """Dark strokes one pixel thinner on each side: ink that bled."""
    return cv2.dilate(grey, np.ones((3, 3), np.uint8))


def enlarged(grey: Grey) -> Grey:
    """Twice the size: modules below two pixels."""
    return cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


def enlarged_even_light(grey: Grey) -> Grey:
    """Twice the size and cut at a close local mean: small modules under a shadow."""
    return cv2.adaptiveThreshold(
        enlarged(grey), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, blockSize=31, C=4
    )


def reduced(factor: int) -> Callable[[Grey], Grey]:
    """A smaller, softened page: engraved and peened dots grow together into modules."""

    def shrink(grey: Grey) -> Grey:
        share = 1 / factor
        small = cv2.resize(grey, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        return cv2.GaussianBlur(small, (0, 0), 1.5)

    return shrink


SMALL_PAGE_FILTERS = (
    Filter("even light", even_light, 1.0),
    Filter("thinner ink", thinner_ink, 1.0, for_bars=False),
    Filter("enlarged", enlarged, 2.0),
    Filter("enlarged, even light", enlarged_even_light, 2.0, for_bars=False),
)
LARGE_PAGE_FILTERS = (
    Filter("reduced to a quarter", reduced(4), 0.25),
    Filter("reduced to a half", reduced(2), 0.5),
    Filter("even light", even_light, 1.0),
)
LARGE_PAGE_PX = 1_500_000
"""From this size a page is not enlarged as a whole."""


def filters_for(grey: Grey) -> tuple[Filter, ...]:
    """The filters worth trying on a page, cheapest gain first."""
    return LARGE_PAGE_FILTERS if grey.size > LARGE_PAGE_PX else SMALL_PAGE_FILTERS
