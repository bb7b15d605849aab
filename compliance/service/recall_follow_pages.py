"""The page that follows a recall: effectiveness checks, and packs that came back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from compliance.recall.answers import need_notice
from compliance.recall.checks import (
    HOWS,
    LEVELS,
    NOTE_CHARS_MAX,
    CheckOutcome,
    CheckResult,
    checks_of,
    keep_check,
    plan_checks,
)
from compliance.recall.record import find_recall
from compliance.recall.returned import RETURNS_MAX, returns_of
from compliance.recall.scope import RecallRefused
from compliance.receiving.recall_returns import take_back
from compliance.service.pages import render
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.acts.request import SCAN_CHARS_MAX

if TYPE_CHECKING:
    from compliance.receiving.recall_returns import TakenBack

router = APIRouter(prefix="/recalls/board", include_in_schema=False)

MayRecall = Annotated[Caller, Depends(needs("recall"))]
Number = Annotated[str, Form(max_length=40)]


class CheckForm(BaseModel):
    """What was found at a holder."""

    number: str = Field(max_length=40)
    outcome: Literal["effective", "not effective", "not reached"]
    how: Literal["visit", "telephone", "letter", "e-mail"]
    note: str = Field(default="", max_length=NOTE_CHARS_MAX)


@router.get("/follow")
def follow(request: Request, number: str = "") -> Response:
    """The checks of a recall, and what its holders returned."""
    return _page(request, number)


@router.post("/checks")
def plan(
    request: Request,
    caller: MayRecall,
    number: Number,
    level: Annotated[Literal["A", "B", "C", "D", "E"], Form()],
    percent: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Draw the holders that are checked."""
    share = int(percent) if percent.isascii() and percent.isdigit() else None
    try:
        with store_of(request).write(now_of(request)) as tx:
            plan_checks(tx, number, level, percent=share if level == "B" else None, by=caller.name)
    except RecallRefused as refused:
        return _page(request, number, say=str(refused))
    return RedirectResponse(f"/recalls/board/follow?number={number}", status_code=303)


@router.post("/check")
def check(request: Request, caller: MayRecall, found: Annotated[CheckForm, Form()]) -> Response:
    """Enter what the check of a holder found."""
    recall = _recall_of(request, found.number)
    result = CheckResult(outcome=found.outcome, how=found.how, note=found.note)
    try:
        with store_of(request).write(now_of(request)) as tx:
            keep_check(tx, found.number, result, by=caller.name)
    except RecallRefused as refused:
        return _page(request, recall, say=str(refused))
    return RedirectResponse(f"/recalls/board/follow?number={recall}", status_code=303)


@router.post("/returns")
def enter_returns(
    request: Request,
    caller: MayRecall,
    number: Number,
    scans: Annotated[str, Form(max_length=RETURNS_MAX * SCAN_CHARS_MAX)] = "",
) -> Response:
    """Count packs that a holder sent back: one scan a line."""
    recall = _recall_of(request, number)
    listed = [line.strip() for line in scans.splitlines() if line.strip()]
    try:
        with store_of(request).write(now_of(request)) as tx:
            taken = take_back(tx, number, listed, by=caller.name)
    except RecallRefused as refused:
        return _page(request, recall, say=str(refused))
    return _page(request, recall, taken=taken)


def _recall_of(request: Request, notice_id: str) -> str:
    with store_of(request).read() as snapshot:
        try:
            return need_notice(snapshot, notice_id).recall
        except RecallRefused as refused:
            raise Problem(404, "Not found", str(refused)) from None


def _page(
    request: Request, number: str, *, say: str = "", taken: TakenBack | None = None
) -> Response:
    with store_of(request).read() as snapshot:
        about = find_recall(snapshot, number)
        if about is None:
            raise Problem(
                404, "Not found", f"there is no recall {number[:40]}; /recalls/board lists them"
            )
        plan, returns = checks_of(snapshot, number), returns_of(snapshot, number)
    page = render(
        "recall_follow.html",
        request,
        recall=about,
        plan=plan,
        returns=returns,
        levels=LEVELS,
        hows=HOWS,
        outcomes=tuple(CheckOutcome),
        say=say,
        taken=taken,
    )
    page.status_code = 409 if say else 200
    return page
