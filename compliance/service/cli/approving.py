"""`packtrail approvals`: what waits for a second person, and its approval on this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    CANNOT_TELL,
    Database,
    Json,
    opened_store,
    print_json,
    stop,
)


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(approvals)


def approvals(
    approve: Annotated[str, typer.Option(metavar="ID", help="Approve what waits.")] = "",
    by: Annotated[str, typer.Option(help="Who approves: not who asked for it.")] = "",
    database: Database = "",
    json: Json = False,
) -> None:
    """List what waits for a second person, or approve it in that person's name."""
    from compliance.service import access
    from compliance.service.approvals import approve as approved
    from compliance.service.approvals import waiting
    from epcis.http_context import Caller
    from epcis.problem import Problem

    if bool(approve) != bool(by.strip()):
        stop(CANNOT_TELL, "name both: --approve ID --by NAME")
    now = datetime.now(UTC)
    caller = Caller(by.strip(), access.EVERYTHING, None, "command")
    with opened_store(database) as store:
        if approve:
            try:
                with store.write(now) as tx:
                    found = [approved(tx, approve, caller)]
            except Problem as refused:
                stop(BAD, refused.detail)
        else:
            with store.read() as snapshot:
                found = waiting(snapshot, caller, now)
    if json:
        print_json([one.as_dict() for one in found])
        return
    for one in found:
        state = f"approved by {one.approved_by}" if one.approved_by else "waits"
        typer.echo(f"{one.id}  {one.act}  {state}; asked by {one.asked_by} {one.asked:%F %H:%M}")
        typer.echo(f"  {one.what}")
    if not found:
        typer.echo("nothing waits")
