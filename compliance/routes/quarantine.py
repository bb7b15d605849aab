"""`/quarantine`: goods that are held, by whom and until when, and their release."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import AwareDatetime, BaseModel, Field

from compliance.quarantine.quarantine import (
    PERSON_CHARS_MAX,
    REASON_CHARS_MAX,
    find_quarantine,
    place_quarantine,
    release_quarantine,
    things_held,
)
from compliance.quarantine.subject import (
    DOCUMENT_CHARS_MAX,
    LOT_CHARS_MAX,
    SERIAL_CHARS_MAX,
    QuarantineRefused,
    QuarantineSubject,
)
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem

router = APIRouter(prefix="/quarantine", tags=["quarantine"])

MayHold = Annotated[Caller, Depends(needs("recall"))]


class QuarantineWanted(BaseModel):
    """What is to be held, and why."""

    kind: Literal["product", "lot", "range", "pack", "case", "pallet", "shipment"]
    reason: str = Field(min_length=1, max_length=REASON_CHARS_MAX)
    gtin: str = Field(default="", max_length=14, description="GTIN-8 to GTIN-14")
    lot: str = Field(default="", max_length=LOT_CHARS_MAX)
    serial: str = Field(default="", max_length=SERIAL_CHARS_MAX, description="or first of a range")
    serial_to: str = Field(default="", max_length=SERIAL_CHARS_MAX, description="last of a range")
    container: str = Field(
        default="", max_length=DOCUMENT_CHARS_MAX, description="SSCC, or URI of a case or pallet"
    )
    document: str = Field(
        default="", max_length=DOCUMENT_CHARS_MAX, description="order, despatch advice or invoice"
    )
    owner: str = Field(default="", max_length=PERSON_CHARS_MAX, description="who decides about it")
    due: AwareDatetime | None = Field(default=None, description="by when the owner decides")


class QuarantineRelease(BaseModel):
    """Why goods are free again."""

    why: str = Field(min_length=1, max_length=REASON_CHARS_MAX)


@router.post("", status_code=201)
def place(request: Request, caller: MayHold, body: QuarantineWanted) -> dict[str, object]:
    """Hold goods: from this moment every door refuses to move or sell them."""
    fields = body.model_dump(exclude={"kind", "reason", "owner", "due"})
    now = now_of(request)
    try:
        subject = QuarantineSubject.parse(body.kind, **fields)
        with store_of(request).write(now) as tx:
            held = place_quarantine(
                tx, subject, reason=body.reason, by=caller.name, owner=body.owner, due=body.due
            )
    except QuarantineRefused as refused:
        raise Problem(422, "Quarantine not placed", str(refused)) from None
    return held.as_dict(now)


@router.get("/{number}")
def show(request: Request, number: str) -> dict[str, object]:
    """One quarantine, with the packs and containers that it named one by one."""
    with store_of(request).read() as snapshot:
        found = find_quarantine(snapshot, number)
        if found is None:
            raise _no_such(number)
        return {**found.as_dict(now_of(request)), "keys": list(things_held(snapshot, number))}


@router.post("/{number}/release")
def release(
    request: Request, caller: MayHold, number: str, body: QuarantineRelease
) -> dict[str, object]:
    """Free goods; by somebody other than who held them."""
    now = now_of(request)
    try:
        with store_of(request).write(now) as tx:
            if find_quarantine(tx, number) is None:
                raise _no_such(number)
            freed = release_quarantine(tx, number, why=body.why, by=caller.name)
    except QuarantineRefused as refused:
        raise Problem(409, "Quarantine not released", str(refused)) from None
    return freed.as_dict(now)


def _no_such(number: str) -> Problem:
    return Problem(404, "Not found", f"there is no quarantine {number}; GET /quarantine lists them")
