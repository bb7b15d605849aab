"""What a request about one pack says, from JSON or query text to the engine's values."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import msgspec

from epcis.problem import Problem
from schemas.finding import Finding, Severity, Where
from schemas.gs1.reading import read
from verification.decision.act import Asked, CustomerCategory, PackAct, PackRequest
from verification.vrs.question import MalformedError, PrintedExpiry, gtin_of

if TYPE_CHECKING:
    from verification.settings import VerificationSettings

_CHARSET_82 = re.compile(r"[!-\"%-?A-Z_a-z]{1,20}\Z")
_GTIN_LENGTHS = (8, 12, 13, 14)
_REASON_CHARACTERS_MAX = 500


class PackBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of `/packs/…`: a scanner's text, or the values read from the pack."""

    text: str | None = None
    gtin: str | None = None
    """GTIN of 8, 12, 13 or 14 digits, or a PPN of 12 characters."""
    serial: str | None = None
    lot: str | None = None
    expiry: str | None = None
    """YYMMDD as printed, or ISO 8601."""
    manual: bool = False
    scanned: datetime | None = None
    transaction: str | None = None
    undo_of: PackAct | None = None
    handed_over: bool = False
    alerting: bool = True
    reason: str = ""
    customer: CustomerCategory | None = None
    """Whom a wholesaler supplies, where it is not a pharmacy (2016/161 Art. 23)."""
    confirmed: bool = False
    """The pack was checked as the verdict asked; `reason` says how (decision 0096)."""


def asked_of(body: PackBody) -> Asked:
    """What is printed on the pack; raises `Problem` 422 naming every field that is wrong."""
    faults: list[Finding] = []
    asked = _asked(body, faults)
    if faults:
        raise refused(faults)
    return asked


def request_of(
    operation: PackAct, body: PackBody, now: datetime, settings: VerificationSettings
) -> PackRequest:
    """The operation asked for; raises `Problem` 422 naming every field that is wrong."""
    faults: list[Finding] = []
    asked = _asked(body, faults)
    scanned = body.scanned
    if scanned is not None and scanned.tzinfo is None:
        faults.append(_fault("scanned", "has no time zone", "add Z or an offset"))
    elif scanned is not None and scanned > now:
        faults.append(_fault("scanned", "lies in the future", "set the client's clock"))
    if body.undo_of is not None and operation is not PackAct.UNDO:
        faults.append(_fault("undo_of", "belongs to undo only", "leave it out"))
    characters_max = settings.transaction_characters_max
    if body.transaction is not None and not 0 < len(body.transaction) <= characters_max:
        faults.append(_fault("transaction", f"has 1 to {characters_max} characters", "shorten it"))
    if len(body.reason) > _REASON_CHARACTERS_MAX:
        faults.append(_fault("reason", f"has {_REASON_CHARACTERS_MAX} characters at most", ""))
    if body.customer is not None and operation is not PackAct.SUPPLY:
        faults.append(_fault("customer", "belongs to supply only", "leave it out"))
    if body.confirmed and not body.reason.strip():
        faults.append(_fault("reason", "is missing", "say how the pack was checked"))
    if faults:
        raise refused(faults)
    return PackRequest(
        operation=operation,
        code=asked.gtin,
        serial=asked.serial,
        lot=asked.lot,
        expiry=asked.expiry,
        undo_of=body.undo_of,
        manual=body.manual,
        alerting=body.alerting or operation is not PackAct.VERIFY,
        handed_over=body.handed_over,
        scanned=scanned.astimezone(UTC) if scanned else None,
        transaction=body.transaction,
        reason=body.reason,
        confirmed=body.confirmed,
        customer=body.customer,
    )


def refused(faults: list[Finding]) -> Problem:
    """422 with everything that is wrong."""
    what = "; ".join(f"{fault.where.path or 'text'} {fault.what}" for fault in faults)
    return Problem(422, "Values not valid", what, findings=tuple(faults))


def _asked(body: PackBody, faults: list[Finding]) -> Asked:
    if body.text is not None:
        values = (body.gtin, body.serial, body.lot, body.expiry)
        if any(value is not None for value in values):
            faults.append(_fault("text", "stands beside single values", "send one of the two"))
            return Asked("", "")
        return _scanned(body.text, faults)
    gtin = _gtin(body.gtin, faults)
    serial = _text("serial", body.serial, faults)
    if body.serial is None:
        faults.append(_fault("serial", "is missing", "send the serial number, AI (21)"))
    lot = _text("lot", body.lot, faults)
    return Asked(gtin, serial or "", lot, _expiry(body.expiry, faults))


def _scanned(text: str, faults: list[Finding]) -> Asked:
    reading = read(text)
    faults += [one for one in reading.findings if one.severity is Severity.ERROR]
    if not faults and reading.gtin is None:
        faults.append(_fault("text", "has no product code", "scan the 2D code of the pack"))
    if not faults and reading.serial is None:
        faults.append(_fault("text", "has no serial number", "scan the 2D code of the pack"))
    return Asked(reading.gtin or "", reading.serial or "", reading.lot, reading.expiry)


def _gtin(text: str | None, faults: list[Finding]) -> str:
    if text is None:
        faults.append(_fault("gtin", "is missing", "send the product code, AI (01)"))
        return ""
    if not text.isdigit() or len(text) not in _GTIN_LENGTHS:
        faults.append(_fault("gtin", "has not 8, 12, 13 or 14 digits", "compare with the print"))
        return ""
    try:
        return gtin_of(text.zfill(14))
    except MalformedError:
        faults.append(_fault("gtin", "has a wrong check digit", "compare with the print"))
        return ""


def _text(name: str, text: str | None, faults: list[Finding]) -> str | None:
    if text is not None and not _CHARSET_82.match(text):
        faults.append(
            _fault(name, "has not 1 to 20 characters of GS1 charset 82", "compare with the print")
        )
        return None
    return text


def _expiry(text: str | None, faults: list[Finding]) -> date | None:
    if text is None:
        return None
    try:
        if len(text) == 6:
            return PrintedExpiry.parse(text).last_day
        return date.fromisoformat(text)
    except ValueError as error:
        faults.append(_fault("expiry", f"is no date: {error}", "send YYMMDD or YYYY-MM-DD"))
        return None


def _fault(field: str, what: str, hint: str) -> Finding:
    return Finding(f"request.{field}", Severity.ERROR, what, hint, Where(path=field))
