"""The `packtrail` command.

Exit codes of every command: 0 the input is fine or the answer is yes, 1 the input is bad or the
answer is no, 2 it cannot be told or the command was used wrongly.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as distribution_version
from typing import Annotated

import typer

from compliance.service.cli import (
    documents,
    duties,
    packs,
    partners,
    proof,
    recalls,
    retention,
    scanning,
    serving,
    snapshots,
    watching,
)

app = typer.Typer(
    name="packtrail",
    help="Track-and-trace compliance for medicines: scan, verify, trace, recall, prove.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for commands in (
    *(scanning, documents, packs, watching, partners, snapshots, recalls),
    *(proof, duties, retention, serving),
):
    commands.add_to(app)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(distribution_version("packtrail"))
        raise typer.Exit


def main() -> None:
    """Run the command line; a fault outside the input ends with one sentence and exit code 2."""
    try:
        app()
    except BrokenPipeError:
        # The reader of our output left (`| head`): not an error, but nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(2)
    except Exception as fault:  # the last line of defence: no stack trace at a pharmacist's counter
        if os.environ.get("PACKTRAIL_DEBUG"):
            raise
        typer.echo(_explain(fault), err=True)
        sys.exit(2)


def _explain(fault: Exception) -> str:
    from pydantic import ValidationError
    from sqlalchemy.exc import DBAPIError

    if isinstance(fault, DBAPIError):
        return f"The database cannot be used: {fault.orig}. See `packtrail doctor`."
    if isinstance(fault, ValidationError):
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors()]
        return "A setting cannot be used: " + "; ".join(lines)
    return f"{type(fault).__name__}: {fault} (set PACKTRAIL_DEBUG=1 for the whole story)"
