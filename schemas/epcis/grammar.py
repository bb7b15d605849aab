"""Classes that describe documents: records, their parts and their attributes.

A description is independent of XML Schema and JSON Schema; `schemas.epcis.as_xsd` and
`schemas.epcis.as_json` write those from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

MANY: Final = None
"""Value of `most` for any number of parts."""


class Open(StrEnum):
    """Where a record takes elements that the standard does not name."""

    CLOSED = "closed"
    LOCAL = "local"
    """An `extension` element for elements without a namespace, then elements of others."""
    FOREIGN = "foreign"
    """An `extension` element for elements of other namespaces, then elements of others."""
    TAIL = "tail"
    """No `extension` element of its own, but elements of others at the end."""
    NESTED = "nested"
    """Only an `extension` element for elements without a namespace."""
    NESTED_PLAIN = "nested-plain"
    """As NESTED, and the `extension` element takes no attributes."""


@dataclass(frozen=True, slots=True)
class Part:
    """An element inside a record: its name, what it holds, and how often it may occur.

    `holds` is a plain type (`uri`, `time`, `text`, …) or the name of a record; a name with a
    colon (`epcis:EventListType`) belongs to another file's namespace, and one that begins with
    `ref:` is an element declared at the top of a file.
    """

    name: str
    holds: str
    least: int = 1
    most: int | None = 1
    may_be_nil: bool = False


@dataclass(frozen=True, slots=True)
class Attribute:
    """An XML attribute of a record."""

    name: str
    holds: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class AnyOrder:
    """Parts that may occur in any order and number, or, with `once`, of which one may occur."""

    parts: tuple[Part, ...]
    once: bool = False
    least: int = 0
    with_foreign: bool = False


@dataclass(frozen=True, slots=True)
class Tied:
    """Parts that occur together or not at all."""

    parts: tuple[Part, ...]


Content: TypeAlias = Part | AnyOrder | Tied


@dataclass(frozen=True, slots=True)
class RecordType:
    """A type of element: its content, in order."""

    name: str
    content: tuple[Content, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    open: Open = Open.CLOSED
    any_attribute: bool = False
    text: str = ""
    """The plain type of its text where it holds text and no elements."""
    mixed: bool = False
    """It may hold anything, text and elements mixed."""


@dataclass(frozen=True, slots=True)
class WordType:
    """A text of a fixed list of words, or of a fixed form."""

    name: str
    words: tuple[str, ...] = ()
    pattern: str = ""
    of: str = "text"


@dataclass(frozen=True, slots=True)
class Namespace:
    """One XML namespace of the standard and the file its description is written to."""

    prefix: str
    uri: str
    file: str
    qualified: bool = False
    """Whether the elements inside carry the namespace too."""


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """All that one schema file declares."""

    namespace: Namespace
    imports: tuple[Namespace, ...]
    roots: tuple[Part, ...]
    """Root elements, and elements allowed where a document is open for others."""
    records: tuple[RecordType, ...]
    words: tuple[WordType, ...] = ()
    about: str = ""
