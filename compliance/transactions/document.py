"""A transaction document in each of its forms, and its signature."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Final, Literal

from compliance.transactions.forms import as_csv, as_json
from compliance.transactions.information import packages, transactions
from compliance.transactions.shipment_file import write_shipment_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.database.transactions import Snapshot

DocumentForm = Literal["json", "csv", "pdf", "xml"]
MEDIA_TYPES: Final[dict[str, str]] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "pdf": "application/pdf",
    "xml": "application/xml",
}
"""Form -> media type; `xml` is an EPCIS 1.2 file by the guideline R1.3."""


def document_pieces(
    snapshot: Snapshot, number: str, form: DocumentForm, *, owner_gln: str = ""
) -> Iterator[bytes]:
    """The document of the shipments under a number, piece by piece.

    The same shipments give the same bytes at any time. Raises TransactionRefused at once where no
    shipment is known by the number.
    """
    if form == "xml":
        out = BytesIO()
        write_shipment_file(snapshot, number, out, owner_gln=owner_gln)
        return iter((out.getvalue(),))
    found = transactions(snapshot, number)
    listed = partial(packages, snapshot)
    if form == "pdf":
        from compliance.transactions.printed import as_pdf

        return iter((as_pdf(found, listed),))
    return (as_json if form == "json" else as_csv)(found, listed)
