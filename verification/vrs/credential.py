"""Credentials of authorised trading partners: presented with a question, checked before an answer.

A presentation is a JWT signed with ES256K, bound to the question by its nonce, five minutes old at
most (OCI Digital Wallet Conformance Criteria 3.4.1). What was not checked is called not checked.
"""

from __future__ import annotations

import base64
import json
import uuid
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from schemas.json_value import JsonObject, JsonValue, entries_of, members_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import httpx

LIFETIME = timedelta(minutes=5)
CLOCK_SKEW = timedelta(seconds=60)
PRESENTATION_BYTES_MAX = 32 * 1024
ATP_CREDENTIAL = "DSCSAATPCredential"
HEADERS = (b"atp-authorization", b"x-atp-credential")
_SECP256K1 = b"\xe7\x01"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class CredentialPolicy(StrEnum):
    """What a missing or bad credential leads to, per partner."""

    OFF = "off"
    WARN = "warn"
    REQUIRE = "require"


class CredentialOutcome(StrEnum):
    """What was found out about a presentation."""

    VALID = "valid"
    INVALID = "invalid"
    MISSING = "missing"
    NOT_CHECKED = "not_checked"


class Checked(msgspec.Struct, frozen=True):
    """The check of one presentation, with the error codes of the OCI wallet API."""

    outcome: CredentialOutcome
    codes: tuple[str, ...] = ()
    holder: str = ""
    proof: str = "not_checked"
    """The embedded credential's own proof needs RDF canonicalisation, which is not done here."""
    revocation: str = "not_checked"

    def allows(self, policy: CredentialPolicy) -> bool:
        """Whether the question may be answered under a policy."""
        return policy is not CredentialPolicy.REQUIRE or self.outcome is CredentialOutcome.VALID


class CredentialProvider(Protocol):
    """A wallet: makes presentations of ours and checks those of others."""

    async def present(self, corr_uuid: str, holder: str) -> str:
        """A fresh presentation for one question."""
        ...

    async def check(self, presentation: str, corr_uuid: str, verifier: str) -> Checked:
        """What there is to say about a partner's presentation."""
        ...


class WalletRefusedError(Exception):
    """The wallet gave no presentation."""


class HttpWallet:
    """A wallet behind the OCI wallet API; the slips of its published description are tolerated."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, token: Callable[[], str]) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self._token = token

    async def present(self, corr_uuid: str, holder: str) -> str:
        """Ask the wallet for a presentation; raises `WalletRefusedError`."""
        body = {"corrUUID": corr_uuid, "holderDID": holder, "credentialType": ATP_CREDENTIAL}
        presented = await self._post("generate", body)
        found = presented.get("verifiablePresentation") or presented.get("verifablePresentation")
        if presented.get("success") is not True or not isinstance(found, str):
            raise WalletRefusedError(
                ", ".join(map(str, entries_of(presented.get("errorCodes")) or ["no answer"]))
            )
        return found

    async def check(self, presentation: str, corr_uuid: str, verifier: str) -> Checked:
        """Let the wallet check a presentation; a silent wallet means not checked."""
        body = {
            # The published schema spells the name without its second i, its examples with it.
            "verifiablePresentation": presentation,
            "verifablePresentation": presentation,
            "verifierDID": verifier,
        }
        try:
            checked = await self._post("verify", body)
        except WalletRefusedError:
            return Checked(CredentialOutcome.NOT_CHECKED)
        if not _is_bound(presentation, corr_uuid):
            return Checked(CredentialOutcome.INVALID, ("vp_nonce_invalid",))
        if checked.get("success") is True:
            return Checked(CredentialOutcome.VALID, proof="by_wallet", revocation="by_wallet")
        if checked.get("success") is False:
            return Checked(
                CredentialOutcome.INVALID, tuple(map(str, entries_of(checked.get("errorCodes"))))
            )
        return Checked(CredentialOutcome.NOT_CHECKED)

    async def _post(self, act: str, body: dict[str, str]) -> JsonObject:
        import httpx

        url = f"{self._base}/api/v1/verifiablePresentation/{act}"
        token = self._token()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = await self._http.post(url, json=body, headers=headers)
            content = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise WalletRefusedError(type(error).__name__) from None
        return content if isinstance(content, dict) else {}


class LocalTestWallet:
    """A wallet in this process, for tests and trials: did:key or did:web, keys in memory.

    `documents` stands for the web that did:web would be resolved over; `trusted` are the DIDs of
    credential issuers, in place of the public registry.
    """

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey,
        *,
        clock: Callable[[], datetime],
        credential: Mapping[str, JsonValue],
        did: str = "",
        documents: Mapping[str, Mapping[str, JsonValue]] | None = None,
        trusted: frozenset[str] = frozenset(),
    ) -> None:
        self.did = did or did_key(key.public_key())
        self._key = key
        self._clock = clock
        self._credential = credential
        self._documents = documents or {}
        self._trusted = trusted

    async def present(self, corr_uuid: str, holder: str) -> str:
        """A fresh presentation of the credential."""
        now = self._clock()
        claims: JsonObject = {
            "jti": f"urn:uuid:{uuid.uuid4()}",
            "iss": holder or self.did,
            "iat": int(now.timestamp()),
            "nbf": _seconds(self._credential.get("issuanceDate")),
            "exp": _seconds(self._credential.get("expirationDate")),
            "nonce": corr_uuid,
            "vp": {
                "@context": ["https://www.w3.org/2018/credentials/v1"],
                "type": ["VerifiablePresentation"],
                "verifiableCredential": [dict(self._credential)],
            },
        }
        return signed({key: value for key, value in claims.items() if value is not None}, self._key)

    async def check(self, presentation: str, corr_uuid: str, verifier: str) -> Checked:
        """Check signature, time, nonce and the credential's own dates and issuer."""
        del verifier
        return check_presentation(
            presentation,
            corr_uuid,
            now=self._clock(),
            documents=self._documents,
            trusted=self._trusted,
        )


def check_presentation(
    presentation: str,
    corr_uuid: str,
    *,
    now: datetime,
    documents: Mapping[str, Mapping[str, JsonValue]],
    trusted: frozenset[str],
) -> Checked:
    """All that can be checked of a presentation without the network."""
    try:
        claims, signing_input, signature = _parts(presentation)
    except ValueError:
        return Checked(CredentialOutcome.INVALID, ("jwt_invalid",))
    holder = str(claims.get("iss", ""))
    codes = [*_presentation_codes(claims, corr_uuid, now), *_credential_codes(claims, now, trusted)]
    key = key_of(holder, documents)
    if key is None:
        codes.append("vp_iss_invalid")
    elif not _is_signed(signing_input, signature, key):
        codes.append("jwt_invalid")
    outcome = CredentialOutcome.INVALID if codes else CredentialOutcome.VALID
    return Checked(outcome, tuple(dict.fromkeys(codes)), holder)


def _presentation_codes(claims: JsonObject, corr_uuid: str, now: datetime) -> Iterator[str]:
    made = claims.get("iat")
    if not isinstance(made, int | float):
        yield "vp_iat_invalid"
    else:
        age_s = now.timestamp() - made
        if age_s > LIFETIME.total_seconds():
            yield "vp_iat_expired"
        elif age_s < -CLOCK_SKEW.total_seconds():
            yield "vp_iat_invalid"
    if _bare_uuid(claims.get("nonce")) != _bare_uuid(corr_uuid):
        yield "vp_nonce_invalid"


def _credential_codes(claims: JsonObject, now: datetime, trusted: frozenset[str]) -> Iterator[str]:
    held = claims.get("vp")
    listed = held.get("verifiableCredential") if isinstance(held, dict) else None
    credential = listed[0] if isinstance(listed, list) and listed else None
    if not isinstance(credential, dict):
        yield "vc_not_found"
        return
    kinds = credential.get("type")
    if ATP_CREDENTIAL not in (entries_of(kinds) or [kinds]):
        yield "vc_invalid"
    issuer = credential.get("issuer")
    issuer = issuer.get("id") if isinstance(issuer, dict) else issuer
    if issuer not in trusted:
        yield "vc_non_trusted_issuer"
    yield from _date_codes(claims, credential, now)


def _date_codes(claims: JsonObject, credential: JsonObject, now: datetime) -> Iterator[str]:
    now_s = now.timestamp()
    for claim, name, code in (
        ("exp", "expirationDate", "vc_exp"),
        ("nbf", "issuanceDate", "vc_nbf"),
    ):
        limit = claims.get(claim)
        try:
            limit_s = limit if isinstance(limit, int | float) else _seconds(credential.get(name))
        except ValueError:
            yield f"{code}_invalid"
            continue
        if limit_s is None:
            continue
        if claim == "exp" and now_s >= limit_s:
            yield "vc_exp_expired"
        if claim == "nbf" and now_s < limit_s:
            yield "vc_nbf_invalid"


def did_key(key: ec.EllipticCurvePublicKey) -> str:
    """The did:key of a secp256k1 key."""
    return "did:key:z" + _base58(
        _SECP256K1 + key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    )


def key_of(
    did: str, documents: Mapping[str, Mapping[str, JsonValue]]
) -> ec.EllipticCurvePublicKey | None:
    """The key of a DID: in itself (did:key) or in its document (did:web); else None."""
    try:
        if did.startswith("did:key:z"):
            raw = _from_base58(did.removeprefix("did:key:z").partition("#")[0])
            if not raw.startswith(_SECP256K1):
                return None
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), raw[2:])
        document = documents.get(did.partition("#")[0], {})
        for method in entries_of(document.get("verificationMethod")):
            jwk = members_of(members_of(method).get("publicKeyJwk"))
            if jwk.get("crv") == "secp256k1":
                point = b"\x04" + _decoded(str(jwk["x"])) + _decoded(str(jwk["y"]))
                return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), point)
    except (ValueError, KeyError):
        return None
    return None


def signed(claims: Mapping[str, JsonValue], key: ec.EllipticCurvePrivateKey) -> str:
    """A JWT signed with ES256K (RFC 8812)."""
    head = _encoded(json.dumps({"alg": "ES256K", "typ": "JWT"}).encode())
    body = _encoded(json.dumps(claims, separators=(",", ":")).encode())
    r, s = decode_dss_signature(key.sign(f"{head}.{body}".encode(), ec.ECDSA(SHA256())))
    return f"{head}.{body}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _parts(presentation: str) -> tuple[JsonObject, bytes, bytes]:
    """Claims, signed bytes and signature; raises ValueError."""
    if len(presentation) > PRESENTATION_BYTES_MAX:
        raise ValueError("too long")
    head, body, signature = presentation.split(".")
    header, claims = json.loads(_decoded(head)), json.loads(_decoded(body))
    known = isinstance(header, dict) and header.get("alg") in ("ES256K", "ES256K-R")
    if not known or not isinstance(claims, dict):
        raise ValueError("not a presentation")
    return claims, f"{head}.{body}".encode(), _decoded(signature)[:64]


def _is_signed(signing_input: bytes, signature: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), signing_input, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _is_bound(presentation: str, corr_uuid: str) -> bool:
    try:
        claims, _, _ = _parts(presentation)
    except ValueError:
        return False
    return _bare_uuid(claims.get("nonce")) == _bare_uuid(corr_uuid)


def _bare_uuid(text: object) -> str:
    return str(text).lower().removeprefix("urn:uuid:")


def _seconds(written: object) -> float | None:
    return datetime.fromisoformat(written).timestamp() if isinstance(written, str) else None


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _base58(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _from_base58(text: str) -> bytes:
    number = 0
    for character in text:
        number = number * 58 + _BASE58.index(character)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
