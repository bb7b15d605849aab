"""GS1 keys as values: a thing that exists is valid, prints as it parses, and links both ways."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.gs1.content_rules import has_check_digit


def _checked(text: str, lengths: tuple[int, ...], name: str) -> str:
    number = text.strip()
    if not (number.isascii() and number.isdigit() and len(number) in lengths):
        shown = " or ".join(str(n) for n in lengths)
        raise ValueError(f"{name} needs {shown} digits: {text!r}")
    if not has_check_digit(number):
        raise ValueError(f"check digit of {name} {number} is wrong")
    return number


@dataclass(frozen=True, slots=True, order=True)
class Gtin:
    """A Global Trade Item Number, held with 14 digits (General Specifications 3.3.2).

    >>> str(Gtin.parse("4006381333931"))
    '04006381333931'
    """

    value: str

    @classmethod
    def parse(cls, text: str) -> Gtin:
        """Read 8, 12, 13 or 14 digits; raises ValueError where they are no GTIN."""
        return cls(_checked(text, (8, 12, 13, 14), "GTIN").zfill(14))

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class Sscc:
    """A Serial Shipping Container Code (General Specifications 3.3.1).

    >>> str(Sscc.parse("195060001234567890"))
    '195060001234567890'
    """

    value: str

    @classmethod
    def parse(cls, text: str) -> Sscc:
        """Read 18 digits; raises ValueError where they are no SSCC."""
        return cls(_checked(text, (18,), "SSCC"))

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class Gln:
    """A Global Location Number (General Specifications 3.7.9).

    >>> str(Gln.parse("9506000134352"))
    '9506000134352'
    """

    value: str

    @classmethod
    def parse(cls, text: str) -> Gln:
        """Read 13 digits; raises ValueError where they are no GLN."""
        return cls(_checked(text, (13,), "GLN"))

    def __str__(self) -> str:
        return self.value
