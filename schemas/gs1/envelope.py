"""ISO/IEC 15434 envelopes: format 05 (GS1) and format 06 (data identifiers, as the IFA PPN).

German packs carry `[)>RS06GS9N…GS1T…GSD…GSS…RSEOT`. Standards: ISO/IEC 15434, ISO/IEC 15418,
IFA coding specification for pharmacy products.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from schemas.finding import Finding, Severity, Where
from schemas.gs1 import national
from schemas.gs1.content_rules import CSET_82, date_yymmd0, date_yyyymmdd, has_check_digit
from schemas.gs1.expiry import expiry_date
from schemas.gs1.text_findings import day_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

PARTS_MAX: Final = 50
"""Data identifiers read from one envelope; no symbol of a pack holds as many."""
RS: Final = "\x1e"
GS: Final = "\x1d"
EOT: Final = "\x04"
_PICTURES: Final = str.maketrans({"\u241e": RS, "\u241d": GS, "\u2404": EOT})
"""Control pictures that decoders print for the control characters."""
DATA_IDENTIFIERS: Final = ("9N", "8P", "1T", "16D", "27Q", "1P", "S", "D", "Q")
"""Known data identifiers of pharmacy products; others are kept and not checked."""
_HEAD_WITHOUT_RS: Final = re.compile(r"\[\)>0[56]\x1d", re.ASCII)
"""Start of an envelope that lost its record separator but kept its other separators."""
_IDENTIFIER: Final = re.compile(r"\d{0,3}[A-Z]", re.ASCII)
"""The form of every data identifier (ISO/IEC 15418, ANS MH10.8.2)."""
SEVERAL_ALLOWED: Final = frozenset({"8P"})
"""Data identifiers that may occur several times: a pack has one PPN and a GTIN for each market."""
_TEXT_LENGTH_MAX: Final = {"1T": 20, "S": 20}


class EnvelopeMessage(msgspec.Struct, frozen=True):
    """The content of an envelope."""

    format: str
    """`05`, `06`, or another format indicator of the envelope."""
    data: str = ""
    """The text between format indicator and trailer."""
    elements: dict[str, str] = {}
    """Format 06: data by data identifier."""
    findings: tuple[Finding, ...] = ()
    gtin: str | None = None
    expiry: date | None = None


def is_envelope(text: str) -> bool:
    """Whether a text begins like an envelope, its record separator kept or lost."""
    head = text[:6].translate(_PICTURES)
    return head.startswith("[)>" + RS) or _HEAD_WITHOUT_RS.match(head) is not None


def write(parts: Iterable[str]) -> str:
    r"""The envelope of format 06 that holds these parts.

    >>> write(["9N110375286414", "SA1"])
    '[)>\x1e06\x1d9N110375286414\x1dSA1\x1e\x04'
    """
    return f"[)>{RS}06" + "".join(GS + part for part in parts) + RS + EOT


def parse(text: str, today: date | None = None) -> EnvelopeMessage:
    r"""Parse a text for which `is_envelope` holds; control pictures count as control characters.

    The PPN (9N) names the product where there is one; a GTIN (8P) may accompany it for each
    market. Unknown identifiers are kept unchanged.

    >>> message = parse("[)>\x1e06\x1d9N110375286414\x1d1T12345ABCD\x1dD150617\x1dS1\x1e\x04")
    >>> message.elements["9N"], message.gtin, message.expiry.isoformat()
    ('110375286414', '04150037528643', '2015-06-17')
    """
    plain = text.translate(_PICTURES)
    findings: list[Finding] = []
    if _HEAD_WITHOUT_RS.match(plain):
        findings.append(_no_record_separator())
    # The trailer is RS EOT; some decoders give only one of them, or none.
    body = plain[3:].removeprefix(RS).removesuffix(EOT).removesuffix(RS)
    if not plain.endswith(RS + EOT):
        findings.append(_no_trailer(len(text)))
    kind, data = body[:2], body[2:].removeprefix(GS)
    if kind == "05":
        return EnvelopeMessage("05", data, {}, tuple(findings))
    if kind != "06":
        return EnvelopeMessage(kind, data, {}, (*findings, _unknown_format(kind)))
    parts = _Parts(findings)
    parts.read(data, plain.index(data, 3 + len(kind)) if data else len(plain))
    gtin = _product(parts)
    expiry = _expiry(parts, today)
    return EnvelopeMessage("06", data, parts.elements, tuple(findings), gtin, expiry)


class _Parts:
    """The data of an envelope, split at its separators, with the position of each part."""

    def __init__(self, findings: list[Finding]) -> None:
        self.elements: dict[str, str] = {}
        self.findings = findings
        self.further_gtins: list[str] = []
        """GTINs and NTINs of other markets, behind the first."""
        self._places: dict[str, int] = {}
        self._unknown: list[tuple[str, int]] = []

    def read(self, data: str, offset: int) -> None:
        parts = data.split(GS, PARTS_MAX)
        if len(parts) > PARTS_MAX:
            self.findings.append(_too_many(offset))
            parts.pop()
        for part in parts:
            match = _IDENTIFIER.match(part)
            if match is None or match[0] not in DATA_IDENTIFIERS:
                self._unknown.append((part, offset))
            if match is not None:
                self._keep(match[0], part[match.end() :], offset)
            offset += len(part) + 1
        for code, length_max in _TEXT_LENGTH_MAX.items():
            value = self.elements.get(code)
            if value is not None and not _is_text(value, length_max):
                self.refuse(code)

        has_product = not self.elements.keys().isdisjoint({"9N", "8P"})
        weight = Severity.INFO if has_product else Severity.ERROR
        self.findings += [_unknown_identifier(part, at, weight) for part, at in self._unknown]

    def _keep(self, code: str, value: str, offset: int) -> None:
        first = self.elements.setdefault(code, value)
        self._places.setdefault(code, offset)
        if first == value:
            return
        if code in SEVERAL_ALLOWED:
            self.further_gtins.append(value)
        elif code in DATA_IDENTIFIERS:
            self.findings.append(_repeated(code, offset))

    def refuse(self, code: str, value: str | None = None) -> None:
        """Add a finding: the data of an identifier is not in the required form."""
        wrong = self.elements[code] if value is None else value
        self.findings.append(_refused(code, wrong, self._places[code]))


def _is_text(value: str, length_max: int) -> bool:
    return 0 < len(value) <= length_max and all(c in CSET_82 for c in value)


def _product(parts: _Parts) -> str | None:
    """GTIN-14 of the product: the NTIN of the PPN, or the GTIN where no PPN gives one."""
    gtin = None
    numbers = [parts.elements["8P"], *parts.further_gtins] if "8P" in parts.elements else []
    for number in numbers:
        if _is_gtin(number):
            gtin = gtin or number.zfill(14)
        else:
            parts.refuse("8P", number)
    if "9N" in parts.elements:
        ppn = national.parse_ppn(parts.elements["9N"])
        if ppn is None:
            parts.refuse("9N")
            return None
        if ppn.ntin is not None:
            gtin = ppn.ntin.zfill(14)
            parts.findings.append(_as_ntin(parts.elements["9N"], gtin))
    others = [number for number in numbers if _is_gtin(number) and number.zfill(14) != gtin]
    if others:
        parts.findings.append(_other_markets(others))
    return gtin


def _is_gtin(number: str) -> bool:
    digits = number.zfill(14)
    return digits.isascii() and digits.isdigit() and len(digits) == 14 and has_check_digit(digits)


def _expiry(parts: _Parts, today: date | None) -> date | None:
    short, long = parts.elements.get("D"), parts.elements.get("16D")
    # 16D is the date of manufacture; packs that carry only it have no expiry.
    if long is not None and date_yyyymmdd(long) is not None:
        parts.refuse("16D")
    if short is None:
        return None
    if date_yymmd0(short) is not None:
        parts.refuse("D")
        return None
    day = expiry_date(short, today)
    if day is not None and short.endswith("00"):
        parts.findings.append(day_unknown(short, day))
    return day


def _no_trailer(length: int) -> Finding:
    return Finding(
        "envelope.trailer",
        Severity.WARNING,
        "the envelope does not end with RS EOT",
        "The text may be cut off; scan again if a part is missing.",
        Where(position=length),
    )


def _unknown_format(kind: str) -> Finding:
    return Finding(
        "envelope.format",
        Severity.ERROR,
        f"ISO 15434 format {kind!r} is not one of 05 and 06",
        "This is no code of a medicine.",
        Where(position=4),
    )


def _other_markets(numbers: list[str]) -> Finding:
    return Finding(
        "envelope.further-gtin",
        Severity.INFO,
        f"the pack has further product numbers, for other markets: {', '.join(numbers[:10])}",
    )


def _no_record_separator() -> Finding:
    return Finding(
        "envelope.header",
        Severity.WARNING,
        "the record separator (ASCII 30) behind [)> is missing; the envelope was read without it",
        "Let the scanner transmit control characters.",
        Where(position=3),
    )


def _unknown_identifier(part: str, offset: int, weight: Severity) -> Finding:
    return Finding(
        "envelope.identifier",
        weight,
        f"no known data identifier begins {part[:10]!r}",
        "Known are " + ", ".join(DATA_IDENTIFIERS) + ".",
        Where(position=offset),
    )


def _too_many(offset: int) -> Finding:
    return Finding(
        "envelope.too-many",
        Severity.ERROR,
        f"more than {PARTS_MAX} parts",
        "This is not the text of one pack's symbol.",
        Where(position=offset),
    )


def _repeated(code: str, offset: int) -> Finding:
    return Finding(
        "envelope.repeated",
        Severity.ERROR,
        f"{code} stands twice, with different data",
        "Two scans may have run together; scan again.",
        Where(position=offset),
    )


_REASONS: Final = {
    "9N": "a PPN with right check digits",
    "8P": "a GTIN or NTIN with a right check digit",
    "D": "a date as YYMMDD",
    "16D": "a date as YYYYMMDD",
    "1T": "a lot of 1 to 20 characters",
    "S": "a serial of 1 to 20 characters",
}


def _refused(code: str, value: str, position: int) -> Finding:
    return Finding(
        "envelope.data",
        Severity.ERROR,
        f"{code}: {value[:60]!r} is not {_REASONS[code]}",
        "Compare with the printed text; scan again or report the label.",
        Where(path=code, position=position),
    )


def _as_ntin(ppn: str, gtin: str) -> Finding:
    return Finding(
        "ppn.as-ntin",
        Severity.INFO,
        f"PPN {ppn} is looked up by the NTIN of the same PZN, {gtin}",
    )
