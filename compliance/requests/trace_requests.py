"""Trace requests: who asks about which packs, why, and by when the answer is due.

FDA and State authorities ask for transaction information in a recall or an investigation of suspect
or illegitimate product: manufacturers, repackagers and wholesalers answer within one business day
and never later than 48 hours, dispensers within two business days (FD&C Act 582(b)(1)(B),
(c)(1)(C), (d)(1)(D), (e)(1)(C)). Partners ask on the same form (582(g)(1)(E)) and get the same
clock, because the law says only "promptly". The fields are those of the tracing messages of the
Partnership for DSCSA Governance.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import insert, select, update

from compliance.partners.licences import PartnerRole
from compliance.requests.business_days import after_business_days
from compliance.requests.request_tables import trace_request, trace_request_item
from epcis.database.columns import microseconds, moment_of
from epcis.ledger.entry import LeafKind
from schemas.gs1.keys import Gln, Gtin
from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

ITEMS_MAX: Final = 200
TEXT_CHARS_MAX: Final = 4_000
LINE_CHARS_MAX: Final = 200
CONTACT_CHARS_MAX: Final = 254
NUMBER_CHARS_MAX: Final = 100
INCIDENT_CHARS_MAX: Final = 40
SERIAL_CHARS_MAX: Final = 20
LISTED_MAX: Final = 1_000
LATEST: Final = timedelta(hours=48)
"""Never later than this, whatever the calendar says; dispensers have no such limit."""
BUSINESS_ZONE: Final = ZoneInfo("America/New_York")
"""Where business days begin and end: with FDA."""


class ResponseType(StrEnum):
    """What the asker wants to know."""

    INFORMATION = "transaction information"
    ALL_OWNERS = "all known owners"
    LAST_OWNERS = "last known owners"


class RequestReason(StrEnum):
    """Why it asks; the law knows no other reason."""

    SUSPECT = "suspect"
    ILLEGITIMATE = "illegitimate"
    RECALLED = "recalled"
    AUDIT = "compliance audit"
    INSPECTION = "health authority inspection"


class RequestRefused(Refused):
    """The request cannot be entered or ended; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedItem:
    """A pack, or all packs of a lot.

    >>> RequestedItem.parse("0355555678908", serial="U1").gtin
    '00355555678908'
    """

    gtin: str
    """GTIN-14."""
    serial: str = ""
    lot: str = ""

    @classmethod
    def parse(cls, gtin: str, *, serial: str = "", lot: str = "") -> RequestedItem:
        """An item from a person's input; raises RequestRefused."""
        try:
            number = str(Gtin.parse(gtin))
        except ValueError as fault:
            raise RequestRefused(f"{gtin[:20]}: {fault}") from None
        if not serial and not lot:
            raise RequestRefused(f"{number}: give a serial number, or a lot")
        if max(len(serial), len(lot)) > SERIAL_CHARS_MAX:
            most = SERIAL_CHARS_MAX
            raise RequestRefused(f"{number}: serial and lot have at most {most} characters")
        return cls(gtin=number, serial=serial, lot=lot)

    def __str__(self) -> str:
        what = f"serial {self.serial}" if self.serial else f"lot {self.lot}"
        return f"GTIN {self.gtin} {what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRequest:
    """One request, and what became of it."""

    organisation: str
    """Who asks."""
    contact: str
    """E-mail address or telephone number for the answer."""
    response_type: ResponseType
    reason: RequestReason
    items: tuple[RequestedItem, ...]
    is_authority: bool
    """An authority, or somebody on its behalf: it sees what belongs to others too."""
    authenticated: str
    """How it was found out who asks."""
    role: PartnerRole
    """Ours: it sets the clock."""
    owner: str = ""
    """Our own GLN-13; empty where it is not set."""
    is_drill: bool = False
    """A fire drill: everything runs, and the answer says so."""
    reference: str = ""
    """The asker's own number of the request."""
    investigation: str = ""
    """The asker's number of its investigation."""
    department: str = ""
    gln: str = ""
    """GLN-13 of the asker; empty where it gave none."""
    circumstances: str = ""
    incident: str = ""
    """FDA's number of a notification by Form 3911."""
    id: str = ""
    received: datetime | None = None
    due: datetime | None = None
    entered_by: str = ""
    ended: datetime | None = None
    ended_by: str = ""
    outcome: str = ""
    """`answered` or `refused`; empty while it is open."""
    note: str = ""
    """How the answer went out, or why it was refused."""

    def check(self) -> None:
        """Raise RequestRefused, saying what is wrong."""
        lines = {
            "organisation": self.organisation,
            "contact": self.contact,
            "authenticated": self.authenticated,
        }
        if missing := [name for name, text in lines.items() if not text.strip()]:
            raise RequestRefused(f"'{missing[0]}' is missing")
        limits = (
            (self.organisation, LINE_CHARS_MAX),
            (self.department, LINE_CHARS_MAX),
            (self.contact, CONTACT_CHARS_MAX),
            (self.authenticated, TEXT_CHARS_MAX),
            (self.circumstances, TEXT_CHARS_MAX),
            (self.reference, NUMBER_CHARS_MAX),
            (self.investigation, NUMBER_CHARS_MAX),
            (self.incident, INCIDENT_CHARS_MAX),
        )
        for text, most in limits:
            if len(text) > most:
                raise RequestRefused(f"'{text[:30]}…' has {len(text)} characters, at most {most}")
        if not 1 <= len(self.items) <= ITEMS_MAX:
            raise RequestRefused(f"a request names 1 to {ITEMS_MAX} packs or lots")

    def is_overdue(self, now: datetime) -> bool:
        """Whether the answer should be out by now."""
        return self.ended is None and self.due is not None and now > self.due

    def state(self, now: datetime) -> str:
        """Where it stands, in a word."""
        return self.outcome or ("overdue" if self.is_overdue(now) else "open")

    def as_dict(self, now: datetime) -> dict[str, object]:
        """As `/requests` lists it."""
        return {
            "id": self.id,
            "state": self.state(now),
            "received": self.received.isoformat() if self.received else None,
            "due": self.due.isoformat() if self.due else None,
            "reference": self.reference,
            "investigation": self.investigation,
            "organisation": self.organisation,
            "department": self.department,
            "contact": self.contact,
            "gln": self.gln or None,
            "authority": self.is_authority,
            "authenticated": self.authenticated,
            "responseType": self.response_type.value,
            "reason": self.reason.value,
            "circumstances": self.circumstances,
            "incident": self.incident,
            "drill": self.is_drill,
            "role": self.role.value,
            "items": [
                {"gtin": one.gtin, "serial": one.serial, "lot": one.lot} for one in self.items
            ],
            "enteredBy": self.entered_by,
            "ended": self.ended.isoformat() if self.ended else None,
            "endedBy": self.ended_by or None,
            "note": self.note,
        }


def due_of(received: datetime, role: PartnerRole) -> datetime:
    """By when a request is answered, by our role.

    >>> from datetime import UTC, datetime
    >>> friday = datetime(2026, 11, 27, 20, tzinfo=UTC)
    >>> for role in (PartnerRole.WHOLESALER, PartnerRole.DISPENSER):
    ...     print(due_of(friday, role) - friday)
    2 days, 0:00:00
    4 days, 0:00:00
    """
    if role is PartnerRole.DISPENSER:
        return after_business_days(received, 2, BUSINESS_ZONE)
    return min(after_business_days(received, 1, BUSINESS_ZONE), received + LATEST)


def parse_gln(text: str) -> str:
    """A GLN-13 from a person's input, or an empty text; raises RequestRefused."""
    try:
        return Gln.parse(text).number if text else ""
    except ValueError as fault:
        raise RequestRefused(str(fault)) from None


def enter_request(tx: Transaction, wanted: TraceRequest, *, by: str) -> TraceRequest:
    """Enter a request that has come; its clock runs from now. Raises RequestRefused."""
    wanted.check()
    number = f"TR-{tx.now:%Y%m%d}-{secrets.token_hex(4)}"
    row = {
        "id": number,
        "reference": wanted.reference,
        "investigation": wanted.investigation,
        "organisation": wanted.organisation,
        "department": wanted.department,
        "contact": wanted.contact,
        "gln": wanted.gln,
        "authority": int(wanted.is_authority),
        "authenticated": wanted.authenticated,
        "response_type": wanted.response_type.value,
        "reason": wanted.reason.value,
        "circumstances": wanted.circumstances,
        "incident": wanted.incident,
        "drill": int(wanted.is_drill),
        "role": wanted.role.value,
        "owner": wanted.owner,
        "received_us": microseconds(tx.now),
        "due_us": microseconds(due_of(tx.now, wanted.role)),
        "entered_by": by,
        "outcome": "",
        "note": "",
    }
    tx.connection.execute(insert(trace_request).values(**row))
    items = [
        {"request": number, "number": place, "gtin": one.gtin, "serial": one.serial, "lot": one.lot}
        for place, one in enumerate(wanted.items, 1)
    ]
    tx.connection.execute(insert(trace_request_item), items)
    _log(tx, "entered", number, by)
    return need_request(tx, number)


def end_request(
    tx: Transaction, request_id: str, *, is_refused: bool, note: str, by: str
) -> TraceRequest:
    """Note that the answer went out, and how; or why it was refused. Raises RequestRefused."""
    found = need_request(tx, request_id)
    if found.ended is not None:
        raise RequestRefused(f"request {request_id} is {found.outcome} already")
    if not note.strip() or len(note) > TEXT_CHARS_MAX:
        why = "why it is refused" if is_refused else "how the answer went out"
        raise RequestRefused(f"say {why}, in {TEXT_CHARS_MAX} characters")
    outcome = "refused" if is_refused else "answered"
    values = {
        "ended_us": microseconds(tx.now),
        "ended_by": by,
        "outcome": outcome,
        "note": note,
    }
    here = update(trace_request).where(trace_request.c.id == request_id)
    tx.connection.execute(here.values(**values))
    _log(tx, outcome, request_id, by)
    return need_request(tx, request_id)


def find_request(snapshot: Snapshot, request_id: str) -> TraceRequest | None:
    """A request by its id."""
    wanted = select(trace_request).where(trace_request.c.id == request_id)
    row = snapshot.connection.execute(wanted).mappings().first()
    return None if row is None else _of_row(snapshot, row)


def need_request(snapshot: Snapshot, request_id: str) -> TraceRequest:
    """A request by its id; raises RequestRefused."""
    found = find_request(snapshot, request_id)
    if found is None:
        raise RequestRefused(f"there is no request {request_id}; `packtrail request list` has all")
    return found


def list_requests(snapshot: Snapshot) -> list[TraceRequest]:
    """Open requests by their clock, then the others, newest first; at most `LISTED_MAX`."""
    columns = trace_request.c
    wanted = select(trace_request).order_by(columns.received_us.desc()).limit(LISTED_MAX)
    rows = snapshot.connection.execute(wanted).mappings().all()
    found = [_of_row(snapshot, row) for row in rows]
    open_ones = [one for one in found if one.ended is None]
    return [
        *sorted(open_ones, key=lambda one: (str(one.due), one.id)),
        *(one for one in found if one.ended is not None),
    ]


def request_from(
    fields: Mapping[str, str], items: Sequence[RequestedItem], *, authority: bool, drill: bool
) -> TraceRequest:
    """A request from the text fields of a form, file or command; raises RequestRefused."""
    try:
        made = TraceRequest(
            organisation=fields.get("organisation", ""),
            contact=fields.get("contact", ""),
            response_type=ResponseType(fields.get("response_type", "")),
            reason=RequestReason(fields.get("reason", "")),
            items=tuple(items),
            is_authority=authority,
            authenticated=fields.get("authenticated", ""),
            role=PartnerRole(fields.get("role", "")),
            owner=fields.get("owner", ""),
            is_drill=drill,
            reference=fields.get("reference", ""),
            investigation=fields.get("investigation", ""),
            department=fields.get("department", ""),
            gln=parse_gln(fields.get("gln", "")),
            circumstances=fields.get("circumstances", ""),
            incident=fields.get("incident", ""),
        )
    except ValueError as fault:
        raise RequestRefused(str(fault)) from None
    made.check()
    return made


def _of_row(snapshot: Snapshot, row: RowMapping) -> TraceRequest:
    columns = trace_request_item.c
    items = snapshot.connection.execute(
        select(columns.gtin, columns.serial, columns.lot)
        .where(columns.request == row["id"])
        .order_by(columns.number)
    )
    return TraceRequest(
        organisation=row["organisation"],
        contact=row["contact"],
        response_type=ResponseType(row["response_type"]),
        reason=RequestReason(row["reason"]),
        items=tuple(RequestedItem(gtin=one.gtin, serial=one.serial, lot=one.lot) for one in items),
        is_authority=bool(row["authority"]),
        authenticated=row["authenticated"],
        role=PartnerRole(row["role"]),
        owner=row["owner"],
        is_drill=bool(row["drill"]),
        reference=row["reference"],
        investigation=row["investigation"],
        department=row["department"],
        gln=row["gln"],
        circumstances=row["circumstances"],
        incident=row["incident"],
        id=row["id"],
        received=moment_of(row["received_us"]),
        due=moment_of(row["due_us"]),
        entered_by=row["entered_by"],
        ended=moment_of(row["ended_us"]) if row["ended_us"] is not None else None,
        ended_by=row["ended_by"] or "",
        outcome=row["outcome"],
        note=row["note"],
    )


def _log(tx: Transaction, what: str, request_id: str, by: str) -> None:
    entry = {"act": f"trace-request-{what}", "request": request_id, "by": by}
    tx.log(LeafKind.CASE, orjson.dumps(entry, option=orjson.OPT_SORT_KEYS))
