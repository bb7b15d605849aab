"""`/recalls`: look at the reach, open, approve, list, show, take back and close recalls."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from compliance.recall.recall import (
    REASON_CHARS_MAX,
    RecallWanted,
    approve_recall,
    close_recall,
    need_confirmation,
    preview_of,
    start_recall,
    withdraw_recall,
)
from compliance.recall.record import (
    PACKS_SHOWN_MAX,
    RecallRecord,
    find_recall,
    list_recalls,
    packs_of,
    reach_now,
)
from compliance.recall.scope import (
    LOT_CHARS_MAX,
    SERIAL_CHARS_MAX,
    SERIALS_MAX,
    RecallRefused,
    RecallScope,
    ScopeKind,
)
from epcis.http_context import Caller, needs, now_of, settings_of, store_of
from epcis.problem import Problem
from schemas.gs1.keys import Gtin
from verification.registry.rights import need_product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store

router = APIRouter(prefix="/recalls", tags=["recalls"])

MayRecall = Annotated[Caller, Depends(needs("recall"))]
SerialText = Annotated[str, Field(min_length=1, max_length=SERIAL_CHARS_MAX)]


class RecallScopeWanted(BaseModel):
    """What is recalled: one of lot, serials, range, window or product."""

    gtin: str = Field(min_length=8, max_length=14, description="GTIN-8 to GTIN-14")
    lot: str | None = Field(default=None, min_length=1, max_length=LOT_CHARS_MAX)
    serials: list[SerialText] = Field(default_factory=list, max_length=SERIALS_MAX)
    range: tuple[SerialText, SerialText] | None = Field(
        default=None, description="first and last serial, of one length"
    )
    window: tuple[AwareDatetime, AwareDatetime] | None = Field(
        default=None, description="packs commissioned from a time up to, but not at, another"
    )
    place: str = Field(default="", max_length=13, description="GLN where they were commissioned")
    product: bool = Field(default=False, description="every pack of the product")
    market: str = Field(default="", max_length=2, description="ISO 3166 country; else everywhere")

    def scope(self) -> RecallScope:
        """The scope; raises RecallRefused."""
        return RecallScope.parse(
            gtin=self.gtin,
            lot=self.lot or "",
            serials=self.serials,
            serial_range=self.range,
            window=self.window,
            place=self.place,
            product=self.product,
            market=self.market,
        )


class NewRecall(RecallScopeWanted):
    """What opening a recall needs."""

    reason: str = Field(min_length=1, max_length=REASON_CHARS_MAX)
    recall_class: Literal["", "I", "II", "III"] = Field(default="", alias="class")
    depth: Literal["", "wholesale", "retail", "consumer"] = ""
    drill: bool = Field(default=False, description="a mock recall, which stops nothing")
    facts: dict[str, str] = Field(default_factory=dict, max_length=40)
    confirm: str = Field(
        default="",
        max_length=LOT_CHARS_MAX,
        description="the lot, else the GTIN, again, where no pack is known",
    )


class WithdrawalWanted(BaseModel):
    """Why a recall was a mistake."""

    why: str = Field(min_length=1, max_length=REASON_CHARS_MAX)


@router.post("", status_code=201)
def open_(request: Request, caller: MayRecall, body: NewRecall) -> dict[str, object]:
    """Stop packs: from this moment every verification of them answers STOP.

    A second person approves the recall; then its holders get notices.
    """
    try:
        scope = body.scope()
        _need_own(request, caller, scope.gtin)
        wanted = RecallWanted(
            scope=scope,
            reason=body.reason,
            recall_class=body.recall_class,
            depth=body.depth,
            is_drill=body.drill,
            facts=body.facts,
        )
        wanted.check()
        with store_of(request).read() as snapshot:
            need_confirmation(snapshot, scope, body.confirm)
        with store_of(request).write(now_of(request)) as tx:
            opened = start_recall(tx, wanted, by=caller.name)
    except RecallRefused as refused:
        raise Problem(422, "Recall not opened", str(refused)) from None
    return _with_packs(request, opened, caller)


@router.get("")
def list_(request: Request) -> list[dict[str, object]]:
    """All recalls, newest first, without their packs."""
    with store_of(request).read() as snapshot:
        return [found.as_dict() for found in list_recalls(snapshot)]


@router.post("/preview")
def preview(request: Request, caller: MayRecall, body: RecallScopeWanted) -> dict[str, object]:
    """What a recall would reach: packs by holder and state, containers, and relatives."""
    try:
        scope = body.scope()
    except RecallRefused as refused:
        raise Problem(422, "No recall", str(refused)) from None
    _need_own(request, caller, scope.gtin)
    with store_of(request).read() as snapshot:
        found = preview_of(snapshot, scope).as_dict()
    if caller.party is not None:
        found |= {"holders": []}
    return {"scope": scope.as_dict(), **found}


@router.get("/reach/{gtin}/{lot:path}")
def reach_(request: Request, gtin: str, lot: str) -> dict[str, object]:
    """The holders whom a recall of the lot would notify, and how many packs they hold."""
    scope = RecallScope(kind=ScopeKind.LOT, gtin=_gtin14(gtin), lot=lot)
    with store_of(request).read() as snapshot:
        found = preview_of(snapshot, scope).as_dict()
    return {"gtin": gtin, "lot": lot, **found}


@router.get("/{recall_id}")
def status(request: Request, recall_id: str) -> StreamingResponse:
    """One recall: where its packs are now, each of them, and whom to notify; streamed."""
    with store_of(request).read() as snapshot:
        found = _found(snapshot, recall_id)
        answer = found.as_dict() | {"reach": reach_now(snapshot, found).counts.as_dict()}
    head = orjson.dumps(answer)[:-1] + b',"packs":['
    return _streamed(store_of(request), found, head, b"]}", separator=b",")


@router.get("/{recall_id}/packs")
def packs(request: Request, recall_id: str) -> StreamingResponse:
    """Every pack of a recall as it is now, one JSON object a line, at any size."""
    with store_of(request).read() as snapshot:
        found = _found(snapshot, recall_id)
    return _streamed(store_of(request), found, b"", b"", separator=b"\n")


@router.post("/{recall_id}/approve")
def approve(request: Request, caller: MayRecall, recall_id: str) -> dict[str, object]:
    """Approve a recall that somebody else opened; its holders get notices from now on."""
    with store_of(request).read() as snapshot:
        found = _found(snapshot, recall_id)
    _need_own(request, caller, found.gtin)
    try:
        with store_of(request).write(now_of(request)) as tx:
            approved = approve_recall(tx, recall_id, by=caller.name)
    except RecallRefused as refused:
        raise Problem(409, "Recall not approved", str(refused)) from None
    return _with_packs(request, approved, caller)


@router.post("/{recall_id}/close")
def close(request: Request, caller: MayRecall, recall_id: str) -> dict[str, object]:
    """Close a recall; its record stays and its packs stay out of trade."""
    with store_of(request).read() as snapshot:
        found = _found(snapshot, recall_id)
    _need_own(request, caller, found.gtin)
    closed = close_recall(store_of(request), recall_id, by=caller.name, now=now_of(request))
    return _with_packs(request, closed, caller)


@router.post("/{recall_id}/withdraw")
def withdraw(
    request: Request, caller: MayRecall, recall_id: str, body: WithdrawalWanted
) -> dict[str, object]:
    """Ask to take back a mistaken recall; or do it, where somebody else has asked."""
    with store_of(request).read() as snapshot:
        found = _found(snapshot, recall_id)
    _need_own(request, caller, found.gtin)
    try:
        with store_of(request).write(now_of(request)) as tx:
            taken_back = withdraw_recall(tx, recall_id, why=body.why, by=caller.name)
    except RecallRefused as refused:
        raise Problem(409, "Recall not withdrawn", str(refused)) from None
    return _with_packs(request, taken_back, caller)


def _need_own(request: Request, caller: Caller, gtin: str) -> None:
    overlay = tuple(settings_of(request).company_prefixes)
    with store_of(request).read() as snapshot:
        need_product(snapshot, caller, gtin, overlay)


def _with_packs(request: Request, found: RecallRecord, caller: Caller) -> dict[str, object]:
    """A recall with its first packs, as its caller may see it.

    Who holds the packs stands in events of others.
    """
    with store_of(request).read() as snapshot:
        return shown(snapshot, found, is_operator=caller.party is None)


def shown(snapshot: Snapshot, found: RecallRecord, *, is_operator: bool) -> dict[str, object]:
    """A recall with its first `PACKS_SHOWN_MAX` packs; to others than the operator with none."""
    answer = found.as_dict() | {"reach": reach_now(snapshot, found).counts.as_dict()}
    if not is_operator:
        return answer | {"packs": [], "holders": []}
    with closing(packs_of(snapshot, found)) as listed:
        return answer | {"packs": [one.as_dict() for one in islice(listed, PACKS_SHOWN_MAX)]}


def _streamed(
    store: Store, found: RecallRecord, head: bytes, tail: bytes, *, separator: bytes
) -> StreamingResponse:
    """The packs of a recall from one look at the store, a piece at a time."""

    def pieces() -> Iterator[bytes]:
        yield head
        with store.read() as snapshot:
            waiting: list[bytes] = []
            is_first = True
            for one in packs_of(snapshot, found):
                waiting.append(orjson.dumps(one.as_dict()))
                if len(waiting) == PACKS_SHOWN_MAX:
                    yield (b"" if is_first else separator) + separator.join(waiting)
                    waiting, is_first = [], False
            if waiting:
                yield (b"" if is_first else separator) + separator.join(waiting)
        yield tail or separator

    kind = "application/json" if head else "application/x-ndjson"
    return StreamingResponse(pieces(), media_type=kind)


def _found(snapshot: Snapshot, recall_id: str) -> RecallRecord:
    found = find_recall(snapshot, recall_id)
    if found is None:
        raise _no_such(recall_id)
    return found


def _no_such(recall_id: str) -> Problem:
    return Problem(404, "Not found", f"there is no recall {recall_id}; GET /recalls lists them")


def _gtin14(text: str) -> str:
    try:
        return str(Gtin.parse(text))
    except ValueError as fault:
        raise Problem(422, "Not a GTIN", f"{text}: {fault}") from None
