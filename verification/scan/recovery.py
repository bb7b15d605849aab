"""From what a workstation wrote to the readings it may stand for, ranked, with what was recovered.

Each repair makes a new text, which is read as strictly as any other; what does not read without an
error is dropped. Where more than one reading is left, all are returned and every one says so.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from schemas.finding import Finding, Severity
from schemas.gs1.element_string import GS
from schemas.gs1.reading import SYMBOLOGY, Reading, read
from verification.scan import separators
from verification.scan.keyboard import KEYBOARDS, Keyboard, Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

TEXT_LENGTH_MAX: Final = 1_000
"""Longest text that is mended; anything longer is only read."""
CANDIDATES_MAX: Final = 64
"""Readings of one text that are returned at most."""
_WITHOUT_SEPARATORS: Final = ("(", "http", "urn:", "+", "-")
"""Beginnings of texts that have no separators to lose."""
DRAFTS_MAX: Final = 300
"""Mended texts that are read for one text at most; hostile ones would make thousands."""
_PLAIN_STARTS: Final = ("(", "http", "urn:", "[)>\x1e")
"""Beginnings of texts that show a lost separator or a wrong layout by failing."""
_SYMBOLOGIES: Final = ("]d2", "]C1", "]Q3", "]J1", "]e0", "]d1", "]Q1", "]E0", "]C0")


class Repair(StrEnum):
    """What was recovered, the least doubtful first."""

    NOTHING = "nothing"
    LINE_END = "line-end"
    LAYOUT_CALIBRATED = "layout-calibrated"
    SEPARATOR_SUBSTITUTED = "separator-substituted"
    SCANNED_TWICE = "scanned-twice"
    LEADING_ZEROS = "leading-zeros"
    RUN_TOGETHER = "run-together"
    CAPS_LOCK = "caps-lock"
    LAYOUT = "layout"
    SEPARATOR_LOST = "separator-lost"


_TYPING: Final = frozenset({Repair.CAPS_LOCK, Repair.LAYOUT})
_SAID: Final = {
    Repair.LINE_END: "a line end or blank around the data was left out",
    Repair.LAYOUT_CALIBRATED: "the workstation's calibrated keyboard layout was undone",
    Repair.SEPARATOR_SUBSTITUTED: "the separator was written otherwise and was put back",
    Repair.SCANNED_TWICE: "the same code was scanned twice in a row",
    Repair.LEADING_ZEROS: "leading zeros were missing and were put back",
    Repair.RUN_TOGETHER: "two scans ran together and were cut apart",
    Repair.CAPS_LOCK: "caps lock was on; upper and lower case were exchanged",
    Repair.LAYOUT: "the keyboard layout differs from the scanner's and was undone",
    Repair.SEPARATOR_LOST: "the separators were lost; the data was cut by its content",
}
_HINTS: Final = {
    Repair.LAYOUT: "Scan the calibration code once at this workstation.",
    Repair.CAPS_LOCK: "Turn caps lock off.",
    Repair.SEPARATOR_LOST: "Let the scanner transmit FNC1 as ASCII 29 or as |.",
    Repair.RUN_TOGETHER: "Let the scanner send a line end behind each code.",
}


class Lookup(Protocol):
    """What the store knows, asked to tell readings apart."""

    def knows_gtin(self, gtin: str) -> bool:
        """Whether any pack or master data has this GTIN-14."""

    def knows_lot(self, gtin: str, lot: str) -> bool:
        """Whether the product has this lot."""

    def knows_pack(self, gtin: str, serial: str) -> bool:
        """Whether this pack was ever seen."""


class Recovered(msgspec.Struct, frozen=True):
    """One way to read what a workstation wrote."""

    reading: Reading
    """Its findings begin with what was recovered."""
    text: str
    """As the workstation wrote it."""
    repairs: tuple[Repair, ...] = ()
    known: tuple[str, ...] = ()
    """What of it the store knows: `pack`, `lot`, `gtin`."""
    scan: int = 1
    """Of two scans run together, which one this is."""

    def as_dict(self) -> dict[str, Any]:
        """The reading with what was recovered, ready for JSON."""
        return {
            **self.reading.as_dict(),
            "recovered": [repair.value for repair in self.repairs],
            "known": list(self.known),
            "scan": self.scan,
        }


class _Draft(msgspec.Struct, frozen=True):
    """A text on its way, with the repairs it owes itself to."""

    text: str
    repairs: tuple[Repair, ...] = ()

    def mended(self, text: str, repair: Repair) -> _Draft:
        return _Draft(text, (*self.repairs, repair))


def recover(
    text: str,
    known: Lookup | None = None,
    layout: Layout | None = None,
    *,
    today: date | None = None,
) -> tuple[Recovered, ...]:
    r"""All readings a scanner text may stand for, the likeliest first.

    `known` asks the store and ranks what it knows before what it does not. `layout` is what the
    workstation's calibration gave. There is always at least one reading; where nothing reads
    without an error it is that of the text as it came. Nothing raises.

    >>> [(r.reading.lot, [str(x) for x in r.repairs]) for r in recover("(01)9506000134352(10)L1\r")]
    [('L1', ['line-end', 'leading-zeros'])]
    """
    if len(text) > TEXT_LENGTH_MAX:
        return (Recovered(read(text, today=today), text),)
    start = _clean(text, layout)
    candidates = _candidates(start, text, known, today)
    if not candidates:
        reading = read(start.text, today=today)
        return (_recovered(reading, text, start.repairs, known),)
    candidates.sort(key=_rank)
    candidates = candidates[:CANDIDATES_MAX]
    rivals = sum(candidate.scan == 1 for candidate in candidates)
    return tuple(_said(candidate, rivals) for candidate in candidates)


def _clean(text: str, layout: Layout | None) -> _Draft:
    draft = _Draft(text)
    body = text.strip("\r\n\t \x00\ufeff")
    if body != text:
        draft = draft.mended(body, Repair.LINE_END)
    if layout is not None:
        undone = layout.undo(draft.text)
        if undone != draft.text:
            draft = draft.mended(undone, Repair.LAYOUT_CALIBRATED)
    return draft


def _candidates(
    start: _Draft, text: str, known: Lookup | None, today: date | None
) -> list[Recovered]:
    """Readings without error, each from its least doubtful repair; plain ones end the search."""
    told = _keyboards_told(start.text)
    drafts = [start] if not told and _is_proven(start.text) else _with_separators(start)
    plain = _readable(drafts, text, known, today) or _readable(
        _with_separators(start), text, known, today
    )
    if told or not plain:
        drafts = [d for keyboard in told or KEYBOARDS for d in _retyped(start, keyboard)]
        plain = _readable([*map(_draft_of, plain), *drafts], text, known, today)
    elif _is_layout_open(start) and not _is_known(plain):
        drafts = [d for keyboard in KEYBOARDS for d in _retyped(start, keyboard)]
        suspected = _suspected(start.text, plain)
        plain += [
            other
            for other in _readable(drafts, text, known, today)
            if other.reading.elements not in _contents(plain)
            and ("pack" in other.known or _TYPING & set(other.repairs) <= suspected)
        ]
    return plain or _cut_apart(start, text, known, today)


def _is_known(candidates: list[Recovered]) -> bool:
    return any("pack" in candidate.known for candidate in candidates)


def _is_layout_open(start: _Draft) -> bool:
    """Whether nothing shows which keyboard stood between scanner and text."""
    proven = SYMBOLOGY.match(start.text) or start.text.startswith(_PLAIN_STARTS)
    return not proven and Repair.LAYOUT_CALIBRATED not in start.repairs


def _suspected(text: str, plain: list[Recovered]) -> set[Repair]:
    """What a keyboard may have spoilt without leaving a fault.

    Serials and lots are mostly upper case, so lower case speaks for caps lock; Y and Z change
    places on German keyboards. A GS does not come through a keyboard, so where there is one no
    keyboard is suspected.
    """
    if GS in text:
        return set()
    letters = {c for candidate in plain for v in candidate.reading.elements.values() for c in v}
    if any(map(str.islower, letters)):
        # French caps lock is felt by digits too, so that its layout leaves no other sign.
        return {Repair.CAPS_LOCK, Repair.LAYOUT}
    return {Repair.LAYOUT} if set("YZ") & letters else set()


def _is_proven(text: str) -> bool:
    """Whether the text itself shows that no separator was lost."""
    return GS in text or text.startswith(_PLAIN_STARTS)


def _draft_of(candidate: Recovered) -> _Draft:
    return _Draft(candidate.reading.text, candidate.repairs)


def _keyboards_told(text: str) -> list[Keyboard]:
    """The keyboards that would have typed a symbology identifier so; none if it came whole."""
    if text.startswith(_SYMBOLOGIES):
        return []
    return [
        keyboard
        for keyboard in KEYBOARDS
        if any(text.startswith(keyboard.types(symbology)) for symbology in _SYMBOLOGIES)
    ]


def _retyped(start: _Draft, keyboard: Keyboard) -> Iterator[_Draft]:
    """What the scanner sent if this keyboard stood between, separators put back first or last."""
    written = [text for text, _ in separators.put_back(start.text)]
    for before in (start.text, *written):
        draft = (
            start if before is start.text else start.mended(before, Repair.SEPARATOR_SUBSTITUTED)
        )
        text = keyboard.undo(before)
        if keyboard.layout != "us":
            draft = draft.mended(text, Repair.LAYOUT)
        if keyboard.caps_lock:
            draft = draft.mended(text, Repair.CAPS_LOCK)
        yield from _with_separators(draft)


def _with_separators(draft: _Draft) -> Iterator[_Draft]:
    """The text, and what it becomes with separators and zeros put back."""
    written = [draft]
    written += [
        draft.mended(text, Repair.SEPARATOR_SUBSTITUTED)
        for text, _ in separators.put_back(draft.text)
    ]
    zeros = [
        one.mended(text, Repair.LEADING_ZEROS)
        for one in written
        for text in separators.with_zeros(one.text)
    ]
    for one in (*written, *zeros):
        yield one
        symbology = SYMBOLOGY.match(one.text)
        head = symbology[0] if symbology else ""
        body = one.text[len(head) :]
        if GS not in body and not body.startswith(_WITHOUT_SEPARATORS):
            for text in separators.without_separators(body):
                if text != body:
                    yield one.mended(head + text, Repair.SEPARATOR_LOST)


def _readable(
    drafts: Iterable[_Draft], text: str, known: Lookup | None, today: date | None
) -> list[Recovered]:
    """The drafts that read without error, each content once, by its least repairs."""
    best: dict[tuple[Any, ...], Recovered] = {}
    for draft in islice(drafts, DRAFTS_MAX):
        reading = read(draft.text, today=today)
        if not reading.is_valid or not reading.elements:
            continue
        content = tuple(sorted(reading.elements.items()))
        candidate = _recovered(reading, text, draft.repairs, known)
        if content not in best or _doubt(candidate.repairs) < _doubt(best[content].repairs):
            best[content] = candidate
    return list(best.values())


def _recovered(
    reading: Reading, text: str, repairs: tuple[Repair, ...], known: Lookup | None
) -> Recovered:
    found = [_finding(repair) for repair in repairs]
    told = msgspec.structs.replace(reading, findings=(*found, *reading.findings))
    return Recovered(told, text, repairs, _asked(reading, known))


def _asked(reading: Reading, known: Lookup | None) -> tuple[str, ...]:
    if known is None or reading.gtin is None:
        return ()
    answers = (
        ("pack", bool(reading.serial) and known.knows_pack(reading.gtin, reading.serial or "")),
        ("lot", bool(reading.lot) and known.knows_lot(reading.gtin, reading.lot or "")),
        ("gtin", known.knows_gtin(reading.gtin)),
    )
    return tuple(name for name, answer in answers if answer)


def _doubt(repairs: tuple[Repair, ...]) -> int:
    order = list(Repair)
    return sum(order.index(repair) for repair in repairs)


def _rank(candidate: Recovered) -> tuple[int, int, int, int]:
    """The known first, then the complete, then the least mended; scans in their order."""
    weight = {"pack": 4, "lot": 2, "gtin": 1}
    knowledge = sum(weight[name] for name in candidate.known)
    reading = candidate.reading
    parts = (reading.gtin, reading.serial, reading.lot, reading.expiry)
    complete = sum(part is not None for part in parts)
    return (-knowledge, candidate.scan, -complete, _doubt(candidate.repairs))


def _cut_apart(
    start: _Draft, text: str, known: Lookup | None, today: date | None
) -> list[Recovered]:
    """Two scans that ran together: both, or one where they are the same."""
    lines = [line for line in start.text.splitlines() if line]
    places = separators.cuts(start.text)
    pairs = [(start.text[:at], start.text[at:]) for at in places]
    if len(lines) == 2:
        pairs.insert(0, (lines[0], lines[1]))
    found: list[Recovered] = []
    for pair in pairs:
        halves = [
            _readable(_with_separators(_Draft(part.strip(GS), start.repairs)), text, known, today)
            for part in pair
        ]
        if not all(halves):
            continue
        first, second = halves
        if _contents(first) == _contents(second):
            return [_again(half, Repair.SCANNED_TWICE, 1) for half in first]
        found += [_again(half, Repair.RUN_TOGETHER, 1) for half in first]
        found += [_again(half, Repair.RUN_TOGETHER, 2) for half in second]
    return found


def _contents(candidates: list[Recovered]) -> list[dict[str, str]]:
    return [candidate.reading.elements for candidate in candidates]


def _again(candidate: Recovered, repair: Repair, scan: int) -> Recovered:
    findings = (_finding(repair), *candidate.reading.findings)
    return msgspec.structs.replace(
        candidate,
        reading=msgspec.structs.replace(candidate.reading, findings=findings),
        repairs=(repair, *candidate.repairs),
        scan=scan,
    )


def _finding(repair: Repair) -> Finding:
    return Finding(f"scan.{repair.value}", Severity.WARNING, _SAID[repair], _HINTS.get(repair, ""))


def _said(candidate: Recovered, rivals: int) -> Recovered:
    """The candidate, saying what of it is not certain."""
    findings = candidate.reading.findings
    if rivals > 1:
        findings = (*findings, _ambiguous(rivals))
    elif not candidate.repairs and _is_unproven(candidate.text):
        findings = (*findings, _unproven())
    if findings is candidate.reading.findings:
        return candidate
    reading = msgspec.structs.replace(candidate.reading, findings=findings)
    return msgspec.structs.replace(candidate, reading=reading)


def _is_unproven(text: str) -> bool:
    plain = SYMBOLOGY.match(text) or text.startswith(_PLAIN_STARTS)
    return not plain and any(map(str.isalpha, text))


def _ambiguous(rivals: int) -> Finding:
    return Finding(
        "scan.ambiguous",
        Severity.WARNING,
        f"the text can be read in {rivals} ways; this is one of them",
        "Compare with the printed text and choose, or scan again with separators.",
    )


def _unproven() -> Finding:
    return Finding(
        "scan.layout-unproven",
        Severity.INFO,
        "without a symbology identifier, a wrong keyboard layout or caps lock would not show",
        "Let the scanner send symbology identifiers, or scan the calibration code once.",
    )
