"""What the suite works with: one cloud, and a bench that remembers what a test made and leaves nothing behind."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vregion.drivers.contract import Driver, DriverError, Gone, Observed
from vregion.model.resource import Kind

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDFyYW5kb21rZXlmb3J0ZXN0c29mdnJlZ2lvbjEyMzQ1 suite"
CHUNK = bytes(range(256)) * 256
LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class Cloud:
    """One driver under test, as a plain project of that cloud.

    `admin` may make flavors and open projects there; `unreachable` is the same driver, leading nowhere. `open` gives
    a driver for another credential. `full` makes the next server fail that asks for what no host has; `remove_flavor`
    takes back what `create_flavor` made, which no driver does.
    """

    driver: Driver
    admin: Driver
    unreachable: Driver
    open: Callable[[Mapping[str, str]], Driver]
    full: Callable[[], None]
    remove_flavor: Callable[[str], Awaitable[None]]


class Bench:
    """Makes resources through the driver, waits for them, and takes all away again, the last first."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._made: list[tuple[Kind, str]] = []
        self._marks: list[tuple[Kind, str]] = []

    async def make(self, kind: Kind, body: Mapping[str, Any], mark: str | None = None) -> Observed:
        """A resource of its own mark."""
        mark = mark or str(uuid.uuid4())
        self._marks.append((kind, mark))
        made = await self.driver.collections[kind].create(mark, body)
        self._made.append((kind, made.external_id))
        return made

    async def ready(self, kind: Kind, body: Mapping[str, Any], mark: str | None = None) -> Observed:
        """The same, and waits until the backend has finished with it (an image waits for its bytes)."""
        made = await self.make(kind, body, mark)
        if kind is Kind.IMAGE:
            return made
        seen = await self.settled(kind, made.external_id)
        assert seen.failed is None
        return seen

    async def settled(self, kind: Kind, external_id: str) -> Observed:
        """What it is when the backend has finished."""
        end = time.monotonic() + LIMIT
        while not (seen := await self.driver.collections[kind].get(external_id)).settled:
            assert time.monotonic() < end, f"{kind} {external_id} does not settle: {seen.document.get('status')}"
            await asyncio.sleep(0.2)
        return seen

    async def gone(self, kind: Kind, external_id: str) -> None:
        """Waits until `get` says so."""
        end = time.monotonic() + LIMIT
        while True:
            try:
                await self.driver.collections[kind].get(external_id)
            except Gone:
                return
            assert time.monotonic() < end, f"{kind} {external_id} does not go"
            await asyncio.sleep(0.2)

    async def clear(self) -> None:
        """Delete everything, and see that no mark is left on the cloud."""
        while self._made:
            kind, external_id = self._made.pop()
            await self._delete(kind, external_id)
        while self._marks:
            kind, mark = self._marks.pop()
            left = await self.driver.collections[kind].find(mark)
            assert left is None, f"{kind} {left.external_id} was left behind"

    async def _delete(self, kind: Kind, external_id: str) -> None:
        end = time.monotonic() + LIMIT
        while True:
            try:
                await self.driver.collections[kind].delete(external_id)
                await self.gone(kind, external_id)
                return
            except DriverError:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.3)

    async def image(self, size: int = 1 << 20) -> Observed:
        """An image with bytes, fit to boot from."""
        made = await self.make(Kind.IMAGE, {"name": "suite", "disk_format": "raw", "container_format": "bare"})
        await self.driver.upload(made.external_id, pieces(size), size)
        return await self.settled(Kind.IMAGE, made.external_id)


async def pieces(size: int) -> AsyncIterator[bytes]:
    """That many bytes, a chunk at a time."""
    while size > 0:
        yield CHUNK[:size]
        size -= len(CHUNK)


@dataclass(frozen=True, slots=True)
class Ground:
    """What tests of one module share: things that take long to make, or that others stand on."""

    bench: Bench
    network: str
    subnet: str
    image: str
    flavor: str

    def server(self, **fields: Any) -> dict[str, Any]:
        """The body of a server without a network."""
        plain = {"name": "suite", "flavorRef": self.flavor, "imageRef": self.image, "networks": "none"}
        return plain | fields


async def grounded(bench: Bench) -> Ground:
    """Make the ground."""
    network = (await bench.make(Kind.NETWORK, {"name": "suite-ground"})).external_id
    body = {"name": "suite-ground", "network_id": network, "ip_version": 4, "cidr": "10.91.0.0/24"}
    subnet = (await bench.make(Kind.SUBNET, body)).external_id
    image = (await bench.image()).external_id
    flavor = min((one for one in await bench.driver.flavors() if one.disk), key=lambda one: one.ram).external_id
    return Ground(bench, network, subnet, image, flavor)
