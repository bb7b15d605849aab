"""packs by lot first

Revision: 0010, after 0009
"""

from alembic import op


revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index('pack_lot', table_name='pack')
    op.create_index('pack_by_lot', 'pack', ['lot', 'code'], unique=False)


def downgrade() -> None:
    op.drop_index('pack_by_lot', table_name='pack')
    op.create_index('pack_lot', 'pack', ['code', 'lot'], unique=False)
