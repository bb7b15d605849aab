"""`packtrail backup` and `restore`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    CANNOT_TELL,
    FINE,
    Database,
    Json,
    settings_for,
    show,
    stop,
)

if TYPE_CHECKING:
    from compliance.service.backup import MadeBackup


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(backup)
    app.command()(restore)


def backup(
    out: Annotated[Path, typer.Argument(help="The new file; never replaces one.")],
    database: Database = "",
    json: Json = False,
) -> None:
    """Back up database, keys, archive, dossiers and waiting captures while the server runs.

    PACKTRAIL_BACKUP_PASSPHRASE locks the file.
    """
    from compliance.service.backup import make_backup
    from compliance.service.backup_file import BackupRefused

    try:
        made = make_backup(settings_for(database), out, now=datetime.now(UTC))
    except BackupRefused as refused:
        stop(BAD, str(refused))
    except OSError as fault:
        stop(CANNOT_TELL, f"{out}: {fault.strerror or fault}; no backup was made")
    show(made.as_dict(), _backup_sentence(made), json=json)
    raise typer.Exit(BAD if made.lacks else FINE)


def _backup_sentence(made: MadeBackup) -> str:
    lines = [f"{made.file}: {made.files} files, {made.size_bytes} bytes, as of {made.about.made}"]
    if not made.is_locked:
        lines.append("not locked, and it holds keys: set PACKTRAIL_BACKUP_PASSPHRASE, or guard it")
    lines += [f"keep yourself, it is not in the backup: {one}" for one in made.outside]
    lines += [f"lacks a file that the database names: {one}" for one in made.lacks]
    return "\n".join(lines)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `packtrail backup` made.")],
    database: Database = "",
    json: Json = False,
) -> None:
    """Restore a backup to an empty place, and check everything; replaces nothing."""
    from compliance.service.backup_file import BackupRefused
    from compliance.service.restore import restore as put_in_place

    try:
        made = put_in_place(file, settings_for(database), now=datetime.now(UTC))
    except BackupRefused as refused:
        stop(BAD, str(refused))
    except OSError as fault:
        stop(CANNOT_TELL, f"{fault.filename or file}: {fault.strerror or fault}")
    bad = any(one.severity.value in {"error", "critical"} for one in made.findings)
    lines = [
        f"restored as of {made.about.made}",
        "something disagrees" if bad else "ledger, events and item state agree",
        *(f"  {one.severity}: {one.what}" for one in made.findings),
    ]
    show(made.as_dict(), "\n".join(lines), json=json)
    raise typer.Exit(BAD if bad else FINE)
