"""The words of the judgement about a pack: verdicts, states, reasons, and what an act comes to.

The order of `Reason` is the order of weight: of several reasons the first one is named first. The
group a reason stands in (`STOPS`, `CHECKS`, `CANNOT_TELLS`) is the verdict that goes with it.
"""

from __future__ import annotations

from enum import StrEnum

from schemas.dispositions import Condition


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
    RECALLED = "recalled"
    """A recall of a part of a product: serial numbers from one to another."""
    QUARANTINED = "quarantined"
    """No suspicion: somebody here holds it until a second person releases it."""


class Reason(StrEnum):
    """Why the verdict is what it is, gravest first; stable codes that programs match on."""

    UNKNOWN_SERIAL = "unknown-serial"
    NOT_CONFIRMED = "not-confirmed"
    """Serial, lot or expiry is wrong, and the caller may not learn which."""
    LOT_DIFFERS = "lot-differs"
    EXPIRY_DIFFERS = "expiry-differs"
    ILLEGITIMATE = "illegitimate"
    WITHDRAWN = "withdrawn"
    RECALLED = "recalled"
    EXPIRED = "expired"
    LOT_CONFLICT = "lot-conflict"
    """Partners recorded two lots for one pack."""
    EXPIRY_CONFLICT = "expiry-conflict"
    COMMISSIONED_TWICE = "commissioned-twice"
    SEEN_AFTER_END = "seen-after-end"
    """It was ended (destroyed, dispensed, exported …) and an event named it again later."""
    STOLEN = "stolen"
    DISPENSED = "dispensed"
    DESTROYED = "destroyed"
    EXPORTED = "exported"
    SAMPLE = "sample"
    FREE_SAMPLE = "free-sample"
    CHECKED_OUT = "checked-out"
    DECOMMISSIONED = "decommissioned"
    SUSPECT = "suspect"
    HELD = "held"
    QUARANTINED = "quarantined"
    LOCKED = "locked"
    NO_PEDIGREE_MATCH = "no-pedigree-match"
    MISMATCH = "mismatch"
    NON_CONFORMANT = "non-conformant"
    DAMAGED = "damaged"
    NEEDS_REPLACEMENT = "needs-replacement"
    NOT_SELLABLE = "not-sellable"
    SENSOR_ALARM = "sensor-alarm"
    RETURNED_AFTER_END = "returned-after-end"
    """It was dispensed and came back."""
    RETURNED = "returned"
    UNAVAILABLE = "unavailable"
    CONDITION_UNKNOWN = "condition-unknown"
    """A partner reported that its condition is not known."""
    UNKNOWN_DISPOSITION = "unknown-disposition"
    NOT_COMMISSIONED = "not-commissioned"
    LOT_NOT_RECORDED = "lot-not-recorded"
    EXPIRY_NOT_RECORDED = "expiry-not-recorded"
    CANNOT_TELL = "cannot-tell"
    """Not known here, and a repository that may know it did not answer."""
    UNKNOWN_PRODUCT = "unknown-product"
    EXEMPT = "exempt"
    """The lot needs no safety features in this market, and nothing else speaks against it."""
    GENUINE = "genuine"


_LADDER = tuple(Reason)
WEIGHT = {reason: place for place, reason in enumerate(_LADDER)}
"""The lower, the graver."""

STOPS = frozenset(_LADDER[: WEIGHT[Reason.SUSPECT]])
CHECKS = frozenset(_LADDER[WEIGHT[Reason.SUSPECT] : WEIGHT[Reason.CANNOT_TELL]])
CANNOT_TELLS = frozenset({Reason.CANNOT_TELL, Reason.UNKNOWN_PRODUCT})

_WORD_OF = (
    dict.fromkeys(STOPS, Word.STOP)
    | dict.fromkeys(CHECKS, Word.CHECK)
    | dict.fromkeys(CANNOT_TELLS, Word.UNKNOWN)
    | dict.fromkeys((Reason.EXEMPT, Reason.GENUINE), Word.OK)
)


def word_of(reason: Reason) -> Word:
    """The verdict that goes with a reason.

    >>> word_of(Reason.LOCKED)
    <Word.CHECK: 'CHECK'>
    """
    return _WORD_OF[reason]


OF_STATE = {
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
"""The reason that each state of a pack gives; an active pack gives none."""

OF_DOUBT = {
    Doubt.ILLEGITIMATE: Reason.ILLEGITIMATE,
    Doubt.RECALLED: Reason.RECALLED,
    Doubt.SUSPECT: Reason.SUSPECT,
    Doubt.QUARANTINED: Reason.QUARANTINED,
}
"""The reason that each open doubt gives, the gravest first."""

OF_CONDITION = {
    Condition.RECALLED: Reason.RECALLED,
    Condition.RECALLED_HERE: Reason.RECALLED,
    Condition.EXPIRED: Reason.EXPIRED,
    Condition.DAMAGED: Reason.DAMAGED,
    Condition.NON_CONFORMANT: Reason.NON_CONFORMANT,
    Condition.NO_PEDIGREE_MATCH: Reason.NO_PEDIGREE_MATCH,
    Condition.MISMATCH: Reason.MISMATCH,
    Condition.QUARANTINED: Reason.QUARANTINED,
    Condition.QUARANTINED_HERE: Reason.QUARANTINED,
    Condition.NOT_SELLABLE: Reason.NOT_SELLABLE,
    Condition.NEEDS_REPLACEMENT: Reason.NEEDS_REPLACEMENT,
    Condition.UNAVAILABLE: Reason.UNAVAILABLE,
    Condition.RETURNED: Reason.RETURNED,
    Condition.NOT_COMMISSIONED: Reason.NOT_COMMISSIONED,
    Condition.CONDITION_UNKNOWN: Reason.CONDITION_UNKNOWN,
    Condition.SENSOR_ALARM: Reason.SENSOR_ALARM,
    Condition.SEEN_AFTER_END: Reason.SEEN_AFTER_END,
    Condition.RETURNED_AFTER_END: Reason.RETURNED_AFTER_END,
    Condition.LOT_CONFLICT: Reason.LOT_CONFLICT,
    Condition.EXPIRY_CONFLICT: Reason.EXPIRY_CONFLICT,
    Condition.COMMISSIONED_TWICE: Reason.COMMISSIONED_TWICE,
}
"""The reason that each lasting condition of an item gives (CBV section 7.2)."""


class Result(StrEnum):
    """What an act on a pack comes to, before it is spelt for a client."""

    DONE = "done"
    """Verified and nothing against it, or changed as asked."""
    NOT_TO_SUPPLY = "not-to-supply"
    """Verified: the pack is the one on record, and must not be supplied, or not yet."""
    NOOP = "already-active"
    REPEAT = "repeat-tolerated"
    REPEAT_LAST = "repeat-tolerated-last"
    EXEMPT = "exempt"
    PRODUCT_UNKNOWN = "product-unknown"
    LOT_AND_SERIAL_UNKNOWN = "lot-and-serial-unknown"
    SERIAL_UNKNOWN = "serial-unknown"
    LOT_DIFFERS = "lot-differs"
    EXPIRY_DIFFERS = "expiry-differs"
    ALREADY_IN_STATE = "already-in-state"
    IMPOSSIBLE = "impossible"
    UNDO_OTHER_TYPE = "undo-other-type"
    UNDO_TOO_LATE = "undo-too-late"
    UNDO_ELSEWHERE = "undo-elsewhere"
    UNDO_REFUSED = "undo-refused"
    RECALLED = "recalled"
    HELD = "held"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    STOPPED = "stopped"
    """The safety core forbids it: the verdict on the pack is STOP."""
    TO_CHECK = "to-check"
    """The verdict on the pack is CHECK, and nobody confirmed that it was checked."""
    NOT_ALLOWED = "not-allowed"
    NOT_OWNER = "not-owner"
    """A holder or parallel distributor acts on a product of another company."""
    TIME_NOT_PLAUSIBLE = "time-not-plausible"
    """Sent late, with a time before the upload or release, or longer ago than the limit."""
    TRANSACTION_REUSED = "transaction-reused"
    CANNOT_TELL = "cannot-tell"
    """The pack is not known here, and a repository that may know it did not answer."""


SUCCESSES = frozenset(
    {Result.DONE, Result.NOT_TO_SUPPLY, Result.NOOP, Result.REPEAT, Result.REPEAT_LAST}
)
"""Results whose status is 200: the question was answered, or the act done or noted."""


def reason_of_condition(condition: str) -> Reason:
    """The reason that a lasting condition gives; one that is not in the table is not known here.

    >>> reason_of_condition("damaged"), reason_of_condition("unknown_disposition:wet")
    (<Reason.DAMAGED: 'damaged'>, <Reason.UNKNOWN_DISPOSITION: 'unknown-disposition'>)
    """
    return _BY_WORD.get(condition.partition(":")[0], Reason.UNKNOWN_DISPOSITION)


_BY_WORD = {condition.value: reason for condition, reason in OF_CONDITION.items()}
