"""Asks the backends of a region how much more they take, while the region makes or removes something there.

One task per busy region: told of work by the loop, it waits a little, asks each zone's backend once, and ends when no
work came meanwhile, so that the last answer is newer than the last change. A request never waits for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from vregion.backends import Backends
from vregion.drivers.contract import DriverError
from vregion.model.backend import Binding
from vregion.reconcile.loop import Loop
from vregion.region import room
from vregion.region.regions import Region, Regions

PAUSE = 15.0  # seconds between two questions

log = logging.getLogger(__name__)
Zones = Callable[[str], Awaitable[Sequence[Binding]]]


class Rooms:
    """One per process; `zones(region_id)` are the bindings in use."""

    def __init__(self, loop: Loop, regions: Regions, backends: Backends, zones: Zones) -> None:
        self._loop, self._regions, self._backends, self._zones = loop, regions, backends, zones
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stirred: set[str] = set()
        loop.on_work = self.watch

    def watch(self, region_id: str) -> None:
        """Something is being made or removed in that region, or it has a new zone."""
        self._stirred.add(region_id)
        if region_id not in self._tasks:
            self._tasks[region_id] = asyncio.create_task(self._follow(region_id))

    async def close(self) -> None:
        """End every task."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, region_id: str) -> None:
        try:
            while region_id in self._stirred:
                await self._loop.time.sleep(PAUSE)
                self._stirred.discard(region_id)
                await self.look(region_id)
        except Exception:
            log.exception("room in region %s", region_id)
        finally:
            del self._tasks[region_id]

    async def look(self, region_id: str) -> None:
        """Ask every zone's backend once, but for those that another process has just asked."""
        region = await self._regions.open(region_id)
        begun = self._loop.time.now()
        async with region.read() as tx:
            known = await room.fresh(tx, begun - timedelta(seconds=PAUSE / 2))
        asked = [zone.backend_id for zone in await self._zones(region_id) if zone.backend_id not in known]
        await asyncio.gather(*(self._ask(region, backend_id) for backend_id in asked))

    async def _ask(self, region: Region, backend_id: str) -> None:
        """What is on its way is counted before the question: what had an id by then is in the answer."""
        begun: datetime = self._loop.time.now()
        async with region.read() as tx:
            unseen = await room.waiting(tx, backend_id, begun)
        try:
            opened = await self._backends.open(region.id, backend_id)
            async with self._backends.call(backend_id):
                told = await opened.driver.room()
        except (DriverError, LookupError) as trouble:
            log.info("room on %s: %s", backend_id, trouble)
            return
        async with region.write() as tx:
            await room.seen(tx, backend_id, told, unseen, begun)
