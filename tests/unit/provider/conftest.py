"""A provider with clouds in memory, a directory on SQLite and a real Keystone."""

import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.embedded_keystone import RunningKeystone
from tests.embedded_keystone import keystone as keystone
from vregion.backends import Backends, OpenDriver
from vregion.directory.directory import Directory
from vregion.drivers.memory import MemoryCloud, MemoryDriver
from vregion.model.backend import Backend, Credential
from vregion.model.refusals import NotFound
from vregion.provider.provider import Provider
from vregion.settings import Settings

CREDENTIAL = Credential({"project": "provider"})


@dataclass
class Regions:
    """What the virtual regions hold, as the provider's operations are told it."""

    held: dict[tuple[str, str | None], list[str]] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    cleared: list[tuple[str, str]] = field(default_factory=list)
    drawn: dict[str, Any] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=dict)
    joined: list[str] = field(default_factory=list)
    servers: dict[str, dict[str, Any]] = field(default_factory=dict)
    limits: dict[str, dict[str, int]] = field(default_factory=dict)

    async def join(self, region_id: str) -> None:
        self.joined.append(region_id)

    async def resources_on(self, region_id: str, backend_id: str | None) -> list[str]:
        return self.held.get((region_id, backend_id), [])

    async def clear(self, region_id: str, backend_id: str) -> list[str]:
        self.cleared.append((region_id, backend_id))
        return []

    async def topology(self, region_id: str) -> dict[str, Any]:
        return {"networks": [], "routers": [], "unsettled": []} | self.drawn

    async def server(self, region_id: str, server_id: str) -> dict[str, Any]:
        if server_id not in self.servers:
            raise NotFound(f"There is no server {server_id}.")
        return self.servers[server_id]

    async def limit(self, region_id: str, project_id: str, wanted: Mapping[str, int]) -> dict[str, int]:
        self.limits.setdefault(project_id, {}).update(wanted)
        return self.limits[project_id]

    async def forget(self, region_id: str) -> None:
        self.forgotten.append(region_id)

    async def outside(
        self, region_id: str, backend_id: str, zone: str, found: Sequence[Mapping[str, Any]], wanted: str | None
    ) -> None:
        self.told[zone] = [one["name"] for one in found]


@pytest.fixture
def regions() -> Regions:
    return Regions()


@pytest_asyncio.fixture
async def provider(keystone: RunningKeystone, tmp_path: Path, regions: Regions) -> AsyncIterator[Provider]:
    directory = await Directory.open(Settings(state_dir=tmp_path))
    async with keystone.admin() as identity:
        drivers: dict[str, OpenDriver] = {"memory": MemoryDriver.open}
        told = (regions.resources_on, regions.clear, regions.forget, regions.outside, regions.join, regions.topology)
        opened = Backends(directory.reach, drivers, 8)
        opened.own = directory.own
        more = (regions.server, regions.limit, opened.open_provider)
        yield Provider(directory, identity, drivers, *told, *more, notice_seconds=0)
        await opened.close()
    await directory.close()


Cloud = Callable[[str], tuple[Backend, MemoryCloud]]


@pytest.fixture
def cloud() -> Cloud:
    """A fresh cloud in memory, and the backend that would name it."""

    def make(name: str) -> tuple[Backend, MemoryCloud]:
        backend = Backend(str(uuid.uuid4()), name, "memory", f"memory://{name}-{uuid.uuid4().hex}", "", {})
        return backend, MemoryCloud.at(backend.address)

    return make


@pytest.fixture
def name() -> str:
    """A tenant's name that this Keystone has not seen."""
    return f"acme-{uuid.uuid4().hex[:8]}"
