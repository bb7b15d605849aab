"""GS1 Application Identifiers: what data each one takes, and which others may accompany it.

The facts come from `ai_table`; a rule is compiled when an identifier is first met.
Standard: GS1 General Specifications section 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from schemas.gs1 import content_rules
from schemas.gs1.ai_table import ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.gs1.ai_table import Row

PATTERNS_CACHED_MAX: Final = 4096
"""Distinct combinations of identifiers whose associations are remembered."""

_CHARACTERS = {
    "N": "0-9",
    "X": r"!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z",
    "Y": r"#\-/0-9A-Z",
    "Z": r"A-Za-z0-9_\-=",
}
_CHARACTER_RULES = {"N": "csetnumeric", "X": "cset82", "Y": "cset39", "Z": "cset64"}
_DATE = (
    r"(?:\d\d(?:(?:0[13578]|1[02])(?:[012]\d|3[01])|(?:0[469]|11)(?:[012]\d|30)"
    r"|02[01]\d|022[0-8])|(?:[02468][048]|[13579][26])0229)"
)
_FAST_PATTERNS = {
    "yymmd0": _DATE,
    "yymmdd": rf"(?!\d{{4}}00){_DATE}",
}


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a data field, such as the check-digited number in front of a serial."""

    kind: str
    """N digits, X character set 82, Y character set 39, Z base64url."""
    length_min: int
    length_max: int
    optional: bool
    rules: tuple[str, ...]
    """Names of content rules, see `schemas.gs1.content_rules`."""

    @property
    def pattern(self) -> str:
        """A regular expression for length, characters and, where cheap, content."""
        for rule in self.rules:
            if rule in _FAST_PATTERNS:
                return _FAST_PATTERNS[rule]
        return f"[{_CHARACTERS[self.kind]}]{{{self.length_min},{self.length_max}}}"


@dataclass(frozen=True, slots=True)
class ApplicationIdentifier:
    """An Application Identifier and its rules.

    >>> lookup("17").title
    'USE BY or EXPIRY'
    >>> lookup("17").accepts("270531"), lookup("17").accepts("271331")
    (True, False)
    """

    code: str
    title: str
    predefined: bool
    """Its first two digits fix the length of the data, so no separator needs to follow."""
    attribute: bool
    """It may appear in the query part of a Digital Link."""
    components: tuple[Component, ...]
    requires: tuple[tuple[tuple[str, ...], ...], ...]
    """Conditions; each is a choice of groups of identifiers that must be present together."""
    excludes: tuple[str, ...]
    """Identifiers, or patterns with `n` for a digit, that may not accompany it."""
    qualifiers: tuple[tuple[str, ...], ...] | None
    """Sequences of Digital Link qualifiers, where it is a primary key."""
    length_min: int
    length_max: int
    pattern: str
    """A regular expression for lengths, characters and, where cheap, content."""
    beyond_pattern: Callable[[str], bool] | None
    """A test for values that match the pattern, where the pattern alone does not decide."""
    accepts: Callable[[str], bool]
    """Whether a text is a valid data field."""


def lookup(code: str) -> ApplicationIdentifier | None:
    """The Application Identifier with this code, or None where GS1 has assigned none.

    >>> lookup("8003").length_max
    30
    >>> lookup("89") is None
    True
    """
    found = COMPILED.get(code)
    if found is None and code in _ROW_OF:
        found = COMPILED[code] = _compiled(code)
    return found


def codes() -> tuple[str, ...]:
    """All assigned Application Identifiers, in ascending order of their table.

    >>> len(codes())
    541
    """
    return tuple(_ROW_OF)


def _expanded() -> dict[str, Row]:
    return {
        str(number).zfill(len(row[0])): row
        for row in ROWS
        for number in range(int(row[0]), int(row[1]) + 1)
    }


_ROW_OF: Final = _expanded()
WIDTH_OF: Final = {code[:2]: len(code) for code in _ROW_OF}
"""How many digits an Application Identifier has, by its first two digits."""


COMPILED: Final[dict[str, ApplicationIdentifier]] = {}
"""The identifiers compiled so far; call `lookup` for any other."""


def _compiled(code: str) -> ApplicationIdentifier:
    _, _, predefined, attribute, spelled, requires, excludes, qualifiers, title = _ROW_OF[code]
    components = tuple(_component(word) for word in spelled.split())
    pattern, beyond = _pattern(components), _beyond(components)
    return ApplicationIdentifier(
        code=code,
        title=title,
        predefined=predefined,
        attribute=attribute,
        components=components,
        requires=tuple(
            tuple(tuple(group.split("+")) for group in condition.split(","))
            for condition in requires
        ),
        excludes=excludes,
        qualifiers=_sequences(qualifiers),
        length_min=sum(part.length_min for part in components if not part.optional),
        length_max=sum(part.length_max for part in components),
        pattern=pattern,
        beyond_pattern=beyond,
        accepts=_acceptor(pattern, beyond),
    )


def _sequences(spelled: tuple[str, ...] | None) -> tuple[tuple[str, ...], ...] | None:
    if spelled is None:
        return None
    return tuple(tuple(sequence.split(",")) for sequence in spelled) or ((),)


def _component(word: str) -> Component:
    optional = word.startswith("[")
    shape, *rules = word.strip("[]").split(":")
    kind, dots, digits = shape[0], shape[1:3] == "..", shape[1:].lstrip(".")
    return Component(kind, 1 if dots else int(digits), int(digits), optional, tuple(rules))


def _pattern(components: tuple[Component, ...]) -> str:
    parts = [("(?:" if part.optional else "") + part.pattern for part in components]
    return "".join(parts) + ")?" * sum(part.optional for part in components)


def _beyond(components: tuple[Component, ...]) -> Callable[[str], bool] | None:
    """One fast test for all content rules that the pattern does not cover."""
    checks = _checks(components)
    if not checks:
        return None
    if components[0].rules[:1] == ("csum",) and len(checks) == 1 and len(components) == 1:
        return content_rules.has_check_digit

    def passes(value: str) -> bool:
        size = len(value)
        return all(start >= size or rule(value[start:end]) is None for start, end, rule in checks)

    return passes


def _checks(
    components: tuple[Component, ...],
) -> list[tuple[int, int | None, content_rules.ContentRule]]:
    checks: list[tuple[int, int | None, content_rules.ContentRule]] = []
    start = 0
    for index, part in enumerate(components):
        end = None if index == len(components) - 1 else start + part.length_max
        names = [name for name in part.rules if name not in _FAST_PATTERNS]
        if part.kind == "N":
            # Without a list of prefixes, only the digits and their number can be checked.
            names = [name for name in names if not name.startswith("gcppos")]
        if part.kind == "Z":
            names.insert(0, "cset64")
        checks += [(start, end, content_rules.RULES[name]) for name in names]
        start += part.length_max
    return checks


def _acceptor(pattern: str, beyond: Callable[[str], bool] | None) -> Callable[[str], bool]:
    """A fast test for validity; `explain` gives the reason for a refusal."""
    matches = re.compile(pattern, re.ASCII).fullmatch
    if beyond is None:
        return lambda value: matches(value) is not None
    return lambda value: matches(value) is not None and beyond(value)


@dataclass(frozen=True, slots=True)
class FieldFault:
    """Why a data field is refused: the rule's code and the position in the field."""

    code: str
    position: int


def explain(identifier: ApplicationIdentifier, value: str) -> FieldFault | None:
    """The first reason why `value` is no data field of the identifier; None where it is one.

    >>> explain(lookup("17"), "271331")
    FieldFault(code='illegal_month', position=0)
    >>> explain(lookup("10"), "A B")
    FieldFault(code='invalid_cset82_character', position=1)
    """
    if not value:
        return FieldFault("empty_value", 0)
    start = 0
    for part in identifier.components:
        text = value[start : start + part.length_max]
        if not text and part.optional:
            break
        fault = _explain_component(part, text)
        if fault is not None:
            return FieldFault(fault.code, start + fault.position)
        start += len(text)
    return FieldFault("too_long", start) if start < len(value) else None


def _explain_component(part: Component, text: str) -> FieldFault | None:
    character_rule = content_rules.RULES[_CHARACTER_RULES[part.kind]]
    code = character_rule(text)
    if code is not None:
        return FieldFault(code, content_rules.first_stranger(text, _CHARACTERS[part.kind]))
    if len(text) < part.length_min:
        return FieldFault("too_short", len(text))
    for name in part.rules:
        code = content_rules.RULES[name](text)
        if code is not None:
            return FieldFault(code, 0)
    return None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two identifiers that exclude each other, or one whose required partner is missing."""

    code: str
    """`excluded` or `missing-partner`."""
    identifier: str
    others: str
    """The excluded identifier, or the partners of which one group is needed."""


@lru_cache(maxsize=PATTERNS_CACHED_MAX)
def conflicts(present: tuple[str, ...]) -> tuple[Conflict, ...]:
    """What is wrong with the combination of identifiers, regardless of their values.

    GS1 judges missing partners over all symbols of an item together (General Specifications
    section 4.13); whether a partner may be missing from a single symbol is the caller's decision.

    >>> conflicts(("21",))
    (Conflict(code='missing-partner', identifier='21', others='01, 03, 8006'),)
    >>> [c.code for c in conflicts(("01", "02", "37", "00"))]
    ['excluded', 'excluded']
    """
    known = [found for code in dict.fromkeys(present) if (found := lookup(code)) is not None]
    names = [identifier.code for identifier in known]
    verdicts: list[Conflict] = []
    for identifier in known:
        verdicts += _excluded(identifier, names)
        verdicts += _missing(identifier, names)
    return tuple(verdicts)


def _excluded(identifier: ApplicationIdentifier, names: list[str]) -> list[Conflict]:
    return [
        Conflict("excluded", identifier.code, name)
        for pattern in identifier.excludes
        for name in names
        if name != identifier.code and _fits(pattern, name)
    ]


def _missing(identifier: ApplicationIdentifier, names: list[str]) -> list[Conflict]:
    return [
        Conflict("missing-partner", identifier.code, ", ".join("+".join(g) for g in condition))
        for condition in identifier.requires
        if not any(
            all(any(_fits(pattern, name) for name in names) for pattern in group)
            for group in condition
        )
    ]


def _fits(pattern: str, code: str) -> bool:
    return len(pattern) == len(code) and all(
        p in ("n", c) for p, c in zip(pattern, code, strict=True)
    )
