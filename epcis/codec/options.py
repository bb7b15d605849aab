"""How a document is written: which form identifiers and vocabulary words take (EPCIS 2.0 REST)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EpcFormat(StrEnum):
    """The values of the header `GS1-EPC-Format`."""

    NO_PREFERENCE = "No_Preference"
    DIGITAL_LINK = "Always_GS1_Digital_Link"
    URN = "Always_EPC_URN"
    AS_WRITTEN = "Never_Translates"


class CbvFormat(StrEnum):
    """The values of the header `GS1-CBV-XML-Format`; JSON-LD always takes bare words."""

    NO_PREFERENCE = "No_Preference"
    WEB_URI = "Always_Web_URI"
    URN = "Always_URN"
    AS_WRITTEN = "Never_Translates"


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to write; the defaults keep identifiers as the sender wrote them."""

    epc_format: EpcFormat = EpcFormat.NO_PREFERENCE
    cbv_format: CbvFormat = CbvFormat.NO_PREFERENCE
    company_prefixes: tuple[str, ...] = ()
    """Company prefixes an operator tells, laid over GS1's table; a URN needs their length."""
