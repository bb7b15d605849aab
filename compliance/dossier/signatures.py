"""Signatures and time stamps of a dossier, verified in this process by libraries."""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from asn1crypto import cms, pem
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pyhanko.sign.ades.report import AdESIndeterminate
from pyhanko.sign.general import CMSExtractionError, extract_certificate_info
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import (
    async_validate_detached_cms,
    validate_tst_signed_data,
)
from pyhanko_certvalidator import ValidationContext

from compliance.dossier.verify_dossier import (
    FOREIGN,
    OUTSIDE,
    CannotTell,
    Tampered,
    stamp_in,
    time_of,
)
from compliance.seal.library import finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

for _library in ("pyhanko", "pyhanko_certvalidator"):
    # These libraries log a failed check with a traceback; the result reports it already.
    logging.getLogger(_library).addHandler(logging.NullHandler())


class InProcess:
    """Signatures by libraries instead of the openssl program."""

    def note(self, text: bytes, signature: bytes, key_pem: bytes) -> None:
        """The checkpoint is signed by the log's key."""
        try:
            key = cast("Ed25519PublicKey", load_pem_public_key(key_pem))
            key.verify(signature, text)
        except (InvalidSignature, ValueError, AttributeError, TypeError) as fault:
            raise Tampered(
                "checkpoint.signature", "the signature under the checkpoint is wrong"
            ) from fault

    def stamp(self, data: bytes, token: bytes, root_pem: bytes) -> int:
        """The token is a time stamp of the data; the stamped time, seconds since 1970."""
        return stamped_at(token, lambda name: hashlib.new(name, data).digest(), root_pem)

    def signature(self, manifest: bytes, signature: bytes, root_pem: bytes) -> int:
        """The manifest was signed while the signer's certificate was valid and not revoked."""
        value, token = stamp_in(signature)
        at = self.stamp(value, token, root_pem)
        signed = _signed_data(signature)
        lists = [one.chosen for one in signed["crls"]] if signed["crls"] else []
        if not lists:
            raise Tampered("crl.missing", "the revocation list is missing")
        roots = _roots(root_pem)
        _check_issuer(signed, roots)
        context = _context(roots, at, lists)
        status = _run(async_validate_detached_cms(manifest, signed, context))
        if not (status.intact and status.valid):
            raise Tampered("signature.wrong", "the signature is wrong")
        signer = extract_certificate_info(signed).signer_cert
        revoked = {
            one["user_certificate"].native
            for crl in lists
            for one in crl["tbs_cert_list"]["revoked_certificates"] or ()
        }
        if status.revoked or signer.serial_number in revoked:
            raise Tampered("signer.revoked", "the signer's certificate was revoked")
        when = datetime.fromtimestamp(at, UTC)
        if not signer.not_valid_before <= when <= signer.not_valid_after:
            raise Tampered("signer.expired", OUTSIDE)
        _check_trust(status.trust_problem_indic, "signature")
        return at


def stamped_at(token: bytes, over: Callable[[str], bytes], root_pem: bytes) -> int:
    """The time that a token stamps; `over` gives the digest it must be of, by its algorithm."""
    at = time_of(token)

    async def validate() -> dict[str, Any]:  # as the library answers
        signed = _signed_data(token)
        roots = _roots(root_pem)
        _check_issuer(signed, roots)
        status = await validate_tst_signed_data(signed, _context(roots, at, None), over)
        return dict(status)

    status = _run(validate())
    if not (status["intact"] and status["valid"]):
        raise Tampered("stamp.wrong", "the time stamp is wrong")
    _check_trust(status["trust_problem_indic"], "stamp")
    return at


def _check_issuer(signed: cms.SignedData, roots: list[asn1_x509.Certificate]) -> None:
    """A certificate in the signer's chain names one of the roots as its issuer."""
    certificates = [one.chosen for one in signed["certificates"]]
    claimed = {one.authority_key_identifier for one in certificates}
    if not any(root.key_identifier in claimed or root in certificates for root in roots):
        raise CannotTell(
            "trust.foreign",
            FOREIGN,
        )


def _check_trust(problem: object, what: str) -> None:
    if problem is None:
        return
    if problem is AdESIndeterminate.NO_CERTIFICATE_CHAIN_FOUND:
        raise CannotTell(
            "trust.foreign",
            FOREIGN,
        )
    raise Tampered(f"{what}.untrusted", f"the {what} is not to be trusted: {problem}")


def _context(
    roots: list[asn1_x509.Certificate],
    at: int,
    crls: list[Any] | None,  # asn1crypto is untyped
) -> ValidationContext:
    return ValidationContext(
        trust_roots=roots,
        moment=datetime.fromtimestamp(at, UTC),
        allow_fetching=False,
        crls=crls,
        revocation_mode="soft-fail" if crls is None else "hard-fail",
    )


def _signed_data(data: bytes) -> cms.SignedData:
    try:
        return cms.ContentInfo.load(data, strict=True)["content"]
    except (ValueError, TypeError) as fault:
        raise Tampered("signature.form", "the signature cannot be read") from fault


def _roots(root_pem: bytes) -> list[asn1_x509.Certificate]:
    try:
        roots = [
            asn1_x509.Certificate.load(der)
            for name, _, der in pem.unarmor(root_pem, multiple=True)
            if name == "CERTIFICATE"
        ]
        for root in roots:
            root.native  # noqa: B018  # parses all of it, so that a damaged root is noticed here
    except (ValueError, TypeError) as fault:
        raise CannotTell("trust.unreadable", "the root certificate cannot be read") from fault
    if not roots:
        raise CannotTell("trust.unreadable", "there is no certificate in the root file")
    return roots


def _run(work: Any) -> Any:  # noqa: ANN401  # whatever the library's coroutine gives
    try:
        return finish(work)
    except (SignatureValidationError, CMSExtractionError) as fault:
        raise Tampered("signature.wrong", f"the signature is wrong: {fault}") from fault
    except (ValueError, TypeError, KeyError, NotImplementedError) as fault:
        raise Tampered("signature.form", f"the signature cannot be read: {fault}") from fault
