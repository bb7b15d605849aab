"""`/recalls`: open, list, show and close recalls."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from compliance.recall.recall import (
    LOT_CHARS_MAX,
    REASON_CHARS_MAX,
    LotRecall,
    RecallRefused,
    close_recall,
    find_recall,
    list_recalls,
    need_confirmation,
    open_recall,
    preview,
    reach,
    withdraw_recall,
)
from epcis.http_context import Caller, needs, now_of, settings_of, store_of
from epcis.problem import Problem
from schemas.gs1.keys import Gtin
from verification.registry.rights import need_product

router = APIRouter(prefix="/recalls", tags=["recalls"])

MayRecall = Annotated[Caller, Depends(needs("recall"))]


class NewRecall(BaseModel):
    """What opening a recall needs."""

    gtin: str = Field(min_length=8, max_length=14, description="GTIN-8 to GTIN-14")
    lot: str = Field(min_length=1, max_length=LOT_CHARS_MAX)
    reason: str = Field(min_length=1, max_length=REASON_CHARS_MAX)
    confirm: str = Field(
        default="", max_length=LOT_CHARS_MAX, description="the lot again, where no pack is known"
    )


class WithdrawalWanted(BaseModel):
    """Why a recall was a mistake."""

    why: str = Field(min_length=1, max_length=REASON_CHARS_MAX)


@router.post("", status_code=201)
def open_(request: Request, caller: MayRecall, body: NewRecall) -> dict[str, object]:
    """Recall a lot; from this moment every verification of its packs answers STOP."""
    _need_own(request, caller, _gtin14(body.gtin))
    try:
        with store_of(request).read() as snapshot:
            need_confirmation(snapshot, _gtin14(body.gtin), body.lot, body.confirm)
        opened = open_recall(
            store_of(request),
            _gtin14(body.gtin),
            body.lot,
            reason=body.reason,
            by=caller.name,
            now=now_of(request),
        )
    except RecallRefused as refused:
        raise Problem(422, "Recall not opened", str(refused)) from None
    return _shown(opened, caller)


@router.get("")
def list_(request: Request) -> list[dict[str, object]]:
    """All recalls, newest first, without their packs."""
    with store_of(request).read() as snapshot:
        return [found.as_dict() for found in list_recalls(snapshot)]


@router.get("/reach/{gtin}/{lot:path}")
def reach_(request: Request, gtin: str, lot: str) -> dict[str, object]:
    """The holders whom a recall of the lot would notify, and how many packs they hold."""
    with store_of(request).read() as snapshot:
        holders = reach(snapshot, _gtin14(gtin), lot)
        counts = preview(snapshot, _gtin14(gtin), lot)
    return {
        "gtin": gtin,
        "lot": lot,
        "packs": sum(holder.packs for holder in holders),
        "reach": counts.as_dict(),
        "holders": [holder.as_dict() for holder in holders],
    }


@router.get("/{recall_id}")
def status(request: Request, recall_id: str) -> dict[str, object]:
    """One recall: its packs, where they were, and whom to notify."""
    with store_of(request).read() as snapshot:
        found = find_recall(snapshot, recall_id)
    if found is None:
        raise _no_such(recall_id)
    return found.as_dict()


@router.post("/{recall_id}/close")
def close(request: Request, caller: MayRecall, recall_id: str) -> dict[str, object]:
    """Close a recall; its record stays and its packs stay out of trade."""
    with store_of(request).read() as snapshot:
        found = find_recall(snapshot, recall_id)
    if found is None:
        raise _no_such(recall_id)
    _need_own(request, caller, found.gtin)
    try:
        closed = close_recall(store_of(request), recall_id, by=caller.name, now=now_of(request))
    except RecallRefused:
        raise _no_such(recall_id) from None
    return _shown(closed, caller)


@router.post("/{recall_id}/withdraw")
def withdraw(
    request: Request, caller: MayRecall, recall_id: str, body: WithdrawalWanted
) -> dict[str, object]:
    """Ask to take back a mistaken recall; or do it, where somebody else has asked."""
    with store_of(request).read() as snapshot:
        found = find_recall(snapshot, recall_id)
    if found is None:
        raise _no_such(recall_id)
    _need_own(request, caller, found.gtin)
    try:
        with store_of(request).write(now_of(request)) as tx:
            taken_back = withdraw_recall(tx, recall_id, why=body.why, by=caller.name)
    except RecallRefused as refused:
        raise Problem(409, "Recall not withdrawn", str(refused)) from None
    return _shown(taken_back, caller)


def _need_own(request: Request, caller: Caller, gtin: str) -> None:
    overlay = tuple(settings_of(request).company_prefixes)
    with store_of(request).read() as snapshot:
        need_product(snapshot, caller, gtin, overlay)


def _shown(found: LotRecall, caller: Caller) -> dict[str, object]:
    """A recall as its caller may see it: who holds the packs stands in events of others."""
    said = found.as_dict()
    return said if caller.party is None else said | {"packs": [], "holders": []}


def _no_such(recall_id: str) -> Problem:
    return Problem(404, "Not found", f"there is no recall {recall_id}; GET /recalls lists them")


def _gtin14(text: str) -> str:
    try:
        return str(Gtin.parse(text))
    except ValueError as fault:
        raise Problem(422, "Not a GTIN", f"{text}: {fault}") from None
