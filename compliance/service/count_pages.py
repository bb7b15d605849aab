"""`/counts`: counts of the stock; pages, and JSON for programs.

The scans of a count are kept as they come, so several people with scanners work on one count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from compliance.service.pages import is_for_a_person, render
from compliance.warehouse.close_count import CountClosing, close_count
from compliance.warehouse.count_report import count_as_dict, shown_count
from compliance.warehouse.counts import (
    SCANS_AT_ONCE_MAX,
    WHY_CHARS_MAX,
    CountRefused,
    CountState,
    CountWanted,
    cancel_count,
    finish_scanning,
    list_counts,
    open_count,
    recount,
    scan_into,
)
from compliance.warehouse.missing import missing_goods
from compliance.warehouse.variance import SAY_FINDING, CountFinding
from epcis.database.columns import moment_of
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.acts.perform import ActContext
from verification.acts.request import SCAN_CHARS_MAX
from verification.context import verification_settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from compliance.warehouse.count_report import ShownCount
    from compliance.warehouse.counts import CountSession, ScanNoted
    from epcis.ledger.store import Transaction

router = APIRouter(prefix="/counts", tags=["counts"])

Worker = Annotated[Caller, Depends(needs("act"))]
Number = Annotated[str, Path(max_length=40)]
PLACE_CHARS_MAX = 60
SHOWN_MAX = 200
"""Differences that a page lists; the API has all of them."""
_Answer = TypeVar("_Answer")
_decoder = msgspec.json.Decoder(CountWanted)


class CountForm(BaseModel):
    """The form by which a count is opened."""

    place: str = Field(default="", max_length=PLACE_CHARS_MAX)
    gtin: str = Field(default="", max_length=20)
    blind: str = Field(default="", max_length=3)
    opened: str = Field(default="", max_length=3)


class CountScans(BaseModel):
    """What somebody scanned for a count."""

    scans: list[Annotated[str, Field(max_length=SCAN_CHARS_MAX)]] = Field(
        min_length=1, max_length=SCANS_AT_ONCE_MAX
    )
    place: str = Field(
        default="",
        max_length=PLACE_CHARS_MAX,
        description="GLN.PLACE where it was scanned; default: the place of the count",
    )


class CountAgain(BaseModel):
    """Which part of a count is counted again, and why."""

    why: str = Field(max_length=WHY_CHARS_MAX)
    place: str = Field(default="", max_length=PLACE_CHARS_MAX, description="default: all of it")


class CountCancelled(BaseModel):
    """Why a count ends without any event."""

    why: str = Field(max_length=WHY_CHARS_MAX)


class CountEnd(BaseModel):
    """How a count is closed."""

    why: str = Field(max_length=WHY_CHARS_MAX)
    stolen: list[Annotated[str, Field(max_length=SCAN_CHARS_MAX)]] = Field(
        default_factory=list, description="missing things that were stolen"
    )


class CountDeed(BaseModel):
    """One button of the page of a count, with its fields."""

    deed: str = Field(pattern="^(scan|finish|recount|cancel|close)$")
    scan: str = Field(default="", max_length=SCAN_CHARS_MAX)
    place: str = Field(default="", max_length=PLACE_CHARS_MAX)
    why: str = Field(default="", max_length=WHY_CHARS_MAX)
    stolen: list[Annotated[str, Field(max_length=SCAN_CHARS_MAX)]] = Field(default_factory=list)


@router.get("")
def counts(request: Request, caller: Worker) -> Response:
    """All counts, the newest first: a page, or JSON for a program."""
    del caller
    if is_for_a_person(request):
        return _list_page(request)
    with store_of(request).read() as snapshot:
        return _json([count_as_dict(one) for one in list_counts(snapshot)])


@router.post("", status_code=201)
async def count_open(request: Request, caller: Worker) -> Response:
    """Open a count of a site, a shelf or a product."""
    try:
        wanted = _decoder.decode(await request.body() or b"{}")
    except msgspec.ValidationError as fault:
        raise Problem(422, "Values not valid", f"the body has another form: {fault}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Problem(400, "Request not understood", f"the body is no JSON: {fault}") from None
    try:
        return _json(count_as_dict(_opened(request, wanted, caller)), 201)
    except CountRefused as refused:
        raise Problem(422, "Count refused", str(refused)) from None


@router.post("/new", include_in_schema=False)
def count_form(request: Request, caller: Worker, form: Annotated[CountForm, Form()]) -> Response:
    """Open a count from the page."""
    wanted = CountWanted(form.place, form.gtin, bool(form.blind), bool(form.opened))
    try:
        opened = _opened(request, wanted, caller)
    except CountRefused as refused:
        return _list_page(request, str(refused), form)
    return RedirectResponse(f"/counts/{opened.id}", status_code=303)


@router.get("/missing")
def missing(request: Request, caller: Worker, place: str = "") -> Response:
    """Goods that are lost or stolen by the records: when, where and by whom they were last seen."""
    del caller
    try:
        with store_of(request).read() as snapshot:
            goods = missing_goods(snapshot, place[:PLACE_CHARS_MAX], now_of(request))
    except CountRefused as refused:
        raise Problem(422, "Values not valid", str(refused)) from None
    if is_for_a_person(request):
        return render("missing.html", request, goods=goods, place=place, moment_of=moment_of)
    return _json([one.as_dict() for one in goods])


@router.get("/{number}")
def count_one(request: Request, caller: Worker, number: Number) -> Response:
    """One count with what differs from the stock now: a page, or JSON for a program."""
    del caller
    if is_for_a_person(request):
        return _page(request, number)
    shown = _shown(request, number)
    return _json(shown.as_dict())


@router.post("/{number}/scans")
def count_scans(request: Request, caller: Worker, number: Number, body: CountScans) -> Response:
    """Note what was scanned; the same thing counts once, whoever scans it."""
    noted = _refusing(lambda: _noted(request, caller, number, body))
    return _json([msgspec.to_builtins(one) for one in noted])


@router.post("/{number}/finish")
def count_finish(request: Request, caller: Worker, number: Number) -> Response:
    """Say that everything was scanned; then a blind count shows what differs."""
    del caller
    return _changed(request, lambda tx: finish_scanning(tx, number))


@router.post("/{number}/recount")
def count_again(request: Request, caller: Worker, number: Number, body: CountAgain) -> Response:
    """Count all of it or one place again: what was scanned there no longer counts."""
    return _changed(
        request, lambda tx: recount(tx, number, place=body.place, why=body.why, by=caller.name)
    )


@router.post("/{number}/cancel")
def count_cancel(
    request: Request, caller: Worker, number: Number, body: CountCancelled
) -> Response:
    """End a count without changing anything."""
    return _changed(request, lambda tx: cancel_count(tx, number, why=body.why, by=caller.name))


@router.post("/{number}/close")
def count_close(request: Request, caller: Worker, number: Number, body: CountEnd) -> Response:
    """Close a count: what differs becomes events of adjustment, all in one step."""
    wanted = CountClosing(body.why, body.stolen)
    context = ActContext(caller, verification_settings_of(request))

    def closed() -> Response:
        with store_of(request).write(now_of(request)) as tx:
            close_count(tx, number, wanted, context)
            return _json(shown_count(tx, number, tx.now).as_dict())

    return _refusing(closed)


@router.post("/{number}/page", include_in_schema=False)
def count_page(
    request: Request,
    caller: Worker,
    number: Number,
    form: Annotated[CountDeed, Form()],
) -> Response:
    """What a person does on the page of a count."""
    context = ActContext(caller, verification_settings_of(request))
    noted: list[ScanNoted] = []
    try:
        if form.deed == "scan":
            scans = CountScans(scans=[form.scan], place=form.place)
            noted = _noted(request, caller, number, scans)
        else:
            with store_of(request).write(now_of(request)) as tx:
                _deed(tx, number, form, context)
    except CountRefused as refused:
        return _page(request, number, refused=str(refused), form=form)
    return _page(request, number, noted=noted, form=form)


def _deed(tx: Transaction, number: str, form: CountDeed, context: ActContext) -> None:
    by = context.caller.name
    match form.deed:
        case "finish":
            finish_scanning(tx, number)
        case "recount":
            recount(tx, number, place=form.place, why=form.why, by=by)
        case "cancel":
            cancel_count(tx, number, why=form.why, by=by)
        case _:
            close_count(tx, number, CountClosing(form.why, form.stolen), context)


def _opened(request: Request, wanted: CountWanted, caller: Caller) -> CountSession:
    gln = verification_settings_of(request).responder_gln
    own = f"/414/{gln}" if gln else ""
    with store_of(request).write(now_of(request)) as tx:
        return open_count(tx, wanted, own_site=own, by=caller.name)


def _noted(request: Request, caller: Caller, number: str, body: CountScans) -> list[ScanNoted]:
    with store_of(request).write(now_of(request)) as tx:
        return scan_into(tx, number, body.scans, place=body.place, by=caller.name)


def _changed(request: Request, change: Callable[[Transaction], CountSession]) -> Response:
    def changed() -> Response:
        with store_of(request).write(now_of(request)) as tx:
            return _json(count_as_dict(change(tx)))

    return _refusing(changed)


def _refusing(work: Callable[[], _Answer]) -> _Answer:
    """The answer of `work`, or the refusal as a problem."""
    try:
        return work()
    except CountRefused as refused:
        status = 404 if str(refused).startswith("there is no") else 409
        raise Problem(status, "Count refused", str(refused)) from None


def _shown(request: Request, number: str) -> ShownCount:
    """A count and what may be shown of it; raises `Problem` 404."""

    def look() -> ShownCount:
        with store_of(request).read() as snapshot:
            return shown_count(snapshot, number, now_of(request))

    return _refusing(look)


def _list_page(request: Request, refused: str = "", form: CountForm | None = None) -> Response:
    with store_of(request).read() as snapshot:
        found = list_counts(snapshot)
    page = render("counts.html", request, counts=found, refused=refused, form=form or CountForm())
    page.status_code = 422 if refused else 200
    return page


def _page(
    request: Request,
    number: str,
    *,
    refused: str = "",
    noted: list[ScanNoted] | None = None,
    form: CountDeed | None = None,
) -> Response:
    shown = _shown(request, number)
    page = render(
        "count.html",
        request,
        count=shown.session,
        found=shown.found,
        seen=shown.seen,
        results=shown.results[:SHOWN_MAX],
        more_results=max(0, len(shown.results) - SHOWN_MAX),
        refused=refused,
        noted=noted,
        place=form.place if form is not None else "",
        say=SAY_FINDING,
        findings=list(CountFinding),
        shown_max=SHOWN_MAX,
        moment_of=moment_of,
        is_counting=shown.session.state is CountState.COUNTING,
    )
    page.status_code = 422 if refused else 200
    return page


def _json(answer: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")
