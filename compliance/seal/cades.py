"""Detached CAdES signatures (ETSI EN 319 122-1) that hold everything a later check needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asn1crypto import cms
from asn1crypto import crl as asn1_crl
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes

from compliance.seal.library import LibrarySigner, finish

if TYPE_CHECKING:
    from compliance.seal.keys import Keys


def sign_beside(content: bytes, keys: Keys) -> bytes:
    """A detached CAdES-B-LT signature (DER) of `content`.

    It contains its time stamp, the certificates and the revocation list, so a check needs no
    network. Raises SealRefused.
    """
    signer = LibrarySigner(keys.seal, [keys.root])
    signed: cms.ContentInfo = finish(
        signer.async_sign_general_data(
            content,
            "sha256",
            detached=True,
            use_cades=True,
            timestamper=keys.stamper,
            signed_attr_settings=PdfCMSSignedAttributes(signing_time=keys.clock()),
        )
    )
    # The revocation list is not among the signed data, so it can be added after signing.
    crl = asn1_crl.CertificateList.load(keys.crl.public_bytes(Encoding.DER))
    signed["content"]["crls"] = cms.RevocationInfoChoices([crl])
    return bytes(signed.dump())
