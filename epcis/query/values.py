"""Typed values of query parameters, from a URL, a JSON body or a SOAP message.

A URL has only text, with `|` between the members of a list; JSON and SOAP have lists, numbers and
booleans. Every reader raises `BadValue` with a sentence that says what was expected.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from epcis.model import instant_of
from epcis.units import number

if TYPE_CHECKING:
    from datetime import datetime

VALUES_MAX: Final = 1000
"""Most members of one parameter's list."""
TEXT_LENGTH_MAX: Final = 4096
"""Longest single text of a parameter."""
COUNT_MAX: Final = 2**31 - 1
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LOST_PLUS: Final = re.compile(r"(T[\d:.]+) (\d{2}:?\d{2})$")


class BadValue(ValueError):  # noqa: N818  # says what it is
    """A value of the wrong kind; the text says what was expected."""


class TooMuch(ValueError):  # noqa: N818  # says what it is
    """More than a query may ask at once."""


class Piped(str):
    """A parameter's text from a URL, where `|` separates the members of a list."""

    __slots__ = ()


def texts(raw: object) -> tuple[str, ...]:
    """A list of texts, at least one, none empty.

    >>> texts(Piped("shipping|receiving")), texts(["a|b"])
    (('shipping', 'receiving'), ('a|b',))
    """
    return tuple(str(member) for member in _members(raw, (str,), "a list of texts"))


def _members(raw: object, kinds: tuple[type, ...], wanted: str) -> list[object]:
    if isinstance(raw, Piped):
        members: list[object] = [*raw.split("|")]
    elif isinstance(raw, list | tuple):
        members = list(raw)
    else:
        members = [raw]
    if not members:
        raise BadValue(f"must be {wanted}, and the list is empty")
    if len(members) > VALUES_MAX:
        raise TooMuch(f"lists more than {VALUES_MAX} values")
    for member in members:
        if not isinstance(member, kinds) or isinstance(member, bool):
            raise BadValue(f"must be {wanted}")
        if isinstance(member, str):
            _checked(member)
    return members


def _checked(text: str) -> str:
    if not text.strip():
        raise BadValue("holds an empty value")
    if len(text) > TEXT_LENGTH_MAX:
        raise TooMuch(f"holds a text longer than {TEXT_LENGTH_MAX} characters")
    if _NO_TEXT.search(text):
        raise BadValue("holds a character that no text may have")
    return text


def one_text(raw: object) -> str:
    """A single text."""
    if isinstance(raw, list | tuple) and len(raw) == 1:
        raw = raw[0]
    if not isinstance(raw, str):
        raise BadValue("must be one text")
    return _checked(str(raw))


def moment(raw: object) -> datetime:
    """A point in time, ISO 8601; without a zone it is UTC.

    >>> moment(Piped("2026-01-01T00:00:00 01:00")).isoformat()
    '2025-12-31T23:00:00+00:00'
    """
    text = one_text(raw)
    if isinstance(raw, Piped):  # a plus sign not written as %2B arrives as a space
        text = _LOST_PLUS.sub(r"\1+\2", text)
    if "T" not in text:
        raise BadValue(f"'{text[:60]}' is not a date and time such as 2026-01-31T12:00:00Z")
    try:
        return instant_of(text)
    except (ValueError, OverflowError):
        raise BadValue(
            f"'{text[:60]}' is not a date and time such as 2026-01-31T12:00:00Z"
        ) from None


def amount(raw: object) -> Decimal:
    """One number."""
    if isinstance(raw, list | tuple) and len(raw) == 1:
        raw = raw[0]
    if isinstance(raw, bool) or not isinstance(raw, str | int | float | Decimal):
        raise BadValue("must be a number")
    text = str(raw)
    found = number(text) if len(text) <= TEXT_LENGTH_MAX else None
    if found is None:
        raise BadValue(f"'{text[:60]}' is not a number")
    return found


def amounts(raw: object) -> tuple[Decimal, ...]:
    """A list of numbers, or one."""
    members = _members(raw, (str, int, float, Decimal), "a list of numbers")
    return tuple(amount(member) for member in members)


def count(raw: object) -> int:
    """A whole number from 1."""
    found = amount(raw)
    if found != found.to_integral_value() or not 1 <= found <= COUNT_MAX:
        raise BadValue(f"must be a whole number from 1 to {COUNT_MAX}")
    return int(found)


def flag(raw: object) -> bool:
    """True or false; no value at all (EPCIS 1.2's VoidHolder) is true.

    >>> flag("false"), flag(None), flag(1)
    (False, True, True)
    """
    if raw is None or raw == "":
        return True
    text = str(raw).strip().lower()
    if text in ("true", "1"):
        return True
    if text in ("false", "0"):
        return False
    raise BadValue("must be true or false")
