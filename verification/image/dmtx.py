"""The last decoder, libdmtx, in a process of its own: it aborts on some pictures.

Off unless `PictureLimits.libdmtx_ms` gives it time: measured, it adds next to nothing to the
stages before it (docs/decisions/0021). As shipped it loses FNC1 and garbles GS1 data; the property
that makes it keep FNC1 as GS is set here.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import struct
import subprocess
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

from verification.image.decoder import name_of
from verification.image.symbol import Mark

if TYPE_CHECKING:
    from verification.image.sheet import Sheet

SIDE_PX_MIN = 8
"""Smaller pictures make the library abort."""
SIDE_PX_MAX = 4000
START_S = 5.0
"""How long the process may take beside the search itself."""
MESSAGE_BYTES_MAX = 3200
"""Longest message of a Data Matrix, and some."""
GS = 29
_HEAD = struct.Struct(">III")
_PROPERTY_FNC1 = 104
_PACK_8BPP_GREY = 300
_UNDEFINED = -1


class _Time(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_long), ("usec", ctypes.c_ulong))


class _Message(ctypes.Structure):
    _fields_ = (
        ("array_size", ctypes.c_size_t),
        ("code_size", ctypes.c_size_t),
        ("output_size", ctypes.c_size_t),
        ("output_used", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("fnc1", ctypes.c_int),
        ("array", ctypes.POINTER(ctypes.c_ubyte)),
        ("code", ctypes.POINTER(ctypes.c_ubyte)),
        ("output", ctypes.POINTER(ctypes.c_ubyte)),
    )


@lru_cache(maxsize=1)
def library_name() -> str | None:
    """The library's file, or None where it is not installed."""
    return ctypes.util.find_library("dmtx")


def read_with_libdmtx(sheet: Sheet, time_ms: int) -> list[Mark]:
    """What libdmtx reads on a page within `time_ms`; nothing where it is absent, fails or dies."""
    height, width = sheet.grey.shape
    if library_name() is None or not SIDE_PX_MIN <= min(height, width) <= SIDE_PX_MAX:
        return []
    try:
        done = subprocess.run(  # our own module, no shell
            [sys.executable, "-m", "verification.image.dmtx"],
            input=_HEAD.pack(width, height, time_ms) + sheet.grey.tobytes(),
            capture_output=True,
            timeout=time_ms / 1000 + START_S,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return []
    if done.returncode != 0 or not done.stdout:
        return []
    return [_mark(done.stdout, sheet)]


def _mark(message: bytes, sheet: Sheet) -> Mark:
    """A mark over the whole page: the library's own idea of the place is not asked for."""
    height, width = sheet.grey.shape
    aim = "]d2" if message[0] == GS else "]d1"
    data = message[1:] if aim == "]d2" else message
    return Mark(
        symbology=name_of("Data Matrix", aim),
        aim=aim,
        data=data,
        raw=data.decode("latin-1"),
        position=((0, 0), (width, 0), (width, height), (0, height)),
        page=sheet.page,
        stage="libdmtx",
    )


def search(pixels: bytes, width: int, height: int, time_ms: int) -> bytes:
    """The first message libdmtx finds in grey levels; empty where it finds none in time."""
    lib = ctypes.CDLL(library_name())
    lib.dmtxTimeNow.restype = _Time
    lib.dmtxTimeAdd.restype = _Time
    lib.dmtxTimeAdd.argtypes = (_Time, ctypes.c_long)
    for maker in ("dmtxImageCreate", "dmtxDecodeCreate", "dmtxRegionFindNext"):
        getattr(lib, maker).restype = ctypes.c_void_p
    lib.dmtxDecodeMatrixRegion.restype = ctypes.POINTER(_Message)
    grey = ctypes.create_string_buffer(pixels, len(pixels))
    image = ctypes.c_void_p(lib.dmtxImageCreate(grey, width, height, _PACK_8BPP_GREY))
    decoder = ctypes.c_void_p(lib.dmtxDecodeCreate(image, 1))
    lib.dmtxDecodeSetProp(decoder, _PROPERTY_FNC1, GS)
    until = lib.dmtxTimeAdd(lib.dmtxTimeNow(), time_ms)
    while region := lib.dmtxRegionFindNext(decoder, ctypes.byref(until)):
        found = lib.dmtxDecodeMatrixRegion(decoder, ctypes.c_void_p(region), _UNDEFINED)
        # The member holds what was set above; another release lays the structure out differently.
        if found and found.contents.fnc1 == GS:
            used = min(found.contents.output_used, MESSAGE_BYTES_MAX)
            return bytes(found.contents.output[:used])
    return b""


def main() -> None:
    """One picture on standard input, one message on standard output."""
    width, height, time_ms = _HEAD.unpack(sys.stdin.buffer.read(_HEAD.size))
    pixels = sys.stdin.buffer.read(width * height)
    sys.stdout.buffer.write(search(pixels, width, height, time_ms))


if __name__ == "__main__":
    main()
