"""`packtrail validation`: the signed dossier that an audit of the system asks for first."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    CANNOT_TELL,
    FINE,
    Json,
    print_json,
    read_file,
    settings_for,
    stop,
)


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(validation)


def validation(
    results: Annotated[Path, typer.Argument(help="What pytest --validation-results FILE wrote.")],
    out: Annotated[Path, typer.Option("-o", help="The .asice file to write.")],
    json: Json = False,
) -> None:
    """Make the validation pack: requirements, risks, trace matrix and results, signed."""
    from compliance.seal import SealRefused
    from compliance.service.server_keys import keys_of
    from compliance.validation.catalogue import ResultsRefused, run_from
    from compliance.validation.pack import in_short, write_pack

    content = read_file(results)
    try:
        run = run_from(content)
        write_pack(out, run, content, keys_of(settings_for("")), now=datetime.now(UTC))
    except (ResultsRefused, SealRefused) as refused:
        stop(CANNOT_TELL, str(refused))
    except OSError as fault:
        stop(CANNOT_TELL, f"{out}: {fault.strerror or fault}")
    summary = in_short(run)
    if json:
        print_json(summary)
    else:
        typer.echo(f"{out}: {summary['tests']} tests of version {summary['version']}")
        states = summary["states"]
        assert isinstance(states, dict)
        for state, count in states.items():
            typer.echo(f"  {state}: {count}")
        for name in ("failed", "notRun", "open"):
            if ids := summary[name]:
                assert isinstance(ids, list)
                typer.echo(f"  {name}: {', '.join(ids)}")
    raise typer.Exit(BAD if summary["failed"] or summary["notRun"] else FINE)
