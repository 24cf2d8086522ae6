"""PostgreSQL's answers: all of a long one, and nobody else waits for a slow one."""

import asyncio
from collections.abc import AsyncIterator, Generator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from vregion import postgresql
from vregion.database import Engines

pytestmark = pytest.mark.postgresql
PIECE, ROWS = 100_000, 40


@pytest_asyncio.fixture
async def engines(postgresql_url: str) -> AsyncIterator[Engines]:
    opened = Engines(postgresql_url)
    yield opened
    await opened.dispose()


async def longest_hold(done: asyncio.Event) -> float:
    """Seconds for which the loop came to nobody."""
    loop, longest = asyncio.get_running_loop(), 0.0
    while not done.is_set():
        began = loop.time()
        await asyncio.sleep(0)
        longest = max(longest, loop.time() - began)
    return longest


@pytest.mark.parametrize("pause", ["", ", pg_sleep(0.02)"], ids=["at-once", "with-pauses"])
async def test_a_long_answer_comes_whole(engines: Engines, pause: str) -> None:
    statement = text(f"SELECT decode(repeat('ab', {PIECE}), 'hex') FROM generate_series(1, {ROWS}) AS n{pause}")
    async with engines.read() as connection:
        for _ in range(2):
            found = list((await connection.execute(statement)).scalars())
            assert found == [b"\xab" * PIECE] * ROWS


async def test_a_long_answer_is_read_in_large_pieces(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the time, as much as a socket holds: libpq would read 16 KiB, and PostgreSQL sends 8."""
    waits = 0
    read = postgresql._eager

    def counted(gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        nonlocal waits
        try:
            wanted = next(gen)
            while True:
                waits += 1
                wanted = gen.send((yield wanted))
        except StopIteration as ended:
            return ended.value

    monkeypatch.setattr(postgresql, "_PAUSE", 0.02)
    monkeypatch.setattr(postgresql, "_eager", lambda gen, file: read(counted(gen), file))
    async with engines.read() as connection:
        statement = f"SELECT repeat('x', 1000) FROM generate_series(1, {PIECE * ROWS // 1000})"
        assert len((await connection.execute(text(statement))).all()) == PIECE * ROWS // 1000
    assert 0 < waits < PIECE * ROWS / 64e3


async def test_the_loop_goes_on_while_postgresql_works(engines: Engines) -> None:
    """Before an answer begins, and where it stops on its way: three rows, each after half a second."""
    statement = text("SELECT repeat('x', 9000), pg_sleep(0.5) FROM generate_series(1, 3)")
    done = asyncio.Event()
    async with engines.read() as connection:
        watched = asyncio.create_task(longest_hold(done))
        assert len((await connection.execute(statement)).all()) == 3
        done.set()
        assert await watched < 0.45


async def test_a_request_that_is_given_up_leaves_a_connection_that_works(engines: Engines) -> None:
    async with engines.read() as connection:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.execute(text("SELECT repeat('x', 9000), pg_sleep(9)")), 0.2)
    async with engines.read() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
