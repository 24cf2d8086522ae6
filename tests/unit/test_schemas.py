"""Migrations make exactly the tables, for the directory and for regions; a database made new is never migrated."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, inspect, select

from tests.unit.region.rows import resource
from vregion.database import Engines, Schema
from vregion.directory.schema import SCHEMA as DIRECTORY
from vregion.model.resource import Kind
from vregion.region.schema import SCHEMA as REGION
from vregion.region.tables import realizations, resources

both = pytest.mark.parametrize("schema", [DIRECTORY, REGION], ids=["directory", "region"])


@pytest_asyncio.fixture
async def engines(tmp_path: Path, database_url: str) -> AsyncIterator[Engines]:
    opened = Engines(database_url or f"sqlite:///{tmp_path / 'a.sqlite'}")
    yield opened
    await opened.dispose()


def differences(connection: Connection, schema: Schema) -> Any:
    options = {"compare_type": True, "compare_server_default": True, "version_table": schema.version_table}
    return compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata)


def shape(connection: Connection, schema: Schema) -> Any:
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
        for table in schema.metadata.tables
    }


@both
async def test_the_migrations_make_the_tables(engines: Engines, schema: Schema) -> None:
    async with engines.write() as connection:
        await connection.run_sync(lambda c: command.upgrade(schema.alembic(c), "head"))
    await schema.prepare(engines)
    async with engines.read() as connection:
        assert await connection.run_sync(lambda c: differences(c, schema)) == []
        migrated = await connection.run_sync(lambda c: shape(c, schema))
    async with engines.write() as connection:
        await connection.run_sync(schema.metadata.drop_all)
        await connection.run_sync(schema.metadata.create_all)
    async with engines.read() as connection:
        assert await connection.run_sync(lambda c: shape(c, schema)) == migrated


@both
async def test_a_new_database_is_stamped_with_the_newest_migration(engines: Engines, schema: Schema) -> None:
    for _ in range(2):
        await schema.prepare(engines)
    async with engines.read() as connection:
        options = {"version_table": schema.version_table}
        revision = await connection.run_sync(
            lambda c: MigrationContext.configure(c, opts=options).get_current_revision()
        )
        assert revision == schema.head
        assert await connection.run_sync(lambda c: differences(c, schema)) == []


async def test_held_volumes_are_looked_at_when_attachments_get_rows(engines: Engines) -> None:
    """r0003; of those that somebody holds, whatever else there is."""
    async with engines.write() as connection:
        await connection.run_sync(lambda c: command.upgrade(REGION.alembic(c), "r0002"))
        for name, status in (("held", "in-use"), ("free", "available")):
            volume = resource(Kind.VOLUME, id=name, status=status)
            columns = [c.name for c in resources.c if c.name != "region_id"]
            row = {"region_id": "r", **{column: getattr(volume, column) for column in columns}}
            await connection.execute(insert(resources).values(row))
            there = {"backend_id": "b1", "state": "ready", "wanted": True, "generation": 1, "attempts": 0, "fence": 0}
            keys = {"region_id": "r", "resource_id": name, "kind": Kind.VOLUME, "observed": {}}
            await connection.execute(insert(realizations).values(keys | there))
    await REGION.prepare(engines)
    async with engines.read() as connection:
        found = await connection.execute(select(realizations.c.resource_id, realizations.c.due_at))
        due = {row.resource_id: row.due_at for row in found}
    assert due["free"] is None
    assert abs((datetime.now(UTC) - due["held"]).total_seconds()) < 60
