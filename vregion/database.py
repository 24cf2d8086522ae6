"""Opens SQLite files and PostgreSQL databases the same way for the directory and for virtual regions.

PostgreSQL is spoken to asynchronously. SQLite is called in place, in the event loop's own thread: a statement on a
local file takes some ten microseconds, a hop to another thread and back takes hundreds. A SQLite transaction therefore
must never span a network call. Its writers take turns, and each begins with BEGIN IMMEDIATE.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import orjson
import sqlalchemy
from sqlalchemy import Dialect, Executable, create_engine, event
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import create_async_engine

T = TypeVar("T")


class Connection(Protocol):
    """A connection inside a transaction: the part of SQLAlchemy's AsyncConnection that the house uses."""

    @property
    def dialect(self) -> Dialect:
        """Which database it is."""
        ...

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run one statement."""
        ...

    async def scalar(self, statement: Executable) -> Any:
        """The first column of the first row, or None."""
        ...

    async def run_sync(self, work: Callable[[sqlalchemy.Connection], T]) -> T:
        """Hand the plain connection to a function (schema work)."""
        ...


class InPlace:
    """A SQLite connection, called where we are."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlalchemy.Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        """SQLite's."""
        return self._connection.dialect

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run one statement."""
        return self._connection.execute(statement, parameters)

    async def scalar(self, statement: Executable) -> Any:
        """The first column of the first row, or None."""
        return self._connection.scalar(statement)

    async def run_sync(self, work: Callable[[sqlalchemy.Connection], T]) -> T:
        """Hand the plain connection to a function."""
        return work(self._connection)


class Engines:
    """One database: `read()` and `write()` give a connection inside a transaction."""

    def __init__(self, url: str) -> None:
        options: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": orjson.loads}
        self._remote = self._reader = self._writer = None
        if url.startswith("sqlite"):
            self._reader = create_engine(url, pool_size=2, max_overflow=-1, **options)
            self._writer = create_engine(url, pool_size=1, max_overflow=0, **options)
            _prepare(self._reader, "BEGIN")
            _prepare(self._writer, "BEGIN IMMEDIATE")
        else:
            self._remote = create_async_engine(url, pool_size=10, max_overflow=10, **options)
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """A snapshot to read from."""
        if self._reader is not None:
            with self._reader.connect() as connection:
                yield InPlace(connection)
        elif self._remote is not None:
            async with self._remote.connect() as remote:
                yield remote

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        """One write transaction: commits at the end, rolls back on any exception."""
        if self._writer is not None:
            async with self._turn:
                with self._writer.begin() as connection:
                    yield InPlace(connection)
        elif self._remote is not None:
            async with self._remote.begin() as remote:
                yield remote

    async def dispose(self) -> None:
        """Close every connection."""
        for engine in (self._reader, self._writer):
            if engine is not None:
                engine.dispose()
        if self._remote is not None:
            await self._remote.dispose()


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _prepare(engine: sqlalchemy.Engine, begin: str) -> None:
    """SQLite settings per connection, and our own BEGIN in place of the driver's late one."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def started(connection: Any) -> None:
        connection.exec_driver_sql(begin)
