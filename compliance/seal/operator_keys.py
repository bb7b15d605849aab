"""Open the keys of this installation according to its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cryptography.x509 import load_pem_x509_certificate, load_pem_x509_certificates

from compliance.seal.keys import Keys
from compliance.seal.remote import KeyInService, Service
from compliance.seal.signer import SealRefused
from compliance.seal.timestamp import Authority
from compliance.seal.token import KeyOnToken, Slot

if TYPE_CHECKING:
    from pathlib import Path

    from compliance.seal.signer import DigestSigner


class KeySettings(Protocol):
    """The settings that concern keys (`compliance.service.settings.Settings`)."""

    key_passphrase: str
    time_authority: str
    time_authority_roots: Path | None
    seal_certificate: Path | None
    seal_token_module: str
    seal_token: str
    seal_token_pin: str
    seal_service: str
    seal_service_token: str
    seal_key: str

    @property
    def keys_folder(self) -> Path:
        """The folder the keys are kept in."""


def open_keys(settings: KeySettings) -> Keys:
    """The keys, with the configured token or service for sealing and authority for time stamps.

    Raises SealRefused where a setting is missing or a file cannot be read.
    """
    try:
        return Keys.open(
            settings.keys_folder,
            settings.key_passphrase or None,
            authority=_authority(settings),
            seal=_elsewhere(settings),
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
