"""Which prefix a namespace gets in a JSON-LD document that is being written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.codec.namespaces import CBV_MDA, OF_EPCIS, OWN, STANDARD_PREFIXES, XSD

if TYPE_CHECKING:
    from collections.abc import Iterable

_AS_IRI = {CBV_MDA: f"{CBV_MDA}:", f"{CBV_MDA}:": f"{CBV_MDA}::", XSD: f"{XSD}#"}
_STANDARD = {namespace: prefix for prefix, namespace in STANDARD_PREFIXES.items()}


class Prefixes:
    """Prefixes bound by the document's context, and those one event needs beside them.

    >>> prefixes = Prefixes([("ext", "http://example.com/ext/")])
    >>> prefixes.key("http://example.com/ext/", "grade"), prefixes.key("urn:x", "grade")
    ('ext:grade', 'ns1:grade')
    >>> prefixes.take()
    {'ns1': 'urn:x'}
    """

    def __init__(self, declared: Iterable[tuple[str, str]]) -> None:
        self.of_document: dict[str, str] = {}
        """Prefix to namespace, beside the standard ones."""
        self._by_namespace = dict(_STANDARD)
        for prefix, namespace in declared:
            if self._may_bind(prefix, namespace):
                self.of_document[prefix] = namespace
                self._by_namespace.setdefault(namespace, prefix)
        self._hints: dict[str, str] = {}
        self._extra: dict[str, str] = {}
        self._taken = set(STANDARD_PREFIXES)
        """Prefixes that the standard or `_extra` binds."""
        self._numbered = 0

    def _may_bind(self, prefix: str, namespace: str) -> bool:
        return (
            bool(prefix)
            and prefix not in STANDARD_PREFIXES
            and prefix not in self.of_document
            and namespace not in OF_EPCIS
            and namespace != OWN
            and ":" not in prefix
        )

    def hint(self, declared: Iterable[tuple[str, str]]) -> None:
        """Prefer these prefixes for namespaces of the event now written."""
        self._hints = {namespace: prefix for prefix, namespace in declared if prefix}

    def key(self, namespace: str, name: str) -> str:
        """The member name of an element or attribute."""
        if not namespace:
            return name
        if namespace == OWN:
            return f"{OWN}{name}"
        prefix = self._by_namespace.get(namespace) or self._extra.get(namespace)
        if prefix is None:
            prefix = self._bind(namespace)
        return f"{prefix}:{name}"

    def _bind(self, namespace: str) -> str:
        wanted = self._hints.get(namespace, "")
        while not wanted or wanted in self._taken or wanted in self.of_document:
            self._numbered += 1
            wanted = f"ns{self._numbered}"
        self._extra[namespace] = wanted
        self._taken.add(wanted)
        return wanted

    def take(self) -> dict[str, str]:
        """Prefixes used since the last call that the document's context does not bind."""
        if not self._extra and not self._hints:
            return {}
        for namespace in self._hints:
            self.key(namespace, "x")  # a prefix may stand in a value, as xsd in xsi:type
        extra = {prefix: as_iri(namespace) for namespace, prefix in self._extra.items()}
        self._extra.clear()
        self._taken = set(STANDARD_PREFIXES)
        self._numbered = 0
        self._hints = {}
        return extra


def as_iri(namespace: str) -> str:
    """The namespace as a JSON-LD context writes it.

    One that XML wrote with the colon that JSON-LD adds gets a second one: it is another namespace.

    >>> as_iri("urn:epcglobal:cbv:mda"), as_iri("urn:epcglobal:cbv:mda:")
    ('urn:epcglobal:cbv:mda:', 'urn:epcglobal:cbv:mda::')
    """
    return _AS_IRI.get(namespace, namespace)
