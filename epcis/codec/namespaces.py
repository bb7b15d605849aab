"""The XML namespaces and JSON-LD prefixes that the standards fix, and the one of our own.

Our own namespace holds what a target syntax has no word for, so that nothing is lost on the way
there and back; `docs/reference/lossless.md` lists its words.
"""

from __future__ import annotations

from typing import Final

EPCIS_1: Final = "urn:epcglobal:epcis:xsd:1"
EPCIS_2: Final = "urn:epcglobal:epcis:xsd:2"
QUERY_1: Final = "urn:epcglobal:epcis-query:xsd:1"
QUERY_2: Final = "urn:epcglobal:epcis-query:xsd:2"
MASTERDATA_1: Final = "urn:epcglobal:epcis-masterdata:xsd:1"
MASTERDATA_2: Final = "urn:epcglobal:epcis-masterdata:xsd:2"
SBDH: Final = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XSD: Final = "http://www.w3.org/2001/XMLSchema"
XML: Final = "http://www.w3.org/XML/1998/namespace"
CBV_MDA: Final = "urn:epcglobal:cbv:mda"
OWN: Final = "urn:packtrail:ns:"
OWN_PREFIX: Final = "packtrail"

VERSION_2: Final = frozenset({EPCIS_2, QUERY_2, MASTERDATA_2})
OF_EPCIS: Final = frozenset({EPCIS_1, QUERY_1, MASTERDATA_1}) | VERSION_2

STANDARD_PREFIXES: Final = {
    "epcis": "https://ref.gs1.org/epcis/",
    "cbv": "https://ref.gs1.org/cbv/",
    "cbvmda": CBV_MDA,
    "gs1": "https://gs1.org/voc/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": XSD,
    "dcterms": "http://purl.org/dc/terms/",
}
"""What the standard JSON-LD context binds; these may not be bound anew (`@protected`). Namespaces
are written as in XML; `cbvmda` and `xsd` end in a colon and a hash in JSON-LD."""
