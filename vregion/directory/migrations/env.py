"""Alembic loads this file to run migrations; it uses the connection that `vregion.directory.schema` hands in."""

from alembic import context

from vregion.directory.schema import VERSION_TABLE
from vregion.directory.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
