"""Files made to hurt: each is answered with a finding, soon, and the service never notices."""

from __future__ import annotations

import io
import os
import select
import signal
import struct
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.verification.image.conftest import MESSAGE, drawn, saved
from verification.image.lattice import lattice_hypotheses
from verification.image.limits import PictureLimits
from verification.image.picture import read_picture
from verification.image.reader import PictureReader

KINDS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM")


def _codes(reading) -> set[str]:
    return {finding.code for finding in reading.findings}


def test_an_empty_file():
    assert _codes(read_picture(b"")) == {"image.empty"}


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"\x89PNG\r\n\x1a\n",
        b"<svg/>",
        b"PK\x03\x04" + bytes(60),
        b"\xff\xd8\xff",
        bytes(99),
    ],
)
def test_what_is_no_picture(data):
    assert _codes(read_picture(data)) <= {"image.not-a-picture", "image.damaged"}
    assert read_picture(data).error


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_at_any_place(kind):
    whole = saved(drawn(scale=2), kind)
    for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        reading = read_picture(whole[: int(len(whole) * share)])
        assert reading.findings or {s.raw for s in reading.symbols} == {MESSAGE}
        assert {s.raw for s in reading.symbols} <= {MESSAGE}


def _png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    packed = b"IDAT" + data
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + body
        + struct.pack(">I", zlib.crc32(body))
        + struct.pack(">I", len(data))
        + packed
        + struct.pack(">I", zlib.crc32(packed))
    )


@pytest.mark.parametrize("size", [(100_000, 100_000), (2**31 - 1, 2**31 - 1), (40_001, 1000)])
def test_a_header_that_promises_too_much_is_refused_before_decoding(size):
    assert _codes(read_picture(_png_header(*size))) == {"image.too-large"}


def test_a_header_that_lies_about_its_data():
    assert _codes(read_picture(_png_header(3000, 3000))) == {"image.damaged"}


def test_a_small_file_of_many_pixels_is_refused_by_its_header():
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 100_000
    assert _codes(read_picture(bomb.getvalue())) == {"image.too-large"}


def test_the_cap_on_pixels_is_a_setting(pack_picture):
    assert _codes(read_picture(pack_picture, limits=PictureLimits(pixels_max=100))) == {
        "image.too-large"
    }
    assert _codes(read_picture(pack_picture, limits=PictureLimits(size_bytes_max=10))) == {
        "image.too-large"
    }


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 300), (300, 1), (7, 9), (12, 12)])
def test_pictures_too_small_for_any_code(size):
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 256, size, np.uint8)
    assert _codes(read_picture(saved(grey))) == {"image.no-code"}


def test_a_pdf_that_is_damaged_and_one_with_a_huge_page():
    assert _codes(read_picture(b"%PDF-1.7\n" + bytes(200))) == {"image.damaged"}
    huge = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 14400 14400]>>endobj\n"
        b"trailer<</Root 1 0 R>>\n%%EOF"
    )
    assert _codes(read_picture(huge, limits=PictureLimits(pixels_max=1_000_000))) == {
        "image.no-code"
    }


# Most of what a reader believes stands at the start and at the end of a file.
_PLACES = st.one_of(
    st.floats(0, 1),
    st.integers(0, 300).map(lambda at: at / 3000),
    st.integers(0, 300).map(lambda at: 1 - at / 3000),
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.lists(st.tuples(_PLACES, st.integers(0, 255)), min_size=1, max_size=12),
)
def test_bytes_changed_anywhere_never_raise_and_never_lie(kind, changes):
    data = bytearray(saved(drawn(scale=2), kind))
    for share, value in changes:
        data[int(share * (len(data) - 1))] = value
    reading = read_picture(
        bytes(data), limits=PictureLimits(pixels_max=1_000_000, candidates_max=2)
    )
    assert {symbol.raw for symbol in reading.symbols} <= {MESSAGE}
    assert reading.symbols or reading.findings


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"%PDF-1.4", b"GIF89a", b"BM", b"II*\0"]))
def test_any_bytes_are_answered(data, start):
    assert read_picture(start + data, limits=PictureLimits(pixels_max=250_000)).findings


@pytest.mark.parametrize("height", range(4, 22, 2))
def test_a_strip_lower_than_one_module_has_no_place_for_a_symbol(height):
    for seed in range(12):
        flat = np.random.default_rng(seed).normal(size=(height, 60)).astype(np.float32)
        assert len(lattice_hypotheses(flat, count=2)) <= 2


class TestInAProcessOfItsOwn:
    def test_it_answers_as_the_same_process_would(self, pack_picture):
        with PictureReader() as reader:
            assert reader.read(pack_picture) == read_picture(pack_picture)

    def test_a_picture_that_takes_too_long_is_given_up_and_the_next_is_read(self, pack_picture):
        rng = np.random.default_rng(1)
        slow = saved(rng.integers(0, 256, (3000, 3000), np.uint8), "BMP")
        with PictureReader() as reader:
            assert _codes(reader.read(slow, timeout_s=0.01)) == {"image.unreadable"}
            assert len(reader.read(pack_picture).symbols) == 1

    def test_a_worker_that_is_killed_is_replaced(self, pack_picture):
        with PictureReader() as reader:
            reader.read(pack_picture)
            (waiting,) = reader._idle
            os.kill(waiting._pid, signal.SIGKILL)
            select.select([waiting._link], [], [])
            assert len(reader.read(pack_picture).symbols) == 1

    def test_the_process_of_the_workers_that_is_killed_is_replaced(self, pack_picture):
        with PictureReader(idle_kept=0) as reader:
            reader.read(pack_picture)
            reader._fork_server.process.kill()
            reader._fork_server.process.wait()
            assert len(reader.read(pack_picture).symbols) == 1

    @pytest.mark.parametrize(
        "act",
        ["os.abort()", "os.write(link, b'x' * 99)", "os.write(link, bytes(8) + b'\\xff' * 99)"],
        ids=["aborts", "babbles", "sends a length without end"],
    )
    def test_a_worker_that_fails_is_a_finding_and_the_next_picture_is_read(self, pack_picture, act):
        failing = (
            "import os, socket, sys\n"
            "control = socket.socket(fileno=int(sys.argv[1]))\n"
            "link = socket.recv_fds(control, 1, 1)[1][0]\n"
            f"{act}\nos.read(link, 8)"
        )
        with PictureReader() as reader:
            right = reader._fork_server.program
            reader._fork_server.program = [sys.executable, "-c", failing]
            assert _codes(reader.read(pack_picture)) == {"image.unreadable"}
            reader._fork_server.end()
            reader._fork_server.program = right
            assert len(reader.read(pack_picture).symbols) == 1

    @pytest.mark.skipif(sys.platform == "darwin", reason="macOS keeps no ceiling on address space")
    def test_a_ceiling_on_memory_is_a_finding(self):
        rng = np.random.default_rng(1)
        large = saved(rng.integers(0, 256, (5000, 6000), np.uint8), "JPEG")
        with PictureReader(memory_bytes_max=420 * 1024**2) as reader:
            reading = reader.read(large)
        assert _codes(reading) == {"image.unreadable"}

    def test_a_file_beyond_the_limit_never_reaches_the_worker(self, pack_picture):
        with PictureReader(limits=PictureLimits(size_bytes_max=10)) as reader:
            assert _codes(reader.read(pack_picture)) == {"image.too-large"}
            assert reader._fork_server.process is None
