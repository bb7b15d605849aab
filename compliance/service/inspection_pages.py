"""`/inspections`: quality control of lots; pages, and JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from compliance.quality.lot_inspection import (
    NOTE_CHARS_MAX,
    SAMPLES_MAX,
    WHY_CHARS_MAX,
    InspectionRefused,
    InspectionState,
    InspectionWanted,
    SampleResult,
    decide_inspection,
    list_inspections,
    need_inspection,
    note_result,
    open_inspection,
    samples_of,
)
from compliance.quarantine.subject import LOT_CHARS_MAX, QuarantineRefused
from compliance.service.pages import is_for_a_person, render
from epcis.database.columns import moment_of
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.acts.perform import ActContext
from verification.acts.request import SCAN_CHARS_MAX
from verification.context import verification_settings_of

if TYPE_CHECKING:
    from compliance.quality.lot_inspection import LotInspection

router = APIRouter(prefix="/inspections", tags=["inspections"])

Inspector = Annotated[Caller, Depends(needs("act"))]
Decider = Annotated[Caller, Depends(needs("hold"))]
Number = Annotated[str, Path(max_length=40)]
GLN_CHARS_MAX = 60


class InspectionOpening(BaseModel):
    """The lot to inspect, and how many of its packs."""

    gtin: str = Field(max_length=20)
    lot: str = Field(max_length=LOT_CHARS_MAX)
    why: str = Field(max_length=WHY_CHARS_MAX)
    place: str = Field(
        default="", max_length=GLN_CHARS_MAX, description="GLN of the site; default: your own"
    )
    sample_size: int = Field(
        default=0,
        ge=0,
        le=SAMPLES_MAX,
        alias="sampleSize",
        description="packs to inspect; 0: the square root of the lot and one more",
    )
    failed_max: int = Field(
        default=0,
        ge=0,
        le=SAMPLES_MAX,
        alias="failedMax",
        description="failed samples with which the lot may still be released",
    )

    def wanted(self) -> InspectionWanted:
        """As the room of quality control takes it."""
        return InspectionWanted(
            self.gtin, self.lot, self.why, self.place, self.sample_size, self.failed_max
        )


class InspectedSample(BaseModel):
    """What came out of one pack of the lot."""

    scan: str = Field(max_length=SCAN_CHARS_MAX, description="the pack, as the scanner typed it")
    result: SampleResult
    note: str = Field(default="", max_length=NOTE_CHARS_MAX)


class InspectionDecision(BaseModel):
    """Why a lot is released or rejected."""

    why: str = Field(max_length=WHY_CHARS_MAX)


class InspectionDeed(BaseModel):
    """One button of the page of an inspection, with its fields."""

    deed: str = Field(pattern="^(passed|failed)$")
    scan: str = Field(default="", max_length=SCAN_CHARS_MAX)
    note: str = Field(default="", max_length=NOTE_CHARS_MAX)


class InspectionEnd(BaseModel):
    """The form by which a lot is released or rejected."""

    deed: str = Field(pattern="^(released|rejected)$")
    why: str = Field(default="", max_length=WHY_CHARS_MAX)


@router.get("")
def inspections(request: Request, caller: Inspector) -> Response:
    """All inspections, the newest first: a page, or JSON for a program."""
    del caller
    if is_for_a_person(request):
        return _list_page(request)
    with store_of(request).read() as snapshot:
        return _json([one.as_dict() for one in list_inspections(snapshot)])


@router.post("", status_code=201)
def inspection_open(request: Request, caller: Decider, body: InspectionOpening) -> Response:
    """Lock a lot, and draw the packs that are inspected."""
    try:
        return _json(_opened(request, body, caller).as_dict(), 201)
    except (InspectionRefused, QuarantineRefused) as refused:
        raise Problem(422, "Inspection refused", str(refused)) from None


@router.post("/new", include_in_schema=False)
def inspection_form(
    request: Request, caller: Decider, form: Annotated[InspectionOpening, Form()]
) -> Response:
    """Open an inspection from the page."""
    try:
        opened = _opened(request, form, caller)
    except (InspectionRefused, QuarantineRefused) as refused:
        return _list_page(request, str(refused), form)
    return RedirectResponse(f"/inspections/{opened.id}", status_code=303)


@router.get("/{number}")
def inspection_one(request: Request, caller: Inspector, number: Number) -> Response:
    """One inspection with its samples: a page, or JSON for a program."""
    del caller
    if is_for_a_person(request):
        return _page(request, number)
    return _answer(request, number)


@router.post("/{number}/results")
def inspection_result(
    request: Request, caller: Inspector, number: Number, body: InspectedSample
) -> Response:
    """Note what came out of one pack; it is the event of its inspection."""
    try:
        _noted(request, number, body.scan, body.result, note=body.note, caller=caller)
    except InspectionRefused as refused:
        raise _problem(refused) from None
    return _answer(request, number)


@router.post("/{number}/release")
def inspection_release(
    request: Request, caller: Decider, number: Number, body: InspectionDecision
) -> Response:
    """Release the lot, by a second person: it may be picked and sold again."""
    return _decided(request, number, InspectionState.RELEASED, body.why, caller)


@router.post("/{number}/reject")
def inspection_reject(
    request: Request, caller: Decider, number: Number, body: InspectionDecision
) -> Response:
    """Reject the lot, by a second person: it stays locked."""
    return _decided(request, number, InspectionState.REJECTED, body.why, caller)


@router.post("/{number}/page", include_in_schema=False)
def inspection_page(
    request: Request, caller: Inspector, number: Number, form: Annotated[InspectionDeed, Form()]
) -> Response:
    """Note a result from the page."""
    try:
        result = SampleResult(form.deed)
        _noted(request, number, form.scan, result, note=form.note, caller=caller)
    except InspectionRefused as refused:
        return _page(request, number, str(refused), scan=form.scan, note=form.note)
    return RedirectResponse(f"/inspections/{number}", status_code=303)


@router.post("/{number}/decide", include_in_schema=False)
def inspection_decide(
    request: Request, caller: Decider, number: Number, form: Annotated[InspectionEnd, Form()]
) -> Response:
    """Release or reject the lot from the page."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            state = InspectionState(form.deed)
            decide_inspection(tx, number, state, why=form.why, by=caller.name)
    except (InspectionRefused, QuarantineRefused) as refused:
        return _page(request, number, str(refused), why=form.why)
    return RedirectResponse(f"/inspections/{number}", status_code=303)


def _opened(request: Request, body: InspectionOpening, caller: Caller) -> LotInspection:
    gln = verification_settings_of(request).responder_gln
    own = f"/414/{gln}" if gln else ""
    with store_of(request).write(now_of(request)) as tx:
        return open_inspection(tx, body.wanted(), own_site=own, by=caller.name)


def _noted(
    request: Request, number: str, scan: str, result: SampleResult, *, note: str, caller: Caller
) -> None:
    context = ActContext(caller, verification_settings_of(request))
    with store_of(request).write(now_of(request)) as tx:
        note_result(tx, number, scan, result, note=note, context=context)


def _decided(
    request: Request, number: str, state: InspectionState, why: str, caller: Caller
) -> Response:
    try:
        with store_of(request).write(now_of(request)) as tx:
            decide_inspection(tx, number, state, why=why, by=caller.name)
    except (InspectionRefused, QuarantineRefused) as refused:
        raise _problem(refused) from None
    return _answer(request, number)


def _problem(refused: Exception) -> Problem:
    status = 404 if str(refused).startswith("there is no") else 409
    return Problem(status, "Inspection refused", str(refused))


def _answer(request: Request, number: str) -> Response:
    try:
        with store_of(request).read() as snapshot:
            shown = need_inspection(snapshot, number).as_dict()
            samples = msgspec.to_builtins(samples_of(snapshot, number))
    except InspectionRefused as refused:
        raise _problem(refused) from None
    return _json({**shown, "samples": samples})


def _list_page(
    request: Request, refused: str = "", form: InspectionOpening | None = None
) -> Response:
    with store_of(request).read() as snapshot:
        found = list_inspections(snapshot)
    page = render("inspections.html", request, inspections=found, refused=refused, form=form)
    page.status_code = 422 if refused else 200
    return page


def _page(request: Request, number: str, refused: str = "", **entered: str) -> Response:
    try:
        with store_of(request).read() as snapshot:
            inspection = need_inspection(snapshot, number)
            samples = samples_of(snapshot, number)
    except InspectionRefused as fault:
        raise _problem(fault) from None
    page = render(
        "inspection.html",
        request,
        inspection=inspection,
        samples=samples,
        refused=refused,
        entered={"scan": "", "note": "", "why": "", **entered},
        moment_of=moment_of,
        is_open=inspection.state is InspectionState.OPEN,
    )
    page.status_code = 422 if refused else 200
    return page


def _json(answer: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")
