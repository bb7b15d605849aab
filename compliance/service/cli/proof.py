"""`packtrail export`, `verify-export`, `restamp`, `keys` and `fsck`: what can be proved."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    CANNOT_TELL,
    FINE,
    Database,
    Json,
    Now,
    grouped,
    moment,
    opened_store,
    print_json,
    read_file,
    settings_for,
    stop,
)
from compliance.service.cli.packs import gtin14

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from compliance.dossier import DossierSelection, Exported, RedactionProfile
    from compliance.seal import Keys
    from compliance.service.settings import Settings

keys_commands = typer.Typer(no_args_is_help=True, help="Signing keys and certificates.")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(export)
    app.command(name="verify-export")(verify_export)
    app.command()(restamp)
    app.command()(fsck)
    app.add_typer(keys_commands, name="keys")


@dataclass(frozen=True, kw_only=True)
class SelectionOptions:
    """What a dossier is about: one thing, or a period."""

    pack: Annotated[
        tuple[str, str] | None, typer.Option(metavar="GTIN SERIAL", help="One pack's history.")
    ] = None
    lot: Annotated[
        tuple[str, str] | None, typer.Option(metavar="GTIN LOT", help="A lot's history.")
    ] = None
    case: Annotated[str | None, typer.Option(metavar="SSCC", help="A case's history.")] = None
    shipment: Annotated[
        str | None, typer.Option(metavar="TRANSACTION", help="TI and TS of a shipment.")
    ] = None
    recall: Annotated[str | None, typer.Option(metavar="ID", help="A recall.")] = None
    from_: Annotated[str | None, typer.Option("--from", help="From this time on.")] = None
    to: Annotated[str | None, typer.Option(help="Before this time.")] = None
    kind: Annotated[
        str,
        typer.Option(help="With --from and --to: the kind of dossier; a wrong one lists them all."),
    ] = "period"
    complete: Annotated[
        bool,
        typer.Option(help="Of a period: by time of recording, proving that nothing is missing."),
    ] = False
    who: Annotated[str | None, typer.Option(help="Of an audit trail: whose acts.")] = None
    purpose: Annotated[str, typer.Option(help="Of an authority report: 39(a), 39(b) or 39(c).")] = (
        "39(a)"
    )

    def selection(self) -> DossierSelection:
        """The one selection; none, several or nonsense end the command."""
        from compliance.dossier.kinds import selection_from

        about = {
            "pack": self.pack and {"gtin": gtin14(self.pack[0]), "serial": self.pack[1]},
            "lot": self.lot and {"gtin": gtin14(self.lot[0]), "lot": self.lot[1]},
            "case": self.case and {"sscc": self.case},
            "shipment": self.shipment and {"transaction": self.shipment},
            "recall": self.recall and {"id": self.recall},
            self.kind: (self.from_ or self.to) and self._period(),
        }
        given = [{"kind": kind, **fields} for kind, fields in about.items() if fields]
        if len(given) != 1:
            stop(
                CANNOT_TELL,
                "name one of --pack GTIN SERIAL, --lot GTIN LOT, --case SSCC, "
                "--shipment TRANSACTION, --recall ID, or --from T --to T",
            )
        try:
            return selection_from(given[0])
        except ValueError as fault:
            stop(CANNOT_TELL, str(fault))

    def _period(self) -> dict[str, str]:
        return {
            "by": "record time" if self.complete else "event time",
            "from": _time(self.from_, "1970-01-01").isoformat(),
            "to": _time(self.to, "9999-12-31").isoformat(),
            "who": self.who or "everybody",
            "purpose": self.purpose,
        }


@grouped
def export(
    out: Annotated[
        Path, typer.Option("-o", help="The .asice file to write; .csv or .xlsx for a table.")
    ],
    about: SelectionOptions,
    table: Annotated[
        str, typer.Argument(metavar="[TABLE]", help="packs, products or places, as a sheet.")
    ] = "",
    profile: Annotated[
        str,
        typer.Option(
            help="What the recipient is shown: internal, regulator-us, regulator-eu, "
            "regulator-eu-39bc, partner, public, one of your own, or a file (.json)."
        ),
    ] = "",
    party: Annotated[
        str | None, typer.Option(metavar="GLN", help="Only what this partner may see.")
    ] = None,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Write a signed dossier that anyone can check without trusting us; or a table as a sheet."""
    if table:
        _export_table(table, out, database, json=json)
        return
    written = _write(
        about.selection(), out, profile, party=party, database=database, now=moment(now)
    )
    answer = {"file": str(out), **written.as_dict()}
    if json:
        print_json(answer)
    else:
        typer.echo(f"{out}: {answer['events']} events, signed")


def _export_table(table: str, out: Path, database: str, *, json: bool) -> None:
    from compliance.spreadsheets.export import write_sheet

    with opened_store(database) as store:
        count = write_sheet(store, table, out)
    if json:
        print_json({"file": str(out), "table": table, "rows": count})
    else:
        typer.echo(f"{out}: {count} rows")


def _write(
    selection: DossierSelection,
    out: Path,
    profile: str,
    *,
    party: str | None,
    database: str,
    now: datetime,
) -> Exported:
    from compliance.dossier import CannotSeal, ExportRefused, Recipient
    from compliance.dossier import export as write_dossier
    from compliance.seal.signer import SealRefused
    from compliance.service.server_keys import keys_of

    settings = settings_for(database)
    shown = _profile(profile or ("partner" if party else ""), settings)
    recipient = Recipient(shown, _party(party))
    try:
        keys = keys_of(settings)
    except SealRefused as refused:
        stop(CANNOT_TELL, str(refused))
    with opened_store(database) as store, _progress() as progress:
        try:
            return write_dossier(
                store,
                selection,
                out,
                keys,
                now=now,
                by="command",
                recipient=recipient,
                progress=progress,
            )
        except CannotSeal as refused:
            stop(CANNOT_TELL, str(refused))
        except ExportRefused as refused:
            stop(BAD, str(refused))
        except OSError as fault:
            stop(CANNOT_TELL, f"{out}: {fault.strerror or fault}; nothing was written")


def _profile(name: str, settings: Settings) -> RedactionProfile | None:
    from compliance.dossier import ExportRefused
    from compliance.dossier.redaction import find_profile, read_profile

    try:
        if name.endswith(".json"):
            return read_profile(Path(name))
        return find_profile(name, settings.redaction_profiles) if name else None
    except ExportRefused as refused:
        stop(CANNOT_TELL, str(refused))
    except OSError as fault:
        stop(CANNOT_TELL, f"{name}: {fault.strerror or fault}")


def _party(gln: str | None) -> str | None:
    from schemas.gs1.keys import Gln

    try:
        return f"/414/{Gln.parse(gln).number}" if gln else None
    except ValueError as fault:
        stop(CANNOT_TELL, f"{gln}: {fault}")


def _finding_line(finding: Mapping[str, object]) -> str:
    """What was found and what to do about it."""
    return f"{finding['what']}; {finding['hint']}" if finding["hint"] else str(finding["what"])


def _time(text: str | None, default: str) -> datetime:
    try:
        return moment(datetime.fromisoformat(text or default))
    except ValueError:
        stop(CANNOT_TELL, f"'{text}' is not a time; write it as 2026-01-31 or 2026-01-31T12:00:00Z")


@contextmanager
def _counting() -> Iterator[Callable[[str, int], None] | None]:
    """What is being checked and how many were, on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield lambda what, count: status.update(f"{what}: {count:,}")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal; called with (done, total) events."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("exporting", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@keys_commands.command()
def root(database: Database = "") -> None:
    """Print the root certificate that exports are checked against, as PEM."""
    from compliance.service.server_keys import keys_of

    settings = settings_for(database)
    keys = keys_of(settings)
    typer.echo(keys.root_pem().decode(), nl=False)


@keys_commands.command()
def rotate(database: Database = "") -> None:
    """Make a new sealing key; what older ones sealed stays valid."""
    from compliance.seal.checkpoint import log_key_change
    from compliance.service.server_keys import keys_of

    settings = settings_for(database)
    keys = keys_of(settings)
    with opened_store(database) as store:
        made = keys.rotate()
        log_key_change(store, "key-made", made, by="command", now=datetime.now(UTC))
    typer.echo(f"sealing with {made.subject.rfc4514_string()} from now on")


@keys_commands.command()
def revoke(
    serial: Annotated[str, typer.Argument(help="Serial number of the certificate, hexadecimal.")],
    reason: Annotated[str, typer.Option(help="A word of RFC 5280.")] = "key_compromise",
    database: Database = "",
) -> None:
    """Trust a certificate no more: its key seals nothing from now on."""
    from compliance.seal.checkpoint import log_key_change
    from compliance.service.server_keys import keys_of

    settings = settings_for(database)
    keys = keys_of(settings)
    for certificate in keys.certificates()[1:]:
        if f"{certificate.serial_number:x}" == serial.lower().replace(":", "").lstrip("0"):
            with opened_store(database) as store:
                keys.revoke(certificate, reason)
                log_key_change(
                    store, "key-revoked", certificate, by="command", now=datetime.now(UTC)
                )
            typer.echo(f"revoked {certificate.subject.rfc4514_string()}")
            return
    stop(BAD, f"no certificate with the serial number {serial} was issued here")


@keys_commands.command()
def certify(
    public_key: Annotated[Path, typer.Argument(help="Public key (PEM), on the curve P-256.")],
    title: Annotated[str, typer.Option(help="Name on the certificate.")] = "Packtrail seal",
    database: Database = "",
) -> None:
    """Print a sealing certificate for a key on a token or in a service, as PEM."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key

    from compliance.seal.checkpoint import log_key_change
    from compliance.service.server_keys import keys_of

    try:
        key = load_pem_public_key(read_file(public_key))
    except ValueError:
        stop(BAD, f"{public_key} is not a public key in PEM")
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        stop(BAD, f"{public_key} is not a key on the curve P-256")
    keys = keys_of(settings_for(database))
    with opened_store(database) as store:
        made = keys.certify(key, title)
        log_key_change(store, "key-certified", made, by="command", now=datetime.now(UTC))
    typer.echo(made.public_bytes(Encoding.PEM).decode(), nl=False)


@keys_commands.command(name="list")
def list_(database: Database = "") -> None:
    """Every certificate issued here: serial number, name, until when, and whether it is revoked."""
    from compliance.service.server_keys import keys_of

    settings = settings_for(database)
    keys = keys_of(settings)
    crl = keys.crl
    for certificate in keys.certificates():
        revoked = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        typer.echo(
            f"{certificate.serial_number:x}  {certificate.subject.rfc4514_string()}"
            f"  until {certificate.not_valid_after_utc:%Y-%m-%d}{'  REVOKED' if revoked else ''}"
        )


def verify_export(
    file: Annotated[Path, typer.Argument(help="An .asice dossier.")],
    trust: Annotated[
        Path | None, typer.Option(help="Root certificate (PEM) you trust, got from its issuer.")
    ] = None,
    json: Json = False,
) -> None:
    """Check a dossier: 0 intact, 1 tampered, 2 cannot tell."""
    from compliance.dossier import verify_export as verify

    outcome = verify(file, read_file(trust) if trust else None)
    findings = [finding.as_dict() for finding in outcome.findings]
    word = {FINE: "intact", BAD: "tampered", CANNOT_TELL: "cannot tell"}[outcome.exit_code]
    if json:
        print_json({"file": str(file), "outcome": word, "findings": findings})
    else:
        typer.echo(f"{file}: {word}")
        for finding in findings:
            typer.echo(f"  {finding['severity']}: {_finding_line(finding)}")
    raise typer.Exit(outcome.exit_code)


def restamp(
    files: Annotated[list[Path], typer.Argument(help="Dossiers (.asice) that are kept.")],
    older_than: Annotated[
        int, typer.Option(metavar="DAYS", help="Only those not stamped for so many days.", min=0)
    ] = 0,
    trust: Annotated[
        Path | None,
        typer.Option(help="Root certificates (PEM) to check them with first; default: ours."),
    ] = None,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Put a new time stamp beside dossiers before the old one can no longer be trusted."""
    from compliance.seal.signer import SealRefused
    from compliance.service.server_keys import keys_of

    try:
        keys = keys_of(settings_for(database))
    except SealRefused as refused:
        stop(CANNOT_TELL, str(refused))
    roots = read_file(trust) if trust else keys.trusted_pem()
    since = moment(now) - timedelta(days=older_than)
    restamped = [(file, *_restamped(file, keys, roots, since)) for file in files]
    if json:
        print_json(
            [{"file": str(file), "what": what, "exit": code} for file, code, what in restamped]
        )
    else:
        typer.echo("\n".join(f"{file}: {what}" for file, _, what in restamped))
    raise typer.Exit(max(code for _, code, _ in restamped))


def _restamped(file: Path, keys: Keys, roots: bytes, since: datetime) -> tuple[int, str]:
    """The exit code for one dossier, and what became of it."""
    from compliance.dossier import ExportRefused
    from compliance.dossier import verify_export as verify
    from compliance.dossier.renewal import renew
    from compliance.seal.signer import SealRefused

    outcome = verify(file, roots)
    if outcome.stamped_at is None:
        return outcome.exit_code, f"not stamped: {outcome.findings[0].what}"
    if outcome.stamped_at > since:
        return FINE, f"was stamped on {outcome.stamped_at:%Y-%m-%d}"
    try:
        made = renew(file, keys.stamper)
    except ExportRefused as refused:
        return BAD, str(refused)
    except SealRefused as refused:
        return CANNOT_TELL, str(refused)
    except OSError as fault:
        return CANNOT_TELL, f"{fault.strerror or fault}; nothing was written"
    return FINE, f"stamped: {made.name}"


def fsck(
    database: Database = "",
    rebuild: Annotated[
        bool, typer.Option(help="Write item state and containment anew from the events.")
    ] = False,
    json: Json = False,
) -> None:
    """Check that ledger, stored events and item state agree."""
    from compliance.fsck import fsck as check_store
    from compliance.seal.signer import SealRefused

    folder = settings_for(database).keys_folder
    with opened_store(database) as store, _counting() as progress:
        try:
            findings = list(
                check_store(
                    store,
                    now=datetime.now(UTC),
                    keys_folder=folder,
                    rebuild=rebuild,
                    progress=progress,
                )
            )
        except SealRefused as fault:
            stop(CANNOT_TELL, str(fault))
    shown = [finding.as_dict() for finding in findings]
    bad = any(finding["severity"] in ("error", "critical") for finding in shown)
    if json:
        print_json({"agree": not bad, "findings": shown})
    else:
        typer.echo("something disagrees" if bad else "ledger, events and item state agree")
        for finding in shown:
            typer.echo(f"  {finding['severity']}: {_finding_line(finding)}")
    raise typer.Exit(BAD if bad else FINE)
