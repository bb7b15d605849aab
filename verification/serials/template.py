"""The shape of a pool's serial numbers: fixed characters and places for others.

`PL-##########` over the alphabet `0123456789` is `PL-` and ten digits. `#` is no character that a
serial number may have (GS1 General Specifications, figure 7.11-1), so it needs no escape.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import Final

from schemas.gs1.content_rules import check_digit
from schemas.refusal import Refused
from verification.serials.ff1 import DOMAIN_MIN, LENGTH_MIN, RADIX_MAX

PLACE: Final = "#"
ALPHABETS: Final = {
    "digits": string.digits,
    "unambiguous": "ABCDEFGHJKLMNPQRSTUVWXYZ23456789",
    "alphanumeric": string.digits + string.ascii_uppercase,
}
"""Alphabets by name; `unambiguous` has no I, O, 0 and 1, which people mistake for each other."""
GUESSES_MIN: Final = 10_000
"""One guess in so many may hit at most: less than that (2016/161 Art. 4(c))."""
SERIAL_CHARS_MAX: Final = 20
SSCC_DIGITS: Final = 18
PLACES_MAX: Final = 10**15
"""Numbers of one pool: places are kept as 64-bit integers."""
_TEXT = re.compile(r"[!-\"%-?A-Z_a-z#]{1,20}\Z")
_CODE = re.compile(r"\d{14}\Z")
_SSCC_START = re.compile(r"\d{5,13}\Z")
"""Extension digit and a GS1 Company Prefix of 4 to 12 digits."""


class SerialsRefused(Refused):
    """A pool, grant or report was declined; nothing was changed."""


@dataclass(frozen=True, slots=True)
class SerialTemplate:
    """What numbers of a pool look like.

    >>> shape = SerialTemplate("PL-######", "0123456789")
    >>> shape.space, shape.write(42), shape.read("PL-000042"), shape.read("PL-00004X")
    (1000000, 'PL-000042', 42, None)
    """

    text: str
    alphabet: str

    def __post_init__(self) -> None:
        if not _TEXT.match(self.text):
            raise SerialsRefused(
                f"template {self.text[:40]!r}: write 1 to {SERIAL_CHARS_MAX} characters of GS1"
                " charset 82, with # for each place that changes"
            )
        letters = self.alphabet
        if len(set(letters)) != len(letters) or not LENGTH_MIN <= len(letters) <= RADIX_MAX:
            raise SerialsRefused(f"an alphabet has 2 to {RADIX_MAX} different characters")
        if PLACE in letters or not all(_TEXT.match(one) for one in letters):
            raise SerialsRefused("an alphabet has characters of GS1 charset 82 only, # is none")

    @property
    def places(self) -> int:
        """How many characters change."""
        return self.text.count(PLACE)

    @property
    def space(self) -> int:
        """How many numbers have this shape."""
        return int(len(self.alphabet) ** self.places)

    @property
    def unguessable_max(self) -> int:
        """So many of them at most, that a guess hits one with less than 1 in 10,000."""
        return (self.space - 1) // GUESSES_MIN

    @property
    def is_wide_enough(self) -> bool:
        """Whether numbers of this shape can be drawn at random."""
        return self.places >= LENGTH_MIN and self.space >= DOMAIN_MIN

    def write(self, number: int) -> str:
        """A number from 0 to below `space` as a serial number."""
        digits = []
        for _ in range(self.places):
            number, rest = divmod(number, len(self.alphabet))
            digits.append(self.alphabet[rest])
        return "".join(digits.pop() if one == PLACE else one for one in self.text)

    def read(self, serial: str) -> int | None:
        """The number of a serial number; None where it has another shape."""
        if len(serial) != len(self.text):
            return None
        number = 0
        for fixed, sign in zip(self.text, serial, strict=True):
            if fixed == PLACE:
                at = self.alphabet.find(sign)
                if at < 0:
                    return None
                number = number * len(self.alphabet) + at
            elif fixed != sign:
                return None
        return number

    def may_share(self, other: SerialTemplate) -> bool:
        """Whether some serial number has both shapes.

        >>> digits = SerialTemplate("A###", "0123456789")
        >>> digits.may_share(SerialTemplate("B###", "0123456789"))
        False
        """
        if len(self.text) != len(other.text):
            return False
        return all(
            self._signs(one) & other._signs(two)  # another of this class
            for one, two in zip(self.text, other.text, strict=True)
        )

    def _signs(self, one: str) -> set[str]:
        return set(self.alphabet) if one == PLACE else {one}


def checked_code(code: str, *, is_sscc: bool) -> str:
    """A GTIN-14, or the first digits of SSCCs. Raises SerialsRefused."""
    if is_sscc:
        if not _SSCC_START.match(code):
            raise SerialsRefused(
                "an SSCC pool begins with the extension digit and the GS1 Company Prefix,"
                f" 5 to 13 digits, not {code[:40]!r}"
            )
        return code
    whole = code.zfill(14)
    if not _CODE.match(whole) or check_digit(whole[:-1]) != whole[-1]:
        raise SerialsRefused(f"{code[:40]!r} is no GTIN: its check digit or length is wrong")
    return whole


def sscc_of(start: str, reference: str) -> str:
    """The SSCC of a serial reference, with its check digit.

    >>> sscc_of("00614141", "123456789")
    '006141411234567890'
    """
    digits = start + reference
    return digits + check_digit(digits)


def changing_part(code: str, serial: str, *, is_sscc: bool) -> str:
    """What a template describes: a serial number, or the reference of an SSCC; else nothing.

    >>> changing_part("00614141", "006141411234567890", is_sscc=True)
    '123456789'
    """
    if not is_sscc:
        return serial
    body = serial[len(code) : -1]
    return body if serial == sscc_of(code, body) else ""
