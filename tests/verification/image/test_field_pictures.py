"""Pictures that were read wrongly in the field, and pictures made to keep others waiting."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
import zxingcpp

from tests.verification.image.conftest import MESSAGE, drawn, saved
from verification.image import page
from verification.image.budget import TimeBudget
from verification.image.limits import PictureLimits
from verification.image.page import filtered, marks_on
from verification.image.picture import read_picture
from verification.image.reader import PictureReader
from verification.image.second_opinion import _seen, _zbar, contradicted, last_resort
from verification.image.sheet import Sheet
from verification.image.symbol import Mark


def codes(reading):
    return [finding.code for finding in reading.findings]


class TestFieldCases:
    @pytest.fixture
    def folder(self, shared):
        return shared / "field-cases" / "scanning"

    def test_a_rectangular_gs1_code_is_a_pack(self, folder):
        (symbol,) = read_picture((folder / "gs1-dmre-26x40.png").read_bytes()).symbols
        assert symbol.symbology == "GS1 DataMatrix"
        shown = symbol.as_dict()
        assert shown["gtin"] == "04150123456782"
        assert (shown["serial"], shown["lot"]) == ("1234567890ABCD", "1234AB")
        assert shown["expiry"] == "2027-12-31"
        assert shown["findings"] == []

    def test_a_filter_never_gives_another_number(self, folder):
        symbols = read_picture((folder / "ean13-wrong-filter.png").read_bytes()).symbols
        assert {symbol.raw for symbol in symbols} <= {"9780345348036"}

    def test_a_short_code_whose_second_opinion_tells_no_place(self, folder):
        (symbol,) = read_picture((folder / "upce-zbar-crash.png").read_bytes()).symbols
        assert symbol.reading.gtin == "00049000006346"


@pytest.mark.parametrize("rows_columns", [(8, 48), (8, 64), (12, 64), (16, 64), (26, 40), (26, 64)])
def test_rectangular_codes_of_every_size_are_gs1(rows_columns):
    rows, columns = rows_columns
    text = "(01)09506000134352(21)A1"
    symbol = zxingcpp.create_barcode(
        text, zxingcpp.DataMatrix, gs1=True, options=f"version={rows}x{columns}"
    )
    ink = np.array(symbol.to_image(scale=1, add_quiet_zones=False))
    picture = np.kron(np.pad(ink, 3, constant_values=255), np.ones((4, 4), np.uint8))
    (read,) = read_picture(saved(picture)).symbols
    assert (read.symbology, read.reading.serial) == ("GS1 DataMatrix", "A1")


class TestBarsAfterAFilter:
    """A filter may shift an edge; one check digit cannot tell, a second reading can."""

    def mark(self, data, at=0):
        place = ((at, 0), (at + 90, 0), (at + 90, 40), (at, 40))
        return Mark("EAN-13", "]E0", data.encode(), data, place, 0, "filter")

    def readings(self, monkeypatch, *given):
        """What each filter in turn is made to read."""
        later = iter(given)
        monkeypatch.setattr(page, "decode", lambda *_, **__: next(later, []))
        monkeypatch.setattr(page, "confirmed", lambda *_: [])
        return filtered(Sheet(0, np.zeros((50, 100), np.uint8)))

    def test_one_filter_alone_is_not_believed(self, monkeypatch):
        assert self.readings(monkeypatch, [self.mark("9780345348036")]) == []

    def test_two_filters_that_agree_are(self, monkeypatch):
        mark = self.mark("9780345348036")
        assert self.readings(monkeypatch, [mark], [], [mark]) == [mark]

    def test_two_filters_that_differ_are_not(self, monkeypatch):
        given = [self.mark("9780345348036")], [self.mark("0706375348036")]
        assert self.readings(monkeypatch, *given) == []

    def test_a_matrix_code_has_its_own_correction_and_needs_no_second(self, monkeypatch):
        place = ((0, 0), (9, 0), (9, 9), (0, 9))
        mark = Mark("GS1 DataMatrix", "]d2", b"01", "01", place, 0, "filter")
        assert self.readings(monkeypatch, [mark]) == [mark]


@pytest.mark.skipif(_zbar() is None, reason="ZBar's library is not installed")
class TestSecondOpinion:
    def test_the_short_and_the_long_form_are_one_number(self):
        grey = drawn("04963406", zxingcpp.UPCE, quiet=12, scale=3)
        marks, findings = marks_on(Sheet(0, grey), PictureLimits())
        assert [mark.raw for mark in marks] == ["0049000006346"]
        assert findings == []
        assert contradicted(grey, marks) == []

    def test_it_finds_the_place_of_what_it_reads(self):
        grey = np.full((400, 600), 255, np.uint8)
        code = drawn("9506000134352", zxingcpp.EAN13, quiet=12, scale=3)
        grey[100 : 100 + code.shape[0], 150 : 150 + code.shape[1]] = code
        (seen,) = _seen(_zbar(), grey, ("EAN13",))
        left, top, right, bottom = seen.box
        assert 150 <= left < right <= 150 + code.shape[1]
        assert 100 <= top < bottom <= 100 + code.shape[0]

    def test_bars_that_it_reads_once_only_are_not_believed(self, monkeypatch):
        grey = drawn("9506000134352", zxingcpp.EAN13, quiet=12, scale=3)
        assert len(last_resort(grey, 0)) == 1
        # The second look sees a blank page: nothing confirms the first.
        monkeypatch.setattr(cv2, "resize", lambda page, *_, **__: np.full_like(page, 255))
        assert last_resort(grey, 0) == []


class TestBudget:
    def test_what_was_read_until_then_is_the_answer_and_the_rest_is_said(self):
        reading = read_picture(saved(_noise(400)), limits=PictureLimits(time_s=0.0))
        assert codes(reading) == ["image.time", "image.no-code"]

    def test_a_clean_code_is_read_before_any_budget_is_asked(self):
        (symbol,) = read_picture(saved(drawn()), limits=PictureLimits(time_s=0.0)).symbols
        assert symbol.raw == MESSAGE

    def test_no_stage_begins_when_the_time_is_spent(self):
        # Every look at the clock takes a second: a picture may be looked at so often, no more.
        ticks = iter(range(10_000))
        budget = TimeBudget(5.0, clock=lambda: next(ticks))
        marks, _ = marks_on(Sheet(0, _noise(300)), PictureLimits(), budget)
        assert marks == []
        assert budget.was_short
        assert next(ticks) < 20

    def test_a_blank_page_is_not_searched(self, monkeypatch):
        monkeypatch.setattr(page, "decode_with_doubts", lambda *_, **__: pytest.fail("searched"))
        for level in (0, 128, 255):
            reading = read_picture(saved(np.full((300, 300), level, np.uint8)))
            assert codes(reading) == ["image.no-code"]

    def test_every_page_of_a_document_adds_to_it(self):
        clean = cv2.cvtColor(drawn(), cv2.COLOR_GRAY2BGR)[..., 0]
        pages = saved(clean, "TIFF", save_all=True, append_images=_pages(clean, 4))
        assert len(read_picture(pages).symbols) == 5


def _pages(grey, count):
    from PIL import Image

    return [Image.fromarray(grey)] * count


def _noise(side):
    return np.random.default_rng(3).integers(0, 256, (side, side), np.uint8)


class TestPool:
    def test_a_genuine_scan_is_answered_while_hostile_pictures_are_at_work(self, pack_picture):
        slow = saved(_noise(3000), "BMP")
        answers = []
        with PictureReader(limits=PictureLimits(time_s=2.0)) as pool:
            threads = [
                threading.Thread(target=lambda: answers.append(pool.read(slow, 60)))
                for _ in range(3)
            ]
            for thread in threads:
                thread.start()
            genuine = pool.read(pack_picture, 60)
            waited_for = len(answers)
            for thread in threads:
                thread.join()
        assert [symbol.raw for symbol in genuine.symbols] == [MESSAGE]
        # It was answered before any of those that came before it.
        assert waited_for == 0
        assert len(answers) == 3

    def test_one_worker_stays_for_the_next_picture(self, pack_picture):
        with PictureReader() as pool:
            assert pool.idle_count == 0
            threads = [threading.Thread(target=pool.read, args=(pack_picture,)) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert pool.idle_count <= 1

    def test_too_many_at_once_are_told_to_come_again(self, pack_picture):
        with PictureReader(workers_max=1) as pool:
            pool._free.acquire()
            assert codes(pool.read(pack_picture, 0.01)) == ["image.busy"]
            pool._free.release()
            assert len(pool.read(pack_picture).symbols) == 1
