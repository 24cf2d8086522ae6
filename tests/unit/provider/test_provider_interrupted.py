"""Opening and closing a tenant, killed at each step in turn and asked for again: one of everything, then nothing."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from tests.unit.provider.conftest import CREDENTIAL, Cloud
from vregion.drivers.memory import MemoryCloud
from vregion.model.refusals import Conflict, NotFound
from vregion.provider import backends, tenants, zones
from vregion.provider.provider import Provider


class Killed(BaseException):
    """The process ends here."""


class Steps:
    """Counts whatever leaves the process, before and after it happens, and dies at the chosen one."""

    def __init__(self) -> None:
        self.left = -1

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def watch(self, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
        request, write = provider.identity.request, provider.directory.write

        async def counted(*args: Any, **more: Any) -> Any:
            self.step()
            answer = await request(*args, **more)
            self.step()
            return answer

        @asynccontextmanager
        async def writing() -> AsyncIterator[Any]:
            self.step()
            async with write() as connection:
                yield connection
            self.step()

        monkeypatch.setattr(provider.identity, "request", counted)
        monkeypatch.setattr(provider.directory, "write", writing)

    async def crash(self, *_: object) -> None:
        self.step()

    async def killed_at(self, number: int, work: Awaitable[object]) -> bool:
        """Do the work and die at that step; False when it ended before."""
        self.left = number
        try:
            await work
        except Killed:
            return True
        finally:
            self.left = -1
        return False


@pytest_asyncio.fixture
async def steps(provider: Provider, clouds: list[MemoryCloud], monkeypatch: pytest.MonkeyPatch) -> Steps:
    steps = Steps()
    steps.watch(provider, monkeypatch)
    for memory in clouds:
        memory.faults.crash = steps.crash
    return steps


@pytest_asyncio.fixture
async def clouds(provider: Provider, cloud: Cloud) -> list[MemoryCloud]:
    made = [cloud("north"), cloud("south")]
    for backend, _ in made:
        await backends.add(provider, backend, CREDENTIAL)
    return [memory for _, memory in made]


async def _domains(provider: Provider, name: str) -> list[str]:
    found = (await provider.identity.request("GET", "/domains", params={"name": name}))["domains"]
    return [domain["id"] for domain in found]


async def test_an_opening_killed_at_every_step(
    provider: Provider, clouds: list[MemoryCloud], steps: Steps, name: str
) -> None:
    bound: set[str] = set()
    for number in itertools.count(1):
        mine = f"{name}-{number}"
        killed = await steps.killed_at(number, tenants.open_(provider, mine))
        with contextlib.suppress(Conflict):  # when only the answer was lost: he is open already
            await tenants.open_(provider, mine)
        tenant = await provider.tenant(mine)
        assert await provider.directory.region_of_domain(tenant.domain_id) == tenant
        assert await _domains(provider, mine) == [tenant.domain_id]
        for binding, memory in zip(await zones.all_of(provider, mine), clouds, strict=True):
            credential = await provider.directory.credential(binding.id)
            assert credential.values == {"project": memory.projects[binding.id]}
            bound.add(binding.id)
        assert {mark for memory in clouds for mark in memory.projects} == bound  # no orphan, from any try
        if not killed:
            break
    assert number > 25


async def test_a_closing_killed_at_every_step(
    provider: Provider, clouds: list[MemoryCloud], steps: Steps, name: str
) -> None:
    for number in itertools.count(1):
        await tenants.open_(provider, name)
        killed = await steps.killed_at(number, tenants.close(provider, name))
        with contextlib.suppress(NotFound):  # when only the answer was lost: he is gone already
            await tenants.close(provider, name)
        assert await _domains(provider, name) == []
        assert all(memory.projects == {} for memory in clouds)
        assert await tenants.page(provider, "", 10) == []
        if not killed:
            break
    assert number > 15
