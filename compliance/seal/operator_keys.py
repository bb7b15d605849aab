"""Open the keys of this installation according to its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cryptography.x509 import load_pem_x509_certificate, load_pem_x509_certificates

from compliance.seal.keys import Keys
from compliance.seal.remote import KeyInService, Service
from compliance.seal.signer import Authority, SealRefused
from compliance.seal.token import KeyOnToken, Slot

if TYPE_CHECKING:
    from pathlib import Path

    from compliance.seal.key_folder import KeyPlace
    from compliance.seal.signer import DigestSigner


class KeySettings(Protocol):
    """The settings that concern keys (`compliance.service.settings.Settings`)."""

    @property
    def key_passphrase(self) -> str:
        """Passphrase of the key files; empty: none."""

    @property
    def time_authority(self) -> str:
        """Address of an RFC 3161 authority; empty: none."""

    @property
    def time_authority_roots(self) -> Path | None:
        """File of its root certificates (PEM)."""

    @property
    def seal_certificate(self) -> Path | None:
        """File of the certificate (PEM) of a sealing key elsewhere."""

    @property
    def seal_token_module(self) -> str:
        """PKCS#11 library; empty: no token."""

    @property
    def seal_token(self) -> str:
        """Label of the token."""

    @property
    def seal_token_pin(self) -> str:
        """PIN of the token."""

    @property
    def seal_service(self) -> str:
        """Address of a signing service; empty: none."""

    @property
    def seal_service_token(self) -> str:
        """What lets us in there."""

    @property
    def seal_key(self) -> str:
        """Name of the key on the token or in the service."""

    @property
    def keys_folder(self) -> Path:
        """The folder the keys are kept in."""


def open_keys(settings: KeySettings, shared: KeyPlace | None = None) -> Keys:
    """The keys, with the configured token or service for sealing and authority for time stamps.

    `shared` is where several servers have them, else they lie in the folder of the settings.
    Raises SealRefused where a setting is missing or a file cannot be read.
    """
    try:
        return Keys.open(
            settings.keys_folder,
            settings.key_passphrase or None,
            authority=_authority(settings),
            seal=_elsewhere(settings),
            shared=shared,
        )
    except (OSError, ValueError) as fault:
        raise SealRefused(f"a certificate named in the settings cannot be read: {fault}") from fault


def _authority(settings: KeySettings) -> Authority | None:
    if not settings.time_authority:
        return None
    if settings.time_authority_roots is None:
        raise SealRefused("a time stamping authority needs its roots: set time_authority_roots")
    roots = load_pem_x509_certificates(settings.time_authority_roots.read_bytes())
    return Authority(settings.time_authority, tuple(roots))


def _elsewhere(settings: KeySettings) -> DigestSigner | None:
    """The sealing key on a token or in a service; None where it is in the keys folder."""
    if not (settings.seal_token_module or settings.seal_service):
        return None
    if settings.seal_certificate is None:
        raise SealRefused("a sealing key held elsewhere needs its certificate: seal_certificate")
    certificate = load_pem_x509_certificate(settings.seal_certificate.read_bytes())
    if settings.seal_service:
        service = Service(settings.seal_service, settings.seal_service_token, settings.seal_key)
        return KeyInService(service, certificate)
    slot = Slot(
        settings.seal_token_module, settings.seal_token, settings.seal_token_pin, settings.seal_key
    )
    return KeyOnToken(slot, certificate)
