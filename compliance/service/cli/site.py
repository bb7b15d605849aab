"""`packtrail site`: who runs this installation, shown and entered by file."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path  # typer reads the annotations at run time
from typing import Annotated

import typer

from compliance.service.cli.options import BAD, Database, Json, opened_store, print_json, stop

sites = typer.Typer(no_args_is_help=True, help="The company that runs this installation.")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(sites, name="site")


@sites.command()
def show(database: Database = "", json: Json = False) -> None:
    """Print who runs this installation, in the form that `apply` reads."""
    import msgspec

    from compliance.site import site_of

    with opened_store(database) as store, store.read() as snapshot:
        site = site_of(snapshot)
    if site is None:
        stop(BAD, "no company is entered: packtrail site apply FILE, or the browser")
    values = msgspec.to_builtins(site)
    if json:
        print_json(values)
        return
    for name, value in values.items():
        typer.echo(f"{name} = {msgspec.json.encode(value).decode()}")


@sites.command()
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="TOML.")],
    by: Annotated[str, typer.Option("--by", help="Your name; kept in the record.")] = "command",
    database: Database = "",
) -> None:
    """Enter who runs this installation; a running server takes it over at its next start."""
    from compliance.site import profile_from, put_site

    with opened_store(database) as store:
        profile = profile_from(_read(file))
        with store.write(datetime.now(UTC)) as tx:
            put_site(tx, profile, by=by)
    typer.echo(f"{profile.name} ({profile.kind.value}) runs this installation")


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        stop(BAD, f"{file}: {fault}")
