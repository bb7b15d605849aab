"""ISO/IEC 15434 envelopes: format 05 (GS1) and format 06 (data identifiers, as the IFA PPN).

German packs carry `[)>RS06GS9N…GS1T…GSD…GSS…RSEOT`. Standards: ISO/IEC 15434, ISO/IEC 15418,
IFA coding specification for pharmacy products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from schemas.finding import Finding, Severity, Where
from schemas.gs1 import national
from schemas.gs1.content_rules import CSET_82, date_yymmd0, date_yyyymmdd, has_check_digit
from schemas.gs1.expiry import expiry_date

if TYPE_CHECKING:
    from datetime import date

PARTS_MAX: Final = 50
"""Data identifiers read from one envelope; no symbol of a pack holds as many."""
RS: Final = "\x1e"
GS: Final = "\x1d"
EOT: Final = "\x04"
_PICTURES: Final = str.maketrans({"\u241e": RS, "\u241d": GS, "\u2404": EOT})
"""Control pictures that decoders print for the control characters."""
DATA_IDENTIFIERS: Final = ("9N", "8P", "1T", "16D", "27Q", "1P", "S", "D", "Q")
"""Data identifiers of pharmacy products, the longer before those they begin like."""
_TEXT_LENGTH_MAX: Final = {"1T": 20, "S": 20}


class EnvelopeMessage(msgspec.Struct, frozen=True):
    """The content of an envelope."""

    format: str
    """`05`, `06`, or what the envelope names."""
    data: str = ""
    """What stands between format indicator and trailer."""
    elements: dict[str, str] = {}
    """Format 06: data by data identifier."""
    findings: tuple[Finding, ...] = ()
    gtin: str | None = None
    expiry: date | None = None


def parse(text: str, today: date | None = None) -> EnvelopeMessage:
    r"""Open an envelope that begins with `[)>` and RS; control pictures are taken for controls.

    >>> message = parse("[)>\x1e06\x1d9N110375286414\x1d1T12345ABCD\x1dD150617\x1dS1\x1e\x04")
    >>> message.elements["9N"], message.gtin, message.expiry.isoformat()
    ('110375286414', '04150037528643', '2015-06-17')
    """
    plain = text.translate(_PICTURES)
    findings: list[Finding] = []
    # The trailer is RS EOT; some decoders give only one of them, or none.
    body = plain[4:].removesuffix(EOT).removesuffix(RS)
    if not plain.endswith(RS + EOT):
        findings.append(_no_trailer(len(text)))
    kind, data = body[:2], body[2:].removeprefix(GS)
    if kind == "05":
        return EnvelopeMessage("05", data, {}, tuple(findings))
    if kind != "06":
        return EnvelopeMessage(kind, data, {}, (*findings, _unknown_format(kind)))
    parts = _Parts(findings)
    parts.read(data, plain.index(data, 4 + len(kind)) if data else len(plain))
    gtin = _product(parts)
    expiry = _expiry(parts, today)
    return EnvelopeMessage("06", data, parts.elements, tuple(findings), gtin, expiry)


class _Parts:
    """The data of an envelope, cut at its separators, with the place of each part."""

    def __init__(self, findings: list[Finding]) -> None:
        self.elements: dict[str, str] = {}
        self.findings = findings
        self._places: dict[str, int] = {}

    def read(self, data: str, offset: int) -> None:
        parts = data.split(GS, PARTS_MAX)
        if len(parts) > PARTS_MAX:
            self.findings.append(_too_many(offset))
            parts.pop()
        for part in parts:
            code = next((c for c in DATA_IDENTIFIERS if part.startswith(c)), None)
            if code is None:
                self.findings.append(_unknown_identifier(part, offset))
            elif self.elements.setdefault(code, part[len(code) :]) != part[len(code) :]:
                self.findings.append(_repeated(code, offset))
            else:
                self._places.setdefault(code, offset)
            offset += len(part) + 1
        for code, length_max in _TEXT_LENGTH_MAX.items():
            value = self.elements.get(code)
            if value is not None and not _is_text(value, length_max):
                self.refuse(code)

    def refuse(self, code: str) -> None:
        """Say that the data of an identifier is not what it must be."""
        self.findings.append(_refused(code, self.elements[code], self._places[code]))


def _is_text(value: str, length_max: int) -> bool:
    return 0 < len(value) <= length_max and all(c in CSET_82 for c in value)


def _product(parts: _Parts) -> str | None:
    """GTIN-14 of the NTIN or GTIN, or of the PPN where only that stands."""
    gtin = None
    if "8P" in parts.elements:
        number = parts.elements["8P"].zfill(14)
        if number.isascii() and number.isdigit() and len(number) == 14 and has_check_digit(number):
            gtin = number
        else:
            parts.refuse("8P")
    if "9N" in parts.elements:
        ppn = national.parse_ppn(parts.elements["9N"])
        if ppn is None:
            parts.refuse("9N")
        elif ppn.ntin is not None and gtin is None:
            gtin = ppn.ntin.zfill(14)
            parts.findings.append(_as_ntin(parts.elements["9N"], gtin))
    return gtin


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
        parts.findings.append(_day_unknown(short, day))
    return day


def _day_unknown(written: str, day: date) -> Finding:
    return Finding(
        "expiry.day-00",
        Severity.INFO,
        f"expiry {written} names no day; the month's last, {day.isoformat()}, is meant",
    )


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


def _unknown_identifier(part: str, offset: int) -> Finding:
    return Finding(
        "envelope.identifier",
        Severity.ERROR,
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
