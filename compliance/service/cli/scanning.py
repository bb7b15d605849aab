"""`packtrail scan` and `packtrail parse`: what a picture or a scanner's text says."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compliance.service.cli.options import BAD, CANNOT_TELL, FINE, Json, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verification.image.symbol import PictureReading

PICTURE_SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp"),
    *(".pnm", ".pgm", ".ppm", ".pdf", ".heic", ".heif"),
}
TEXT_LINES_MAX = 1_000_000


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(scan)
    app.command()(parse)


def scan(
    images: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    json: Json = False,
    csv_: Annotated[bool, typer.Option("--csv", help="Print CSV, a line per symbol.")] = False,
    processes: Annotated[int, typer.Option(help="Decoders at work; 0: one per core.", min=0)] = 0,
) -> None:
    """Read the codes in pictures: GTIN, serial, lot and expiry of each pack."""
    from verification.image.batch import read_pictures

    _say_once_what_is_missing()
    paths = [path for given in images for path in _pictures(given)]
    if not paths:
        typer.echo("no picture among what was named", err=True)
        raise typer.Exit(CANNOT_TELL)
    readings: Iterable[tuple[Path, PictureReading]] = read_pictures(paths, processes=processes)
    if len(paths) > 1 and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track

        console = Console(stderr=True)
        readings = track(readings, "reading", total=len(paths), console=console, transient=True)
    reports: list[dict[str, Any]] = [
        {"file": str(path), **reading.as_dict()} for path, reading in readings
    ]
    if json:
        print_json(reports)
    elif csv_:
        _print_csv(reports)
    else:
        _print_pictures(reports)
    good = all(report["error"] is None and report["symbols"] for report in reports)
    raise typer.Exit(FINE if good else BAD)


def parse(
    texts: Annotated[list[str], typer.Argument(help="Scanner texts; - reads one per line.")],
    json: Json = False,
) -> None:
    """Read what a keyboard scanner typed: element strings, Digital Links, PPN and others."""
    reports = [_parsed(text) for text in _texts(texts)]
    if json:
        print_json(reports)
    else:
        for report in reports:
            _print_text(report)
    refused = any(
        finding["severity"] in ("error", "critical")
        for report in reports
        for finding in report["findings"]
    )
    raise typer.Exit(BAD if refused else FINE)


def _parsed(text: str) -> dict[str, Any]:  # as `parse --json` prints it
    """The likeliest reading, with what was recovered; all of them where there are several."""
    from verification.scan import recover

    readings = [candidate.as_dict() for candidate in recover(text)]
    report = {**readings[0], "text": text}
    return {**report, "readings": readings} if len(readings) > 1 else report


def _say_once_what_is_missing() -> None:
    from compliance.service.doctor import missing_zbar

    if note := missing_zbar():
        typer.echo(note, err=True)


def _pictures(given: Path) -> list[Path]:
    if not given.is_dir():
        return [given]
    return sorted(p for p in given.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)


def _texts(texts: list[str]) -> list[str]:
    if texts != ["-"]:
        return texts
    lines: list[str] = []
    # Bytes, because a scanner's separators (29, 30) count as line ends for text streams.
    for line in sys.stdin.buffer:
        lines.append(line.rstrip(b"\r\n").decode("utf-8", "replace"))
        if len(lines) == TEXT_LINES_MAX:
            break
    return lines


def _print_pictures(reports: list[dict[str, Any]]) -> None:  # as `scan --json` prints it
    for report in reports:
        typer.echo(report["file"])
        if report["error"]:
            typer.echo(f"  {report['error']}")
        for finding in report["findings"]:
            typer.echo(f"  {finding['severity']}: {finding['what']}. {finding['hint']}")
        for symbol in report["symbols"]:
            typer.echo(f"  {symbol['symbology']}: {_line(symbol)}")
            for finding in symbol["findings"]:
                typer.echo(f"    {finding['severity']}: {finding['what']}. {finding['hint']}")


def _line(symbol: dict[str, Any]) -> str:  # as `scan --json` prints it
    named = [
        f"{name} {symbol[name]}" for name in ("gtin", "serial", "lot", "expiry") if symbol.get(name)
    ]
    return ", ".join(named) or repr(symbol["raw"])


def _print_csv(reports: list[dict[str, Any]]) -> None:  # as `scan --json` prints it
    columns = ("file", "symbology", "gtin", "serial", "lot", "expiry", "raw", "error")
    writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore")
    writer.writeheader()
    for report in reports:
        symbols = report["symbols"] or [{}]
        for symbol in symbols:
            row = {**symbol, "file": report["file"], "error": report["error"]}
            writer.writerow({name: _plain(row.get(name)) for name in columns})


def _plain(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _print_text(report: dict[str, Any]) -> None:  # as `parse --json` prints it
    """The text and its readings, each as a line that `packtrail parse` takes again."""
    from schemas.gs1.reading import spelled

    typer.echo(f"{report['format']}: {report['text']!r}")
    for reading in report.get("readings", [report]):
        typer.echo("  " + spelled(reading["format"], reading["text"], reading["elements"]))
    for finding in report["findings"]:
        typer.echo(f"  {finding['severity']}: {finding['what']}. {finding['hint']}")
