"""Lot, expiry and product facts as master data tells them, in every namespace that files use.

The one place that knows under which names partners write a lot number or an expiry date, and in
which forms a date comes. Standard: CBV 2.0 section 9.2 (ILMD), GS1 US healthcare guideline 1.2.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from epcis.model import Node
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from epcis.model import Event, VocabularyElement

LOT_NAMES: Final = ("lotNumber", "hasBatchLotNumber", "batchLotNumber", "batchNumber")
EXPIRY_NAMES: Final = ("itemExpirationDate", "expirationDate", "expiryDate")
"""The names that GS1 standards and guidelines give them, the commonest first."""
FACT_NAMES: Final = frozenset((*LOT_NAMES, *EXPIRY_NAMES))
DEPTH_MAX: Final = 4
"""Elements around a fact inside ILMD; some senders wrap them."""
EXPIRY_CHARS_MAX: Final = 40
"""Of an expiry that is no date so much is kept."""
_KNOWN_NAMESPACE: Final = re.compile(
    r"(?:urn:epcglobal:(?:cbv|hc|hls|epcis)\b.*|urn:gs1\b.*"
    r"|https?://(?:[\w-]+\.)*(?:gs1us|gs1|epcglobalinc|epcglobal)\.(?:org|com)(?:[/#].*)?)\Z",
    re.IGNORECASE,
)
_DAY: Final = re.compile(
    r"(\d{4})([-/]?)(\d{2})\2(\d{2})(T.*|Z|[+-]\d{2}:?\d{2})?\Z", re.DOTALL | re.ASCII
)
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})(?:Z|[+-]\d{2}:\d{2})?\Z", re.ASCII)
_SIX_DIGITS: Final = re.compile(r"\d{6}\Z", re.ASCII)


class LotFacts(NamedTuple):
    """What an event or master data says about a lot; empty where it says nothing."""

    code: str
    expiry: str
    """ISO 8601 day; the sender's text where it is no date that we can read."""


class ExpiryRead(NamedTuple):
    """An expiry as it was read."""

    day: date | None
    odd: str
    """What is odd about its form; empty for a plain ISO 8601 day."""


def is_known_namespace(namespace: str) -> bool:
    """Whether a namespace is one of GS1's, with or without what some put behind it.

    >>> is_known_namespace("http://epcis.gs1us.org/hc/ns"), is_known_namespace("http://example.com")
    (True, False)
    >>> is_known_namespace("urn:epcglobal:cbv:mda:"), is_known_namespace("https://gs1.org/voc/")
    (True, True)
    """
    return _KNOWN_NAMESPACE.match(namespace) is not None


def lot_facts(event: Event) -> LotFacts | None:
    """Lot and expiry from the instance or lot master data of an event; None where it tells none.

    >>> from epcis.model import ObjectEvent
    >>> us = "http://epcis.gs1us.org/hc/ns"
    >>> ilmd = (Node(namespace=us, name="lotNumber", children=("L1",)),
    ...         Node(namespace=us, name="itemExpirationDate", children=("2027-02",)))
    >>> lot_facts(ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD", ilmd=ilmd))
    LotFacts(code='L1', expiry='2027-02-28')
    """
    ilmd = getattr(event, "ilmd", None)
    return _facts_of(ilmd) if ilmd else None


@lru_cache(maxsize=64)
def _facts_of(ilmd: tuple[Node, ...]) -> LotFacts | None:
    code, written = written_facts(ilmd)
    return LotFacts(code, _expiry_text(written)) if code or written else None


def written_facts(ilmd: Iterable[Node]) -> tuple[str, str]:
    """Lot number and expiry as they are written, empty where they are missing.

    An element of a known namespace goes before one of the same name in another.

    >>> written_facts([Node(namespace="urn:epcglobal:cbv:mda", name="lotNumber", children=("A",))])
    ('A', '')
    """
    found: dict[str, tuple[bool, str]] = {}
    for node in fact_nodes(ilmd):
        is_known = is_known_namespace(node.namespace)
        if node.text and (node.name not in found or (is_known and not found[node.name][0])):
            found[node.name] = (is_known, node.text)
    return _first(found, LOT_NAMES), _first(found, EXPIRY_NAMES)


def fact_nodes(ilmd: Iterable[Node | str], depth: int = 0) -> Iterator[Node]:
    """The elements that tell a lot or an expiry, wherever they stand."""
    for node in ilmd:
        if isinstance(node, str):
            continue
        if node.name in FACT_NAMES:
            yield node
        elif depth < DEPTH_MAX:
            yield from fact_nodes(node.children, depth + 1)


def _first(found: Mapping[str, tuple[bool, str]], names: tuple[str, ...]) -> str:
    values = [found[name] for name in names if name in found]
    return max(values, key=lambda one: one[0])[1] if values else ""


def lot_of_element(element: VocabularyElement) -> tuple[str, LotFacts] | None:
    """GTIN-14 and facts of the lot that a master data entry is about; None where it tells none.

    Its id is an LGTIN, as URN or GS1 Digital Link (CBV 2.0 section 9.2.2).

    >>> from epcis.model import VocabularyElement
    >>> day = ("urn:epcglobal:cbv:mda#itemExpirationDate", ("2027-02",))
    >>> lot = VocabularyElement(id="urn:epc:class:lgtin:0355555.067890.L7", attributes=(day,))
    >>> lot_of_element(lot)
    ('00355555678908', LotFacts(code='L7', expiry='2027-02-28'))
    """
    key = canonical_key(element.id)
    if not key.startswith("/01/") or key[18:22] != "/10/":
        return None
    attributes = attributes_of(element)
    by_last_part = {_LAST_PART.split(name)[-1]: text for name, text in reversed(attributes.items())}
    named = [table.get(name) for table in (attributes, by_last_part) for name in EXPIRY_NAMES]
    written = next(filter(None, named), "")
    return (key[4:18], LotFacts(unquote(key[22:]), _expiry_text(written))) if written else None


_LAST_PART: Final = re.compile(r"[#/:]")


def attributes_of(element: VocabularyElement) -> dict[str, str]:
    """The attributes of a master data entry by their local names, in any known namespace."""
    return {
        local_name(name): "".join(
            part.text if isinstance(part, Node) else part for part in content
        ).strip()
        for name, content in element.attributes
    }


def local_name(attribute: str) -> str:
    """The name of a master data attribute without its namespace; a foreign one stays whole.

    >>> local_name("urn:epcglobal:cbv:mda#lotNumber"), local_name("gs1ushc:lotNumber")
    ('lotNumber', 'lotNumber')
    >>> local_name("http://epcis.gs1us.org/hc/ns#lotNumber"), local_name("http://example.com/a#b")
    ('lotNumber', 'http://example.com/a#b')
    """
    head, mark, name = max(
        (attribute.rpartition(mark) for mark in "#/:"), key=lambda parts: len(parts[0])
    )
    is_prefix = mark == ":" and head in _PREFIXES
    return name if name and (is_prefix or is_known_namespace(head)) else attribute


_PREFIXES: Final = frozenset({"cbvmda", "gs1ushc", "cbv", "gs1"})


def _expiry_text(written: str) -> str:
    if not written:
        return ""
    day = read_expiry(written).day
    return day.isoformat() if day is not None else written[:EXPIRY_CHARS_MAX]


def read_expiry(written: str) -> ExpiryRead:
    """An expiry as a day: a month stands for its last day, of a dateTime the day counts.

    >>> read_expiry("2027-05-31"), read_expiry("2027-02").day
    (ExpiryRead(day=datetime.date(2027, 5, 31), odd=''), datetime.date(2027, 2, 28))
    >>> read_expiry("2027-05-31T00:00:00Z").day, read_expiry("270500").day
    (datetime.date(2027, 5, 31), datetime.date(2027, 5, 31))
    >>> read_expiry("May 2027").day is None
    True
    """
    text = written.strip()
    if month := _MONTH.match(text):
        return _read(int(month[1]), int(month[2]), 0, "a month without a day")
    if day := _DAY.match(text):
        year, separator, month_digits, day_digits, tail = day.groups()
        odd = "not written as YYYY-MM-DD" if separator != "-" else ""
        if tail:
            odd = "a time of day" if tail.startswith("T") else odd
        return _read(int(year), int(month_digits), int(day_digits), odd)
    if _SIX_DIGITS.match(text):
        as_barcode = _read(2000 + int(text[:2]), int(text[2:4]), int(text[4:]), "YYMMDD")
        if as_barcode.day is not None:
            return as_barcode
        return _read(int(text[:4]), int(text[4:]), 0, "a month without a day")
    return ExpiryRead(None, "no date")


def _read(year: int, month: int, day: int, odd: str) -> ExpiryRead:
    """Day 0 is the last of the month (GS1 General Specifications, AI 17)."""
    try:
        if day == 0:
            return ExpiryRead(date(year, month, monthrange(year, month)[1]), odd or "day 00")
        return ExpiryRead(date(year, month, day), odd)
    except ValueError:
        return ExpiryRead(None, "no day of the calendar")
