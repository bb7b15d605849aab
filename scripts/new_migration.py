"""Write the next database migration from what the tables say now.

`python scripts/new_migration.py "what it is for"` compares the declared tables with a database made
by the migrations so far and writes the difference to compliance/service/migrations/versions. Read
it before you commit it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

import compliance.service.migrations.tables  # noqa: F401  # so that metadata knows every table
from compliance.service.migrate import MIGRATIONS, alembic_config, migrate
from epcis.ledger.store import Store


def main(title: str) -> None:
    """Write the migration."""
    versions = sorted((MIGRATIONS / "versions").glob("[0-9]*.py"))
    number = f"{len(versions) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(str(Path(folder) / "before.db"))
        if versions:
            migrate(store.engine)
        with store.engine.begin() as connection:
            config = alembic_config(connection)
            command.revision(config, title, autogenerate=True, rev_id=number)
        store.close()


if __name__ == "__main__":
    main(sys.argv[1])
