"""PAdES-B-T signatures of PDF reports (ETSI EN 319 142-1).

Level T and not LT: later levels append to the file after the signature, and then common readers no
longer say that the whole document is signed. Long-term material is in the seal of the dossier.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner

from compliance.seal.library import LibrarySigner, finish

if TYPE_CHECKING:
    from compliance.seal.keys import Keys

FIELD = "Seal"


def sign_pdf(pdf: bytes, keys: Keys, *, reason: str) -> bytes:
    """The PDF with a time stamped signature over all of it. Raises SealRefused."""
    metadata = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        reason=reason,
        subfilter=SigSeedSubFilter.PADES,
    )
    signer = PdfSigner(
        metadata, signer=LibrarySigner(keys.seal, [keys.root]), timestamper=keys.stamper
    )
    out = BytesIO()
    finish(signer.async_sign_pdf(IncrementalPdfFileWriter(BytesIO(pdf)), output=out))
    return out.getvalue()
