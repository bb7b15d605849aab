r"""GS1 element strings: Application Identifiers with their data, as a scanner transmits them.

Read and written in both spellings: with separators (`0109506000134352\x1d21…`), and bracketed as
printed for people (`(01)09506000134352(21)…`). Nothing is guessed: any departure from the General
Specifications is a finding with its position.
Standard: GS1 General Specifications sections 3, 4.14 and 7.8.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from schemas.finding import Finding, Severity, Where
from schemas.gs1 import ai

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GS: Final = "\x1d"
"""The separator: FNC1 as every decoder transmits it (ASCII 29)."""
ELEMENTS_MAX: Final = 200
"""Elements read from one text; no symbol holds as many."""
SHAPES_MAX: Final = 256
"""Sequences of identifiers whose regular expression is kept."""
SIGHTINGS_MIN: Final = 4
"""How often a sequence must occur before it gets a regular expression."""
SIGHTINGS_MAX: Final = 1024
"""Sequences that are counted at a time."""
SHAPE_ELEMENTS_MAX: Final = 12
_BRACKET = re.compile(r"(?<!\\)\(\s*(\d{2,4})\s*\)", re.ASCII)
_SPACED_BRACKET = re.compile(r"\(\s*(\d{2,4})\s*\)(?=\s)", re.ASCII)
"""As labels print it, followed by a blank: no data holds a blank, so nothing needs escaping."""
_SERIALISED_FROM = {"253": 14, "255": 14, "8003": 15}
"""Keys whose serial is part of the field, and the length at which it is present."""


class Element(msgspec.Struct, frozen=True):
    """One Application Identifier with its data.

    >>> str(Element("10", "A1"))
    '(10)A1'
    """

    ai: str
    value: str
    position: int = 0
    """0-based offset of the identifier in the text it was read from."""

    def __str__(self) -> str:
        return f"({self.ai}){self.value}"


class ElementString(msgspec.Struct, frozen=True):
    """The elements of one text, with the findings about them."""

    elements: tuple[Element, ...]
    findings: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        return bracketed((element.ai, element.value) for element in self.elements)

    def as_dict(self) -> dict[str, str]:
        """Data by Application Identifier, the first of any repeats.

        >>> parse("10A1").as_dict()
        {'10': 'A1'}
        """
        found: dict[str, str] = {}
        for element in self.elements:
            found.setdefault(element.ai, element.value)
        return found


def parse(data: str, *, whole_item: bool = False) -> ElementString:
    r"""Read transmitted data: identifiers and values, GS where a value may vary in length.

    The caller has removed a symbology identifier. With `whole_item` the text holds all symbols
    of the item, so a missing partner is an error; otherwise another symbol of the item may hold
    it, and it is a warning.

    >>> [str(e) for e in parse("010950600013435221ABC\x1d17270531").elements]
    ['(01)09506000134352', '(21)ABC', '(17)270531']
    >>> print(parse("1727")    .findings[0])
    error ai.too-short: (17) USE BY or EXPIRY: data is too short: '27'
    """
    shape = _SHAPES.get(data[:2] + data[16:18])
    if shape is not None:
        elements = shape.elements(data)
        if elements is not None:
            return ElementString(elements)
    parsed = _parse_step_by_step(data, whole_item=whole_item)
    if not parsed.findings:
        _remember_shape(data, parsed.elements)
    return parsed


def _parse_step_by_step(data: str, *, whole_item: bool) -> ElementString:
    elements: list[Element] = []
    findings: list[Finding] = []
    position = 1 if data.startswith(GS) else 0
    end = len(data)
    while position < end:
        code = data[position : position + ai.WIDTH_OF.get(data[position : position + 2], 2)]
        identifier = ai.COMPILED.get(code) or ai.lookup(code)
        if identifier is None:
            findings.append(_unknown(data, position))
            break
        start = position + len(code)
        if identifier.predefined:
            stop = min(start + identifier.length_max, end)
        else:
            stop = data.find(GS, start)
            if stop < 0:
                stop = end
        value = data[start:stop]
        if not identifier.accepts(value):
            findings.append(refusal(identifier, value, start))
        elements.append(Element(code, value, position))
        position = stop + 1 if data[stop : stop + 1] == GS else stop
        if len(elements) >= ELEMENTS_MAX:
            findings.append(_too_many(position))
            break
    if not elements and not findings:
        findings.append(_empty())
    findings += associations(elements, whole_item=whole_item)
    return ElementString(tuple(elements), tuple(findings))


class _Shape:
    """A faultless sequence of identifiers met before, as one regular expression.

    Symbols of one production line differ in their values only. The step-by-step parser accepts
    every text that matches, because no identifier is a prefix of another and no value holds a
    separator; a text that does not match goes to the step-by-step parser.
    """

    __slots__ = ("_checks", "_codes", "_match")

    def __init__(self, identifiers: list[ai.ApplicationIdentifier]) -> None:
        self._codes = tuple((found.code, len(found.code)) for found in identifiers)
        self._checks = tuple(
            (index, check)
            for index, found in enumerate(identifiers, 1)
            if (check := found.beyond_pattern) is not None
        )
        parts = [f"{f.code}({f.pattern}){GS}{'?' if f.predefined else ''}" for f in identifiers]
        parts[-1] = parts[-1].removesuffix("?") + "?"
        self._match = re.compile(f"{GS}?" + "".join(parts), re.ASCII).fullmatch

    def elements(self, data: str) -> tuple[Element, ...] | None:
        """The elements of a text of this shape; None for any other."""
        match = self._match(data)
        if match is None:
            return None
        for index, check in self._checks:
            if not check(match[index]):
                return None
        spans = iter(match.regs)
        next(spans)
        return tuple(
            [
                Element(code, data[start:end], start - width)
                for (code, width), (start, end) in zip(self._codes, spans, strict=True)
            ]
        )


_SHAPES: Final[dict[str, _Shape]] = {}
"""The latest shape for each first identifier and the two characters after a GTIN."""
_SHAPE_OF: Final[dict[tuple[str, ...], _Shape]] = {}
_SIGHTINGS: Final[dict[tuple[str, ...], int]] = {}


def _remember_shape(data: str, elements: tuple[Element, ...]) -> None:
    """Keep the text's shape once it has occurred often enough to be worth a regular expression."""
    codes = tuple([element.ai for element in elements])
    shape = _SHAPE_OF.get(codes)
    if shape is None:
        if len(codes) > SHAPE_ELEMENTS_MAX or len(_SHAPE_OF) >= SHAPES_MAX or not _is_plain(codes):
            return
        if len(_SIGHTINGS) >= SIGHTINGS_MAX:
            _SIGHTINGS.clear()
        # Threads may lose a count to each other; a shape kept a little later or twice does no harm.
        seen = _SIGHTINGS.get(codes, 0) + 1
        _SIGHTINGS[codes] = seen
        if seen < SIGHTINGS_MIN:
            return
        shape = _SHAPE_OF[codes] = _Shape([f for code in codes if (f := ai.lookup(code))])
    _SHAPES[data[:2] + data[16:18]] = shape


def parse_bracketed(text: str) -> ElementString:
    r"""Read the spelling for people, `(01)09506000134352(10)A1`.

    An opening bracket belongs to the data unless an Application Identifier in brackets follows; a
    backslash before it makes it data in any case. Blanks and line ends around the data are layout,
    as on labels (`(01) 09506000134352`, one element in each line), and are ignored.

    >>> parse_bracketed("(01)09506000134352(10)A(1)").as_dict()
    {'01': '09506000134352', '10': 'A(1)'}
    """
    if _SPACED_BRACKET.match(text):
        spaced = _parse_bracketed(text, _SPACED_BRACKET)
        if all(finding.severity != Severity.ERROR for finding in spaced.findings):
            return spaced
    return _parse_bracketed(text, _BRACKET)


def _parse_bracketed(text: str, bracket: re.Pattern[str]) -> ElementString:
    elements: list[Element] = []
    findings: list[Finding] = []
    first = bracket.match(text)
    if first is None:
        return ElementString((), (_no_bracket(),))
    marks = [m for m in bracket.finditer(text) if m[1] == first[1] or ai.lookup(m[1])]
    if len(marks) > ELEMENTS_MAX:
        findings.append(_too_many(marks[ELEMENTS_MAX].start()))
        marks = marks[:ELEMENTS_MAX]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=True):
        code, value = mark[1], text[mark.end() : end].strip().replace("\\(", "(")
        elements.append(Element(code, value, mark.start()))
        identifier = ai.lookup(code)
        if identifier is None:
            findings.append(_unknown(text, mark.start() + 1))
        elif not identifier.accepts(value):
            findings.append(refusal(identifier, value, mark.end()))
    # A label prints the text of one symbol; another symbol of the item may hold the partner.
    findings += associations(elements, whole_item=bracket is _BRACKET)
    return ElementString(tuple(elements), tuple(findings))


def associations(elements: list[Element], *, whole_item: bool) -> list[Finding]:
    """What is wrong between elements: repeats that differ, exclusions, missing partners."""
    present = tuple([element.ai for element in elements])
    if _is_plain(present):
        return []
    found = ai.conflicts(present)
    position_of = {element.ai: element.position for element in elements}
    return [
        *_repeats(elements),
        *(_conflict(c, position_of[c.identifier], whole_item=whole_item) for c in found),
        *_unserialised_signature(elements),
    ]


@lru_cache(maxsize=ai.PATTERNS_CACHED_MAX)
def _is_plain(present: tuple[str, ...]) -> bool:
    """Whether nothing can be wrong between such elements, whatever their data."""
    once = len(set(present)) == len(present)
    return once and "8030" not in present and not ai.conflicts(present)


def _repeats(elements: list[Element]) -> list[Finding]:
    first: dict[str, str] = {}
    return [
        Finding(
            "ai.repeated",
            Severity.ERROR,
            f"({element.ai}) stands twice, with different data",
            "Two scans may have run together; scan again.",
            Where(position=element.position),
        )
        for element in elements
        if first.setdefault(element.ai, element.value) != element.value
    ]


def _conflict(conflict: ai.Conflict, position: int, *, whole_item: bool) -> Finding:
    code, others = conflict.identifier, conflict.others
    if conflict.code == "excluded":
        what = f"({code}) and ({others}) may not stand together"
        hint = "Two scans may have run together, or the label is wrong."
        return Finding("ai.excluded", Severity.ERROR, what, hint, Where(position=position))
    return Finding(
        "ai.missing-partner",
        Severity.ERROR if whole_item else Severity.WARNING,
        f"({code}) needs one of: {others}",
        "Scan the other symbols of the item too; alone this one is incomplete.",
        Where(position=position),
    )


def _unserialised_signature(elements: list[Element]) -> list[Finding]:
    if all(element.ai != "8030" for element in elements):
        return []
    return [
        Finding(
            "ai.signature-unserialised",
            Severity.ERROR,
            f"a digital signature (8030) needs the serial component of ({element.ai})",
            "The label is wrong; report it to its owner.",
            Where(position=element.position),
        )
        for element in elements
        if len(element.value) < _SERIALISED_FROM.get(element.ai, 0)
    ]


def refusal(identifier: ai.ApplicationIdentifier, value: str, start: int) -> Finding:
    """The finding about a data field that the identifier does not accept."""
    fault = ai.explain(identifier, value)
    code, position = (fault.code, fault.position) if fault else ("refused", 0)
    reason = code.replace("_", " ")
    shown = value if len(value) <= 100 else value[:100] + "…"
    return Finding(
        "ai." + code.replace("_", "-"),
        Severity.ERROR,
        f"({identifier.code}) {identifier.title}: data is {reason}: {shown!r}",
        _HINTS.get(code, "Compare the data with the printed text; scan again or report the label."),
        Where(position=start + position),
    )


_HINTS = {
    "empty_value": "Nothing stands behind the identifier; scan again.",
    "too_long": "A separator may be missing behind this element; check the scanner's settings.",
    "too_short": "The text may be cut off; scan again.",
    "incorrect_check_digit": "A digit was misread or mistyped; scan again.",
}


def _unknown(data: str, position: int) -> Finding:
    shown = data[position : position + 4]
    return Finding(
        "ai.unknown",
        Severity.ERROR,
        f"no GS1 Application Identifier begins with {shown!r}",
        "A separator may be missing before this place, or this is not a GS1 element string.",
        Where(position=position),
    )


def _too_many(position: int) -> Finding:
    return Finding(
        "ai.too-many",
        Severity.ERROR,
        f"more than {ELEMENTS_MAX} elements",
        "This is not the text of one symbol.",
        Where(position=position),
    )


def _empty() -> Finding:
    return Finding("text.empty", Severity.ERROR, "no data", "Scan again.", Where(position=0))


def _no_bracket() -> Finding:
    return Finding(
        "ai.no-bracket",
        Severity.ERROR,
        "the text does not begin with an Application Identifier in brackets",
        "Write it as (01)…(21)….",
        Where(position=0),
    )


def bracketed(elements: Iterable[tuple[str, str]] | Mapping[str, str]) -> str:
    r"""The spelling for people (General Specifications section 4.14).

    A bracket that would be read as an identifier's gets a backslash.

    >>> bracketed({"01": "09506000134352", "10": "A1"})
    '(01)09506000134352(10)A1'
    >>> print(bracketed({"10": "A(21)B"}))
    (10)A\(21)B
    """
    pairs = _pairs(elements)
    return "".join(f"({code}){_BRACKET.sub(_escaped, value)}" for code, value in pairs)


def _escaped(bracket: re.Match[str]) -> str:
    return "\\" + bracket[0]


def transmitted(elements: Iterable[tuple[str, str]] | Mapping[str, str]) -> str:
    r"""The data as a scanner transmits it: GS after values of variable length, except the last.

    Raises ValueError where an identifier does not exist or does not accept its value.

    >>> transmitted([("01", "09506000134352"), ("10", "A1"), ("21", "7")])
    '010950600013435210A1\x1d217'
    """
    parts: list[str] = []
    for code, value in _pairs(elements):
        identifier = ai.lookup(code)
        if identifier is None:
            raise ValueError(f"({code}) is no GS1 Application Identifier")
        if not identifier.accepts(value):
            raise ValueError(refusal(identifier, value, 0).what)
        parts += [code, value, "" if identifier.predefined else GS]
    if parts:
        parts.pop()
    return "".join(parts)


def _pairs(
    elements: Iterable[tuple[str, str]] | Mapping[str, str],
) -> Iterable[tuple[str, str]]:
    return elements.items() if hasattr(elements, "items") else elements
