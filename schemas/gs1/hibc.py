"""HIBC labels of medical devices: recognised and named, not looked up.

Standard: ANSI/HIBC 2.6 supplier labeling. The last character is a modulo-43 check.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from schemas.finding import Finding, Severity, Where

CHARACTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"
"""The characters of Code 39 in the order of their values."""
_PRIMARY: Final = re.compile(r"\+([A-Z][A-Z0-9]{3})([A-Z0-9]{1,18})(\d)")


class HibcLabel(msgspec.Struct, frozen=True):
    """A HIBC primary label: who made it, which product, which unit of measure."""

    elements: dict[str, str]
    findings: tuple[Finding, ...] = ()


def check_character(payload: str) -> str | None:
    """The check character behind a label's text; None where a character is not of Code 39.

    >>> check_character("+A123BJC5D6E71")
    'G'
    """
    values = [CHARACTERS.find(c) for c in payload]
    return None if -1 in values else CHARACTERS[sum(values) % 43]


def parse(text: str) -> HibcLabel:
    """Name the parts of a primary label, alone or joined with a secondary one.

    >>> parse("+A123BJC5D6E71G").elements
    {'labeler': 'A123', 'product': 'BJC5D6E7', 'unit': '1'}
    """
    findings = [_information()]
    payload, check = text[:-1], text[-1:]
    if check_character(payload) != check:
        findings.append(_wrong_check(len(payload)))
    primary, slash, secondary = payload.partition("/")
    shape = _PRIMARY.fullmatch(primary)
    if shape is None:
        findings.append(_unnamed())
        return HibcLabel({}, tuple(findings))
    elements = {"labeler": shape[1], "product": shape[2], "unit": shape[3]}
    if slash:
        elements["secondary"] = secondary
    return HibcLabel(elements, tuple(findings))


def _information() -> Finding:
    return Finding(
        "hibc.not-a-pack",
        Severity.WARNING,
        "this is a HIBC label, as on medical devices",
        "Scan the GS1 DataMatrix of the medicine pack.",
    )


def _wrong_check(position: int) -> Finding:
    return Finding(
        "hibc.check-character",
        Severity.ERROR,
        "the check character of the HIBC label is wrong",
        "Scan again.",
        Where(position=position),
    )


def _unnamed() -> Finding:
    return Finding(
        "hibc.primary",
        Severity.ERROR,
        "no HIBC primary label: labeler, product and unit of measure",
        "Scan the other code of the label.",
        Where(position=0),
    )
