"""A signing key in a remote service, with a protocol small enough for any key management system.

    POST {address}      Authorization: Bearer {token}
    {"key": "seal-2027", "algorithm": "ecdsa-p256-sha256", "digest": "<32 bytes, base64>"}
    200 {"signature": "<DER, base64>"}

The signature is verified before it is used, so a faulty service cannot cause a broken seal.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from compliance.seal.signer import SealRefused
from epcis.tls import trusted_authorities

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

ANSWER_WAIT_S = 10.0
ANSWER_BYTES_MAX = 16 * 1024


@dataclass(frozen=True, slots=True)
class Service:
    """Location of the key: the service's address, our bearer token, the key's name."""

    address: str
    token: str
    key: str


class KeyInService:
    """A P-256 key in a service."""

    def __init__(self, service: Service, certificate: Certificate) -> None:
        self._service = service
        self.certificate = certificate

    def sign_digest(self, digest: bytes) -> bytes:
        """Let the service sign, and verify the signature. Raises SealRefused."""
        signature = _signature_in(self._ask(digest))
        key = cast("ec.EllipticCurvePublicKey", self.certificate.public_key())
        try:
            key.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        except InvalidSignature as fault:
            raise SealRefused("the signing service gave a signature by another key") from fault
        return signature

    def _ask(self, digest: bytes) -> object:  # whatever the service answers
        import httpx

        asked = {
            "key": self._service.key,
            "algorithm": "ecdsa-p256-sha256",
            "digest": base64.b64encode(digest).decode(),
        }
        token = self._service.token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with httpx.Client(
                timeout=ANSWER_WAIT_S, trust_env=False, verify=trusted_authorities()
            ) as client:
                answer = client.post(self._service.address, json=asked, headers=headers)
                answer.raise_for_status()
                return answer.json() if len(answer.content) <= ANSWER_BYTES_MAX else None
        except (httpx.HTTPError, ValueError) as fault:
            where = self._service.address
            raise SealRefused(f"the signing service {where} cannot be used: {fault}") from fault


def _signature_in(answer: object) -> bytes:
    signature = answer.get("signature") if isinstance(answer, dict) else None
    try:
        return base64.b64decode(cast("str", signature), validate=True)
    except (binascii.Error, ValueError, TypeError) as fault:
        raise SealRefused("the signing service's answer has no signature in it") from fault
