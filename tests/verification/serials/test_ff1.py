"""FF1 against the samples of NIST and against the standard written out number by number."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from verification.serials.ff1 import Permutation

SAMPLES = (
    ("2B7E151628AED2A6ABF7158809CF4F3C", 10, 10, 123456789, 2433477484),
    (
        "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94",
        10,
        10,
        123456789,
        6657667009,
    ),
)
"""SP 800-38G, FF1 samples 1 and 7: key, radix, numerals, plain text, cipher text."""


@pytest.mark.parametrize(("key", "radix", "length", "plain", "cipher"), SAMPLES)
def test_the_samples_of_the_standard(key, radix, length, plain, cipher):
    permutation = Permutation(bytes.fromhex(key), radix, length)
    assert permutation.mix([plain]) == [cipher]
    assert permutation.mix([cipher], back=True) == [plain]


def textbook(key: bytes, radix: int, length: int, number: int) -> int:
    """Algorithm 7 of SP 800-38G, step by step, with Python's own numbers and an empty tweak."""

    def aes(block: bytes) -> bytes:
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)

    u = length // 2
    v = length - u
    a, b = divmod(number, radix**v)
    width = -(-(radix**v - 1).bit_length() // 8)
    d = 4 * -(-width // 4) + 4
    p = bytes([1, 2, 1]) + radix.to_bytes(3, "big") + bytes([10, u % 256])
    p += length.to_bytes(4, "big") + bytes(4)
    for i in range(10):
        q = bytes((-width - 1) % 16) + bytes([i]) + b.to_bytes(width, "big")
        mac = bytes(16)
        for at in range(0, len(p + q), 16):
            mac = aes(bytes(x ^ y for x, y in zip(mac, (p + q)[at : at + 16], strict=True)))
        modulus = radix ** (u if i % 2 == 0 else v)
        a, b = b, (a + int.from_bytes(mac[:d], "big")) % modulus
    return a * radix**v + b


@given(
    st.binary(min_size=32, max_size=32),
    st.integers(2, 64),
    st.integers(2, 20),
    st.lists(st.integers(0, 2**62), min_size=1, max_size=5),
)
def test_it_is_the_standard_for_every_radix_and_length(key, radix, length, numbers):
    if radix**length < 1_000_000:
        with pytest.raises(ValueError, match="FF1 needs"):
            Permutation(key, radix, length)
        return
    numbers = [number % radix**length for number in numbers]
    permutation = Permutation(key, radix, length)
    mixed = permutation.mix(numbers)
    assert mixed == [textbook(key, radix, length, number) for number in numbers]
    assert permutation.mix(mixed, back=True) == numbers
