"""`packtrail convert`, `hash` and `capture`: EPCIS files."""

from __future__ import annotations

import sys
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    progress_bar,
    stop,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from epcis.capture import Receipt
    from epcis.codec.document import Syntax
    from epcis.model import Event
    from schemas.finding import Finding

_SEVERAL_CORES_FROM_BYTES = 4 * 2**20
"""A shorter file is converted before other processes have begun."""
_ALIKE_SHOWN_MAX = 3
"""Findings of one kind that are printed for people; all of them stand in the JSON."""
_PROCESSES_MAX = 8
"""Used unless an option says otherwise: each takes some 50 MB, and one process feeds them all."""


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(convert)
    app.command(name="hash")(hash_)
    app.command()(capture)


def convert(
    file: Annotated[Path, typer.Argument(help="An EPCIS file in any syntax.")],
    to: Annotated[str, typer.Option(help="xml-1.2, xml-2.0 or json-ld.")],
    out: Annotated[Path | None, typer.Option("-o", help="File to write; default: output.")] = None,
    processes: Annotated[
        int, typer.Option(min=0, help="Cores to use for a long file; 0 for all, up to 8.")
    ] = 0,
    json: Json = False,
) -> None:
    """Convert an EPCIS file; findings name what the target cannot hold.

    Ends with 1 where an event could not be read and is missing in what was written.
    """
    from epcis.codec.document import Syntax
    from schemas.finding import is_acceptable

    try:
        syntax = Syntax(to)
    except ValueError:
        stop(CANNOT_TELL, f"no syntax '{to}'; there are {', '.join(s.value for s in Syntax)}")
    if not file.is_file():
        stop(CANNOT_TELL, f"{file}: no such file")
    if json and out is None:
        stop(CANNOT_TELL, "--json prints the findings, so name a file with -o for the document")
    is_long = file.stat().st_size >= _SEVERAL_CORES_FROM_BYTES
    usual = min(cpu_count() or 1, _PROCESSES_MAX)
    findings = _converted(file, syntax, out, (processes or usual) if is_long else 1)
    if json:
        print_json({"file": str(file), "to": to, "findings": [f.as_dict() for f in findings]})
    else:
        _print_findings(file, findings, err=True)
    raise typer.Exit(FINE if is_acceptable(findings) else BAD)


def _converted(
    file: Path,
    syntax: Syntax,
    out: Path | None,
    processes: int,
) -> list[Finding]:
    """Convert into a file that gets its name only when it is whole, or onto standard output.

    Into a pipe or device it is written as it comes: such a thing is not replaced by a file.
    """
    from epcis.codec.document import DocumentRefused
    from epcis.codec.document import convert as convert_document

    flows = out is not None and out.exists() and not (out.is_file() or out.is_dir())
    part = out.with_name(out.name + ".part") if out is not None and not flows else None
    try:
        with file.open("rb") as source, progress_bar("converting", file.stat().st_size) as progress:
            how: Any = {"processes": processes, "progress": progress}
            if out is None:
                return convert_document(source, sys.stdout.buffer, syntax, **how)
            with (part or out).open("wb") as target:
                findings = convert_document(source, target, syntax, **how)
        if part is not None:
            part.replace(out)
    except DocumentRefused as refused:
        _print_findings(file, list(refused.findings), err=True)
        raise typer.Exit(BAD) from None
    except OSError as fault:
        stop(CANNOT_TELL, f"{fault.filename or file}: {fault.strerror or fault}")
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
    return findings


def hash_(
    files: Annotated[list[Path], typer.Argument(help="EPCIS files.")],
    prehash: Annotated[bool, typer.Option(help="Print the pre-hash strings instead.")] = False,
    algorithm: Annotated[str, typer.Option(help="sha-256, sha-384, sha-512 or sha3-256.")] = (
        "sha-256"
    ),
    compatible: Annotated[
        bool, typer.Option(help="Round and rewrite numbers as the reference generator does.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the CBV event hash of each event, one per line in document order.

    Ends with 1 where an event could not be read and so has no line.
    """
    from epcis.hash import ALGORITHMS, event_hash
    from epcis.hash import prehash as prehash_of
    from schemas.finding import is_acceptable

    if algorithm not in ALGORITHMS:
        stop(CANNOT_TELL, f"no algorithm '{algorithm}'; there are {', '.join(ALGORITHMS)}")

    def line_of(event: Event, prefixes: dict[str, str]) -> str:
        how: Any = {"namespaces": prefixes, "compatible_with_reference": compatible}
        return prehash_of(event, **how) if prehash else event_hash(event, algorithm, **how)

    reports: list[dict[str, object]] = []
    good = True
    for path in files:
        if not path.is_file():
            stop(CANNOT_TELL, f"{path}: no such file")
        lines, findings = _lines_of_events(path, line_of, None if json else typer.echo)
        good = good and is_acceptable(findings)
        shown = [finding.as_dict() for finding in findings]
        reports.append({"file": str(path), "hashes": lines, "findings": shown})
        if not json and not is_acceptable(findings):
            _print_findings(path, findings, err=True)
    if json:
        print_json(reports)
    raise typer.Exit(FINE if good else BAD)


def _lines_of_events(
    path: Path,
    line_of: Callable[[Event, dict[str, str]], str],
    say: Callable[[str], None] | None,
) -> tuple[list[str], list[Finding]]:
    """A line for each event of a file, printed at once or gathered; and what the reader found."""
    from epcis.codec.document import DocumentRefused, open_document
    from epcis.hash import value_prefixes

    lines: list[str] = []
    keep = lines.append if say is None else say
    with path.open("rb") as source:
        try:
            reader = open_document(source)
            for event in reader:
                keep(line_of(event, value_prefixes(reader.header, event)))
        except DocumentRefused as refused:
            return lines, list(refused.findings)
    return lines, reader.findings


def capture(
    files: Annotated[list[Path], typer.Argument(help="EPCIS files.")],
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Capture EPCIS files into the database: whole, once, and with their original bytes."""
    from epcis.capture import capture as capture_document
    from epcis.codec.document import DocumentRefused
    from schemas.finding import is_acceptable

    reports: list[dict[str, object]] = []
    good = True
    with opened_store(database) as store:
        for path in files:
            if not path.is_file():
                stop(CANNOT_TELL, f"{path}: no such file")
            try:
                with path.open("rb") as source:
                    receipt = capture_document(store, source, now=moment(now), sender="command")
            except DocumentRefused as refused:
                good = False
                reports.append(_refusal(path, refused.findings, refused.events_seen))
                if not json:
                    typer.echo(f"{path}: refused, nothing was stored")
                    _print_each(refused.findings)
                continue
            good = good and is_acceptable(receipt.findings)
            reports.append({"file": str(path), **_receipt(receipt)})
            if not json:
                _print_receipt(path, receipt)
    if json:
        print_json(reports)
    raise typer.Exit(FINE if good else BAD)


def _receipt(receipt: Receipt) -> dict[str, object]:
    return {
        "document": receipt.document,
        "events": receipt.events,
        "new": receipt.new,
        "duplicates": receipt.duplicates,
        "refused": receipt.refused,
        "findings": [finding.as_dict() for finding in receipt.findings],
    }


def _refusal(path: Path, findings: Sequence[Finding], events: int) -> dict[str, object]:
    return {
        "file": str(path),
        "document": None,
        "events": events,
        "new": 0,
        "duplicates": 0,
        "refused": events,
        "findings": [finding.as_dict() for finding in findings],
    }


def _print_receipt(path: Path, receipt: Receipt) -> None:
    known = receipt.events > 0 and receipt.duplicates == receipt.events
    typer.echo(
        f"{path}: captured before, nothing was stored twice"
        if known
        else f"{path}: {receipt.new} new of {receipt.events} events, "
        f"{receipt.duplicates} known before, {receipt.refused} refused"
    )
    _print_each(receipt.findings)


def _print_findings(path: Path, findings: list[Finding], *, err: bool = False) -> None:
    if not findings and not err:
        typer.echo(f"{path}: nothing to report")
        return
    if findings:
        typer.echo(f"{path}: {len(findings)} findings", err=err)
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.code, finding.severity), []).append(finding)
    for alike in groups.values():
        _print_each(alike[:_ALIKE_SHOWN_MAX], err=err)
        if len(alike) > _ALIKE_SHOWN_MAX:
            more = len(alike) - _ALIKE_SHOWN_MAX
            typer.echo(f"  {alike[0].code}: {more} more of this kind", err=err)


def _print_each(findings: Iterable[Finding], *, err: bool = False) -> None:
    for finding in findings:
        where = finding.where
        place = f"line {where.line} " if where.line is not None else ""
        path = f"{where.path} " if where.path is not None else ""
        typer.echo(
            f"  {finding.severity} {finding.code} {place}{path}\n    {finding.what}"
            f"\n    {finding.hint}",
            err=err,
        )
