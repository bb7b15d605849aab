"""`/line`: put the numbers of a grant into use, and pack into cases that get their SSCC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field

from compliance.acts import do_act
from compliance.service.pages import render
from epcis.http_context import caller_of, now_of, store_of
from epcis.problem import Problem
from verification.acts.body import ActBody, act_request
from verification.acts.kinds import ActKind
from verification.acts.perform import ActContext
from verification.acts.request import ID_CHARS_MAX, REASON_CHARS_MAX, SCAN_CHARS_MAX, SCANS_MAX
from verification.context import verification_settings_of
from verification.serials.grant import list_grants
from verification.serials.pool import list_pools

if TYPE_CHECKING:
    from fastapi.responses import Response

    from verification.acts.request import ActAnswer

router = APIRouter(include_in_schema=False)

GRANTS_SHOWN = 50
ANSWERS_SHOWN = 100
"""Answers to scans on one page; those that refuse come first."""


class CommissionForm(BaseModel):
    """The form by which a grant's printed numbers are put into use."""

    client_id: str = Field(max_length=ID_CHARS_MAX)
    grant: str = Field(max_length=ID_CHARS_MAX)
    lot: str = Field(max_length=SCAN_CHARS_MAX)
    expiry: str = Field(max_length=SCAN_CHARS_MAX)
    place: str = Field(default="", max_length=SCAN_CHARS_MAX)


class CaseForm(BaseModel):
    """The form by which a case or pallet is filled."""

    client_id: str = Field(max_length=ID_CHARS_MAX)
    scans: str = Field(max_length=SCANS_MAX * SCAN_CHARS_MAX)
    sscc_from: str = Field(default="", max_length=ID_CHARS_MAX)
    parent: str = Field(default="", max_length=SCAN_CHARS_MAX)
    expect: str = Field(default="", max_length=6)
    partial: bool = False
    reason: str = Field(default="", max_length=REASON_CHARS_MAX)
    place: str = Field(default="", max_length=SCAN_CHARS_MAX)


@router.get("/line")
def line(request: Request) -> Response:
    """The grants that a line works on, and its two forms."""
    return _page(request)


@router.post("/line/commission")
def commission_form(request: Request, form: Annotated[CommissionForm, Form()]) -> Response:
    """Commission what is printed of a grant."""
    return _page(request, ActKind.COMMISSION, ActBody(**form.model_dump()))


@router.post("/line/pack")
def pack_form(request: Request, form: Annotated[CaseForm, Form()]) -> Response:
    """Fill a case, which gets its SSCC now where it has none."""
    fields = form.model_dump(exclude={"scans", "expect", "partial"})
    if form.parent:
        fields["sscc_from"] = ""
    if form.partial:
        fields["override"] = True
    body = ActBody(
        scans=[one.strip() for one in form.scans.splitlines() if one.strip()],
        expect=int(form.expect) if form.expect.isdecimal() else None,
        **fields,
    )
    return _page(request, ActKind.PACK, body)


def _page(request: Request, kind: ActKind | None = None, body: ActBody | None = None) -> Response:
    """The page, with what came of an act where one was asked for."""
    answer, refused, status = None, "", 200
    if kind is not None and body is not None:
        try:
            answer = _done(request, kind, body)
        except Problem as problem:
            faults = [f"{one.what} ({one.hint})" for one in problem.findings]
            refused = "; ".join([f"{problem.title}: {problem.detail}", *faults])
            status = problem.status
        if answer is not None and not answer.done:
            status = 409
    with store_of(request).read() as snapshot:
        grants = list_grants(snapshot)[:GRANTS_SHOWN]
        pools = [one for one in list_pools(snapshot) if one.is_sscc and one.closed_us is None]
    packs = sorted(answer.packs, key=lambda one: one.done)[:ANSWERS_SHOWN] if answer else []
    page = render(
        "line.html",
        request,
        grants=grants,
        pools=pools,
        answer=answer,
        packs=packs,
        body=body,
        refused=refused,
        new_id=f"line {uuid4()}",
    )
    page.status_code = status
    return page


def _done(request: Request, kind: ActKind, body: ActBody) -> ActAnswer:
    now = now_of(request)
    context = ActContext(caller_of(request), verification_settings_of(request))
    return do_act(store_of(request), act_request(kind, body, now), context, now)
