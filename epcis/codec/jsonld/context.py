"""JSON-LD contexts without a network: which prefix or term stands for which namespace.

The standard contexts are known by all the addresses they are published under. Inline contexts are
read; others are taken from `known`, a table the operator may fill, or noted as unknown and kept.
Standard: EPCIS 2.0 section 10.1, JSON-LD 1.1 section 4.1.

>>> context = Context.of(["https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
...                       {"ext": "http://example.com/ext/"}])
>>> context.resolve("ext:grade"), context.resolve("cbvmda:lotNumber")
(('http://example.com/ext/', 'grade'), ('urn:epcglobal:cbv:mda', 'lotNumber'))
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from epcis.codec.limits import DocumentLimits
from epcis.codec.namespaces import CBV_MDA, STANDARD_PREFIXES, XSD
from epcis.codec.refusal import DocumentRefused
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.json_value import JsonValue

STANDARD_URL: Final = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"
_STANDARD: Final = re.compile(
    r"https?://(?:www\.)?(?:ref\.gs1\.org/(?:standards|docs)/epcis|gs1\.github\.io/EPCIS)/"
    r"(?:2\.\d+(?:\.\d+)?/)?epcis-context(?:-simple)?\.jsonld"
)
_TIDY: Final = {f"{CBV_MDA}:": CBV_MDA, f"{CBV_MDA}::": f"{CBV_MDA}:", f"{XSD}#": XSD}
_IRI: Final = re.compile(r"(?s)(.*[#/:])([^#/:]+)")


NAMESPACES_MAX: Final = DocumentLimits().namespaces_max


def is_standard(url: str) -> bool:
    """Whether an address is one of the standard EPCIS context.

    >>> is_standard("https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld")
    True
    """
    return _STANDARD.fullmatch(url.strip()) is not None


def tidy_namespace(namespace: str) -> str:
    """The namespace as XML writes it: two of them have one more character in JSON-LD.

    >>> tidy_namespace("urn:epcglobal:cbv:mda:")
    'urn:epcglobal:cbv:mda'
    """
    return _TIDY.get(namespace, namespace)


@dataclass(slots=True)
class Context:
    """What prefixes and terms mean at one place of a document."""

    prefixes: dict[str, str] = field(default_factory=lambda: dict(STANDARD_PREFIXES))
    terms: dict[str, tuple[str, str]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    """Addresses of contexts that are not known here."""
    added: dict[str, str] = field(default_factory=dict)
    """The prefixes the document itself bound, in order."""
    spelled_out: set[str] = field(default_factory=set)
    """Namespaces of member names written as whole IRIs: each needs a prefix in XML."""

    @classmethod
    def of(cls, written: JsonValue, known: Mapping[str, JsonValue] | None = None) -> Context:
        """The context of a written `@context` value."""
        context = cls()
        context._take(written, known or {}, depth=0)
        return context

    def extended(self, written: JsonValue, known: Mapping[str, JsonValue] | None = None) -> Context:
        """The same context with another one put on top, as an event's own `@context`."""
        context = Context(dict(self.prefixes), dict(self.terms), spelled_out=self.spelled_out)
        context._take(written, known or {}, depth=0)
        return context

    def _take(self, written: JsonValue, known: Mapping[str, JsonValue], depth: int) -> None:
        if isinstance(written, list):
            for part in written:
                self._take(part, known, depth)
        elif type(written) is str:
            if is_standard(written):
                return
            if written in known and depth < _REMOTE_DEPTH_MAX:
                inner = known[written]
                value = inner.get("@context", {}) if isinstance(inner, dict) else inner
                self._take(value, known, depth + 1)
            else:
                self.unknown.append(written)
        elif isinstance(written, dict):
            for name, meaning in written.items():
                self._define(name, meaning)

    def _define(self, name: str, meaning: JsonValue) -> None:
        iri = meaning.get("@id") if isinstance(meaning, dict) else meaning
        if name.startswith("@") or type(iri) is not str or not iri or iri[0] == "@":
            return
        prefix, colon, rest = iri.partition(":")
        if colon and prefix in self.prefixes and not rest.startswith("//"):
            self.terms[name] = (self.prefixes[prefix], rest)
            return
        if name in STANDARD_PREFIXES:
            return
        if self.prefixes.get(name) == tidy_namespace(iri):
            return
        if len(self.prefixes) >= NAMESPACES_MAX:
            raise DocumentRefused([_too_many("a @context binds")])
        self.prefixes[name] = tidy_namespace(iri)
        self.added[name] = tidy_namespace(iri)
        split = _IRI.fullmatch(iri)
        if split is not None:
            self.terms[name] = (tidy_namespace(split[1]), split[2])

    def resolve(self, key: str) -> tuple[str, str]:
        """Namespace and local name of a member name; no namespace where it has none.

        >>> Context().resolve("urn:epcglobal:cbv:mda:lotNumber")
        ('urn:epcglobal:cbv:mda', 'lotNumber')
        """
        prefix, colon, local = key.partition(":")
        if not colon:
            return self.terms.get(key, ("", key))
        if prefix in self.prefixes and local and not local.startswith("//"):
            return self.prefixes[prefix], local
        if local.startswith("//") or prefix == "urn":
            split = _IRI.fullmatch(key)
            if split is not None:
                self.spelled_out.add(split[1])
                if len(self.spelled_out) > NAMESPACES_MAX:
                    raise DocumentRefused([_too_many("member names of the document hold")])
                return tidy_namespace(split[1]), split[2]
        return "", key

    def names_nothing(self, key: str) -> bool:
        """Whether a member name has a prefix that nobody bound."""
        return ":" in key and self.resolve(key)[0] == ""


def _too_many(whose: str) -> Finding:
    return Finding(
        "document.too-many-namespaces",
        Severity.ERROR,
        f"{whose} more than {NAMESPACES_MAX} namespaces",
        "Have the sender check the file; no EPCIS document looks like this.",
        Where(path="/@context"),
    )


_REMOTE_DEPTH_MAX: Final = 4
