"""Everything an operator can set, typed, with its unit and its default.

Each field is an environment variable with the prefix `PACKTRAIL_` (`PACKTRAIL_DATABASE`); the
command line overrides the few it names. docs/reference/settings.md is made from this class.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "PACKTRAIL_"
"""What the environment variable of every setting begins with."""

PositiveInt = Annotated[int, msgspec.Meta(gt=0)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0)]
CaptureWorkers = Annotated[int, msgspec.Meta(gt=0, le=16)]
BurstRequests = Annotated[int, msgspec.Meta(gt=1)]
LogLevel = Literal["debug", "info", "warning", "error"]
CredentialCheck = Literal["off", "warn", "require"]
MailSecurity = Literal["starttls", "tls", "none"]
TcpPort = Annotated[int, msgspec.Meta(ge=0, le=65535)]


def _data_dir() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("packtrail", appauthor=False))


class SettingsRefusedError(ValueError):
    """A setting cannot be used; the text names it and says why."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one Packtrail installation.

    >>> Settings(database="trail.db").database_url
    'sqlite:///trail.db'
    """

    data_dir: Path = msgspec.field(default_factory=_data_dir)
    """Where the embedded database, the keys and the demo labels live."""
    archive_dir: Path | None = None
    """Where old events go as Parquet files; empty: `archive` in the data directory."""
    exchange_dir: Path | None = None
    """Where folder channels have their folders; empty: `exchange` in the data directory."""
    retention_policy: Path | None = None
    """File (TOML) that says how long each class of record is kept; empty: nothing a law asks for
    is ever destroyed."""
    database: str = ""
    """SQLAlchemy URL or SQLite file name; empty: `packtrail.db` in the data directory."""
    keys_dir: Path | None = None
    """Folder of signing keys and certificates; empty: `keys` in the data directory."""
    key_passphrase: str = ""
    """Passphrase of the signing key files; empty: keys are protected by file mode only."""
    key_secret: str = ""
    """Secret that seals the signing keys in the database, where all servers share them; empty: they
    stay in the folder of keys of each machine."""
    backup_passphrase: str = ""
    """Passphrase that backups are locked with and opened by; empty: they are not locked."""
    time_authority: str = ""
    """Address of an RFC 3161 time stamping authority; empty: our own key stamps."""
    time_authority_roots: Path | None = None
    """File of certificates (PEM) that the authority's certificate must come from."""
    seal_certificate: Path | None = None
    """File of the certificate (PEM) of a sealing key on a token or in a service."""
    seal_key: str = "seal"
    """Name of that key on the token or in the service."""
    seal_token_module: str = ""
    """PKCS#11 library of the token; empty: no token."""
    seal_token: str = ""
    """Label of the token."""
    seal_token_pin: str = ""
    """PIN of the token."""
    seal_service: str = ""
    """Address of a service that signs digests; empty: no service."""
    seal_service_token: str = ""
    """What this installation shows the service to be let in."""
    redaction_profiles: Path | None = None
    """Folder of your own redaction profiles (`NAME.json`) for dossiers; they go before ours."""
    origin: str = "packtrail.local/log"
    """Name of this log in its checkpoints (C2SP: host and path, no scheme)."""
    checkpoint_every_s: PositiveFloat = 60.0
    """How often the log's checkpoint is signed, in seconds; exports sign one at once."""
    owner_gln: str = ""
    """GLN-13 of the company that runs this installation; the responder's GLN in verification."""
    company_prefixes: tuple[str, ...] = ()
    """GS1 company prefixes beside GS1's table, as a JSON list: a URN needs their length."""
    market: str = ""
    """ISO 3166 country whose packs are kept here; empty where only one market is served."""
    rule_pack: str = "EU-2016/161"
    """The rule pack that decides pack operations: the regulation's, or a national variant."""
    rule_packs_dir: Path | None = None
    """Folder of your own rule packs, `NAME.json` with `NAME.sig` beside it; they go before ours."""
    rule_pack_keys: tuple[Path, ...] = ()
    """Files of public keys (PEM, Ed25519) your own rule packs may be signed with, a JSON list."""
    unknown_answers_a_day: PositiveInt = 20
    """Answers about unknown serial numbers that a client gets in a day, at all doors together; all
    clients of its network together get five times as many."""
    peers_file: Path | None = None
    """JSON list of repositories asked for packs unknown here: name, base_url, key_file, markets."""
    peer_budget_s: PositiveFloat = 0.9
    """Longest wait for all peers together, in seconds."""
    peer_failures_max: PositiveInt = 5
    """Failures in a row after which a peer is left alone."""
    peer_rest_s: PositiveFloat = 30.0
    """How long it is left alone, in seconds."""
    verification_directory: Path | None = None
    """JSON file of who answers verification questions (VRS); taken over whenever it changes."""
    partner_keys_file: Path | None = None
    """JSON object: base URL of a responder to the file with the API key that lets us in there."""
    partner_budget_s: PositiveFloat = 3.0
    """Longest wait for a partner's answer, all tries together, in seconds."""
    credential_policy: CredentialCheck = "off"
    """What a partner's missing or bad credential leads to: nothing, a note in the log, or 403."""
    credential_policies: dict[str, CredentialCheck] = msgspec.field(default_factory=dict)
    """Policies of single partners, a JSON object by their GLN-13."""
    wallet_url: str = ""
    """Address of the wallet (OCI API) that presents our credential and checks partners'."""
    wallet_token_file: Path | None = None
    """File with the bearer token for the wallet; read anew for each request."""
    wallet_holder: str = ""
    """DID of the credential that the wallet presents for us."""
    wallet_timeout_s: PositiveFloat = 3.0
    """Longest wait for the wallet, in seconds."""
    test_wallet: Path | None = None
    """JSON file of a wallet for trials, in place of a real one: key_file, credential, trusted."""
    anomalies_every_s: PositiveFloat = 60.0
    """Pause between two looks for anomalies in the history of verifications, in seconds."""
    anomaly_speed_km_h_max: PositiveFloat = 900.0
    """A pack that would have moved faster between two known places was copied."""
    anomaly_move_minutes_min: PositiveFloat = 30.0
    """The same for places of unknown distance, in minutes."""
    anomaly_burst_requests: BurstRequests = 120
    """So many requests of one client within the window are a burst."""
    anomaly_burst_window_s: PositiveFloat = 60.0
    """The window, in seconds."""
    anomaly_probe_run: BurstRequests = 5
    """So many neighbouring unknown serial numbers in a row are probing."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: TcpPort = 8080
    """TCP port; 0 takes a free one."""
    oidc_issuer: str = ""
    """Issuer of accepted OpenID Connect tokens; empty: API keys and sign-in links only."""
    oidc_audience: str = ""
    """Audience such a token must name."""
    oidc_jwks: str = ""
    """File or https address of the issuer's JSON Web Key Set."""
    oidc_client_id: str = ""
    """Our name at the issuer; where it is set, people sign in there with their browser."""
    oidc_client_secret: str = ""
    """Our secret at the issuer; empty for a public client, which PKCE alone protects."""
    oidc_role_claim: str = "role"
    """Which claim of an identity token names the role of who signs in."""

    upload_bytes_max: PositiveInt = 256 * 1024 * 1024
    """Largest request body, in bytes."""
    picture_bytes_max: PositiveInt = 32 * 1024 * 1024
    """Largest picture, in bytes."""
    picture_pixels_max: PositiveInt = 40_000_000
    """Largest picture, in pixels; read from its header before anything is decoded."""
    scan_text_chars_max: PositiveInt = 8192
    """Longest scanner text, in characters."""
    body_deadline_s: PositiveFloat = 30.0
    """How long a body may pause between two parts before the upload is dropped."""
    head_deadline_s: PositiveFloat = 10.0
    """How long the head of a request may take before the connection is dropped."""
    picture_timeout_s: PositiveFloat = 20.0
    """How long the decoder may work on one picture."""
    capture_workers: CaptureWorkers = 2
    """Captured documents stored at once; of several, one worker is for small documents."""
    events_per_capture_max: PositiveInt = 1_000_000
    """Most events in one captured document."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of proxies, as 10.0.0.0/8, whose X-Forwarded-For is believed; a JSON list."""
    public_address: str = ""
    """Under which others reach this server, as https://track.example; links in messages need it."""
    mail_server: str = ""
    """Host that takes our e-mail (SMTP); empty: nothing is sent, and people hand links over."""
    mail_port: TcpPort = 587
    """Its port."""
    mail_security: MailSecurity = "starttls"
    """How the connection to it is protected: starttls, tls from the start, or none."""
    mail_user: str = ""
    """Name we sign in with there; empty: without."""
    mail_password: str = ""
    """Password of that name."""
    mail_sender: str = ""
    """E-mail address that our messages come from."""
    mail_escalations: str = ""
    """E-mail address of ours that hears of holders who do not answer a recall's notice in time."""
    host_names: tuple[str, ...] = ()
    """Names this server answers to in the header Host, a JSON list; empty: any name."""
    connections_max: PositiveInt = 512
    """Most requests served at once; further ones get 503."""
    session_hours_max: PositiveInt = 12
    """How long a browser stays signed in."""
    two_person_acts: tuple[Literal["recall", "release", "keys"], ...] = ()
    """Acts that wait until a second person has approved them, a JSON list of recall (an upload of
    the national system; other recalls need a second person in any case), release, keys."""
    operator_names_purpose: bool = False
    """Whether the operator's keys too must say why they read, in the header Packtrail-Purpose."""
    session_idle_minutes_max: PositiveInt = 60
    """How long a browser may be idle before its user signs in again."""
    step_up_minutes_max: PositiveInt = 10
    """How long after the password a recall can be opened without giving it again."""
    sign_in_link_minutes_max: PositiveInt = 60
    """How long a one-time sign-in link is good."""
    webhooks_to_private_addresses: bool = False
    """Whether subscriptions and channels may deliver to private and loopback addresses."""
    log_level: LogLevel = "info"
    """The least of what is logged: debug, info, warning or error."""
    log_answers: bool = False
    """Whether each answer is a line of the log: route, status and time, never the address."""
    traces_to: str = ""
    """Address of an OpenTelemetry collector (OTLP over HTTP, `…/v1/traces`); empty: no spans."""
    schemas_dir: Path | None = None
    """Folder of the published EPCIS schema files, used instead of Packtrail's own where set."""

    @property
    def database_url(self) -> str:
        """The database as a SQLAlchemy URL."""
        name = self.database or str(self.data_dir / "packtrail.db")
        return name if "://" in name else f"sqlite:///{name}"

    @property
    def archive_folder(self) -> Path:
        """The folder of the archive's files."""
        return self.archive_dir or self.data_dir / "archive"

    @property
    def exchange_folder(self) -> Path:
        """The folder of the folder channels."""
        return self.exchange_dir or self.data_dir / "exchange"

    @property
    def exports_folder(self) -> Path:
        """The folder where finished dossiers wait."""
        return self.data_dir / "exports"

    @property
    def keys_folder(self) -> Path:
        """The folder the signing keys are kept in."""
        return self.keys_dir or self.data_dir / "keys"

    @property
    def is_loopback(self) -> bool:
        """Whether the address to listen on is reachable from this machine only.

        >>> Settings(host="0.0.0.0").is_loopback
        False
        """
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def settings_from(
    given: Mapping[str, object] | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """The settings that the environment names, and those given, which win.

    Lists and objects are written as JSON; an empty variable is one that is not set. Raises
    `SettingsRefusedError`.

    >>> settings_from({"port": 80}, {"PACKTRAIL_COMPANY_PREFIXES": '["0614141"]'}).company_prefixes
    ('0614141',)
    >>> settings_from(environ={"PACKTRAIL_PORT": "99999"})
    Traceback (most recent call last):
    compliance.service.settings.SettingsRefusedError: PACKTRAIL_PORT: Expected `int` <= 65535
    """
    named = {name.upper(): text for name, text in environ.items()}
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        text = named.get(PREFIX + field.name.upper())
        if given and field.name in given:
            values[field.name] = _value(field, given[field.name])
        elif text:
            values[field.name] = _value(field, _parsed(field, text))
    return Settings(**values)  # type: ignore[arg-type]  # each value was converted to its field's type


def _parsed(field: msgspec.structs.FieldInfo, text: str) -> object:
    """A variable's text as what its field holds: JSON for lists and objects."""
    if not isinstance(msgspec.inspect.type_info(field.type), _WRITTEN_AS_JSON):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as fault:
        raise SettingsRefusedError(f"{PREFIX}{field.name.upper()}: {fault}; write JSON") from None


def _value(field: msgspec.structs.FieldInfo, value: object) -> object:
    try:
        return msgspec.convert(value, field.type, strict=False, dec_hook=_path)
    except msgspec.ValidationError as fault:
        raise SettingsRefusedError(f"{PREFIX}{field.name.upper()}: {fault}") from None


def _path(kind: type, value: object) -> object:
    if isinstance(value, kind):
        return value
    return kind(value)


_WRITTEN_AS_JSON = (
    msgspec.inspect.VarTupleType,
    msgspec.inspect.DictType,
)
