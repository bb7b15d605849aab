"""`packtrail snapshot`: what a till without a line needs to stop what must not be supplied."""

from __future__ import annotations

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
    moment,
    opened_store,
    print_json,
    read_file,
    settings_for,
    stop,
)
from compliance.service.cli.packs import expiry_of, gtin14

if TYPE_CHECKING:
    from verification.offline.offline_snapshot import OfflineSnapshot

snapshot = typer.Typer(no_args_is_help=True, help="Signed snapshots for tills without a line.")
FileName = Annotated[Path, typer.Argument(metavar="FILE", help="The snapshot.")]
Key = Annotated[Path, typer.Option("--key", help="The operator's public key, PEM.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(snapshot, name="snapshot")


@snapshot.command()
def make(
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write it.")],
    database: Database = "",
    now: Now = None,
) -> None:
    """Write a signed snapshot of every stopped pack, lot and product."""
    from compliance.service.server_keys import keys_of
    from verification.offline import offline_snapshot

    settings = settings_for(database)
    keys = keys_of(settings)
    with opened_store(database) as store, store.read() as snapshot:
        content = offline_snapshot.take(snapshot, moment(now), market=settings.market)
    sealed = offline_snapshot.seal(content, keys.log)
    out.write_bytes(sealed)
    typer.echo(f"{out}: {len(sealed)} bytes")


@snapshot.command()
def key(database: Database = "") -> None:
    """Print the public key that tills check snapshots with, PEM."""
    from compliance.service.server_keys import keys_of
    from verification.offline.offline_snapshot import public_pem

    typer.echo(public_pem(keys_of(settings_for(database)).log).decode().strip())


@snapshot.command()
def check(file: FileName, key: Key, now: Now = None, json: Json = False) -> None:
    """Say whether a snapshot is whole, ours and young enough."""
    from verification.offline.offline_snapshot import AGE_MAX

    opened = _opened(file, key)
    age = opened.age(moment(now))
    fresh = age <= AGE_MAX
    content = opened.content
    shown = {
        "made": content.made.isoformat(),
        "age_s": int(age.total_seconds()),
        "fresh": fresh,
        "stopped_packs": content.stopped_packs,
        "stopped_lots": len(content.lots),
        "withdrawn_products": len(content.withdrawn),
    }
    if json:
        print_json(shown)
    else:
        typer.echo(f"made {content.made:%Y-%m-%d %H:%M} UTC, {'fresh' if fresh else 'too old'}")
    raise typer.Exit(FINE if fresh else CANNOT_TELL)


@snapshot.command()
def ask(
    file: FileName,
    gtin: Annotated[str, typer.Argument(help="GTIN of the pack.")],
    serial: Annotated[str, typer.Argument(help="Serial number.")],
    key: Key,
    lot: Annotated[str | None, typer.Option(help="Lot on the pack.")] = None,
    expiry: Annotated[str | None, typer.Option(help="Expiry on the pack, YYMMDD.")] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Ask a snapshot about a pack; it can say stop, never that a pack is genuine."""
    from verification.offline.offline_snapshot import SAYS

    opened = _opened(file, key)
    why = opened.stops(gtin14(gtin), serial, lot, moment(now), expiry_of(expiry))
    say = SAYS[why]
    if json:
        print_json({"stops": why or None, "say": say, "made": opened.content.made.isoformat()})
    else:
        typer.echo(say)
    raise typer.Exit({"": FINE, "stale": CANNOT_TELL}.get(why, BAD))


def _opened(file: Path, key: Path) -> OfflineSnapshot:
    from verification.offline.offline_snapshot import SnapshotRefusedError, open_snapshot

    try:
        return open_snapshot(read_file(file), read_file(key))
    except SnapshotRefusedError as refused:
        stop(BAD, f"{file}: {refused}")
