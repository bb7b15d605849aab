"""BER and DER (X.690) on the disk: find the parts of a large structure without reading it whole.

What partners send is hostile until its signature is checked, so depth and number of elements are
bounded: a structure of nothing but tiny elements ends with a refusal, not after an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.exchange.spool import Region

SMALL_BYTES_MAX: Final = 1024 * 1024
"""Everything but the content itself: recipients, certificates, attributes."""
DEPTH_MAX: Final = 12
ELEMENTS_MAX: Final = 2_000
BYTES_AN_ELEMENT: Final = 128
"""Senders cut content into pieces of 1,000 bytes and more; this many are allowed for each one."""
INTEGER, OCTETS, NULL, OID = 0x02, 0x04, 0x05, 0x06
SEQUENCE, SET, CONTEXT_0, CONTEXT_1 = 0x30, 0x31, 0xA0, 0xA1
_CONSTRUCTED: Final = 0x20
_HEAD_BYTES_MAX: Final = 11


class BerRefused(Refused):
    """These bytes are not the structure they should be."""


@dataclass(frozen=True, slots=True)
class BerElement:
    """One element: where it begins, where its content is."""

    tag: int
    at: int
    start: int
    end: int | None
    """None: it ends with an end-of-contents element (indefinite length)."""

    @property
    def is_end(self) -> bool:
        """Whether it is the mark that ends an element of indefinite length."""
        return self.tag == 0 and self.start == self.end


class BerReader:
    """Finds elements in some bytes."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self._left = ELEMENTS_MAX + region.size_bytes // BYTES_AN_ELEMENT

    def element(self, at: int) -> BerElement:
        """The element that begins at `at`. Raises `BerRefused`."""
        self._left -= 1
        if self._left < 0:
            raise BerRefused("it is made of too many tiny pieces")
        head = self.region.at(at, _HEAD_BYTES_MAX)
        if len(head) < 2 or head[0] & 0x1F == 0x1F:
            raise BerRefused(f"no element begins at byte {at}")
        tag, first = head[0], head[1]
        if first == 0x80:
            if not tag & _CONSTRUCTED:
                raise BerRefused(f"the element at byte {at} has no length")
            return BerElement(tag, at, at + 2, None)
        count = first & 0x7F if first & 0x80 else 0
        if count > 8 or len(head) < 2 + count:
            raise BerRefused(f"the element at byte {at} has no true length")
        size = int.from_bytes(head[2 : 2 + count], "big") if count else first
        start = at + 2 + count
        if start + size > self.region.size_bytes:
            raise BerRefused(f"the element at byte {at} ends after the end of the message")
        return BerElement(tag, at, start, start + size)

    def children(self, parent: BerElement) -> Iterator[BerElement]:
        """The elements inside one, one after the other."""
        at = parent.start
        while parent.end is None or at < parent.end:
            one = self.element(at)
            if parent.end is None and one.is_end:
                return
            yield one
            at = self.after(one)
        if parent.end is not None and at != parent.end:
            raise BerRefused(f"the element at byte {parent.at} is longer than its content")

    def after(self, element: BerElement, *, depth: int = 0) -> int:
        """Where the next element begins."""
        if element.end is not None:
            return element.end
        if depth > DEPTH_MAX:
            raise BerRefused("it is nested too deeply")
        at = element.start
        while True:
            one = self.element(at)
            if one.is_end:
                return at + 2
            at = self.after(one, depth=depth + 1)

    def raw(self, element: BerElement) -> bytes:
        """A small element with its head. Raises `BerRefused` where it is not small."""
        end = self.after(element)
        if end - element.at > SMALL_BYTES_MAX:
            raise BerRefused(f"the element at byte {element.at} is too large")
        return self.region.at(element.at, end - element.at)

    def octets(self, element: BerElement, *, depth: int = 0) -> Iterator[bytes]:
        """The bytes of a string, which may be made of several."""
        if not element.tag & _CONSTRUCTED:
            yield from self.region.part(element.start, element.end).chunks()
            return
        if depth > DEPTH_MAX:
            raise BerRefused("it is nested too deeply")
        for one in self.children(element):
            if one.tag & ~_CONSTRUCTED != OCTETS:
                raise BerRefused(f"the element at byte {one.at} is no string of bytes")
            yield from self.octets(one, depth=depth + 1)


def der_head(tag: int, size_bytes: int) -> bytes:
    """Tag and length in DER.

    >>> der_head(0x30, 3).hex(), der_head(0x04, 300).hex()
    ('3003', '0482012c')
    """
    if size_bytes < 0x80:
        return bytes((tag, size_bytes))
    length = size_bytes.to_bytes((size_bytes.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length


def der(tag: int, *contents: bytes) -> bytes:
    """A whole element in DER.

    >>> der(0x30, der(0x02, bytes([1]))).hex()
    '3003020101'
    """
    content = b"".join(contents)
    return der_head(tag, len(content)) + content


def der_oid(dotted: str) -> bytes:
    """An object identifier in DER.

    >>> der_oid("1.2.840.113549.1.7.1").hex()
    '06092a864886f70d010701'
    """
    first, second, *rest = map(int, dotted.split("."))
    made = bytearray()
    for number in (first * 40 + second, *rest):
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        made.extend(reversed(groups))
    return der(OID, bytes(made))
