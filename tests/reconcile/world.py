"""A virtual region over a memory cloud under virtual time, whose worker can be killed at any await.

`World.turn` runs the loop until nothing is due, moving the clock to the next due time. `Killer` counts the points at
which a worker may die: before and after every call of the cloud, and before and after every commit. Death is a
BaseException, as a `kill -9` leaves no chance to clean up.
"""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from tests import prepared
from vregion.backends import Backends
from vregion.drivers.memory import MemoryCloud, MemoryDriver
from vregion.model.backend import Backend, Binding, Credential
from vregion.model.interconnect import Interconnect, Join
from vregion.model.resource import Kind
from vregion.reconcile.loop import LEASE, Loop, Time
from vregion.reconcile.recipe import Recipe
from vregion.region import leases
from vregion.region.regions import Region, Regions, Transaction


class Killed(BaseException):
    """The process is gone at this point."""


@dataclass(slots=True)
class Killer:
    """Dies at the `at`-th point; -1: never. Once dead, every further point is death, too."""

    at: int = -1
    passed: int = 0

    def point(self) -> None:
        """A place where the process may be killed."""
        self.passed += 1
        if self.at >= 0 and self.passed > self.at:
            raise Killed

    async def crash(self, moment: str, operation: str, kind: Kind | None) -> None:
        """The memory cloud's hook."""
        self.point()


class MortalRegion(Region):
    """A region whose commits are points."""

    killer: Killer

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        async with super().write() as tx:
            yield tx
            self.killer.point()
        self.killer.point()


class MortalRegions(Regions):
    """Regions that hand out mortal ones."""

    killer: Killer

    async def open(self, region_id: str) -> Region:
        plain = await super().open(region_id)
        mortal = MortalRegion(region_id, plain._engines, self._ring)
        mortal.killer = self.killer
        return mortal


@dataclass
class Clock:
    """Virtual time. It begins tomorrow: what the rules stamp with the real time is due at once."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(days=1))

    def seconds(self) -> float:
        return self.now.timestamp()

    def move(self, by: timedelta) -> None:
        self.now += by


@dataclass
class Joined:
    """The directory's part: interconnects between the backends, none at first, and who has which segment."""

    known: dict[str, Interconnect] = field(default_factory=dict)
    given: dict[tuple[str, str], int] = field(default_factory=dict)

    def join(self, name: str = "wan", first: int = 100, last: int = 109, between: str = "12") -> None:
        """An interconnect between backends: b1 and b2."""
        members = {f"b{number}": f"p{number}" for number in between}
        self.known[name] = Interconnect(name, "vlan", members, first, last, 1500, "100.64.0.0/16")

    def of(self, backend_id: str) -> tuple[Join, ...]:
        """As a binding tells it."""
        known = [one for one in self.known.values() if backend_id in one.members]
        return tuple(Join(one.name, one.mtu, frozenset(f"az{b[1:]}" for b in one.members)) for one in known)

    async def interconnects(self) -> dict[str, Interconnect]:
        return self.known

    async def segment(self, interconnect: str, region_id: str, owner: str) -> int | None:
        if interconnect not in self.known:
            raise LookupError(f"there is no interconnect {interconnect}")
        if (interconnect, owner) not in self.given:
            one = self.known[interconnect]
            free = set(range(one.first_segment, one.last_segment + 1)) - set(self.given.values())
            if not free:
                return None
            self.given[interconnect, owner] = min(free)
        return self.given[interconnect, owner]

    async def free_segments(self, region_id: str, owner: str) -> None:
        self.given = {key: number for key, number in self.given.items() if key[1] != owner}


class World:
    """One region over three clouds (`cloud` is that of backend b1, zone az1), one worker at a time."""

    def __init__(self, folder: Path, recipes: Mapping[Kind, Recipe]) -> None:
        self.clock = Clock()
        self.clouds = {b: MemoryCloud(f"{b}-{uuid.uuid4()}", clock=lambda: self.clock.now) for b in ("b1", "b2", "b3")}
        self.cloud = self.clouds["b1"]
        self.folder, self.recipes = folder, recipes
        self.region_id = str(uuid.uuid4())
        self.killer = Killer()
        self.flavors: dict[str, str] = {}
        self.joined = Joined()
        self.capabilities: frozenset[str] = frozenset()  # of each cloud

    async def __aenter__(self) -> Self:
        await prepared.put(self.folder, self.region_id)
        await self._open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._close()

    async def _open(self) -> None:
        self.regions = MortalRegions("", self.folder)
        self.regions.killer = Killer()
        await self.regions.prepare()
        self.region = await self.regions.open(self.region_id)
        self.backends = Backends(self._lookup, {"memory": self._driver}, 16, self.clock.seconds)
        self.loop = Loop(self.regions, self.backends, self.recipes, self._flavors, "worker", 8)
        self.loop.time = Time(lambda: self.clock.now)
        self.loop.joins, self.backends.own = self.joined, self._own
        self.regions.bell = self.loop.ring

    async def _close(self) -> None:
        for cloud in self.clouds.values():
            cloud.faults.crash = None
        await self.backends.close()
        await self.regions.close()

    async def _lookup(self, region_id: str, backend_id: str) -> tuple[Binding, Backend, Credential]:
        backend = Backend(backend_id, backend_id, "memory", backend_id, "r")
        return self.binding(backend_id), backend, Credential({})

    def binding(self, backend_id: str = "b1") -> Binding:
        """Backend b1 is zone az1, and so on; az1 is the default."""
        zone, joins = f"az{backend_id[1:]}", self.joined.of(backend_id)
        known = Binding(backend_id, self.region_id, zone, backend_id, "enabled", backend_id == "b1", joins=joins)
        return replace(known, capabilities=self.capabilities)

    async def _own(self, backend_id: str) -> tuple[Backend, Credential]:
        return Backend(backend_id, backend_id, "memory", backend_id, "r"), Credential({"project": "provider"})

    def _driver(self, backend: Backend, credential: Credential) -> MemoryDriver:
        return MemoryDriver(self.clouds[backend.id], credential.values.get("project", "project"))

    async def _flavors(self, backend_id: str) -> dict[str, str]:
        return self.flavors

    async def turn(self, until: timedelta = timedelta(minutes=30)) -> None:
        """Run all that is due, and all that becomes due within `until`."""
        end = self.clock.now + until
        while True:
            self.loop.ring(self.region_id)
            await self.loop.settle()
            async with self.region.read() as tx:
                due = await leases.next_due(tx)
            if due is None or due > end:
                return
            self.clock.now = max(due, self.clock.now + timedelta(milliseconds=50))

    async def die_at(self, point: int) -> bool:
        """A worker that is killed at that point, then a new one with all its time. False: it outlived its work."""
        self.killer = self.regions.killer = Killer(at=point)
        self.region = await self.regions.open(self.region_id)
        for cloud in self.clouds.values():
            cloud.faults.crash = self.killer.crash
        died = False
        try:
            await self.turn()
        except Killed:
            died = True
        died = died or self.killer.passed > point
        await self._close()
        self.clock.move(LEASE)
        await self._open()
        await self.turn()
        return died
