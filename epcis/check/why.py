"""Rules over the words of an event: step, disposition, transaction types, party roles.

Standard: CBV 2.0 section 7. Words of somebody else's vocabulary are none of our business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.check.fault import error, remark, warning
from schemas import cbv
from schemas.wording import near

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.check.fault import RuleFault
    from epcis.model import Event


def words_of(event: Event) -> Iterator[tuple[str, str, str]]:
    """Every vocabulary word of an event: (field, kind of word, word)."""
    if event.biz_step:
        yield "bizStep", "bizstep", event.biz_step
    if event.disposition:
        yield "disposition", "disp", event.disposition
    persistent = event.persistent_disposition
    if persistent:
        for word in (*(persistent.set or ()), *(persistent.unset or ())):
            yield "persistentDisposition", "disp", word
    for transaction in event.biz_transactions or ():
        if transaction.type:
            yield "bizTransactionList", "btt", transaction.type
    for source in event.sources or ():
        yield "sourceList", "sdt", source.type
    for destination in event.destinations or ():
        yield "destinationList", "sdt", destination.type
    if event.error_declaration and event.error_declaration.reason:
        yield "errorDeclaration/reason", "er", event.error_declaration.reason


def speaks_the_standard(event: Event) -> Iterator[RuleFault]:
    """Words that claim to be of CBV are."""
    for field, kind, word in words_of(event):
        if cbv.is_standard(kind, word):
            continue
        if newer := cbv.successor(kind, word):
            yield remark(
                "word-of-cbv-1",
                f"'{word}' is a word of CBV 1.0",
                f"CBV 2.0 says '{newer}' for it.",
                field,
            )
        elif _claims_to_be_standard(word):
            yield warning(
                "word-unknown",
                f"'{word}' is no word of CBV",
                _suggestion(kind, word),
                field,
            )
        elif ":" not in word:
            yield error(
                "word-unknown",
                f"'{word}' is neither a word of CBV nor a URI",
                _suggestion(kind, word),
                field,
            )


def _claims_to_be_standard(word: str) -> bool:
    return word.startswith((cbv.CBV_URN, cbv.CBV_WEB, "https://ns.gs1.org/cbv/", "cbv:"))


def _suggestion(kind: str, word: str) -> str:
    tail = word.rpartition(":")[2].rpartition("/")[2].rpartition("-")[2]
    meant = near(tail, cbv.VOCABULARIES[kind].words)
    return f"Did you mean '{meant}'?" if meant else "Use a word of CBV, or a URI of your own."


def keeps_dispositions_apart(event: Event) -> Iterator[RuleFault]:
    """A persistent disposition sets or unsets something, and not the same at once."""
    persistent = event.persistent_disposition
    if persistent is None:
        return
    if not persistent.set and not persistent.unset:
        yield error(
            "disposition-empty",
            "persistentDisposition neither sets nor unsets anything",
            "Leave it out, or name dispositions.",
            "persistentDisposition",
        )
    both = {cbv.bare("disp", word) for word in persistent.set or ()} & {
        cbv.bare("disp", word) for word in persistent.unset or ()
    }
    if both:
        yield error(
            "disposition-contradiction",
            f"persistentDisposition sets and unsets {', '.join(sorted(both))}",
            "Keep one of the two.",
            "persistentDisposition",
        )
