"""A symbol found in a picture: what it is called, where it lies, what it says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from schemas.finding import Finding
    from schemas.gs1.reading import Reading

Quad = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
"""Corners in pixels of the page, (x, y), clockwise from the symbol's own top left."""


def quad_of(corners: npt.NDArray[np.floating[Any]]) -> Quad:  # of any precision
    """Four corners (4, 2) as whole pixels."""
    (a, b), (c, d), (e, f), (g, h) = corners.round().astype(int).tolist()
    return (a, b), (c, d), (e, f), (g, h)


def corners_of(quad: Quad) -> npt.NDArray[np.float32]:
    """Four corners as an array (4, 2)."""
    import numpy as np

    return np.array(quad, np.float32)


GS1_NAMES = {
    "]d2": "GS1 DataMatrix",
    "]d8": "GS1 DataMatrix",
    "]C1": "GS1-128",
    "]Q3": "GS1 QR Code",
    "]e0": "GS1 DataBar",
    "]J1": "GS1 DotCode",
}
"""GS1 symbologies by the symbology identifier that marks FNC1 in first place (GS1 GS 5.1.2)."""


@dataclass(frozen=True, slots=True)
class Quality:
    """An advisory look at the print, in the spirit of ISO/IEC 15415; no replacement for a verifier.

    Every figure lies between 0 (bad) and 1 (good), `axial_nonuniformity` between 0 (good) and 1.
    """

    contrast: float
    """Difference between the light and the dark modules, over the whole grey scale."""
    axial_nonuniformity: float
    """How much the module's width differs from its height."""
    unused_error_correction: float | None
    """Share of the error correction that reading did not need; None where it is not known."""
    quiet_zone: float
    """Share of the quiet zone, one module wide, that is clear."""
    grade: str
    """`A` to `F`: the worst of the parts. Advisory."""

    def as_dict(self) -> dict[str, float | str | None]:
        """The figures by name, and that they are advisory."""
        return {
            "contrast": self.contrast,
            "axial_nonuniformity": self.axial_nonuniformity,
            "unused_error_correction": self.unused_error_correction,
            "quiet_zone": self.quiet_zone,
            "grade": self.grade,
            "advisory": "yes",
        }


@dataclass(frozen=True, slots=True)
class Mark:
    """What a decoder saw: bytes at a place. The judgement on them is made later."""

    symbology: str
    """GS1 name, as `GS1 DataMatrix`, or the symbology's own, as `Data Matrix`, `EAN-13`."""
    aim: str
    """ISO/IEC 15424 symbology identifier, as `]d2`; empty where the decoder gives none."""
    data: bytes
    """The bytes of the message, FNC1 separators as 0x1D."""
    raw: str
    """The message as text, the GS separator as U+001D."""
    position: Quad
    page: int
    """0-based page of the file."""
    stage: str
    """Stage that read it: `plain`, `filter`, `tile`, `grid`, `libdmtx`."""
    version: str = ""
    """Size of the symbol, as `16x36`; empty where the decoder gives none."""
    unused_error_correction: float | None = None
    """Share of the error correction that reading did not need, 0 to 1."""
    quality: Quality | None = None

    def moved(self, right: int, down: int) -> Mark:
        """The mark in a picture whose origin lies so many pixels further up and left."""
        a, b, c, d = ((x + right, y + down) for x, y in self.position)
        return replace(self, position=(a, b, c, d))

    @property
    def is_matrix(self) -> bool:
        """Whether it is a Data Matrix or QR code rather than bars."""
        return "Matrix" in self.symbology or "QR" in self.symbology


def size_of(mark: Mark) -> tuple[int, int] | None:
    """Rows and columns of a Data Matrix, or None for other symbols."""
    rows, times, columns = mark.version.partition("x")
    if "Matrix" not in mark.symbology or not times:
        return None
    return int(rows), int(columns)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A mark together with its reading in GS1 (or ISO/IEC 15434) words."""

    mark: Mark
    reading: Reading
    findings: tuple[Finding, ...] = ()
    """What this symbol's picture, rather than its text, gives reason to say."""

    @property
    def symbology(self) -> str:
        """GS1 name of the symbology."""
        return self.mark.symbology

    @property
    def raw(self) -> str:
        """The message as text, the GS separator as U+001D."""
        return self.mark.raw

    @property
    def data(self) -> bytes:
        """The bytes of the message."""
        return self.mark.data

    @property
    def position(self) -> Quad:
        """Corners in pixels."""
        return self.mark.position

    @property
    def page(self) -> int:
        """0-based page of the file."""
        return self.mark.page

    @property
    def stage(self) -> str:
        """Stage that read it."""
        return self.mark.stage

    @property
    def quality(self) -> Quality | None:
        """The advisory look at the print."""
        return self.mark.quality

    def as_dict(self) -> dict[str, object]:
        """The symbol as `packtrail scan --json` prints it."""
        reading = self.reading
        return {
            "symbology": self.symbology,
            "raw": self.raw,
            "elements": dict(reading.elements),
            "gtin": reading.gtin,
            "serial": reading.serial,
            "lot": reading.lot,
            "expiry": reading.expiry.isoformat() if reading.expiry else None,
            "findings": [f.as_dict() for f in (*self.findings, *reading.findings)],
            "position": [list(point) for point in self.position],
            "page": self.page,
            "stage": self.stage,
            "quality": self.quality.as_dict() if self.quality else None,
        }


@dataclass(frozen=True, slots=True)
class PictureReading:
    """Everything one picture gave: its symbols, and the findings about the picture."""

    symbols: tuple[Symbol, ...] = ()
    findings: tuple[Finding, ...] = field(default=())
    pages: int = 0

    @property
    def error(self) -> str | None:
        """The first reason why the picture could not be read, or None."""
        refusing = (f for f in self.findings if f.severity in ("error", "critical"))
        return next((f.what for f in refusing), None)

    def as_dict(self) -> dict[str, object]:
        """The reading as JSON; the caller adds the file's name."""
        return {
            "symbols": [symbol.as_dict() for symbol in self.symbols],
            "findings": [finding.as_dict() for finding in self.findings],
            "error": self.error,
        }
