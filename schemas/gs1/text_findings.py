"""The findings about a scanned or typed text as a whole: what it is, or why it cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from datetime import date

_AGAIN: Final = "A digit was misread or mistyped; scan again."


def _refused(code: str, what: str, hint: str) -> Finding:
    return Finding(code, Severity.ERROR, what, hint, Where(position=0))


def day_unknown(written: str, expiry: date) -> Finding:
    """The note that an expiry names a month only."""
    return Finding(
        "expiry.day-00",
        Severity.INFO,
        f"expiry {written} names no day; the month's last, {expiry.isoformat()}, is meant",
    )


def trailing(position: int) -> Finding:
    """The note that white space behind the data was left out."""
    what = "a line end or blank behind the data was left out"
    return Finding("text.trailing", Severity.INFO, what, where=Where(position=position))


def too_long(length: int, most: int) -> Finding:
    """The refusal of a text that no symbol can hold."""
    return Finding(
        "text.too-long",
        Severity.ERROR,
        f"the text has {length} characters; at most {most} are read",
        "This is not the text of one symbol.",
    )


def bad_urn(body: str) -> Finding:
    """The refusal of an EPC URN."""
    return _refused(
        "urn.no-key",
        f"{body[:100]!r} holds no valid GS1 key",
        "Company prefix and reference must have the digits that the scheme asks for.",
    )


def bad_tag(body: str, why: str) -> Finding:
    """The refusal of an RFID tag's memory or tag URI."""
    return _refused(
        "tag.no-key", f"{body[:100]!r} is no RFID tag of a GS1 key: {why}", "Read it again."
    )


def not_gs1(symbology: str) -> Finding:
    """The refusal of a symbol whose identifier says that it is another's."""
    return _refused(
        "symbology.not-gs1",
        f"the symbol's identifier {symbology} says that it holds no GS1 data",
        "Scan the GS1 code of the pack; its identifier is ]d2, ]d8, ]C1, ]Q3, ]J1 or ]e0.",
    )


def unrecognised(body: str) -> Finding:
    """The refusal of a text of no known form."""
    return _refused(
        "text.unrecognised",
        f"{body[:40]!r} is neither GS1, ISO 15434, HIBC nor a product number",
        "Scan the two-dimensional code of the pack; the text of any other code names no medicine.",
    )


def names_product(kind: str, what: str, weight: Severity = Severity.INFO) -> Finding:
    """The note that a number names a product and no single pack."""
    return Finding(
        f"number.{kind}",
        weight,
        f"this is {what}: it names a product, no single pack",
        "Scan the two-dimensional code of the pack.",
    )


def ambiguous(name: str, others: list[str]) -> Finding:
    """The warning that a number may be of another kind."""
    return Finding(
        "number.ambiguous",
        Severity.WARNING,
        f"the number was taken for {name}; it may also be {' or '.join(others)}",
        "Scan the code, or write the kind before the number, as PZN 03752864.",
        Where(position=0),
    )


def wrong_check_digit(number: str, more: str = "") -> Finding:
    """The refusal of a number whose check digit does not fit."""
    return _refused(
        "ai.incorrect-check-digit", f"the check digit of the {number} is wrong{more}", _AGAIN
    )


def wrong_ndc(why: str) -> Finding:
    """The refusal of what looks like an NDC."""
    return _refused(
        "number.ndc",
        f"this looks like an NDC (a US number), but names no product: {why}",
        "Write the NDC with its hyphens, as 0777-3105-02.",
    )
