"""A virtual region over two memory clouds, `b1` and `b2`, and its loop in real time: for images, which move between."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from vregion.backends import Backends
from vregion.drivers.memory import MemoryCloud, MemoryDriver
from vregion.model.backend import Backend, Binding, Credential
from vregion.model.caller import Caller
from vregion.model.resource import Kind, Realization, Resource
from vregion.reconcile.images import RECIPE as IMAGES
from vregion.reconcile.loop import Loop
from vregion.reconcile.snapshots import RECIPE as SNAPSHOTS
from vregion.reconcile.volumes import RECIPE as VOLUMES
from vregion.region import image_data, images, leases, realizations
from vregion.region.regions import Region, Regions

ZONES = (
    Binding("x1", "r", "az1", "b1", "enabled", True),
    Binding("x2", "r", "az2", "b2", "enabled", False),
)
CALLER = Caller("u1", "p1", "d1", "r", frozenset({"member"}), "req-1")
STRANGER = Caller("u2", "p2", "d1", "r", frozenset({"member"}), "req-2")


def now() -> datetime:
    """Now."""
    return datetime.now(UTC)


class Clouds:
    """`settle` runs the loop until nothing is due."""

    def __init__(self, regions: Regions, region: Region) -> None:
        self.region = region
        self.clouds = {name: MemoryCloud(f"{name}-{uuid.uuid4()}") for name in ("b1", "b2")}
        self.backends = Backends(self._lookup, {"memory": self._driver}, 16)
        recipes = {recipe.kind: recipe for recipe in (IMAGES, VOLUMES, SNAPSHOTS)}
        self.loop = Loop(regions, self.backends, recipes, self._flavors, "worker", 8)

    async def settle(self) -> None:
        """Until nothing is due within a second."""
        while True:
            self.loop.ring(self.region.id)
            await self.loop.settle()
            async with self.region.read() as tx:
                due = await leases.next_due(tx)
            if due is None or due > now() + timedelta(seconds=1):
                return
            await asyncio.sleep(max(0.0, (due - now()).total_seconds()))

    async def driver(self, backend_id: str) -> MemoryDriver:
        """As the loop opens it."""
        found = (await self.backends.open(self.region.id, backend_id)).driver
        assert isinstance(found, MemoryDriver)
        return found

    async def image(self, data: bytes, **wanted: Any) -> Resource:
        """An active image with its bytes in b1."""
        async with self.region.write() as tx:
            given = {"name": "one", "disk_format": "raw", "container_format": "bare", **wanted}
            image = await images.create(tx, CALLER, given, now())
            _, realization = await image_data.begin_upload(tx, CALLER, image.id, ("az1", "b1"), now())
        driver = await self.driver("b1")
        seen = await driver.collections[Kind.IMAGE].create(image.id, images.record(image))
        await driver.upload(seen.external_id, _chunks(data), len(data))
        seen = await driver.collections[Kind.IMAGE].get(seen.external_id)
        async with self.region.write() as tx:
            await leases.save(tx, realization, external_id=seen.external_id)
            facts = {name: seen.document[name] for name in images.FACTS}
            assert await image_data.uploaded(tx, image.id, realization, facts, now())
            return await images.visible(tx, image.id, "p1")

    async def there(self, image: Resource, backend_id: str) -> Realization | None:
        """The image's realization on a backend."""
        async with self.region.read() as tx:
            return await realizations.on_backend(tx, Kind.IMAGE, image.id, backend_id)

    async def bytes_in(self, image: Resource, backend_id: str) -> bytes:
        """What a backend has of it."""
        realization = await self.there(image, backend_id)
        assert realization is not None
        driver = await self.driver(backend_id)
        return b"".join([chunk async for chunk in driver.download(str(realization.external_id))])

    async def _lookup(self, region_id: str, backend_id: str) -> tuple[Binding, Backend, Credential]:
        binding = next(zone for zone in ZONES if zone.backend_id == backend_id)
        return binding, Backend(backend_id, backend_id, "memory", backend_id, "r"), Credential({})

    def _driver(self, backend: Backend, credential: Credential) -> MemoryDriver:
        return MemoryDriver(self.clouds[backend.id], "project")

    async def _flavors(self, backend_id: str) -> dict[str, str]:
        return {}


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


@asynccontextmanager
async def opened(regions: Regions, region: Region) -> AsyncIterator[Clouds]:
    """Two clouds, closed at the end."""
    clouds = Clouds(regions, region)
    try:
        yield clouds
    finally:
        await clouds.backends.close()
