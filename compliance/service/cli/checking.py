"""`packtrail check`: what is wrong in EPCIS files, where, why, and how to mend it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    CANNOT_TELL,
    FINE,
    Json,
    Now,
    moment,
    opened_store,
    print_json,
    progress_bar,
    settings_for,
    stop,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.rules.file import FileQuestion
    from compliance.rules.report import FileReport, FindingGroup

_ALIKE_SHOWN_MAX = 3
"""Findings of one kind that are printed for people; more of them stand in the JSON."""


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(check)


def check(
    files: Annotated[list[Path], typer.Argument(help="EPCIS files.")],
    profile: Annotated[
        str,
        typer.Option(
            help="How to check: auto (as the file itself names its guideline), epcis, dscsa-r1.3,"
            " dscsa-r1.2, dscsa-lot-level, dscsa-returns or dscsa-3pl."
        ),
    ] = "auto",
    fix: Annotated[
        Path | None, typer.Option(help="Write a corrected copy of the one file to this file.")
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            help="Database (URL or file name) of which to ask the rules over history and partners."
        ),
    ] = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Explain what is wrong in EPCIS files, where, and how to mend it.

    With --fix, ends with 0 where the corrected copy is fine.
    """
    from compliance.rules.file import FileQuestion
    from compliance.rules.profiles import AUTO, PROFILES
    from schemas.validate import PublishedFilesMissingError

    if profile not in (AUTO, *PROFILES):
        stop(CANNOT_TELL, f"no profile '{profile}'; there are {AUTO}, {', '.join(PROFILES)}")
    question = FileQuestion(profile, moment(now), settings_for("").schemas_dir)
    if fix is not None:
        if len(files) != 1:
            stop(CANNOT_TELL, "--fix corrects one file at a time")
        raise typer.Exit(_fixed(files[0], fix, question, json=json))
    reports: list[FileReport] = []
    for path in files:
        try:
            reports.append(_report(path, question, against))
        except PublishedFilesMissingError as fault:
            stop(CANNOT_TELL, str(fault))
        except OSError as fault:
            stop(CANNOT_TELL, f"{path}: {fault.strerror or fault}")
        if not json:
            _print_report(reports[-1])
    if json:
        print_json([report.as_dict() for report in reports])
    raise typer.Exit(FINE if all(report.answer.is_fine for report in reports) else BAD)


def _report(path: Path, question: FileQuestion, against: str) -> FileReport:
    """A file checked by itself, or with what a database knows of it and of its sender."""
    from dataclasses import replace

    from compliance.rules.file import examine
    from compliance.rules.report import FileReport

    if not path.is_file():
        stop(CANNOT_TELL, f"{path}: no such file")
    with (
        path.open("rb") as file,
        progress_bar("checking", path.stat().st_size) as progress,
        _known(against, question, file_of=path) as asked,
    ):
        return FileReport(str(path), examine(file, replace(asked, progress=progress)))


@contextmanager
def _known(against: str, question: FileQuestion, file_of: Path) -> Iterator[FileQuestion]:
    """The question, with what a database knows."""
    from compliance.rules.file import asked_of

    if not against:
        yield question
        return
    ours = frozenset(filter(None, [settings_for(against).owner_gln]))
    with opened_store(against) as store, store.read() as snapshot, file_of.open("rb") as file:
        yield asked_of(snapshot, file, question, ours)


def _fixed(path: Path, out: Path, question: FileQuestion, *, json: bool) -> int:
    """Write the corrected copy of a file and list the changes; the exit code."""
    from compliance.rules.catalogue import as_listed
    from compliance.rules.mend import mend
    from compliance.rules.spans import NotMendable
    from schemas.finding import is_acceptable

    if out.exists() and out.samefile(path):
        stop(CANNOT_TELL, f"{out}: the corrected copy needs a name of its own")
    try:
        mended = mend(path.read_bytes(), question)
        out.write_bytes(mended.data)
    except NotMendable as fault:
        stop(CANNOT_TELL, f"{path}: {fault}")
    except OSError as fault:
        stop(CANNOT_TELL, f"{fault.filename or path}: {fault.strerror or fault}")
    if json:
        report = {"file": str(path), "profile": question.profile, "out": str(out)}
        changes = [change.as_dict() for change in mended.changes]
        left = [as_listed(one) for one in mended.left]
        print_json({**report, "changes": changes, "findings": left})
    else:
        typer.echo(f"{out}: {len(mended.changes)} changes")
        for change in mended.changes:
            typer.echo(f"  {change.rule} line {change.line}: {change.what}")
        if mended.left:
            typer.echo("What only the sender can mend:")
            for one in mended.left:
                typer.echo(f"  {one}\n    {one.hint}")
    return FINE if is_acceptable(mended.left) else BAD


def _print_report(report: FileReport) -> None:
    groups = report.groups
    counts = ", ".join(f"{count} {name}" for name, count in report.counts.items())
    typer.echo(f"{report.name}: {counts or 'nothing to report'} ({report.answer.profile})")
    _print_content(report)
    for group in groups:
        _print_group(group)


def _print_content(report: FileReport) -> None:
    """One line for each shipment, and one for the products."""
    content = report.answer.content
    for one in content.shipments:
        seller, buyer = (party.name or party.gln or "nobody" for party in (one.seller, one.buyer))
        papers = f", {', '.join(one.papers)}" if one.papers else ""
        typer.echo(
            f"  {seller} ships {one.packs} packs in {one.containers} containers to {buyer}"
            f" on {one.at}{papers}"
        )
    for product in content.products[:_ALIKE_SHOWN_MAX]:
        if product.packs:
            name = " ".join(filter(None, [product.name, product.strength])) or "no name given"
            lots = ", ".join(f"{lot.lot} exp. {lot.expiry}" for lot in product.lots)
            typer.echo(f"  {product.gtin} {name}: {product.packs} packs, lots {lots or 'unknown'}")


def _print_group(group: FindingGroup) -> None:
    for finding in group.findings[:_ALIKE_SHOWN_MAX]:
        where = finding.where
        place = f"line {where.line} " if where.line is not None else ""
        path = f"{where.path} " if where.path is not None else ""
        typer.echo(
            f"  {finding.severity} {finding.code} {place}{path}\n    {finding.what}"
            f"\n    {finding.hint}"
        )
    more = group.count - min(len(group.findings), _ALIKE_SHOWN_MAX)
    if more > 0:
        typer.echo(f"  {group.code}: {more} more of this kind")
    if group.rule:
        typer.echo(f"    rule {group.rule}: {group.asks}; {group.citation}")
