"""EPC binary encodings of RFID tags, to EPC URIs and back.

A tag holds header, filter value, partition (where the company prefix ends), company prefix,
reference and serial. Standard: GS1 EPC Tag Data Standard 1.13, section 14 (TDS 2.0: 14.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import msgspec

from schemas.gs1.epc import identify

if TYPE_CHECKING:
    from collections.abc import Iterator

HEX_LENGTH_MAX: Final = 64
"""Most hexadecimal digits that are decoded; the longest scheme has 52."""
_TAG_URI: Final = "urn:epc:tag:"
_PREFIX_BITS: Final = (40, 37, 34, 30, 27, 24, 20)
"""Bits of a company prefix of 12, 11, … 6 digits: partition 0, 1, … 6."""
_URN_SAFE: Final = {ord(c): f"%{ord(c):02X}" for c in '"%&/<>?#'}


class TagScheme(msgspec.Struct, frozen=True):
    """How one kind of tag lays out its bits."""

    name: str
    scheme: str
    """The EPC URN scheme."""
    header: int
    bits: int
    """Length of the whole encoding."""
    reference_bits: tuple[int, ...]
    """By partition; for GIAI the bits of the asset reference."""
    reference_digits: int
    """Digits of company prefix and reference together; 0 where the reference is text."""
    serial_bits: int = 0
    text_serial: bool = False
    """Seven-bit characters, rather than a number."""


SCHEMES: Final = (
    TagScheme("sgtin-96", "sgtin", 0x30, 96, (4, 7, 10, 14, 17, 20, 24), 13, 38),
    TagScheme("sgtin-198", "sgtin", 0x36, 198, (4, 7, 10, 14, 17, 20, 24), 13, 140, True),
    TagScheme("sscc-96", "sscc", 0x31, 96, (18, 21, 24, 28, 31, 34, 38), 17),
    TagScheme("sgln-96", "sgln", 0x32, 96, (1, 4, 7, 11, 14, 17, 21), 12, 41),
    TagScheme("sgln-195", "sgln", 0x39, 195, (1, 4, 7, 11, 14, 17, 21), 12, 140, True),
    TagScheme("grai-96", "grai", 0x33, 96, (4, 7, 10, 14, 17, 20, 24), 12, 38),
    TagScheme("grai-170", "grai", 0x37, 170, (4, 7, 10, 14, 17, 20, 24), 12, 112, True),
    TagScheme("giai-96", "giai", 0x34, 96, (42, 45, 48, 52, 55, 58, 62), 0),
    TagScheme("giai-202", "giai", 0x38, 202, (148, 151, 154, 158, 161, 164, 168), 0, 0, True),
)
"""The supported tag encodings."""


class Tag(msgspec.Struct, frozen=True):
    """Content of a tag: the encoding, a filter value, an EPC.

    >>> tag = decode("3074257BF7194E4000001A85")
    >>> tag.name, tag.filter_value, tag.uri
    ('sgtin-96', 3, 'urn:epc:id:sgtin:0614141.812345.6789')
    """

    name: str
    filter_value: int
    uri: str
    """The pure identity EPC URI."""


class _Bits:
    """Bits of a tag, taken from the left."""

    def __init__(self, number: int, size: int) -> None:
        self._number, self._left = number, size

    def take(self, count: int) -> int:
        self._left -= count
        return self._number >> self._left & ((1 << count) - 1)

    def characters(self, bits: int) -> Iterator[int]:
        for _ in range(bits // 7):
            yield self.take(7)


def decode(hexadecimal: str) -> Tag:
    """The EPC of a tag, from its memory in hexadecimal digits.

    Trailing zeros that fill the last word are expected. Raises ValueError where the bits are no
    encoding of a GS1 key.
    """
    text = hexadecimal.strip().replace(" ", "")
    if not text or len(text) > HEX_LENGTH_MAX or len(text) % 2:
        raise ValueError(f"an EPC has 2 to {HEX_LENGTH_MAX} hexadecimal digits, in pairs")
    data = bytes.fromhex(text)
    layout = next((s for s in SCHEMES if s.header == data[0]), None)
    if layout is None:
        raise ValueError(f"header {data[0]:02X} is no known EPC encoding of a GS1 key")
    spare = len(data) * 8 - layout.bits
    if spare < 0:
        raise ValueError(f"{layout.name} needs {layout.bits} bits, {len(data) * 8} are given")
    bits = _Bits(int.from_bytes(data) >> spare, layout.bits)
    bits.take(8)
    filter_value, partition = bits.take(3), bits.take(3)
    if partition == 7:
        raise ValueError("partition 7 is reserved")
    body = ".".join(_decoded_parts(layout, partition, bits))
    uri = f"urn:epc:id:{layout.scheme}:{body}"
    if not identify(uri).scheme:
        raise ValueError(f"{uri} is no valid EPC")
    return Tag(layout.name, filter_value, uri)


def pure_identity(text: str) -> str:
    """The EPC URI of a tag, from its memory in hexadecimal digits or from its tag URI.

    Raises ValueError where the text is neither.

    >>> pure_identity("urn:epc:tag:sgtin-96:3.0614141.812345.6789")
    'urn:epc:id:sgtin:0614141.812345.6789'
    >>> pure_identity("3074257BF7194E4000001A85")
    'urn:epc:id:sgtin:0614141.812345.6789'
    """
    if not text.startswith(_TAG_URI):
        return decode(text).uri
    name, _, rest = text.removeprefix(_TAG_URI).partition(":")
    filter_value, _, body = rest.partition(".")
    layout = next((one for one in SCHEMES if one.name == name), None)
    if layout is None or filter_value not in "01234567" or len(filter_value) != 1:
        raise ValueError(f"{text[:100]!r} is no tag URI of a GS1 key")
    uri = f"urn:epc:id:{layout.scheme}:{body}"
    if not identify(uri).scheme:
        raise ValueError(f"{uri[:100]!r} is no valid EPC")
    return uri


def _decoded_parts(layout: TagScheme, partition: int, bits: _Bits) -> Iterator[str]:
    length = 12 - partition
    yield _fixed(bits.take(_PREFIX_BITS[partition]), length)
    width = layout.reference_bits[partition]
    if not layout.reference_digits:
        yield _text(bits, width) if layout.text_serial else str(bits.take(width))
        return
    digits = layout.reference_digits - length
    number = bits.take(width)
    yield _fixed(number, digits) if digits else ""
    if layout.serial_bits:
        text = layout.text_serial
        yield _text(bits, layout.serial_bits) if text else str(bits.take(layout.serial_bits))


def _fixed(number: int, length: int) -> str:
    digits = str(number).zfill(length)
    if len(digits) > length:
        raise ValueError("a number of the tag is too large for its partition")
    return digits


def _text(bits: _Bits, width: int) -> str:
    characters = list(bits.characters(width))
    end = characters.index(0) if 0 in characters else len(characters)
    if end == 0 or any(characters[end:]):
        raise ValueError("a text of the tag is empty or has a gap")
    return "".join(map(chr, characters[:end])).translate(_URN_SAFE)


def encode(uri: str, *, filter_value: int = 0, name: str | None = None) -> str:
    """The tag memory for a pure identity EPC URI, in upper-case hexadecimal digits.

    The shortest encoding that can hold the serial is chosen unless `name` names one. Raises
    ValueError where none can, or the URI is not of a known scheme.

    >>> encode("urn:epc:id:sgtin:0614141.812345.6789", filter_value=3)
    '3074257BF7194E4000001A85'
    """
    thing = identify(uri)
    if not uri.startswith("urn:epc:id:") or not thing.scheme:
        raise ValueError(f"{uri[:100]!r} is no EPC URN of a GS1 key")
    if not 0 <= filter_value <= 7:
        raise ValueError("a filter value is 0 to 7")
    layouts = [s for s in SCHEMES if s.scheme == thing.scheme and name in (None, s.name)]
    reasons = []
    for layout in layouts:
        try:
            return _encoded(layout, uri, filter_value)
        except ValueError as fault:
            reasons.append(f"{layout.name}: {fault}")
    raise ValueError("; ".join(reasons) or f"{thing.scheme} has no encoding {name or ''}".rstrip())


def _encoded(layout: TagScheme, uri: str, filter_value: int) -> str:
    width = 3 if layout.serial_bits else 2
    parts = uri.split(":", 4)[-1].split(".", width - 1)
    partition = 12 - len(parts[0])
    if not 0 <= partition <= 6:
        raise ValueError("the company prefix must have 6 to 12 digits")
    bits = f"{layout.header:08b}{filter_value:03b}{partition:03b}"
    bits += f"{int(parts[0]):0{_PREFIX_BITS[partition]}b}"
    reference_bits = layout.reference_bits[partition]
    if layout.reference_digits:
        bits += f"{int(parts[1] or 0):0{reference_bits}b}"
        if layout.serial_bits:
            bits += _serial_bits(parts[2], layout.serial_bits, text=layout.text_serial)
    else:
        bits += _serial_bits(parts[1], reference_bits, text=layout.text_serial)
    bits = bits.ljust(-(-layout.bits // 16) * 16, "0")
    return f"{int(bits, 2):0{len(bits) // 4}X}"


def _serial_bits(escaped: str, width: int, *, text: bool) -> str:
    serial = unquote(escaped)
    if text:
        packed = "".join(f"{ord(character):07b}" for character in serial)
        if len(packed) > width or not serial.isascii():
            raise ValueError(f"the serial has more than {width // 7} characters")
        return packed.ljust(width, "0")
    plain = serial.isascii() and serial.isdigit() and (serial == "0" or serial[0] != "0")
    if not plain or int(serial).bit_length() > width:
        raise ValueError(f"the serial is no number of {width} bits without leading zeros")
    return f"{int(serial):0{width}b}"
