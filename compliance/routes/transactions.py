"""`/transactions/{number}`: transaction information and statement of a shipment."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from compliance.context import compliance_settings_of
from compliance.transactions.document import MEDIA_TYPES, DocumentForm, document_pieces
from compliance.transactions.information import TransactionRefused
from epcis.http_context import store_of
from epcis.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

router = APIRouter(prefix="/transactions", tags=["transactions"])


@router.get("/{number:path}", response_class=StreamingResponse)
def transaction(
    request: Request,
    number: str,
    form: Annotated[
        DocumentForm,
        Query(description="xml is an EPCIS 1.2 file by the GS1 US guideline R1.3"),
    ] = "json",
) -> StreamingResponse:
    """The document of the shipments under an order, despatch advice, invoice or SSCC.

    Or of a partner's on a day: its GLN, a blank and the day.
    """
    pieces = _pieces(request, number, form)
    try:
        first = next(pieces, b"")
    except TransactionRefused as refused:
        raise Problem(404, "No such shipment", str(refused)) from None
    name = "".join(sign if sign.isalnum() else "-" for sign in number[-40:])
    return StreamingResponse(
        chain((first,), pieces),
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'inline; filename="shipment-{name}.{form}"'},
    )


def _pieces(request: Request, number: str, form: DocumentForm) -> Iterator[bytes]:
    """The document, with the database open as long as it is written."""
    owner = compliance_settings_of(request).owner_gln
    with store_of(request).read() as snapshot:
        yield from document_pieces(snapshot, number, form, owner_gln=owner)
