"""`/transactions`: find a shipment by its number and fetch its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from compliance.service.pages import render
from compliance.transactions.document import MEDIA_TYPES
from compliance.transactions.information import TransactionRefused, transactions
from epcis.http_context import store_of

if TYPE_CHECKING:
    from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)
NUMBER_CHARS_MAX = 200


@router.get("/transactions", response_model=None)
def shipments(request: Request, number: str = "") -> HTMLResponse:
    """The form, and the shipments under the number that was asked for."""
    found, refused = [], ""
    asked = number.strip()[:NUMBER_CHARS_MAX]
    if asked:
        try:
            with store_of(request).read() as snapshot:
                found = transactions(snapshot, asked)
        except TransactionRefused as refusal:
            refused = str(refusal)
    page = render(
        "transactions.html",
        request,
        number=asked,
        found=found,
        refused=refused,
        forms=tuple(MEDIA_TYPES),
    )
    page.status_code = 404 if refused else 200
    return page
