"""How large a picture may be and how long anyone may look at it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """The named limits of reading one picture.

    >>> PictureLimits().pixels_max
    40000000
    """

    size_bytes_max: int = 64 * 1024 * 1024
    """Largest file taken, in bytes."""
    pixels_max: int = 40_000_000
    """Largest page, in pixels; known from the header, before anything is decoded."""
    pages_max: int = 50
    """Pages of a PDF or multi-page TIFF that are read; the rest is named in a finding."""
    pdf_dpi: int = 300
    """Resolution a PDF page is drawn at, in dots per inch."""
    symbols_max: int = 500
    """Symbols reported for one page."""
    candidates_max: int = 24
    """Places of one page that the repair stages look at, best first."""
    doubts_max: int = 24
    """Places of doubt that are looked at by themselves."""
    spots_repaired_max: int = 6
    """Spots of a crowded page that the repair stages look at."""
    time_s: float = 3.0
    """Processor time for one picture, in seconds; then what was read so far is the answer."""
    further_page_s: float = 0.5
    """Processor time that every page behind the first adds, in seconds."""
    libdmtx_ms: int = 0
    """Time for libdmtx on a page that nothing else read, in milliseconds; 0: it is not asked."""
