"""One act as it is asked for, the things it names with what is known of them, and its answer."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003  # msgspec reads the annotations at run time
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from verification.acts.kinds import ActKind  # noqa: TC001  # msgspec reads it at run time
from verification.decision.act import CustomerCategory  # noqa: TC001  # msgspec reads it
from verification.decision.words import Reason, Word  # noqa: TC001  # msgspec reads them

if TYPE_CHECKING:
    from epcis.store.items import StoredItem

SCANS_MAX = 20_000
"""Most scans of one act."""
SCAN_CHARS_MAX = 500
REASON_CHARS_MAX = 1_000
ID_CHARS_MAX = 100
"""Of a client's own id of an act, and of an order."""


class ActRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One act, as the client sent it; identifiers are canonical keys if not written otherwise."""

    kind: ActKind
    client_id: str
    """The client's own id of this act; the same id gets the same answer."""
    scans: tuple[str, ...] = ()
    """What the scanner gave, in any form that `schemas.gs1.reading` reads."""
    parent: str = ""
    """Case or pallet, as it was scanned."""
    place: str = ""
    """Where it is done: key of a site or of a place in it (GLN, with extension)."""
    to: str = ""
    """Key of the party that goods are shipped to, or that they come from."""
    owner: str = ""
    """Key of the party that owns the goods from now on, where that is not who has them."""
    orders: tuple[str, ...] = ()
    reason: str = ""
    result: str = ""
    """What came out, see `kinds.RESULTS`."""
    lot: str = ""
    expiry: date | None = None
    grant: str = ""
    """A grant of serial numbers, of which all that are printed are put into use."""
    sscc_from: str = ""
    """Pool or first digits of SSCCs that number the new case, where no case is named."""
    outputs: tuple[str, ...] = ()
    """Packs that a transformation makes, as scanned."""
    expect: int | None = None
    """How many packs there should be."""
    override: bool = False
    """Do it although something overridable speaks against it, for `reason`."""
    confirmed: bool = False
    """The person at the packs checked what the verdict asks to check; `reason` says how."""
    customer: CustomerCategory | None = None
    """Whom a wholesaler supplies, where it is not a pharmacy (2016/161 Art. 23)."""
    time: datetime | None = None
    """When it was done, where that is earlier than it was sent."""
    is_opened: bool = False
    """The cases around what is named were opened: it is taken in without them."""


class ActRefusal(StrEnum):
    """Why an act is refused besides what the one judgement knows; stable codes."""

    NOT_READABLE = "not-readable"
    NO_SERIAL = "no-serial"
    """The code names a product, not a pack."""
    SCANNED_TWICE = "scanned-twice"
    NOT_ON_RECORD = "not-on-record"
    ALREADY_COMMISSIONED = "already-commissioned"
    NUMBER_NOT_ISSUED = "number-not-issued"
    """It is of a pool of ours that never gave it out, or got it back or voided it."""
    LOT_DIFFERS = "lot-of-scan-differs"
    """The code on the pack names another lot or expiry than the act."""
    LOT_MISSING = "lot-missing"
    NOT_HERE = "not-here"
    ALREADY_SHIPPED = "already-shipped"
    ALREADY_HERE = "already-here"
    NOT_SHIPPED = "not-shipped"
    """Nobody recorded that it left where it was."""
    SENT_TO_ANOTHER = "sent-to-another"
    NEVER_SHIPPED_FROM_HERE = "never-shipped-from-here"
    SENT_TO_OTHERS = "never-shipped-to-them"
    """It was shipped from here, to another customer."""
    IN_A_CASE = "in-a-case"
    NOT_IN_PARENT = "not-in-parent"
    CONTENTS_DIFFER = "contents-differ"
    COUNT_DIFFERS = "count-differs"
    CONTENT_REFUSED = "content-refused"
    """Something inside may not go along."""
    NOTHING_INSIDE = "nothing-inside"
    CIRCLE = "would-be-in-itself"
    HAPPENED_SINCE = "happened-since"
    """Something was recorded of it later than the time of the act."""
    NOT_ORDERED = "not-ordered"
    WRONG_LOT = "wrong-lot"
    TOO_SHORT = "too-short-dated"
    EARLIER_EXPIRY = "earlier-expiry-first"
    MORE_THAN_ORDERED = "more-than-ordered"
    FOR_ANOTHER_ORDER = "for-another-order"
    NOT_PICKED = "not-picked"
    WRONG_CUSTOMER = "wrong-customer"
    NOT_A_PACK = "not-a-pack"
    NOT_HELD = "not-held"
    OTHERS_REFUSED = "others-refused"
    """Nothing speaks against it, but the act was not done."""


class ActThing(NamedTuple):
    """One pack, case or pallet of an act, with all that is known of it."""

    key: str
    """Canonical."""
    item: StoredItem | None
    """None: no event names it."""
    reasons: tuple[Reason, ...]
    """By the one judgement, gravest first."""
    verdict: Word
    say: str
    inside: tuple[ActThing, ...] = ()
    """Everything inside at any depth."""
    sent_to: frozenset[str] | None = None
    """To whom it was shipped from the site of the act; None where it never was, or no one asked."""
    unfit_number: str = ""
    """Why its number may not be put into use: how it stands in our pool; empty where it may."""


class ScannedThing(NamedTuple):
    """One scan, read."""

    scan: str
    key: str
    """Canonical key of a pack, case or pallet; empty where the scan names none."""
    refusal: ActRefusal | None = None
    what: str = ""
    """What is wrong with the scan."""
    lot: str = ""
    expiry: date | None = None
    is_tag: bool = False
    """Read without line of sight: a reader gives the same tag many times."""


class ActPackAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one scan."""

    id: str
    """Canonical key; the scan itself where it names nothing."""
    scan: str
    verdict: Word
    """Of the one judgement; STOP where the act itself is refused for it."""
    reason: str
    """A `Reason` or an `ActRefusal`."""
    say: str
    done: bool
    overridden: bool = False


class ActAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an act: all of it is done, or nothing."""

    act: str
    kind: ActKind
    done: bool
    event: str | None
    """The id of its event; None where nothing was done, or the registry made several."""
    packs: tuple[ActPackAnswer, ...] = ()
    missing: tuple[str, ...] = ()
    """Keys that should have been scanned too."""
    say: str = ""
    parent: str = ""
    """Key of the case or pallet that the act was about, with an SSCC that was issued for it."""
    left: int = 0
    """Printed numbers of the grant that are not in use yet, beyond those of this act."""
