"""How the store writes what it keeps: packed item keys, instants as microseconds, digests.

Statements elsewhere speak of texts and datetimes; the column types here do the packing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import ColumnElement, Dialect

    from epcis.database.transactions import Snapshot

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_OTHER, _SGTIN_DIGITS, _SGTIN_TEXT, _SSCC, _GLN, _GTIN, _LGTIN = range(7)
_SERIAL_DIGITS_MAX = 20
_SERIAL_BYTES = tuple(((10**digits - 1).bit_length() + 7) // 8 for digits in range(21))
_WIDTHS = tuple(bytes((digits,)) for digits in range(21))
_GTIN_BYTES, _SSCC_BYTES = 6, 8
_STARTS_MAX = 100_000
_UNPACKED_AT_ONCE = 1000
_AFTER_GTIN = {_SGTIN_TEXT: "/21/", _LGTIN: "/10/", _GTIN: ""}


def pack_key(key: str) -> bytes:
    """A canonical key as few bytes: GTIN in 6, SSCC in 8, an all-digit serial as a number.

    Packing is one to one and keeps keys of one GTIN together; what has no known shape is kept as
    its UTF-8 text.

    >>> len(pack_key("/01/09521321000017/21/123456789012"))
    13
    >>> unpack_key(pack_key("/01/09521321000017/21/007"))
    '/01/09521321000017/21/007'
    """
    start = _starts.get(key[:22])
    if start is not None and (key.isascii() and (digits := key[22:]).isdigit()):
        width = len(digits)
        if width <= _SERIAL_DIGITS_MAX:
            return start + _WIDTHS[width] + int(digits).to_bytes(_SERIAL_BYTES[width], "big")
    if key[:4] == "/01/":
        return _pack_gtin(key)
    if key[:4] == "/00/" and len(key) == 22 and _all_digits(key[4:]):
        return b"\x03" + int(key[4:]).to_bytes(_SSCC_BYTES, "big")
    if key[:5] == "/414/" and _all_digits(key[5:18]) and len(key) >= 18:
        extension = key[18:]
        if not extension or (extension[:5] == "/254/" and len(extension) > 5):
            return b"\x04" + int(key[5:18]).to_bytes(_GTIN_BYTES, "big") + extension[5:].encode()
    return b"\x00" + key.encode("utf-8", "surrogatepass")


def _pack_gtin(key: str) -> bytes:
    head = _gtin_head(key[4:18])
    if head is None:
        return b"\x00" + key.encode("utf-8", "surrogatepass")
    kind, rest = key[18:22], key[22:]
    if kind == "/21/" and rest:
        if len(_starts) < _STARTS_MAX:
            _starts[key[:22]] = b"\x01" + head
        width = len(rest)
        if width <= _SERIAL_DIGITS_MAX and rest.isdigit() and rest.isascii():
            return b"\x01%s%c%s" % (head, width, int(rest).to_bytes(_SERIAL_BYTES[width], "big"))
        return b"\x02" + head + rest.encode("utf-8", "surrogatepass")
    if kind == "/10/" and rest:
        return b"\x06" + head + rest.encode("utf-8", "surrogatepass")
    if not kind:
        return b"\x05" + head
    return b"\x00" + key.encode("utf-8", "surrogatepass")


_starts: dict[str, bytes] = {}
"""`/01/{gtin}/21/` -> shape and GTIN, for the products seen."""


@lru_cache(maxsize=4096)
def _gtin_head(gtin: str) -> bytes | None:
    if len(gtin) != 14 or not _all_digits(gtin):
        return None
    return int(gtin).to_bytes(_GTIN_BYTES, "big")


def unpack_keys(rows: Iterable[tuple[bytes]]) -> Iterator[str]:
    """Many keys of few products, faster than one by one; rows of one column.

    >>> list(unpack_keys([(pack_key("/01/09521321000018/21/007"),)]))
    ['/01/09521321000018/21/007']
    """
    return chain.from_iterable(_unpacked(iter(rows)))


def _unpacked(rows: Iterator[tuple[bytes]]) -> Iterator[Iterable[str]]:
    while some := [one for (one,) in islice(rows, _UNPACKED_AT_ONCE)]:
        yield _alike(some) or map(unpack_key, some)


def _alike(keys: list[bytes]) -> list[str] | None:
    """Keys of serials of one product, all of so many digits, in one go; None for others."""
    first = keys[0]
    if first[0] != _SGTIN_DIGITS or max(map(len, keys)) > len(first):
        return None
    # A one before the digits of each serial keeps its zeros, and marks where it begins.
    one = 10 ** first[7]
    start = int.from_bytes(first[:8] + bytes(len(first) - 8), "big") - one
    numbers = [number - start for number in map(int.from_bytes, keys)]
    if min(numbers) < one or max(numbers) >= 2 * one:
        return None  # of another product, or so many digits
    head = f"/01/{int.from_bytes(first[1:7], 'big'):014d}/21/"
    return f", {repr(numbers)[1:-1]}".replace(", 1", f"\n{head}").split("\n")[1:]


def _all_digits(text: str) -> bool:
    return text.isdigit() and text.isascii()


def unpack_key(packed: bytes) -> str:
    """The canonical key of a packed one; the inverse of `pack_key`."""
    shape = packed[0]
    if shape == _OTHER:
        return packed[1:].decode("utf-8", "surrogatepass")
    if shape == _SSCC:
        return f"/00/{int.from_bytes(packed[1:], 'big'):018d}"
    number, rest = int.from_bytes(packed[1:7], "big"), packed[7:]
    if shape == _SGTIN_DIGITS:
        return f"/01/{number:014d}/21/{int.from_bytes(rest[1:], 'big'):0{rest[0]}d}"
    text = rest.decode("utf-8", "surrogatepass")
    if shape == _GLN:
        return f"/414/{number:013d}/254/{text}" if text else f"/414/{number:013d}"
    return f"/01/{number:014d}{_AFTER_GTIN[shape]}{text}"


def microseconds(moment: datetime) -> int:
    """A point in time as microseconds since 1970-01-01 UTC.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds_since_1970: int) -> datetime:
    """The inverse of `microseconds`, in UTC.

    >>> moment_of(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return _EPOCH + microseconds_since_1970 * _MICROSECOND


class ItemKey(TypeDecorator[str]):
    """A canonical key (`/01/{gtin14}/21/{serial}`), stored packed."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Pack on the way in."""
        return None if value is None else pack_key(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Unpack on the way out."""
        return None if value is None else unpack_key(bytes(value))


class Instant(TypeDecorator[datetime]):
    """A point in time, stored as whole microseconds since 1970 UTC; sorts and compares."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002  # SQLAlchemy's signature
        """A datetime with a zone on the way in."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """A datetime in UTC on the way out."""
        return None if value is None else moment_of(value)


def by_bytes(snapshot: Snapshot, text: ColumnElement[str]) -> ColumnElement[str]:
    """A text to sort by: by the bytes of its UTF-8."""
    return text if snapshot.is_sqlite else text.collate("C")
