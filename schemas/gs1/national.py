"""National medicine numbers: PZN, PPN and NTIN, CIP, CN, NDC, and AI 710 to 717.

Sources: IFA coding specification (PPN), 21 CFR 207.33 (NDC), Club Inter Pharmaceutique (CIP),
General Specifications section 3.8 (AI 710 to 717).
"""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.gs1.content_rules import check_digit

GERMAN_REGISTRAR: Final = "11"
"""Product registration agency code of IFA, which assigns the PZN."""
NTIN_PREFIX: Final = "4150"
"""GS1 prefix of IFA, before a PZN in an NTIN."""
NHRN_COUNTRIES: Final = {
    "710": ("PZN", "DE"),
    "711": ("CIP", "FR"),
    "712": ("CN", "ES"),
    "713": ("DRN", "BR"),
    "714": ("AIM", "PT"),
    "715": ("NDC", "US"),
    "716": ("AIC", "IT"),
    "717": ("SRN", "CR"),
}
"""National reimbursement numbers: name and ISO 3166 country, by Application Identifier."""


def pzn_check_digit(first_seven: str) -> str | None:
    """Check digit of a PZN; None where the number may not be assigned (remainder 10).

    >>> pzn_check_digit("0375286")
    '4'
    """
    remainder = sum(int(d) * weight for weight, d in enumerate(first_seven, 1)) % 11
    return None if remainder == 10 else str(remainder)


def has_pzn_check_digit(pzn: str) -> bool:
    """Whether eight digits are a PZN.

    >>> has_pzn_check_digit("03752864"), has_pzn_check_digit("03752865")
    (True, False)
    """
    if len(pzn) != 8 or not (pzn.isascii() and pzn.isdigit()):
        return False
    return pzn_check_digit(pzn[:7]) == pzn[7]


def ntin_of_pzn(pzn: str) -> str:
    """The 13-digit NTIN that stands for a PZN.

    >>> ntin_of_pzn("03752864")
    '4150037528643'
    """
    payload = NTIN_PREFIX + pzn
    return payload + check_digit(payload)


def pzn_of_gtin(gtin: str) -> str | None:
    """The PZN inside a German NTIN; None where the GTIN is no NTIN of IFA.

    >>> pzn_of_gtin("04150037528643")
    '03752864'
    """
    number = gtin.zfill(14)
    pzn = number[5:13]
    return pzn if number[:5] == "0" + NTIN_PREFIX and has_pzn_check_digit(pzn) else None


class Ppn(msgspec.Struct, frozen=True):
    """A Pharmacy Product Number: agency, national number, two check digits.

    >>> parse_ppn("110375286414").pzn
    '03752864'
    """

    registrar: str
    number: str

    @property
    def pzn(self) -> str | None:
        """The German PZN, where IFA is the agency."""
        return self.number if self.registrar == GERMAN_REGISTRAR else None

    @property
    def ntin(self) -> str | None:
        """The NTIN of the same product, where it has a PZN."""
        return ntin_of_pzn(self.number) if self.pzn else None

    def __str__(self) -> str:
        return self.registrar + self.number + ppn_check_digits(self.registrar + self.number)


def ppn_check_digits(payload: str) -> str:
    """Two check digits, modulo 97 with weights from 2 over the ASCII values.

    >>> ppn_check_digits("1103752864")
    '14'
    """
    return f"{sum(w * ord(c) for w, c in enumerate(payload, 2)) % 97:02}"


def parse_ppn(text: str) -> Ppn | None:
    """The PPN a text spells; None where form or check digits are wrong.

    >>> parse_ppn("110375286415") is None
    True
    """
    well_formed = 5 <= len(text) <= 22 and text.isascii() and text.isalnum() and text[-2:].isdigit()
    if not well_formed or ppn_check_digits(text[:-2]) != text[-2:]:
        return None
    ppn = Ppn(text[:2], text[2:-2])
    return None if ppn.pzn and not has_pzn_check_digit(ppn.number) else ppn
