"""What to say about one pack: a pure decision over what is known of it.

Identity is decided before state, and state from the top down: product, lot, expiry, pack
(2016/161 Art. 36(b), (l), (m)). Wherever the answer is not OK the pack must not be supplied.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime


class Word(StrEnum):
    """The four answers a person at a counter gets.

    >>> Word("OK") is Word.OK
    True
    """

    OK = "OK"
    STOP = "STOP"
    CHECK = "CHECK"
    UNKNOWN = "UNKNOWN"


class PackState(StrEnum):
    """The state of one pack (2016/161 Art. 36; EMVS state names).

    >>> PackState.FREE_SAMPLE.value
    'FreeSample'
    """

    ACTIVE = "Active"
    SUPPLIED = "Supplied"
    DESTROYED = "Destroyed"
    EXPORTED = "Exported"
    SAMPLE = "Sample"
    FREE_SAMPLE = "FreeSample"
    LOCKED = "Locked"
    STOLEN = "Stolen"
    CHECKED_OUT = "CheckedOut"
    DECOMMISSIONED = "Decommissioned"
    """Taken out of use by an EPCIS event that gives no finer reason."""
    UNCOMMISSIONED = "Uncommissioned"
    """Named by some event, but no event says that it was made."""


class LotState(StrEnum):
    """The state of a lot; recalled is final where the law says so (Art. 40)."""

    ACTIVE = "Active"
    HELD = "Held"
    """Stopped while a recall is being considered; reversible."""
    RECALLED = "Recalled"
    CLOSED = "RecallClosed"
    """The recall is over; its packs stay out of trade."""


class ProductState(StrEnum):
    """The state of a product in a market; withdrawn is final."""

    ACTIVE = "Active"
    WITHDRAWN = "Withdrawn"


class Doubt(StrEnum):
    """What an open case says about a pack or its lot (DSCSA 581(21), 581(8))."""

    SUSPECT = "suspect"
    ILLEGITIMATE = "illegitimate"


class Reason(StrEnum):
    """Why the word is what it is; stable codes that programs match on."""

    GENUINE = "genuine"
    UNKNOWN_PRODUCT = "unknown-product"
    UNKNOWN_SERIAL = "unknown-serial"
    NOT_CONFIRMED = "not-confirmed"
    """Serial, lot or expiry is wrong, and the caller may not learn which."""
    LOT_DIFFERS = "lot-differs"
    EXPIRY_DIFFERS = "expiry-differs"
    ILLEGITIMATE = "illegitimate"
    WITHDRAWN = "withdrawn"
    RECALLED = "recalled"
    EXPIRED = "expired"
    DISPENSED = "dispensed"
    DESTROYED = "destroyed"
    EXPORTED = "exported"
    SAMPLE = "sample"
    FREE_SAMPLE = "free-sample"
    STOLEN = "stolen"
    CHECKED_OUT = "checked-out"
    DECOMMISSIONED = "decommissioned"
    LOCKED = "locked"
    HELD = "held"
    SUSPECT = "suspect"
    NOT_COMMISSIONED = "not-commissioned"
    LOT_NOT_RECORDED = "lot-not-recorded"
    EXPIRY_NOT_RECORDED = "expiry-not-recorded"
    CANNOT_TELL = "cannot-tell"
    """Not known here, and a repository that may know it did not answer."""


class Asked(msgspec.Struct, frozen=True):
    """What is printed on the pack, as the caller read it.

    >>> Asked("00355555678908", "S1").lot is None
    True
    """

    gtin: str
    """GTIN-14."""
    serial: str
    lot: str | None = None
    expiry: date | None = None


class KnownPack(msgspec.Struct, frozen=True):
    """What is recorded of a pack."""

    state: PackState
    lot: str | None = None
    expiry: date | None = None
    expiry_is_odd: bool = False
    """A sender told an expiry that is no date, so nobody can say whether it has passed."""


class Facts(msgspec.Struct, frozen=True):
    """All that a verdict depends on, besides the time."""

    asked: Asked
    pack: KnownPack | None
    """None: no pack with this GTIN and serial is recorded."""
    product_known: bool = True
    product_state: ProductState = ProductState.ACTIVE
    lot_state: LotState = LotState.ACTIVE
    """State of the recorded lot, not of the lot that the caller named."""
    doubt: Doubt | None = None
    """The gravest open case about the pack or its lot."""
    extended: date | None = None
    """The later expiry that the manufacturer has given the pack's lot."""


class Verdict(msgspec.Struct, frozen=True):
    """The answer about one pack: a word, the reason for it and what to do next."""

    word: Word
    reason: Reason
    say: str
    """One sentence to the person who holds the pack."""
    facts: Facts
    also: tuple[Reason, ...] = ()
    """Further reasons, lighter than `reason`."""
    alert: str | None = None
    """Id of the alert that was raised for it (2016/161 Art. 36(b))."""
    cause: str = ""
    """What probably lies behind a pack that was not confirmed, and what to try."""
    peer: str = ""
    """The repository whose word it is, where it is not ours."""

    def as_dict(self) -> dict[str, object]:
        """The verdict as `verify --json` and `POST /packs/verify` show it."""
        asked, pack = self.facts.asked, self.facts.pack
        said: dict[str, object] = {
            "verdict": self.word.value,
            "reason": self.reason.value,
            "say": self.say,
            "also": [reason.value for reason in self.also],
            "gtin": asked.gtin,
            "serial": asked.serial,
            "lot": asked.lot or (pack.lot if pack else None),
            "expiry": _iso(asked.expiry or (pack.expiry if pack else None)),
            "state": pack.state.value if pack else None,
        }
        # What few answers have.
        if self.facts.extended:
            said["expiry_extended"] = _iso(self.facts.extended)
        if self.alert:
            said["alert"] = self.alert
        if self.cause:
            said["cause_say"] = self.cause
        if self.peer:
            said["intermarket"] = True
        return said


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


_OF_STATE = {
    PackState.SUPPLIED: Reason.DISPENSED,
    PackState.DESTROYED: Reason.DESTROYED,
    PackState.EXPORTED: Reason.EXPORTED,
    PackState.SAMPLE: Reason.SAMPLE,
    PackState.FREE_SAMPLE: Reason.FREE_SAMPLE,
    PackState.LOCKED: Reason.LOCKED,
    PackState.STOLEN: Reason.STOLEN,
    PackState.CHECKED_OUT: Reason.CHECKED_OUT,
    PackState.DECOMMISSIONED: Reason.DECOMMISSIONED,
    PackState.UNCOMMISSIONED: Reason.NOT_COMMISSIONED,
}

_TO_CHECK = frozenset(
    {
        Reason.LOCKED,
        Reason.HELD,
        Reason.SUSPECT,
        Reason.NOT_COMMISSIONED,
        Reason.LOT_NOT_RECORDED,
        Reason.EXPIRY_NOT_RECORDED,
    }
)

SAY = {
    Reason.GENUINE: "Genuine and sellable: check the seal, then supply it.",
    Reason.UNKNOWN_PRODUCT: (
        "Cannot tell: this product is not known here, so ask your supplier or the manufacturer "
        "before you supply it."
    ),
    Reason.UNKNOWN_SERIAL: (
        "Do not supply: this product has no pack with this serial number; compare it with the "
        "print, scan again, and if it stays so set the pack aside and report it as suspect."
    ),
    Reason.NOT_CONFIRMED: (
        "Do not supply: this pack could not be confirmed; compare the values with the print, scan "
        "again, and if it stays so set the pack aside and report it as suspect."
    ),
    Reason.LOT_DIFFERS: (
        "Do not supply: the lot is not the one recorded for this serial number; compare it with "
        "the print, scan again, and if it stays so set the pack aside and report it as suspect."
    ),
    Reason.EXPIRY_DIFFERS: (
        "Do not supply: the expiry date is not the one recorded for this pack; compare it with "
        "the print, scan again, and if it stays so set the pack aside and report it as suspect."
    ),
    Reason.ILLEGITIMATE: (
        "Do not supply: this pack was found illegitimate; quarantine it and follow the notice."
    ),
    Reason.WITHDRAWN: (
        "Do not supply: the product is withdrawn from the market; set it aside for return."
    ),
    Reason.RECALLED: "Do not supply: the lot is recalled; set the pack aside and return it.",
    Reason.EXPIRED: "Do not supply: the pack is past its expiry date; set it aside for disposal.",
    Reason.DISPENSED: (
        "Do not supply: this pack was already supplied; if that was not you, set it aside and "
        "report it as suspect."
    ),
    Reason.DESTROYED: (
        "Do not supply: this pack is recorded as destroyed; set it aside and report it as suspect."
    ),
    Reason.EXPORTED: (
        "Do not supply: this pack is recorded as exported; set it aside and ask who exported it."
    ),
    Reason.SAMPLE: "Do not supply: this pack was taken as a sample for an authority.",
    Reason.FREE_SAMPLE: "Do not sell: this pack is a free sample and already decommissioned.",
    Reason.STOLEN: (
        "Do not supply: this pack is reported stolen; keep it safe and tell the authority."
    ),
    Reason.CHECKED_OUT: (
        "Do not supply: this pack was checked out for repackaging; ask the repackager."
    ),
    Reason.DECOMMISSIONED: (
        "Do not supply: this pack was decommissioned; set it aside and ask who took it out of use."
    ),
    Reason.LOCKED: "Wait: this pack is locked; ask whoever locked it before you supply it.",
    Reason.HELD: "Wait: this lot is on hold; set the pack aside until the hold is decided.",
    Reason.SUSPECT: (
        "Wait: this pack is under investigation as suspect; quarantine it until it is cleared."
    ),
    Reason.NOT_COMMISSIONED: (
        "Check: this pack was seen in trade but its making is not recorded; ask the manufacturer."
    ),
    Reason.LOT_NOT_RECORDED: (
        "Check: no lot is recorded for this pack; compare the print with the delivery papers."
    ),
    Reason.EXPIRY_NOT_RECORDED: (
        "Check: no expiry is recorded for this pack; compare the print with the delivery papers."
    ),
    Reason.CANNOT_TELL: (
        "Cannot tell now: another repository that may know this pack does not answer; wait and "
        "ask again."
    ),
}


def verdict(facts: Facts, now: datetime) -> Verdict:
    """Decide about one pack.

    A pack may be used through the whole day of its expiry, in UTC. Values the caller did not give
    are not compared.

    >>> from datetime import UTC, datetime
    >>> asked = Asked("00355555678908", "S1")
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> verdict(Facts(asked, KnownPack(PackState.SUPPLIED)), now).reason
    <Reason.DISPENSED: 'dispensed'>
    >>> verdict(Facts(asked, None, product_known=False), now).word
    <Word.UNKNOWN: 'UNKNOWN'>
    """
    reasons = _reasons(facts, now) or (Reason.GENUINE,)
    return Verdict(word_of(reasons[0]), reasons[0], SAY[reasons[0]], facts, reasons[1:])


def word_of(reason: Reason) -> Word:
    """The word that goes with a reason.

    >>> word_of(Reason.LOCKED)
    <Word.CHECK: 'CHECK'>
    """
    if reason is Reason.GENUINE:
        return Word.OK
    if reason in (Reason.UNKNOWN_PRODUCT, Reason.CANNOT_TELL):
        return Word.UNKNOWN
    return Word.CHECK if reason in _TO_CHECK else Word.STOP


def reason_of_state(state: PackState) -> Reason:
    """The reason that a pack's own state gives.

    >>> reason_of_state(PackState.ACTIVE)
    <Reason.GENUINE: 'genuine'>
    """
    return _OF_STATE.get(state, Reason.GENUINE)


def _reasons(facts: Facts, now: datetime) -> tuple[Reason, ...]:
    """Every reason against the pack, gravest first; STOP comes before CHECK."""
    if facts.pack is None:
        # Nothing more is compared: a wrong serial must not be a way to learn lots or dates.
        return (Reason.UNKNOWN_SERIAL if facts.product_known else Reason.UNKNOWN_PRODUCT,)
    found = (*_identity(facts, facts.pack), *_state(facts, facts.pack, now))
    return found if len(found) < 2 else tuple(sorted(found, key=_TO_CHECK.__contains__))


def _identity(facts: Facts, pack: KnownPack) -> Iterator[Reason]:
    asked = facts.asked
    if asked.lot is not None and pack.lot is None:
        yield Reason.LOT_NOT_RECORDED
    elif asked.lot is not None and asked.lot != pack.lot:
        yield Reason.LOT_DIFFERS
    if pack.expiry is None:
        # Nobody can say that it has not passed, whatever the caller read (decision 0087).
        yield Reason.EXPIRY_NOT_RECORDED
    elif asked.expiry is not None and asked.expiry not in (pack.expiry, facts.extended):
        yield Reason.EXPIRY_DIFFERS


def _state(facts: Facts, pack: KnownPack, now: datetime) -> Iterator[Reason]:
    if facts.doubt is Doubt.ILLEGITIMATE:
        yield Reason.ILLEGITIMATE
    if facts.product_state is ProductState.WITHDRAWN:
        yield Reason.WITHDRAWN
    if facts.lot_state in (LotState.RECALLED, LotState.CLOSED):
        yield Reason.RECALLED
    told = (pack.expiry or facts.asked.expiry, facts.extended)
    last = max((day for day in told if day is not None), default=None)
    if last is not None and now.date() > last:
        yield Reason.EXPIRED
    if pack.state in _OF_STATE:
        yield _OF_STATE[pack.state]
    if facts.doubt is Doubt.SUSPECT:
        yield Reason.SUSPECT
    if facts.lot_state is LotState.HELD:
        yield Reason.HELD
