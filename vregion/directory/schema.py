"""Brings the provider's database to this release's tables: a new one is created and stamped, an old one migrated.

Called once by `Directory.open`. Nodes that start together on one PostgreSQL take turns. It never drops anything.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, func, insert, inspect, select

from vregion.database import Engines
from vregion.directory.tables import meta, metadata

VERSION_TABLE = "directory_migrations"
_TURN = 0x76726567  # any number that no other user of the database locks


async def prepare(engines: Engines) -> None:
    """Make the tables what this release expects."""
    async with engines.write() as connection:
        await connection.run_sync(_prepare)


def _prepare(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_TURN)))
    if inspect(connection).has_table(VERSION_TABLE):
        command.upgrade(migrations(connection), "head")
    else:
        metadata.create_all(connection)
        command.stamp(migrations(connection), "head")
    if connection.scalar(select(meta.c.version)) is None:
        connection.execute(insert(meta).values(id=1, version=1))


def migrations(connection: Connection) -> Config:
    """Alembic's configuration for the migrations beside this file, run inside the connection's own transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config
