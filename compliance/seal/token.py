"""A signing key on a PKCS#11 token; the key never leaves the token.

Needs the extra `hsm`. The token signs digests (CKM_ECDSA), which every token can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from compliance.seal.signer import SealRefused

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True)
class Slot:
    """Location of the key: the driver's library, the token, its PIN, the key's label."""

    module: str
    """Path of the PKCS#11 library, as /usr/lib/softhsm/libsofthsm2.so."""
    token: str
    pin: str
    key: str
    """Label of the key pair."""


class KeyOnToken:
    """A P-256 key on a token."""

    def __init__(self, slot: Slot, certificate: Certificate) -> None:
        self._slot = slot
        self.certificate = certificate

    def sign_digest(self, digest: bytes) -> bytes:
        """Let the token sign. Raises SealRefused where it is missing, locked or has no such key."""
        import pkcs11  # an extra that most installations do not have

        with _session(self._slot) as session:
            key = _key(session, self._slot, pkcs11.ObjectClass.PRIVATE_KEY)
            raw = bytes(key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA))
        half = len(raw) // 2
        return encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )


def _session(slot: Slot) -> Any:  # noqa: ANN401  # the library has no types
    try:
        import pkcs11  # an extra that most installations do not have
    except ImportError as fault:
        raise SealRefused("keys on tokens need packtrail[hsm]") from fault
    from pkcs11 import exceptions as refusals  # as above

    try:
        token = pkcs11.lib(slot.module).get_token(token_label=slot.token)
        return token.open(user_pin=slot.pin)
    except (refusals.NoSuchToken, refusals.MultipleTokensReturned) as fault:
        raise SealRefused(f"there is no token {slot.token}; is it plugged in?") from fault
    except (refusals.PinIncorrect, refusals.PinLocked, refusals.PinInvalid) as fault:
        raise SealRefused(f"the token {slot.token} does not take this PIN") from fault
    except (refusals.PKCS11Error, RuntimeError, OSError) as fault:
        raise SealRefused(f"the token library {slot.module} cannot be used: {fault}") from fault


def _key(session: Any, slot: Slot, kind: object) -> Any:  # noqa: ANN401  # the library has no types
    from pkcs11 import exceptions as refusals  # an extra

    try:
        return session.get_key(object_class=kind, label=slot.key)
    except (refusals.NoSuchKey, refusals.MultipleObjectsReturned) as fault:
        raise SealRefused(f"the token {slot.token} has no one key called {slot.key}") from fault
