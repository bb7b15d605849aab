"""Anomalies, expiry extensions, national logins, returns that wait.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "expiry_extension",
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("lot", sa.String(length=20), nullable=False),
        sa.Column("expiry", sa.String(length=10), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("gtin", "lot"),
    )
    op.create_table(
        "anomaly",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("serial", sa.String(length=20), nullable=False),
        sa.Column("client", sa.String(length=100), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("closed_us", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(length=100), nullable=True),
        sa.Column("comment", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("anomaly", schema=None) as batch_op:
        batch_op.create_index("anomaly_at", ["at_us"], unique=False)
    op.create_table(
        "anomaly_watch",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "national_login",
        sa.Column("login_id", sa.String(length=100), nullable=False),
        sa.Column("user_id", sa.String(length=100), nullable=False),
        sa.Column("client", sa.String(length=100), nullable=False),
        sa.Column("party", sa.String(length=100), nullable=True),
        sa.Column("password", sa.String(length=200), nullable=False),
        sa.Column("is_initial", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("login_id", "user_id"),
    )
    op.add_column("saleable_return", sa.Column("question", sa.String(length=36), nullable=True))
    op.add_column("saleable_return", sa.Column("follows", sa.String(length=40), nullable=True))
    with op.batch_alter_table("saleable_return", schema=None) as batch_op:
        batch_op.create_index("saleable_return_waiting", ["decision"], unique=False)
        batch_op.create_index("saleable_return_follows", ["follows"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("saleable_return", schema=None) as batch_op:
        batch_op.drop_index("saleable_return_follows")
        batch_op.drop_index("saleable_return_waiting")
        batch_op.drop_column("follows")
        batch_op.drop_column("question")
    for table in ("national_login", "anomaly_watch", "anomaly", "expiry_extension"):
        op.drop_table(table)
