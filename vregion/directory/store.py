"""One open database with its version: transactions for the noun files, and a memory of what requests asked.

`Directory` is one with the questions of the hot path; the noun files write through it. What was read is remembered,
the last used of it, until the database's version changes; the version is compared at most once a second, and a write
of this process counts at once.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import select, update

from vregion.database import Connection, Engines
from vregion.directory.sealing import Keys
from vregion.directory.tables import meta

T = TypeVar("T")
CHECK_SECONDS = 1.0  # so long may another process's write go unnoticed
REMEMBERED = 50_000  # answers, of all sorts together


class _Memory:
    """Answers read at one version, the least used forgotten first."""

    def __init__(self, version: int, limit: int) -> None:
        self.version = version
        self._limit = limit
        self._answers: OrderedDict[tuple[str, str], Any] = OrderedDict()

    def get(self, key: tuple[str, str]) -> Any:
        """The answer; KeyError when there is none."""
        answer = self._answers[key]
        self._answers.move_to_end(key)
        return answer

    def put(self, key: tuple[str, str], answer: object) -> None:
        self._answers[key] = answer
        if len(self._answers) > self._limit:
            self._answers.popitem(last=False)


class Store:
    """A database, its keys and its memory."""

    def __init__(self, engines: Engines, keys: Keys, remembered: int = REMEMBERED) -> None:
        self._engines = engines
        self.keys = keys
        self._limit = remembered
        self._memory = _Memory(0, remembered)
        self._checked_at = float("-inf")
        self._checking = asyncio.Lock()

    async def close(self) -> None:
        """Close every connection."""
        await self._engines.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """For the noun files: read what no request needs, past the memory."""
        async with self._engines.read() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        """For the noun files: one write transaction. It moves the version first, and so holds the writers' lock."""
        async with self._engines.write() as connection:
            moved = update(meta).values(version=meta.c.version + 1).returning(meta.c.version)
            version = (await connection.execute(moved)).scalar_one()
            yield connection
        self._memory = _Memory(version, self._limit)

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[Connection]:
        """One write transaction on what nobody remembers: the version stays, and writers do not take turns."""
        async with self._engines.write() as connection:
            yield connection

    async def remember(self, noun: str, key: str, load: Callable[[Connection, str], Awaitable[T]]) -> T:
        """What `load` answers, asked once per version.

        The memory is chosen before the question: an answer that a write has overtaken lands in one nobody uses.
        """
        memory = await self._current()
        try:
            found: T = memory.get((noun, key))
        except KeyError:
            async with self._engines.read() as connection:
                found = await load(connection, key)
            memory.put((noun, key), found)
        return found

    async def _current(self) -> _Memory:
        """The memory, emptied when the database's version has moved; one question at a time."""
        if time.monotonic() - self._checked_at < CHECK_SECONDS:
            return self._memory
        async with self._checking:
            started = time.monotonic()
            if started - self._checked_at >= CHECK_SECONDS:
                async with self._engines.read() as connection:
                    version = await connection.scalar(select(meta.c.version))
                if version != self._memory.version:
                    self._memory = _Memory(int(version or 0), self._limit)
                self._checked_at = started
            return self._memory
