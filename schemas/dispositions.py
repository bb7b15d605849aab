"""What each disposition means for a pack: it may be sold, it may not, or it left trade for good.

One table for CBV 1.0 to 2.0 in every spelling, and for the words that files use beside the
standard. A test checks it against the published ontology. Standard: CBV 2.0 section 7.2.

>>> old = meaning("urn:epcglobal:cbv:disp:non_sellable_recalled")
>>> old.word, old.kind, old.says
('recalled', <DispositionKind.NOT_SELLABLE: 'not sellable'>, <Condition.RECALLED: 'recalled'>)
>>> meaning("https://ref.gs1.org/cbv/Disp-stolen").kind, meaning("in_transit").kind
(<DispositionKind.ENDED: 'ended'>, <DispositionKind.NEUTRAL: 'neutral'>)
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Condition(StrEnum):
    """Why a pack may not simply be sold; a condition lasts until an event lifts it."""

    RECALLED = "recalled"
    RECALLED_HERE = "recalled_here"
    """A recall that was opened here; only taking it back, by an event of ours, ends it."""
    EXPIRED = "expired"
    DAMAGED = "damaged"
    NON_CONFORMANT = "non_conformant"
    NO_PEDIGREE_MATCH = "no_pedigree_match"
    MISMATCH = "mismatch"
    """Class, instance or quantity were not those expected."""
    QUARANTINED = "quarantined"
    QUARANTINED_HERE = "quarantined_here"
    """A quarantine that was placed here; only its release, by an event of ours, ends it."""
    NOT_SELLABLE = "not_sellable"
    NEEDS_REPLACEMENT = "needs_replacement"
    UNAVAILABLE = "unavailable"
    RETURNED = "returned"
    NOT_COMMISSIONED = "not_commissioned"
    """The serial number was only reserved or encoded; commissioning lifts the condition."""
    CONDITION_UNKNOWN = "unknown"
    """The sender states that the condition is not known (the CBV disposition `unknown`)."""
    SENSOR_ALARM = "sensor_alarm"
    SEEN_AFTER_END = "seen_after_end"
    RETURNED_AFTER_END = "returned_after_end"
    LOT_CONFLICT = "lot_conflict"
    """Events give different lots for the pack."""
    EXPIRY_CONFLICT = "expiry_conflict"
    COMMISSIONED_TWICE = "commissioned_twice"
    """A second commissioning event gives another lot or expiry."""


class End(StrEnum):
    """How a pack left trade for good; the values equal those of an item's status."""

    DISPENSED = "dispensed"
    DECOMMISSIONED = "decommissioned"
    DESTROYED = "destroyed"
    EXPORTED = "exported"
    STOLEN = "stolen"
    LOST = "lost"
    SAMPLED = "sampled"


class DispositionKind(StrEnum):
    """Effect of a disposition on whether a pack may be sold."""

    NEUTRAL = "neutral"
    """No effect on whether the pack may be sold: `in_progress`, `in_transit` …"""
    ACTIVE = "active"
    SELLABLE = "sellable"
    """It may be sold; in an event that names the pack itself, this lifts `LIFTED_BY_NAME`."""
    NOT_SELLABLE = "not sellable"
    ENDED = "ended"
    LOCKED = "locked"
    """Held back until an event makes it active or sellable again."""
    UNDONE = "undone"
    """Packtrail's own: the legal reversal of a decommissioning (2016/161, Article 13)."""
    UNKNOWN = "unknown"
    """The word is in no table here."""


class Meaning(NamedTuple):
    """Meaning of one disposition."""

    word: str
    """The bare CBV 2.0 word; an unknown word unchanged."""
    kind: DispositionKind
    says: Condition | End | None = None
    """The condition it sets, or how the pack left trade."""


UNKNOWN_PREFIX: Final = "unknown_disposition:"
"""Prefix of an unknown word that is stored as a condition."""
UNKNOWN_CHARS_MAX: Final = 200
"""A longer unknown word is cut."""
OWN_DISPOSITION: Final = "urn:packtrail:disp:"
"""CBV has no word for exported, sampled, locked or undone; section 5.2 asks for a private URI."""

LIFTED_BY_NAME: Final = frozenset(
    {
        Condition.DAMAGED,
        Condition.NON_CONFORMANT,
        Condition.NO_PEDIGREE_MATCH,
        Condition.MISMATCH,
        Condition.QUARANTINED,
        Condition.NOT_SELLABLE,
        Condition.NEEDS_REPLACEMENT,
        Condition.UNAVAILABLE,
        Condition.RETURNED,
        Condition.CONDITION_UNKNOWN,
        Condition.SENSOR_ALARM,
    }
)
"""Conditions that a sellable disposition lifts in an event that names the pack itself.

Recalled, expired, conflicts and marks of an ended pack stay: only a correction takes them back.
"""


def _table() -> dict[str, Meaning]:
    table = {word: Meaning(word, DispositionKind.NEUTRAL) for word in _NEUTRAL.split()}
    table |= {word: Meaning(word, DispositionKind.SELLABLE) for word in _SELLABLE.split()}
    table["active"] = Meaning("active", DispositionKind.ACTIVE)
    table["locked"] = Meaning("locked", DispositionKind.LOCKED)
    table |= {
        word: Meaning(word, DispositionKind.NOT_SELLABLE, says)
        for word, says in _CONDITIONS.items()
    }
    table |= {word: Meaning(word, DispositionKind.ENDED, says) for word, says in _ENDS.items()}
    return table | {other: table[word] for other, word in _OTHER_WORDS.items()}


_NEUTRAL: Final = """
    completeness_inferred completeness_verified container_closed container_open in_progress
    in_transit
"""
_SELLABLE: Final = """
    available conformant sellable_accessible sellable_not_accessible sellable_available
"""
"""The last one is not in CBV, but common in the files of wholesalers."""
_CONDITIONS: Final = {
    "damaged": Condition.DAMAGED,
    "encoded": Condition.NOT_COMMISSIONED,
    "expired": Condition.EXPIRED,
    "mismatch_class": Condition.MISMATCH,
    "mismatch_instance": Condition.MISMATCH,
    "mismatch_quantity": Condition.MISMATCH,
    "needs_replacement": Condition.NEEDS_REPLACEMENT,
    "no_pedigree_match": Condition.NO_PEDIGREE_MATCH,
    "non_conformant": Condition.NON_CONFORMANT,
    "non_sellable_other": Condition.NOT_SELLABLE,
    "quarantined": Condition.QUARANTINED,
    "quarantined_here": Condition.QUARANTINED_HERE,
    "recalled": Condition.RECALLED,
    "recalled_here": Condition.RECALLED_HERE,
    "reserved": Condition.NOT_COMMISSIONED,
    "returned": Condition.RETURNED,
    "unavailable": Condition.UNAVAILABLE,
    "unknown": Condition.CONDITION_UNKNOWN,
}
_ENDS: Final = {
    "destroyed": End.DESTROYED,
    "dispensed": End.DISPENSED,
    "disposed": End.DESTROYED,
    "exported": End.EXPORTED,
    "inactive": End.DECOMMISSIONED,
    "lost": End.LOST,
    "partially_dispensed": End.DISPENSED,
    "retail_sold": End.DISPENSED,
    "sampled": End.SAMPLED,
    "stolen": End.STOLEN,
}
_OTHER_WORDS: Final = {
    "blocked": "locked",
    "decommissioned": "inactive",
    "hold": "quarantined",
    "mismatch": "mismatch_instance",
    "non_sellable": "non_sellable_other",
    "non_sellable_damaged": "damaged",
    "non_sellable_disposed": "disposed",
    "non_sellable_expired": "expired",
    "non_sellable_mismatch_class": "mismatch_class",
    "non_sellable_mismatch_instance": "mismatch_instance",
    "non_sellable_mismatch_quantity": "mismatch_quantity",
    "non_sellable_no_pedigree_match": "no_pedigree_match",
    "non_sellable_quarantined": "quarantined",
    "non_sellable_recalled": "recalled",
    "non_sellable_returned": "returned",
    "non_sellable_stolen": "stolen",
    "not_sellable": "non_sellable_other",
    "quarantine": "quarantined",
    "sample": "sampled",
    "suspended": "quarantined",
}
"""Words of CBV 1.0 and non-standard words of real files, with the CBV word of the same meaning."""

MEANINGS: Final[Mapping[str, Meaning]] = MappingProxyType(_table())
"""Meaning of every known bare word."""
_STANDARD_HEAD: Final = re.compile(
    r"(?:urn:epcglobal:[a-z0-9]+(?::[a-z0-9]+)*:disp(?:osition)?:(?:[a-z0-9]+:)?"
    r"|https?://(?:[a-z]+\.)?gs1\.org/(?:[a-z]+/)*(?:disp-)?"
    r"|(?:cbv:)?disp-|cbv:)",
    re.IGNORECASE,
)
"""Prefix of the word in every GS1 spelling, whatever the host, scheme and version."""
_SPACE: Final = re.compile(r"\s+")
_SAYS_NOTHING_GOOD: Final = (
    DispositionKind.NOT_SELLABLE,
    DispositionKind.ENDED,
    DispositionKind.LOCKED,
)


@lru_cache(maxsize=4096)
def meaning(written: str) -> Meaning:
    """Meaning of a disposition in any spelling.

    A word of somebody else's vocabulary counts where its last part warns (`…/disp/damaged`); one
    that sounds good is not taken at its word.

    >>> meaning("cbv:Disp-damaged").says, meaning("http://example.com/disp/destroyed").kind
    (<Condition.DAMAGED: 'damaged'>, <DispositionKind.ENDED: 'ended'>)
    >>> meaning("http://example.com/disp/active").kind, meaning("Damaged").word
    (<DispositionKind.UNKNOWN: 'unknown'>, 'damaged')
    """
    text = written.strip()
    if text == OWN_DISPOSITION + "undone":
        return Meaning("undone", DispositionKind.UNDONE)
    head = _STANDARD_HEAD.match(text)
    tail = text[head.end() if head else 0 :]
    known = MEANINGS.get(tail.lower())
    if known is None and text.startswith(OWN_DISPOSITION):
        known = MEANINGS.get(text.removeprefix(OWN_DISPOSITION))
    if known is None:
        last = MEANINGS.get(re.split(r"[/:#]", text.rstrip("/:#"))[-1].lower())
        known = last if last is not None and last.kind in _SAYS_NOTHING_GOOD else None
    return known or Meaning(tail or text, DispositionKind.UNKNOWN)


def unknown_condition(word: str) -> str:
    """The condition that stands for a word nobody knows.

    >>> unknown_condition("on hold by QA")
    'unknown_disposition:on%20hold%20by%20QA'
    """
    return UNKNOWN_PREFIX + _SPACE.sub("%20", word)[:UNKNOWN_CHARS_MAX]


def condition_of(meaning: Meaning) -> str | None:
    """The condition that a disposition sets, as a bare word; None where it sets none.

    >>> condition_of(meaning("no_pedigree_match")), condition_of(meaning("contaminated"))
    ('no_pedigree_match', 'unknown_disposition:contaminated')
    """
    if meaning.kind is DispositionKind.UNKNOWN:
        return unknown_condition(meaning.word) if meaning.word else None
    return meaning.says.value if isinstance(meaning.says, Condition) else None


def is_lifted_by_name(condition: str) -> bool:
    """Whether a sellable disposition that names the pack itself lifts a condition.

    >>> is_lifted_by_name("damaged"), is_lifted_by_name("recalled")
    (True, False)
    """
    return condition in _LIFTED_WORDS or condition.startswith(UNKNOWN_PREFIX)


_LIFTED_WORDS: Final = frozenset(one.value for one in LIFTED_BY_NAME)
