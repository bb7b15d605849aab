"""`/requests`: trace requests by their clock, the answer to each, and the form to enter one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from compliance.context import compliance_settings_of
from compliance.partners.licences import PartnerRole
from compliance.reports.trace_answer import trace_answer
from compliance.requests.trace_requests import (
    ITEMS_MAX,
    LINE_CHARS_MAX,
    TEXT_CHARS_MAX,
    RequestedItem,
    RequestReason,
    RequestRefused,
    ResponseType,
    end_request,
    enter_request,
    list_requests,
    need_request,
    request_from,
)
from compliance.service.pages import is_for_a_person, render
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

router = APIRouter(prefix="/requests", include_in_schema=False)

MayAnswer = Annotated[Caller, Depends(needs("hold"))]
Line = Annotated[str, Field(max_length=LINE_CHARS_MAX)]
ITEM_CHARS_MAX = 60


class RequestForm(BaseModel):
    """A trace request as a person types it."""

    organisation: Line = ""
    contact: Line = ""
    response_type: Line = ""
    reason: Line = ""
    items: str = Field(default="", max_length=ITEMS_MAX * ITEM_CHARS_MAX)
    asker: Literal["authority", "partner"] = "partner"
    authenticated: str = Field(default="", max_length=TEXT_CHARS_MAX)
    role: Line = ""
    drill: Line = ""
    reference: Line = ""
    investigation: Line = ""
    gln: Line = ""
    circumstances: str = Field(default="", max_length=TEXT_CHARS_MAX)
    incident: Line = ""

    def requested(self) -> Iterator[RequestedItem]:
        """The packs and lots, one a line: GTIN, then a serial number, or `lot` and a lot."""
        for line in self.items.splitlines():
            words = line.split()
            if not words:
                continue
            is_lot = len(words) == 3 and words[1] == "lot"
            if len(words) != 2 and not is_lot:
                raise RequestRefused(
                    f"'{line[:40]}': write GTIN and serial number, or GTIN, lot and the lot"
                )
            yield RequestedItem.parse(
                words[0], serial="" if is_lot else words[1], lot=words[2] if is_lot else ""
            )


@router.get("")
def board(request: Request) -> Response:
    """Every request: for programs as JSON."""
    if is_for_a_person(request):
        return _board(request)
    with store_of(request).read() as snapshot:
        found = list_requests(snapshot)
    return JSONResponse([one.as_dict(now_of(request)) for one in found])


@router.post("/board")
def enter(request: Request, caller: MayAnswer, given: Annotated[RequestForm, Form()]) -> Response:
    """Enter a request; a slip is shown again beside what is wrong with it."""
    fields = given.model_dump(exclude={"items", "asker", "drill"})
    fields["owner"] = compliance_settings_of(request).owner_gln
    try:
        wanted = request_from(
            fields,
            list(given.requested()),
            authority=given.asker == "authority",
            drill=bool(given.drill),
        )
        with store_of(request).write(now_of(request)) as tx:
            entered = enter_request(tx, wanted, by=caller.name)
    except RequestRefused as refused:
        return _board(request, say=str(refused), given=given)
    return RedirectResponse(f"/requests/board?number={entered.id}", status_code=303)


@router.get("/board")
def show(request: Request, number: str = "") -> Response:
    """One request with its answer from what is known now."""
    return _one(request, number)


@router.post("/board/end")
def end(
    request: Request,
    caller: MayAnswer,
    number: Annotated[str, Form(max_length=40)],
    outcome: Annotated[Literal["answered", "refused"], Form()],
    note: Annotated[str, Form(max_length=TEXT_CHARS_MAX)] = "",
) -> Response:
    """Note that the answer went out, or why the request is refused."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            end_request(tx, number, is_refused=outcome == "refused", note=note, by=caller.name)
    except RequestRefused as refused:
        return _one(request, number, say=str(refused))
    return RedirectResponse(f"/requests/board?number={number}", status_code=303)


def _board(request: Request, *, say: str = "", given: RequestForm | None = None) -> Response:
    with store_of(request).read() as snapshot:
        found = list_requests(snapshot)
    page = render(
        "requests.html",
        request,
        requests=found,
        now=now_of(request),
        say=say,
        given=given or RequestForm(),
        types=tuple(ResponseType),
        reasons=tuple(RequestReason),
        roles=tuple(PartnerRole),
    )
    page.status_code = 422 if say else 200
    return page


def _one(request: Request, number: str, *, say: str = "") -> Response:
    with store_of(request).read() as snapshot:
        try:
            asked = need_request(snapshot, number[:40])
        except RequestRefused as refused:
            raise Problem(404, "Not found", str(refused)) from None
        answer = trace_answer(snapshot, asked)
    page = render("request.html", request, one=asked, answer=answer, now=now_of(request), say=say)
    page.status_code = 409 if say else 200
    return page
