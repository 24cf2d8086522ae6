"""The directory's tables and how they came to be. Called once by `Directory.open`."""

from pathlib import Path

from sqlalchemy import insert, select

from vregion.database import Engines, Schema
from vregion.directory.tables import meta, metadata

SCHEMA = Schema(metadata, Path(__file__).with_name("migrations"), "directory_migrations")


async def prepare(engines: Engines) -> None:
    """Make the tables what this release expects, with the one row that counts versions."""
    await SCHEMA.prepare(engines)
    async with engines.write() as connection:
        if await connection.scalar(select(meta.c.version)) is None:
            await connection.execute(insert(meta).values(id=1, version=1))
