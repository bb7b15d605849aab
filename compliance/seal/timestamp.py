"""RFC 3161 time stamps: from a configured authority, else from our own key.

Our own stamp gives the time of signing by our own clock. An authority's stamp gives it by an
independent clock, which a court prefers; settings name its address and root certificates.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1_x509
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext

from compliance.seal.library import LibrarySigner, asn1_of, finish
from compliance.seal.signer import SealRefused
from epcis.tls import trusted_authorities

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from compliance.seal.signer import Authority, DigestSigner
    from epcis.clock import Clock

POLICY = "2.25.291164537217014327690371064021364092671"
"""OID of our own policy (time by the signing machine's clock), made from a UUID (X.667)."""
CLOCK_SKEW_MAX = timedelta(minutes=5)
"""A stamp whose time differs more from our clock is refused."""
ANSWER_WAIT_S = 10.0
ANSWER_BYTES_MAX = 64 * 1024


class OwnTimeStamper(TimeStamper):
    """Makes time stamps with our own key and clock."""

    def __init__(self, key: DigestSigner, root: Certificate, clock: Clock) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library's
        self._driver = LibrarySigner(key, [root])
        self._name = asn1_of(key.certificate).subject
        self._clock = clock

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Answer a request as RFC 3161 section 2.4.2 says."""
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": POLICY,
                "message_imprint": req["message_imprint"],
                "serial_number": secrets.randbits(63),
                "gen_time": self._clock(),
                "tsa": asn1_x509.GeneralName(name="directory_name", value=self._name),
            }
        )
        if req["nonce"].native is not None:
            info["nonce"] = req["nonce"]
        content = cms.EncapsulatedContentInfo(
            {"content_type": "tst_info", "content": core.ParsableOctetString(info.dump())}
        )
        token = await self._driver.async_sign_general_data(
            content, "sha256", detached=False, use_cades=True
        )
        status = tsp.PKIStatusInfo({"status": "granted"})
        return tsp.TimeStampResp({"status": status, "time_stamp_token": token})


class AuthorityTimeStamper(TimeStamper):
    """Gets time stamps from an authority and accepts them only after checking them."""

    def __init__(self, authority: Authority, clock: Clock) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library's
        self._authority = authority
        self._clock = clock

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Ask the authority and check its answer.

        Raises SealRefused where it is down, refuses, or answers with a wrong time, digest or
        signer.
        """
        answer = await self._ask(req.dump())
        try:
            response = tsp.TimeStampResp.load(answer, strict=True)
            if response["status"]["status"].native not in ("granted", "granted_with_mods"):
                raise SealRefused(f"the time stamping authority {self._authority.url} refused")
            await self._believe(req, response["time_stamp_token"])
        except (ValueError, TypeError, KeyError, AttributeError, SignatureValidationError) as fault:
            raise SealRefused(
                f"the time stamping authority {self._authority.url} gave no time stamp: {fault}"
            ) from fault
        return response

    async def _ask(self, request: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query"}
        try:
            async with (
                httpx.AsyncClient(
                    timeout=ANSWER_WAIT_S, trust_env=False, verify=trusted_authorities()
                ) as client,
                client.stream(
                    "POST", self._authority.url, content=request, headers=headers
                ) as answer,
            ):
                answer.raise_for_status()
                body = b""
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > ANSWER_BYTES_MAX:
                        raise SealRefused("the time stamping authority answers without end")
                return body
        except httpx.HTTPError as fault:
            raise SealRefused(
                f"the time stamping authority {self._authority.url} cannot be reached: {fault}"
            ) from fault

    async def _believe(self, req: tsp.TimeStampReq, token: cms.ContentInfo) -> None:
        info = token["content"]["encap_content_info"]["content"].parsed
        if info["message_imprint"].dump() != req["message_imprint"].dump():
            raise SealRefused("the time stamping authority stamped something else")
        if info["nonce"].native != req["nonce"].native:
            raise SealRefused("the time stamping authority answered another request")
        if abs(info["gen_time"].native - self._clock()) > CLOCK_SKEW_MAX:
            raise SealRefused(
                "the time stamping authority's clock and ours are more than five minutes apart"
            )
        context = ValidationContext(
            trust_roots=[asn1_of(root) for root in self._authority.roots],
            moment=self._clock(),
            allow_fetching=False,
        )
        imprint = req["message_imprint"]["hashed_message"].native
        status = await validate_tst_signed_data(token["content"], context, lambda _: imprint)
        if not (status["intact"] and status["valid"] and status["trust_problem_indic"] is None):
            raise SealRefused("the time stamping authority's signature is not trusted")


def stamp(stamper: TimeStamper, digest: bytes) -> bytes:
    """A time stamp token (DER) over a SHA-256 digest. Raises SealRefused."""
    token = finish(stamper.async_timestamp(digest, "sha256"))
    return bytes(token.dump())
