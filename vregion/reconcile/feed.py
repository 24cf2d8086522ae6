"""Change feeds: one listing per backend tells what changed, in place of one question per resource.

While something of a kind is in progress on a backend its feed is read fast, else slowly. The watermark moves after the
changes are committed. An item that is not ours is passed over; one that is, becomes due, with what was seen as a hint.
A round in which nothing is in progress also takes away the deleted servers whose time is over.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from vregion.backends import Backends
from vregion.drivers.contract import Observed, Transient, Unsupported
from vregion.model.resource import Kind, State
from vregion.reconcile.loop import Loop
from vregion.region import deleted_servers, realizations, watermarks
from vregion.region.regions import Region

FED_KINDS = frozenset({Kind.SERVER})
FAST, SLOW = 0.3, 60.0

log = logging.getLogger(__name__)
Feed = tuple[str, str, Kind]


class Feeds:
    """All change feeds of this process; one task each, begun when something is in progress for the first time."""

    def __init__(self, loop: Loop, backends: Backends) -> None:
        self._loop, self._backends = loop, backends
        self._tasks: dict[Feed, asyncio.Task[None]] = {}
        self._hurry: dict[Feed, asyncio.Event] = {}
        self._unfed: set[Feed] = set()
        self._last: dict[tuple[str, str], tuple[object, ...]] = {}
        loop.on_progress = self.watch

    def watch(self, region: Region, backend_id: str, kind: Kind) -> bool:
        """Something of that kind is in progress there. False when no feed can tell how it goes on."""
        feed = (region.id, backend_id, kind)
        if kind not in FED_KINDS or feed in self._unfed:
            return False
        if feed not in self._tasks:
            self._hurry[feed] = asyncio.Event()
            self._tasks[feed] = asyncio.create_task(self._follow(region, backend_id, kind))
        self._hurry[feed].set()
        return True

    async def close(self) -> None:
        """End every feed."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    async def _follow(self, region: Region, backend_id: str, kind: Kind) -> None:
        feed = (region.id, backend_id, kind)
        while True:
            busy = False
            try:
                busy = await self.read(region, backend_id, kind)
            except Unsupported:
                self._unfed.add(feed)
                return
            except (Transient, LookupError) as trouble:
                log.info("feed of %s on %s: %s", kind, backend_id, trouble)
            except Exception:
                log.exception("feed of %s on %s", kind, backend_id)
            if busy:
                await self._loop.time.sleep(FAST)
                continue
            self._hurry[feed].clear()
            try:
                await asyncio.wait_for(self._hurry[feed].wait(), SLOW)
            except TimeoutError:
                continue

    async def read(self, region: Region, backend_id: str, kind: Kind) -> bool:
        """Read the feed once; True while something of ours is still in progress there."""
        async with region.read() as tx:
            since = await watermarks.get(tx, backend_id, kind)
        opened = await self._backends.open(region.id, backend_id)
        async with self._backends.call(backend_id):
            begun = self._loop.time.now()
            changes = await opened.driver.changes(kind, since)
        await self._apply(region, backend_id, kind, changes.items, begun)
        async with region.write() as tx:
            await watermarks.advance(tx, backend_id, kind, changes.watermark)
            busy = await realizations.in_progress(tx, backend_id, kind)
            if not busy:
                await deleted_servers.purge(tx, begun)
            return busy

    async def _apply(
        self, region: Region, backend_id: str, kind: Kind, items: Sequence[Observed], begun: datetime
    ) -> None:
        news = {i.external_id: i for i in items if self._last.get((backend_id, i.external_id)) != _essence(i)}
        async with region.write() as tx:
            ours = await realizations.by_external_ids(tx, backend_id, kind, list(news))
            for external_id, realization in ours.items():
                if realization.state is State.LOST:
                    continue
                seen = news[external_id]
                if not seen.absent:
                    self._loop.hint(region.id, (realization.resource_id, backend_id), seen, begun)
                await realizations.news(tx, realization, begun, self._loop.time.now())
        for external_id, item in news.items():
            self._last[backend_id, external_id] = _essence(item)
            if item.absent:
                del self._last[backend_id, external_id]


def _essence(item: Observed) -> tuple[object, ...]:
    """What makes an item news: feeds overlap, and most of what they repeat is known."""
    document = item.document
    return (
        item.settled,
        item.absent,
        document.get("status"),
        document.get("updated"),
        document.get("OS-EXT-STS:task_state"),
    )
