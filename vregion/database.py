"""Opens SQLite files and PostgreSQL databases the same way for the directory and for virtual regions.

Reads and writes go through two engines. On SQLite the writing one has a single connection and begins with BEGIN
IMMEDIATE, so that a writer waits at the start of its transaction and never fails in the middle of it. Callers keep
network calls out of transactions.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


class Engines:
    """One database: `read()` and `write()` give a connection inside a transaction."""

    def __init__(self, url: str) -> None:
        self.sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": orjson.loads}
        if self.sqlite:
            self._writer = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=60, **options)
            self._reader = create_async_engine(url, pool_size=4, max_overflow=0, pool_timeout=60, **options)
            _prepare(self._writer, "BEGIN IMMEDIATE")
            _prepare(self._reader, "BEGIN")
        else:
            self._writer = self._reader = create_async_engine(url, pool_size=10, max_overflow=10, **options)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A snapshot to read from."""
        async with self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One write transaction: commits at the end, rolls back on any exception."""
        async with self._writer.begin() as connection:
            yield connection

    async def dispose(self) -> None:
        """Close every connection."""
        await self._writer.dispose()
        await self._reader.dispose()


def _prepare(engine: AsyncEngine, begin: str) -> None:
    """SQLite settings per connection, and our own BEGIN in place of the driver's late one."""

    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def started(connection: Any) -> None:
        connection.exec_driver_sql(begin)
