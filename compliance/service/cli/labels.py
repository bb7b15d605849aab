"""`packtrail label`: a label for a pack, case or pallet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from compliance.service.cli.options import BAD, CANNOT_TELL, stop

SYMBOLOGIES = {"datamatrix": "GS1 DataMatrix", "gs1-128": "GS1-128", "qr": "QR Code"}
"""Names of symbologies on the command line."""


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(label)


def label(
    text: Annotated[str, typer.Argument(help="GS1 text, as (01)…(21)…(17)…(10)….")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    form: Annotated[str, typer.Option("--format", help="png, svg, pdf or zpl.")] = "png",
    symbology: Annotated[str, typer.Option(help="datamatrix, gs1-128 or qr.")] = "datamatrix",
    sign: Annotated[
        list[str] | None, typer.Option(help="Storage sign below, such as COLD or FRAGILE.")
    ] = None,
    check: Annotated[
        str, typer.Option(metavar="SCANNED", help="What a scanner read from the printed label.")
    ] = "",
) -> None:
    """Draw a label with its human readable text; with --check compare a printed one."""
    from verification.label import Code, LabelRefused, StorageSign, Symbology
    from verification.label_formats import LabelFormat, differences, write_label

    if form not in set(LabelFormat) or symbology not in SYMBOLOGIES:
        stop(CANNOT_TELL, "--format is png, svg, pdf or zpl; --symbology datamatrix, gs1-128 or qr")
    unknown = [one for one in sign or () if one.upper() not in StorageSign.__members__]
    if unknown:
        stop(CANNOT_TELL, f"--sign {unknown[0]}: one of {', '.join(StorageSign.__members__)}")
    signs = tuple(StorageSign[one.upper()] for one in sign or ())
    try:
        code = Code.parse(text, Symbology(SYMBOLOGIES[symbology]), signs)
        content = write_label(code, LabelFormat(form))
        wrong = differences(text, check) if check else []
    except LabelRefused as refused:
        stop(BAD, "\n".join(f"{one.what}. {one.hint}" for one in refused.findings))
    if wrong:
        stop(BAD, "\n".join(wrong))
    try:
        output.write_bytes(content)
    except OSError as fault:
        stop(CANNOT_TELL, f"{output}: {fault.strerror or fault}")
