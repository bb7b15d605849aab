"""How many bits of a number of 64 are set: PostgreSQL knows it, SQLite gets a function."""

from __future__ import annotations

BITS_SET = "bits_set"
_ALL_BITS = (1 << 64) - 1


def bits_set(mask: int) -> int:
    """The number of bits that are set in a signed 64-bit number.

    >>> bits_set(6), bits_set(-1)
    (2, 64)
    """
    return (mask & _ALL_BITS).bit_count()
