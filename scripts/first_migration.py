"""Write the first database migration anew from the declared tables.

Until the first release there is one migration, 0001. Whoever changes a table changes its
declaration (`*_tables.py`) and runs

    python scripts/first_migration.py

which writes compliance/service/migrations/versions/0001_sqlite.sql and 0001_postgresql.sql. Commit
them with the change. Where two branches both changed tables and the files conflict, run it again
after the merge; nothing in them is written by hand. `--check` writes nothing and fails where they
are not what the tables say. After the release 0001 stays as it is, and `new_migration.py` writes
the next one.
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import create_mock_engine

import compliance.service.migrations.tables  # noqa: F401  # so that metadata knows every table
from compliance.service.migrate import MIGRATIONS
from epcis.database.metadata import metadata

if TYPE_CHECKING:
    from sqlalchemy.schema import ExecutableDDLElement

DATABASES = {"sqlite": "sqlite://", "postgresql": "postgresql+psycopg://"}
BETWEEN = ";\n-- next\n"


def statements(database: str) -> list[str]:
    """What `create_all` would run on `sqlite` or `postgresql`, in its order."""
    said: list[str] = []

    def write_down(ddl: ExecutableDDLElement, *_: object, **__: object) -> None:
        lines = str(ddl.compile(dialect=engine.dialect)).strip().splitlines()
        said.append("\n".join(line.rstrip() for line in lines))

    # Marks by name, so that percent signs in comments stay single.
    engine = create_mock_engine(DATABASES[database], write_down, paramstyle="named")
    metadata.create_all(engine, checkfirst=False)
    # SQLAlchemy keeps a table's indexes in a set: a run of them gets an order here.
    runs = groupby(said, key=lambda statement: " INDEX " in statement.partition(" ON ")[0])
    return [one for are_indexes, run in runs for one in (sorted(run) if are_indexes else run)]


def text_of(database: str) -> str:
    """The file of a database."""
    return BETWEEN.join(statements(database)) + ";\n"


def main(*, only_check: bool) -> int:
    """Write both files, or say which are old; 1 where one is."""
    old = 0
    for database in DATABASES:
        file = MIGRATIONS / "versions" / f"0001_{database}.sql"
        written = file.read_text(encoding="utf-8") if file.exists() else ""
        if written == text_of(database):
            continue
        if only_check:
            print(f"{file.name} is not what the tables say: run python scripts/first_migration.py")
            old = 1
        else:
            file.write_text(text_of(database), encoding="utf-8")
            print(f"wrote {file.name}")
    return old


if __name__ == "__main__":
    sys.exit(main(only_check="--check" in sys.argv[1:]))
