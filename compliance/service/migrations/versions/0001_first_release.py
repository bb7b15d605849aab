"""All tables of the first release, as `scripts/first_migration.py` wrote them down.

The statements lie beside this file, one file for each database: 0001_sqlite.sql and
0001_postgresql.sql. They are text, so that a later change of a declared table does not change
what the first release was.

Revision: 0001, after None
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BETWEEN = ";\n-- next\n"


def upgrade() -> None:
    connection = op.get_bind()
    written = Path(__file__).with_name(f"0001_{connection.dialect.name}.sql")
    for statement in written.read_text(encoding="utf-8").rstrip().removesuffix(";").split(_BETWEEN):
        # A comment may hold a percent sign, which is no mark of a value.
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    raise NotImplementedError("the first release is not taken back: drop the database instead")
