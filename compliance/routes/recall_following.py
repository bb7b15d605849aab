"""`/recalls/{id}/checks`, `/recalls/{id}/returns`: whether holders followed, and what came back."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from compliance.recall.answers import find_notice
from compliance.recall.checks import (
    NOTE_CHARS_MAX,
    CheckResult,
    checks_of,
    keep_check,
    plan_checks,
)
from compliance.recall.record import find_recall
from compliance.recall.returned import RETURNS_MAX, returns_of
from compliance.recall.scope import RecallRefused
from compliance.receiving.recall_returns import take_back
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.acts.request import SCAN_CHARS_MAX

router = APIRouter(prefix="/recalls", tags=["recalls"])

MayRecall = Annotated[Caller, Depends(needs("recall"))]


class ChecksWanted(BaseModel):
    """How many holders are checked."""

    level: Literal["A", "B", "C", "D", "E"] = Field(description="21 CFR 7.42(b)(3)")
    percent: int | None = Field(default=None, ge=0, le=100, description="of level B only")


class CheckDone(BaseModel):
    """What was found at a holder."""

    outcome: Literal["effective", "not effective", "not reached"]
    how: Literal["visit", "telephone", "letter", "e-mail"]
    note: str = Field(default="", max_length=NOTE_CHARS_MAX)


class ReturnsWanted(BaseModel):
    """Packs that a holder sent back, as scanned; a case stands for the packs in it."""

    scans: list[Annotated[str, Field(max_length=SCAN_CHARS_MAX)]] = Field(
        min_length=1, max_length=RETURNS_MAX
    )


@router.post("/{recall_id}/checks", status_code=201)
def plan(
    request: Request, caller: MayRecall, recall_id: str, body: ChecksWanted
) -> dict[str, object]:
    """Set the level of effectiveness checks and draw the holders."""
    _need_recall(request, recall_id)
    try:
        with store_of(request).write(now_of(request)) as tx:
            plan = plan_checks(tx, recall_id, body.level, percent=body.percent, by=caller.name)
    except RecallRefused as refused:
        raise Problem(409, "Checks not planned", str(refused)) from None
    return plan.as_dict()


@router.get("/{recall_id}/checks")
def list_checks(request: Request, recall_id: str) -> dict[str, object]:
    """The holders that are checked, and what was found there."""
    _need_recall(request, recall_id)
    with store_of(request).read() as snapshot:
        return checks_of(snapshot, recall_id).as_dict()


@router.post("/notices/{notice_id}/check", status_code=201)
def check(
    request: Request, caller: MayRecall, notice_id: str, body: CheckDone
) -> dict[str, object]:
    """Enter what the check of a holder found."""
    _need_notice(request, notice_id)
    result = CheckResult(outcome=body.outcome, how=body.how, note=body.note)
    try:
        with store_of(request).write(now_of(request)) as tx:
            return keep_check(tx, notice_id, result, by=caller.name).as_dict()
    except RecallRefused as refused:
        raise Problem(409, "Check not kept", str(refused)) from None


@router.post("/notices/{notice_id}/returns", status_code=201)
def enter_returns(
    request: Request, caller: MayRecall, notice_id: str, body: ReturnsWanted
) -> dict[str, object]:
    """Count packs that a holder sent back; what cannot be right opens a case."""
    _need_notice(request, notice_id)
    try:
        with store_of(request).write(now_of(request)) as tx:
            return take_back(tx, notice_id, body.scans, by=caller.name).as_dict()
    except RecallRefused as refused:
        raise Problem(409, "Returns not kept", str(refused)) from None


@router.get("/{recall_id}/returns")
def list_returns(request: Request, recall_id: str) -> list[dict[str, object]]:
    """What each holder says it returned, and what was scanned of it."""
    _need_recall(request, recall_id)
    with store_of(request).read() as snapshot:
        return [one.as_dict() for one in returns_of(snapshot, recall_id)]


def _need_recall(request: Request, recall_id: str) -> None:
    with store_of(request).read() as snapshot:
        if find_recall(snapshot, recall_id) is None:
            raise Problem(404, "Not found", f"there is no recall {recall_id}")


def _need_notice(request: Request, notice_id: str) -> None:
    with store_of(request).read() as snapshot:
        if find_notice(snapshot, notice_id) is None:
            raise Problem(404, "Not found", f"there is no notice {notice_id}")
