"""Codes drawn for the tests: a pack's DataMatrix, and pictures around it."""

from __future__ import annotations

import io

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from verification.image.limits import PictureLimits
from verification.image.page import marks_on
from verification.image.sheet import Sheet

PACK = "(01)09506000134352(21)A1B2C3D4(17)270531(10)LOT7"
MESSAGE = "010950600013435221A1B2C3D4\x1d1727053110LOT7"


def drawn(
    text: str = PACK, symbology=zxingcpp.DataMatrix, *, scale: int = 4, quiet: int = 3, **how
):
    """A symbol as grey levels, `scale` pixels a module, `quiet` modules of paper around it."""
    how.setdefault("gs1", text.startswith("("))
    if symbology == zxingcpp.DataMatrix:
        how.setdefault("forceSquare", True)
    symbol = zxingcpp.create_barcode(text, symbology, **how)
    # ITF-14 is framed by bearer bars: its own quiet zone lies inside them.
    framed = symbology == zxingcpp.ITF14
    modules = np.array(symbol.to_image(scale=1, add_quiet_zones=framed))
    if modules.shape[1] > 4 * modules.shape[0]:
        modules = np.tile(modules[:1], (30, 1))
    paper = np.pad(modules, quiet, constant_values=255)
    return np.kron(paper, np.ones((scale, scale), np.uint8))


def saved(grey, kind: str = "PNG", mode: str = "L", **how) -> bytes:
    """Grey levels as a picture file."""
    out = io.BytesIO()
    Image.fromarray(grey).convert(mode).save(out, kind, **how)
    return out.getvalue()


def read(grey):
    """The marks our stages see in grey levels."""
    marks, findings = marks_on(Sheet(0, np.ascontiguousarray(grey)), PictureLimits())
    assert not findings
    return marks


@pytest.fixture
def pack_picture() -> bytes:
    """A clean PNG of one pack."""
    return saved(drawn())
