"""licences cases audits and service times

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('case_file',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('category', sa.String(length=40), nullable=False),
    sa.Column('state', sa.String(length=30), nullable=False),
    sa.Column('opened_us', sa.BigInteger(), nullable=False),
    sa.Column('opened_by', sa.String(length=100), nullable=False),
    sa.Column('gtin', sa.String(length=14), nullable=False),
    sa.Column('lot', sa.String(length=20), nullable=False),
    sa.Column('serial', sa.String(length=20), nullable=False),
    sa.Column('partner', sa.String(length=13), nullable=False),
    sa.Column('what', sa.Text(), nullable=False),
    sa.Column('illegitimate_us', sa.BigInteger(), nullable=True),
    sa.Column('incident', sa.String(length=40), nullable=False),
    sa.Column('facts', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('case_file', schema=None) as batch_op:
        batch_op.create_index('case_file_opened', ['opened_us'], unique=False)

    op.create_table('partner_licence',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('gln', sa.String(length=13), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('role', sa.String(length=20), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=200), nullable=False),
    sa.Column('number', sa.String(length=100), nullable=False),
    sa.Column('valid_from', sa.String(length=10), nullable=False),
    sa.Column('valid_to', sa.String(length=10), nullable=True),
    sa.Column('ended', sa.String(length=10), nullable=True),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('checked_us', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(length=100), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('partner_licence', schema=None) as batch_op:
        batch_op.create_index('partner_licence_gln', ['gln'], unique=False)

    op.create_table('service_time',
    sa.Column('day', sa.String(length=10), nullable=False),
    sa.Column('area', sa.String(length=20), nullable=False),
    sa.Column('limit_ms', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('answers', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('day', 'area', 'limit_ms')
    )
    op.create_table('system_audit',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('planned', sa.String(length=10), nullable=False),
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('auditor', sa.String(length=200), nullable=False),
    sa.Column('done', sa.String(length=10), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('entered_us', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(length=100), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('case_step',
    sa.Column('case', sa.String(length=40), nullable=False),
    sa.Column('step', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at_us', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(length=100), nullable=False),
    sa.Column('act', sa.String(length=30), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['case'], ['case_file.id'], ),
    sa.PrimaryKeyConstraint('case', 'step')
    )


def downgrade() -> None:
    op.drop_table('case_step')
    op.drop_table('system_audit')
    op.drop_table('service_time')
    with op.batch_alter_table('partner_licence', schema=None) as batch_op:
        batch_op.drop_index('partner_licence_gln')

    op.drop_table('partner_licence')
    with op.batch_alter_table('case_file', schema=None) as batch_op:
        batch_op.drop_index('case_file_opened')

    op.drop_table('case_file')
