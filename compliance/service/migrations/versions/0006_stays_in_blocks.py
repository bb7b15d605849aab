"""Stays in containers are kept 64 items to a row.

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ALWAYS = 1 << 62


def upgrade() -> None:
    op.rename_table("containment", "containment_of_items")
    op.drop_index("containment_by_parent", "containment_of_items")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX containment_pkey RENAME TO containment_of_items_pkey")
    op.create_table(
        "containment",
        sa.Column(
            "block", sa.BigInteger(), autoincrement=False, nullable=False, comment="item id // 64"
        ),
        sa.Column(
            "since", sa.BigInteger(), autoincrement=False, nullable=False, comment="a moment"
        ),
        sa.Column(
            "parent", sa.BigInteger(), autoincrement=False, nullable=False, comment="item id"
        ),
        sa.Column(
            "until", sa.BigInteger(), autoincrement=False, nullable=False, comment="a moment"
        ),
        sa.Column(
            "mask",
            sa.BigInteger(),
            nullable=False,
            comment="bit item id % 64 set: it is inside",
        ),
        sa.Column("tenant", sa.SmallInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("block", "since", "parent", "until"),
        comment="what was in what, and until stays.ALWAYS what is; see epcis.store.stays",
        sqlite_with_rowid=False,
    )
    # A child has one stay at a time, so each bit is added once.
    op.execute(
        "INSERT INTO containment (block, since, parent, until, mask)"
        f" SELECT child >> 6, since, parent, coalesce(until, {_ALWAYS}),"
        " CAST(sum(CAST(1 AS BIGINT) << CAST(child & 63 AS INTEGER)) AS BIGINT)"
        " FROM containment_of_items GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )
    op.create_index("containment_by_parent", "containment", ["parent"], unique=False)
    op.drop_table("containment_of_items")
