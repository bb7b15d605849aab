"""How much of a document the codec is willing to take in: every bound has a name here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Bounds on one document; exceeding one refuses the document with a finding.

    >>> DocumentLimits().findings_max
    1000
    """

    document_bytes_max: int = 4 * 2**30
    """Plain size, after unpacking."""
    packed_ratio_max: int = 200
    """Plain bytes per packed byte of a gzip or zip file."""
    packed_free_bytes: int = 8 * 2**20
    """Below this plain size the ratio is not looked at: tiny files pack extremely well."""
    prolog_bytes_max: int = 256 * 2**10
    """What may stand before the root element of an XML file."""
    event_bytes_max: int = 64 * 2**20
    """One event, header or foreign part of a document."""
    event_values_max: int = 2_500_000
    """Elements, attributes or JSON values in one event: a few bytes each, much memory."""
    extension_nodes_max: int = 200_000
    """Elements or values in the user extensions of one event."""
    namespaces_max: int = 200
    """Prefixes in scope at one element, of one event, or bound by one `@context`."""
    depth_max: int = 100
    """Nesting of elements or JSON values inside an event or header."""
    events_max: int = 10_000_000
    """Events in one document."""
    findings_max: int = 1000
    """Findings that are listed one by one; further ones are only counted."""
