"""Opens SQLite files and PostgreSQL databases the same way for the directory and for virtual regions.

PostgreSQL is spoken to asynchronously. SQLite is called in place, in the event loop's own thread: a statement on a
local file takes some ten microseconds, a hop to another thread and back takes hundreds. A SQLite transaction therefore
must never span a network call. Its writers take turns, and each begins with BEGIN IMMEDIATE.

Alembic and SQLAlchemy's asynchronous half are some 15 MiB of memory, and a process on SQLite that has nothing to
migrate needs neither: they are imported where they are used.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import orjson
import sqlalchemy
from sqlalchemy import (
    Column,
    Dialect,
    Executable,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    create_engine,
    event,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine import CursorResult, Engine, make_url
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import LRUCache

if TYPE_CHECKING:
    from alembic.config import Config

T = TypeVar("T")
_ALEMBIC = Path(__file__).with_name("alembic")
_TURN = 0x76726567  # any number that no other user of the database locks
_COMPILED = 2000  # statements
_MAPPED = 256 << 20  # bytes of a SQLite file that are read where they are: a scan of a long list copies none of them
_PRAGMAS = (
    "journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON", "case_sensitive_like=ON",
    f"mmap_size={_MAPPED}",
)  # fmt: skip


@lru_cache
def _pattern(regex: str) -> re.Pattern[str]:
    return re.compile(regex)


def _found(regex: str, text: str | None) -> bool:
    """SQLite's REGEXP, as often as a list has rows: it must not look up the pattern as `re.search` does."""
    return text is not None and _pattern(regex).search(text) is not None


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


_JSON: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": orjson.loads}


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
        self._remote = self._snapshots = self._reader = self._writer = None
        if url.startswith("sqlite"):
            self._reader = _file(url, "BEGIN", 2, -1)
            self._writer = _file(url, "BEGIN IMMEDIATE", 1, 0)
        else:
            from sqlalchemy.ext.asyncio import create_async_engine

            from vregion.postgresql import connect

            how = {"async_creator_fn": connect}
            pool = {"pool_size": 10, "max_overflow": 10, "pool_use_lifo": True}
            self._remote = create_async_engine(url, **pool, connect_args=how, **_JSON)
            reading = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            self._snapshots = self._remote.execution_options(**reading)
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """A snapshot to read from: of what others commit meanwhile a second statement sees nothing either."""
        if self._reader is not None:
            with self._reader.connect() as connection:
                yield InPlace(connection)
        elif self._snapshots is not None:
            async with self._snapshots.connect() as remote:
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


@dataclass(frozen=True, slots=True)
class Schema:
    """A set of tables, the folder of its migrations, and the table that says how far they have come."""

    metadata: MetaData
    migrations: Path
    version_table: str

    async def prepare(self, engines: Engines) -> None:
        """Create the tables in an empty database, migrate those of an older release. It never drops anything."""
        async with engines.write() as connection:
            await connection.run_sync(self._prepare)

    def _prepare(self, connection: sqlalchemy.Connection) -> None:
        if connection.dialect.name == "postgresql":  # nodes that start together take turns
            connection.execute(select(func.pg_advisory_xact_lock(_TURN)))
        version = self._version()
        if not inspect(connection).has_table(self.version_table):
            self.metadata.create_all(connection)
            version.create(connection)
            connection.execute(insert(version).values(version_num=self.head))
        elif connection.scalar(select(version.c.version_num)) != self.head:
            from alembic import command

            command.upgrade(self.alembic(connection), "head")

    def _version(self) -> Table:
        """Alembic's own table, as Alembic makes it."""
        key = PrimaryKeyConstraint("version_num", name=f"{self.version_table}_pkc")
        return Table(self.version_table, MetaData(), Column("version_num", String(32), nullable=False), key)

    @property
    def head(self) -> str:
        """The newest migration's name, which its file's name begins with."""
        return _head(self.migrations)

    def alembic(self, connection: sqlalchemy.Connection) -> "Config":
        """Alembic's configuration; migrations run inside the connection's own transaction."""
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_ALEMBIC))
        config.set_main_option("version_locations", str(self.migrations))
        config.set_main_option("path_separator", "os")
        config.attributes.update(connection=connection, schema=self)
        return config


@cache
def _head(migrations: Path) -> str:
    return max(file.stem for file in migrations.glob("r*.py")).partition("_")[0]


@cache
def _shared() -> tuple[Dialect, LRUCache[Any, Any]]:
    """What all SQLite files of the process have in common: the dialect, and the statements compiled for it so far."""
    engine = create_engine("sqlite://", **_JSON)
    engine.connect().close()
    return engine.dialect, LRUCache(_COMPILED)


def _file(address: str, begin: str, size: int, overflow: int) -> Engine:
    """An engine for one file: settings per connection, and our own BEGIN in place of the driver's late one."""
    dialect, compiled = _shared()
    url = make_url(address)
    arguments, options = dialect.create_connect_args(url)
    functions: Any = dialect.on_connect()
    pool = QueuePool(lambda: dialect.connect(*arguments, **options), size, overflow, dialect=dialect)
    engine = Engine(pool, dialect, url, execution_options={"compiled_cache": compiled})

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        functions(connection)
        connection.isolation_level = None
        connection.create_function("regexp", 2, _found, deterministic=True)
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def started(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
