"""`/partners/licences` and `/audits`: evidence that partners and operator fulfil their duties."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from compliance.partners.audits import AuditRefused, close_audit, list_audits, plan_audit
from compliance.partners.licences import (
    LicenceRefused,
    end_licence,
    enter_licence,
    licence_from,
    licences,
)
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem

router = APIRouter(tags=["duties"])

MayEnter = Annotated[Caller, Depends(needs("admin"))]
Word = Annotated[str, Field(max_length=1_000)]


class WantedLicence(BaseModel):
    """A licence that somebody has checked; days are ISO 8601."""

    gln: Word
    name: Word
    role: Word = Field(description="manufacturer, repackager, wholesaler, dispenser or 3pl")
    kind: Word = Field(
        description="registration, state licence, federal licence, DEA registration, ATP credential"
    )
    authority: Word
    number: Word
    valid_from: Word
    valid_to: Word = ""
    source: Word = ""


class Ended(BaseModel):
    """The first day on which a licence was no longer valid."""

    day: date


class WantedAudit(BaseModel):
    """An audit for the calendar."""

    planned: date
    scope: str = Field(max_length=2_000)
    auditor: str = Field(max_length=200)


class DoneAudit(BaseModel):
    """An audit that was done."""

    done: date
    outcome: str = Field(max_length=2_000)


@router.post("/partners/licences", status_code=201)
def enter(request: Request, caller: MayEnter, body: WantedLicence) -> dict[str, object]:
    """Enter a partner's licence."""
    try:
        wanted = licence_from(body.model_dump())
    except LicenceRefused as refused:
        raise Problem(422, "Licence not entered", str(refused)) from None
    with store_of(request).write(now_of(request)) as tx:
        return enter_licence(tx, wanted, by=caller.name).as_dict()


@router.get("/partners/licences")
def list_licences(request: Request, gln: str = "") -> list[dict[str, object]]:
    """The licences of all partners, or of one."""
    with store_of(request).read() as snapshot:
        return [one.as_dict() for one in licences(snapshot, [gln] if gln else None)]


@router.post("/partners/licences/{licence_id}/end")
def end(request: Request, caller: MayEnter, licence_id: str, body: Ended) -> dict[str, object]:
    """Mark that a licence ended early."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            return end_licence(tx, licence_id, body.day, by=caller.name).as_dict()
    except LicenceRefused as refused:
        raise Problem(409, "Licence not ended", str(refused)) from None


@router.post("/audits", status_code=201)
def plan(request: Request, caller: MayEnter, body: WantedAudit) -> dict[str, object]:
    """Put an audit of this repository into the calendar."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            details = {"scope": body.scope, "auditor": body.auditor, "by": caller.name}
            return plan_audit(tx, body.planned, **details).as_dict()
    except AuditRefused as refused:
        raise Problem(422, "Audit not planned", str(refused)) from None


@router.get("/audits")
def audits(request: Request) -> list[dict[str, object]]:
    """All audits, in the order of the calendar."""
    with store_of(request).read() as snapshot:
        return [one.as_dict() for one in list_audits(snapshot)]


@router.post("/audits/{audit_id}/done")
def done(request: Request, caller: MayEnter, audit_id: str, body: DoneAudit) -> dict[str, object]:
    """Record that an audit was done, and its result."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            closed = close_audit(tx, audit_id, body.done, outcome=body.outcome, by=caller.name)
            return closed.as_dict()
    except AuditRefused as refused:
        raise Problem(409, "Audit not closed", str(refused)) from None
