"""Adapts our keys to the CMS library, which few commands need; whoever signs loads it."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from asn1crypto import algos, x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.signers.pdf_cms import Signer as PyHankoSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from compliance.seal.signer import DigestSigner, SealRefused

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from cryptography.x509 import Certificate

T = TypeVar("T")


class LibrarySigner(PyHankoSigner):
    """Adapts a DigestSigner to the interface of the CMS library."""

    def __init__(self, key: DigestSigner, chain: Sequence[Certificate]) -> None:
        registry = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # the library's
        registry.register_multiple([asn1_of(certificate) for certificate in chain])
        super().__init__(
            signing_cert=asn1_of(key.certificate),
            cert_registry=registry,
            signature_mechanism=algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
        )
        self._key = key

    async def async_sign_raw(
        self,
        data: bytes,
        digest_algorithm: str,
        dry_run: bool = False,  # noqa: FBT001, FBT002  # the library's signature
    ) -> bytes:
        """Sign the bytes; a dry run returns a placeholder as long as the longest signature."""
        if digest_algorithm != "sha256":
            raise SealRefused(f"seals are made over SHA-256, not {digest_algorithm}")
        if dry_run:
            return bytes(72)
        return self._key.sign_digest(sha256(data).digest())


def finish(work: Coroutine[object, None, T]) -> T:
    """Run a coroutine of the CMS library to its end, from synchronous code.

    It uses a loop of its own and not `asyncio.run`, which formats the finished task for a signal
    handler; formatting a CMS structure takes up to a minute.
    """
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def asn1_of(certificate: Certificate) -> x509.Certificate:
    """The same certificate as an object of the CMS library."""
    return x509.Certificate.load(certificate.public_bytes(Encoding.DER))
