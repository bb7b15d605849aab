"""One way to read a scanner text: its reading, the repairs it needed, and what the store knows."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from schemas.gs1.reading import Reading


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


_ORDER: Final = {repair: place for place, repair in enumerate(Repair)}
_SENTENCES: Final = {
    Repair.LINE_END: "a line end or blank around the data was left out",
    Repair.LAYOUT_CALIBRATED: "the workstation's calibrated keyboard layout was undone",
    Repair.SEPARATOR_SUBSTITUTED: "the separator was written otherwise and was put back",
    Repair.SCANNED_TWICE: "the same code was scanned twice in a row",
    Repair.LEADING_ZEROS: "leading zeros were missing and were put back",
    Repair.RUN_TOGETHER: "several scans ran together and were cut apart",
    Repair.CAPS_LOCK: "caps lock was on; upper and lower case were exchanged",
    Repair.LAYOUT: "the keyboard layout differs from the scanner's and was undone",
    Repair.SEPARATOR_LOST: "the separators were lost; the data was cut by its content",
}
_HINTS: Final = {
    Repair.LAYOUT: "Scan the calibration code once at this workstation.",
    Repair.CAPS_LOCK: "Turn caps lock off.",
    Repair.SEPARATOR_LOST: "Let the scanner transmit FNC1 as ASCII 29 or as |.",
    Repair.SCANNED_TWICE: "Let the scanner send a line end behind each code.",
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


class Draft(msgspec.Struct, frozen=True):
    """A text on its way to a reading, with the repairs it owes itself to."""

    text: str
    repairs: tuple[Repair, ...] = ()
    guessed: bool = False
    """Whether a repair rests on likelihood: the text could as well mean something else."""

    def mended(self, text: str, repair: Repair, *, guessed: bool = False) -> Draft:
        """The text after one more repair."""
        return Draft(text, (*self.repairs, repair), self.guessed or guessed)


def is_ambiguous(reading: Reading) -> bool:
    """Whether a reading is one of several that its text may stand for, none of them proven."""
    return any(finding.code == "scan.ambiguous" for finding in reading.findings)


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
    """Of several scans run together, which one this is."""
    guessed: bool = False
    """Whether a repair rests on likelihood."""

    @classmethod
    def of(cls, reading: Reading, text: str, draft: Draft, known: Lookup | None) -> Recovered:
        """The reading of a draft, its findings led by what was recovered."""
        found = tuple(_finding(repair) for repair in draft.repairs)
        changed = msgspec.structs.replace(reading, findings=found + reading.findings)
        return cls(changed, text, draft.repairs, _asked(reading, known), guessed=draft.guessed)

    @property
    def is_ambiguous(self) -> bool:
        """Whether another reading may be meant: choose nothing without asking."""
        return is_ambiguous(self.reading)

    def saying(self, finding: Finding) -> Recovered:
        """The candidate with one more finding."""
        findings = (*self.reading.findings, finding)
        changed = msgspec.structs.replace(self.reading, findings=findings)
        return msgspec.structs.replace(self, reading=changed)

    def as_dict(self) -> dict[str, object]:
        """The reading with what was recovered, ready for JSON."""
        return {
            **self.reading.as_dict(),
            "recovered": [repair.value for repair in self.repairs],
            "known": list(self.known),
            "scan": self.scan,
        }


def _finding(repair: Repair) -> Finding:
    return Finding(
        f"scan.{repair.value}", Severity.WARNING, _SENTENCES[repair], _HINTS.get(repair, "")
    )


def _asked(reading: Reading, known: Lookup | None) -> tuple[str, ...]:
    if known is None or reading.gtin is None:
        return ()
    answers = (
        ("pack", bool(reading.serial) and known.knows_pack(reading.gtin, reading.serial or "")),
        ("lot", bool(reading.lot) and known.knows_lot(reading.gtin, reading.lot or "")),
        ("gtin", known.knows_gtin(reading.gtin)),
    )
    return tuple(name for name, answer in answers if answer)


def doubt(candidate: Recovered) -> int:
    """How doubtful the repairs are, taken together."""
    return sum(_ORDER[repair] for repair in candidate.repairs)


def _rank(candidate: Recovered) -> tuple[int, int, int, int, int]:
    """The known first, then scans in their order, the complete, the least mended."""
    weight = {"pack": 4, "lot": 2, "gtin": 1}
    knowledge = sum(weight[name] for name in candidate.known)
    reading = candidate.reading
    parts = (reading.gtin, reading.serial, reading.lot, reading.expiry)
    complete = sum(part is not None for part in parts)
    unlike = sum(a != b for a, b in zip(candidate.text, reading.text, strict=False))
    return (-knowledge, candidate.scan, -complete, doubt(candidate), unlike)


def judged(candidates: list[Recovered]) -> tuple[Recovered, ...]:
    """The candidates ranked, each saying what of it is not certain.

    A reading that was not mended and has no rival is certain. So is one that the store proves: of
    all ways to read the text, it is the only one that names a pack known there.
    """
    ranked = sorted(candidates, key=_rank)
    scans = {candidate.scan for candidate in ranked}
    return tuple(
        scanned
        for scan in sorted(scans)
        for scanned in _judged_scan([one for one in ranked if one.scan == scan])
    )


def decided(candidates: tuple[Recovered, ...]) -> tuple[Recovered, ...]:
    """The candidates without the rivals of one that is certain, for each scan of the text."""
    certain = {candidate.scan for candidate in candidates if not candidate.is_ambiguous}
    return tuple(one for one in candidates if one.scan not in certain or not one.is_ambiguous)


def _judged_scan(rivals: list[Recovered]) -> list[Recovered]:
    if len(rivals) == 1 and not rivals[0].guessed:
        return rivals
    proven = _proven(rivals)
    count = len(rivals)
    return [
        candidate.saying(_known_pack(count) if candidate is proven else _ambiguous(count))
        for candidate in rivals
    ]


def _proven(rivals: list[Recovered]) -> Recovered | None:
    """The one candidate that the store proves; None where it proves none or several.

    Caps lock that nothing but the store suggests is no proof: a forged serial may differ from a
    true one by its case alone.
    """
    packs = [one for one in rivals if "pack" in one.known]
    if not packs:
        packs = [one for one in rivals if "lot" in one.known and one.reading.serial is None]
    if len(packs) != 1 or (packs[0].guessed and Repair.CAPS_LOCK in packs[0].repairs):
        return None
    return packs[0]


def _ambiguous(ways: int) -> Finding:
    what = f"the text can be read in {ways} ways; this is one of them"
    if ways == 1:
        what = "this reading rests on a repair that nothing confirms"
    return Finding(
        "scan.ambiguous",
        Severity.WARNING,
        what,
        "Compare with the printed text and choose, or scan again with separators.",
    )


def _known_pack(ways: int) -> Finding:
    return Finding(
        "scan.known",
        Severity.INFO,
        f"of {ways} ways to read the text only this one names what is recorded here"
        if ways > 1
        else "the reading names what is recorded here, which confirms the repair",
    )
