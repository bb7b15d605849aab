"""How packs are verified here, from the operator's settings: one value for routes and workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from epcis.http_context import utc_now
from epcis.tls import trusted_authorities
from verification.alerts.anomalies import AnomalyLimits
from verification.decision.rule_pack import RulePackRefusedError
from verification.peers.peers import Patience, Peer
from verification.settings import VerificationSettings
from verification.vrs.credential import CredentialPolicy, HttpWallet, LocalTestWallet
from verification.vrs.directory import DirectoryRefusedError, entries_of

if TYPE_CHECKING:
    from pathlib import Path

    from compliance.service.settings import Settings
    from verification.vrs.credential import CredentialProvider

T = TypeVar("T")
_LOOPBACK = ("http://127.0.0.1", "http://localhost", "http://[::1]")


class PracticeRefusedError(Exception):
    """A setting of verification cannot be used; the text says which and why."""


class PeerEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One repository of the peers' file."""

    name: str
    base_url: str
    key_file: str = ""
    """File with the API key that lets us in there; relative to the peers' file."""
    markets: tuple[str, ...] = ()


class TestWalletFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of a wallet for trials, kept in this process."""

    __test__ = False

    key_file: str
    """File with an EC key on secp256k1, PEM; relative to this file."""
    credential: dict[str, Any]
    did: str = ""
    documents: dict[str, dict[str, Any]] = {}
    """DID documents by DID, in place of the web."""
    trusted: frozenset[str] = frozenset()
    """DIDs of the issuers whose credentials count."""


def practice_of(settings: Settings) -> VerificationSettings:
    """The verification floor's settings under these settings of the operator.

    Raises `PracticeRefusedError` for a file that cannot be read or a value that makes no sense:
    a server that silently did without its peers or its wallet would be believed to have them.
    """
    made = VerificationSettings(
        rules=settings.rule_pack,
        rules_folder=settings.rule_packs_dir,
        rules_keys=settings.rule_pack_keys,
        company_prefixes=settings.company_prefixes,
        market=settings.market,
        responder_gln=settings.owner_gln,
        unknown_answers_a_day=settings.unknown_answers_a_day,
        credential_policy=CredentialPolicy(settings.credential_policy),
        credential_policies={
            gln: CredentialPolicy(policy) for gln, policy in settings.credential_policies.items()
        },
        credentials=_wallet(settings),
        wallet_holder=settings.wallet_holder,
        partner_budget_s=settings.partner_budget_s,
        partner_keys=_partner_keys(settings.partner_keys_file),
        directory_file=settings.verification_directory,
        peers=_peers(settings.peers_file),
        peer_patience=Patience(
            settings.peer_budget_s, settings.peer_failures_max, settings.peer_rest_s
        ),
        anomaly_limits=AnomalyLimits(
            speed_km_h_max=settings.anomaly_speed_km_h_max,
            move_minutes_min=settings.anomaly_move_minutes_min,
            burst_requests=settings.anomaly_burst_requests,
            burst_window_s=settings.anomaly_burst_window_s,
            probe_run=settings.anomaly_probe_run,
        ),
        anomalies_every_s=settings.anomalies_every_s,
    )
    _refuse_what_cannot_be(made)
    return made


def _refuse_what_cannot_be(made: VerificationSettings) -> None:
    try:
        made.rule_pack  # noqa: B018  # reading it checks its signature
    except RulePackRefusedError as refused:
        raise PracticeRefusedError(str(refused)) from None
    required = CredentialPolicy.REQUIRE in (
        made.credential_policy,
        *made.credential_policies.values(),
    )
    if required and made.credentials is None:
        raise PracticeRefusedError(
            "credentials are required of partners but there is no wallet to check them with: set"
            " PACKTRAIL_WALLET_URL, or the policy to warn"
        )
    if made.directory_file is not None:
        try:
            entries_of(_read(made.directory_file, "lookup directory"))
        except DirectoryRefusedError as refused:
            raise PracticeRefusedError(f"{made.directory_file}: {refused}") from None


def _peers(path: Path | None) -> tuple[Peer, ...]:
    if path is None:
        return ()
    entries = _parsed(path, msgspec.json.Decoder(list[PeerEntry]), "peers")
    names = [one.name for one in entries]
    if len(set(names)) != len(names):
        raise PracticeRefusedError(f"{path}: two peers have the same name")
    return tuple(_peer(path, one) for one in entries)


def _peer(path: Path, entry: PeerEntry) -> Peer:
    _need_secure(f"{path}: peer {entry.name}", entry.base_url)
    key = ""
    if entry.key_file:
        key = _read(path.parent / entry.key_file, f"key of peer {entry.name}").decode().strip()
    return Peer(entry.name, entry.base_url, key, entry.markets)


def _partner_keys(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    entries = _parsed(path, msgspec.json.Decoder(dict[str, str]), "keys of partners")
    return {
        url.rstrip("/"): _read(path.parent / file, f"key of {url}").decode().strip()
        for url, file in entries.items()
    }


def _wallet(settings: Settings) -> CredentialProvider | None:
    if settings.wallet_url and settings.test_wallet:
        raise PracticeRefusedError("set PACKTRAIL_WALLET_URL or PACKTRAIL_TEST_WALLET, not both")
    if settings.test_wallet:
        return _test_wallet(settings.test_wallet)
    if not settings.wallet_url:
        return None
    _need_secure("PACKTRAIL_WALLET_URL", settings.wallet_url)
    path = settings.wallet_token_file

    def token() -> str:
        # Read each time: tokens live a day, and whoever renews them writes the file anew.
        return _read(path, "wallet token").decode().strip() if path else ""

    token()
    import httpx

    http = httpx.AsyncClient(timeout=settings.wallet_timeout_s, verify=trusted_authorities())
    return HttpWallet(http, settings.wallet_url, token)


def _test_wallet(path: Path) -> LocalTestWallet:
    wallet_file = _parsed(path, msgspec.json.Decoder(TestWalletFile), "test wallet")
    try:
        key = load_pem_private_key(_read(path.parent / wallet_file.key_file, "wallet key"), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256K1):
        raise PracticeRefusedError(f"{path}: key_file must be a private key on secp256k1, PEM")
    return LocalTestWallet(
        key,
        clock=utc_now,
        credential=wallet_file.credential,
        did=wallet_file.did,
        documents=wallet_file.documents,
        trusted=wallet_file.trusted,
    )


def _need_secure(what: str, url: str) -> None:
    """Keys and packs' numbers travel over these lines."""
    if not url.startswith(("https://", *_LOOPBACK)):
        raise PracticeRefusedError(f"{what}: {url[:80]!r} must begin with https://")


def _parsed(path: Path, decoder: msgspec.json.Decoder[T], what: str) -> T:
    try:
        return decoder.decode(_read(path, what))
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise PracticeRefusedError(f"{what} {path}: {fault}") from None


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise PracticeRefusedError(f"{what} {path}: {fault.strerror or fault}") from None
