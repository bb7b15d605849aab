"""The sentences for the person who holds the pack: one sentence for each reason and each result."""

from __future__ import annotations

from verification.decision.words import Reason, Result

SAY = {
    Reason.GENUINE: "Genuine and sellable: check the seal, then supply it.",
    Reason.EXEMPT: (
        "This lot is exempt from safety features and nothing is known against it: it may be"
        " supplied."
    ),
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
    Reason.LOT_CONFLICT: (
        "Do not supply: two lots are recorded for this pack{values}; set it aside and report it as "
        "suspect."
    ),
    Reason.EXPIRY_CONFLICT: (
        "Do not supply: two expiry dates are recorded for this pack{values}; set it aside and "
        "report it as suspect."
    ),
    Reason.COMMISSIONED_TWICE: (
        "Do not supply: this serial number was put on a pack twice; set it aside and report it as "
        "suspect."
    ),
    Reason.SEEN_AFTER_END: (
        "Do not supply: this pack was ended, then seen again; set it aside and report it as "
        "suspect."
    ),
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
    Reason.QUARANTINED: (
        "Wait: this pack, or what it is in, is in quarantine; ask whoever placed it there."
    ),
    Reason.NO_PEDIGREE_MATCH: (
        "Check: a partner found no matching pedigree for this pack; set it aside and ask the "
        "supplier for its papers."
    ),
    Reason.MISMATCH: (
        "Check: a partner found that this delivery did not match its papers; count and compare "
        "before you supply the pack."
    ),
    Reason.NON_CONFORMANT: (
        "Check: this pack was found not to conform; set it aside until quality assurance clears it."
    ),
    Reason.DAMAGED: (
        "Check: this pack is recorded as damaged; set it aside until somebody has inspected it."
    ),
    Reason.NEEDS_REPLACEMENT: (
        "Check: this pack is recorded as in need of replacement; set it aside and ask why."
    ),
    Reason.NOT_SELLABLE: (
        "Check: this pack is recorded as not sellable; set it aside and ask why."
    ),
    Reason.SENSOR_ALARM: (
        "Check: a sensor reported an alarm or a value out of range{values}; set the pack aside "
        "until quality assurance releases it."
    ),
    Reason.RETURNED_AFTER_END: (
        "Check: this pack was dispensed and came back; it must not be sold before it is cleared."
    ),
    Reason.RETURNED: (
        "Check: this pack is recorded as returned; set it aside until somebody has inspected it."
    ),
    Reason.UNAVAILABLE: ("Check: this pack is recorded as not available for sale; ask why."),
    Reason.CONDITION_UNKNOWN: (
        "Check: a partner reported that the condition of this pack is not known; inspect it."
    ),
    Reason.UNKNOWN_DISPOSITION: (
        "Check: the last report gives this pack a disposition that is not known here{values}; ask "
        "who reported it what it means."
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
"""One sentence for each reason; `{values}` is where the values it is about are put in."""

_ASIDE = "Compare it with the print, scan again; if it stays so, set the pack aside."

SAY_RESULT = {
    Result.DONE: "Done.",
    Result.NOOP: "The pack is active already.",
    Result.REPEAT: "You supplied this pack before; the repeat is noted.",
    Result.REPEAT_LAST: "You supplied this pack before; the next repeat will be rejected.",
    Result.EXEMPT: "The lot is exempt from safety features; it may be supplied.",
    Result.PRODUCT_UNKNOWN: (
        "The product code is not known; ask your supplier whether it was uploaded."
    ),
    Result.LOT_AND_SERIAL_UNKNOWN: f"Lot and serial number are not known. {_ASIDE}",
    Result.SERIAL_UNKNOWN: f"The serial number is not known. {_ASIDE}",
    Result.LOT_DIFFERS: f"The serial number belongs to another lot. {_ASIDE}",
    Result.EXPIRY_DIFFERS: f"The expiry date is not the recorded one. {_ASIDE}",
    Result.ALREADY_IN_STATE: (
        "The pack is in that state already; if that was not you, set it aside."
    ),
    Result.IMPOSSIBLE: "The pack was taken out of use before; set it aside and ask who did it.",
    Result.UNDO_OTHER_TYPE: "The undo does not match the pack's state; verify it.",
    Result.UNDO_TOO_LATE: (
        "The time for taking it back is over; the pack must not return to stock."
    ),
    Result.UNDO_ELSEWHERE: (
        "Only the premises and licence that changed the pack may take it back."
    ),
    Result.UNDO_REFUSED: "This state is final; the pack must not return to stock.",
    Result.RECALLED: "The lot is recalled; set the pack aside and return it.",
    Result.HELD: "The lot is on hold; set the pack aside until it is decided.",
    Result.WITHDRAWN: "The product is withdrawn; set the pack aside for return.",
    Result.EXPIRED: "The pack is past its expiry date; set it aside for disposal.",
    Result.NOT_ALLOWED: "Your role may not do this; ask the operator of the system.",
    Result.NOT_OWNER: "The product belongs to another company; nothing was changed.",
    Result.TIME_NOT_PLAUSIBLE: (
        "The time of the scan lies before the upload or release of the pack, or too long ago; "
        "nothing was changed: correct the clock or report the act to the operator."
    ),
    Result.CANNOT_TELL: (
        "Cannot tell now: another market's system does not answer; wait and ask again."
    ),
    Result.TRANSACTION_REUSED: (
        "This transaction id was used for another request; send a new one."
    ),
}
"""A sentence for each result of an act; for any other result its first reason is the answer."""


def say_of(alerted: str) -> str:
    """The sentence for what an alert was raised under: a result, or a reason.

    >>> say_of("serial-unknown")[:34], say_of("seen-after-end")[:14]
    ('The serial number is not known. Co', 'Do not supply:')
    """
    if alerted in SAY_RESULT:
        return SAY_RESULT[Result(alerted)]
    return SAY[Reason(alerted)].format(values="")
