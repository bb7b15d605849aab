"""CAdES signatures (ETSI EN 319 122-1) beside what they sign, with all that a later check needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asn1crypto import cms
from asn1crypto import crl as asn1_crl
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes

from compliance.seal.signer import LibrarySigner, finish

if TYPE_CHECKING:
    from compliance.seal.keys import Keys


def sign_beside(content: bytes, keys: Keys) -> bytes:
    """A detached CAdES-B-LT signature (DER) of `content`.

    It carries its time stamp, the certificates and the revocation list, so that it can be checked
    without any network. Raises SealRefused.
    """
    hand = LibrarySigner(keys.seal, [keys.root])
    signed: cms.ContentInfo = finish(
        hand.async_sign_general_data(
            content,
            "sha256",
            detached=True,
            use_cades=True,
            timestamper=keys.stamper,
            signed_attr_settings=PdfCMSSignedAttributes(signing_time=keys.clock()),
        )
    )
    # The list stands outside of what is signed, so it can join after the signature.
    crl = asn1_crl.CertificateList.load(keys.crl.public_bytes(Encoding.DER))
    signed["content"]["crls"] = cms.RevocationInfoChoices([crl])
    return bytes(signed.dump())
