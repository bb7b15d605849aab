"""Why a pack was probably not confirmed: a keyboard, a scanner, an upload, or a clone.

Hints for the person at the counter and the one who works the alert; they never change a decision.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from verification.decision.words import PackState, Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verification.decision.act import PackRequest, Who
    from verification.decision.facts import Facts


class Cause(StrEnum):
    """What most alerts come from."""

    CAPS_LOCK = "caps-lock"
    KEYBOARD_LAYOUT = "keyboard-layout"
    LOST_SEPARATOR = "lost-separator"
    EXPIRY_DAY = "expiry-day"
    TRUNCATED = "truncated"
    LOOK_ALIKE = "look-alike"
    LATE_UPLOAD = "late-upload"
    OWN_DOUBLE_SCAN = "own-double-scan"
    UPSTREAM = "decommissioned-upstream"
    CLONE = "clone"
    NONE = ""


class Hint(msgspec.Struct, frozen=True):
    """A probable cause and how sure it is: high, medium or low."""

    cause: Cause = Cause.NONE
    confidence: str = ""

    @property
    def say(self) -> str:
        """What to try."""
        return _SAY[self.cause]


_SAY = {
    Cause.NONE: "",
    Cause.CAPS_LOCK: "Caps lock was on when the code was scanned: switch it off and scan again.",
    Cause.KEYBOARD_LAYOUT: "Scanner and computer use different keyboards: Y and Z, or signs, swap.",
    Cause.LOST_SEPARATOR: "The scanner loses the separator between fields: set it to send GS.",
    Cause.EXPIRY_DAY: "Only the day of the expiry differs: enter the month's last day.",
    Cause.TRUNCATED: "The code was cut off: scan again or type it as printed.",
    Cause.LOOK_ALIKE: "Letters and digits that look alike were mixed up: compare with the print.",
    Cause.LATE_UPLOAD: "The manufacturer's data of this lot may not have arrived: tell them.",
    Cause.OWN_DOUBLE_SCAN: "This pack was taken out of use at your own premises before.",
    Cause.UPSTREAM: "Somebody before you took this pack out of use: ask your supplier who did.",
    Cause.CLONE: "The same identity was used at other premises: keep the pack and report it.",
}

_OF_THE_SCANNER = frozenset(
    _SAY[cause]
    for cause in (Cause.CAPS_LOCK, Cause.KEYBOARD_LAYOUT, Cause.LOST_SEPARATOR, Cause.TRUNCATED)
)


def is_of_the_scanner(say: str) -> bool:
    """Whether what a hint says is a fault of scanner or keyboard, not of the pack.

    >>> is_of_the_scanner(Hint(Cause.CAPS_LOCK).say), is_of_the_scanner(Hint(Cause.CLONE).say)
    (True, False)
    """
    return say in _OF_THE_SCANNER


_LAYOUTS = (
    str.maketrans("yzYZ", "zyZY"),
    str.maketrans("aqwzAQWZ", "qazwQAZW"),
    str.maketrans("-/_?", "ß-?_"),
    str.maketrans("-/", "'-"),
)
_LOOK_ALIKE = (
    str.maketrans("O", "0"),
    str.maketrans("0", "O"),
    str.maketrans("lI", "11"),
    str.maketrans("1", "l"),
    str.maketrans("1", "I"),
    str.maketrans("3", "E"),
    str.maketrans("E", "3"),
)
_NEXT_FIELD = re.compile(r"(?=(?:17\d{6}|10|21|01\d{14}|71[0-9]))")
TRUNCATED_LENGTH_MIN = 4
"""A shorter beginning says nothing about the serial it could be the beginning of."""


def candidates(text: str) -> Iterator[tuple[Cause, str]]:
    """What was probably meant by a serial or lot that is not known, likeliest first.

    >>> list(candidates("abY1"))[0]
    (<Cause.CAPS_LOCK: 'caps-lock'>, 'ABy1')
    """
    seen = {text}
    for cause, other in _candidates(text):
        if other and other not in seen:
            seen.add(other)
            yield cause, other


def _candidates(text: str) -> Iterator[tuple[Cause, str]]:
    yield Cause.CAPS_LOCK, text.swapcase()
    for layout in _LAYOUTS:
        yield Cause.KEYBOARD_LAYOUT, text.translate(layout)
    for match in _NEXT_FIELD.finditer(text):
        yield Cause.LOST_SEPARATOR, text[: match.start()]
    for table in _LOOK_ALIKE:
        yield Cause.LOOK_ALIKE, text.translate(table)


def between(asked: str, recorded: str) -> Cause:
    """How one text came to stand for another; `Cause.NONE` where nothing explains it.

    >>> between("LOT117270531", "LOT1")
    <Cause.LOST_SEPARATOR: 'lost-separator'>
    >>> between("AB12", "AB123456")
    <Cause.TRUNCATED: 'truncated'>
    """
    for cause, meant in candidates(asked):
        if meant == recorded:
            return cause
    if recorded.startswith(asked) and len(asked) >= TRUNCATED_LENGTH_MIN:
        return Cause.TRUNCATED
    return Cause.NONE


def hint(request: PackRequest, who: Who, facts: Facts, result: Result, meant: Cause) -> Hint:
    """The probable cause of a result.

    `meant` is the cause under which a pack was found for an unknown serial number, if one was.
    """
    if result in (Result.SERIAL_UNKNOWN, Result.LOT_AND_SERIAL_UNKNOWN):
        late = result is Result.LOT_AND_SERIAL_UNKNOWN
        return (
            Hint(meant, "high") if meant else Hint(Cause.LATE_UPLOAD, "medium" if late else "low")
        )
    pack = facts.pack
    if pack is None:
        return Hint()
    if result in (Result.ALREADY_IN_STATE, Result.IMPOSSIBLE, Result.REPEAT, Result.REPEAT_LAST):
        if who.location and pack.location == who.location:
            return Hint(Cause.OWN_DOUBLE_SCAN, "high")
        supplied_twice = result is not Result.IMPOSSIBLE and pack.state is PackState.SUPPLIED
        return Hint(Cause.CLONE if supplied_twice else Cause.UPSTREAM, "medium")
    found = Cause.NONE
    if result is Result.LOT_DIFFERS and request.lot and pack.lot:
        found = between(request.lot, pack.lot)
    if result is Result.EXPIRY_DIFFERS and request.expiry and pack.expiry:
        same_month = request.expiry.replace(day=1) == pack.expiry.replace(day=1)
        found = Cause.EXPIRY_DAY if same_month else Cause.NONE
    return Hint(found, "high" if found else "")


def shape(serial: str) -> str:
    """Length and kind of characters of a serial number: `12n` digits, `12a` letters, `12x` both.

    >>> shape("A1"), shape("123"), shape("AB")
    ('2x', '3n', '2a')
    """
    if serial.isdigit():
        kind = "n"
    elif serial.isalpha():
        kind = "a"
    else:
        kind = "x"
    return f"{len(serial)}{kind}"


def unlike(text: str, uploaded: str) -> str:
    """In what a serial differs from the shape of the uploaded ones: length, characters, both.

    >>> unlike("123", "12n")
    'length'
    """
    if not uploaded:
        return ""
    mine = shape(text)
    length, kind = mine[:-1] != uploaded[:-1], mine[-1] != uploaded[-1]
    if length and kind:
        return "both"
    return "length" if length else "characters" if kind else ""
