"""`packtrail directory`, `extensions`, `returns`: what verification with partners rests on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    Database,
    Json,
    Now,
    moment,
    opened_store,
    print_json,
    read_file,
    stop,
)
from compliance.service.cli.packs import gtin14

directory = typer.Typer(no_args_is_help=True, help="Who answers verification questions (VRS).")
extensions = typer.Typer(no_args_is_help=True, help="Lots whose expiry was extended.")
returned = typer.Typer(no_args_is_help=True, help="Saleable returns and their proofs.")
FileName = Annotated[Path, typer.Argument(metavar="FILE", help="JSON file.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(directory, name="directory")
    app.add_typer(extensions, name="extensions")
    app.add_typer(returned, name="returns")


@directory.command(name="import")
def directory_import(
    file: FileName,
    source: Annotated[str, typer.Option(help="Its name; entries of that name are replaced.")],
    database: Database = "",
    now: Now = None,
) -> None:
    """Take over a lookup directory."""
    from verification.vrs.directory import DirectoryRefusedError, take_over

    try:
        with opened_store(database) as store, store.write(moment(now)) as tx:
            entries = take_over(tx, read_file(file), source)
    except DirectoryRefusedError as refused:
        stop(BAD, f"{file}: {refused}")
    typer.echo(f"{entries} entries")


@directory.command(name="export")
def directory_export(database: Database = "") -> None:
    """Print the lookup directory as JSON."""
    from verification.vrs.directory import hand_out

    with opened_store(database) as store, store.read() as snapshot:
        typer.echo(hand_out(snapshot).decode())


@extensions.command(name="import")
def extensions_import(file: FileName, database: Database = "", now: Now = None) -> None:
    """Extend the expiry of lots: a list of gtin, lot, expiry, reference; all or none."""
    from verification.fmd.expiry_extension import ExtensionRefusedError, extend, extensions_of

    try:
        wanted = extensions_of(read_file(file))
        with opened_store(database) as store, store.write(moment(now)) as tx:
            count = extend(tx, wanted, by="command")
    except ExtensionRefusedError as refused:
        stop(BAD, f"{file}: {refused}")
    typer.echo(f"{count} lots extended")


@extensions.command(name="list")
def extensions_list(database: Database = "", json: Json = False) -> None:
    """List extended lots."""
    import msgspec

    from verification.fmd.expiry_extension import extensions as of_store

    with opened_store(database) as store, store.read() as snapshot:
        found = of_store(snapshot)
    if json:
        print_json(msgspec.to_builtins(found))
    else:
        for one in found:
            typer.echo(f"{one.gtin}  {one.lot}  {one.expiry}  {one.reference}")


@extensions.command(name="end")
def extensions_end(
    gtin: Annotated[str, typer.Argument(help="GTIN of the product.")],
    lot: Annotated[str, typer.Argument(help="Lot.")],
    database: Database = "",
    now: Now = None,
) -> None:
    """Take back an extension that was put down in error."""
    from verification.fmd.expiry_extension import take_back

    with opened_store(database) as store, store.write(moment(now)) as tx:
        gone = take_back(tx, gtin14(gtin), lot)
    if not gone:
        stop(BAD, f"the expiry of {gtin} {lot} is not extended")


@returned.command(name="list")
def returns_list(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those undecided.")] = False,
    days: Annotated[int, typer.Option(help="How many days back.", min=1, max=366)] = 31,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """List returned packs and what was decided about them."""
    import msgspec

    from verification.returns.saleable_return import returns_since

    since = moment(now) - timedelta(days=days)
    with opened_store(database) as store, store.read() as snapshot:
        found = returns_since(snapshot, since, only_waiting=waiting)
    if json:
        print_json(msgspec.to_builtins(found))
    else:
        for one in found:
            when = f"{one.at:%Y-%m-%d %H:%M}"
            typer.echo(f"{when}  {one.gtin} {one.serial}  {one.decision}: {one.why}")


@returned.command()
def proof(
    gtin: Annotated[str, typer.Argument(help="GTIN of the product.")],
    serial: Annotated[str, typer.Argument(help="Serial number.")],
    database: Database = "",
) -> None:
    """Print the latest decision about a returned pack and all it rests on, as JSON."""
    import msgspec

    from verification.returns.saleable_return import proof_for_resale

    try:
        with opened_store(database) as store, store.read() as snapshot:
            decided, rests_on = proof_for_resale(snapshot, gtin14(gtin), serial)
    except LookupError as fault:
        stop(BAD, str(fault))
    print_json({"return": msgspec.to_builtins(decided), "proof": rests_on})
