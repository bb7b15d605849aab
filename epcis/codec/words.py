"""Identifiers and vocabulary words in the form the reader of a document asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from epcis.codec.options import CbvFormat, EpcFormat, WriteOptions
from schemas.cbv import urn, web_uri
from schemas.finding import Finding, Severity
from schemas.gs1.company_prefix import CompanyPrefixes
from schemas.gs1.digital_link import RESOLVER
from schemas.gs1.epc import canonical_key, identify

if TYPE_CHECKING:
    from collections.abc import Callable

_FINDINGS_MAX: Final = 100
"""Identifiers that findings name as left unchanged."""


class Words:
    """Turns identifiers and words into the form the options ask for.

    >>> Words(WriteOptions(cbv_format=CbvFormat.WEB_URI)).cbv("bizstep", "shipping")
    'https://ref.gs1.org/cbv/BizStep-shipping'
    """

    def __init__(self, options: WriteOptions) -> None:
        self._cbv_format = options.cbv_format
        self.findings: list[Finding] = []
        self._prefixes = CompanyPrefixes(options.company_prefixes)
        self.epc: Callable[[str], str] = {
            EpcFormat.DIGITAL_LINK: self._link,
            EpcFormat.URN: self._urn,
        }.get(options.epc_format, _as_is)

    def _link(self, uri: str) -> str:
        key = canonical_key(uri)
        return f"{RESOLVER}{key}" if key.startswith("/") else uri

    def _urn(self, uri: str) -> str:
        if uri.startswith("urn:"):
            # A URN shows where its prefix ends: links of the same company can follow it.
            self._prefixes.learn(uri)
            return uri
        identifier = identify(uri)
        form = identifier.to_urn(self._prefixes)
        if form is None and identifier.key.startswith("/"):
            self._note_kept(uri)
        return form or uri

    def _note_kept(self, uri: str) -> None:
        if len(self.findings) >= _FINDINGS_MAX:
            return
        self.findings.append(
            Finding(
                "epc.not-translated",
                Severity.INFO,
                f"{uri} stays as it is: nobody configured how long its company prefix is",
                "Add the prefix to the settings; Packtrail never guesses its length.",
            )
        )

    def epcs(self, uris: tuple[str, ...]) -> tuple[str, ...]:
        """A list of identifiers."""
        return uris if self.epc is _as_is else tuple(map(self.epc, uris))

    def cbv(self, kind: str, word: str) -> str:
        """A vocabulary word for XML: a URN where nothing else is asked for a bare word."""
        if self._cbv_format is CbvFormat.AS_WRITTEN:
            return word
        if self._cbv_format is CbvFormat.WEB_URI:
            return web_uri(kind, word)
        if self._cbv_format is CbvFormat.URN or ":" not in word:
            return urn(kind, word)
        return word


def _as_is(uri: str) -> str:
    return uri
