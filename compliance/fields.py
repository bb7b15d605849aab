"""The values that forms and bodies carry, each checked by its own type before any route sees it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.gs1.keys import Gtin
from verification.serials.guessable import TEXT_82


def _gtin14(text: str) -> str:
    return str(Gtin.parse(text.strip()))


def _charset_82(text: str) -> str:
    if not TEXT_82.match(text):
        raise ValueError("1 to 20 characters of GS1 character set 82 are needed")
    return text


GtinText = Annotated[str, Field(max_length=20), AfterValidator(_gtin14)]
"""A GTIN-8 to GTIN-14 as it was typed; read as GTIN-14."""
LotText = Annotated[str, Field(max_length=20), AfterValidator(_charset_82)]
"""A lot, GS1 Application Identifier 10."""
SerialText = Annotated[str, Field(max_length=20), AfterValidator(_charset_82)]
"""A serial number, GS1 Application Identifier 21."""
