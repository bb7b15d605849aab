"""The packed keys of an event's EPCs, worked out for whole lists.

Most lists name serials of one product: then the product is looked at once, and the serials are the
numbers that the event's payload keeps anyway (`payload.Run`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from epcis.database.columns import pack_key
from epcis.store.payload import run_of
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Sequence

LISTS_REMEMBERED_MAX = 256
"""Lists whose keys are remembered: the packs of a case are commissioned, then packed."""
LIST_REMEMBERED_EPCS_MAX = 1000
_PRODUCT_BYTES, _HEAD_BYTES = 7, 8
"""Of a packed key: shape and GTIN; with the number of digits of a serial in digits."""


def packed_keys(epcs: Sequence[str]) -> tuple[bytes, ...]:
    """The packed canonical keys of EPCs in order, each once.

    >>> keys = packed_keys(["urn:epc:id:sgtin:9521321.000001.7"])
    >>> keys[0] == pack_key("/01/09521321000018/21/7")
    True
    """
    if len(epcs) > LIST_REMEMBERED_EPCS_MAX:
        return _packed_keys(tuple(epcs))
    return _remembered(tuple(epcs))


def _packed_keys(epcs: tuple[str, ...]) -> tuple[bytes, ...]:
    run = run_of(epcs)
    head = _head_of(run.start, run.digits) if run is not None else None
    if run is None or head is None:
        return tuple(dict.fromkeys([pack_key(canonical_key(epc)) for epc in epcs]))
    numbers = run.numbers
    size = len(numbers) // len(epcs)
    return tuple(
        dict.fromkeys([head + numbers[at : at + size] for at in range(0, len(numbers), size)])
    )


_remembered = lru_cache(LISTS_REMEMBERED_MAX)(_packed_keys)


@lru_cache(maxsize=4096)
def _head_of(start: str, digits: int) -> bytes | None:
    """How the packed keys begin of EPCs that are `start` and so many digits; None for others.

    Two EPCs are tried, the first and the last of all: where their keys end with their digits, these
    are the serial and nothing else.
    """
    first, last = (canonical_key(start + digit * digits) for digit in "09")
    is_serial = first.endswith("/21/" + "0" * digits) and last == first[:-digits] + "9" * digits
    packed = pack_key(first)
    return packed[:_HEAD_BYTES] if is_serial and packed[:1] == b"\x01" else None


def by_product(keys: tuple[bytes, ...]) -> dict[str | None, tuple[bytes, ...]]:
    """Packed keys by their GTIN-14; under None what is no trade item.

    >>> by_product((pack_key("/01/09521321000018/21/A"), pack_key("/00/095213210000000014"))).keys()
    dict_keys(['09521321000018', None])
    """
    if len({key[:_PRODUCT_BYTES] for key in keys}) == 1 and keys[0][0] in _OF_PRODUCTS:
        return {product_of(keys[0]): keys}
    found: dict[str | None, list[bytes]] = {}
    for key in keys:
        found.setdefault(product_of(key), []).append(key)
    return {product: tuple(some) for product, some in found.items()}


def product_of(key: bytes) -> str | None:
    """The GTIN-14 of a packed key of a trade item, None for other things.

    >>> product_of(pack_key("/01/09521321000018/21/A"))
    '09521321000018'
    """
    if key[0] in _OF_PRODUCTS:
        return f"{int.from_bytes(key[1:7], 'big'):014d}"
    return key[5:19].decode("utf-8", "surrogatepass") if key[:5] == b"\x00/01/" else None


_OF_PRODUCTS = frozenset(
    pack_key(f"/01/09521321000018{tail}")[0] for tail in ("", "/21/1", "/21/A", "/10/L")
)
