"""Labels: the GS1 DataMatrix of a pack, checked before it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.gs1.expiry import expiry_date
from schemas.gs1.reading import read


@dataclass(frozen=True, slots=True)
class Label:
    """What a pack's code says; building one with values that cannot be right raises ValueError.

    >>> Label(gtin="09506000134352", serial="A1", lot="L1", expiry="2027-05-31").bracketed
    '(01)09506000134352(21)A1(17)270531(10)L1'
    """

    gtin: str
    """GTIN-14."""
    serial: str
    lot: str
    expiry: str
    """ISO 8601, `2027-05-31`."""

    def __post_init__(self) -> None:
        faults = [f.what for f in read(self.bracketed).findings if f.severity == "error"]
        if faults or expiry_date(self.expiry.replace("-", "")[2:]) is None:
            raise ValueError(f"no label can say this: {'; '.join(faults) or self.expiry}")

    @property
    def bracketed(self) -> str:
        """The element string with brackets, in the order pharma packs carry it."""
        yymmdd = self.expiry.replace("-", "")[2:]
        return f"(01){self.gtin}(21){self.serial}(17){yymmdd}(10){self.lot}"


def write_png(label: Label, module_px: int = 8) -> bytes:
    """The label as a PNG picture, with its quiet zone."""
    import cv2  # noqa: PLC0415  # labels are drawn by few commands
    import numpy as np  # noqa: PLC0415  # as above
    import zxingcpp  # noqa: PLC0415  # as above

    symbol = zxingcpp.create_barcode(
        label.bracketed, zxingcpp.BarcodeFormat.DataMatrix, gs1=True, forceSquare=True
    )
    modules = np.asarray(symbol.to_image(scale=1, add_quiet_zones=False))
    margin = np.pad(modules, 3, constant_values=255)
    picture = np.kron(margin, np.ones((module_px, module_px), np.uint8))
    return bytes(cv2.imencode(".png", picture)[1])
