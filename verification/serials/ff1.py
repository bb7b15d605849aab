"""FF1: a keyed permutation of all serial numbers of one shape (NIST SP 800-38G, AES-256).

Place 0, 1, 2 ... of a pool becomes a serial number that nobody without the key can tell from a
random one, and no two places become the same. All numbers of a portion are computed together:
NumPy holds the two halves as 64-bit numbers, one AES call enciphers a round of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.uint64]

ROUNDS = 10
RADIX_MAX = 64
"""Characters in an alphabet: half of 20 characters, and a sum of two such, fit into 64 bits."""
LENGTH_MIN = 2
LENGTH_MAX = 20
DOMAIN_MIN = 1_000_000
"""Fewer numbers are no protection (SP 800-38G Revision 1, section 5)."""
_WORD_BITS = 32
_BLOCK_BYTES = 16


@dataclass(frozen=True, slots=True)
class Permutation:
    """FF1 without a tweak over `length` numerals of `radix`.

    >>> key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    >>> of_ten_digits = Permutation(key, radix=10, length=10)
    >>> of_ten_digits.mix([123456789])
    [2433477484]
    >>> of_ten_digits.mix([2433477484], back=True)
    [123456789]
    """

    key: bytes
    """16, 24 or 32 bytes."""
    radix: int
    length: int
    """Numerals of a number."""

    def __post_init__(self) -> None:
        if not LENGTH_MIN <= self.length <= LENGTH_MAX or not LENGTH_MIN <= self.radix <= RADIX_MAX:
            raise ValueError("FF1 runs here over 2 to 20 numerals of radix 2 to 64")
        if self.radix**self.length < DOMAIN_MIN:
            raise ValueError(f"FF1 needs {DOMAIN_MIN} numbers or more")

    def mix(self, numbers: list[int], *, back: bool = False) -> list[int]:
        """The numbers that these become, or with `back` those that became these."""
        left, right = self.halves(*self._split(numbers), back=back)
        size = self.sizes[1]
        return [one * size + two for one, two in zip(left.tolist(), right.tolist(), strict=True)]

    @property
    def sizes(self) -> tuple[int, int]:
        """How many values the left and the right half have."""
        left = self.length // 2
        return self.radix**left, self.radix ** (self.length - left)

    def halves(
        self, left: Numbers, right: Numbers, *, back: bool = False
    ) -> tuple[Numbers, Numbers]:
        """Both halves of each number after all rounds, or before them where `back`."""
        sizes = self.sizes
        for number in reversed(range(ROUNDS)) if back else range(ROUNDS):
            modulus = sizes[number % 2]
            if back:
                mask = self._mask(number, left, modulus)
                left, right = (right + _uint64(modulus) - mask) % _uint64(modulus), left
            else:
                mask = self._mask(number, right, modulus)
                left, right = right, (left + mask) % _uint64(modulus)
        return left, right

    def _mask(self, number: int, half: Numbers, modulus: int) -> Numbers:
        """What round `number` adds: AES-CBC-MAC over the parameters and the other half."""
        import numpy as np  # few commands and routes need it

        width = ((self.sizes[1] - 1).bit_length() + 7) // 8
        words = (width + 3) // 4 + 1
        blocks = np.zeros((half.size, _BLOCK_BYTES), np.uint8)
        blocks[:, -8:] = half.astype(">u8").view(np.uint8).reshape(-1, 8)
        blocks[:, -1 - width] = number
        blocks ^= np.frombuffer(self._aes(self._parameters()), np.uint8)
        mixed = np.frombuffer(self._aes(blocks.tobytes()), ">u4").reshape(-1, 4)
        # The sum's remainder, as many bits at a time as leave room in 64.
        room = 64 - (modulus - 1).bit_length()
        step = max(bits for bits in (1, 2, 4, 8, 16, _WORD_BITS) if bits <= room)
        rest = np.zeros(half.size, np.uint64)
        for at in range(words):
            word = mixed[:, at].astype(np.uint64)
            for shift in range(_WORD_BITS - step, -1, -step):
                piece = (word >> _uint64(shift)) & _uint64((1 << step) - 1)
                rest = ((rest << _uint64(step)) | piece) % _uint64(modulus)
        return rest

    def _parameters(self) -> bytes:
        """The block P of the standard."""
        left = self.length // 2
        head = bytes([1, 2, 1]) + self.radix.to_bytes(3, "big") + bytes([ROUNDS, left])
        return head + self.length.to_bytes(4, "big") + bytes(4)

    def _aes(self, blocks: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # as above

        # Single blocks are what FF1 asks for; nothing is hidden by this mode.
        return Cipher(algorithms.AES(self.key), modes.ECB()).encryptor().update(blocks)  # noqa: S305  # as the comment says

    def _split(self, numbers: list[int]) -> tuple[Numbers, Numbers]:
        import numpy as np  # as above

        right = self.sizes[1]
        pairs = [divmod(number, right) for number in numbers]
        both = np.array(pairs, np.uint64).reshape(-1, 2)
        return both[:, 0], both[:, 1]


def _uint64(number: int) -> np.uint64:
    import numpy as np  # as above

    return np.uint64(number)
