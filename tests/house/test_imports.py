"""A command loads what it needs: a verdict waits for no web framework and no decoder of pictures.

Who needs a heavy library imports it in the function that needs it, or in a module that is itself
imported late (`compliance.seal.library`, `compliance.reports.printing`, …).
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from compliance.service.cli import COMMANDS, command_line

HEAVY = frozenset(
    {
        *("aiohttp", "alembic", "asn1crypto", "cryptography", "cv2", "fastapi"),
        *("httpx", "jinja2", "joserfc", "jsonschema_rs", "lxml", "numpy"),
        *("PIL", "prometheus_client", "psycopg", "pyarrow", "pydantic", "pyhanko"),
        *("pypdfium2", "reportlab", "rich", "sqlalchemy", "starlette", "structlog"),
        *("uvicorn", "xlsxwriter", "xmlschema", "zxingcpp"),
    }
)
"""Libraries that cost a command 20 ms of processor time or more, or 5 MB."""
OWN = {"compliance", "epcis", "schemas", "verification"}
TYPER = {"pydantic"}
SERVER = {
    *("cryptography", "fastapi", "httpx", "jinja2", "lxml", "prometheus_client", "pydantic"),
    *("sqlalchemy", "starlette", "structlog", "uvicorn"),
    "rich",  # structlog loads it where it finds it
}
RUN = """
import json, sys
sys.argv[0] = "packtrail"
from compliance.service.cli import main
try:
    main()
finally:
    print()
    print(json.dumps(sorted(sys.modules)))
"""


def loaded(*program: str, folder: str) -> set[str]:
    """The modules that a Python program ends with."""
    environment = {"PACKTRAIL_DATA_DIR": folder, "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", *program],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.stdout, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data folder whose database exists: making one is the first command's work alone."""
    made = str(tmp_path_factory.mktemp("data"))
    loaded(RUN, "verify", "09506000134352", "1", folder=made)
    return made


@pytest.mark.parametrize(
    ("command", "needed", "modules_max"),
    [
        (["--help"], set(), 330),
        (["parse", "010950600013435221A1"], TYPER, 430),
        (["verify", "09506000134352", "1"], {*TYPER, "sqlalchemy", "cryptography"}, 680),
    ],
    ids=["help", "parse", "verify"],
)
def test_a_command_loads_what_it_needs(command, needed, modules_max, folder):
    modules = loaded(RUN, *command, folder=folder)
    assert {name.partition(".")[0] for name in modules} & HEAVY <= needed
    assert len(modules) <= modules_max


def test_a_server_starts_without_what_signs_prints_and_decodes(folder):
    program = "import compliance.service.serve, json, sys; print(json.dumps(sorted(sys.modules)))"
    modules = loaded(program, folder=folder)
    assert {name.partition(".")[0] for name in modules} & HEAVY <= SERVER
    # A start is slow by what others' libraries bring; our own modules grow with the product.
    foreign = [name for name in modules if name.partition(".")[0] not in OWN]
    assert len(foreign) <= 920


@pytest.mark.parametrize("module", COMMANDS)
def test_the_table_of_commands_names_what_each_module_has(module):
    app = command_line(module)
    groups = [group.name for group in app.registered_groups]
    single = [one.name or one.callback.__name__ for one in app.registered_commands]
    assert sorted(groups + single) == sorted(COMMANDS[module])
