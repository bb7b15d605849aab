"""`packtrail transaction`: transaction information and statement of a shipment, or its file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    CANNOT_TELL,
    Database,
    opened_store,
    settings_for,
    stop,
)


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(transaction)


def transaction(
    shipment: Annotated[
        str,
        typer.Argument(
            help="Order, despatch advice, invoice or SSCC; or a partner's GLN and a day, as"
            " '0366666000014 2026-11-20'."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("-o", help="File to write: .pdf, .json, .csv, or .xml for an EPCIS file."),
    ],
    database: Database = "",
    sign: Annotated[
        bool, typer.Option(help="Write a signature beside it, FILE.p7s (CAdES, detached).")
    ] = True,
) -> None:
    """Write the transaction document of a shipment: the same bytes whenever it is written.

    .xml is an EPCIS 1.2 file by the GS1 US guideline R1.3, for the next owner of the goods.
    """
    from compliance.transactions.document import MEDIA_TYPES, document_pieces
    from compliance.transactions.information import TransactionRefused

    form = out.suffix.lstrip(".").lower()
    if form not in MEDIA_TYPES:
        stop(CANNOT_TELL, f"{out}: name a file that ends in .{', .'.join(MEDIA_TYPES)}")
    owner = settings_for(database).owner_gln
    part = out.with_name(out.name + ".part")
    try:
        with opened_store(database) as store, store.read() as snapshot, part.open("wb") as file:
            file.writelines(document_pieces(snapshot, shipment, form, owner_gln=owner))  # type: ignore[arg-type]  # a key of MEDIA_TYPES
        part.replace(out)
    except TransactionRefused as refused:
        stop(BAD, str(refused))
    except OSError as fault:
        stop(CANNOT_TELL, f"{fault.filename or out}: {fault.strerror or fault}")
    finally:
        part.unlink(missing_ok=True)
    typer.echo(f"{out}: {out.stat().st_size} bytes")
    if sign:
        _sign(out, database)


def _sign(out: Path, database: str) -> None:
    """Write the detached signature of a file beside it."""
    from compliance.seal.cades import sign_beside
    from compliance.service.server_keys import keys_of

    beside = out.with_name(out.name + ".p7s")
    beside.write_bytes(sign_beside(out.read_bytes(), keys_of(settings_for(database))))
    typer.echo(f"{beside}: check it with openssl cms -verify")
