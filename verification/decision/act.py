"""The acts on packs, who may ask for them, and one act as it was asked for."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003  # msgspec reads the annotations at run time
from enum import StrEnum

import msgspec

from verification.decision.words import PackState


class ParticipantRole(StrEnum):
    """Who may stand at a counter, a dock or a desk (2016/161 Art. 3, 22, 25, 39, 40)."""

    MAH = "mah"
    """Marketing authorisation holder or its on-boarding partner."""
    PARALLEL_DISTRIBUTOR = "pd"
    WHOLESALER = "wholesaler"
    PHARMACY = "pharmacy"
    HOSPITAL = "hospital"
    NCA = "nca"
    """National competent authority."""
    NMVO = "nmvo"
    """The organisation that runs the national system."""
    REPOSITORY = "repository"
    """Another market's repository, which asks for its own clients and never for itself."""
    UNREGISTERED = "unregistered"
    """Nobody confirmed who the client is: no rule pack may let it do anything (Art. 37(b))."""


class CustomerCategory(StrEnum):
    """Whom a wholesaler supplies in place of a pharmacy (2016/161 Art. 23(a) to (k))."""

    OTHER_SUPPLIER = "other-supplier"
    """Authorised to supply the public, outside of healthcare institutions and pharmacies."""
    VETERINARIAN = "veterinarian"
    DENTIST = "dentist"
    OPTICIAN = "optician"
    PARAMEDIC = "paramedic"
    """And practitioners of emergency medicine."""
    CIVIL_PROTECTION = "civil-protection"
    """Armed forces, police and stocks of the state for disasters."""
    UNIVERSITY = "university"
    """For research and education, healthcare institutions excepted."""
    PRISON = "prison"
    SCHOOL = "school"
    HOSPICE = "hospice"
    NURSING_HOME = "nursing-home"


class PackAct(StrEnum):
    """The acts on a pack; each but verify leads to a state.

    >>> PackAct.SUPPLY.target
    <PackState.SUPPLIED: 'Supplied'>
    """

    VERIFY = "verify"
    SUPPLY = "supply"
    PARTIAL_SUPPLY = "partial-supply"
    DESTROY = "destroy"
    EXPORT = "export"
    SAMPLE = "sample"
    FREE_SAMPLE = "free-sample"
    LOCK = "lock"
    STOLEN = "stolen"
    CHECK_OUT = "check-out"
    UNDO = "undo"

    @property
    def target(self) -> PackState | None:
        """The state the operation asks for; None for verify."""
        return _TARGET.get(self)


_TARGET = {
    PackAct.SUPPLY: PackState.SUPPLIED,
    PackAct.PARTIAL_SUPPLY: PackState.SUPPLIED,
    PackAct.DESTROY: PackState.DESTROYED,
    PackAct.EXPORT: PackState.EXPORTED,
    PackAct.SAMPLE: PackState.SAMPLE,
    PackAct.FREE_SAMPLE: PackState.FREE_SAMPLE,
    PackAct.LOCK: PackState.LOCKED,
    PackAct.STOLEN: PackState.STOLEN,
    PackAct.CHECK_OUT: PackState.CHECKED_OUT,
    PackAct.UNDO: PackState.ACTIVE,
}

CHANGES = tuple(operation for operation in PackAct if operation is not PackAct.VERIFY)
"""The operations that may change a pack."""


TAKING_OUT = frozenset({PackAct.DESTROY, PackAct.SAMPLE, PackAct.LOCK, PackAct.STOLEN})
"""Acts that take a pack out of trade; whatever speaks against selling it does not forbid them."""


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


class Wish(msgspec.Struct, frozen=True):
    """The act that is asked for, and what decides about it besides the pack."""

    act: PackAct
    undo_of: PackAct | None = None
    """Which act is undone; None lets the pack's state say."""
    alerting: bool = True
    """False: a status query that must never raise an alert (Art. 36(f))."""
    confirmed: bool = False
    """A person has checked the pack and says so with a reason (decision 0096)."""


TO_VERIFY = Wish(PackAct.VERIFY)
TO_LOOK_UP = Wish(PackAct.VERIFY, alerting=False)


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """The client that asks: its role, and the premises and authorisation it acts under."""

    client: str
    role: ParticipantRole = ParticipantRole.UNREGISTERED
    location: str = ""
    """Premises, as a GLN key or the client's own location id; those of another market's client
    begin with that market and a colon, so that two markets never mean one place."""
    authorisation: str = ""
    """The legal entity whose licence covers the act; two clients may share it."""
    market: str = ""
    """ISO 3166 country; empty where only one market is served."""
    abroad: bool = False
    """A client of another market, for whom that market's repository asks."""


class PackRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One operation on one pack, as the client sent it."""

    operation: PackAct
    code: str
    """Product code: GTIN-14 or PPN."""
    serial: str
    lot: str | None = None
    expiry: date | None = None
    undo_of: PackAct | None = None
    """Which operation is undone; None lets the pack's state say."""
    manual: bool = False
    """Typed by hand, not scanned."""
    alerting: bool = True
    """False: a status query that must never raise an alert (Art. 36(f))."""
    is_bulk: bool = False
    handed_over: bool = False
    """The pack has left for the patient: nothing can be undone (Art. 13(1))."""
    scanned: datetime | None = None
    """When it was scanned, where that was earlier than it was sent (Art. 29)."""
    transaction: str | None = None
    """The client's own id of this request; the same id gets the same answer."""
    reason: str = ""
    confirmed: bool = False
    """The person at the pack has checked what the verdict asks to check; `reason` says how."""
    sub_user: str = ""
    """The person at the client, where the client names one."""
    customer: CustomerCategory | None = None
    """Whom a wholesaler supplies, where it is not a pharmacy (Art. 23)."""

    @property
    def asked(self) -> Asked:
        """What is printed on the pack."""
        return Asked(self.code, self.serial, self.lot, self.expiry)

    @property
    def wish(self) -> Wish:
        """What decides about the act besides the pack; a confirmation counts with its reason."""
        confirmed = self.confirmed and bool(self.reason.strip())
        return Wish(self.operation, self.undo_of, self.alerting, confirmed)


class MatrixRow(StrEnum):
    """The row of the transition matrix: the pack's state, or what stands above it."""

    ACTIVE = "Active"
    SUPPLIED = "Supplied"
    EXPORTED = "Exported"
    SAMPLE = "Sample"
    FREE_SAMPLE = "FreeSample"
    LOCKED = "Locked"
    CHECKED_OUT = "CheckedOut"
    DESTROYED = "Destroyed"
    STOLEN = "Stolen"
    DECOMMISSIONED = "Decommissioned"
    UNCOMMISSIONED = "Uncommissioned"
    EXPIRED = "Expired"
    RECALLED = "Recalled"
    HELD = "Held"
    WITHDRAWN = "Withdrawn"
