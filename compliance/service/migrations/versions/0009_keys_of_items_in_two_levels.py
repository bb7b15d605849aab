"""On SQLite the keys of items are kept in two levels; declarations of errors are found at once.

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

from epcis.database.columns import ItemKey
from epcis.store.item_keys import VIEWS

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ITEM = "id, parent, moment, age, lead, lot, state_id, tenant, key"


def upgrade() -> None:
    declared = sa.text("declared_error IS NOT NULL")
    op.create_index(
        "event_declared",
        "event",
        ["declared_error"],
        sqlite_where=declared,
        postgresql_where=declared,
    )
    for name, comment in (
        ("item_key_settled", "SQLite: the items by their keys; see epcis.store.item_keys"),
        ("item_key_even", "SQLite: keys of an even generation until they settle"),
        ("item_key_odd", "SQLite: keys of an odd generation until they settle"),
    ):
        op.create_table(
            name,
            sa.Column("key", ItemKey(), nullable=False),
            sa.Column("id", sa.BigInteger(), nullable=False, comment="of the item"),
            sa.PrimaryKeyConstraint("key"),
            sqlite_with_rowid=False,
            comment=comment,
        )
    dialect = op.get_bind().dialect.name
    if dialect == "sqlite":
        _settle_keys()
    op.execute(VIEWS[dialect])


def _settle_keys() -> None:
    """SQLite keeps a unique index as long as its table, so the rows move into another one."""
    op.drop_index("item_by_lot", "item")
    op.rename_table("item", "item_before")
    op.create_table(
        "item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("parent", sa.BigInteger(), nullable=True),
        sa.Column("moment", sa.BigInteger(), nullable=False),
        sa.Column("age", sa.BigInteger(), nullable=False),
        sa.Column("lead", sa.BigInteger(), nullable=False),
        sa.Column("lot", sa.Integer(), nullable=True),
        sa.Column("state_id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("key", ItemKey(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    # Made first: an index over rows that are there would be sorted in memory.
    op.create_index("item_by_lot", "item", ["lot"])
    op.execute(
        "INSERT INTO item_key_settled (key, id) SELECT key, id FROM item_before ORDER BY key"
    )
    op.execute(f"INSERT INTO item ({_ITEM}) SELECT {_ITEM} FROM item_before ORDER BY id")
    # Overwriting what is dropped would hold all of it in memory; its rows live on in the new table.
    overwrites = op.get_bind().exec_driver_sql("PRAGMA secure_delete").scalar()
    op.execute("PRAGMA secure_delete = 0")
    op.drop_table("item_before")
    op.execute(f"PRAGMA secure_delete = {overwrites}")
