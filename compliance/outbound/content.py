"""What is sent to a partner by itself: the file of a shipment, or an exception in plain words."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

import orjson
from sqlalchemy import select

from compliance.cases.cases import find_case
from compliance.duty_tables import case_item
from compliance.reports.transactions import shipped_events
from compliance.rules.file import FileQuestion, examine
from compliance.rules.profiles import PROFILES
from compliance.transactions.shipment_file import FileTerms, write_shipments
from epcis.codec.document import Syntax
from epcis.exchange.outbound import (
    EPCIS_1_2,
    EPCIS_2_JSON,
    EPCIS_2_XML,
    GS1_US,
    NOT_CHECKED,
    OutboundKind,
    named_file,
)
from epcis.store.event_tables import event
from schemas.finding import Severity
from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.exchange.outbound import DueMessage, OutboundRule

FINDINGS_NAMED_MAX: Final = 5
KEYS_LISTED_MAX: Final = 1_000
_SYNTAXES: Final = {
    EPCIS_1_2: (Syntax.XML_1_2, "application/xml", ".xml"),
    EPCIS_2_XML: (Syntax.XML_2_0, "application/xml", ".xml"),
    EPCIS_2_JSON: (Syntax.JSON_LD, "application/json", ".jsonld"),
}


class HeldBack(Refused):
    """A message is not sent as it is; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class MadeMessage:
    """A message of a rule, before it is in line."""

    message_id: str
    """The same however often it is made."""
    file_name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class OutboundTerms:
    """Who sends, and how its identifiers are written."""

    owner_gln: str
    company_prefixes: tuple[str, ...]


def made_message(
    snapshot: Snapshot,
    due: Sequence[DueMessage],
    rule: OutboundRule,
    terms: OutboundTerms,
    now: datetime,
) -> MadeMessage:
    """The message of what is due by one rule: one thing, or several shipments as one file.

    Raises `HeldBack`.
    """
    if rule.sends is OutboundKind.SHIPMENT:
        return _shipment(snapshot, due, rule, terms, now)
    return _exception(snapshot, due[0], rule)


def _shipment(
    snapshot: Snapshot,
    due: Sequence[DueMessage],
    rule: OutboundRule,
    terms: OutboundTerms,
    now: datetime,
) -> MadeMessage:
    style = rule.style
    syntax, media_type, ending = _SYNTAXES[style["syntax"]]
    wanted = select(event.c.seq).where(event.c.event_id.in_([one.subject for one in due]))
    shipments = list(shipped_events(snapshot, snapshot.connection.scalars(wanted), len(due)))
    if not shipments:
        raise HeldBack("the shipping event is no longer on record; make it again once it is")
    out = BytesIO()
    written = FileTerms(
        owner_gln=terms.owner_gln,
        syntax=syntax,
        has_extensions=style["extensions"] == GS1_US,
        sender=style["sender"],
        receiver=style["receiver"],
        company_prefixes=terms.company_prefixes,
    )
    write_shipments(snapshot, shipments, out, written)
    content = out.getvalue()
    _need_right(content, style["check"], now)
    day = shipments[-1].event.event_time[:10]
    return MadeMessage(_id_of(due), _name_of(rule, _id_of(due), day) + ending, media_type, content)


def _need_right(content: bytes, profile: str, now: datetime) -> None:
    """Raises `HeldBack` for a file that its receiver would refuse."""
    if profile == NOT_CHECKED:
        return
    if profile not in PROFILES:
        raise HeldBack(f"there is no profile '{profile}' to check by; there are {_listed()}")
    answer = examine(content, FileQuestion(profile, now))
    if answer.is_fine:
        return
    errors = [one for one in answer.findings if one.severity in (Severity.ERROR, Severity.CRITICAL)]
    listed = "; ".join(f"{one.what}: {one.hint}" for one in errors[:FINDINGS_NAMED_MAX])
    more = len(errors) - FINDINGS_NAMED_MAX
    rest = f"; and {more} more" if more > 0 else ""
    raise HeldBack(f"{len(errors)} rules of {profile} are broken: {listed}{rest}")


def _listed() -> str:
    return ", ".join([*PROFILES, NOT_CHECKED])


def _exception(snapshot: Snapshot, due: DueMessage, rule: OutboundRule) -> MadeMessage:
    """An exception as JSON: what was seen, of what, and under which number we speak of it."""
    case = find_case(snapshot, due.subject)
    if case is None:
        raise HeldBack(f"there is no case {due.subject}")
    keys = snapshot.connection.scalars(
        select(case_item.c.key).where(case_item.c.case == case.id).limit(KEYS_LISTED_MAX)
    )
    report = {
        "type": "exception",
        "case": case.id,
        "category": case.category,
        "what": case.what,
        "gtin": case.gtin,
        "lot": case.lot,
        "serial": case.serial,
        "items": sorted(keys),
        "opened": case.opened.isoformat(),
    }
    content = orjson.dumps(report, option=orjson.OPT_INDENT_2)
    name = _name_of(rule, case.id, f"{case.opened:%Y-%m-%d}")
    return MadeMessage(_id_of([due]), f"{name}.json", "application/json", content)


def _id_of(due: Sequence[DueMessage]) -> str:
    if len(due) == 1:
        return f"{due[0].sends}-{due[0].subject}"
    subjects = "\n".join(one.subject for one in due)
    return f"{due[0].sends}s-{hashlib.sha256(subjects.encode()).hexdigest()[:32]}"


def _name_of(rule: OutboundRule, number: str, day: str) -> str:
    short = number.removeprefix(f"{rule.sends}-").removeprefix("urn:uuid:")
    return named_file(
        rule.style["file_name"],
        what=rule.sends.value,
        number=short[:60],
        day=day,
        partner=rule.partner,
    )
