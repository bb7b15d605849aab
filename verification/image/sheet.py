"""Opening a picture file: its size is read and judged before one pixel of it is decoded."""

from __future__ import annotations

import io
import struct
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from schemas.finding import Finding, Severity
from verification.image.limits import PictureLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Grey = npt.NDArray[Any]
    """Grey levels, uint8, rows by columns. The stubs of OpenCV tell no element type."""

# Pillow's own ceiling would refuse without saying the size; ours is held before pixels are decoded.
Image.MAX_IMAGE_PIXELS = None

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM")
"""Formats opened; everything else is refused by its header."""
_PILLOW_FAULTS = (
    OSError, ValueError, SyntaxError, struct.error, OverflowError, TypeError, KeyError, IndexError,
    EOFError, AttributeError, ZeroDivisionError,
)  # fmt: skip
"""What Pillow's readers are known to raise on damaged files."""
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of a picture file as grey levels, rows by columns, 0 black to 255 white."""

    page: int
    grey: Grey


class PictureRefused(Exception):  # noqa: N818  # a refusal is an answer, it carries its finding
    """The file cannot be read as a picture; says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.what)
        self.finding = finding


class Opened(NamedTuple):
    """The pages of a file, decoded one by one, and what was noticed on the way."""

    sheets: Iterator[Sheet]
    findings: list[Finding]


def _refuse(code: str, what: str, hint: str) -> PictureRefused:
    return PictureRefused(Finding(f"image.{code}", Severity.ERROR, what, hint))


def open_picture(data: bytes, limits: PictureLimits | None = None) -> Opened:
    """The pages of a picture file, lazily decoded to grey.

    PNG, JPEG, TIFF (all pages), WebP, GIF, BMP, PNM, PDF, and HEIC where its library is installed.

    Raises:
        PictureRefused: empty, too large, unknown or broken; raised here or while iterating.

    """
    limits = limits or PictureLimits()
    if not data:
        raise _refuse("empty", "the file is empty", "Take the picture again.")
    if len(data) > limits.size_bytes_max:
        what = f"the file has {len(data)} bytes, at most {limits.size_bytes_max} are taken"
        raise _refuse("too-large", what, "Send a smaller picture.")
    findings: list[Finding] = []
    if data[:1024].lstrip().startswith(b"%PDF-"):
        return Opened(_pdf_sheets(data, limits, findings), findings)
    if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
        _teach_heic()
        return Opened(_raster_sheets(data, ("HEIF",), limits, findings), findings)
    return Opened(_raster_sheets(data, FORMATS, limits, findings), findings)


def _teach_heic() -> None:
    try:
        import pillow_heif  # optional, for pictures from phones only
    except ImportError:
        raise _refuse(
            "heic-unsupported",
            "this is a HEIC picture and its reader is not installed",
            "Save it as JPEG, or install packtrail[heic].",
        ) from None
    pillow_heif.register_heif_opener()


def _raster_sheets(
    data: bytes, formats: tuple[str, ...], limits: PictureLimits, findings: list[Finding]
) -> Iterator[Sheet]:
    image = _open_raster(data, formats)
    _require_size(image.size, limits)
    frames = _frames_to_read(image, limits, findings)
    for page in range(frames):
        yield Sheet(page, _decode_frame(image, page, limits))


def _open_raster(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    with _of_any_file():
        try:
            return Image.open(io.BytesIO(data), formats=formats)
        except UnidentifiedImageError:
            raise _refuse(
                "not-a-picture",
                "this is no picture of a known kind",
                "Send PNG, JPEG, WebP, TIFF, GIF, BMP or PDF.",
            ) from None


@contextmanager
def _of_any_file() -> Iterator[None]:
    """Every use of Pillow on a file of others: its faults are findings, its warnings nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # our own limits speak, in findings
        try:
            yield
        except _PILLOW_FAULTS as error:
            raise _damaged(error) from None


def _damaged(error: Exception) -> PictureRefused:
    what = f"the picture is damaged or incomplete ({str(error)[:80] or type(error).__name__})"
    return _refuse("damaged", what, "Send the original file again.")


def _frames_to_read(image: Image.Image, limits: PictureLimits, findings: list[Finding]) -> int:
    with _of_any_file():
        frames = int(getattr(image, "n_frames", 1))
        is_animated = bool(getattr(image, "is_animated", False)) and image.format != "TIFF"
    if frames > 1 and is_animated:
        what = f"the picture is an animation of {frames} frames, only the first was read"
        findings.append(Finding("image.animated", Severity.WARNING, what, "Send a still picture."))
        return 1
    if frames > limits.pages_max:
        what = f"the file has {frames} pages, only the first {limits.pages_max} were read"
        findings.append(Finding("image.pages", Severity.WARNING, what, "Split the file."))
    return min(frames, limits.pages_max)


def _decode_frame(image: Image.Image, page: int, limits: PictureLimits) -> Grey:
    with _of_any_file():
        if page:
            image.seek(page)
        _require_size(image.size, limits)
        return _grey_of(image)


def _require_size(size: tuple[int, int], limits: PictureLimits) -> None:
    width, height = size
    if width * height > limits.pixels_max:
        what = f"the picture is {width} x {height}, at most {limits.pixels_max} pixels are taken"
        raise _refuse("too-large", what, "Scale the picture down, or crop it to the code.")


def _grey_of(image: Image.Image) -> Grey:
    if image.format == "JPEG" and image.mode == "RGB":
        image.draft("L", image.size)  # JPEG stores luminance by itself: no colour is computed
    if image.mode.startswith(("I", "F")):
        return _scaled_to_bytes(np.asarray(image, np.float32))
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        coloured = image.convert("RGBA")
        paper = Image.new("RGBA", coloured.size, "white")
        image = Image.alpha_composite(paper, coloured)
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "CMYK":
        upright = upright.convert("RGB")
    return np.ascontiguousarray(np.asarray(upright.convert("L"), np.uint8))


def _scaled_to_bytes(levels: npt.NDArray[np.float32]) -> Grey:
    levels = np.nan_to_num(levels)
    low, high = float(np.min(levels)), float(np.max(levels))
    return ((levels - low) * (255.0 / max(high - low, 1e-6))).astype(np.uint8)


def _pdf_sheets(data: bytes, limits: PictureLimits, findings: list[Finding]) -> Iterator[Sheet]:
    import pypdfium2  # a large native library, for PDF only

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise _damaged(error) from None
    try:
        pages = len(document)
        if pages > limits.pages_max:
            what = f"the file has {pages} pages, only the first {limits.pages_max} were read"
            findings.append(Finding("image.pages", Severity.WARNING, what, "Split the file."))
        for page in range(min(pages, limits.pages_max)):
            try:
                yield Sheet(page, _draw_pdf_page(document[page], limits))
            except pypdfium2.PdfiumError as error:
                raise _damaged(error) from None
    finally:
        document.close()


def _draw_pdf_page(page: object, limits: PictureLimits) -> Grey:
    width_pt, height_pt = page.get_size()  # type: ignore[attr-defined]  # pypdfium2 has no stubs
    scale = limits.pdf_dpi / 72
    area_px = max(width_pt * height_pt, 1e-6) * scale * scale
    scale *= min(1.0, (limits.pixels_max / area_px) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)  # type: ignore[attr-defined]  # as above
    grey = bitmap.to_numpy()
    return np.ascontiguousarray(grey if grey.ndim == 2 else grey[..., 0]).copy()
