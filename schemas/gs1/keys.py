"""GS1 keys as values: always valid, and convertible between all their spellings.

Each key is read from its digits, bracketed text, a Digital Link or an EPC URN alike.
Standard: GS1 General Specifications section 1.3.3, EPC Tag Data Standard section 6.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Self

from schemas.gs1 import ai, digital_link, element_string, epc


@dataclass(frozen=True, slots=True, order=True)
class _Key:
    """Methods of all keys; a subclass names its fields and their Application Identifiers."""

    identifiers: ClassVar[tuple[str, ...]] = ()
    """One Application Identifier for each field."""
    number_lengths: ClassVar[tuple[int, ...]] = ()
    """Lengths of bare digits that stand for the key; filled up with zeros to the longest."""

    def __post_init__(self) -> None:
        for code, value in self.elements().items():
            identifier = ai.lookup(code)
            if identifier is None or not identifier.accepts(value):
                what = element_string.refusal(identifier, value, 0).what if identifier else code
                raise ValueError(f"not a {type(self).__name__}: {what}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the key from digits, bracketed text, a Digital Link or an EPC URN.

        Raises ValueError, with the reason, where the text is not such a key.
        """
        found = _elements(text.strip(), cls)
        missing = [f"({code})" for code in cls.identifiers if code not in found]
        if missing or len(found) > len(cls.identifiers):
            needed = "".join(f"({code})" for code in cls.identifiers)
            raise ValueError(f"a {cls.__name__} is {needed}, not {text[:100]!r}")
        return cls(*(found[code] for code in cls.identifiers))

    def elements(self) -> dict[str, str]:
        """The key's data by Application Identifier."""
        values = (getattr(self, field.name) for field in fields(self))
        return dict(zip(self.identifiers, values, strict=True))

    def __str__(self) -> str:
        elements = self.elements()
        if self.number_lengths:
            return next(iter(elements.values()))
        return element_string.bracketed(elements)

    def to_digital_link(self, domain: str = digital_link.RESOLVER) -> str:
        """The Digital Link of the key."""
        return digital_link.write(self.elements(), domain)

    def to_element_string(self) -> str:
        """The key as a scanner transmits it."""
        return element_string.transmitted(self.elements())

    def to_urn(self, prefix_length: epc.PrefixLength) -> str | None:
        """The EPC URN; None where the length of the company prefix is unknown."""
        return epc.identify(self.to_digital_link()).to_urn(prefix_length)


def _elements(text: str, kind: type[_Key]) -> dict[str, str]:
    if text.startswith("urn:"):
        thing = epc.identify(text)
        if not thing.scheme:
            raise ValueError(f"{text[:100]!r} holds no valid GS1 key")
        return digital_link.parse(digital_link.RESOLVER + thing.key).as_dict()
    if text[:4].lower() == "http":
        return digital_link.parse(text).as_dict()
    if text.startswith("("):
        return element_string.parse_bracketed(text).as_dict()
    if kind.number_lengths and text.isascii() and text.isdigit():
        if len(text) not in kind.number_lengths:
            shown = " or ".join(str(length) for length in kind.number_lengths)
            raise ValueError(f"a {kind.__name__} has {shown} digits: {text[:100]!r}")
        return {kind.identifiers[0]: text.zfill(kind.number_lengths[-1])}
    if len(kind.identifiers) == 1:
        return {kind.identifiers[0]: text}
    return {}


@dataclass(frozen=True, slots=True, order=True)
class Gtin(_Key):
    """Global Trade Item Number, held with 14 digits.

    >>> str(Gtin.parse("4006381333931"))
    '04006381333931'
    """

    number: str
    identifiers = ("01",)
    number_lengths = (8, 12, 13, 14)


@dataclass(frozen=True, slots=True, order=True)
class Sgtin(_Key):
    """A GTIN with a serial: one pack.

    >>> pack = Sgtin.parse("urn:epc:id:sgtin:9506000.013435.A%2F1")
    >>> str(pack), pack.to_digital_link()
    ('(01)09506000134352(21)A/1', 'https://id.gs1.org/01/09506000134352/21/A%2F1')
    """

    gtin: str
    serial: str
    identifiers = ("01", "21")


@dataclass(frozen=True, slots=True, order=True)
class Lgtin(_Key):
    """A GTIN with a lot.

    >>> Lgtin("09506000134352", "L1").to_urn(lambda number: 7)
    'urn:epc:class:lgtin:9506000.013435.L1'
    """

    gtin: str
    lot: str
    identifiers = ("01", "10")


@dataclass(frozen=True, slots=True, order=True)
class Upui(_Key):
    """Unit Pack Identifier: a GTIN with a third-party controlled serial.

    >>> str(Upui.parse("https://id.gs1.org/01/09506000134352/235/T1"))
    '(01)09506000134352(235)T1'
    """

    gtin: str
    serial: str
    identifiers = ("01", "235")


@dataclass(frozen=True, slots=True, order=True)
class Itip(_Key):
    """Individual Trade Item Piece: GTIN, piece and total in one number, with a serial.

    >>> Itip.parse("urn:epc:id:itip:9506000.013435.01.02.A1").piece_number
    '095060001343520102'
    """

    piece_number: str
    serial: str
    identifiers = ("8006", "21")


@dataclass(frozen=True, slots=True, order=True)
class Sscc(_Key):
    """Serial Shipping Container Code: one case, pallet or parcel.

    >>> Sscc.parse("195060001234567890").to_urn(lambda number: 7)
    'urn:epc:id:sscc:9506000.1123456789'
    """

    number: str
    identifiers = ("00",)
    number_lengths = (18,)


@dataclass(frozen=True, slots=True, order=True)
class Gln(_Key):
    """Global Location Number of a place.

    >>> Gln.parse("urn:epc:id:sgln:9506000.13435.0").number
    '9506000134352'
    """

    number: str
    identifiers = ("414",)
    number_lengths = (13,)


@dataclass(frozen=True, slots=True, order=True)
class Sgln(_Key):
    """A place inside a place: GLN with an extension.

    >>> str(Sgln.parse("urn:epc:id:sgln:9506000.13435.dock-1"))
    '(414)9506000134352(254)dock-1'
    """

    gln: str
    extension: str
    identifiers = ("414", "254")


@dataclass(frozen=True, slots=True, order=True)
class Pgln(_Key):
    """Global Location Number of a party.

    >>> Pgln.parse("9506000134352").to_urn(lambda number: 7)
    'urn:epc:id:pgln:9506000.13435'
    """

    number: str
    identifiers = ("417",)
    number_lengths = (13,)


@dataclass(frozen=True, slots=True, order=True)
class Grai(_Key):
    """Global Returnable Asset Identifier: asset type, with a serial where one asset is meant.

    >>> Grai.parse("(8003)09506000134352X1").to_urn(lambda number: 7)
    'urn:epc:id:grai:9506000.13435.X1'
    """

    number: str
    identifiers = ("8003",)


@dataclass(frozen=True, slots=True, order=True)
class Giai(_Key):
    """Global Individual Asset Identifier.

    >>> Giai.parse("9506000ASSET").to_urn(lambda number: 7)
    'urn:epc:id:giai:9506000.ASSET'
    """

    number: str
    identifiers = ("8004",)


@dataclass(frozen=True, slots=True, order=True)
class Gsrn(_Key):
    """Global Service Relation Number of a recipient, as a patient.

    >>> Gsrn.parse("urn:epc:id:gsrn:9506000.1234567890").number
    '950600012345678907'
    """

    number: str
    identifiers = ("8018",)
    number_lengths = (18,)


@dataclass(frozen=True, slots=True, order=True)
class Gsrnp(_Key):
    """Global Service Relation Number of a provider, as a physician.

    >>> Gsrnp.parse("950600012345678907").to_urn(lambda number: 7)
    'urn:epc:id:gsrnp:9506000.1234567890'
    """

    number: str
    identifiers = ("8017",)
    number_lengths = (18,)


@dataclass(frozen=True, slots=True, order=True)
class Gdti(_Key):
    """Global Document Type Identifier, with a serial where one document is meant.

    >>> Gdti.parse("urn:epc:id:gdti:9506000.13435.D1").number
    '9506000134352D1'
    """

    number: str
    identifiers = ("253",)


@dataclass(frozen=True, slots=True, order=True)
class Sgcn(_Key):
    """Global Coupon Number, with a serial where one coupon is meant.

    >>> Sgcn.parse("urn:epc:id:sgcn:9506000.13435.77").number
    '950600013435277'
    """

    number: str
    identifiers = ("255",)


@dataclass(frozen=True, slots=True, order=True)
class Cpi(_Key):
    """Component and Part Identifier with its serial.

    >>> str(Cpi.parse("urn:epc:id:cpi:9506000.PART%2F1.12"))
    '(8010)9506000PART/1(8011)12'
    """

    part: str
    serial: str
    identifiers = ("8010", "8011")


@dataclass(frozen=True, slots=True, order=True)
class Ginc(_Key):
    """Global Identification Number for Consignment.

    >>> Ginc.parse("9506000CONS").to_urn(lambda number: 7)
    'urn:epc:id:ginc:9506000.CONS'
    """

    number: str
    identifiers = ("401",)


@dataclass(frozen=True, slots=True, order=True)
class Gsin(_Key):
    """Global Shipment Identification Number.

    >>> Gsin.parse("urn:epc:id:gsin:9506000.123456789").number
    '95060001234567893'
    """

    number: str
    identifiers = ("402",)
    number_lengths = (17,)
