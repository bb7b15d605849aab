"""From what a workstation wrote to the readings it may stand for, ranked, with what was recovered.

Each repair makes a new text, which is read as strictly as any other; what does not read without an
error is dropped. Where more than one reading is left, all are returned and every one says so.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from schemas.finding import Finding, Severity
from schemas.gs1.element_string import GS
from schemas.gs1.reading import SYMBOLOGY, read
from verification.scan import lost, separators
from verification.scan.candidate import Draft, Lookup, Recovered, Repair, doubt, judged
from verification.scan.keyboard import KEYBOARDS, keyboards_proven

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from verification.scan.calibration import Layout
    from verification.scan.keyboard import Keyboard

TEXT_LENGTH_MAX: Final = 1_000
"""Longest text that is mended; anything longer is only read."""
CANDIDATES_MAX: Final = 64
"""Readings of one text that are returned at most."""
DRAFTS_MAX: Final = 300
"""Mended texts that are read for one text at most; hostile ones would make thousands."""
_WITHOUT_SEPARATORS: Final = ("(", "http", "urn:", "+", "-", "<")
"""Beginnings of texts that have no separators to lose."""
_SHOWING: Final = ("(", "http", "urn:", "[)>", "<")
"""Beginnings of texts that show a wrong layout by failing."""


def recover(
    text: str,
    known: Lookup | None = None,
    layout: Layout | None = None,
    *,
    today: date | None = None,
) -> tuple[Recovered, ...]:
    r"""All readings a scanner text may stand for, the likeliest first.

    `known` asks the store: what it knows is ranked before what it does not, and a repaired reading
    that it proves is certain; any other that was guessed, or has a rival, carries the finding
    `scan.ambiguous`. `layout` is what the workstation's calibration gave. There is always at least
    one reading; where nothing reads without an error it is that of the text as it came. Nothing
    raises.

    >>> [(r.reading.lot, [str(x) for x in r.repairs]) for r in recover("(01)9506000134352(10)L1\r")]
    [('L1', ['line-end', 'leading-zeros'])]
    """
    if len(text) > TEXT_LENGTH_MAX:
        return (Recovered(read(text, today=today), text),)
    return _Recovery(text, known, layout, today).result()


class _Recovery:
    """The recovery of one text."""

    def __init__(
        self, text: str, known: Lookup | None, layout: Layout | None, today: date | None
    ) -> None:
        self._text = text
        self._known = known
        self._today = today
        self._start = _clean(text, layout)
        self._is_calibrated = layout is not None

    def result(self) -> tuple[Recovered, ...]:
        """The readings, judged; that of the text as it came where none is without an error."""
        proven = self._keyboards()
        bases = [self._start, *_retyped(self._start, proven)]
        found = self._scans(bases) or self._whole(bases)
        doubted = False
        if not proven and not self._is_calibrated:
            found, doubted = self._with_other_keyboards(found)
        if not found:
            # Findings are about the text that the scanner sent, if it is known.
            as_sent = self._start.text.startswith("]") or len(bases) == 1
            return (self._recovered(self._start if as_sent else bases[1]),)
        answer = judged(found)[:CANDIDATES_MAX]
        if doubted and not answer[0].is_ambiguous and "pack" not in answer[0].known:
            answer = (answer[0].saying(_unproven()), *answer[1:])
        return answer

    def _keyboards(self) -> tuple[Keyboard, ...]:
        """The keyboards that what was typed for a symbology identifier proves."""
        return () if self._is_calibrated else keyboards_proven(self._start.text)

    def _recovered(self, draft: Draft) -> Recovered:
        return Recovered.of(read(draft.text, today=self._today), self._text, draft, self._known)

    def _with_other_keyboards(self, plain: list[Recovered]) -> tuple[list[Recovered], bool]:
        """The readings with those of other keyboards, and whether one of these is in doubt only.

        A separator that arrived as ASCII 29 mostly did not pass a keyboard: then another reading
        is no rival, but reason enough to name the doubt. Caps lock is suspected where lower case
        was typed, or where the store knows the pack that it would hide.
        """
        shown = plain and self._start.text.startswith(_SHOWING)
        if shown or any("pack" in one.known for one in plain):
            return plain, False
        bases = list(_retyped(self._start, KEYBOARDS, guessed=True))
        if not plain:
            return self._scans(bases) or self._whole(bases), False
        own = [one.reading.elements for one in plain]
        lower = any(c.islower() for elements in own for value in elements.values() for c in value)
        others = [
            other
            for other in self._whole(bases)
            if other.reading.elements not in own
            and _is_as_good(other, plain)
            and ("pack" in other.known or lower or Repair.CAPS_LOCK not in other.repairs)
        ]
        if GS in self._start.text:
            rivals = [other for other in others if "pack" in other.known]
            return [*plain, *rivals], len(rivals) < len(others)
        return [*plain, *others], False

    def _whole(self, bases: Iterable[Draft]) -> list[Recovered]:
        """The text read as one code; dropped zeros are thought of where no product is named."""
        drafts = [draft for base in bases for draft in _with_separators(base)]
        found = self._readable(expanded for draft in drafts for expanded in _expanded(draft))
        if any(one.reading.gtin and one.reading.format != "ndc" for one in found):
            return found
        zeros = [
            draft.mended(text, Repair.LEADING_ZEROS, guessed=not certain)
            for draft in drafts
            for text, certain in separators.with_zeros(draft.text)
        ]
        more = self._readable(expanded for draft in zeros for expanded in _expanded(draft))
        own = [one.reading.elements for one in found]
        return found + [one for one in more if one.reading.elements not in own]

    def _readable(self, drafts: Iterable[Draft]) -> list[Recovered]:
        """The drafts that read without error, each content once, by its least repairs."""
        best: dict[tuple[Any, ...], Recovered] = {}
        for draft in islice(drafts, DRAFTS_MAX):
            reading = read(draft.text, today=self._today)
            if not reading.is_valid or not reading.elements:
                continue
            content = tuple(sorted(reading.elements.items()))
            candidate = Recovered.of(reading, self._text, draft, self._known)
            if content not in best or doubt(candidate) < doubt(best[content]):
                best[content] = candidate
        return list(best.values())

    def _scans(self, bases: Iterable[Draft]) -> list[Recovered]:
        """Several scans that ran together: each of them, or one where they are the same."""
        for base in bases:
            once = separators.same_again(base.text)
            if once is not None:
                found = self._whole([base.mended(once, Repair.SCANNED_TWICE)])
                if _names_something(found):
                    return found
        for base in bases:
            for parts, shown in separators.scans_in(base.text):
                if found := self._each(base, parts, guessed=not shown):
                    rivals = [] if shown else self._whole([base])
                    return found + rivals
        return []

    def _each(self, base: Draft, parts: tuple[str, ...], *, guessed: bool) -> list[Recovered]:
        """The readings of all parts, numbered; none where one of them names nothing."""
        found: list[Recovered] = []
        same = len(set(parts)) == 1
        repair = Repair.SCANNED_TWICE if same else Repair.RUN_TOGETHER
        for number, part in enumerate(parts[:1] if same else parts, 1):
            readings = self._whole([base.mended(part, repair, guessed=guessed)])
            if not _names_something(readings):
                return []
            found += [msgspec.structs.replace(one, scan=number) for one in readings]
        return found


def _names_something(found: list[Recovered]) -> bool:
    """Whether one of the readings names a product or a logistic unit."""
    return any(one.reading.gtin or "00" in one.reading.elements for one in found)


def _is_as_good(other: Recovered, plain: list[Recovered]) -> bool:
    """Whether a reading by another keyboard explains as much as those of the text as it came.

    A separator that is no data cuts the text; a keyboard that makes data of it is no rival.
    """
    cut = [one for one in plain if Repair.SEPARATOR_SUBSTITUTED in one.repairs and not one.guessed]
    return not cut or any(other.repairs[: len(one.repairs)] == one.repairs for one in cut)


def _clean(text: str, layout: Layout | None) -> Draft:
    draft = Draft(text)
    body = text.strip("\r\n\t \x00\ufeff")
    if body != text:
        draft = draft.mended(body, Repair.LINE_END)
    if layout is not None:
        undone = layout.undo(draft.text)
        if undone != draft.text:
            draft = draft.mended(undone, Repair.LAYOUT_CALIBRATED)
    return draft


def _retyped(
    start: Draft, keyboards: Iterable[Keyboard], *, guessed: bool = False
) -> Iterator[Draft]:
    """What the scanner sent if one of these keyboards stood between, each text once.

    The separator may have been written behind the keyboard's back, so it is put back before the
    keys are undone, too.
    """
    seen = {start.text}
    written = [
        (start.mended(text, Repair.SEPARATOR_SUBSTITUTED, guessed=separators.is_data(sign)), text)
        for text, sign in separators.put_back(start.text)
    ]
    written.append((start, start.text))
    for keyboard in keyboards:
        for draft, text in written:
            undone = keyboard.undo(text)
            if undone in seen or not keyboard.can_type(text):
                continue
            seen.add(undone)
            one = draft
            if keyboard.layout != "us":
                one = one.mended(undone, Repair.LAYOUT)
            if keyboard.caps_lock:
                one = one.mended(undone, Repair.CAPS_LOCK, guessed=guessed)
            yield one


def _with_separators(draft: Draft) -> Iterator[Draft]:
    """The text, and what it becomes with separators put back for what stands for them."""
    yield draft
    for text, sign in separators.put_back(draft.text):
        guessed = separators.is_data(sign)
        yield draft.mended(text, Repair.SEPARATOR_SUBSTITUTED, guessed=guessed)


def _expanded(draft: Draft) -> Iterator[Draft]:
    """The text, and the ways to cut it where its separators are lost."""
    yield draft
    symbology = SYMBOLOGY.match(draft.text)
    head = symbology[0] if symbology else ""
    body = draft.text[len(head) :]
    if GS in body.strip(GS) or body.startswith(_WITHOUT_SEPARATORS):
        return
    for text in lost.without_separators(body.strip(GS)):
        if text != body:
            yield draft.mended(head + text, Repair.SEPARATOR_LOST, guessed=True)


def _unproven() -> Finding:
    return Finding(
        "scan.layout-unproven",
        Severity.INFO,
        "without a symbology identifier, another keyboard layout would give another reading",
        "Let the scanner send symbology identifiers, or scan the calibration code once.",
    )
