"""The terms of the Core Business Vocabulary (CBV), in every spelling that documents use.

One word has five spellings: the URN of EPCIS 1.x (`urn:epcglobal:cbv:bizstep:shipping`), the web
URI (`https://ref.gs1.org/cbv/BizStep-shipping`), its older host `ns.gs1.org`, the compact form of
JSON-LD (`cbv:BizStep-shipping`) and the bare word (`shipping`). Code that compares words compares
the bare ones. Standard: CBV 2.0 section 7.

>>> bare("bizstep", "urn:epcglobal:cbv:bizstep:shipping")
'shipping'
>>> web_uri("disp", "in_transit")
'https://ref.gs1.org/cbv/Disp-in_transit'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CBV_URN: Final = "urn:epcglobal:cbv"
CBV_WEB: Final = "https://ref.gs1.org/cbv/"
GS1_VOC: Final = "https://gs1.org/voc/"
_CBV_WEB_SEEN: Final = (
    CBV_WEB,
    "http://ref.gs1.org/cbv/",
    "https://ns.gs1.org/cbv/",
    "http://ns.gs1.org/cbv/",
)
_GS1_VOC_SEEN: Final = (
    GS1_VOC,
    "http://gs1.org/voc/",
    "https://www.gs1.org/voc/",
    "http://www.gs1.org/voc/",
)


@dataclass(frozen=True, slots=True)
class CbvVocabulary:
    """One standard vocabulary: its words and how to write each spelling."""

    kind: str
    """The name in URNs: `bizstep`, `disp`, `btt`, `sdt`, `er`; our own for `comp` and the rest."""
    stem: str
    """Prefix of the word in a web URI: `BizStep-`; empty in the GS1 Web Vocabulary."""
    words: tuple[str, ...]
    host: str = CBV_WEB
    has_urn: bool = True
    """False for sensor words: they came with EPCIS 2.0 and never had a URN."""

    @property
    def prefix(self) -> str:
        """The prefix of compact names, without the colon."""
        return "cbv" if self.host == CBV_WEB else "gs1"


def _words(listing: str) -> tuple[str, ...]:
    return tuple(listing.split())


BUSINESS_STEPS: Final = CbvVocabulary(
    "bizstep",
    "BizStep-",
    _words(
        """
        accepting arriving assembling collecting commissioning consigning creating_class_instance
        cycle_counting decommissioning departing destroying disassembling dispensing encoding
        entering_exiting holding inspecting installing killing loading other packing picking
        receiving removing repackaging repairing replacing reserving retail_selling sampling
        sensor_reporting shipping staging_outbound stock_taking stocking storing transporting
        unloading unpacking void_shipping
        """
    ),
)
DISPOSITIONS: Final = CbvVocabulary(
    "disp",
    "Disp-",
    _words(
        """
        active available completeness_inferred completeness_verified conformant container_closed
        container_open damaged destroyed dispensed disposed encoded expired in_progress in_transit
        inactive mismatch_class mismatch_instance mismatch_quantity needs_replacement
        no_pedigree_match non_conformant non_sellable_other partially_dispensed recalled reserved
        retail_sold returned sellable_accessible sellable_not_accessible stolen unavailable unknown
        """
    ),
)
TRANSACTION_TYPES: Final = CbvVocabulary(
    "btt",
    "BTT-",
    _words(
        """
        bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt
        """
    ),
)
PARTY_ROLES: Final = CbvVocabulary("sdt", "SDT-", ("owning_party", "possessing_party", "location"))
ERROR_REASONS: Final = CbvVocabulary("er", "ER-", ("did_not_occur", "incorrect_data"))
COMPONENTS: Final = CbvVocabulary(
    "comp",
    "Comp-",
    _words(
        """
        x y z axial_distance azimuth height spherical_radius polar_angle elevation_angle easting
        northing latitude longitude altitude
        """
    ),
    has_urn=False,
)
SENSOR_ALERTS: Final = CbvVocabulary(
    "alert", "", ("ALARM_CONDITION", "ERROR_CONDITION"), host=GS1_VOC, has_urn=False
)
MEASUREMENTS: Final = CbvVocabulary(
    "measurement",
    "",
    _words(
        """
        AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Altitude AmountOfSubstance
        AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum AngularVelocity
        Area Capacitance Conductance Conductivity Count Density Dimensionless DoseEquivalent
        DoseEquivalentRate DynamicViscosity ElectricCharge ElectricCurrent ElectricCurrentDensity
        ElectricFieldStrength Energy Exposure Force Frequency Illuminance Inductance Irradiance
        KinematicViscosity Length LinearMomentum Luminance LuminousFlux LuminousIntensity
        MagneticFlux MagneticFluxDensity MagneticVectorPotential Mass MassConcentration
        MassFlowRate MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy MolarMass
        MolarVolume Power Pressure RadiantFlux RadiantIntensity Radioactivity RelativeHumidity
        Resistance Resistivity SolidAngle SpecificVolume Speed SurfaceDensity SurfaceTension
        Temperature Time Torque Voltage Volume VolumeFlowRate VolumeFraction VolumetricFlux
        Wavenumber
        """
    ),
    host=GS1_VOC,
    has_urn=False,
)

VOCABULARIES: Final = {
    vocabulary.kind: vocabulary
    for vocabulary in (
        BUSINESS_STEPS,
        DISPOSITIONS,
        TRANSACTION_TYPES,
        PARTY_ROLES,
        ERROR_REASONS,
        COMPONENTS,
        SENSOR_ALERTS,
        MEASUREMENTS,
    )
}

_SUCCESSORS: Final = {
    ("disp", "non_sellable_damaged"): "damaged",
    ("disp", "non_sellable_disposed"): "disposed",
    ("disp", "non_sellable_expired"): "expired",
    ("disp", "non_sellable_no_pedigree_match"): "no_pedigree_match",
    ("disp", "non_sellable_recalled"): "recalled",
}
"""CBV 1.0 words that EPCIS 1.2 files still use, and the CBV 2.0 word of the same meaning."""


def _spellings(vocabulary: CbvVocabulary, word: str) -> tuple[str, ...]:
    tail = vocabulary.stem + word
    hosts = _CBV_WEB_SEEN if vocabulary.host == CBV_WEB else _GS1_VOC_SEEN
    return (
        word,
        f"{CBV_URN}:{vocabulary.kind}:{word}",
        f"{vocabulary.prefix}:{tail}",
        *(host + tail for host in hosts),
    )


def _readings(vocabulary: CbvVocabulary) -> dict[str, str]:
    old = tuple(word for kind, word in _SUCCESSORS if kind == vocabulary.kind)
    return {
        spelling: word
        for word in vocabulary.words + old
        for spelling in _spellings(vocabulary, word)
    }


_READINGS: Final = {kind: _readings(vocabulary) for kind, vocabulary in VOCABULARIES.items()}
_WORDS: Final = {kind: frozenset(v.words) for kind, v in VOCABULARIES.items()}


def bare(kind: str, word: str) -> str:
    """The bare word for any spelling; a word CBV does not know comes back unchanged.

    `kind` is one of `bizstep`, `disp`, `btt`, `sdt`, `er`, `comp`, `alert`, `measurement`.

    >>> bare("disp", "https://ns.gs1.org/cbv/Disp-active"), bare("measurement", "gs1:Temperature")
    ('active', 'Temperature')
    >>> bare("bizstep", "https://example.com/steps/blending")
    'https://example.com/steps/blending'
    """
    return _READINGS[kind].get(word, word)


def is_standard(kind: str, word: str) -> bool:
    """Whether `word`, in any spelling, is a word of CBV 2.0.

    >>> is_standard("btt", "cbv:BTT-po"), is_standard("disp", "non_sellable_expired")
    (True, False)
    """
    return bare(kind, word) in _WORDS[kind]


def standard_words(kind: str) -> tuple[str, ...]:
    """The bare words of CBV 2.0 of a kind, in the standard's order.

    >>> "Temperature" in standard_words("measurement")
    True
    """
    return VOCABULARIES[kind].words


def successor(kind: str, word: str) -> str | None:
    """The bare word CBV 2.0 uses for a word of CBV 1.0, or None where the word is still valid.

    Stored words are never rewritten; this serves display and hints only.

    >>> successor("disp", "urn:epcglobal:cbv:disp:non_sellable_expired")
    'expired'
    """
    return _SUCCESSORS.get((kind, bare(kind, word)))


def urn(kind: str, word: str) -> str:
    """The spelling of EPCIS 1.x; sensor words, which never had a URN, become web URIs.

    >>> urn("sdt", "owning_party"), urn("measurement", "gs1:Speed")
    ('urn:epcglobal:cbv:sdt:owning_party', 'https://gs1.org/voc/Speed')
    """
    vocabulary = VOCABULARIES[kind]
    if not vocabulary.has_urn:
        return web_uri(kind, word)
    found = _READINGS[kind].get(word)
    return word if found is None else f"{CBV_URN}:{kind}:{found}"


def web_uri(kind: str, word: str) -> str:
    """The web URI of EPCIS 2.0.

    >>> web_uri("er", "urn:epcglobal:cbv:er:did_not_occur")
    'https://ref.gs1.org/cbv/ER-did_not_occur'
    """
    found = _READINGS[kind].get(word)
    vocabulary = VOCABULARIES[kind]
    return word if found is None else f"{vocabulary.host}{vocabulary.stem}{found}"


def compact(kind: str, word: str) -> str:
    """The compact name of JSON-LD and of sensor attributes in XML.

    >>> compact("measurement", "Temperature"), compact("comp", "x")
    ('gs1:Temperature', 'cbv:Comp-x')
    """
    found = _READINGS[kind].get(word)
    vocabulary = VOCABULARIES[kind]
    return word if found is None else f"{vocabulary.prefix}:{vocabulary.stem}{found}"
