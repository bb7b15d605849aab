"""What a person in the warehouse reads where an act is refused: what is wrong, and what to do."""

from __future__ import annotations

from verification.acts.kinds import ActKind
from verification.acts.request import ActRefusal
from verification.decision.words import Reason

SAY_REFUSAL = {
    ActRefusal.NOT_READABLE: "This scan cannot be read ({what}): scan it again.",
    ActRefusal.NO_SERIAL: (
        "This code names a product and no single pack ({what}): scan the 2D code with the serial"
        " number."
    ),
    ActRefusal.SCANNED_TWICE: "It was scanned twice: take the second scan off the list.",
    ActRefusal.NOT_ON_RECORD: (
        "No event says that {what} was made: commission it first, or ask the supplier for its data."
    ),
    ActRefusal.ALREADY_COMMISSIONED: (
        "This serial number is in use already{what}: take another number."
    ),
    ActRefusal.NUMBER_NOT_ISSUED: (
        "Its number is {what} in our pool of numbers: take a number that was granted to a line."
    ),
    ActRefusal.LOT_DIFFERS: (
        "The code on it names another lot or expiry than {what}: compare the print, and commission"
        " each lot by itself."
    ),
    ActRefusal.LOT_MISSING: "Lot and expiry are missing: give both, as they are on the pack.",
    ActRefusal.NOT_HERE: (
        "It is recorded at {what}, not here: check the place you work at, and ask that site to ship"
        " it."
    ),
    ActRefusal.ALREADY_SHIPPED: (
        "It was shipped to {what} already: void that shipment if it did not leave, or record its"
        " return."
    ),
    ActRefusal.ALREADY_HERE: "It is here already, at {what}: take it off the list.",
    ActRefusal.NOT_SHIPPED: (
        "No shipment of it is open, it is recorded at {what}: ask the sender for the shipment's"
        " data."
    ),
    ActRefusal.SENT_TO_ANOTHER: (
        "It was shipped to {what}, not here: ask the sender, or have a supervisor take it in with a"
        " reason."
    ),
    ActRefusal.NEVER_SHIPPED_FROM_HERE: (
        "It was not shipped from here ({what}): set it aside, it is no return or shipment of yours."
    ),
    ActRefusal.SENT_TO_OTHERS: (
        "It was shipped to {what}, not to who sends it back: set it aside and ask the customer."
    ),
    ActRefusal.IN_A_CASE: "It is in {what}: scan the case, or unpack it first.",
    ActRefusal.NOT_IN_PARENT: (
        "It is not in that case by the records: take it out, and look for where it belongs."
    ),
    ActRefusal.CONTENTS_DIFFER: "The case should hold more: {what} was not scanned. Count again.",
    ActRefusal.COUNT_DIFFERS: "{what} were scanned: count again.",
    ActRefusal.CONTENT_REFUSED: "Something in it may not go along: {what}",
    ActRefusal.NOTHING_INSIDE: "By the records nothing is in {what}: check the number of the case.",
    ActRefusal.CIRCLE: "{what} cannot be put into itself or into what it holds: check the scans.",
    ActRefusal.HAPPENED_SINCE: (
        "Something was recorded of it at {what}, after this act: look at its history and do the act"
        " again as of now."
    ),
    ActRefusal.NOT_ORDERED: "Nobody ordered {what} here: put it back, and look at the pick list.",
    ActRefusal.WRONG_LOT: "The customer asks for lot {what}: put it back, and take that lot.",
    ActRefusal.TOO_SHORT: (
        "It expires too early for this customer, who asks for {what}: take a later lot."
    ),
    ActRefusal.EARLIER_EXPIRY: (
        "Lot {what} expires earlier: take it first. A supervisor may take this one all the same,"
        " with a reason."
    ),
    ActRefusal.MORE_THAN_ORDERED: "Order {what} has all it asked for: put it back.",
    ActRefusal.FOR_ANOTHER_ORDER: "It was picked for order {what}: put it to that one.",
    ActRefusal.NOT_PICKED: "It was not picked for order {what}: pick it first.",
    ActRefusal.WRONG_CUSTOMER: "The order is for {what}: check to whom you ship.",
    ActRefusal.NOT_A_PACK: "It is no pack with a GTIN: scan the packs that are in it.",
    ActRefusal.NOT_HELD: "No quarantine names it: look at the list of quarantines.",
    ActRefusal.OTHERS_REFUSED: (
        "Nothing speaks against it, but nothing was done: take what is refused out, and send the"
        " rest again."
    ),
}
"""One sentence for each refusal; `{what}` is where the values it is about are put in."""


def say_refusal(refusal: ActRefusal, what: str = "") -> str:
    """The sentence for a refusal.

    >>> say_refusal(ActRefusal.IN_A_CASE, "/00/106141412345678908")
    'It is in /00/106141412345678908: scan the case, or unpack it first.'
    """
    return SAY_REFUSAL[refusal].format(what=what)


SAY_DONE = {
    ActKind.COMMISSION: "Commissioned.",
    ActKind.PACK: "Packed.",
    ActKind.UNPACK: "Unpacked.",
    ActKind.RECEIVE: "Received.",
    ActKind.MOVE: "Moved.",
    ActKind.PICK: "Picked.",
    ActKind.SHIP: "Shipped.",
    ActKind.VOID: "The shipment is void; it is here again.",
    ActKind.RETURN: "Taken back: keep it aside until it is inspected.",
    ActKind.INSPECT: "The result is recorded.",
    ActKind.REPAIR: "The repair is recorded.",
    ActKind.DECOMMISSION: "Its serial number is out of use for good.",
    ActKind.COUNT_ADJUST: "The result of the count is recorded.",
    ActKind.TRANSFORM: "Used up.",
}
"""What a person reads of each thing that an act was done to."""

_SUPPLY_WORDS = ("Do not supply: ", "Wait: ", "Check: ", "Do not sell: ", "Cannot tell: ")


def say_reason(kind: ActKind, reason: Reason, say: str, *, may_override: bool) -> str:
    """The judgement's sentence about a pack, as it reads before this act.

    >>> advice = "Do not supply: the lot is recalled; set the pack aside and return it."
    >>> say_reason(ActKind.SHIP, Reason.RECALLED, advice, may_override=False)
    'Not to ship: the lot is recalled; set the pack aside and return it.'
    """
    if reason is Reason.GENUINE:
        return say
    head = next((one for one in _SUPPLY_WORDS if say.startswith(one)), "")
    sentence = f"Not to {kind.value}: {say.removeprefix(head)}"
    if may_override:
        sentence += " A supervisor may do it all the same, with a reason."
    return sentence
