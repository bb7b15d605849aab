"""`packtrail retention`, `archive` and `hold`: how long things are kept, and what must stay."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
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
    Now,
    grouped,
    moment,
    opened_store,
    print_json,
    settings_for,
    stop,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from compliance.retention.duty import ClassPlan, Duty
    from compliance.retention.hold import Hold, Matter
    from compliance.retention.policy import RetentionPolicy
    from epcis.archive.reading import ArchiveFile

retention = typer.Typer(no_args_is_help=True, help="How long records are kept, and what would go.")
archive = typer.Typer(no_args_is_help=True, help="Files of old events and documents.")
holds = typer.Typer(no_args_is_help=True, help="Legal holds: what must not be touched.")

PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        envvar="PACKTRAIL_RETENTION_POLICY",
        help="File (TOML) with the policy; default: nothing a law asks for is destroyed.",
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        envvar="PACKTRAIL_ARCHIVE_DIR",
        help="Where the archive's files go; default: `archive` in your data directory.",
    ),
]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])]
BY = "command"


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(retention, name="retention")
    app.add_typer(archive, name="archive")
    retention.add_typer(holds, name="hold")


@retention.command(name="policy")
def policy_(policy: PolicyFile = None, json: Json = False) -> None:
    """Show how long each class of record is kept, and what the law asks for."""
    rules = [rule.as_dict() for rule in _policy(policy).rules]
    if json:
        print_json(rules)
        return
    for rule in rules:
        archived = f"archived after {rule['archiveAfter']}, " if rule["archiveAfter"] else ""
        erased = f"erased after {rule['eraseAfter']}" if rule["eraseAfter"] else "kept for good"
        law = f" (the law: {rule['lawKeeps']}, {rule['law']})" if rule["law"] else ""
        typer.echo(f"{rule['record']}: {archived}{erased}{law}")
    typer.echo("everything else (operations on packs, recalls, cases, the log): kept for good")


@retention.command()
def plan(
    policy: PolicyFile = None,
    folder: Folder = None,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Say what would go, and what holds the rest. Changes nothing."""
    with _duty(policy, folder, database, now) as duty:
        lines = duty.plan()
    _show(lines, "would go", json=json)


@retention.command()
def run(
    policy: PolicyFile = None,
    folder: Folder = None,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Archive and erase what is over. What was interrupted is simply run again."""
    from epcis.archive.deposit import ArchiveInterrupted
    from epcis.archive.parquet import ArchiveUnavailable

    with _duty(policy, folder, database, now) as duty, _progress(json=json) as tell:
        try:
            lines = duty.run(tell)
        except (ArchiveUnavailable, ArchiveInterrupted, OSError) as fault:
            stop(CANNOT_TELL, f"{fault}; what was finished until then stays finished")
    _show(lines, "gone", json=json)


@archive.command(name="list")
def list_files(database: Database = "", json: Json = False) -> None:
    """Show the files of the archive: what they hold and where they lie."""
    from epcis.archive.reading import files

    with opened_store(database) as store, store.read() as snapshot:
        found = files(snapshot)
    if json:
        print_json([file.as_dict() for file in found])
        return
    for file in found:
        _print_file(file)


@archive.command()
def restore(
    file: Annotated[str, typer.Argument(help="Name of the file, as `archive list` shows it.")],
    from_: Annotated[
        Path | None, typer.Option("--from", help="Folder it lies in, where it was moved.")
    ] = None,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Bring everything in a file back into the database; the file stays."""
    from epcis.archive.parquet import ArchiveUnavailable
    from epcis.archive.restore import restore as bring_back

    with opened_store(database) as store:
        try:
            back = bring_back(store, file, by=BY, now=moment(now), folder=from_)
        except ArchiveUnavailable as fault:
            stop(CANNOT_TELL, str(fault))
    if json:
        print_json(back.as_dict())
    else:
        _print_file(back)


@dataclass(frozen=True, kw_only=True)
class MatterOptions:
    """What a hold covers; a record must fit all that is given."""

    gtin: Annotated[str | None, typer.Option(help="GTIN of the product.")] = None
    lot: Annotated[str | None, typer.Option(help="Only this lot of the GTIN.")] = None
    serial: Annotated[str | None, typer.Option(help="Only this pack of the GTIN.")] = None
    case: Annotated[str | None, typer.Option(help="A case, recall or investigation.")] = None
    party: Annotated[str | None, typer.Option(help="GLN: what this party may see.")] = None
    since: Day = None
    until: Day = None

    def matter(self) -> Matter:
        """The matter; raises `HoldRefused` where nothing or nonsense is given."""
        from compliance.retention.hold import Matter

        return Matter.parse(
            gtin=self.gtin,
            lot=self.lot,
            serial=self.serial,
            case_id=self.case,
            party=self.party,
            since=self.since.replace(tzinfo=UTC) if self.since else None,
            until=self.until.replace(tzinfo=UTC) if self.until else None,
        )


@holds.command(name="open")
@grouped
def open_(
    reason: Annotated[str, typer.Option(help="Why; an auditor will read it.")],
    about: MatterOptions,
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Hold a matter: nothing it covers is archived or erased until it is released.

    A record must fit everything that is given; holds beside each other each count.
    """
    from compliance.retention.hold import open_hold

    with opened_store(database) as store:
        opened = open_hold(store, about.matter(), reason=reason, by=BY, now=moment(now))
    _show_hold(opened, json=json)


@holds.command(name="list")
def list_(database: Database = "", json: Json = False) -> None:
    """Show all holds, open and released, newest first."""
    from compliance.retention.hold import list_holds

    with opened_store(database) as store, store.read() as snapshot:
        found = list_holds(snapshot)
    if json:
        print_json([hold.as_dict() for hold in found])
        return
    for hold in found:
        _print_hold(hold)


@holds.command()
def release(
    hold: Annotated[str, typer.Argument(help="Hold to release.")],
    why: Annotated[str, typer.Option(help="Why it is over; an auditor will read it.")],
    database: Database = "",
    now: Now = None,
    json: Json = False,
) -> None:
    """Release a hold; its record stays."""
    from compliance.retention.hold import release_hold

    with opened_store(database) as store:
        released = release_hold(store, hold, why=why, by=BY, now=moment(now))
    _show_hold(released, json=json)


def _policy(path: Path | None) -> RetentionPolicy:
    from compliance.retention.policy import PolicyRefused, read_policy

    try:
        return read_policy(path)
    except OSError as fault:
        stop(CANNOT_TELL, f"{path}: {fault.strerror or fault}")
    except PolicyRefused as refused:
        lines = [f"{found.what} {found.hint}".strip() for found in refused.findings]
        stop(BAD, f"{path}: the policy cannot be used\n  " + "\n  ".join(lines))


@contextmanager
def _duty(
    policy: Path | None, folder: Path | None, database: str, now: datetime | None
) -> Iterator[Duty]:
    from compliance.retention.duty import Duty

    settings = settings_for(database)
    rules = _policy(policy)
    with opened_store(database) as store:
        yield Duty(
            store,
            rules,
            folder or settings.archive_folder,
            settings.data_dir / "exports",
            moment(now),
            BY,
        )


@contextmanager
def _progress(*, json: bool) -> Iterator[Callable[[str, int], None]]:
    """A bar on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:,.0f}"))
    console = Console(stderr=True, quiet=json)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, count: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=None)
            progress.advance(tasks[what], count)

        yield tell


def _show(lines: list[ClassPlan], done: str, *, json: bool) -> None:
    if json:
        print_json([line.as_dict() for line in lines])
    for line in [] if json else lines:
        typer.echo(
            f"{line.record.value} ({line.deed}, older than {line.before:%Y-%m-%d}):"
            f" {line.entries} {done}"
        )
        for why, count in sorted(line.held.items()):
            typer.echo(f"  {count} kept by {why}")
        for name in line.files:
            typer.echo(f"  {name}")
    raise typer.Exit(FINE)


def _print_file(file: ArchiveFile) -> None:
    state = "in the archive"
    if file.restored is not None:
        state = f"restored on {file.restored:%Y-%m-%d}"
    if file.erased is not None:
        state = f"erased on {file.erased:%Y-%m-%d}"
    typer.echo(f"{file.name}  {file.records} {file.holds}, {file.size_bytes} bytes, {state}")


def _show_hold(hold: Hold, *, json: bool) -> None:
    if json:
        print_json(hold.as_dict())
    else:
        _print_hold(hold)


def _print_hold(hold: Hold) -> None:
    state = "open" if hold.released is None else f"released on {hold.released:%Y-%m-%d}"
    matter = ", ".join(f"{name} {value}" for name, value in hold.matter.as_dict().items())
    typer.echo(f"{hold.id}  {state}  {matter}")
    typer.echo(f"  {hold.reason}")
