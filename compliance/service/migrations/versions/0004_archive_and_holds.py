"""Archive of old events, legal holds and certificates of erasure

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

from epcis.database.columns import Instant


revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "archive_file",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("holds", sa.Text(), nullable=False, comment="events or documents"),
        sa.Column(
            "month", sa.Text(), nullable=False, comment="YYYY-MM of the event or receipt times"
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False, comment="where the file lies"),
        sa.Column("records", sa.Integer(), nullable=False, comment="how many events or documents"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False, comment="of the whole file"),
        sa.Column("oldest", Instant(), nullable=False, comment="event or receipt time"),
        sa.Column("newest", Instant(), nullable=False),
        sa.Column("made", Instant(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column(
            "restored", Instant(), nullable=True, comment="its records are in the database again"
        ),
        sa.Column("restored_by", sa.Text(), nullable=True),
        sa.Column("erased", Instant(), nullable=True, comment="its records were destroyed"),
        sa.Column("erased_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    with op.batch_alter_table("archive_file", schema=None) as batch_op:
        batch_op.create_index("archive_file_by_month", ["holds", "month"], unique=False)

    op.create_table(
        "erasure",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column(
            "record",
            sa.String(length=40),
            nullable=False,
            comment="the class of record, see policy.py",
        ),
        sa.Column("entries", sa.BigInteger(), nullable=False, comment="how many went"),
        sa.Column("before", Instant(), nullable=False, comment="all of them were older"),
        sa.Column("rule", sa.Text(), nullable=False, comment="JSON of the rule they went by"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 over what went"),
        sa.PrimaryKeyConstraint("id"),
        comment="certificates of destruction",
    )
    op.create_table(
        "legal_hold",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "gtin",
            sa.String(length=14),
            nullable=True,
            comment="GTIN-14; with lot or serial that lot or pack only",
        ),
        sa.Column("lot", sa.String(length=20), nullable=True),
        sa.Column("serial", sa.String(length=20), nullable=True),
        sa.Column(
            "case_id",
            sa.String(length=40),
            nullable=True,
            comment="a case or a recall: the packs it is about",
        ),
        sa.Column(
            "party", sa.String(length=100), nullable=True, comment="canonical GLN key, /414/{gln13}"
        ),
        sa.Column("since", Instant(), nullable=True, comment="only what happened from then on"),
        sa.Column("until", Instant(), nullable=True, comment="only what happened before"),
        sa.Column("opened", Instant(), nullable=False),
        sa.Column("opened_by", sa.String(length=100), nullable=False),
        sa.Column("released", Instant(), nullable=True),
        sa.Column("released_by", sa.String(length=100), nullable=True),
        sa.Column("released_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "archive",
                sa.BigInteger(),
                nullable=True,
                comment="archive_file.id where its bytes are; None: here",
            )
        )

    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "archive",
                sa.BigInteger(),
                nullable=True,
                comment="archive_file.id where its payload is; None: here",
            )
        )


def downgrade() -> None:
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_column("archive")

    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.drop_column("archive")

    op.drop_table("legal_hold")
    op.drop_table("erasure")
    with op.batch_alter_table("archive_file", schema=None) as batch_op:
        batch_op.drop_index("archive_file_by_month")

    op.drop_table("archive_file")
