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


class Ndc(msgspec.Struct, frozen=True):
    """A US National Drug Code: labeler, product and package code.

    >>> str(Ndc("12345", "678", "90")), Ndc("12345", "678", "90").eleven_digits
    ('12345-678-90', '12345067890')
    """

    labeler: str
    product: str
    package: str

    @property
    def ten_digits(self) -> str:
        """All digits without hyphens, as in a GTIN."""
        return self.labeler + self.product + self.package

    @property
    def eleven_digits(self) -> str:
        """The 5-4-2 form of billing, filled up with zeros."""
        return self.labeler.zfill(5) + self.product.zfill(4) + self.package.zfill(2)

    @property
    def gtin(self) -> str:
        """GTIN-14 of the unit of sale: 003, the ten digits, a check digit."""
        payload = "003" + self.ten_digits
        return payload + check_digit(payload)

    def __str__(self) -> str:
        return f"{self.labeler}-{self.product}-{self.package}"


NDC_SPLITS: Final = ((4, 4, 2), (5, 3, 2), (5, 4, 1))
"""The three ways a labeler may divide ten digits (21 CFR 207.33)."""


def ndc_candidates(ten_digits: str) -> tuple[Ndc, ...]:
    """The three NDCs that ten digits may stand for; only the FDA directory can choose.

    >>> [str(ndc) for ndc in ndc_candidates("1234567890")]
    ['1234-5678-90', '12345-678-90', '12345-6789-0']
    """
    if len(ten_digits) != 10 or not (ten_digits.isascii() and ten_digits.isdigit()):
        raise ValueError(f"an NDC in a GTIN has ten digits: {ten_digits!r}")
    return tuple(
        Ndc(ten_digits[:a], ten_digits[a : a + b], ten_digits[a + b :]) for a, b, _ in NDC_SPLITS
    )


def parse_ndc(text: str) -> Ndc:
    """An NDC written with hyphens, in one of the 10-digit splits or as 5-4-2.

    Without hyphens the 11-digit form does not show which zero was filled in, so it is refused.
    Raises ValueError.

    >>> parse_ndc("0777-3105-02").gtin
    '00307773105025'
    """
    parts = text.split("-")
    sizes = tuple(map(len, parts))
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"an NDC is three groups of digits with hyphens: {text!r}")
    if sizes in NDC_SPLITS:
        return Ndc(*parts)
    if sizes == (5, 4, 2):
        return _without_filling(parts)
    raise ValueError(f"an NDC is written 4-4-2, 5-3-2, 5-4-1 or 5-4-2: {text!r}")


def ndc_of_eleven_digits(text: str) -> tuple[Ndc, ...]:
    """The NDCs that an 11-digit billing number (5-4-2) may stand for.

    One of its groups was filled up with a zero; each group that begins with a zero is a candidate.

    >>> [str(ndc) for ndc in ndc_of_eleven_digits("12345067890")]
    ['12345-678-90']
    >>> [str(ndc) for ndc in ndc_of_eleven_digits("00777310502")]
    ['0777-3105-02', '00777-3105-2']
    """
    if len(text) != 11 or not (text.isascii() and text.isdigit()):
        raise ValueError(f"an 11-digit NDC has eleven digits: {text!r}")
    groups = (text[:5], text[5:9], text[9:])
    return tuple(
        Ndc(*(g[1:] if index == at else g for at, g in enumerate(groups)))
        for index, group in enumerate(groups)
        if group.startswith("0")
    )


def _without_filling(parts: list[str]) -> Ndc:
    """The 10-digit NDC of a 5-4-2 one; exactly one group must begin with a zero."""
    found = ndc_of_eleven_digits("".join(parts))
    if len(found) != 1:
        raise ValueError(f"which zero of {'-'.join(parts)} fills up is not known")
    return found[0]


def upc_of_short(upc_e: str) -> str | None:
    """The UPC-A that eight digits of UPC-E stand for; None where they are no UPC-E.

    The sixth payload digit encodes where the zeros were (General Specifications 5.2.2.4.2).

    >>> upc_of_short("04252614"), upc_of_short("04252615")
    ('042100005264', None)
    """
    if len(upc_e) != 8 or not (upc_e.isascii() and upc_e.isdigit()) or upc_e[0] not in "01":
        return None
    system, digits, last, check = upc_e[0], upc_e[1:6], upc_e[6], upc_e[7]
    if last in "012":
        payload = f"{system}{digits[:2]}{last}0000{digits[2:]}"
    elif last == "3":
        payload = f"{system}{digits[:3]}00000{digits[3:]}"
    elif last == "4":
        payload = f"{system}{digits[:4]}00000{digits[4:]}"
    else:
        payload = f"{system}{digits}0000{last}"
    return payload + check if check_digit(payload) == check else None


def cip_of_gtin(gtin: str) -> str | None:
    """The French CIP13 in a GTIN; None where it is not French (prefix 34009).

    >>> cip_of_gtin("03400930000120")
    '3400930000120'
    """
    number = gtin.zfill(14)
    return number[1:] if number.startswith("034009") else None


def cn_of_gtin(gtin: str) -> str | None:
    """The six digits of the Spanish national code in a GTIN; None without its prefix 847000.

    >>> cn_of_gtin("08470006599839")
    '659983'
    """
    number = gtin.zfill(14)
    return number[7:13] if number.startswith("0847000") else None


def national_number(ai: str, value: str) -> str:
    """A national number under AI 710 to 717, written with its national name and country.

    >>> national_number("710", "03752864")
    'PZN 03752864 (DE)'
    """
    name, country = NHRN_COUNTRIES[ai]
    return f"{name} {value} ({country})"
