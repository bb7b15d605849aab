"""What a client may ask about a pack, who asks, and what is known: the values of the engine."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003  # msgspec reads the annotations at run time
from enum import StrEnum

import msgspec

from verification.decision.verdict import LotState, PackState, ProductState


class Role(StrEnum):
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


class Operation(StrEnum):
    """The acts on a pack; each but verify leads to a state.

    >>> Operation.SUPPLY.target
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
    Operation.SUPPLY: PackState.SUPPLIED,
    Operation.PARTIAL_SUPPLY: PackState.SUPPLIED,
    Operation.DESTROY: PackState.DESTROYED,
    Operation.EXPORT: PackState.EXPORTED,
    Operation.SAMPLE: PackState.SAMPLE,
    Operation.FREE_SAMPLE: PackState.FREE_SAMPLE,
    Operation.LOCK: PackState.LOCKED,
    Operation.STOLEN: PackState.STOLEN,
    Operation.CHECK_OUT: PackState.CHECKED_OUT,
    Operation.UNDO: PackState.ACTIVE,
}

CHANGES = tuple(operation for operation in Operation if operation is not Operation.VERIFY)
"""The operations that may change a pack."""


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """The client that asks: its role, and the premises and authorisation it acts under."""

    client: str
    role: Role = Role.UNREGISTERED
    location: str = ""
    """Premises, as a GLN key or the client's own location id; those of another market's client
    begin with that market and a colon, so that two markets never mean one place."""
    authorisation: str = ""
    """The legal entity whose licence covers the act; two clients may share it."""
    market: str = ""
    """ISO 3166 country; empty where only one market is served."""


class PackRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One operation on one pack, as the client sent it."""

    operation: Operation
    code: str
    """Product code: GTIN-14 or PPN."""
    serial: str
    lot: str | None = None
    expiry: date | None = None
    undo_of: Operation | None = None
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
    sub_user: str = ""
    """The person at the client, where the client names one."""
    customer: CustomerCategory | None = None
    """Whom a wholesaler supplies, where it is not a pharmacy (Art. 23)."""


class PackRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is recorded of one pack."""

    state: PackState
    lot: str | None = None
    expiry: date | None = None
    since: datetime | None = None
    location: str = ""
    authorisation: str = ""
    repeats: int = 0
    """How often a supply was repeated and tolerated."""
    handed_over: bool = False
    stolen: bool = False
    version: int = 0


class Known(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a decision depends on besides request, client, rules and time."""

    product: bool
    """Whether the product code is known at all."""
    product_state: ProductState = ProductState.ACTIVE
    exempt: bool = False
    """Product and lot stand on the market's list of exemptions."""
    lot: bool = False
    """Whether the lot that the client named is known for the product."""
    serial_shape: str = ""
    """Length and characters of the serial numbers uploaded for that lot, as `20an`."""
    lot_state: LotState = LotState.ACTIVE
    """State of the pack's own lot."""
    pack: PackRecord | None = None
    extended: date | None = None
    """The later expiry that the manufacturer has given the pack's lot."""
    intermarket: bool = False
    """The facts came from another market's repository."""


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


def standing(known: Known, now: datetime) -> MatrixRow:
    """What stands above the pack, else its own state: product, then lot, then expiry, then pack.

    >>> from datetime import UTC
    >>> known = Known(product=True, pack=PackRecord(state=PackState.SUPPLIED))
    >>> standing(known, datetime(2026, 1, 1, tzinfo=UTC))
    <MatrixRow.SUPPLIED: 'Supplied'>
    """
    assert known.pack is not None, "an unknown pack has no standing"
    if known.product_state is ProductState.WITHDRAWN:
        return MatrixRow.WITHDRAWN
    if known.lot_state in (LotState.RECALLED, LotState.CLOSED):
        return MatrixRow.RECALLED
    last = known.pack.expiry
    if last is not None and now.date() > max(last, known.extended or last):
        return MatrixRow.EXPIRED
    if known.lot_state is LotState.HELD and known.pack.state is PackState.ACTIVE:
        return MatrixRow.HELD
    return _STANDING[known.pack.state]


_STANDING = {state: MatrixRow(state.value) for state in PackState}
