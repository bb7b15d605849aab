"""`/receiving`: a delivery compared with its data, and taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from compliance.receiving.compare import compared
from compliance.receiving.expected import ReceivingRefused
from compliance.receiving.take_in import take_in
from epcis.http_context import caller_of, now_of, store_of
from epcis.problem import Problem
from verification.acts.perform import ActContext
from verification.acts.request import ID_CHARS_MAX, SCAN_CHARS_MAX, SCANS_MAX
from verification.context import verification_settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compliance.receiving.take_in import TakenIn

router = APIRouter(prefix="/receiving", tags=["receiving"])

NUMBER_CHARS_MAX = 200
OneScan = Annotated[str, Field(max_length=SCAN_CHARS_MAX)]


class DeliveryScans(BaseModel):
    """A delivery and what was scanned of it."""

    shipment: str = Field(
        min_length=1,
        max_length=NUMBER_CHARS_MAX,
        description="order, despatch advice, invoice or SSCC; or a partner's GLN and a day",
    )
    scans: list[OneScan] = Field(default_factory=list, max_length=SCANS_MAX)


class DeliveryTaken(DeliveryScans):
    """A delivery to be taken in."""

    client_id: str = Field(
        alias="clientId",
        min_length=1,
        max_length=ID_CHARS_MAX,
        description="your own id; sent again, it gets the same answer and nothing is done twice",
    )


@router.post("/compare")
def compare_(request: Request, body: DeliveryScans) -> dict[str, object]:
    """What was announced against what was scanned; changes nothing."""
    with store_of(request).read() as snapshot:
        try:
            goods, found = compared(snapshot, body.shipment, body.scans, now_of(request))
        except ReceivingRefused as refused:
            raise Problem(404, "No such shipment", str(refused)) from None
    return found.as_dict(goods)


@router.post("")
def take_in_(request: Request, body: DeliveryTaken) -> dict[str, object]:
    """Receive what matches, hold what does not, and open the cases about it: all, or nothing."""
    try:
        taken = taken_in(request, body.shipment, body.scans, body.client_id)
    except ReceivingRefused as refused:
        raise Problem(404, "No such shipment", str(refused)) from None
    answer: dict[str, object] = msgspec.to_builtins(taken.answer)
    return {**answer, "cases": [one.as_dict() for one in taken.cases]}


def taken_in(request: Request, number: str, scans: Sequence[str], client_id: str) -> TakenIn:
    """Take a delivery in for the caller of a request; raises ReceivingRefused and `Problem`."""
    context = ActContext(caller_of(request), verification_settings_of(request))
    with store_of(request).write(now_of(request)) as tx:
        return take_in(tx, number, scans, client_id, context)
