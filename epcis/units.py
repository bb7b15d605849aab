"""Units of measure by UN/ECE Recommendation 20 code, so that 41 FAH is found by a query for 5 CEL.

Every code belongs to a dimension. Amounts stay in the index as they were written; a query's
amount is turned, with exact decimal arithmetic, into each unit of its dimension and compared there,
so that equal amounts are equal whatever unit they were written in (EPCIS 2.0 section 8.2.7.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext
from functools import lru_cache
from typing import Final

SIGNIFICANT_DIGITS: Final = 15
"""Digits that survive a conversion: as many as any float keeps."""
EXPONENT_MAX: Final = 300
AMOUNT_MAX: Final = Decimal(10) ** EXPONENT_MAX
"""Amounts beyond 10^300 are no measurements, and no float could hold them."""
_SMALLEST_EXPONENT: Final = 1000


@dataclass(frozen=True, slots=True)
class Unit:
    """How one unit turns into its dimension's reference unit: amount times factor plus offset."""

    code: str
    dimension: str
    factor: Decimal
    offset: Decimal = Decimal(0)

    def amount_in(self, other: Unit, amount: Decimal, *, spread: bool = False) -> float:
        """An amount of this unit in another of the dimension; a `spread` moves no zero point.

        >>> unit("CEL").amount_in(unit("FAH"), Decimal(5))
        41.0
        >>> unit("CEL").amount_in(unit("FAH"), Decimal(5), spread=True)
        9.0
        """
        with localcontext() as context:
            context.prec = 40
            reference = amount * self.factor + (0 if spread else self.offset)
            turned = (reference - (0 if spread else other.offset)) / other.factor
            context.prec = SIGNIFICANT_DIGITS
            return float(+turned)


# Dimension, then "code factor [offset]" of each unit; a factor a/b is an exact fraction.
_TABLE: Final = {
    "temperature": "KEL 1; CEL 1 273.15; FAH 5/9 459.67*5/9; A48 5/9",
    "ratio": "C62 1; EA 1; H87 1; NAR 1; P1 0.01; NX 0.001; 59 0.000001; 61 0.000000001; PR 2;"
    " DZN 12; DPC 12; CEN 100; GRO 144; MIL 1000",
    "length": "MTR 1; KMT 1000; HMT 100; A45 10; DMT 0.1; CMT 0.01; MMT 0.001; 4H 1e-6; C45 1e-9;"
    " C52 1e-12; INH 0.0254; FOT 0.3048; YRD 0.9144; SMI 1609.344; NMI 1852",
    "mass": "KGM 1; HGM 0.1; DJ 0.01; GRM 0.001; DG 0.0001; CGM 0.00001; MGM 1e-6; MC 1e-9;"
    " DTN 100; TNE 1000; 2U 1000; KTN 1000000; CTM 0.0002; GRN 0.00006479891; ONZ 0.028349523125;"
    " APZ 0.0311034768; LBR 0.45359237; STI 6.35029318; CWA 45.359237; CWI 50.80234544;"
    " STN 907.18474; LTN 1016.0469088",
    "volume": "MTQ 1; DMQ 0.001; CMQ 1e-6; MMQ 1e-9; LTR 0.001; DLT 0.0001; CLT 0.00001; MLT 1e-6;"
    " 4G 1e-9; A44 0.01; HLT 0.1; K6 1; MAL 1000; DMA 1000; H19 1e6; H20 1e9;"
    " INQ 0.000016387064; FTQ 0.028316846592; YDQ 0.764554857984; GLL 0.003785411784;"
    " GLI 0.00454609; PTL 0.000473176473; PTI 0.00056826125; QTL 0.000946352946;"
    " QTI 0.0011365225; OZA 0.0000295735295625; OZI 0.0000284130625; BLL 0.158987294928",
    "area": "MTK 1; DMK 0.01; CMK 0.0001; MMK 1e-6; KMK 1e6; ARE 100; DAA 1000; HAR 10000;"
    " INK 0.00064516; FTK 0.09290304; YDK 0.83612736; ACR 4046.8564224; MIK 2589988.110336",
    "time": "SEC 1; C26 0.001; B98 1e-6; C47 1e-9; MIN 60; HUR 3600; DAY 86400; WEE 604800",
    "calendar": "MON 1; QAN 3; ANN 12",
    "speed": "MTS 1; 2M 0.01; C16 0.001; 2X 1/60; KMH 1/3.6; HM 0.44704; FS 0.3048; FR 0.3048/60;"
    " KNT 1852/3600",
    "acceleration": "MSK 1; A76 0.01; A73 0.3048; K40 9.80665",
    "angular acceleration": "2B 1",
    "angular velocity": "2A 1; E96 3.14159265358979323846264338327950288/180",
    "angle": "C81 1; C25 0.001; B97 1e-6; DD 3.14159265358979323846264338327950288/180;"
    " D61 3.14159265358979323846264338327950288/10800;"
    " D62 3.14159265358979323846264338327950288/648000;"
    " A91 3.14159265358979323846264338327950288/200",
    "solid angle": "D27 1",
    "pressure": "PAL 1; A97 100; KPA 1000; MPA 1e6; 74 0.001; B96 1e-6; BAR 1e5; MBR 100; HBA 1e7;"
    " ATM 101325; ATT 98066.5; PS 6894.757293168361; HN 133.322387415; F79 3386.389; UA 101325/760",
    "force": "NEW 1; B47 1000; B73 1e6; C20 0.001; B92 1e-6; DU 1e-5; B37 9.80665;"
    " C78 4.4482216152605",
    "torque": "NU 1; B48 1000; B74 1e6; D83 0.001; B93 1e-6",
    "energy": "JOU 1; C15 0.001; KJO 1000; 3B 1e6; GV 1e9; WHR 3600; KWH 3.6e6; MWH 3.6e9;"
    " GWH 3.6e12; D70 4.1868; BTU 1055.05585262; A57 1e-7; A53 1.602176634e-19;"
    " B29 1.602176634e-16; B71 1.602176634e-13",
    "power": "WTT 1; C31 0.001; D80 1e-6; KWT 1000; MAW 1e6; A90 1e9; A25 735.49875",
    "frequency": "HTZ 1; KHZ 1000; MHZ 1e6; A86 1e9; D29 1e12; C97 1; RPS 1; RPM 1/60",
    "voltage": "VLT 1; 2Z 0.001; D82 1e-6; KVT 1000; B78 1e6",
    "electric current": "AMP 1; 4K 0.001; B84 1e-6; C39 1e-9; C70 1e-12; B22 1000; H38 1e6",
    "current density": "A41 1; A4 10000; A7 1e6",
    "electric charge": "COU 1; D86 0.001; B86 1e-6; C40 1e-9; C71 1e-12; B26 1000; D77 1e6;"
    " AMH 3600; E09 3.6; TAH 3.6e6",
    "electric field": "D50 1; C30 0.001; C99 1000; B79 1e6; D47 100; D51 1000",
    "resistance": "OHM 1; E45 0.001; B94 1e-6; B49 1000; B75 1e6; A87 1e9",
    "resistivity": "C61 1; C60 0.01; B95 1e-6; C46 1e-9; B50 1000; B76 1e6",
    "conductance": "SIE 1; C27 0.001; B99 1e-6; B53 1000; NQ 1",
    "conductivity": "D10 1; B54 1000; B77 1e6; H43 100; H61 0.1; G42 0.0001",
    "capacitance": "FAR 1; C10 0.001; 4O 1e-6; C41 1e-9; 4T 1e-12; N90 1000",
    "inductance": "81 1; C14 0.001; B90 1e-6; C43 1e-9; C73 1e-12",
    "magnetic flux": "WEB 1; C33 0.001; P11 1000",
    "magnetic flux density": "D33 1; C29 0.001; D81 1e-6; C48 1e-9",
    "magnetic vector potential": "D60 1",
    "density": "KMQ 1; A93 0.001; GP 1e-6; GQ 1e-9; GL 1; M1 0.001; H29 1e-6; B35 1000; B34 1000;"
    " D41 1000; 23 1000; GJ 1000; 87 16.018463373960139",
    "molar mass": "D74 1; A94 0.001",
    "molar volume": "A40 1",
    "molar energy": "B15 1; B44 1000",
    "amount of substance": "C34 1; C18 0.001; FH 1e-6; B45 1000",
    "amount concentration": "C36 1; C38 1000; C35 1000; M33 1; B46 1000",
    "molality": "C19 1",
    "illuminance": "LUX 1; KLX 1000",
    "luminance": "A24 1",
    "luminous flux": "LUM 1",
    "luminous intensity": "CDL 1",
    "irradiance": "D54 1; C32 0.001; N48 10000",
    "radiant intensity": "D57 1",
    "dynamic viscosity": "C65 1; C24 0.001; C7 0.001; 89 0.1",
    "kinematic viscosity": "S4 1; C17 1e-6; 4C 1e-6; 91 0.0001",
    "mass flow": "KGS 1; F31 1/60; E93 1/3600",
    "volume flow": "MQS 1; MQH 1/3600; G51 0.001; L2 0.001/60; E32 0.001/3600; 40 1e-6; 41 1e-6/60;"
    " G54 1e-6/3600; 2K 0.028316846592/3600; 2L 0.028316846592/60",
    "specific volume": "A39 1; H83 0.001; KX 1e-6",
    "absorbed dose": "A95 1; C13 0.001; C80 0.01",
    "absorbed dose rate": "A96 1; P54 0.001; P57 1/60; P61 1/3600; P62 0.001/3600; P63 1e-6/3600",
    "dose equivalent": "D13 1; C28 0.001; D91 0.01",
    "dose equivalent rate": "P65 1; P70 1/3600; P71 0.001/3600; P72 1e-6/3600",
    "exposure": "CKG 1; C8 0.001; 2C 0.000258; 2Y 2.58e-7",
    "radioactivity": "BQL 1; 2Q 1000; 4N 1e6; GBQ 1e9; CUR 3.7e10; MCU 3.7e7; M5 3.7e4",
    "memory": "AD 1; 2P 1000; 4L 1e6; E34 1e9; E35 1e12; E64 1024; E63 1048576; E62 1073741824;"
    " A99 0.125; C37 125; D36 125000; B68 1.25e8",
    "surface tension": "4P 1; C22 0.001; DX 0.001",
    "surface density": "28 1; GM 0.001; ON 0.033905747",
    "wavenumber": "C92 1; E90 100",
    "momentum": "B31 1",
    "angular momentum": "B33 1",
}


def _fraction(text: str) -> Decimal:
    """A factor of the table: a number, a product or a quotient of numbers.

    >>> _fraction("3*5/4")
    Decimal('3.75')
    """
    with localcontext() as context:
        context.prec = 40
        over, *under = text.split("/")
        value = Decimal(1)
        for part in over.split("*"):
            value *= Decimal(part)
        for part in under:
            value /= Decimal(part)
        return value


def _build() -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    for dimension, line in _TABLE.items():
        for entry in line.split(";"):
            code, factor, *offset = entry.split()
            if code in units:
                raise AssertionError(f"unit {code} stands twice in the table")
            turn = _fraction(offset[0]) if offset else Decimal(0)
            units[code] = Unit(code, dimension, _fraction(factor), turn)
    return units


UNITS: Final = _build()


@lru_cache(maxsize=1024)
def unit(code: str) -> Unit:
    """The unit of a Rec 20 code; an unknown code is a dimension of its own, comparable to itself.

    >>> unit("LBR").dimension
    'mass'
    >>> unit("XYZ").dimension
    'unit XYZ'
    """
    return UNITS.get(code) or Unit(code, f"unit {code}", Decimal(1))


def comparable(code: str) -> tuple[Unit, ...]:
    """Every unit an amount of this unit can be compared with, itself included.

    >>> [one.code for one in comparable("CEL")]
    ['KEL', 'CEL', 'FAH', 'A48']
    """
    own = unit(code)
    found = tuple(one for one in UNITS.values() if one.dimension == own.dimension)
    return found or (own,)


def number(text: str) -> Decimal | None:
    """A written number, or None where the text is none, or is not finite, or is out of all bounds.

    >>> number(" 3.50 "), number("abc"), number("NaN"), number("1e999999")
    (Decimal('3.50'), None, None, None)
    """
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not value.is_finite() or "_" in text:
        return None
    if not -AMOUNT_MAX <= value <= AMOUNT_MAX or value.adjusted() < -_SMALLEST_EXPONENT:
        return None
    return value


def plain(amount: Decimal) -> float:
    """A number in its own unit, as the index holds it.

    >>> plain(Decimal("0.1"))
    0.1
    """
    return float(amount)
