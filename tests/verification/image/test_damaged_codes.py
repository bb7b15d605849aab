"""Codes that other readers give up on: the repair stages read them, and never invent anything."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.degraded.families import draw
from tests.verification.image.conftest import MESSAGE, PACK, drawn, read
from verification.image.grid import decode_modules
from verification.image.lattice import lattice_hypotheses
from verification.image.locate import Hypothesis
from verification.image.page import read_place, settled
from verification.image.place import fit, flattened, homographies, levels_at, likeness
from verification.image.shape import DATA, SHAPES, shape_of
from verification.image.sheet import Sheet

MUST_READ = {
    "pixels a module": (1.3, 2.0),
    "turned": (45, 137),
    "tilted": (0.4,),
    "blurred": (0.5,),
    "moved": (1.4,),
    "noise": (60, 80),
    "contrast": (15, 10, 6),
    "uneven light": (1.5,),
    "ink bled": (0.5, 0.65),
    "ink shrunk": (0.5,),
    "dots": (0.8, 0.6),
    "broken finder": (0.4,),
    "dead nozzles": (2,),
    "quiet zone": (0.25, 0),
    "light on dark": (30,),
    "curved": (1.6,),
    "glare": (0.1,),
}
"""Damage that must be survived, far from the edge of what is possible."""


@pytest.mark.parametrize("family", MUST_READ)
def test_the_damage_that_must_be_survived(family):
    samples = [s for s in draw(2024, 3, (family,)) if s.level in MUST_READ[family]]
    unread = []
    for sample in samples:
        marks = read(sample.grey)
        assert {mark.data for mark in marks} <= {sample.data}, "a wrong payload"
        unread += [] if marks else [sample.level]
    assert len(unread) <= len(samples) // 6, f"{family}: not read at {unread}"


def test_eighty_five_in_a_hundred_over_all_families_and_none_wrong():
    samples = list(draw(77, 1))
    right = 0
    for sample in samples:
        said = {mark.data for mark in read(sample.grey)}
        assert said <= {sample.data}
        right += bool(said)
    assert right >= 0.85 * len(samples)


def test_all_48_shapes_are_known_and_their_patterns_where_an_encoder_puts_them():
    for version in range(1, 49):
        symbol = zxingcpp.create_barcode("A1", zxingcpp.DataMatrix, version=version)
        dark = np.array(symbol.to_image(scale=1, add_quiet_zones=False)) < 128
        shape = shape_of(*dark.shape)
        known = shape.pattern != DATA
        assert (dark[known] == (shape.pattern[known] == 1)).all()
        scribbled = dark.copy()
        scribbled[known] ^= True
        assert decode_modules(scribbled, shape).data == b"A1"
    assert len(SHAPES) == 48


def test_no_data_matrix_has_eleven_rows():
    with pytest.raises(KeyError):
        shape_of(11, 11)


@given(st.lists(st.tuples(st.floats(-15, 15), st.floats(-15, 15)), min_size=4, max_size=4))
def test_a_projection_takes_the_unit_square_to_its_corners(shifts):
    corners = np.array([[50, 50], [150, 50], [150, 150], [50, 150]]) + np.array(shifts)
    matrix = homographies(corners[None].astype(np.float32))[0].astype(float)
    unit = np.array([[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], float)
    mapped = unit @ matrix.T
    assert np.abs(mapped[:, :2] / mapped[:, 2:] - corners).max() < 0.1


def test_levels_are_taken_in_the_middle_of_pixels():
    picture = np.arange(100, dtype=np.float32).reshape(10, 10)
    corners = np.array([[[0, 0], [10, 0], [10, 10], [0, 10]]], np.float32)
    assert levels_at(picture, corners, np.array([[0.35, 0.25]], np.float32))[0, 0] == 23


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5)), min_size=4, max_size=4),
    st.booleans(),
)
def test_a_place_found_roughly_is_fitted_and_read(shifts, inverse):
    grey = drawn(quiet=4)
    side = (grey.shape[0] // 4 - 8) * 4
    corners = np.array([[16, 16], [16 + side, 16], [16 + side, 16 + side], [16, 16 + side]])
    shape = shape_of(side // 4, side // 4)
    rough = (corners + np.array(shifts)).astype(np.float32)
    shown = 255 - grey if inverse else grey
    supposed = Hypothesis(rough, shape, -0.5 if inverse else 0.5)
    mark = read_place(Sheet(0, shown), settled(shown, supposed))
    assert mark is not None
    assert mark.raw == MESSAGE


def test_fitting_never_makes_a_place_worse():
    grey = drawn(quiet=4)
    flat = flattened(grey, 36, 1.6)
    shape = shape_of(22, 22)
    start = np.array([[18, 14], [107, 15], [104, 107], [14, 102]], np.float32)
    before = float(likeness(flat, start[None], shape.finder)[0])
    _, after = fit(flat, start, shape.finder)
    assert after >= before
    assert after > 0.9


def test_the_beat_of_the_modules_finds_a_code_in_a_page_of_text():
    rng = np.random.default_rng(3)
    page = np.full((360, 360), 230, np.uint8)
    for line in range(14):
        words = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTUVZ0123456789"), 24))
        cv2.putText(page, words, (2, 20 + line * 26), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 30, 2)
    code = drawn(scale=5, quiet=0)
    page[120 : 120 + code.shape[0], 130 : 130 + code.shape[1]] = code
    found = lattice_hypotheses(flattened(page, 41, 0.8, 0.3), count=4)
    best = found[0]
    assert (best.shape.rows, best.shape.columns) == (code.shape[0] // 5, code.shape[1] // 5)
    assert np.abs(best.corners[0] - (130, 120)).max() < 3
    assert [mark.raw for mark in read(page)] == [MESSAGE]


def test_chance_is_never_read():
    rng = np.random.default_rng(11)
    for _ in range(6):
        blocks = rng.integers(0, 2, (30, 30), np.uint8) * 200 + 20
        assert read(np.kron(blocks, np.ones((5, 5), np.uint8))) == []
    assert read(rng.integers(0, 256, (250, 250), np.uint8)) == []


def test_a_code_with_too_many_wrong_modules_is_not_guessed():
    rng = np.random.default_rng(4)
    symbol = zxingcpp.create_barcode(PACK, zxingcpp.DataMatrix, gs1=True, forceSquare=True)
    modules = np.array(symbol.to_image(scale=1, add_quiet_zones=False))
    for _ in range(8):
        wrong = np.where(rng.random(modules.shape) < 0.15, 255 - modules, modules)
        page = np.kron(np.pad(wrong, 3, constant_values=255), np.ones((5, 5), np.uint8))
        assert {mark.raw for mark in read(page)} <= {MESSAGE}
