"""Write docs/reference/{commands,settings,http,judgement}.md from the code.

`python scripts/make_reference.py` writes the pages, `--check` says which are out of date and exits
with 1; a test runs the check.
"""

from __future__ import annotations

import ast
import inspect
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from national_samples import sample_answer
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from compliance.seal import Keys
from compliance.service.access_rule import ANY_KEY, ANYONE, AccessRule
from compliance.service.app import create_app
from compliance.service.cli import command_line
from compliance.service.context import ServiceContext
from compliance.service.logs import FIELDS
from compliance.service.migrate import open_migrated
from compliance.service.policy import POLICY, ROLES, SCOPES
from compliance.service.settings import PREFIX, Settings
from compliance.validation.pack import threat_model
from verification.decision.as_page import page as judgement_page
from verification.decision.words import Result
from verification.routes.national_interfaces import INTERFACES

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"


def commands_page() -> str:
    """Every command with its arguments and options."""
    lines = [
        "# Commands",
        "",
        "Exit codes: 0 fine, 1 the input is bad or the answer is no, 2 cannot tell or wrong usage.",
        "All take `--json`.",
    ]
    root = get_command(command_line())
    assert isinstance(root, TyperGroup)
    for name, command in _commands(root, "packtrail"):
        lines += ["", f"## {name}", "", (command.help or "").strip()]
        rows = [row for parameter in command.params if (row := _parameter_row(parameter))]
        if rows:
            lines += ["", "| parameter | meaning |", "|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _commands(group: TyperGroup, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _parameter_row(parameter: TyperArgument | TyperOption) -> str | None:
    if parameter.name == "help":
        return None
    words = getattr(parameter, "help", None) or ""
    if isinstance(parameter, TyperOption):
        names = ", ".join(f"`{name}`" for name in parameter.opts)
    else:
        names = f"`{(parameter.metavar or parameter.name or '').upper()}`"
    return f"| {names} | {words} |"


def settings_page() -> str:
    """Every setting with its variable, default and meaning."""
    lines = [
        "# Settings",
        "",
        "Environment variables; the command line overrides the few it names. A setting that cannot",
        "be used stops the command with exit code 2 and says why.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    told = _field_docs(Settings)
    for field in msgspec.structs.fields(Settings):
        default = f"`{field.default!r}`"
        if field.default is msgspec.NODEFAULT:
            default = "the user's data directory" if field.name == "data_dir" else "`{}`"
        lines.append(f"| `{PREFIX}{field.name.upper()}` | {default} | {told[field.name]} |")
    return "\n".join(lines) + "\n"


def _field_docs(cls: type) -> dict[str, str]:
    """The strings under the fields of a class, by field."""
    tree = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if named and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[field.target.id] = " ".join(str(text.value.value).split())
    return found


def http_page() -> str:
    """Every route with its method and meaning."""
    lines = [
        "# HTTP",
        "",
        "Refusals are `application/problem+json` (RFC 9457). Keys and tokens travel as",
        "`Authorization: Bearer …`. The whole description is at `/openapi.json`.",
        "",
        "| method | path | meaning |",
        "|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        store = open_migrated(settings)
        keys = Keys.open(settings.keys_folder)
        paths = create_app(ServiceContext.of(settings, store, keys)).openapi()["paths"]
        store.close()
    for path in sorted(paths):
        for method, route in sorted(paths[path].items()):
            told = (route.get("description") or route.get("summary") or "").strip()
            first = " ".join(told.split("\n\n")[0].split())
            lines.append(f"| {method.upper()} | `{path}` | {first} |")
    return "\n".join(lines) + "\n"


def national_page() -> str:
    """Every national interface: how its clients ask, and its code for every result."""
    lines = [
        "# National interfaces",
        "",
        "Clients classify by HTTP status, by colour and by whether there is an alert id. A pack",
        "that was verified and must not be supplied is answered with its gravest reason.",
    ]
    for one in INTERFACES:
        lines += ["", f"## {one.title}", "", f"{one.about} Addresses begin with `{one.path}`.", ""]
        lines += ["| request | act |", "|---|---|"]
        lines += [f"| `{asked}` | {act} |" for asked, act in one.acts]
    names = " | ".join(one.name for one in INTERFACES)
    lines += ["", "## Results", "", f"| result | HTTP | colour | hub | {names} | sentence |"]
    lines.append("|---" * (5 + len(INTERFACES)) + "|")
    for result in Result:
        answer = sample_answer(result)
        codes = " | ".join(f"`{one.code_of(answer)}`" for one in INTERFACES)
        told = f"{result.value} | {answer.http} | {answer.colour} | {answer.hub or '-'}"
        lines.append(f"| {told} | {codes} | {answer.say} |")
    return "\n".join(lines) + "\n"


def access_page() -> str:
    """Scopes, roles, and the rule of every address."""
    lines = [
        "# Who may do what",
        "",
        "One table, `compliance/service/policy.py`, decides it for every address; a server with an",
        "address that the table does not name refuses to start. Commands run on the machine itself",
        "and are the operator's. `packtrail access new-key NAME --role ROLE` (or `--scopes A,B`)",
        "makes a key; `--party GLN` ties it to a trading partner, which then sees and changes its",
        "own only.",
        "",
        "## Scopes",
        "",
        "| scope | its holder may |",
        "|---|---|",
        *(f"| `{name}` | {what} |" for name, what in SCOPES.items()),
        "",
        "## Roles",
        "",
        "| role | scopes |",
        "|---|---|",
    ]
    lines += [f"| {one} | {', '.join(sorted(scopes))} |" for one, scopes in ROLES.items()]
    lines += [
        "",
        "## Addresses",
        "",
        "| address | scope | shows or changes | besides |",
        "|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_rule_row, POLICY.values())]) + "\n"


def _rule_row(one: AccessRule) -> str:
    scope = {ANYONE: "none", ANY_KEY: "any key"}.get(one.scope, one.scope)
    besides = ["a page"] * one.is_page + ["a fresh sign-in"] * one.is_fresh
    if one.approved:
        besides.append(f"a second person for `{one.approved}`")
    return f"| `{one.method} {one.path}` | {scope} | {one.own.value} | {', '.join(besides)} |"


def logs_page() -> str:
    """Every field that a line of the log may have."""
    lines = [
        "# The log",
        "",
        "One JSON object a line, on standard error. A line has some of these fields and no other;",
        "texts are masked. [How to read it](../how-to/watch.md#read-the-log).",
        "",
        "| field | says |",
        "|---|---|",
        *(f"| `{name}` | {says} |" for name, says in FIELDS.items()),
    ]
    return "\n".join(lines) + "\n"


def threat_model_page() -> str:
    """The threat model, as the validation pack has it."""
    return threat_model().decode()


PAGES = {
    "../threat-model.md": threat_model_page,
    "logs.md": logs_page,
    "access.md": access_page,
    "commands.md": commands_page,
    "settings.md": settings_page,
    "http.md": http_page,
    "judgement.md": judgement_page,
    "national-interfaces.md": national_page,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` compare them."""
    stale = []
    for name, page in PAGES.items():
        path, text = REFERENCE / name, page()
        if "--check" in arguments:
            if not path.is_file() or path.read_text() != text:
                stale.append(name)
        else:
            path.write_text(text)
    for name in stale:
        print(f"docs/reference/{name} is out of date: python scripts/make_reference.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
