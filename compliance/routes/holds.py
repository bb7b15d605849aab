"""`/holds`, `/retention` and `/archive`: legal holds, the retention plan, and archived files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import AwareDatetime, BaseModel, Field

from compliance.context import compliance_settings_of
from compliance.retention.duty import Duty
from compliance.retention.hold import (
    CASE_CHARS_MAX,
    LOT_CHARS_MAX,
    REASON_CHARS_MAX,
    SERIAL_CHARS_MAX,
    HoldRefused,
    Matter,
    find_hold,
    list_holds,
    open_hold,
    release_hold,
)
from compliance.retention.policy import PolicyRefused, read_policy
from epcis.archive.reading import files
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem

router = APIRouter(tags=["retention"])

MayAdminister = Annotated[Caller, Depends(needs("admin"))]


class NewHold(BaseModel):
    """What opening a hold needs; the hold covers records that meet all conditions given."""

    reason: str = Field(min_length=1, max_length=REASON_CHARS_MAX)
    gtin: str | None = Field(None, max_length=14, description="GTIN-8 to GTIN-14")
    lot: str | None = Field(None, max_length=LOT_CHARS_MAX)
    serial: str | None = Field(None, max_length=SERIAL_CHARS_MAX)
    case: str | None = Field(None, max_length=CASE_CHARS_MAX, description="case or recall")
    party: str | None = Field(None, max_length=30, description="GLN: what it may see")
    since: AwareDatetime | None = Field(None, description="only what happened from then on")
    until: AwareDatetime | None = Field(None, description="only what happened before")


class Release(BaseModel):
    """Why a hold is over."""

    why: str = Field(min_length=1, max_length=REASON_CHARS_MAX)


@router.post("/holds", status_code=201)
def open_(request: Request, caller: MayAdminister, body: NewHold) -> dict[str, object]:
    """Hold a matter: nothing it covers is archived or erased until it is released."""
    try:
        matter = Matter.parse(
            gtin=body.gtin,
            lot=body.lot,
            serial=body.serial,
            case_id=body.case,
            party=body.party,
            since=body.since,
            until=body.until,
        )
        opened = open_hold(
            store_of(request), matter, reason=body.reason, by=caller.name, now=now_of(request)
        )
    except HoldRefused as refused:
        raise Problem(422, "Hold not opened", str(refused)) from None
    return opened.as_dict()


@router.get("/holds")
def list_(request: Request, caller: MayAdminister) -> list[dict[str, object]]:
    """All holds, open and released, newest first."""
    del caller
    with store_of(request).read() as snapshot:
        return [hold.as_dict() for hold in list_holds(snapshot)]


@router.get("/holds/{hold_id}")
def one(request: Request, caller: MayAdminister, hold_id: str) -> dict[str, object]:
    """A legal hold, with what it covers."""
    del caller
    with store_of(request).read() as snapshot:
        found = find_hold(snapshot, hold_id)
    if found is None:
        raise _no_such(hold_id)
    return found.as_dict()


@router.post("/holds/{hold_id}/release")
def release(
    request: Request, caller: MayAdminister, hold_id: str, body: Release
) -> dict[str, object]:
    """Release a hold; its record stays."""
    store = store_of(request)
    with store.read() as snapshot:
        if find_hold(snapshot, hold_id) is None:
            raise _no_such(hold_id)
    try:
        released = release_hold(store, hold_id, why=body.why, by=caller.name, now=now_of(request))
    except HoldRefused as refused:
        raise Problem(409, "Hold not released", str(refused)) from None
    return released.as_dict()


@router.get("/retention")
def retention(request: Request, caller: MayAdminister) -> dict[str, object]:
    """The policy, and what it would archive and erase now; changes nothing."""
    settings = compliance_settings_of(request)
    try:
        policy = read_policy(settings.retention_policy)
    except OSError as fault:
        detail = f"{settings.retention_policy}: {fault.strerror or fault}"
        raise Problem(503, "No policy", detail) from None
    except PolicyRefused as refused:
        findings = tuple(refused.findings)
        raise Problem(503, "The policy cannot be used", str(refused), findings=findings) from None
    duty = Duty(
        store_of(request),
        policy,
        settings.archive_folder,
        settings.exports_folder,
        now_of(request),
        caller.name,
    )
    return {
        "policy": [rule.as_dict() for rule in policy.rules],
        "plan": [line.as_dict() for line in duty.plan()],
    }


@router.get("/archive")
def archive(request: Request, caller: MayAdminister) -> list[dict[str, object]]:
    """The files of the archive: what they hold and where they lie."""
    del caller
    with store_of(request).read() as snapshot:
        return [file.as_dict() for file in files(snapshot)]


def _no_such(hold_id: str) -> Problem:
    return Problem(404, "Not found", f"there is no hold {hold_id}; GET /holds lists them")
