"""Opening and closing a tenant, killed at each step in turn and asked for again: one of everything, then nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.unit.provider.conftest import CREDENTIAL, Cloud
from vregion.identity.client import IdentityRefused
from vregion.model.refusals import Refusal
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

    async def until_whole(
        self, work: Callable[[], Awaitable[object]], check: Callable[[], Awaitable[None]], done: str
    ) -> int:
        """Do `work` killed at the first step, at the second, ..., until it came to its end, or is refused as `done`."""
        for number in range(1, 200):
            self.left = number
            try:
                await work()
            except Killed:
                self.left = -1
                await check()
            except Refusal as answer:  # its last step was the death of the try before: only the answer was lost
                self.left = -1
                assert str(answer) == done
                return number
            else:
                self.left = -1
                return number
        raise AssertionError("it never came to its end")


async def test_killed_at_every_step(
    provider: Provider, cloud: Cloud, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clouds = [cloud("north"), cloud("south")]
    for backend, _ in clouds:
        await backends.add(provider, backend, CREDENTIAL)
    steps = Steps()
    steps.watch(provider, monkeypatch)
    for _, memory in clouds:
        memory.faults.crash = steps.crash

    async def never_twice() -> None:
        for _, memory in clouds:
            assert len(memory.projects) <= 1
        assert len(await tenants.page(provider, "", 10)) <= 1
        assert len((await provider.identity.request("GET", "/domains", params={"name": name}))["domains"]) <= 1

    # Every try but the last is killed one step later than the one before it.
    assert (
        await steps.until_whole(
            lambda: tenants.open_(provider, name), never_twice, f"There is a tenant {name} already; he is open."
        )
        > 20
    )
    opened = await provider.tenant(name)
    bound = await zones.all_of(provider, name)
    assert [(b.availability_zone, b.state) for b in bound] == [("north", "enabled"), ("south", "enabled")]
    for binding, (_, memory) in zip(bound, clouds, strict=True):
        assert set(memory.projects) == {binding.id}
        credential = await provider.directory.credential(binding.id)
        assert credential.values == {"project": memory.projects[binding.id]}

    assert (
        await steps.until_whole(lambda: tenants.close(provider, name), never_twice, f"There is no tenant {name}.") > 10
    )
    assert all(memory.projects == {} for _, memory in clouds)
    assert await tenants.page(provider, "", 10) == []
    with pytest.raises(IdentityRefused, match="404"):
        await provider.identity.request("GET", f"/domains/{opened.domain_id}")
