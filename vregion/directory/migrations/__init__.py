"""Alembic's migrations of the provider's database; `vregion.directory.schema` runs them."""
