"""The `packtrail` command.

Exit codes of every command: 0 the input is fine or the answer is yes, 1 the input is bad or the
answer is no, 2 it cannot tell or the command was used wrongly.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module
from typing import Annotated, Final

import typer

COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "scanning": ("scan", "parse"),
    "checking": ("check",),
    "documents": ("convert", "hash", "capture"),
    "packs": ("verify", "trace"),
    "acts": ("act", "stock"),
    "insight": ("insight",),
    "watching": ("alerts", "anomalies"),
    "partners": ("directory", "extensions", "returns"),
    "sensors": ("sensors",),
    "snapshots": ("snapshot",),
    "recalls": ("recall",),
    "requests": ("request",),
    "transactions": ("transaction",),
    "receiving": ("receive",),
    "proof": ("export", "verify-export", "restamp", "fsck", "keys"),
    "duties": ("case", "licence", "audit"),
    "retention": ("retention", "archive"),
    "quarantine": ("quarantine",),
    "sheets": ("import",),
    "serials": ("serials",),
    "orders": ("order",),
    "counts": ("count",),
    "inspections": ("inspection",),
    "labels": ("label",),
    "backups": ("backup", "restore"),
    "validating": ("validation",),
    "approving": ("approvals",),
    "exchange": ("exchange",),
    "serving": ("serve", "doctor", "access"),
    "site": ("site",),
}
"""The commands by the module of this package that has them, in the order `--help` tells them."""


@cache
def command_line(*modules: str) -> typer.Typer:
    """The command line with the commands of these modules; of all, where none is named."""
    app = typer.Typer(
        name="packtrail",
        help="Track-and-trace compliance for medicines: scan, verify, trace, recall, prove.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for module in modules or COMMANDS:
        import_module(f"{__name__}.{module}").add_to(app)
    app.callback(invoke_without_command=True)(_root)
    return app


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as distribution_version

        typer.echo(distribution_version("packtrail"))
        raise typer.Exit


def main() -> None:
    """Run the command line; a fault outside the input ends with one sentence and exit code 2."""
    # Whatever this writes, data, keys or dossiers, is for the user who runs it alone.
    os.umask(0o077)
    # Typer reads the options of every command it has, so the one that was asked for comes alone.
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        command_line(*(module for module, names in COMMANDS.items() if asked in names))()
    except BrokenPipeError:
        # The reader of our output left (`| head`): not an error, but nothing more can be printed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(2)
    except Exception as fault:  # the last line of defence: no stack trace at a pharmacist's counter
        if os.environ.get("PACKTRAIL_DEBUG"):
            raise
        typer.echo(_explain(fault), err=True)
        sys.exit(2)


def _explain(fault: Exception) -> str:
    from sqlalchemy.exc import DBAPIError

    from compliance.service.settings import SettingsRefusedError

    if isinstance(fault, DBAPIError):
        return f"The database cannot be used: {fault.orig}. See `packtrail doctor`."
    if isinstance(fault, SettingsRefusedError):
        return f"A setting cannot be used: {fault}"
    return f"{type(fault).__name__}: {fault} (set PACKTRAIL_DEBUG=1 for the whole story)"
