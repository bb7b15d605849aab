"""ZBar and libdmtx beside zxing-cpp: welcome where installed, never needed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import zxingcpp

from tests.verification.image.conftest import MESSAGE, drawn, read
from verification.image.dmtx import library_name, read_with_libdmtx
from verification.image.limits import PictureLimits
from verification.image.page import marks_on
from verification.image.second_opinion import _zbar, contradicted, last_resort
from verification.image.sheet import Sheet


@pytest.fixture
def _needs_zbar():
    if _zbar() is None:
        pytest.skip("ZBar's library is not installed")


@pytest.fixture
def _needs_libdmtx():
    if library_name() is None:
        pytest.skip("libdmtx is not installed")


@pytest.mark.usefixtures("_needs_zbar")
class TestZBar:
    def test_it_confirms_a_short_bar_code(self):
        grey = drawn("96385074", zxingcpp.EAN8, quiet=12, scale=3)
        (mark,) = read(grey)
        assert mark.symbology == "EAN-8"

    def test_a_reading_it_contradicts_is_refused(self):
        grey = drawn("96385074", zxingcpp.EAN8, quiet=12, scale=3)
        (mark,) = read(grey)
        other = replace(mark, data=b"12345670", raw="12345670")
        assert contradicted(grey, [other]) == [other]
        assert contradicted(grey, [mark]) == []

    def test_it_sees_bars_and_qr_by_itself(self):
        ean = drawn("9506000134352", zxingcpp.EAN13, quiet=12, scale=3)
        assert [mark.raw for mark in last_resort(ean, 0)] == ["9506000134352"]

    def test_it_invents_nothing_from_noise(self):
        rng = np.random.default_rng(5)
        assert last_resort(rng.integers(0, 256, (300, 300), np.uint8), 0) == []


def test_everything_works_where_zbar_is_absent():
    code = (
        "import sys; sys.modules['pyzbar'] = None\n"
        "import numpy as np\n"
        "from verification.image.second_opinion import last_resort, contradicted\n"
        "assert last_resort(np.zeros((50, 50), np.uint8), 0) == []\n"
        "from verification.image.picture import read_picture\n"
        "assert read_picture(b'').error\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.usefixtures("_needs_libdmtx")
class TestLibdmtx:
    def test_separators_survive(self):
        (mark,) = read_with_libdmtx(Sheet(0, drawn(scale=6)), 2000)
        assert (mark.symbology, mark.raw) == ("GS1 DataMatrix", MESSAGE)

    def test_a_picture_on_which_it_aborts_gives_nothing(self):
        for side in (1, 2, 8, 9):
            assert read_with_libdmtx(Sheet(0, np.zeros((side, side), np.uint8)), 100) == []

    def test_it_is_asked_only_when_it_is_given_time(self):
        blank = Sheet(0, np.full((60, 60), 255, np.uint8))
        assert marks_on(blank, PictureLimits(libdmtx_ms=50)) == marks_on(blank, PictureLimits())
