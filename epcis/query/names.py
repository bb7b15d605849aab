"""Prefixed names in queries: from `ex:grade` to the field the index knows.

Prefixes come from the query's `@context`, from the header GS1-Extensions, or are well known.
EPCIS 1.2 writes `namespace#local` instead of a prefixed name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from epcis.store.event_index import field_name

WELL_KNOWN: Final = {
    "epcis": "https://ref.gs1.org/epcis/",
    "cbv": "https://ref.gs1.org/cbv/",
    "cbvmda": "urn:epcglobal:cbv:mda",
    "gs1": "https://gs1.org/voc/",
    "gs1ushc": "http://epcis.gs1us.org/hc/ns",
}
"""Prefixes nobody needs to declare."""
EXTENSIONS_MAX: Final = 100
"""Most prefixes one request may declare."""
_PREFIXED: Final = re.compile(r"([A-Za-z_][\w.-]*):([^:/#|][^:/#|]*)")


class UnknownName(ValueError):  # noqa: N818  # says what it is
    """A name that cannot be resolved; the text says what to declare."""


@dataclass(frozen=True, slots=True)
class Names:
    """Prefixes and the namespaces they stand for."""

    prefixes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_header(cls, header: str | None) -> Names:
        """The prefixes of a GS1-Extensions header, `ex=http://x.example/,ey=http://y.example/`.

        >>> Names.of_header("ex=http://x.example/ns").field("ex:grade")
        'http://x.example/ns#grade'
        """
        if not header or not header.strip():
            return cls()
        prefixes: dict[str, str] = {}
        for part in header.split(","):
            prefix, equals, namespace = part.strip().partition("=")
            if not equals or not prefix or not namespace:
                raise UnknownName(
                    f"GS1-Extensions '{part.strip()}' is not of the form prefix=namespace"
                )
            if prefixes.setdefault(prefix.strip(), namespace.strip()) != namespace.strip():
                raise UnknownName(f"GS1-Extensions binds '{prefix.strip()}' to two namespaces")
        if len(prefixes) > EXTENSIONS_MAX:
            raise UnknownName(f"GS1-Extensions declares more than {EXTENSIONS_MAX} prefixes")
        return cls(prefixes)

    @classmethod
    def of_context(cls, context: object, more: Names | None = None) -> Names:
        """The prefixes of a JSON-LD `@context`: its inline objects; a URL adds nothing."""
        prefixes = dict(more.prefixes) if more else {}
        parts = context if isinstance(context, list) else [context]
        for part in parts[:EXTENSIONS_MAX]:
            if isinstance(part, Mapping):
                found = ((k, _namespace(v)) for k, v in part.items() if not k.startswith("@"))
                prefixes.update((prefix, namespace) for prefix, namespace in found if namespace)
        return cls(prefixes)

    def field(self, name: str) -> str:
        """The index's name of a field written as `prefix:local`, `namespace#local` or an IRI."""
        namespace, local = self._split(name)
        return field_name(namespace, local)

    def spellings(self, name: str) -> tuple[str, ...]:
        """Every spelling a master-data attribute of this name may have in documents."""
        try:
            namespace, local = self._split(name)
        except UnknownName:
            return (name,)
        stem = namespace.rstrip("#/:")
        return tuple({name: 0} | {f"{stem}{mark}{local}": 0 for mark in "#:/"})

    def word(self, name: str) -> str:
        """A vocabulary value, with a declared prefix expanded."""
        prefix, colon, local = name.partition(":")
        if colon and prefix in self.prefixes and not local.startswith("//"):
            return self.prefixes[prefix] + local
        return name

    def _split(self, name: str) -> tuple[str, str]:
        if "#" in name:
            namespace, _, local = name.rpartition("#")
            return namespace, local
        prefixed = _PREFIXED.fullmatch(name)
        if prefixed:
            prefix, local = prefixed.groups()
            namespace = self.prefixes.get(prefix) or WELL_KNOWN.get(prefix, "")
            if not namespace:
                raise UnknownName(
                    f"prefix '{prefix}' is not declared; send GS1-Extensions: {prefix}=<namespace>"
                )
            return namespace, local
        cut = max(name.rfind("/"), name.rfind(":"))
        if cut <= 0 or cut == len(name) - 1:
            raise UnknownName(f"'{name}' is not a qualified field name")
        return name[: cut + 1], name[cut + 1 :]


def _namespace(value: object) -> str:
    if isinstance(value, Mapping):
        value = value.get("@id")
    return value if isinstance(value, str) else ""
