"""Virtual regions, opened: `Regions` finds or opens one, `Region` gives transactions on its rows.

Opened by `vregion.app`; used by the API and the reconcilers. A commit that made work due rings the bell, and nobody
here knows who listens.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, or_, select
from sqlalchemy.engine import CursorResult

from vregion.database import Connection, Engines
from vregion.region.schema import SCHEMA
from vregion.region.tables import realizations

Bell = Callable[[str], None]


class Transaction:
    """A connection inside a transaction of one region. `ring` makes the commit wake the reconcilers."""

    __slots__ = ("_connection", "region_id", "ring")

    def __init__(self, region_id: str, connection: Connection) -> None:
        self.region_id = region_id
        self._connection = connection
        self.ring = False

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run one statement; the caller has put `region_id` into it."""
        return await self._connection.execute(statement, parameters)

    @property
    def sqlite(self) -> bool:
        """Whether the statement runs on SQLite, for the two places where the dialects differ."""
        return self._connection.dialect.name == "sqlite"


class Region:
    """One virtual region."""

    def __init__(self, region_id: str, engines: Engines, bell: Bell) -> None:
        self.id = region_id
        self._engines = engines
        self._bell = bell

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A consistent view of the rows."""
        async with self._engines.read() as connection:
            yield Transaction(self.id, connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """One write transaction; any exception rolls all of it back."""
        async with self._engines.write() as connection:
            transaction = Transaction(self.id, connection)
            yield transaction
        if transaction.ring:
            self._bell(self.id)


class Regions:
    """All virtual regions of this process: a file each on SQLite, shared tables on PostgreSQL.

    At most `open_files` SQLite files are open at once; the one idle longest is closed first.
    """

    def __init__(self, database_url: str, state_dir: Path, bell: Bell = lambda region_id: None, open_files: int = 256):
        self._shared = Engines(database_url) if database_url else None
        self._directory = state_dir / "regions"
        self._open: OrderedDict[str, Engines] = OrderedDict()
        self._limit = open_files
        self._retired: list[Engines] = []
        self.bell = bell

    async def prepare(self) -> None:
        """Create what is missing. Call once, before anything else."""
        if self._shared:
            await SCHEMA.prepare(self._shared)
        else:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def open(self, region_id: str) -> Region:
        """The region with that id; its file is created when it is new."""
        if self._shared:
            return Region(region_id, self._shared, self._ring)
        engines = self._open.get(region_id)
        if engines is None:
            engines = self._open[region_id] = Engines(f"sqlite:///{self._directory / region_id}.sqlite")
            await SCHEMA.prepare(engines)
            if len(self._open) > self._limit:
                self._retired.append(self._open.popitem(last=False)[1])
        self._open.move_to_end(region_id)
        return Region(region_id, engines, self._ring)

    @property
    def shared(self) -> bool:
        """Whether other processes may write the same regions."""
        return self._shared is not None

    async def ripe(self, now: datetime) -> list[str]:
        """On shared tables: the regions in which something is due, whoever wrote it. One query for all of them."""
        if self._shared is None:
            return []
        free = or_(realizations.c.lease_until.is_(None), realizations.c.lease_until <= now)
        statement = select(realizations.c.region_id).where(realizations.c.due_at <= now, free).distinct()
        async with self._shared.read() as connection:
            return list((await connection.execute(statement)).scalars())

    def _ring(self, region_id: str) -> None:
        self.bell(region_id)

    async def close(self) -> None:
        """Close every database."""
        for engines in (*self._open.values(), *self._retired, *([self._shared] if self._shared else [])):
            await engines.dispose()
        self._open.clear()
