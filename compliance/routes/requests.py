"""`/requests`: trace requests of authorities and partners, their clock and their answer."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from compliance.context import compliance_settings_of
from compliance.reports.trace_answer import trace_answer
from compliance.requests.trace_requests import (
    CONTACT_CHARS_MAX,
    INCIDENT_CHARS_MAX,
    ITEMS_MAX,
    LINE_CHARS_MAX,
    NUMBER_CHARS_MAX,
    SERIAL_CHARS_MAX,
    TEXT_CHARS_MAX,
    RequestedItem,
    RequestRefused,
    TraceRequest,
    end_request,
    enter_request,
    find_request,
    request_from,
)
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem

router = APIRouter(prefix="/requests", tags=["requests"])

MayAnswer = Annotated[Caller, Depends(needs("hold"))]
Line = Annotated[str, Field(max_length=LINE_CHARS_MAX)]
Number = Annotated[str, Field(max_length=NUMBER_CHARS_MAX)]


class ItemWanted(BaseModel):
    """A pack, or all packs of a lot."""

    gtin: str = Field(max_length=14)
    serial: str = Field(default="", max_length=SERIAL_CHARS_MAX)
    lot: str = Field(default="", max_length=SERIAL_CHARS_MAX)


class RequestWanted(BaseModel):
    """A trace request as it came."""

    organisation: Line
    contact: str = Field(max_length=CONTACT_CHARS_MAX, description="e-mail address or telephone")
    response_type: Literal["transaction information", "all known owners", "last known owners"]
    reason: Literal[
        "suspect", "illegitimate", "recalled", "compliance audit", "health authority inspection"
    ]
    items: list[ItemWanted] = Field(min_length=1, max_length=ITEMS_MAX)
    authority: bool = Field(description="an authority, or somebody on its behalf")
    authenticated: str = Field(
        max_length=TEXT_CHARS_MAX, description="how it was found out who asks"
    )
    role: Literal["manufacturer", "repackager", "wholesaler", "dispenser", "3pl"] = Field(
        description="ours: it sets the clock"
    )
    drill: bool = False
    reference: Number = ""
    investigation: Number = ""
    department: Line = ""
    gln: str = Field(default="", pattern=r"^(\d{13})?$", description="of the asker")
    circumstances: str = Field(default="", max_length=TEXT_CHARS_MAX)
    incident: str = Field(default="", max_length=INCIDENT_CHARS_MAX, description="FDA's number")


class RequestEnd(BaseModel):
    """That the answer went out, or why the request is refused."""

    outcome: Literal["answered", "refused"]
    note: str = Field(min_length=1, max_length=TEXT_CHARS_MAX, description="how, or why")


@router.post("", status_code=201)
def enter(request: Request, caller: MayAnswer, body: RequestWanted) -> dict[str, object]:
    """Enter a trace request; its clock runs from now."""
    fields = body.model_dump(exclude={"items", "authority", "drill"})
    fields["owner"] = compliance_settings_of(request).owner_gln
    now = now_of(request)
    try:
        items = [
            RequestedItem.parse(one.gtin, serial=one.serial, lot=one.lot) for one in body.items
        ]
        wanted = request_from(fields, items, authority=body.authority, drill=body.drill)
        with store_of(request).write(now) as tx:
            return enter_request(tx, wanted, by=caller.name).as_dict(now)
    except RequestRefused as refused:
        raise Problem(422, "Request not entered", str(refused)) from None


@router.get("/{request_id}")
def show(request: Request, request_id: str) -> dict[str, object]:
    """One request."""
    return _found(request, request_id).as_dict(now_of(request))


@router.get("/{request_id}/answer")
def answer(request: Request, request_id: str) -> dict[str, object]:
    """The answer from what is known now: changes of owner back to the manufacturer, and gaps."""
    asked = _found(request, request_id)
    with store_of(request).read() as snapshot:
        return {
            "request": asked.as_dict(now_of(request)),
            **trace_answer(snapshot, asked).as_dict(),
        }


@router.post("/{request_id}/end", status_code=201)
def end(
    request: Request, caller: MayAnswer, request_id: str, body: RequestEnd
) -> dict[str, object]:
    """Note that the answer went out, and how; or why the request is refused."""
    _found(request, request_id)
    now = now_of(request)
    try:
        with store_of(request).write(now) as tx:
            ended = end_request(
                tx,
                request_id,
                is_refused=body.outcome == "refused",
                note=body.note,
                by=caller.name,
            )
    except RequestRefused as refused:
        raise Problem(409, "Request not ended", str(refused)) from None
    return ended.as_dict(now)


def _found(request: Request, request_id: str) -> TraceRequest:
    with store_of(request).read() as snapshot:
        found = find_request(snapshot, request_id)
    if found is None:
        raise Problem(404, "Not found", f"there is no request {request_id}; GET /requests has all")
    return found
