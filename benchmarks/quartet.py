"""What quartet_epcis needs for a document: the one other EPCIS store in Python that can be had.

It is installed from the package index into a virtual environment of its own, and only stores: its
plain parser, without the business rules. Its tables are made from its models.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("quartet_epcis==4.1.5", "Django==5.2.*", "haikunator", "psycopg[binary]")
_PROGRAM = """
import io, json, os, sys, time, warnings
warnings.simplefilter("ignore")
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["quartet_epcis"], MIGRATION_MODULES={"quartet_epcis": None}, USE_TZ=True,
    DATABASES={"default": json.loads(sys.argv[2])}, LOGGING_CONFIG=None,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
from django.db import connection
from quartet_epcis.models.entries import EntryEvent
from quartet_epcis.parsing.parser import QuartetParser

def server():
    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = open(f"/proc/{cursor.fetchone()[0]}/stat").read().rsplit(")", 1)[1].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

data = open(sys.argv[1], "rb").read()
begun = time.process_time() + server()
QuartetParser(io.BytesIO(data)).parse()
spent = time.process_time() + server() - begun
print(EntryEvent.objects.count() / spent)
"""


def quartet_rate(document: bytes, folder: Path, database: str | None) -> float:
    """EPCs per CPU second, its own and that of its PostgreSQL server.

    `database` is the URL of an empty PostgreSQL database, None for SQLite. Raises
    CalledProcessError where it cannot be installed or fails.
    """
    python = folder / "quartet" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(folder / "quartet")], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", *PACKAGES]
    subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
    (folder / "quartet.xml").write_bytes(document)
    (folder / "quartet.py").write_text(_PROGRAM)
    program, data = str(folder / "quartet.py"), str(folder / "quartet.xml")
    command = [str(python), program, data, _settings(folder, database)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(told.stdout)


def _settings(folder: Path, database: str | None) -> str:
    """Django's settings of a database, as JSON."""
    if database is None:
        name = str(folder / "quartet.db")
        return json.dumps({"ENGINE": "django.db.backends.sqlite3", "NAME": name})
    url = make_url(database)
    host = url.host or url.query.get("host", "")
    return json.dumps(
        {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.database,
            "HOST": host,
            "PORT": url.port or "",
            "USER": url.username or "",
            "PASSWORD": url.password or "",
        }
    )
