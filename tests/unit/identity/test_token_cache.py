"""The cache's rules about time, number and concurrency, on a clock that stands still until it is moved."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vregion.identity.tokens import IdentityUnavailable, Token, TokenCache, Unauthorized

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
ANSWER = Token(
    user_id="u",
    user_name="ann",
    user_domain_id="d",
    project_id="p",
    project_name="web",
    project_domain_id="d",
    domain_id=None,
    roles=frozenset({"member"}),
    expires_at=EPOCH + timedelta(hours=1),
    is_admin_project=False,
    system=False,
    application_credential_id=None,
)


class Clock:
    """Seconds since the start, and the wall clock that runs beside them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return EPOCH.timestamp() + self.seconds


class Source:
    """Answers questions about tokens, and keeps them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuse: type[Exception] | None = None
        self.expires_at = ANSWER.expires_at
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self, token: str) -> Token:
        self.asked.append(token)
        self.reached.set()
        await self.open.wait()
        if self.refuse is not None:
            raise self.refuse("no")
        return replace(ANSWER, user_name=token, expires_at=self.expires_at)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def source() -> Source:
    return Source()


@pytest.fixture
def cache(source: Source, clock: Clock) -> TokenCache:
    return TokenCache(source.ask, ttl=60, refused_ttl=5, size=3, monotonic=clock.monotonic, wall=clock.wall)


async def test_an_answer_is_used_for_its_time_and_no_longer(cache: TokenCache, source: Source, clock: Clock) -> None:
    await cache.get("t")
    clock.seconds = 59.9
    await cache.get("t")
    assert source.asked == ["t"]
    clock.seconds = 60.0
    await cache.get("t")
    assert source.asked == ["t", "t"]


async def test_an_answer_ends_with_its_token(cache: TokenCache, source: Source, clock: Clock) -> None:
    source.expires_at = EPOCH + timedelta(seconds=10)
    await cache.get("t")
    clock.seconds = 9.9
    await cache.get("t")
    assert source.asked == ["t"]
    clock.seconds = 10.0
    with pytest.raises(Unauthorized):
        await cache.get("t")


async def test_an_answer_is_as_old_as_its_question(cache: TokenCache, source: Source, clock: Clock) -> None:
    source.open.clear()
    waiting = asyncio.create_task(cache.get("t"))
    await source.reached.wait()
    clock.seconds = 30.0  # Keystone was slow; a revocation in between must not gain from it
    source.open.set()
    await waiting
    clock.seconds = 60.0
    await cache.get("t")
    assert source.asked == ["t", "t"]


async def test_refusals_are_remembered_briefly(cache: TokenCache, source: Source, clock: Clock) -> None:
    source.refuse = Unauthorized
    for seconds in (0.0, 4.9):
        clock.seconds = seconds
        with pytest.raises(Unauthorized):
            await cache.get("t")
    assert source.asked == ["t"]
    clock.seconds, source.refuse = 5.0, None
    assert (await cache.get("t")).user_name == "t"


async def test_an_unreachable_keystone_is_never_remembered(cache: TokenCache, source: Source) -> None:
    source.refuse = IdentityUnavailable
    for _ in range(2):
        with pytest.raises(IdentityUnavailable):
            await cache.get("t")
    assert source.asked == ["t", "t"]


async def test_a_cached_answer_survives_an_outage_but_not_its_time(
    cache: TokenCache, source: Source, clock: Clock
) -> None:
    await cache.get("t")
    source.refuse = IdentityUnavailable
    clock.seconds = 59.0
    assert (await cache.get("t")).user_name == "t"
    clock.seconds = 61.0
    with pytest.raises(IdentityUnavailable):
        await cache.get("t")


async def test_concurrent_questions_become_one(cache: TokenCache, source: Source) -> None:
    source.open.clear()
    waiting = [asyncio.create_task(cache.get("t")) for _ in range(50)]
    await asyncio.sleep(0)
    source.open.set()
    assert {answer.user_name for answer in await asyncio.gather(*waiting)} == {"t"}
    assert source.asked == ["t"]


async def test_a_cancelled_waiter_leaves_the_others_their_answer(cache: TokenCache, source: Source) -> None:
    source.open.clear()
    first, second = asyncio.create_task(cache.get("t")), asyncio.create_task(cache.get("t"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.open.set()
    assert (await second).user_name == "t"
    assert source.asked == ["t"]


async def test_the_least_recently_used_answer_goes_first(cache: TokenCache, source: Source) -> None:
    for token in ("a", "b", "c", "a", "d"):
        await cache.get(token)
    source.asked.clear()
    for token in ("a", "c", "d", "b"):
        await cache.get(token)
    assert source.asked == ["b"]


async def test_garbage_does_not_push_out_good_answers(cache: TokenCache, source: Source) -> None:
    await cache.get("good")
    source.refuse = Unauthorized
    for number in range(10):
        with pytest.raises(Unauthorized):
            await cache.get(f"garbage-{number}")
    source.asked.clear()
    assert (await cache.get("good")).user_name == "good"
    assert source.asked == []


async def test_no_token_is_kept(cache: TokenCache) -> None:
    await cache.get("secret-token")
    assert "secret-token" not in repr([list(cache._held), list(cache._refused), list(cache._asking)])


async def test_a_token_that_is_no_ascii_is_refused_unasked(cache: TokenCache, source: Source) -> None:
    with pytest.raises(Unauthorized):
        await cache.get("t\udce9")
    assert source.asked == []
