"""A tote, a rack, two packs side by side: every code once, with its place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.degraded.tote import draw_tote
from schemas.finding import Severity
from tests.verification.image.conftest import MESSAGE, PACK, drawn, read
from verification.image.alike import SymbolKind, alike
from verification.image.crowd import spots
from verification.image.page import read_place, settled, without_conflicts
from verification.image.shape import shape_of
from verification.image.sheet import Sheet
from verification.image.symbol import Mark


def test_forty_packs_in_a_tote():
    page, messages = draw_tote(8, 3.5)
    marks = read(page)
    assert sorted(mark.data for mark in marks) == sorted(messages)


def test_a_spoiled_code_among_good_ones_is_sought_and_read():
    texts = [PACK.replace("A1B2C3D4", f"SER{n:05}") for n in range(9)]
    page = np.full((700, 700), 235, np.uint8)
    for number, text in enumerate(texts):
        code = drawn(text, quiet=0)
        top, left = 60 + 220 * (number // 3), 60 + 220 * (number % 3)
        page[top : top + code.shape[0], left : left + code.shape[1]] = code
    whole = page.copy()
    middle = page[255:395, 255:395]
    middle[:] = middle // 12 + 190  # the one in the middle is nearly white
    rng = np.random.default_rng(1)
    middle[:] = np.clip(middle + rng.normal(0, 4, middle.shape), 0, 255)
    assert len(read(whole)) == 9
    serials = {mark.raw[18:26] for mark in read(page)}
    assert serials == {f"SER{n:05}" for n in range(9)}


def test_the_same_code_on_two_packs_is_two_symbols():
    code = drawn()
    page = np.hstack([code, np.full((code.shape[0], 40), 255, np.uint8), code])
    assert [mark.raw for mark in read(page)] == [MESSAGE, MESSAGE]


def test_a_page_full_of_one_code_has_no_room_for_more():
    grey = drawn()
    assert spots(grey, read(grey)) == []


def test_two_messages_at_one_place_are_both_refused():
    marks = [_mark(b"one"), _mark(b"two"), _mark(b"far", at=500)]
    kept, findings = without_conflicts(marks)
    assert [mark.data for mark in kept] == [b"far"]
    assert {finding.code for finding in findings} == {"image.conflict"}
    assert all(finding.severity is Severity.ERROR for finding in findings)


def test_one_message_seen_twice_at_one_place_is_one_symbol():
    kept, findings = without_conflicts([_mark(b"one"), _mark(b"one", at=3)])
    assert len(kept) == 1
    assert findings == []


def _mark(data: bytes, at: int = 0) -> Mark:
    corners = ((at, at), (at + 90, at), (at + 90, at + 90), (at, at + 90))
    return Mark("GS1 DataMatrix", "]d2", data, data.decode(), corners, 0, "plain")


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("angle", [0, 17, 45, 96.9, 133, 200, 262.4, 301.5])
def test_a_code_of_known_kind_is_found_in_any_turn(angle, inverse):
    code = drawn(quiet=6)
    rows = code.shape[0] // 4 - 12
    spin = cv2.getRotationMatrix2D((code.shape[1] / 2, code.shape[0] / 2), angle, 1.0)
    shown = cv2.warpAffine(code, spin, code.shape[::-1], borderValue=255)
    page = 255 - shown if inverse else shown
    places = alike(page, SymbolKind(shape_of(rows, rows), 4.1), count=3)  # known a little wrong
    seen = [read_place(Sheet(0, page), settled(page, place)) for place in places]
    assert MESSAGE in {mark.raw for mark in seen if mark}
