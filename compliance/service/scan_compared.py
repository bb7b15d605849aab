"""What is recorded of a pack beside what was scanned from it, with the difference marked."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verification.decision.facts import Facts


class ComparedValue(NamedTuple):
    """One value of a pack, as it is recorded and as it was scanned."""

    name: str
    recorded: Markup
    scanned: Markup
    differs: bool


def compared(facts: Facts) -> tuple[ComparedValue, ...]:
    """Serial, lot and expiry of both sides; empty where nothing differs or nothing is recorded.

    What the caller may not learn is not in the facts, so it is not shown here either.
    """
    asked, pack = facts.asked, facts.pack
    if pack is None:
        return ()
    lots = facts.lots_recorded or ((pack.lot,) if pack.lot else ())
    days = tuple(_day(day) for day in facts.expiries_recorded)
    days = days or ((_words(pack.expiry),) if pack.expiry else ())
    rows = (
        _row("Lot", lots, asked.lot or "", list),
        _row("Expiry", days, _words(asked.expiry) if asked.expiry else "", _by_word),
    )
    if not any(row.differs for row in rows):
        return ()
    same = Markup("{}").format(asked.serial)
    return (ComparedValue("Serial", same, same, differs=False), *rows)


def _row(
    name: str, recorded: Sequence[str], scanned: str, cut: Callable[[str], list[str]]
) -> ComparedValue:
    differs = bool(recorded) and bool(scanned) and tuple(recorded) != (scanned,)
    ours = recorded[0] if recorded else ""
    shown = _marked(cut(ours), cut(scanned)) if differs else Markup("{}").format(scanned)
    recorded_text = Markup(" or ").join(recorded) if recorded else Markup("not recorded")
    return ComparedValue(name, recorded_text, shown or Markup("not read"), differs=differs)


def _marked(recorded: list[str], scanned: list[str]) -> Markup:
    """The scanned text; what differs from the recorded one is marked.

    >>> str(_marked(list("RE7715"), list("RE7115")))
    'RE7<mark>1</mark>15'
    """
    from difflib import SequenceMatcher

    found = Markup()
    for kind, _, _, start, end in SequenceMatcher(
        None, recorded, scanned, autojunk=False
    ).get_opcodes():
        part = "".join(scanned[start:end])
        if kind == "equal":
            found += part
        elif part:
            found += Markup("<mark>{}</mark>").format(part)
        else:
            found += Markup("<mark>_</mark>")  # characters that are missing
    return found


def _by_word(text: str) -> list[str]:
    words = text.split(" ")
    return [word if place == 0 else f" {word}" for place, word in enumerate(words)]


def _words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _day(text: str) -> str:
    try:
        return _words(date.fromisoformat(text))
    except ValueError:
        return text
