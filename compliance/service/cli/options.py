"""What all commands share: the options they take and how they end."""

from __future__ import annotations

import inspect
import sys
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, NoReturn, get_type_hints

import typer

from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import DataclassInstance

    from compliance.service.settings import Settings
    from epcis.ledger.store import Store, Transaction

FINE = 0
"""The input is good or the answer is yes."""
BAD = 1
"""The input is bad or the answer is no."""
CANNOT_TELL = 2
"""The question could not be answered, or was asked wrongly."""

_DRAWN_EVERY_S = 0.1
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Database = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="PACKTRAIL_DATABASE",
        help="SQLAlchemy URL or SQLite file name; default: a file in your data directory.",
    ),
]
Now = Annotated[
    datetime | None,
    typer.Option(
        "--now",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
        help="Answer as of this moment (UTC unless it names a zone) instead of the clock's.",
    ),
]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take its options in dataclasses; typer sees each field as a parameter.

    A field is written as a parameter would be: `Annotated` with its option, and its default.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[DataclassInstance]] = {
        name: kind for name, kind in hints.items() if isinstance(kind, type) and is_dataclass(kind)
    }
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        group = groups.get(name)
        parameters += (
            [parameter.replace(annotation=hints[name], kind=parameter.KEYWORD_ONLY)]
            if group is None
            else [
                one.replace(kind=one.KEYWORD_ONLY)
                for one in inspect.signature(group, eval_str=True).parameters.values()
            ]
        )

    @wraps(command)
    def with_groups(**given: object) -> None:
        made = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**made, **given)

    del with_groups.__wrapped__  # typer would look through it
    with_groups.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by typer
    with_groups.__annotations__ = {one.name: one.annotation for one in parameters}
    return with_groups


def moment(now: datetime | None) -> datetime:
    """The moment a command speaks of: the one given, else the clock's; always UTC.

    >>> moment(datetime(2024, 6, 1)).isoformat()
    '2024-06-01T00:00:00+00:00'
    """
    if now is None:
        return datetime.now(UTC)
    return now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)


def settings_for(database: str) -> Settings:
    """The operator's settings, with the database of the command line where one was named."""
    from compliance.service.settings import settings_from

    return settings_from({"database": database} if database else None)


@contextmanager
def opened_store(database: str) -> Iterator[Store]:
    """The store, created and migrated if need be, closed at the end.

    What is refused while it is open ends the command with the reason.
    """
    from compliance.service.migrate import open_migrated

    store = open_migrated(settings_for(database))
    try:
        yield store
    except Refused as refused:
        stop(BAD, str(refused))
    finally:
        store.close()


@contextmanager
def acting(database: str, now: datetime | None) -> Iterator[Transaction]:
    """One act on the store: done as a whole, or refused and nothing done."""
    with opened_store(database) as store, store.write(moment(now)) as tx:
        yield tx


def show(answer: object, lines: str, *, json: bool) -> None:
    """Print an answer: as JSON for programs, else as lines for people."""
    if json:
        print_json(answer)
    else:
        typer.echo(lines)


def print_json(value: object) -> None:
    """Print a value as indented JSON on standard output."""
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.buffer.flush()


def stop(code: int, message: str) -> NoReturn:
    """End the command with one sentence on standard error."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def read_file(path: Path) -> bytes:
    """A file's bytes; a missing or unreadable file ends the command with a sentence."""
    try:
        return path.read_bytes()
    except OSError as fault:
        stop(CANNOT_TELL, f"{path}: {fault.strerror or fault}")


@contextmanager
def progress_bar(what: str, size_bytes: int) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on a terminal; called with the bytes read so far."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    # Drawn when there is news, not by a thread: with other threads about no process can be forked.
    with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task(what, total=size_bytes)
        drawn_s = 0.0

        def report_progress(read_bytes: int) -> None:
            nonlocal drawn_s
            bar.update(task, completed=read_bytes)
            if monotonic() - drawn_s > _DRAWN_EVERY_S:
                bar.refresh()
                drawn_s = monotonic()

        yield report_progress
