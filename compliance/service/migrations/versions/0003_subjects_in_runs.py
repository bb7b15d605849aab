"""Subjects of packs are noted in runs, no longer in an index that each entry touches.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OTHERS = "event IS NULL AND kind NOT IN (4, 5)"
_BATCH_PLACES, _RUN_PLACES = 1024, 65536


def upgrade() -> None:
    op.create_table(
        "ledger_subject",
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.LargeBinary(length=8), nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("run", "subject", "place"),
        comment="where the log speaks of a pack: places by the first 8 bytes of their subject",
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO ledger_subject (run, subject, place)"
        f" SELECT idx / {_RUN_PLACES}, substr(subject, 1, 8), idx FROM ledger_entry"
        f" WHERE kind IN (4, 5) AND idx < (SELECT max(size) / {_BATCH_PLACES} * {_BATCH_PLACES}"
        " FROM ledger_head) ORDER BY 1, 2, 3"
    )
    for name, column, where in (
        ("ledger_entry_by_subject", "subject", _OTHERS),
        ("ledger_entry_by_event", "event", "event IS NOT NULL"),
    ):
        op.drop_index(name, "ledger_entry")
        op.create_index(
            name,
            "ledger_entry",
            [column],
            postgresql_where=sa.text(where),
            sqlite_where=sa.text(where),
        )


def downgrade() -> None:
    for name, column, where in (
        ("ledger_entry_by_subject", "subject", "event IS NULL"),
        ("ledger_entry_by_event", "event", None),
    ):
        op.drop_index(name, "ledger_entry")
        condition = sa.text(where) if where else None
        op.create_index(
            name,
            "ledger_entry",
            [column],
            postgresql_where=condition,
            sqlite_where=condition,
        )
    op.drop_table("ledger_subject")
