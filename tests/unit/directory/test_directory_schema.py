"""The migrations of the provider's database make exactly its tables, and a database made new is never migrated."""

from typing import Any

import pytest_asyncio
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select

from vregion.database import Engines
from vregion.directory.directory import Directory
from vregion.directory.schema import VERSION_TABLE, migrations, prepare
from vregion.directory.tables import meta, metadata
from vregion.settings import Settings


@pytest_asyncio.fixture
async def engines(settings: Settings):  # type: ignore[no-untyped-def]
    opened = Engines(settings.database_url or f"sqlite:///{settings.state_dir / 'directory.sqlite'}")
    yield opened
    await opened.dispose()


def _differences(connection: Connection) -> Any:
    options = {"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def _shape(connection: Connection) -> Any:
    """What the database itself says of its tables, with the names of every constraint."""
    look = inspect(connection)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in look.get_columns(table)],
            look.get_pk_constraint(table),
            sorted(look.get_foreign_keys(table), key=str),
            sorted(look.get_unique_constraints(table), key=str),
            sorted(look.get_indexes(table), key=str),
        )
        for table in metadata.tables
    }


async def test_the_migrations_make_the_tables(engines: Engines) -> None:
    async with engines.write() as connection:
        await connection.run_sync(lambda c: command.upgrade(migrations(c), "head"))
    await prepare(engines)
    async with engines.read() as connection:
        assert await connection.run_sync(_differences) == []
        assert await connection.scalar(select(meta.c.version)) == 1
        migrated = await connection.run_sync(_shape)
    async with engines.write() as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
    async with engines.read() as connection:
        assert await connection.run_sync(_shape) == migrated


async def test_a_new_database_is_stamped_with_the_newest_migration(settings: Settings, engines: Engines) -> None:
    await (await Directory.open(settings)).close()
    await (await Directory.open(settings)).close()
    async with engines.read() as connection:
        options = {"version_table": VERSION_TABLE}
        revision = await connection.run_sync(
            lambda c: MigrationContext.configure(c, opts=options).get_current_revision()
        )
        head = await connection.run_sync(lambda c: ScriptDirectory.from_config(migrations(c)).get_current_head())
        assert revision == head
        assert await connection.run_sync(_differences) == []
