"""How PostgreSQL is spoken to: rows in its own binary form, long answers read as they come. For `database` alone, which
imports it when a PostgreSQL is used: psycopg is an extra.
"""

import select
import time
from collections.abc import Generator
from typing import Any

from psycopg import AsyncConnection, AsyncCursor
from psycopg.pq import Format
from psycopg.waiting import Wait

_SOON = 1  # milliseconds in which the rest of an answer comes that has begun
_PAUSE = 0.0001  # seconds in which PostgreSQL fills a socket: what is read before that costs a call for each 8 KiB
_BUFFER = 250_000  # bytes: some more than a socket holds
_PLANS = "-c random_page_cost=1.1"  # no disk turns: an index is worth it that PostgreSQL's own 4 makes it pass over


class Cursor(AsyncCursor[Any]):
    """As text a document would be two letters for each of its bytes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.format = Format.BINARY


class Connection(AsyncConnection[Any]):
    """The loop is told to wait for an answer's first bytes. A page of a thousand documents comes in two hundred pieces,
    and the loop takes longer to come back for one than PostgreSQL to send it: the rest is read in place, many pieces at
    once, as long as it does not stop.
    """

    async def wait(self, gen: Any, *how: Any, **more: Any) -> Any:
        """What a generator of psycopg's ends with, which yields what it waits for (3.3.9 `waiting.py` wait_async)."""
        return await super().wait(_eager(gen, self.fileno()), *how, **more)


async def connect(**options: Any) -> Connection:
    """A new one, for SQLAlchemy. At once libpq reads what its buffer of 16 KiB holds, which a longer value enlarges."""
    connection = await Connection.connect(cursor_factory=Cursor, options=_PLANS, autocommit=True, **options)
    await connection.execute("SELECT repeat('x', %s)", [_BUFFER])
    await connection.set_autocommit(False)
    return connection


def _eager(gen: Generator[Any, Any, Any], file: int) -> Generator[Any, Any, Any]:
    """The same, which asks to wait for what is not there soon."""
    reader = select.poll()
    reader.register(file, select.POLLIN)
    read = 0
    try:
        wanted = next(gen)
        while True:
            if read and wanted == Wait.R and reader.poll(_SOON):
                ready = Wait.R
                if read > 1:  # a long answer
                    time.sleep(_PAUSE)
                read += 1
            else:
                ready = yield wanted
                read = int(wanted == Wait.R)
            wanted = gen.send(ready)
    except StopIteration as ended:
        return ended.value
