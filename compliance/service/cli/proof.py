"""`packtrail export`, `keys root`, `verify-export` and `fsck`: what can be proved."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compliance.service.cli.options import (
    BAD,
    CANNOT_TELL,
    FINE,
    Database,
    Json,
    Now,
    moment,
    opened_store,
    print_json,
    read_file,
    settings_for,
    stop,
)
from compliance.service.cli.packs import gtin14

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

keys_commands = typer.Typer(no_args_is_help=True, help="Signing keys and certificates.")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(export)
    app.command(name="verify-export")(verify_export)
    app.command()(fsck)
    app.add_typer(keys_commands, name="keys")


def export(
    out: Annotated[Path, typer.Option("-o", help="The .asice file to write.")],
    pack: Annotated[
        tuple[str, str] | None, typer.Option(metavar="GTIN SERIAL", help="One pack's history.")
    ] = None,
    lot: Annotated[
        tuple[str, str] | None, typer.Option(metavar="GTIN LOT", help="A lot's history.")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Events from this time on.")] = None,
    to: Annotated[str | None, typer.Option(help="Events before this time.")] = None,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Write a signed dossier that anyone can check without trusting us."""
    from compliance.dossier import ExportRefused
    from compliance.dossier import export as write_dossier
    from compliance.seal import Keys

    selection = _selection(pack, lot, from_, to)
    settings = settings_for(database)
    keys = Keys.open(settings.keys_folder, settings.key_passphrase or None)
    with opened_store(database) as store, _progress() as progress:
        try:
            written = write_dossier(
                store, selection, out, keys, now=moment(now), by="command", progress=progress
            )
        except ExportRefused as refused:
            stop(BAD, str(refused))
        except OSError as fault:
            stop(CANNOT_TELL, f"{out}: {fault.strerror or fault}; nothing was written")
    answer = {"file": str(out), **written.as_dict()}
    if json:
        print_json(answer)
    else:
        typer.echo(f"{out}: {answer['events']} events, signed")


def _selection(
    pack: tuple[str, str] | None,
    lot: tuple[str, str] | None,
    from_: str | None,
    to: str | None,
) -> Any:  # noqa: ANN401  # one of compliance.dossier's selections, loaded late
    from compliance.dossier import Lot, Pack, Period

    period = (from_, to) if from_ or to else None
    if sum(choice is not None for choice in (pack, lot, period)) != 1:
        stop(CANNOT_TELL, "name one of --pack GTIN SERIAL, --lot GTIN LOT, --from T --to T")
    if pack is not None:
        return Pack(gtin14(pack[0]), pack[1])
    if lot is not None:
        return Lot(gtin14(lot[0]), lot[1])
    return Period(_time(from_, "1970-01-01"), _time(to, "9999-12-31"))


def _time(text: str | None, default: str) -> datetime:
    try:
        return moment(datetime.fromisoformat(text or default))
    except ValueError:
        stop(CANNOT_TELL, f"'{text}' is not a time; write it as 2026-01-31 or 2026-01-31T12:00:00Z")


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
    from compliance.seal import Keys

    settings = settings_for(database)
    keys = Keys.open(settings.keys_folder, settings.key_passphrase or None)
    typer.echo(keys.root_pem().decode(), nl=False)


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
            typer.echo(f"  {finding['severity']}: {finding['what']} {finding['hint']}")
    raise typer.Exit(outcome.exit_code)


def fsck(
    database: Database = "",
    rebuild: Annotated[
        bool, typer.Option(help="Write item state and containment anew from the events.")
    ] = False,
    json: Json = False,
) -> None:
    """Check that ledger, stored events and item state agree."""
    from epcis.fsck import fsck as check_store

    with opened_store(database) as store:
        findings = list(check_store(store, now=datetime.now(UTC), rebuild=rebuild))
    shown = [finding.as_dict() for finding in findings]
    bad = any(finding["severity"] in ("error", "critical") for finding in shown)
    if json:
        print_json({"agree": not bad, "findings": shown})
    else:
        typer.echo("something disagrees" if bad else "ledger, events and item state agree")
        for finding in shown:
            typer.echo(f"  {finding['severity']}: {finding['what']} {finding['hint']}")
    raise typer.Exit(BAD if bad else FINE)
