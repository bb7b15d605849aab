"""An act as a person or program writes it, and the checks that make a request of it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from schemas.finding import Finding, Severity, Where
from schemas.gs1.expiry import expiry_date
from verification.acts.kinds import KINDS, RESULTS, ActKind, Need
from verification.acts.request import (
    ID_CHARS_MAX,
    REASON_CHARS_MAX,
    SCAN_CHARS_MAX,
    SCANS_MAX,
    ActRequest,
)
from verification.acts.scans import place_key
from verification.decision.act import CustomerCategory  # noqa: TC001  # msgspec reads it
from verification.messages.identity import FieldError, printed_text
from verification.messages.pack_request import refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

REGISTRY_SCANS_MAX = 2_000
"""Most packs of one act of the registry: each is locked, judged and kept by itself."""
ORDERS_MAX = 100


class ActBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The JSON of `POST /acts/{kind}`."""

    client_id: str
    """Your own id of this act; sent again, it gets the same answer and nothing is done twice."""
    scans: list[str] = []
    """What the scanner gave: element strings, links, EPC URNs, RFID tags in hexadecimal, SSCCs."""
    parent: str = ""
    """The case or pallet: what is filled or emptied, or what all scans should be in."""
    place: str = ""
    """GLN of the site, or of a place in it (`0614141007776.A-12`); default: your own site."""
    to: str = ""
    """GLN of who gets the goods; for goods that come in, of who sent them."""
    owner: str = ""
    """GLN of who owns the goods from now on, where that is not who has them."""
    order: str | list[str] = ""
    """Number or URI of the order; several for one shipment of several orders."""
    reason: str = ""
    result: str = ""
    """Of an inspection: conformant, non_conformant, damaged, needs_replacement; of a count:
    missing, found or stolen."""
    lot: str = ""
    expiry: str = ""
    """YYMMDD or ISO 8601."""
    grant: str = ""
    """Commission: a grant of serial numbers; all that are printed and not in use yet, 20,000 at
    most, are put into use."""
    sscc_from: str = ""
    """Pack: the pool, or the first digits of SSCCs, that numbers a new case."""
    outputs: list[str] = []
    """Packs that a transformation makes."""
    expect: int | None = None
    """How many packs there should be."""
    override: bool = False
    """Do it although something that may be overridden speaks against it; needs a reason."""
    confirmed: bool = False
    """You checked on the packs what the verdict CHECK asks to check; `reason` says how."""
    is_opened: bool = False
    """You opened the cases around what you name: it is taken out of them."""
    customer: CustomerCategory | None = None
    """Whom a wholesaler supplies, where it is not a pharmacy (2016/161 Art. 23)."""
    time: datetime | None = None
    """When it was done, where it is sent later."""


class _Faults:
    """What is wrong with a body, field by field."""

    def __init__(self) -> None:
        self.found: list[Finding] = []

    def add(self, field: str, what: str, hint: str) -> None:
        self.found.append(Finding(f"act.{field}", Severity.ERROR, what, hint, Where(path=field)))

    def taken(self, field: str, read: Callable[[], str], hint: str) -> str:
        """A value that `read` gives, or the fault it raises as a finding."""
        try:
            return read()
        except (ValueError, FieldError) as fault:
            self.add(field, f"is not valid: {fault}", hint)
            return ""


def act_request(kind: ActKind, body: ActBody, now: datetime) -> ActRequest:
    """The act that a body asks for; raises `Problem` 422 naming every field that is wrong."""
    faults = _Faults()
    rule = KINDS[kind]
    _check_scans(kind, body, faults)
    for name, need in (("parent", rule.parent), ("reason", rule.reason)):
        is_issued = name == "parent" and bool(body.sscc_from)
        if need is Need.MUST and not (getattr(body, name).strip() or is_issued):
            faults.add(name, "is missing", f"say it with every {kind.value}")
    if body.override and not body.reason.strip():
        faults.add("reason", "is missing", "whoever overrides a refusal says why")
    if body.override and not rule.may_be_overridden:
        faults.add("override", f"does not exist for {kind.value}", "leave it out")
    _check_supply(kind, body, faults)
    places = {
        name: faults.taken(name, partial(place_key, text), "give a GLN of 13 digits")
        for name, text in (("place", body.place), ("to", body.to), ("owner", body.owner))
        if text
    }
    orders = tuple(filter(None, [body.order] if isinstance(body.order, str) else body.order))
    if len(orders) > ORDERS_MAX or any(len(one) > ID_CHARS_MAX for one in orders):
        faults.add("order", "is too long", f"{ORDERS_MAX} of {ID_CHARS_MAX} characters at most")
    lot = body.lot and faults.taken("lot", partial(printed_text, "lot", body.lot), "as printed")
    asked = ActRequest(
        kind=kind,
        client_id=body.client_id,
        scans=tuple(body.scans),
        parent=body.parent.strip(),
        place=places.get("place", ""),
        to=places.get("to", ""),
        owner=places.get("owner", ""),
        orders=orders,
        reason=body.reason.strip(),
        result=_result(kind, body.result, faults),
        lot=lot,
        expiry=_expiry(body.expiry, faults),
        grant=body.grant.strip(),
        sscc_from=body.sscc_from.strip(),
        outputs=tuple(body.outputs),
        expect=body.expect,
        override=body.override,
        confirmed=body.confirmed,
        customer=body.customer,
        is_opened=body.is_opened,
        time=_time(body.time, now, faults),
    )
    if faults.found:
        raise refused(faults.found)
    return asked


def _check_scans(kind: ActKind, body: ActBody, faults: _Faults) -> None:
    rule = KINDS[kind]
    if not 0 < len(body.client_id) <= ID_CHARS_MAX:
        faults.add("clientId", f"has 1 to {ID_CHARS_MAX} characters", "give each act its own id")
    most = REGISTRY_SCANS_MAX if rule.pack_act is not None else SCANS_MAX
    if len(body.scans) > most or len(body.outputs) > most:
        faults.add("scans", f"are more than {most}", "send them in several acts")
    may_be_alone = bool(body.parent) and kind is not ActKind.PACK
    _check_numbers(kind, body, faults)
    if not body.scans and not may_be_alone and not body.grant:
        faults.add("scans", "are missing", "scan at least one pack, case or pallet")
    if len(body.parent) > SCAN_CHARS_MAX:
        faults.add("parent", f"has {SCAN_CHARS_MAX} characters at most", "scan the case again")
    if body.parent and rule.parent is Need.NO:
        faults.add("parent", f"has no meaning for {kind.value}", "leave it out")
    if len(body.reason) > REASON_CHARS_MAX:
        faults.add("reason", f"has {REASON_CHARS_MAX} characters at most", "shorten it")
    if body.outputs and kind is not ActKind.TRANSFORM:
        faults.add("outputs", "belong to transform only", "leave them out")
    if kind is ActKind.TRANSFORM and not body.outputs:
        faults.add("outputs", "are missing", "scan the packs that were made")


def _check_numbers(kind: ActKind, body: ActBody, faults: _Faults) -> None:
    """Where numbers come from: a grant for packs, a pool for the SSCC of a case."""
    if body.grant and (kind is not ActKind.COMMISSION or body.scans):
        faults.add("grant", "is for commission without scans", "leave it, or the scans, out")
    if body.sscc_from and (kind is not ActKind.PACK or body.parent):
        faults.add("ssccFrom", "is for packing into a new case", "leave it, or the parent, out")
    if max(len(body.grant), len(body.sscc_from)) > ID_CHARS_MAX:
        faults.add("grant", f"has {ID_CHARS_MAX} characters at most", "copy it from the list")


def _check_supply(kind: ActKind, body: ActBody, faults: _Faults) -> None:
    if body.confirmed and KINDS[kind].pack_act is None:
        faults.add("confirmed", f"has no meaning for {kind.value}", "leave it out")
    elif body.confirmed and not body.reason.strip():
        faults.add("reason", "is missing", "say how the packs were checked")
    if body.is_opened and (KINDS[kind].stays_inside or kind is ActKind.COMMISSION):
        faults.add("isOpened", f"has no meaning for {kind.value}", "leave it out")
    if body.customer is not None and kind is not ActKind.SUPPLY:
        faults.add("customer", "belongs to supply only", "leave it out")


def _result(kind: ActKind, result: str, faults: _Faults) -> str:
    words = RESULTS.get(kind, {})
    if result and result not in words:
        names = ", ".join(words) or "none"
        faults.add("result", f"is not one of: {names}", "leave it out, or give one of them")
        return ""
    return result or next(iter(words), "")


def _expiry(text: str, faults: _Faults) -> date | None:
    if not text:
        return None
    day = expiry_date(text) if len(text) == 6 else None
    try:
        return day or datetime.fromisoformat(text).date()
    except ValueError:
        faults.add("expiry", "is no date", "send YYMMDD or YYYY-MM-DD")
        return None


def _time(time: datetime | None, now: datetime, faults: _Faults) -> datetime | None:
    if time is None:
        return None
    if time.tzinfo is None:
        faults.add("time", "has no time zone", "add Z or an offset")
        return None
    if time > now:
        faults.add("time", "lies in the future", "set the scanner's clock")
    return time.astimezone(UTC)
