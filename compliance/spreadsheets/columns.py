"""The columns of our sheets: what each holds, and how its text becomes a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.gs1.keys import Gln, Gtin, Sscc
from verification.serials.guessable import TEXT_82

if TYPE_CHECKING:
    from collections.abc import Callable

_QUANTITY_MAX = 1_000_000_000


class SheetColumn(NamedTuple):
    """One column of ours."""

    name: str
    says: str
    """What it holds, for the reference."""
    value: Callable[[str], str]
    """The text of a cell as it is kept. Raises ValueError."""
    is_needed: bool = False
    is_day: bool = False
    """Read as the map of the sheet says, and given to `value` as in ISO 8601."""


def gtin(text: str) -> str:
    """A GTIN-8 to GTIN-14, or a Digital Link, as GTIN-14."""
    return str(Gtin.parse(_digits_kept(text, Gtin.number_lengths)))


def gln(text: str) -> str:
    """A GLN of 13 digits."""
    return str(Gln.parse(_digits_kept(text, Gln.number_lengths)))


def sscc(text: str) -> str:
    """An SSCC of 18 digits."""
    return str(Sscc.parse(_digits_kept(text, Sscc.number_lengths)))


def _digits_kept(text: str, lengths: tuple[int, ...]) -> str:
    """Digits to which a spreadsheet, that took them for a number, left no zeros in front."""
    is_cut = text.isdigit() and min(lengths) <= len(text) < max(lengths)
    return text.zfill(min(one for one in lengths if one >= len(text))) if is_cut else text


def text_82(text: str) -> str:
    """A lot or serial number: 1 to 20 characters of GS1 character set 82."""
    if not TEXT_82.match(text):
        raise ValueError("1 to 20 characters of GS1 character set 82 are needed, without spaces")
    return text


def quantity(text: str) -> str:
    """A whole number of packs, at least one."""
    if not text.isdigit() or not 1 <= int(text) <= _QUANTITY_MAX:
        raise ValueError("a whole number of packs is needed, at least 1")
    return str(int(text))


def words(text: str) -> str:
    """Any text."""
    return text


def country(text: str) -> str:
    """A country by its two letters (ISO 3166-1)."""
    if not (len(text) == 2 and text.isascii() and text.isalpha()):
        raise ValueError("a country is two letters, as in US or DE")
    return text.upper()


_GTIN = SheetColumn("gtin", "GTIN of the product, 8 to 14 digits", gtin, is_needed=True)
PRODUCTS = (
    _GTIN,
    SheetColumn("name", "name on the pack", words, is_needed=True),
    SheetColumn("manufacturer", "its manufacturer", words),
    SheetColumn("strength", "strength, as in 20 mg", words),
    SheetColumn("form", "dosage form, as in tablet", words),
    SheetColumn("content", "content of the pack, as in 30 tablets", words),
)
PLACES = (
    SheetColumn("gln", "GLN of the place or company", gln, is_needed=True),
    SheetColumn("name", "its name", words, is_needed=True),
    SheetColumn("street", "street and number", words),
    SheetColumn("city", "city", words),
    SheetColumn("postcode", "postal code", words),
    SheetColumn("country", "country, two letters", country),
)
STOCK = (
    _GTIN,
    SheetColumn("serial", "serial number of one pack; else give a quantity", text_82),
    SheetColumn("quantity", "packs of the lot, where they have no serial numbers", quantity),
    SheetColumn("lot", "lot", text_82, is_needed=True),
    SheetColumn("expiry", "last day of use", words, is_needed=True, is_day=True),
    SheetColumn("place", "GLN of the place where it is", gln, is_needed=True),
    SheetColumn("container", "SSCC of the case or pallet it is in", sscc),
)
