"""Alembic's way in: always over a connection that `compliance.service.migrate` has opened."""

from alembic import context

import compliance.service.migrations.tables  # noqa: F401  # so that metadata knows every table
from epcis.database.metadata import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
