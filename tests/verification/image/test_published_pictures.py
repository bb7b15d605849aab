"""Photographs that others published, with what is on them."""

from __future__ import annotations

import json

import pytest

from verification.image.limits import PictureLimits
from verification.image.picture import marks_of


@pytest.fixture
def images(shared):
    return shared / "images"


def _marks(path):
    return marks_of(path.read_bytes(), PictureLimits())[0]


def test_every_readable_data_matrix_sample(images):
    unread = []
    for path in sorted((images / "datamatrix").rglob("*")):
        if path.suffix not in (".png", ".jpg", ".webp"):
            continue
        truths = set()
        for described in (path.with_suffix(".txt"), path.with_suffix(".bin")):
            if described.is_file():
                said = described.read_bytes()
                truths |= {said, said.rstrip(b"\r\n")}
        marks = [mark for mark in _marks(path) if "Matrix" in mark.symbology]
        if truths and not any({mark.data, mark.raw.encode()} & truths for mark in marks):
            unread.append(path.name)
    assert unread == []


@pytest.mark.parametrize("name", ["rack", "direct-part-mark"])
def test_every_code_of_the_photographs_and_nothing_else(images, name):
    expected = json.loads((images / name / "expected.json").read_text())
    for file, texts in expected.items():
        assert sorted(mark.raw for mark in _marks(images / name / file)) == sorted(texts), file


def test_what_is_no_data_matrix_gives_none(images):
    for path in sorted((images / "no-datamatrix").iterdir()):
        assert [m.raw for m in _marks(path) if "Matrix" in m.symbology] == [], path.name
