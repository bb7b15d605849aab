"""Compressed GS1 Digital Links: all elements in one base64url segment of the path.

A row of bits holds, element by element, the Application Identifier (four bits a digit) and the
value: numbers in binary, text in the tightest of five alphabets. Two hexadecimal digits of which
one is a letter stand for a frequent combination of identifiers.
Standard: GS1 Digital Link: URI Syntax, release 1.2, section 8 (compression).
"""

from __future__ import annotations

import math
import re
from base64 import urlsafe_b64decode
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Final

import msgspec

from schemas.gs1 import ai

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SEGMENT_LENGTH_MAX: Final = 2000
"""Characters of the longest compressed segment that is decompressed."""
SEGMENT_LENGTH_MIN: Final = 8
"""A shorter segment has too few bits for a key and its number."""
_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_DECIMAL, _LOWER_HEX, _UPPER_HEX, _SAFE_64, _ASCII = range(5)
_is_segment = re.compile(r"[A-Za-z0-9_\-]+").fullmatch
_ALPHABETS: Final = (
    (_DECIMAL, re.compile(r"[0-9]+").fullmatch),
    (_LOWER_HEX, re.compile(r"[0-9a-f]+").fullmatch),
    (_UPPER_HEX, re.compile(r"[0-9A-F]+").fullmatch),
    (_SAFE_64, _is_segment),
)
COMBINATIONS: Final[dict[str, tuple[str, ...]]] = {
    "0A": ("01", "22"),
    "0B": ("01", "10"),
    "0C": ("01", "21"),
    "0D": ("01", "17"),
    "0E": ("01", "7003"),
    "0F": ("01", "30"),
    "1A": ("01", "10", "21", "17"),
    "1B": ("01", "15"),
    "1C": ("01", "11"),
    "1D": ("01", "16"),
    "1E": ("01", "91"),
    "1F": ("01", "10", "15"),
    **{f"2{'ABCDEF'[n]}": ("01", f"310{n}") for n in range(6)},
    **{f"3{'ABCDEF'[n]}": ("01", f"320{n}") for n in range(6)},
    "9A": ("8010", "8011"),
    "9B": ("8017", "8019"),
    "9C": ("8018", "8019"),
    "9D": ("414", "254"),
    **{f"A{n}": ("01", f"392{n}") for n in range(10)},
    **{f"C{n}": ("255", f"390{n}") for n in range(10)},
    **{f"C{'ABCD'[n]}": ("255", f"394{n}") for n in range(4)},
}
"""Combinations of identifiers that two hexadecimal digits stand for."""


class _PackedField(msgspec.Struct, frozen=True):
    """A part of a value as the compression sees it."""

    numeric: bool
    length: int
    variable: bool


class _BitReader:
    """Bits of a segment, taken from the left."""

    def __init__(self, segment: str) -> None:
        # Padded to whole groups of four characters; the padding bits are cut off again.
        data = urlsafe_b64decode(segment + "A" * (-len(segment) % 4))
        self._bits = f"{int.from_bytes(data):0{8 * len(data)}b}"[: 6 * len(segment)]
        self._taken = 0

    @property
    def left(self) -> int:
        return len(self._bits) - self._taken

    def take(self, count: int) -> int:
        if count > self.left:
            raise ValueError("the compressed link ends inside a value")
        start, self._taken = self._taken, self._taken + count
        return int(self._bits[start : self._taken] or "0", 2)


def decompress(segment: str) -> list[tuple[str, str]]:
    """(Application Identifier, value) pairs of a compressed path segment.

    Raises ValueError where the segment is not compressed data.

    >>> decompress(compress({"01": "09506000134352", "10": "AB12"}))
    [('01', '09506000134352'), ('10', 'AB12')]
    """
    if len(segment) > SEGMENT_LENGTH_MAX or not _is_segment(segment):
        raise ValueError("not a compressed Digital Link segment")
    bits = _BitReader(segment)
    found: list[tuple[str, str]] = []
    while bits.left > 7:
        found += [(code, _value(code, bits)) for code in _identifiers(bits)]
    if not found or bits.take(bits.left):
        raise ValueError("not a compressed Digital Link segment")
    return found


def _identifiers(bits: _BitReader) -> tuple[str, ...]:
    first = f"{bits.take(8):02X}"
    if first in COMBINATIONS:
        return COMBINATIONS[first]
    width = ai.WIDTH_OF.get(first, 0)
    code = first + "".join(f"{bits.take(4):X}" for _ in range(width - 2))
    if ai.lookup(code) is None:
        raise ValueError(f"{code} is no Application Identifier")
    return (code,)


def _value(code: str, bits: _BitReader) -> str:
    return "".join(
        _digits(field, bits) if field.numeric else _text(field, bits) for field in _fields(code)
    )


def _digits(field: _PackedField, bits: _BitReader) -> str:
    length = bits.take(_length_bits(field.length)) if field.variable else field.length
    return _padded(bits.take(_digit_bits(length)), length)


def _padded(number: int, length: int) -> str:
    digits = str(number).zfill(length) if length else ""
    if len(digits) > length:
        raise ValueError("a compressed number is too large for its field")
    return digits


def _text(field: _PackedField, bits: _BitReader) -> str:
    alphabet = bits.take(3)
    length = bits.take(_length_bits(field.length)) if field.variable else field.length
    if length > field.length:
        raise ValueError("a compressed text is too long for its field")
    if alphabet == _DECIMAL:
        return _padded(bits.take(_digit_bits(length)), length)
    if alphabet in (_LOWER_HEX, _UPPER_HEX):
        form = "x" if alphabet == _LOWER_HEX else "X"
        return "".join(f"{bits.take(4):{form}}" for _ in range(length))
    if alphabet == _SAFE_64:
        return "".join(_BASE64[bits.take(6)] for _ in range(length))
    if alphabet == _ASCII:
        return "".join(chr(bits.take(7)) for _ in range(length))
    raise ValueError(f"{alphabet} is no alphabet of compressed links")


def compress(elements: Iterable[tuple[str, str]] | Mapping[str, str]) -> str:
    """The path segment for some elements, as short as the standard's combinations make it.

    Raises ValueError where an identifier does not exist or does not accept its value.

    >>> compress({"00": "195060001234567890"})
    'ACtP4Jo3lC0g'
    """
    rest = dict(elements.items() if hasattr(elements, "items") else elements)
    bits = ""
    for code, value in rest.items():
        identifier = ai.lookup(code)
        if identifier is None or not identifier.accepts(value):
            raise ValueError(f"({code}){value} is no valid element")
    while rest:
        prefix, codes = _next(rest)
        bits += prefix + "".join(_value_bits(code, rest.pop(code)) for code in codes)
    bits += "0" * (-len(bits) % 6)
    return "".join(_BASE64[int(bits[n : n + 6], 2)] for n in range(0, len(bits), 6))


def _next(rest: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    fitting = [(p, codes) for p, codes in COMBINATIONS.items() if all(c in rest for c in codes)]
    if fitting:
        prefix, codes = max(fitting, key=lambda pair: len(pair[1]))
        return f"{int(prefix, 16):08b}", codes
    code = next(iter(rest))
    return "".join(f"{int(digit):04b}" for digit in code), (code,)


def _value_bits(code: str, value: str) -> str:
    bits, start = "", 0
    for field in _fields(code):
        part = value[start : start + field.length]
        start += len(part)
        size = f"{len(part):0{_length_bits(field.length)}b}" if field.variable else ""
        if field.numeric:
            bits += size + _number_bits(part)
        else:
            alphabet = next((a for a, fits in _ALPHABETS if fits(part)), _ASCII)
            bits += f"{alphabet:03b}" + size + _text_bits(alphabet, part)
    return bits


def _text_bits(alphabet: int, text: str) -> str:
    if alphabet == _DECIMAL:
        return _number_bits(text)
    if alphabet in (_LOWER_HEX, _UPPER_HEX):
        return "".join(f"{int(character, 16):04b}" for character in text)
    if alphabet == _SAFE_64:
        return "".join(f"{_BASE64.index(character):06b}" for character in text)
    return "".join(f"{ord(character):07b}" for character in text)


def _number_bits(digits: str) -> str:
    return f"{int(digits):0{_digit_bits(len(digits))}b}" if digits else ""


def _digit_bits(length: int) -> int:
    """Bits that hold any number of so many digits."""
    return (10**length - 1).bit_length() if length else 0


def _length_bits(length_max: int) -> int:
    return math.floor(math.log2(length_max)) + 1


@cache
def _fields(code: str) -> tuple[_PackedField, ...]:
    """The value's parts: digits together, optional digits together, text as it is."""
    identifier = ai.lookup(code)
    parts = identifier.components if identifier else ()
    fields = []
    for (numeric, optional), run in groupby(parts, lambda p: (p.kind == "N", p.optional)):
        run_parts = list(run)
        variable = optional or any(p.length_min != p.length_max for p in run_parts)
        fields.append(_PackedField(numeric, sum(p.length_max for p in run_parts), variable))
    return tuple(fields)
