"""`/cases`: suspect product and exceptions, their steps, and Form FDA 3911 about them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from compliance.cases.cases import (
    WORDS_CHARACTERS_MAX,
    CaseKind,
    CaseRefused,
    NewCase,
    correct_facts,
    find_case,
    list_cases,
    open_case,
    take_step,
)
from compliance.cases.form_3911 import form_3911
from compliance.context import compliance_settings_of
from compliance.partners.names import product_attributes
from compliance.reports.letter import write_letter
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from schemas.gs1.keys import Gtin

router = APIRouter(prefix="/cases", tags=["cases"])

MayStop = Annotated[Caller, Depends(needs("hold"))]
Words = Annotated[str, Field(max_length=WORDS_CHARACTERS_MAX)]


class CaseWanted(BaseModel):
    """What opening a case needs."""

    kind: Literal["suspect", "exception"]
    category: str = Field(max_length=40)
    gtin: str = Field(min_length=8, max_length=14)
    what: Words
    lot: str = Field(default="", max_length=20)
    serial: str = Field(default="", max_length=20)
    partner: str = Field(default="", pattern=r"^(\d{13})?$", description="GLN-13")
    facts: dict[str, str] = Field(default_factory=dict, max_length=40)


class StepWanted(BaseModel):
    """One step: a state the case goes to, or a notice that was given."""

    act: str = Field(max_length=30)
    note: Words = ""
    incident: str = Field(default="", max_length=40, description="FDA's incident number")


class FactsWanted(BaseModel):
    """Facts for Form FDA 3911 by name, and why they change."""

    facts: dict[str, str] = Field(min_length=1, max_length=40)
    reason: Words = Field(default="", description="needed where a value changes")


@router.post("", status_code=201)
def open_(request: Request, caller: MayStop, body: CaseWanted) -> dict[str, object]:
    """Open a case; verification of suspect product answers CHECK from this moment on."""
    try:
        gtin = str(Gtin.parse(body.gtin))
    except ValueError as fault:
        raise Problem(422, "Not a GTIN", f"{body.gtin}: {fault}") from None
    fields = body.model_dump()
    wanted = NewCase(**{**fields, "kind": CaseKind(body.kind), "gtin": gtin})
    try:
        with store_of(request).write(now_of(request)) as tx:
            return open_case(tx, wanted, by=caller.name).as_dict()
    except CaseRefused as refused:
        raise Problem(422, "Case not opened", str(refused)) from None


@router.get("")
def list_(request: Request) -> list[dict[str, object]]:
    """The newest cases, newest first."""
    with store_of(request).read() as snapshot:
        return [one.as_dict() for one in list_cases(snapshot)]


@router.get("/{case_id}")
def show(request: Request, case_id: str) -> dict[str, object]:
    """One case with its steps."""
    with store_of(request).read() as snapshot:
        found = find_case(snapshot, case_id)
    if found is None:
        raise Problem(404, "No such case", f"there is no case {case_id}; GET /cases lists them")
    return found.as_dict()


@router.post("/{case_id}/steps", status_code=201)
def step(request: Request, caller: MayStop, case_id: str, body: StepWanted) -> dict[str, object]:
    """Take a case further: quarantined, investigating, cleared, illegitimate, notices given."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            if find_case(tx, case_id) is None:
                raise Problem(404, "No such case", f"there is no case {case_id}")
            moved = take_step(
                tx, case_id, body.act, by=caller.name, note=body.note, incident=body.incident
            )
    except CaseRefused as refused:
        raise Problem(409, "Not possible", str(refused)) from None
    return moved.as_dict()


@router.post("/{case_id}/facts", status_code=201)
def correct(
    request: Request, caller: MayStop, case_id: str, body: FactsWanted
) -> dict[str, object]:
    """Add or correct facts for Form FDA 3911; the values before stay in the steps of the case."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            if find_case(tx, case_id) is None:
                raise Problem(404, "No such case", f"there is no case {case_id}")
            after = correct_facts(tx, case_id, body.facts, by=caller.name, reason=body.reason)
    except CaseRefused as refused:
        raise Problem(422, "Facts not changed", str(refused)) from None
    return after.as_dict()


@router.post("/{case_id}/letter", response_class=PlainTextResponse)
def letter(request: Request, caller: MayStop, case_id: str) -> PlainTextResponse:
    """The letter to the partner about a case; that it was made is noted in the case."""
    owner = compliance_settings_of(request).owner_gln
    try:
        with store_of(request).write(now_of(request)) as tx:
            found = find_case(tx, case_id)
            if found is None:
                raise Problem(404, "No such case", f"there is no case {case_id}")
            text = write_letter(tx, found, owner_gln=owner, by=caller.name)
    except CaseRefused as refused:
        raise Problem(409, "Not possible", str(refused)) from None
    beside = {"Content-Disposition": f'attachment; filename="letter-{case_id}.txt"'}
    return PlainTextResponse(text, headers=beside)


@router.get("/{case_id}/form-3911")
def form(
    request: Request, case_id: str, edition: str = "2015", report: str = ""
) -> list[dict[str, object]]:
    """Form FDA 3911 about a case, filled from the case and the master data."""
    with store_of(request).read() as snapshot:
        found = find_case(snapshot, case_id)
        if found is None:
            raise Problem(404, "No such case", f"there is no case {case_id}")
        master = product_attributes(snapshot, found.gtin)
    try:
        filled = form_3911(found, master, edition=edition, report_type=report)
    except LookupError as fault:
        raise Problem(422, "No such form", str(fault)) from None
    return [one._asdict() for one in filled]
